"""Refinement of a camera's pose: iteratively reweighted least squares on 2D-3D matches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import retract
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.options import AbsolutePoseOptions


class Linearisation(NamedTuple):
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


def refine_pose(points_m: Floats, points_normalized: Floats, pose: Pose,
                ray_of_point: NDArray[np.intp],
                options: AbsolutePoseOptions) -> Linearisation | None:
    """
    Minimise Cauchy's loss by iteratively reweighted least squares (Holland and Welsch 1977).

    :param points_m: (N, 3) in the map, metres.
    :param points_normalized: (N, 2) observed, normalised image coordinates.
    :param pose: map_from_camera to start at.
    :param ray_of_point: (N,) index of each point's ray: k points on one ray weigh sqrt(k) in all.
    :returns: the linearisation at the minimum; None where the points do not determine the pose.
    """
    multiplicity_weights = 1 / np.sqrt(np.bincount(ray_of_point)[ray_of_point])
    fit = _linearise(points_m, points_normalized, pose, multiplicity_weights, options)
    for _ in range(options.max_iterations):
        if fit is None:
            return None
        step = -fit.inverse @ fit.scores.sum(axis=0)
        after = _linearise(points_m, points_normalized, retract(fit.pose, step),
                           multiplicity_weights, options)
        if after is None:
            break
        fit = after
        if np.sqrt(np.mean(np.square(fit.jacobian @ step))) < options.min_step:
            break
    return fit


def information_matrix(jacobian: Floats, weights: Floats) -> Floats:
    """Compute the (6, 6) information J^T W J of points whose residuals have unit variance."""
    flat = jacobian.reshape(-1, 6)
    return np.asarray(flat.T @ (flat * np.repeat(weights, 2)[:, np.newaxis]), np.float64)


def _linearise(points_m: Floats, points_normalized: Floats, pose: Pose,
               multiplicity_weights: Floats,
               options: AbsolutePoseOptions) -> Linearisation | None:
    """Linearise at a pose; None with a point behind it or with a singular information matrix."""
    lever = points_m - pose.translation_m
    in_camera = lever @ pose.rotation
    if not in_camera[:, 2].min() > 0:
        return None
    jacobian = _jacobian(lever, in_camera, pose.rotation)
    residuals = in_camera[:, :2] / in_camera[:, 2:] - points_normalized
    weights = multiplicity_weights / (
        1 + np.sum(np.square(residuals / options.loss_scale), axis=1))
    information = information_matrix(jacobian, weights)
    eigenvalues = np.linalg.eigvalsh(information)
    if not eigenvalues[0] > options.min_condition * eigenvalues[-1]:
        return None
    inverse = np.asarray(np.linalg.inv(information), np.float64)
    return Linearisation(pose, jacobian, residuals, multiplicity_weights, weights, inverse)


def _jacobian(lever: Floats, in_camera: Floats, rotation: Floats) -> Floats:
    """
    Differentiate the projections by an increment of :func:`posenet_ros.geometry.lie.retract`.

    :param lever: (N, 3) points minus the camera's centre, map axes, metres.
    :param in_camera: (N, 3) the same in the camera's optical frame.
    :param rotation: (3, 3) map_from_camera.
    :returns: (N, 2, 6).
    """
    depth = in_camera[:, 2]
    # derivative of x / z and y / z by the point (Hartley and Zisserman, section 6.2)
    projection = np.zeros((len(in_camera), 2, 3))
    projection[:, 0, 0] = projection[:, 1, 1] = 1 / depth
    projection[:, :, 2] = -in_camera[:, :2] / (depth ** 2)[:, np.newaxis]
    projection = projection @ rotation.T  # by the point in the map
    x, y, z = (projection[:, :, axis] for axis in range(3))
    u, v, w = (lever[:, axis, np.newaxis] for axis in range(3))
    cross = np.stack([y * w - z * v, z * u - x * w, x * v - y * u], axis=2)  # np.cross is slow
    return np.concatenate([-projection, cross], axis=2)
