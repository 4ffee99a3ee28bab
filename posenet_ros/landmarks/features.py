"""Local features: SIFT keypoints with RootSIFT descriptors, as normalised image coordinates."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import RgbImage
from posenet_ros.geometry.camera import Camera
from posenet_ros.landmarks.options import DEFAULT_FEATURES, FeatureOptions

DESCRIPTOR_SIZE = 128
# pixels: OpenCV doubles the image as if pixel centres were at corners, and so finds every keypoint
# too far right and down (its option enable_precise_upscale mends it, from 4.8 on)
SIFT_SHIFT = 0.25
QUANTISATION_LEVELS = 255  # of the model folder's format, uint8


class Features(NamedTuple):
    """
    Local features of an image.

    :param points_normalized: (N, 2) keypoints in normalised image coordinates: x / z and y / z
        in the camera's optical frame, undistorted.
    :param descriptors: (N, DESCRIPTOR_SIZE) RootSIFT, uint8.
    :param focal_length_px: of the image in which they were detected: what a pixel is.
    :param grey: (H, W) the image in which they were detected, uint8; None where it is not kept.
    :param camera: of that image; None likewise.
    """

    points_normalized: NDArray[np.float64]
    descriptors: NDArray[np.uint8]
    focal_length_px: float = 400.0
    grey: NDArray[np.uint8] | None = None
    camera: Camera | None = None


def detection_size(width: int, height: int,
                   options: FeatureOptions = DEFAULT_FEATURES) -> tuple[int, int]:
    """Return the width and height, pixels, at which keypoints are detected."""
    if width <= options.width:
        return width, height
    return options.width, max(round(height * options.width / width), 1)


def detection_camera(camera: Camera, options: FeatureOptions = DEFAULT_FEATURES) -> Camera:
    """Return the camera of the images in which keypoints are detected."""
    return camera.scaled(*detection_size(camera.width, camera.height, options))


def max_reduction(width: int, options: FeatureOptions = DEFAULT_FEATURES) -> int:
    """Return the largest power of two by which an image may be reduced before detection."""
    factor = 1
    while width >= 2 * factor * options.width:
        factor *= 2
    return factor


def detection_image(image: RgbImage,
                    options: FeatureOptions = DEFAULT_FEATURES) -> NDArray[np.uint8]:
    """Return the grey image, of detection size, in which keypoints are detected."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    size = detection_size(grey.shape[1], grey.shape[0], options)
    if size != (grey.shape[1], grey.shape[0]):
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)


def detect(image: RgbImage, camera: Camera,
           options: FeatureOptions = DEFAULT_FEATURES) -> Features:
    """
    Detect SIFT keypoints (Lowe 2004) and compute RootSIFT descriptors.

    RootSIFT is the square root of the L1-normalised histogram: its scalar product is the
    Hellinger kernel (Arandjelovic and Zisserman 2012).

    :param image: (H, W, 3) RGB, of `camera` or resized.
    :param camera: intrinsics and distortion of the image before any resizing.
    """
    grey = detection_image(image, options)
    sift = cv2.SIFT_create(  # type: ignore[attr-defined]
        options.max_keypoints, contrastThreshold=options.contrast_threshold)
    keypoints, histograms = sift.detectAndCompute(grey, None)
    detected_by = camera.scaled(grey.shape[1], grey.shape[0])
    if not keypoints:
        return Features(np.empty((0, 2)), np.empty((0, DESCRIPTOR_SIZE), np.uint8),
                        detected_by.fx, grey, detected_by)
    pixels = np.array([keypoint.pt for keypoint in keypoints]) - SIFT_SHIFT
    points = detected_by.undistort_points(pixels)
    in_view = np.isfinite(points).all(axis=1)  # not on the black rim of a fisheye's image
    points, histograms = points[in_view], histograms[in_view]
    l1_normalised = histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1e-9)
    descriptors = np.round(np.sqrt(l1_normalised) * QUANTISATION_LEVELS).astype(np.uint8)
    return Features(
        np.asarray(points, np.float64), descriptors, detected_by.fx, grey, detected_by)
