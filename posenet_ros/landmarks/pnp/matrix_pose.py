"""Poses as matrices, and their robust fit: for hypotheses, of which an image has many."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import so3_exp
from posenet_ros.geometry.pose import Pose

DAMPING = 1e-9  # of the normal equations, relative to their trace: degenerate points move nothing


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
        """Return the same pose, checked."""
        return Pose.from_rotation(self.rotation, self.translation_m)


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
    for _ in range(steps):
        inside = (points_m - pose.translation_m) @ pose.rotation
        near = 1 / inside[:, 2]
        x, y = inside[:, 0] * near, inside[:, 1] * near
        residuals = np.concatenate([x - points_normalized[:, 0], y - points_normalized[:, 1]])
        count = len(near)
        squares = np.square(residuals[:count]) + np.square(residuals[count:])
        weights = np.tile(1 / (1 + squares / loss_scale ** 2), 2)
        jacobian = _jacobian(x, y, near)
        weighted = jacobian * weights[:, np.newaxis]
        information = weighted.T @ jacobian
        information += np.eye(6) * (DAMPING * np.trace(information) + 1e-300)
        step = -np.linalg.solve(information, weighted.T @ residuals)
        pose = MatrixPose(pose.rotation @ so3_exp(step[3:]),
                          pose.translation_m + pose.rotation @ step[:3])
        if np.abs(step).max() < 1e-7:
            break
    return pose


def _jacobian(x: Floats, y: Floats, near: Floats) -> Floats:
    """Differentiate x, then y, of N projections by a motion in the camera's frame, (2 N, 6)."""
    zero, one = np.zeros_like(x), np.ones_like(x)
    by_x = np.stack([-near, zero, x * near, x * y, -one - x * x, y], axis=1)
    by_y = np.stack([zero, -near, y * near, one + y * y, -x * y, -x], axis=1)
    return np.concatenate([by_x, by_y])
