"""Local features: spots of an image that are found again in other images of the same place."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import RgbImage
from posenet_ros.geometry.camera import Camera

WIDTH = 320  # of the image that is searched, pixels: found to be better than more, and faster
MOST = 600  # of an image
CONTRAST = 0.02
SIZE = 128  # numbers of a descriptor
LEVELS = 255


class Features(NamedTuple):
    """
    The features of an image.

    :param rays: (N, 2) where they are: x / z and y / z in the camera, without distortion.
    :param descriptors: (N, SIZE) what they look like, uint8.
    """

    rays: NDArray[np.float64]
    descriptors: NDArray[np.uint8]


def size_of(width: int, height: int) -> tuple[int, int]:
    """Return the width and height in which an image is searched."""
    if width <= WIDTH:
        return width, height
    return WIDTH, max(round(height * WIDTH / width), 1)


def largest_reduction(width: int) -> int:
    """Return by how much an image may be halved before it is searched: 1, 2, 4..."""
    factor = 1
    while width >= 2 * factor * WIDTH:
        factor *= 2
    return factor


def detect(image: RgbImage, camera: Camera) -> Features:
    """
    Find the features of an image: SIFT (Lowe 2004).

    Descriptors are square roots of shares, so that their products say how alike they are
    (Arandjelovic and Zisserman 2012).

    :param image: (H, W, 3) RGB of `camera`, or resized.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    size = size_of(grey.shape[1], grey.shape[0])
    if size != (grey.shape[1], grey.shape[0]):
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    sift = cv2.SIFT_create(MOST, contrastThreshold=CONTRAST)  # type: ignore[attr-defined]
    spots, histograms = sift.detectAndCompute(grey, None)
    if not spots:
        return Features(np.empty((0, 2)), np.empty((0, SIZE), np.uint8))
    small = camera.scaled(*size)
    pixels = np.array([spot.pt for spot in spots], np.float64)[:, np.newaxis]
    rays = cv2.undistortPoints(pixels, small.matrix, np.array(camera.distortion))[:, 0]
    shares = histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1e-9)
    descriptors = np.round(np.sqrt(shares) * LEVELS).astype(np.uint8)
    return Features(np.asarray(rays, np.float64), descriptors)
