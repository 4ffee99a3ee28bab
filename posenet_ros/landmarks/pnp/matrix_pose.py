"""Poses as matrices, and their robust fit: for hypotheses, of which an image has many."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.pose import Pose

DAMPING = 1e-9  # of the normal equations, relative to their trace: degenerate points move nothing
MIN_STEP = 1e-6  # metres or radians: a smaller one ends the fit
TINY = 1e-300


class MatrixPose(NamedTuple):
    """
    A pose as a matrix and a vector: cheap to make by the hundred, and not checked.

    :param rotation: (3, 3) map_from_camera.
    :param translation_m: (3,) the camera's centre in the map.
    """

    rotation: Floats
    translation_m: Floats

    @classmethod
    def of(cls, pose: Pose) -> MatrixPose:
        """Return a pose in this form."""
        return cls(pose.rotation, pose.translation_m)

    def to_pose(self) -> Pose:
        """Return the same pose, checked, with the nearest rotation: products of many err."""
        u, _, v = np.linalg.svd(self.rotation)
        return Pose.from_rotation(u @ v, self.translation_m)


def inlier_mask(points_m: Floats, points_normalized: Floats, pose: MatrixPose | Pose,
                max_error: float) -> NDArray[np.bool_]:
    """
    Mark the points in front of the camera whose reprojection error is below `max_error`.

    :param points_m: (N, 3) in the map, metres.
    :param points_normalized: (N, 2) observed, normalised image coordinates.
    :returns: (N,).
    """
    inside = (points_m - pose.translation_m) @ pose.rotation
    with np.errstate(divide='ignore', invalid='ignore'):
        errors = inside[:, :2] / inside[:, 2:] - points_normalized
    return np.asarray((inside[:, 2] > 0) & (np.sum(np.square(errors), axis=1) < max_error ** 2))


def refine_by_inliers(points_m: Floats, points_normalized: Floats, pose: MatrixPose,
                      max_error: float, rounds: int = 2) -> MatrixPose | None:
    """Fit a pose to its inliers, which are found again in each round; None with under six."""
    for _ in range(rounds):
        inliers = inlier_mask(points_m, points_normalized, pose, max_error)
        if inliers.sum() < 6:
            return None
        pose = fit_pose(points_m[inliers], points_normalized[inliers], pose, max_error / 6, 2)
    return pose if np.isfinite(pose.translation_m).all() else None


def fit_pose(points_m: Floats, points_normalized: Floats, pose: MatrixPose, loss_scale: float,
             steps: int) -> MatrixPose:
    """
    Minimise Cauchy's loss by Gauss-Newton steps with weights of the step before.

    :param points_m: (N, 3) in the map, metres, in front of the camera.
    :param points_normalized: (N, 2) observed, normalised image coordinates.
    :param loss_scale: residual at which a point counts half, normalised image coordinates.
    """
    scale, observed = 1 / loss_scale ** 2, points_normalized.T.ravel()
    for _ in range(steps):
        inside = (points_m - pose.translation_m) @ pose.rotation
        jacobian, projected = _linearise(inside)
        residuals = projected - observed
        squares = np.square(residuals)
        squares = squares[:len(inside)] + squares[len(inside):]
        weights = 1 / (1 + squares * scale)
        weighted = jacobian.T * np.concatenate([weights, weights])
        information = weighted @ jacobian
        information.flat[::7] += DAMPING * information.trace() + TINY
        step = -np.linalg.solve(information, weighted @ residuals)
        pose = MatrixPose(pose.rotation @ rotation_of_vector(*step[3:].tolist()),
                          pose.translation_m + pose.rotation @ step[:3])
        if np.abs(step).max() < MIN_STEP:
            break
    return pose


def _linearise(inside: Floats) -> tuple[Floats, Floats]:
    """
    Project N points (N, 3) in the camera's frame, and differentiate by a motion in that frame.

    :returns: (2 N, 6) all of x, then all of y, by translation and rotation; and (2 N,).
    """
    count = len(inside)
    near = 1 / inside[:, 2]
    x, y = inside[:, 0] * near, inside[:, 1] * near
    jacobian = np.zeros((6, 2, count))
    np.negative(near, out=jacobian[0, 0])
    np.negative(near, out=jacobian[1, 1])
    projected = np.stack([x, y])
    np.multiply(projected, near, out=jacobian[2])
    product = x * y
    jacobian[3, 0], jacobian[3, 1] = product, 1 + y * y
    jacobian[4, 0], jacobian[4, 1] = -1 - x * x, -product
    jacobian[5, 0], jacobian[5, 1] = y, -x
    return jacobian.reshape(6, -1).T, projected.ravel()


def rotation_of_vector(x: float, y: float, z: float) -> Floats:
    """Compute the rotation matrix of a rotation vector, radians, ten times as fast as so3_exp."""
    angle = math.sqrt(x * x + y * y + z * z)
    half = angle / 2
    w, factor = math.cos(half), math.sin(half) / angle if angle > TINY else 0.5
    x, y, z = factor * x, factor * y, factor * z
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]])
