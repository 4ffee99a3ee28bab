"""SO(3) and SE(3): exponential, logarithm, differences, means, interpolation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.pose import Pose, wxyz_from_xyzw, xyzw_from_wxyz
from transforms3d.axangles import axangle2mat, mat2axangle
from transforms3d.quaternions import axangle2quat, qmult, quat2axangle


def mean_quaternion(quats_xyzw: ArrayLike) -> NDArray[np.float64]:
    """
    Return the mean rotation, to which the signs of the quaternions do not matter.

    Markley et al., "Averaging Quaternions" (2007), eq. 12: the eigenvector of the largest
    eigenvalue of the sum of q q^T.

    :param quats_xyzw: (N, 4) unit quaternions.
    """
    quats = np.asarray(quats_xyzw, np.float64)
    return np.asarray(np.linalg.eigh(quats.T @ quats)[1][:, -1])


def as_rows(values: ArrayLike, width: int) -> Floats:
    """Return values as float64 rows of that width, (N, width)."""
    return np.asarray(values, dtype=np.float64).reshape(-1, width)


def rotation_vectors_rad(estimates_xyzw: ArrayLike, truths_xyzw: ArrayLike) -> Floats:
    """
    Return the rotations from truth to estimate about the map's fixed axes.

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


def rotation_from_vector(vector: Floats) -> Floats:
    """Return the (3, 3) rotation of a rotation vector (3,), radians."""
    angle = float(np.linalg.norm(vector))
    return np.asarray(axangle2mat(vector, angle) if angle > 1e-12 else np.eye(3), np.float64)


def vector_from_rotation(rotation: Floats) -> Floats:
    """Return the rotation vector (3,) of a rotation, at most pi long, radians."""
    axis, angle = mat2axangle(rotation)
    return np.asarray(axis * angle, np.float64)


def pose_error(estimate: Pose, truth: Pose) -> Floats:
    """Return the six errors of a pose: metres, and radians about the fixed axes."""
    return np.concatenate([estimate.translation_m - truth.translation_m,
                           vector_from_rotation(estimate.rotation @ truth.rotation.T)])


def pose_moved(pose: Pose, turn: Floats, step_m: Floats) -> Pose:
    """Return a pose turned by a rotation (3, 3) about the fixed axes, and moved by a step (3,)."""
    return Pose.from_rotation(turn @ pose.rotation, pose.translation_m + step_m)


def interpolate(start: Pose, end: Pose, fraction: float) -> Pose:
    """
    Return the pose between two poses: positions linearly, rotations the short way round.

    :param fraction: 0 gives `start`, 1 gives `end`.
    """
    turn = wxyz_from_xyzw((start.inverse() @ end).quat_xyzw)  # w >= 0: the short way
    axis, angle = quat2axangle(turn)
    part = axangle2quat(axis, fraction * angle, is_normalized=True)
    quat_wxyz = qmult(wxyz_from_xyzw(start.quat_xyzw), part)
    position = (1 - fraction) * start.translation_m + fraction * end.translation_m
    return Pose(position, xyzw_from_wxyz(quat_wxyz))
