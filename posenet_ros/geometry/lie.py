"""
Lie group of rotations, SO(3): exponential, logarithm, angles, means, interpolation.

All functions take single values and batches alike; rotation vectors are axis times angle, in
radians, and quaternions x y z w. Nothing else in the package computes with axes and angles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import Floats
from posenet_ros.geometry.pose import Pose


def so3_exp(vectors_rad: ArrayLike) -> Floats:
    """
    Compute the rotation matrices of rotation vectors, the exponential map.

    Rodrigues' formula, I + sin(a)/a K + (1 - cos a)/a^2 K^2 with K the skew-symmetric matrix of
    the vector and a its length (Sola et al., "A micro Lie theory", 2018, appendix B). Both
    quotients are written as sinc, which is exact at small angles.

    :param vectors_rad: (..., 3) radians.
    :returns: (..., 3, 3).
    """
    vectors = np.asarray(vectors_rad, np.float64)
    angle = np.linalg.norm(vectors, axis=-1)[..., np.newaxis, np.newaxis]
    skew = np.cross(np.eye(3), vectors[..., np.newaxis, :])  # row j is e_j x v
    return np.asarray(np.eye(3) + np.sinc(angle / np.pi) * skew
                      + np.sinc(angle / (2 * np.pi)) ** 2 / 2 * (skew @ skew), np.float64)


def rotation_matrices(quats_xyzw: ArrayLike) -> Floats:
    """
    Compute the rotation matrices of unit quaternions: I + 2 w K + 2 K^2, K the skew matrix of xyz.

    :param quats_xyzw: (..., 4).
    :returns: (..., 3, 3).
    """
    quats = np.asarray(quats_xyzw, np.float64)
    skew = np.cross(np.eye(3), quats[..., np.newaxis, :3])  # row j is e_j x v
    return np.asarray(np.eye(3) + 2 * (
        quats[..., 3, np.newaxis, np.newaxis] * skew + skew @ skew), np.float64)


def so3_log(rotations: ArrayLike) -> Floats:
    """
    Compute the rotation vectors of rotation matrices, the logarithm, by way of quaternions.

    The quaternion is the eigenvector to the largest eigenvalue of a symmetric matrix (Bar-Itzhack
    2000), which is stable at all angles; the trace alone loses half the digits near 0 and pi.

    :param rotations: (..., 3, 3).
    :returns: (..., 3) radians, at most pi long.
    """
    matrices = np.asarray(rotations, np.float64)
    transposed = np.swapaxes(matrices, -1, -2)
    trace = np.trace(matrices, axis1=-2, axis2=-1)[..., np.newaxis, np.newaxis]
    symmetric = np.zeros((*matrices.shape[:-2], 4, 4))
    symmetric[..., :3, :3] = matrices + transposed - trace * np.eye(3)
    skew = matrices - transposed
    symmetric[..., 3, :3] = np.stack(  # eigh reads the lower triangle alone
        [skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], axis=-1)
    symmetric[..., 3:, 3:] = trace
    return _quat_log(np.linalg.eigh(symmetric)[1][..., -1])


def rotation_angle_rad(quats_xyzw: ArrayLike, others_xyzw: ArrayLike) -> Floats:
    """
    Compute the angle between orientations, 2 arccos |q.q'|.

    Computed as 4 atan2(|q - q'|, |q + q'|), which is the same, needs no clipping, and keeps its
    digits at small angles, where arccos loses half of them (Kahan 2006, section 12).

    :param quats_xyzw: (..., 4) quaternions of any length but 0.
    :param others_xyzw: (..., 4) the same.
    :returns: (...) radians, 0 to pi.
    """
    q, r = (np.asarray(quats, np.float64) for quats in (quats_xyzw, others_xyzw))
    q, r = (quats / np.linalg.norm(quats, axis=-1, keepdims=True) for quats in (q, r))
    r = np.where(np.sum(q * r, axis=-1, keepdims=True) < 0, -r, r)  # q and -q are one rotation
    return np.asarray(4 * np.arctan2(
        np.linalg.norm(q - r, axis=-1), np.linalg.norm(q + r, axis=-1)), np.float64)


def angle_between_rad(vectors: ArrayLike, others: ArrayLike) -> Floats:
    """
    Compute the angle between vectors by atan2, which keeps its digits near 0 and pi.

    :param vectors: (..., 3) of any length but 0.
    :param others: (..., 3) the same.
    :returns: (...) radians, 0 to pi.
    """
    x, y, z = np.moveaxis(np.asarray(vectors, np.float64), -1, 0)
    u, v, w = np.moveaxis(np.asarray(others, np.float64), -1, 0)
    # the cross product by its parts: np.cross takes four times as long
    across = np.sqrt((y * w - z * v) ** 2 + (z * u - x * w) ** 2 + (x * v - y * u) ** 2)
    return np.asarray(np.arctan2(across, x * u + y * v + z * w), np.float64)


def rotation_vectors_rad(estimates_xyzw: ArrayLike, truths_xyzw: ArrayLike) -> Floats:
    """
    Compute the rotation vectors from truths to estimates, about the map's fixed axes.

    :param estimates_xyzw: (..., 4) unit quaternions.
    :param truths_xyzw: (..., 4) unit quaternions.
    :returns: (..., 3) radians, at most pi long.
    """
    return _quat_log(quat_product(estimates_xyzw, _conjugate(truths_xyzw)))


def mean_quaternion(quats_xyzw: ArrayLike) -> Floats:
    """
    Average rotations; q and -q count as the same.

    The eigenvector to the largest eigenvalue of the sum of q q^T (Markley et al., "Averaging
    Quaternions", 2007, eq. 12).

    :param quats_xyzw: (N, 4) unit quaternions.
    :returns: (4,) unit quaternion.
    """
    quats = np.asarray(quats_xyzw, np.float64)
    return np.asarray(np.linalg.eigh(quats.T @ quats)[1][:, -1])


def pose_difference(estimate: Pose, truth: Pose) -> Floats:
    """Compute the difference (6,) of two poses: metres, then radians about the fixed axes."""
    return np.concatenate([estimate.translation_m - truth.translation_m,
                           rotation_vectors_rad(estimate.quat_xyzw, truth.quat_xyzw)])


def retract(pose: Pose, increment: Floats) -> Pose:
    """
    Apply an increment to a pose: the inverse of :func:`pose_difference`.

    :param increment: (6,) translation, metres, then rotation about the fixed axes, radians.
    """
    return Pose(pose.translation_m + increment[:3],
                quat_product(_quat_exp(increment[3:]), pose.quat_xyzw))


def interpolate(start: Pose, end: Pose, fraction: float) -> Pose:
    """
    Interpolate between two poses: positions linearly, rotations by slerp the short way.

    :param fraction: 0 gives `start`, 1 gives `end`.
    """
    vector = _quat_log(quat_product(_conjugate(start.quat_xyzw), end.quat_xyzw))
    return Pose((1 - fraction) * start.translation_m + fraction * end.translation_m,
                quat_product(start.quat_xyzw, _quat_exp(fraction * vector)))


def _quat_exp(vectors_rad: ArrayLike) -> Floats:
    """Compute the unit quaternions (..., 4) of rotation vectors (..., 3)."""
    half = np.asarray(vectors_rad, np.float64) / 2
    angle = np.linalg.norm(half, axis=-1, keepdims=True)
    return np.concatenate([half * np.sinc(angle / np.pi), np.cos(angle)], axis=-1)


def _quat_log(quats_xyzw: Floats) -> Floats:
    """Compute the rotation vectors (..., 3) of quaternions (..., 4), at most pi long."""
    vector, w = quats_xyzw[..., :3], quats_xyzw[..., 3:]
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    angle = 2 * np.arctan2(length, np.abs(w))
    factor = np.divide(angle, length, out=np.zeros_like(length), where=length > 0)
    return np.asarray(vector * np.where(w < 0, -factor, factor), np.float64)


def _conjugate(quats_xyzw: ArrayLike) -> Floats:
    return np.asarray(quats_xyzw, np.float64) * (-1, -1, -1, 1)


def quat_product(left_xyzw: ArrayLike, right_xyzw: ArrayLike) -> Floats:
    """Multiply quaternions (..., 4): the rotation by the right one, then by the left one."""
    p, q = (np.asarray(quats, np.float64) for quats in (left_xyzw, right_xyzw))
    vector = p[..., 3:] * q[..., :3] + q[..., 3:] * p[..., :3] + np.cross(p[..., :3], q[..., :3])
    w = p[..., 3:] * q[..., 3:] - np.sum(p[..., :3] * q[..., :3], axis=-1, keepdims=True)
    return np.concatenate([vector, w], axis=-1)
