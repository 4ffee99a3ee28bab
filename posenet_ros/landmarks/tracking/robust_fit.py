"""The pose by landmarks that were followed: robust least squares from a prediction."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.pnp.matrix_pose import fit_pose, MatrixPose
from posenet_ros.landmarks.pnp.pose_covariance import pose_covariance
from posenet_ros.landmarks.pnp.pose_refinement import refine_pose
from posenet_ros.landmarks.tracking.options import TrackingOptions


class FollowedPose(NamedTuple):
    """A pose by landmarks that were followed, with the covariance (6, 6) of where they are."""

    pose: Pose
    covariance: Floats


def reprojection_errors(matches: LandmarkMatches, pose: MatrixPose) -> Floats:
    """Return the reprojection errors (N,) of matches, normalised image coordinates."""
    inside = (matches.points_m - pose.translation_m) @ pose.rotation
    errors = inside[:, :2] / inside[:, 2:] - matches.points_normalized
    return np.asarray(np.sqrt(np.sum(np.square(errors), axis=1)))


def fit_followed(matches: LandmarkMatches, predicted: Pose, pixel: float,
                 options: TrackingOptions) -> FollowedPose | None:
    """
    Estimate a pose, and mark the inliers among the matches.

    First with a loss as wide as the prediction is off; then what disagrees with the rest is left
    out. A loss alone does not: what moves or hides a landmark is often nearer than the landmarks,
    so that few points pull far.

    :param predicted: map_from_camera, in front of which the landmarks are.
    :param pixel: in normalised image coordinates.
    :returns: None where too few were followed, or do not determine a pose.
    """
    limits = options.absolute_pose
    if len(matches) < options.min_inliers:
        return None
    start = MatrixPose.of(predicted)
    loss = max(limits.loss_scale, float(np.median(reprojection_errors(matches, start))))
    near = fit_pose(matches.points_m, matches.points_normalized, start, loss, options.first_steps)
    errors = reprojection_errors(matches, near)
    matches.inlier[:] = errors < max(options.max_residual * float(np.median(errors)),
                                     options.min_residual_px * pixel)
    points, rays = (values[matches.inlier] for values in (
        matches.points_m, matches.points_normalized))
    near = fit_pose(points, rays, near, limits.loss_scale, options.steps)
    if not np.isfinite(near.translation_m).all():
        return None
    rows = np.arange(len(points))
    fit = refine_pose(points, rays, near.to_pose(), rows, limits)
    return fit and FollowedPose(fit.pose, pose_covariance(fit, rays, rows, 1.0, limits))
