"""
Track a camera's pose: follow the landmarks of a keyframe, and solve for the pose.

The landmarks keep their place in the map, so that a pose errs as the keyframe's does, and by what
is followed badly; nothing adds up from image to image. Where a keyframe's landmarks leave the view
the image that is tracked becomes the next one, anchored by the map's patches where it has any.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.estimate import shift_covariance
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.pnp.matrix_pose import MatrixPose
from posenet_ros.landmarks.retrieval.view_index import ViewIndex
from posenet_ros.landmarks.tracking.keyframe import (
    GreyImage,
    in_image,
    Keyframe,
    KeyframeMaker,
    resized,
)
from posenet_ros.landmarks.tracking.optical_flow import follow
from posenet_ros.landmarks.tracking.options import DEFAULT_TRACKING, TrackingOptions
from posenet_ros.landmarks.tracking.robust_fit import fit_followed, reprojection_errors


@dataclass(frozen=True, eq=False)
class TrackingResult:
    """
    The pose of an image by the landmarks of a keyframe.

    :param map_from_camera: the pose.
    :param covariance: (6, 6) in the map, ordered as a PoseEstimate's: that of the keyframe's pose
        and that of what was followed.
    :param matches: the landmarks that were looked for and found.
    :param expected: number of landmarks that have to be in the image.
    :param anchored: whether this image has become a keyframe that the map's patches anchor.
    :param tracked_keyframes: number of keyframes since one that features or patches anchored.
    """

    map_from_camera: Pose
    covariance: Floats
    matches: LandmarkMatches
    expected: int
    anchored: bool = False
    tracked_keyframes: int = 0

    @property
    def inliers(self) -> int:
        """Return the number of landmarks that agree with the pose."""
        return int(self.matches.inlier.sum())

    @property
    def inlier_ratio(self) -> float:
        """Return the part of the expected landmarks that agrees."""
        return self.inliers / max(self.expected, 1)


class PoseTracker:
    """
    Track one camera from a pose that was localised. It knows no time and has no thread.

    :param landmark_map: the landmarks.
    :param index: of the views of that map.
    """

    def __init__(self, landmark_map: LandmarkMap, index: ViewIndex,
                 options: TrackingOptions = DEFAULT_TRACKING) -> None:
        self._options = options
        self._maker = KeyframeMaker(landmark_map, index, options)
        self._keyframe: Keyframe | None = None
        self._tracked_keyframes = 0

    def make_keyframe(self, pose: Pose, covariance: Floats, grey: GreyImage,
                      camera: Camera) -> Keyframe:
        """
        Make a keyframe of an image that was localised; in any thread.

        :param pose: map_from_camera of the image, and its (6, 6) `covariance`.
        :param grey: (H, W) uint8, of `camera` or resized.
        """
        return self._maker.make(*resized(grey, camera, self._options.width), pose, covariance,
                                anchored=True)

    def start(self, keyframe: Keyframe) -> None:
        """Track from a keyframe."""
        self._tracked_keyframes = 0
        self._keyframe = keyframe

    def stop(self) -> None:
        """Track nothing until the next start."""
        self._keyframe = None

    @property
    def keyframe(self) -> Keyframe | None:
        """Return what is tracked from; None before the start."""
        return self._keyframe

    def track(self, grey: GreyImage, camera: Camera, predicted: Pose, *,
              renew: bool = False) -> TrackingResult | None:
        """
        Estimate the pose of the next image.

        :param grey: (H, W) uint8, of `camera` or resized.
        :param predicted: map_from_camera, some pixels near.
        :param renew: make a new keyframe of the image, where the map's patches can anchor it.
        :returns: None where the landmarks do not show that the pose is right.
        """
        if self._keyframe is None:
            return None
        image, seen_by = resized(grey, camera, self._options.width)
        tracked = self._follow(self._keyframe, image, seen_by, predicted)
        due = tracked is not None and (
            (renew and self._maker.anchors) or self._is_far(self._keyframe, tracked))
        if tracked is None or not due:
            return tracked
        made = self._maker.make(image, seen_by, tracked.map_from_camera, tracked.covariance,
                                anchored=False)
        self._tracked_keyframes = 0 if made.anchored else self._tracked_keyframes + 1
        self._keyframe = made
        return replace(tracked, map_from_camera=made.map_from_camera, covariance=made.covariance,
                       anchored=made.anchored, tracked_keyframes=self._tracked_keyframes)

    def _follow(self, keyframe: Keyframe, image: GreyImage, camera: Camera,
                predicted: Pose) -> TrackingResult | None:
        """Follow the landmarks; where the prediction is far off, coarsely and then once more."""
        options = self._options
        tracked = self._solve(keyframe, image, camera, predicted, options.levels)
        if tracked is not None and not self._is_far_off(predicted, tracked, camera):
            return tracked
        tracked = self._solve(keyframe, image, camera, predicted, options.more_levels)
        return tracked and self._solve(
            keyframe, image, camera, tracked.map_from_camera, options.levels)

    def _solve(self, keyframe: Keyframe, image: GreyImage, camera: Camera, predicted: Pose,
               levels: int) -> TrackingResult | None:
        """Follow the keyframe's landmarks and estimate the pose; None without evidence for it."""
        options = self._options
        expected = camera.project(
            (keyframe.points_m - predicted.translation_m) @ predicted.rotation)
        visible = np.flatnonzero(in_image(expected, camera, options.window_px))
        pixels, found = follow(keyframe.grey, image, keyframe.pixels[visible], expected[visible],
                               levels, options)
        rays = camera.undistort_points(pixels[found])
        points = keyframe.points_m[visible[found]]
        matches = LandmarkMatches(points, rays, np.zeros(len(points), np.intp),
                                  np.zeros(len(points), np.bool_))
        fit = fit_followed(matches, predicted, 1 / camera.fx, options)
        if fit is None:
            return None
        tracked = TrackingResult(
            fit.pose, fit.covariance + moved_covariance(keyframe, fit.pose), matches, len(visible),
            tracked_keyframes=self._tracked_keyframes)
        return tracked if self._has_evidence(tracked, pixels[found], camera) else None

    def _has_evidence(self, tracked: TrackingResult, pixels: Floats, camera: Camera) -> bool:
        """Return whether enough landmarks agree, all over the image."""
        options = self._options
        if (tracked.inliers < options.min_inliers
                or tracked.inlier_ratio < options.min_inlier_ratio):
            return False
        cells = (pixels[tracked.matches.inlier] / camera.size * (4, 3)).astype(int) @ (3, 1)
        return len(np.unique(cells)) >= options.min_cells

    def _is_far_off(self, predicted: Pose, tracked: TrackingResult, camera: Camera) -> bool:
        """Return whether a prediction was too far off for the landmarks to be followed well."""
        errors = reprojection_errors(tracked.matches, MatrixPose.of(predicted))
        return float(np.median(errors)) * camera.fx > self._options.max_shift_px

    def _is_far(self, keyframe: Keyframe, tracked: TrackingResult) -> bool:
        """Return whether the view has changed so much that a new keyframe is due."""
        options, pose = self._options, tracked.map_from_camera
        angle = rotation_angle_rad(pose.quat_xyzw, keyframe.map_from_camera.quat_xyzw)
        baseline = np.linalg.norm(pose.translation_m - keyframe.map_from_camera.translation_m)
        return bool(
            tracked.inliers < options.keyframe_inlier_ratio * len(keyframe.points_m)
            or angle > np.radians(options.keyframe_angle_deg)
            or baseline > options.keyframe_baseline * keyframe.median_depth_m)


def moved_covariance(keyframe: Keyframe, pose: Pose) -> Floats:
    """
    Return what the error of a keyframe's pose means for a pose that is known relative to it.

    :returns: (6, 6) ordered as a PoseEstimate's covariance.
    """
    lever_m = pose.translation_m - keyframe.map_from_camera.translation_m
    return shift_covariance(keyframe.covariance, lever_m)
