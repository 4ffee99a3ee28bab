"""
Track a camera's pose: follow the landmarks of a keyframe, and solve for the pose.

The landmarks keep their place in the map, so that a pose errs as the keyframe's does, and by what
is followed badly; nothing adds up from image to image. Only where a keyframe's landmarks leave the
view does the image that is tracked become the next one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.estimate import symmetrise
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.pnp.matrix_pose import fit_pose, MatrixPose
from posenet_ros.landmarks.pnp.pose_covariance import pose_covariance
from posenet_ros.landmarks.pnp.pose_refinement import refine_pose
from posenet_ros.landmarks.retrieval import ViewIndex
from posenet_ros.landmarks.tracking.keyframe import (
    in_image,
    Keyframe,
    make_keyframe,
    tracking_image,
)
from posenet_ros.landmarks.tracking.optical_flow import follow
from posenet_ros.landmarks.tracking.options import DEFAULT_TRACKING, TrackingOptions


@dataclass(frozen=True, eq=False)
class TrackedPose:
    """
    The pose of an image by the landmarks of a keyframe.

    :param map_from_camera: the pose.
    :param covariance: (6, 6) in the map, ordered as a PoseEstimate's: that of the keyframe's pose
        and that of what was followed.
    :param matches: the landmarks that were looked for and found.
    :param expected: number of landmarks that have to be in the image.
    :param since_localised: number of keyframes since one was localised; 0 for that itself.
    """

    map_from_camera: Pose
    covariance: Floats
    matches: LandmarkMatches
    expected: int
    since_localised: int = 0

    @property
    def inliers(self) -> int:
        """Return the number of landmarks that agree with the pose."""
        return int(self.matches.inlier.sum())

    @property
    def inlier_ratio(self) -> float:
        """Return the share of the expected landmarks that agree."""
        return self.inliers / max(self.expected, 1)


class PoseTracker:
    """
    Track one camera from a pose that was localised. It knows no time and has no thread.

    :param landmark_map: the landmarks.
    :param index: of the views of that map.
    """

    def __init__(self, landmark_map: LandmarkMap, index: ViewIndex,
                 options: TrackingOptions = DEFAULT_TRACKING) -> None:
        self._map, self._index, self._options = landmark_map, index, options
        self._keyframe: Keyframe | None = None
        self._since_localised = 0

    def start(self, pose: Pose, covariance: Floats, grey: NDArray[np.uint8],
              camera: Camera) -> None:
        """
        Begin anew at an image that was localised.

        :param pose: map_from_camera of the image, and its (6, 6) `covariance`.
        :param grey: (H, W) uint8, of `camera` or resized.
        """
        image, seen_by = tracking_image(grey, camera, self._options.width)
        self._since_localised = 0
        self._keyframe = make_keyframe(
            self._map, self._index, image, seen_by, pose, covariance, self._options)

    def stop(self) -> None:
        """Track nothing until the next start."""
        self._keyframe = None

    @property
    def started(self) -> bool:
        """Return whether there is a keyframe to track from."""
        return self._keyframe is not None

    def track(self, grey: NDArray[np.uint8], camera: Camera,
              predicted: Pose) -> TrackedPose | None:
        """
        Estimate the pose of the next image.

        :param grey: (H, W) uint8, of `camera` or resized.
        :param predicted: map_from_camera, some pixels near.
        :returns: None where the landmarks do not show that the pose is right.
        """
        if self._keyframe is None:
            return None
        image, seen_by = tracking_image(grey, camera, self._options.width)
        for levels in (self._options.levels, self._options.more_levels):
            tracked = self._solve(self._keyframe, image, seen_by, predicted, levels)
            if tracked is not None:
                break
        if tracked is not None and self._is_far(self._keyframe, tracked):
            self._since_localised += 1
            self._keyframe = make_keyframe(
                self._map, self._index, image, seen_by, tracked.map_from_camera,
                tracked.covariance, self._options)
        return tracked

    def _solve(self, keyframe: Keyframe, image: NDArray[np.uint8], camera: Camera,
               predicted: Pose, levels: int) -> TrackedPose | None:
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
        fitted = self._fit(keyframe, matches, predicted, 1 / camera.fx)
        if fitted is None:
            return None
        pose, covariance = fitted
        tracked = TrackedPose(pose, covariance, matches, len(visible), self._since_localised)
        return tracked if self._has_evidence(tracked, pixels[found], camera) else None

    def _fit(self, keyframe: Keyframe, matches: LandmarkMatches, predicted: Pose,
             pixel: float) -> tuple[Pose, Floats] | None:
        """
        Estimate the pose with its covariance, and mark the inliers.

        :param pixel: in normalised image coordinates.
        """
        options = self._options
        if len(matches) < options.min_inliers:
            return None
        points, rays = matches.points_m, matches.points_normalized
        start = MatrixPose.of(predicted)
        loss = max(options.absolute_pose.loss_scale,
                   float(np.median(reprojection_errors(points, rays, start))))
        near = fit_pose(points, rays, start, loss, options.first_steps)
        errors = reprojection_errors(points, rays, near)
        limit = max(options.max_residual * np.median(errors), options.min_residual_px * pixel)
        matches.inlier[:] = errors < limit
        kept = matches.inlier
        near = fit_pose(points[kept], rays[kept], near, options.absolute_pose.loss_scale,
                        options.steps)
        if not np.isfinite(near.translation_m).all():
            return None
        rows = np.arange(int(kept.sum()))
        fit = refine_pose(points[kept], rays[kept], near.to_pose(), rows, options.absolute_pose)
        if fit is None:
            return None
        own = pose_covariance(fit, rays[kept], rows, 1.0, options.absolute_pose)
        return fit.pose, own + moved_covariance(keyframe, fit.pose)

    def _has_evidence(self, tracked: TrackedPose, pixels: Floats, camera: Camera) -> bool:
        """Return whether enough landmarks agree, all over the image."""
        options = self._options
        if (tracked.inliers < options.min_inliers
                or tracked.inlier_ratio < options.min_inlier_ratio):
            return False
        cells = (pixels[tracked.matches.inlier] / camera.size * (4, 3)).astype(int) @ (3, 1)
        return len(np.unique(cells)) >= options.min_cells

    def _is_far(self, keyframe: Keyframe, tracked: TrackedPose) -> bool:
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

    A rotation error r of the keyframe displaces a camera at the lever l from it by r x l.

    :returns: (6, 6) ordered as a PoseEstimate's covariance.
    """
    lever = pose.translation_m - keyframe.map_from_camera.translation_m
    adjoint = np.eye(6)
    adjoint[:3, 3:] = np.cross(np.eye(3), lever).T
    return symmetrise(adjoint @ keyframe.covariance @ adjoint.T)


def reprojection_errors(points_m: Floats, points_normalized: Floats, pose: MatrixPose) -> Floats:
    """Return the reprojection errors (N,) of points, normalised image coordinates."""
    inside = (points_m - pose.translation_m) @ pose.rotation
    errors = inside[:, :2] / inside[:, 2:] - points_normalized
    return np.asarray(np.sqrt(np.sum(np.square(errors), axis=1)))
