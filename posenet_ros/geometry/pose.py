"""
Rigid transforms.

A :class:`Pose` is named `target_from_source`, so neighbours cancel in products:
`map_from_base = map_from_camera @ camera_from_base`. Translations are metres, quaternions
are unit length in the order x y z w.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from transforms3d.quaternions import mat2quat, qmult, quat2mat

UNIT_QUATERNION_TOLERANCE = 0.01  # of the squared length: that of tf2
# Of poses that come from outside: the Great Court of Cambridge Landmarks has cameras 1e9 m out;
# UTM northings end at 1e7 m.
FARTHEST_M = 1e8


def wxyz_from_xyzw(quat_xyzw: ArrayLike) -> Floats:
    """
    Reorder quaternions from x y z w to w x y z.

    :param quat_xyzw: array (..., 4).
    :returns: array (..., 4).
    """
    return np.roll(np.asarray(quat_xyzw, dtype=np.float64), 1, axis=-1)


def xyzw_from_wxyz(quat_wxyz: ArrayLike) -> Floats:
    """
    Reorder quaternions from w x y z to x y z w.

    :param quat_wxyz: array (..., 4).
    :returns: array (..., 4).
    """
    return np.roll(np.asarray(quat_wxyz, dtype=np.float64), -1, axis=-1)


def finite_array(value: ArrayLike, shape: tuple[int, ...], name: str) -> Floats:
    """Copy a finite array of that shape, read-only and float64; raise InputError otherwise."""
    array = np.array(value, dtype=np.float64)
    if array.shape != shape:
        raise InputError(f'{name} has to have the shape {shape}. Received: {array.shape}')
    if not np.isfinite(array).all():
        raise InputError(f'{name} has to be finite. Received: {array.tolist()}')
    array.setflags(write=False)
    return array


def check_position(position_m: ArrayLike) -> None:
    """
    Check a position that comes from outside: products of poses must not overflow.

    :param position_m: (3,).
    :raises InputError: when it is not finite, or further than FARTHEST_M along an axis.
    """
    if not np.all(np.abs(np.asarray(position_m, np.float64)) <= FARTHEST_M):  # NaN among them
        raise InputError(f'a position has to be within {FARTHEST_M:g} m. '
                         f'Received: {np.asarray(position_m).tolist()}')


def _unit_quaternion(value: ArrayLike) -> Floats:
    quat = np.array(finite_array(value, (4,), 'quat_xyzw'))
    norm = float(np.linalg.norm(quat))
    if abs(norm ** 2 - 1) > UNIT_QUATERNION_TOLERANCE:
        raise InputError(f'quat_xyzw has to have length 1. Received: {quat.tolist()}, '
                         f'length {norm:.6g}')
    quat /= norm
    if quat[3] < 0:  # q and -q are the same rotation: keep one of them
        quat = -quat
    quat.setflags(write=False)
    return quat


@dataclass(frozen=True, eq=False)
class Pose:
    """
    A rigid transform `target_from_source`.

    :param translation_m: (3,) origin of the source frame in the target frame, metres.
    :param quat_xyzw: (4,) unit quaternion, stored with w >= 0.
    :raises InputError: on a wrong shape, a value that is not finite, or a length that is not 1.
    """

    translation_m: Floats = field(default_factory=lambda: np.zeros(3))
    quat_xyzw: Floats = field(default_factory=lambda: np.array([0.0, 0.0, 0.0, 1.0]))

    def __post_init__(self) -> None:
        object.__setattr__(
            self, 'translation_m', finite_array(self.translation_m, (3,), 'translation_m'))
        object.__setattr__(self, 'quat_xyzw', _unit_quaternion(self.quat_xyzw))

    @classmethod
    def from_rotation(cls, rotation: ArrayLike, translation_m: ArrayLike = (0, 0, 0)) -> Pose:
        """
        Build from a rotation matrix.

        :param rotation: (3, 3) orthonormal matrix, determinant +1.
        :param translation_m: (3,) metres.
        :raises InputError: when the matrix is not a rotation (tolerance 1e-3).
        """
        matrix = finite_array(rotation, (3, 3), 'rotation')
        if np.abs(matrix @ matrix.T - np.eye(3)).max() > 1e-3 or np.linalg.det(matrix) < 0:
            raise InputError('rotation has to be orthonormal with determinant +1. Received: '
                             f'{matrix.tolist()}')
        return cls(np.asarray(translation_m), xyzw_from_wxyz(mat2quat(matrix)))

    @classmethod
    def from_matrix(cls, matrix: ArrayLike) -> Pose:
        """
        Build from a homogeneous matrix.

        :param matrix: (4, 4), last row 0 0 0 1.
        :raises InputError: when it is not a rigid transform.
        """
        array = finite_array(matrix, (4, 4), 'matrix')
        if np.abs(array[3] - (0, 0, 0, 1)).max() > 1e-6:
            raise InputError('the last row of a rigid transform has to be 0 0 0 1. '
                             f'Received: {array[3].tolist()}')
        return cls.from_rotation(array[:3, :3], array[:3, 3])

    @cached_property
    def rotation(self) -> Floats:
        """(3, 3) rotation matrix, read-only."""
        matrix = np.asarray(quat2mat(wxyz_from_xyzw(self.quat_xyzw)), dtype=np.float64)
        matrix.setflags(write=False)
        return matrix

    @property
    def matrix(self) -> Floats:
        """(4, 4) homogeneous matrix."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation
        matrix[:3, 3] = self.translation_m
        return matrix

    def inverse(self) -> Pose:
        """Return `source_from_target`."""
        conjugate = self.quat_xyzw * (-1, -1, -1, 1)
        return Pose(-(self.rotation.T @ self.translation_m), conjugate)

    def __matmul__(self, other: Pose) -> Pose:
        """Compose: `a_from_b @ b_from_c` is `a_from_c`."""
        quat_wxyz = qmult(wxyz_from_xyzw(self.quat_xyzw), wxyz_from_xyzw(other.quat_xyzw))
        return Pose(self.apply(other.translation_m), xyzw_from_wxyz(quat_wxyz))

    def apply(self, points: ArrayLike) -> Floats:
        """
        Transform points from the source into the target frame.

        :param points: (..., 3) metres.
        :returns: (..., 3) metres.
        """
        return np.asarray(points, dtype=np.float64) @ self.rotation.T + self.translation_m
