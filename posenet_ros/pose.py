"""
Rigid transforms and pose estimates.

A :class:`Pose` is named `target_from_source`, so neighbours cancel in products:
`map_from_base = map_from_camera @ camera_from_base`. Translations are metres, quaternions
are unit length in the order x y z w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from posenet_ros.errors import InputError
from transforms3d.quaternions import mat2quat, qmult, quat2mat

Array = NDArray[np.float64]

UNIT_QUATERNION_TOLERANCE = 1e-3


def wxyz_from_xyzw(quat_xyzw: ArrayLike) -> Array:
    """
    Reorder quaternions from x y z w to w x y z.

    :param quat_xyzw: array (..., 4).
    :returns: array (..., 4).
    """
    return np.roll(np.asarray(quat_xyzw, dtype=np.float64), 1, axis=-1)


def xyzw_from_wxyz(quat_wxyz: ArrayLike) -> Array:
    """
    Reorder quaternions from w x y z to x y z w.

    :param quat_wxyz: array (..., 4).
    :returns: array (..., 4).
    """
    return np.roll(np.asarray(quat_wxyz, dtype=np.float64), -1, axis=-1)


def _vector(value: ArrayLike, shape: tuple[int, ...], name: str) -> Array:
    """Return a read-only float64 copy of a finite array of that shape."""
    array = np.array(value, dtype=np.float64)
    if array.shape != shape:
        raise InputError(f'{name} has to have the shape {shape}. Received: {array.shape}')
    if not np.isfinite(array).all():
        raise InputError(f'{name} has to be finite. Received: {array.tolist()}')
    array.setflags(write=False)
    return array


def _unit_quaternion(value: ArrayLike) -> Array:
    quat = np.array(_vector(value, (4,), 'quat_xyzw'))
    norm = float(np.linalg.norm(quat))
    if abs(norm - 1.0) > UNIT_QUATERNION_TOLERANCE:
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

    translation_m: Array = field(default_factory=lambda: np.zeros(3))
    quat_xyzw: Array = field(default_factory=lambda: np.array([0.0, 0.0, 0.0, 1.0]))

    def __post_init__(self) -> None:
        object.__setattr__(
            self, 'translation_m', _vector(self.translation_m, (3,), 'translation_m'))
        object.__setattr__(self, 'quat_xyzw', _unit_quaternion(self.quat_xyzw))

    @classmethod
    def from_rotation(cls, rotation: ArrayLike, translation_m: ArrayLike = (0, 0, 0)) -> Pose:
        """
        Build from a rotation matrix.

        :param rotation: (3, 3) orthonormal matrix, determinant +1.
        :param translation_m: (3,) metres.
        :raises InputError: when the matrix is no rotation (1e-3 tolerance).
        """
        matrix = _vector(rotation, (3, 3), 'rotation')
        if np.abs(matrix @ matrix.T - np.eye(3)).max() > 1e-3 or np.linalg.det(matrix) < 0:
            raise InputError('rotation has to be orthonormal with determinant +1. Received: '
                             f'{matrix.tolist()}')
        return cls(np.asarray(translation_m), xyzw_from_wxyz(mat2quat(matrix)))

    @classmethod
    def from_matrix(cls, matrix: ArrayLike) -> Pose:
        """
        Build from a homogeneous matrix.

        :param matrix: (4, 4), last row 0 0 0 1.
        :raises InputError: when it is no rigid transform.
        """
        array = _vector(matrix, (4, 4), 'matrix')
        if np.abs(array[3] - (0, 0, 0, 1)).max() > 1e-6:
            raise InputError('the last row of a rigid transform has to be 0 0 0 1. '
                             f'Received: {array[3].tolist()}')
        return cls.from_rotation(array[:3, :3], array[:3, 3])

    @property
    def rotation(self) -> Array:
        """(3, 3) rotation matrix."""
        return np.asarray(quat2mat(wxyz_from_xyzw(self.quat_xyzw)), dtype=np.float64)

    @property
    def matrix(self) -> Array:
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

    def apply(self, points: ArrayLike) -> Array:
        """
        Move points from the source into the target frame.

        :param points: (..., 3) metres.
        :returns: (..., 3) metres.
        """
        return np.asarray(points, dtype=np.float64) @ self.rotation.T + self.translation_m


@dataclass(frozen=True, eq=False)
class PoseEstimate:
    """
    Where the camera was when an image was taken.

    :param map_from_camera: pose of the camera (optical convention: x right, y down, z forward).
    :param covariance: (6, 6) in the map frame: x y z in m^2, then the rotation about the fixed
        axes x y z in rad^2 (as in geometry_msgs/PoseWithCovariance).
    :param place_score: how little the image looks like the trained place; 1 is as little as the
        model allows. None when the model cannot tell.
    :param landmarks: how many agree with the pose; 0 when the network alone says it.
    :raises InputError: when the covariance is not symmetric positive semi-definite.
    """

    map_from_camera: Pose
    covariance: Array
    place_score: float | None = None
    landmarks: int = 0

    def __post_init__(self) -> None:
        covariance = _vector(self.covariance, (6, 6), 'covariance')
        smallest = np.linalg.eigvalsh(covariance).min()
        if not np.allclose(covariance, covariance.T) or smallest < -1e-9:
            raise InputError('covariance has to be symmetric and positive semi-definite. '
                             f'Received a smallest eigenvalue of {smallest:.3g}')
        object.__setattr__(self, 'covariance', covariance)

    def moved_to(self, camera_from_base: Pose) -> PoseEstimate:
        """
        Return the estimate of another frame of the same rigid body, such as the robot's base.

        A rotation error about the camera's origin displaces a base at the lever l by -[l]x of it:
        the adjoint of the translation, for errors about the fixed axes (Barfoot, "State
        estimation for robotics", 2017, section 7.1.4). The rotation error itself is the same.

        :param camera_from_base: where that frame is, and exactly known.
        :returns: its `map_from_camera` is map_from_base.
        """
        lever = self.map_from_camera.rotation @ camera_from_base.translation_m
        adjoint = np.eye(6)
        adjoint[:3, 3:] = np.cross(np.eye(3), lever).T  # column j is e_j x lever
        return PoseEstimate(self.map_from_camera @ camera_from_base,
                            symmetric(adjoint @ self.covariance @ adjoint.T), self.place_score,
                            self.landmarks)


def symmetric(matrix: Array) -> Array:
    """Return a matrix (N, N) that is symmetric but for rounding, without what rounding did."""
    return np.asarray((matrix + matrix.T) / 2)


def turned(covariance: Array, target_from_source: Array) -> Array:
    """
    Return a (6, 6) covariance about other axes.

    Both halves turn; a translation of the frame moves neither, because the covariance is about
    the camera's own origin.

    :param target_from_source: (3, 3) rotation to the new axes.
    """
    turn = np.kron(np.eye(2), target_from_source)
    return symmetric(turn @ covariance @ turn.T)


def diagonal_covariance(sigma_m: Sequence[float], sigma_rad: Sequence[float]) -> Array:
    """
    Return the (6, 6) covariance of independent errors.

    :param sigma_m: standard deviation along x y z, metres.
    :param sigma_rad: standard deviation of the rotation about the fixed x y z, radians.
    """
    return np.diag(np.square(np.concatenate([sigma_m, sigma_rad])).astype(np.float64))
