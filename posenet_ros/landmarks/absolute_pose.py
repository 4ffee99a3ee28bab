"""Absolute pose of a camera from 2D-3D matches (perspective-n-point), with its covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.estimate import symmetrise
from posenet_ros.geometry.lie import retract, so3_exp
from posenet_ros.geometry.pose import Pose

MIN_INLIERS = 6
MAX_TRIALS = 300  # of RANSAC
CONFIDENCE = 0.999  # of RANSAC
LOSS_SCALE = 0.1  # width of Cauchy's loss as a part of `max_error`
MAX_ITERATIONS = 10  # of the iteratively reweighted least squares
STEP_TOLERANCE = 1e-3  # as a part of the width of the loss: smaller steps end the iteration
MIN_NOISE = 0.1  # as a part of the width of the loss: no feature is located better
FULL_INLIERS = 150  # inliers on distinct rays: with fewer, chance agreement counts for more
COLUMNS, ROWS = 4, 3  # cells of the image, within which errors are correlated
MIN_CONDITION = 1e-10  # of the information matrix: its smallest by its largest eigenvalue


@dataclass(frozen=True, eq=False)
class AbsolutePose:
    """
    Pose of a camera with its inliers and its covariance.

    :param map_from_camera: the pose.
    :param inliers: (K,) indices of the matches that agree with the pose.
    :param inlier_ratio: K divided by the number of matches.
    :param covariance: (6, 6) in the map, ordered as a PoseEstimate's, up to the factors that
        calibration finds: it cannot tell errors that all points share.
    """

    map_from_camera: Pose
    inliers: NDArray[np.intp]
    inlier_ratio: float
    covariance: Floats


def estimate_absolute_pose(points_m: Floats, points_normalized: Floats,
                           max_error: float) -> AbsolutePose | None:
    """
    Estimate the camera's pose by P3P within RANSAC, then by robust least squares.

    The inliers are found again after a refinement by the first ones. The final fit minimises
    Cauchy's loss by iteratively reweighted least squares (Holland and Welsch 1977), because
    landmarks that are slightly off, or that belong to a neighbouring point, would bias the pose.
    Points on the same ray share their weight.

    :param points_m: (N, 3) in the map, metres.
    :param points_normalized: (N, 2) where the camera sees them, normalised image coordinates:
        x / z and y / z in the camera's optical frame.
    :param max_error: largest reprojection error of an inlier, normalised image coordinates.
    :returns: None when no pose was found.
    """
    if len(points_m) < MIN_INLIERS:
        return None
    try:
        solved = _ransac(points_m, points_normalized, max_error)
    except cv2.error:  # a degenerate sample, such as all points but one being the same
        solved = None
    if solved is None:
        return None
    pose, inliers = solved
    inlier_ratio, scale = len(inliers) / len(points_m), LOSS_SCALE * max_error
    rays = points_normalized[inliers]
    unique_rays = np.unique(rays, axis=0, return_inverse=True)[1].ravel()
    multiplicity_weights = 1 / np.sqrt(np.bincount(unique_rays)[unique_rays])
    fit = _irls(points_m[inliers], rays, pose, scale, multiplicity_weights)
    if fit is None:
        return None
    own = _pose_covariance(fit, unique_rays, _image_cells(rays), scale)
    return AbsolutePose(fit.pose, inliers, inlier_ratio,
                        own * np.sqrt(FULL_INLIERS / (inlier_ratio * (1 + unique_rays.max()))))


def _ransac(points_m: Floats, points_normalized: Floats,
            max_error: float) -> tuple[Pose, NDArray[np.intp]] | None:
    """Estimate map_from_camera by RANSAC over P3P; return it with the indices of its inliers."""
    found, rotation_vector, translation, inliers = cv2.solvePnPRansac(
        points_m, points_normalized, np.eye(3), None, iterationsCount=MAX_TRIALS,
        reprojectionError=max_error, confidence=CONFIDENCE, flags=cv2.SOLVEPNP_P3P)
    if not found or inliers is None or len(inliers) < MIN_INLIERS:
        return None
    first = inliers[:, 0]
    rotation_vector, translation = cv2.solvePnPRefineLM(
        points_m[first], points_normalized[first], np.eye(3), None, rotation_vector, translation)
    rotation = so3_exp(-rotation_vector[:, 0])  # OpenCV's is camera_from_map
    if not (np.isfinite(rotation).all() and np.isfinite(translation).all()):
        return None
    pose = Pose.from_rotation(rotation, -rotation @ translation[:, 0])
    again = _inliers(points_m, points_normalized, pose, max_error)
    return (pose, again) if len(again) >= MIN_INLIERS else None


def _inliers(points_m: Floats, points_normalized: Floats, pose: Pose,
             max_error: float) -> NDArray[np.intp]:
    """Find the points in front of the camera whose reprojection error is below `max_error`."""
    in_camera = (points_m - pose.translation_m) @ pose.rotation
    front = np.flatnonzero(in_camera[:, 2] > 0)
    errors = np.linalg.norm(
        in_camera[front, :2] / in_camera[front, 2:] - points_normalized[front], axis=1)
    return np.asarray(front[errors < max_error], np.intp)


class _Linearisation(NamedTuple):
    """
    Weighted least squares linearised at a pose.

    :param jacobian: (N, 2, 6) derivative of the projections by translation and rotation.
    :param residuals: (N, 2) projected minus observed, normalised image coordinates.
    :param multiplicity_weights: (N,) prior weights: points on the same ray count less.
    :param weights: (N,) prior weights times those of the robust loss.
    :param inverse: (6, 6) inverse information: the covariance under residuals of unit variance.
    """

    pose: Pose
    jacobian: Floats
    residuals: Floats
    multiplicity_weights: Floats
    weights: Floats
    inverse: Floats

    @property
    def scores(self) -> Floats:
        """Gradient of the loss by each point, (N, 6); they sum to zero at the minimum."""
        weighted = self.weights[:, np.newaxis] * self.residuals
        return np.asarray((weighted[:, np.newaxis] @ self.jacobian)[:, 0], np.float64)


def _irls(points_m: Floats, points_normalized: Floats, pose: Pose, scale: float,
          multiplicity_weights: Floats) -> _Linearisation | None:
    """
    Minimise Cauchy's loss by iteratively reweighted least squares, starting at a pose.

    :param scale: width of the loss, normalised image coordinates.
    :param multiplicity_weights: (N,) prior weights of the points.
    :returns: the last linearisation; None where the points do not determine the pose.
    """
    fit = _linearise(points_m, points_normalized, pose, scale, multiplicity_weights)
    for _ in range(MAX_ITERATIONS):
        if fit is None:
            return None
        step = -fit.inverse @ fit.scores.sum(axis=0)
        moved = retract(fit.pose, step)
        after = _linearise(points_m, points_normalized, moved, scale, multiplicity_weights)
        if after is None:
            break
        fit = after
        if np.sqrt(np.mean(np.square(fit.jacobian @ step))) < STEP_TOLERANCE * scale:
            break
    return fit


def _linearise(points_m: Floats, points_normalized: Floats, pose: Pose, scale: float,
               multiplicity_weights: Floats) -> _Linearisation | None:
    """Linearise at a pose; None with a point behind it or with a singular information matrix."""
    rotation = pose.rotation
    in_camera = (points_m - pose.translation_m) @ rotation
    depth = in_camera[:, 2]
    if not depth.min() > 0:
        return None
    # derivative of x / z and y / z by the point (Hartley and Zisserman, section 6.2)
    projection = np.zeros((len(in_camera), 2, 3))
    projection[:, 0, 0] = projection[:, 1, 1] = 1 / depth
    projection[:, :, 2] = -in_camera[:, :2] / (depth ** 2)[:, np.newaxis]
    projection = projection @ rotation.T  # by the point in the map
    lever = points_m - pose.translation_m
    jacobian = np.concatenate([-projection, np.cross(projection, lever[:, np.newaxis])], axis=2)
    residuals = in_camera[:, :2] / depth[:, np.newaxis] - points_normalized
    weights = multiplicity_weights / (1 + np.sum(np.square(residuals / scale), axis=1))
    information = _information_matrix(jacobian, weights)
    eigenvalues = np.linalg.eigvalsh(information)
    if not eigenvalues[0] > MIN_CONDITION * eigenvalues[-1]:
        return None
    inverse = np.asarray(np.linalg.inv(information), np.float64)
    return _Linearisation(pose, jacobian, residuals, multiplicity_weights, weights, inverse)


def _information_matrix(jacobian: Floats, weights: Floats) -> Floats:
    """Compute the (6, 6) information J^T W J of points whose residuals have unit variance."""
    flat = jacobian.reshape(-1, 6)
    return np.asarray(flat.T @ (flat * np.repeat(weights, 2)[:, np.newaxis]), np.float64)


def _image_cells(points_normalized: Floats) -> NDArray[np.intp]:
    """Assign points (N, 2) to the cells of a grid whose rows and columns hold equal numbers."""
    columns, rows = (np.searchsorted(np.quantile(values, np.arange(1, count) / count), values)
                     for values, count in zip(points_normalized.T, (COLUMNS, ROWS), strict=True))
    return np.asarray(columns * ROWS + rows)


def _pose_covariance(fit: _Linearisation, unique_rays: NDArray[np.intp],
                     image_cells: NDArray[np.intp], scale: float) -> Floats:
    """
    Compute the covariance of a fit: the mean of three estimators with different clusters.

    Homoscedastic; cluster-robust with the points on one ray as a cluster (White 1980); and
    cluster-robust with the points of one cell of the image as a cluster (Liang and Zeger 1986).

    :param unique_rays: (N,) index of each point's ray.
    :param image_cells: (N,) index of each point's cell.
    :returns: (6, 6) in the map.
    """
    estimates = [_homoscedastic(fit, MIN_NOISE * scale), _cluster_robust(fit, unique_rays),
                 _cluster_robust(fit, image_cells)]
    return symmetrise(np.mean(estimates, axis=0))


def _homoscedastic(fit: _Linearisation, min_sigma: float) -> Floats:
    """Compute the covariance where all rays err independently, with one variance."""
    weights = fit.weights * fit.multiplicity_weights  # points on one ray are one observation
    variance = np.sum(weights * np.sum(np.square(fit.residuals), axis=1)) / (2 * np.sum(weights))
    return np.asarray(np.linalg.inv(_information_matrix(fit.jacobian, weights))
                      * max(variance, min_sigma ** 2), np.float64)


def _cluster_robust(fit: _Linearisation, clusters: NDArray[np.intp]) -> Floats:
    """Compute the sandwich covariance where errors correlate within clusters, not between."""
    names, which = np.unique(clusters, return_inverse=True)
    scores = np.zeros((len(names), 6))
    np.add.at(scores, which, fit.scores)
    small_sample = len(names) / max(len(names) - 1, 1)
    return np.asarray(fit.inverse @ (scores.T @ scores) @ fit.inverse * small_sample, np.float64)
