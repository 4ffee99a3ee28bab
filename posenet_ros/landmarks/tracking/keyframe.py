"""Keyframes: an image with a known pose, and the landmarks that it shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.patches.patch_pose import refine_by_patches
from posenet_ros.landmarks.retrieval.view_index import ViewIndex
from posenet_ros.landmarks.tracking.options import TrackingOptions

GreyImage = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Keyframe:
    """
    An image whose landmarks are followed through the images after it.

    :param grey: (H, W) at the size in which it is tracked, uint8.
    :param camera: of that image.
    :param map_from_camera: its pose.
    :param covariance: (6, 6) of that pose, ordered as a PoseEstimate's.
    :param points_m: (N, 3) landmarks, at their place in the map, metres.
    :param pixels: (N, 2) their projections, float32.
    :param median_depth_m: of the landmarks.
    :param anchored: whether features or patches gave the pose; False for a tracked one.
    """

    grey: GreyImage
    camera: Camera
    map_from_camera: Pose
    covariance: Floats
    points_m: Floats
    pixels: NDArray[np.float32]
    median_depth_m: float
    anchored: bool

    def corrected(self, correction: Pose, covariance: Floats) -> Keyframe:
        """
        Return the keyframe at another pose.

        :param correction: map_from_map: where what was at a place turns out to be.
        :param covariance: (6, 6) of the new pose.
        """
        pose = correction @ self.map_from_camera
        pixels = self.camera.project((self.points_m - pose.translation_m) @ pose.rotation)
        seen = np.isfinite(pixels).all(axis=1)
        return replace(self, map_from_camera=pose, covariance=covariance, anchored=True,
                       points_m=self.points_m[seen], pixels=pixels[seen].astype(np.float32))


def resized(grey: GreyImage, camera: Camera, width: int) -> tuple[GreyImage, Camera]:
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


def in_image(pixels: Floats, camera: Camera, window_px: int) -> NDArray[np.bool_]:
    """Return which pixels (N, 2) have a whole window inside the image; NaN have none."""
    margin = window_px / 2
    inside = (pixels >= margin) & (pixels <= np.array(camera.size) - 1 - margin)
    return np.asarray(inside.all(axis=1))


class KeyframeMaker:
    """
    Make keyframes; it has no state, so that any thread may.

    :param landmark_map: the landmarks.
    :param index: of the views of that map.
    """

    def __init__(self, landmark_map: LandmarkMap, index: ViewIndex,
                 options: TrackingOptions) -> None:
        self._map, self._index, self._options = landmark_map, index, options

    @property
    def anchors(self) -> bool:
        """Whether the map has patches, which anchor a keyframe."""
        return bool(len(self._map.patches))

    def make(self, grey: GreyImage, camera: Camera, pose: Pose, covariance: Floats, *,
             anchored: bool) -> Keyframe:
        """
        Choose the landmarks that an image shows, by the views of the map near its pose.

        Where the map has patches they say which landmarks are to be seen, behind nobody, and
        give the pose anew, so that nothing adds up from one keyframe to the next.

        :param grey: (H, W) of `camera`, at most as wide as the options say.
        :param pose: map_from_camera, with its (6, 6) `covariance`.
        :param anchored: as of :class:`Keyframe`.
        """
        options = self._options
        views = self._index.by_pose(pose, options.expected_views)
        near = self._map.landmarks_of(views[:options.views])
        self._map.expect(views)
        if self.anchors:
            refined, shown = refine_by_patches(
                self._map, near, pose, *resized(grey, camera, self._map.features.patch_width),
                options.anchor)
            if len(shown) >= options.min_shown:
                near = shown.astype(np.int32)
                if refined is not None:
                    pose, covariance, anchored = (
                        refined.map_from_camera, refined.covariance, True)
        points = self._map.points_m[near].astype(np.float64)
        in_camera = (points - pose.translation_m) @ pose.rotation
        pixels = camera.project(in_camera)
        inside = np.flatnonzero(in_image(pixels, camera, options.window_px))
        rows = inside[spread(pixels[inside], self._map.track_lengths[near[inside]], options)]
        depth = float(np.median(in_camera[rows, 2])) if len(rows) else 1.0
        return Keyframe(grey, camera, pose, covariance, points[rows],
                        pixels[rows].astype(np.float32), depth, anchored)


def spread(pixels: Floats, track_lengths: NDArray[np.integer],
           options: TrackingOptions) -> NDArray[np.intp]:
    """Choose landmarks (N, 2) evenly over the image, of each cell first what most views see."""
    columns, lines = (pixels // options.cell_px).astype(np.intp).T
    cells = lines * (int(columns.max(initial=0)) + 1) + columns
    order = np.lexsort((-track_lengths, cells))
    starts = np.flatnonzero(np.diff(cells[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    best = np.lexsort((-track_lengths[order], rank))[:options.landmarks]
    return np.asarray(order[best], np.intp)
