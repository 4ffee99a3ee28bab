"""Absolute pose of a camera from 2D-3D matches (perspective-n-point), with its covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.options import AbsolutePoseOptions, DEFAULT_ABSOLUTE_POSE
from posenet_ros.landmarks.pnp.matrix_pose import inlier_mask, MatrixPose, refine_by_inliers
from posenet_ros.landmarks.pnp.pose_covariance import pose_covariance
from posenet_ros.landmarks.pnp.pose_refinement import refine_pose
from posenet_ros.landmarks.pnp.ransac import MatchSet, ransac


@dataclass(frozen=True, eq=False)
class AbsolutePose:
    """
    Pose of a camera with its inliers and its covariance.

    :param map_from_camera: the pose.
    :param inliers: (K,) indices of the matches that agree with the pose.
    :param inlier_ratio: K divided by the number of matches.
    :param covariance: (6, 6) in the map, ordered as a PoseEstimate's, up to the factors that
        calibration finds: it cannot tell errors that all points share.
    :param matches: all of them, where the caller keeps them.
    """

    map_from_camera: Pose
    inliers: NDArray[np.intp]
    inlier_ratio: float
    covariance: Floats
    matches: LandmarkMatches | None = None


def estimate_absolute_pose(
        points_m: Floats, points_normalized: Floats,
        options: AbsolutePoseOptions = DEFAULT_ABSOLUTE_POSE) -> AbsolutePose | None:
    """
    Estimate the camera's pose by P3P within RANSAC, then by robust least squares.

    The inliers are found again after a refinement by the first ones. The final fit minimises
    Cauchy's loss, because landmarks that are slightly off, or that belong to a neighbouring
    point, would bias the pose; points on the same ray share their weight.

    The covariance is that of :func:`posenet_ros.landmarks.pnp.pose_covariance.pose_covariance`.

    :param points_m: (N, 3) in the map, metres.
    :param points_normalized: (N, 2) where the camera sees them, normalised image coordinates:
        x / z and y / z in the camera's optical frame.
    :returns: None when no pose was found.
    """
    initial = _initial_pose(points_m, points_normalized, options)
    if initial is None:
        return None
    return refine_absolute_pose(points_m, points_normalized, initial, options=options)


def refine_absolute_pose(
        points_m: Floats, points_normalized: Floats, initial: Pose,
        inlier_ratio: float | None = None,
        options: AbsolutePoseOptions = DEFAULT_ABSOLUTE_POSE) -> AbsolutePose | None:
    """
    Estimate the camera's pose by robust least squares, from an initial one.

    :param points_m: and `points_normalized`: as of :func:`estimate_absolute_pose`.
    :param initial: map_from_camera, which chooses the inliers.
    :param inlier_ratio: of matches that did not know the pose; None means of these.
    :returns: None with too few inliers, or where they do not determine the pose.
    """
    inliers = find_inliers(points_m, points_normalized, initial, options.max_error)
    if len(inliers) < options.min_inliers:
        return None
    rays = points_normalized[inliers]
    ray_of_point = np.unique(rays, axis=0, return_inverse=True)[1].ravel()
    fit = refine_pose(points_m[inliers], rays, initial, ray_of_point, options)
    if fit is None:
        return None
    inlier_ratio = len(inliers) / len(points_m) if inlier_ratio is None else inlier_ratio
    return AbsolutePose(fit.pose, inliers, inlier_ratio, pose_covariance(
        fit, rays, ray_of_point, inlier_ratio, options))


def _initial_pose(points_m: Floats, points_normalized: Floats,
                  options: AbsolutePoseOptions) -> Pose | None:
    """Estimate map_from_camera by RANSAC over P3P and a refinement by its inliers."""
    if len(points_m) < options.min_inliers:
        return None
    found = ransac([MatchSet(points_m, points_normalized, np.ones(len(points_m)))],
                   options.max_error, options.ransac)[0]
    if found is None:
        return None
    refined = refine_by_inliers(points_m, points_normalized, found, options.max_error)
    if refined is None or len(find_inliers(
            points_m, points_normalized, refined, options.max_error)) < options.min_inliers:
        return None
    return refined.to_pose()


def find_inliers(points_m: Floats, points_normalized: Floats, pose: Pose | MatrixPose,
                 max_error: float) -> NDArray[np.intp]:
    """Find the points in front of the camera whose reprojection error is below `max_error`."""
    return np.flatnonzero(inlier_mask(points_m, points_normalized, pose, max_error))
