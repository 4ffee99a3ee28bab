"""Keyframes: an image with a known pose, and the landmarks that it shows."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.retrieval import ViewIndex
from posenet_ros.landmarks.tracking.options import TrackingOptions


@dataclass(frozen=True, eq=False)
class Keyframe:
    """
    An image whose landmarks are followed through the images after it.

    :param grey: (H, W) at the size in which it is tracked, uint8.
    :param map_from_camera: its pose.
    :param covariance: (6, 6) of that pose, ordered as a PoseEstimate's.
    :param points_m: (N, 3) landmarks, at their place in the map, metres.
    :param pixels: (N, 2) their projections, float32.
    :param median_depth_m: of the landmarks.
    """

    grey: NDArray[np.uint8]
    map_from_camera: Pose
    covariance: Floats
    points_m: Floats
    pixels: NDArray[np.float32]
    median_depth_m: float


def tracking_image(grey: NDArray[np.uint8], camera: Camera,
                   width: int) -> tuple[NDArray[np.uint8], Camera]:
    """
    Resize an image that is wider than `width`.

    :param grey: (H, W) of `camera`, or resized already.
    :returns: the image, and the camera at its size.
    """
    if grey.shape[1] > width:
        height = max(round(grey.shape[0] * width / grey.shape[1]), 1)
        grey = np.asarray(
            cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    size = grey.shape[1], grey.shape[0]
    return grey, camera if camera.size == size else camera.scaled(*size)


def make_keyframe(landmark_map: LandmarkMap, index: ViewIndex, grey: NDArray[np.uint8],
                  camera: Camera, pose: Pose, covariance: Floats,
                  options: TrackingOptions) -> Keyframe:
    """
    Choose the landmarks that an image shows, by the views of the map near its pose.

    :param grey: (H, W) of `camera`.
    :param pose: map_from_camera.
    """
    near = landmark_map.landmarks_of(index.by_pose(pose, options.views))
    points = landmark_map.points_m[near].astype(np.float64)
    in_camera = (points - pose.translation_m) @ pose.rotation
    pixels = camera.project(in_camera)
    inside = np.flatnonzero(in_image(pixels, camera, options.window_px))
    chosen = inside[spread(pixels[inside], landmark_map.track_lengths[near[inside]], options)]
    depth = float(np.median(in_camera[chosen, 2])) if len(chosen) else 1.0
    return Keyframe(grey, pose, covariance, points[chosen],
                    pixels[chosen].astype(np.float32), depth)


def in_image(pixels: Floats, camera: Camera, window_px: int) -> NDArray[np.bool_]:
    """Return which pixels (N, 2) have a whole window inside the image; NaN have none."""
    margin = window_px / 2
    inside = (pixels >= margin) & (pixels <= np.array(camera.size) - 1 - margin)
    return np.asarray(inside.all(axis=1))


def spread(pixels: Floats, track_lengths: NDArray[np.integer],
           options: TrackingOptions) -> NDArray[np.intp]:
    """Choose landmarks evenly over the image, of each cell those that most views see first."""
    cells = (pixels // options.cell_px).astype(np.int64) @ (1 << 16, 1)
    order = np.lexsort((-track_lengths, cells))
    ordered = cells[order]
    first = np.flatnonzero(np.diff(ordered, prepend=-1))
    rank = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
    best = np.lexsort((-track_lengths[order], rank))[:options.landmarks]
    return np.asarray(order[best])
