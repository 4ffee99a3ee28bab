"""Lie algebra of rotations and poses: exponential, logarithm, differences, means."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.pose import Pose, wxyz_from_xyzw, xyzw_from_wxyz
from transforms3d.axangles import axangle2mat, mat2axangle
from transforms3d.quaternions import axangle2quat, qmult, quat2axangle


def mean_quaternion(quats_xyzw: ArrayLike) -> NDArray[np.float64]:
    """
    Average rotations; q and -q count as the same.

    The eigenvector to the largest eigenvalue of the sum of q q^T (Markley et al., "Averaging
    Quaternions", 2007, eq. 12).

    :param quats_xyzw: (N, 4) unit quaternions.
    :returns: (4,) unit quaternion.
    """
    quats = np.asarray(quats_xyzw, np.float64)
    return np.asarray(np.linalg.eigh(quats.T @ quats)[1][:, -1])


def as_rows(values: ArrayLike, width: int) -> Floats:
    """Convert values to float64 rows (N, width)."""
    return np.asarray(values, dtype=np.float64).reshape(-1, width)


def rotation_vectors_rad(estimates_xyzw: ArrayLike, truths_xyzw: ArrayLike) -> Floats:
    """
    Compute the rotation vectors from truths to estimates, about the map's fixed axes.

    :param estimates_xyzw: (N, 4) unit quaternions.
    :param truths_xyzw: (N, 4) unit quaternions.
    :returns: (N, 3) axis times angle, radians.
    """
    estimates = wxyz_from_xyzw(as_rows(estimates_xyzw, 4))
    conjugates = wxyz_from_xyzw(as_rows(truths_xyzw, 4)) * (1, -1, -1, -1)
    error = np.asarray(qmult(estimates.T, conjugates.T)).T  # (N, 4) wxyz
    error = np.where(error[:, :1] < 0, -error, error)
    length = np.linalg.norm(error[:, 1:], axis=1, keepdims=True)
    angle = 2 * np.arctan2(length, error[:, :1])
    # angle / sin(angle / 2) tends to 2 at angle 0
    factor = np.divide(angle, length, out=np.full_like(length, 2.0), where=length > 0)
    return np.asarray(error[:, 1:] * factor, np.float64)


def so3_exp(vector: Floats) -> Floats:
    """Exponential map: the (3, 3) rotation of a rotation vector (3,), radians."""
    angle = float(np.linalg.norm(vector))
    return np.asarray(axangle2mat(vector, angle) if angle > 1e-12 else np.eye(3), np.float64)


def so3_log(rotation: Floats) -> Floats:
    """Logarithm: the rotation vector (3,) of a rotation (3, 3), at most pi long, radians."""
    axis, angle = mat2axangle(rotation)
    return np.asarray(axis * angle, np.float64)


def pose_difference(estimate: Pose, truth: Pose) -> Floats:
    """Compute the difference (6,) of two poses: metres, then radians about the fixed axes."""
    return np.concatenate([estimate.translation_m - truth.translation_m,
                           so3_log(estimate.rotation @ truth.rotation.T)])


def retract(pose: Pose, rotation: Floats, step_m: Floats) -> Pose:
    """Apply an increment to a pose: a rotation (3, 3) about the fixed axes and a step (3,)."""
    return Pose.from_rotation(rotation @ pose.rotation, pose.translation_m + step_m)


def interpolate(start: Pose, end: Pose, fraction: float) -> Pose:
    """
    Interpolate between two poses: positions linearly, rotations by slerp the short way.

    :param fraction: 0 gives `start`, 1 gives `end`.
    """
    difference = wxyz_from_xyzw((start.inverse() @ end).quat_xyzw)  # w >= 0: the short way
    axis, angle = quat2axangle(difference)
    part = axangle2quat(axis, fraction * angle, is_normalized=True)
    quat_wxyz = qmult(wxyz_from_xyzw(start.quat_xyzw), part)
    position = (1 - fraction) * start.translation_m + fraction * end.translation_m
    return Pose(position, xyzw_from_wxyz(quat_wxyz))
