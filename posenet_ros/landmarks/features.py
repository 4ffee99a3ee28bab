"""Local features: SIFT keypoints with RootSIFT descriptors, as normalised image coordinates."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import AnyArray, RgbImage
from posenet_ros.geometry.camera import Camera
from posenet_ros.landmarks.options import DEFAULT_FEATURES, FeatureOptions

DESCRIPTOR_SIZE = 128
# pixels: OpenCV doubles the image as if pixel centres were at corners, and so finds every keypoint
# too far right and down (its option enable_precise_upscale mends it, from 4.8 on)
SIFT_SHIFT = 0.25
CONTRAST_SHARES = 0.02, 0.98  # of the pixels, whose grey levels are an image's contrast
QUANTISATION_LEVELS = 255  # of the model folder's format, uint8


class Features(NamedTuple):
    """
    Local features of an image.

    :param points_normalized: (N, 2) keypoints in normalised image coordinates: x / z and y / z
        in the camera's optical frame, undistorted.
    :param descriptors: (N, DESCRIPTOR_SIZE) RootSIFT, uint8.
    :param focal_length_px: of the image in which they were detected: what a pixel is.
    :param grey: (H, W) image onto which patches are aligned, uint8; None where it is not kept.
    :param camera: of that image; None where it is not known.
    """

    points_normalized: NDArray[np.float64]
    descriptors: NDArray[np.uint8]
    focal_length_px: float = 400.0
    grey: NDArray[np.uint8] | None = None
    camera: Camera | None = None


def detection_size(width: int, height: int,
                   options: FeatureOptions = DEFAULT_FEATURES) -> tuple[int, int]:
    """Return the width and height, pixels, at which keypoints are detected."""
    return _within((width, height), options.width)


def patch_camera(camera: Camera, options: FeatureOptions = DEFAULT_FEATURES) -> Camera:
    """Return the camera of the images that patches are cut from and aligned onto."""
    return camera.scaled(*_within(camera.size, options.patch_width))


def patch_image(image: RgbImage, options: FeatureOptions = DEFAULT_FEATURES) -> NDArray[np.uint8]:
    """Return the grey image (H, W) that patches are cut from and aligned onto."""
    return _resized(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), options.patch_width)


def _within(size: tuple[int, int], most: int) -> tuple[int, int]:
    """Return a width and height, pixels, of the same proportion whose width is at most `most`."""
    width, height = size
    return size if width <= most else (most, max(round(height * most / width), 1))


def _resized(grey: AnyArray, most: int) -> NDArray[np.uint8]:
    size = _within((grey.shape[1], grey.shape[0]), most)
    if size != (grey.shape[1], grey.shape[0]):
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)


def max_reduction(width: int, options: FeatureOptions = DEFAULT_FEATURES) -> int:
    """Return the largest power of two by which an image may be reduced when it is decoded."""
    factor = 1
    while width >= 2 * factor * max(options.width, options.patch_width):
        factor *= 2
    return factor


def contrast_threshold(grey: NDArray[np.uint8], options: FeatureOptions) -> float:
    """
    Return the contrast that a keypoint has to have, less in a dark image or one in fog.

    :param grey: (H, W) image.
    :returns: OpenCV's `contrastThreshold`.
    """
    shares = np.cumsum(np.bincount(grey.ravel(), minlength=256)) / grey.size
    darkest, brightest = np.searchsorted(shares, CONTRAST_SHARES)
    contrast = max(int(brightest - darkest), 1) / options.usual_contrast
    return options.contrast_threshold * min(contrast, 1.0)


def detect(image: RgbImage, camera: Camera,
           options: FeatureOptions = DEFAULT_FEATURES) -> Features:
    """
    Detect SIFT keypoints (Lowe 2004) and compute RootSIFT descriptors.

    RootSIFT is the square root of the L1-normalised histogram: its scalar product is the
    Hellinger kernel (Arandjelovic and Zisserman 2012).

    :param image: (H, W, 3) RGB, of `camera` or resized.
    :param camera: intrinsics and distortion of the image before any resizing.
    """
    whole = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    grey, patch_grey = (_resized(whole, width) for width in (options.width, options.patch_width))
    taken_by = camera.scaled(patch_grey.shape[1], patch_grey.shape[0])
    sift = cv2.SIFT_create(  # type: ignore[attr-defined]
        options.max_keypoints, contrastThreshold=contrast_threshold(grey, options))
    keypoints, histograms = sift.detectAndCompute(grey, None)
    detected_by = camera.scaled(grey.shape[1], grey.shape[0])
    if not keypoints:
        return Features(np.empty((0, 2)), np.empty((0, DESCRIPTOR_SIZE), np.uint8),
                        detected_by.fx, patch_grey, taken_by)
    pixels = np.array([keypoint.pt for keypoint in keypoints]) - SIFT_SHIFT
    points = detected_by.undistort_points(pixels)
    in_view = np.isfinite(points).all(axis=1)  # not on the black rim of a fisheye's image
    points, histograms = points[in_view], histograms[in_view]
    l1_normalised = histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1e-9)
    descriptors = np.round(np.sqrt(l1_normalised) * QUANTISATION_LEVELS).astype(np.uint8)
    return Features(
        np.asarray(points, np.float64), descriptors, detected_by.fx, patch_grey, taken_by)
