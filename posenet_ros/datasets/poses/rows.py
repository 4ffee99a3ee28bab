"""
Rows of pose files, each form's convention turned into map_from_camera.

Quaternions of world to camera are conjugated here and in :mod:`posenet_ros.datasets.poses.writers`
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.datasets.poses.columns import numbers
from posenet_ros.datasets.poses.forms import DESCRIPTIONS, Format
from posenet_ros.datasets.poses.stamps import StampReader, Unit
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import check_position, Pose, xyzw_from_wxyz
from transforms3d.euler import euler2quat

G2O_VERTEX, TORO_VERTEX = 'VERTEX_SE3:QUAT', 'VERTEX3'
MIN_LENGTH, MAX_LENGTH = 0.5, 2.0  # of a quaternion that a network put out
MAX_ROTATION_ERROR = 0.01  # of the singular values of a matrix, from 1
LAST_ROW = (0.0, 0.0, 0.0, 1.0)  # of a homogeneous matrix


@dataclass(frozen=True, eq=False)
class PoseRow:
    """
    One row of a file of poses.

    :param pose: map_from_camera; None where the row holds NaN: a method that gave no pose.
    :param name: name of the image; empty in forms that have none.
    :param stamp_ns: nanoseconds; None in forms that have none.
    :param line: line of the file, from 1.
    """

    pose: Pose | None
    name: str = ''
    stamp_ns: int | None = None
    line: int = 0

    @property
    def sequence(self) -> str:
        """Return the folder that the name begins with, `seq7` of `seq7/frame00001.png`."""
        return self.name.rsplit('/', 1)[0] if '/' in self.name else ''


@dataclass(frozen=True)
class RowOptions:
    """
    How the rows of a file are read.

    :param normalise: scale quaternions to length 1, as networks put them out.
    :param stamps: reads the stamps.
    """

    normalise: bool = False
    stamps: StampReader = field(default_factory=lambda: StampReader(Unit.S))


def _pose(make: Callable[[], Pose], values: Floats) -> Pose | None:
    """Make the pose; None where a number is NaN. Infinity and cameras too far away are errors."""
    if np.isnan(values).any():
        return None
    pose = make()
    check_position(pose.translation_m)
    return pose


def _quat(values: Floats, options: RowOptions) -> Floats:
    """
    Normalise a quaternion where asked for.

    :raises InputError: when its length is far from 1: these four numbers are none.
    """
    length = float(np.linalg.norm(values))
    if not options.normalise or np.isnan(length):
        return values
    if not MIN_LENGTH <= length <= MAX_LENGTH:
        raise InputError('the quaternion of an estimate has to have length 1, or '
                         f'{MIN_LENGTH} to {MAX_LENGTH} of a network. Received: {length:.3g}; '
                         'is the file of another --format?')
    return values / length


def nearest_rotation(matrix: Floats) -> Floats:
    """
    Return the nearest rotation to an inexact one (3, 3), as matrices of few digits are.

    :raises InputError: when it is far from a rotation; one that mirrors is left to
        :meth:`Pose.from_rotation`.
    """
    if not np.isfinite(matrix).all():
        raise InputError(f'a rotation has to be finite. Received: {matrix.tolist()}')
    left, sizes, right = np.linalg.svd(matrix)
    if np.abs(sizes - 1).max() > MAX_ROTATION_ERROR:
        raise InputError('rotation has to be orthonormal with determinant +1. '
                         f'Received: {matrix.tolist()}')
    return np.asarray(left @ right)


def pose_of_matrix(matrix: Floats) -> Pose:
    """
    Convert a matrix (3, 4) or (4, 4) of a rigid transform, rounded as files are.

    :raises InputError: when it is none.
    """
    if len(matrix) == 4 and np.abs(matrix[3] - LAST_ROW).max() > 1e-6:
        raise InputError('the last row of a rigid transform has to be 0 0 0 1. '
                         f'Received: {matrix[3].tolist()}')
    pose = Pose.from_rotation(nearest_rotation(matrix[:3, :3]), matrix[:3, 3])
    check_position(pose.translation_m)
    return pose


def _name(word: str) -> str:
    return word.replace('\\', '/').removeprefix('./')


def _expected(form: Format) -> str:
    return DESCRIPTIONS[form][1]


def _cambridge(words: Sequence[str], line: int, options: RowOptions) -> PoseRow:
    """Parse `name X Y Z W P Q R`; further columns, which some methods write, are ignored."""
    n = numbers(words[1:8], 7, 'an image name and X Y Z W P Q R')
    # the file's quaternion is camera_from_map
    pose = _pose(lambda: Pose(n[:3], xyzw_from_wxyz(
        _quat(n[3:], options) * (1, -1, -1, -1))), n)
    return PoseRow(pose, _name(words[0]), line=line)


def _hloc(words: Sequence[str], line: int, options: RowOptions) -> PoseRow:
    """Parse `name qw qx qy qz tx ty tz`, camera_from_map; further columns are ignored."""
    n = numbers(words[1:8], 7, 'an image name and qw qx qy qz tx ty tz')
    pose = _pose(lambda: Pose(n[4:], xyzw_from_wxyz(_quat(n[:4], options))).inverse(), n)
    return PoseRow(pose, _name(words[0]), line=line)


def _tum(words: Sequence[str], line: int, options: RowOptions) -> PoseRow:
    """Parse `stamp tx ty tz qx qy qz qw`; rtabmap may write a number behind it."""
    n = numbers(words[1:8] if len(words) == 9 else words[1:], 7, _expected(Format.TUM))
    stamp_ns = options.stamps.parse(words[0])
    pose = _pose(lambda: Pose(n[:3], _quat(n[3:], options)), n)
    return PoseRow(pose, stamp_ns=stamp_ns, line=line)


def _euroc(words: Sequence[str], line: int, options: RowOptions) -> PoseRow:
    """Parse `stamp px py pz qw qx qy qz`; velocities and biases may follow."""
    n = numbers(words[1:8], 7, _expected(Format.EUROC))
    stamp_ns = options.stamps.parse(words[0])
    pose = _pose(lambda: Pose(n[:3], xyzw_from_wxyz(_quat(n[3:], options))), n)
    return PoseRow(pose, stamp_ns=stamp_ns, line=line)


def _kitti(words: Sequence[str], line: int, options: RowOptions) -> PoseRow:
    """Parse 12 or 16 numbers row by row; KITTI-360 has the image's number before them."""
    name = f'{int(words[0]):010d}' if len(words) in (13, 17) and words[0].isdigit() else ''
    words = words[1:] if name else words
    n = numbers(words, 16 if len(words) == 16 else 12,
                'the 12 numbers of a 3x4 matrix, row by row')
    return PoseRow(_pose(lambda: pose_of_matrix(n.reshape(-1, 4)), n), name, line=line)


def _g2o(words: Sequence[str], line: int, options: RowOptions) -> PoseRow:
    n = numbers(words[2:], 7, _expected(Format.G2O))
    return PoseRow(_pose(lambda: Pose(n[:3], _quat(n[3:], options)), n), words[1], line=line)


def _toro(words: Sequence[str], line: int, options: RowOptions) -> PoseRow:
    """Parse roll, pitch and yaw about the fixed axes x, y, z."""
    n = numbers(words[2:], 6, _expected(Format.TORO))
    pose = _pose(lambda: Pose(n[:3], xyzw_from_wxyz(euler2quat(*n[3:]))), n)
    return PoseRow(pose, words[1], line=line)


def _nvm(words: Sequence[str], line: int, options: RowOptions) -> PoseRow:
    """Parse the camera of a reconstruction: a quaternion camera_from_map, and the centre."""
    n = numbers(words[1:9], 8, _expected(Format.NVM))
    pose = _pose(lambda: Pose(n[5:], xyzw_from_wxyz(
        _quat(n[1:5], options) * (1, -1, -1, -1))), n)
    return PoseRow(pose, _name(words[0]), line=line)


ROW_READERS: dict[Format, Callable[[Sequence[str], int, RowOptions], PoseRow]] = {
    Format.CAMBRIDGE: _cambridge, Format.HLOC: _hloc, Format.COLMAP: _hloc, Format.TUM: _tum,
    Format.EUROC: _euroc, Format.KITTI: _kitti, Format.G2O: _g2o, Format.TORO: _toro,
    Format.NVM: _nvm}
# words that the rows of a form begin with; other rows of it hold no pose
ROW_MARKS = {Format.G2O: G2O_VERTEX, Format.TORO: TORO_VERTEX}
