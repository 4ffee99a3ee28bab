"""
Files of poses: Cambridge Landmarks, TUM and KITTI text, read into map_from_camera.

Cambridge rows hold the camera centre and the world-to-camera quaternion, w first; reader and
writer here are the only places that conjugate it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, unique
from pathlib import Path

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import FARTHEST_M, Pose, xyzw_from_wxyz
from posenet_ros.utils.files.text import read_text

CAMBRIDGE_TITLES = 'Visual Landmark Dataset', 'ImageFile'
SMALLEST_STAMP_NS = 10**16  # April 1970; as seconds it were beyond all time
HEADER_LINES = 3
CAMBRIDGE_HEADER = ('Visual Landmark Dataset V1\n'
                    'ImageFile, Camera Position [X Y Z W P Q R]\n\n')


@unique
class Format(Enum):
    """The formats of pose files."""

    CAMBRIDGE = 'cambridge'
    TUM = 'tum'
    KITTI = 'kitti'


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


def _numbers(words: Sequence[str], count: int, what: str) -> np.ndarray:
    if len(words) != count:
        raise InputError(f'expected {what}. Received: {len(words)} numbers')
    try:
        return np.array([float(word) for word in words])
    except ValueError as error:
        raise InputError(f'expected {what}. Received: {" ".join(words)!r}') from error


def _pose(make: Callable[[], Pose], numbers: np.ndarray) -> Pose | None:
    """Make the pose; None where a number is NaN. Infinity and cameras too far away are errors."""
    if np.isnan(numbers).any():
        return None
    pose = make()
    if np.abs(pose.translation_m).max() > FARTHEST_M:
        raise InputError(f'a camera has to be within {FARTHEST_M:.0e} m of the origin. '
                         f'Received: {pose.translation_m.tolist()}')
    return pose


def _quat(numbers: np.ndarray, normalise: bool) -> np.ndarray:
    """Normalise a quaternion, where asked for and possible."""
    length = float(np.linalg.norm(numbers))
    return numbers / length if normalise and length > 0 else numbers


def _cambridge_row(text: str, line: int, normalise: bool) -> PoseRow:
    """Parse `name X Y Z W P Q R`; further columns, which some methods write, are ignored."""
    words = text.split()
    n = _numbers(words[1:8], 7, 'an image name and X Y Z W P Q R')
    # the file's quaternion is camera_from_map: it is conjugated here and in cambridge_row alone
    quat_xyzw = xyzw_from_wxyz(_quat(n[3:], normalise) * (1, -1, -1, -1))
    pose = _pose(lambda: Pose(n[:3], quat_xyzw), n)
    return PoseRow(pose, words[0].replace('\\', '/'), line=line)


def parse_stamp(word: str) -> int:
    """
    Parse a stamp in seconds, or in nanoseconds as EuRoC has them: a number of 17 digits or more.

    :returns: nanoseconds.
    :raises InputError: when it is no number, or beyond the years that 64 bits hold.
    """
    try:
        value = Decimal(word)
        stamp_ns = value if value >= SMALLEST_STAMP_NS else value * 10**9
        if abs(stamp_ns) < 2**63:  # before int(), which would write out 1e999999
            return int(stamp_ns)
    except ArithmeticError as error:  # all of decimal's
        raise InputError(f'expected a stamp in seconds. Received: {word!r}') from error
    raise InputError('expected a stamp in seconds, or in nanoseconds from '
                     f'{SMALLEST_STAMP_NS:.0e} on. Received: {word!r}')


def _tum_row(text: str, line: int, normalise: bool) -> PoseRow:
    words = text.split()
    n = _numbers(words[1:], 7, 'stamp tx ty tz qx qy qz qw')
    stamp_ns = parse_stamp(words[0])
    pose = _pose(lambda: Pose(n[:3], _quat(n[3:], normalise)), n)
    return PoseRow(pose, stamp_ns=stamp_ns, line=line)


def _kitti_row(text: str, line: int, normalise: bool) -> PoseRow:
    n = _numbers(text.split(), 12, 'the 12 numbers of a 3x4 matrix, row by row')
    matrix = n.reshape(3, 4)
    pose = _pose(lambda: Pose.from_rotation(matrix[:, :3], matrix[:, 3]), n)
    return PoseRow(pose, line=line)


ROW_READERS = {Format.CAMBRIDGE: _cambridge_row, Format.TUM: _tum_row, Format.KITTI: _kitti_row}


def _data_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text) without blank lines, comments and a header."""
    lines = read_text(path, 'a text file of poses').splitlines()
    start = header_length(lines)
    for number, text in enumerate(lines[start:], start + 1):
        if text.strip() and not text.lstrip().startswith('#'):
            yield number, text


def header_length(lines: Sequence[str]) -> int:
    """
    Return how many of the first lines are a header: those before the first row of numbers.

    Cambridge has three lines, the last of them blank; others have a line of column names, with
    or without `#`.
    """
    length = 0
    for number, text in enumerate(lines[:HEADER_LINES], 1):
        words = text.split()
        if any(map(is_number, words[1:])) and not text.startswith(CAMBRIDGE_TITLES):
            break
        length = number
    return length


def is_number(word: str) -> bool:
    """Return whether a word is a number, NaN and infinity among them."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def detect_format(path: Path) -> Format:
    """
    Detect the format of a pose file by its first row.

    :raises InputError: when it is none of the known formats.
    """
    first = next((text.split() for _, text in _data_lines(path)), [])
    if len(first) >= 8 and not is_number(first[0]):
        return Format.CAMBRIDGE
    if len(first) in (8, 12):
        return Format.TUM if len(first) == 8 else Format.KITTI
    raise InputError(f'{path}: expected rows in Cambridge form (name X Y Z W P Q R), TUM form '
                     '(stamp x y z qx qy qz qw) or KITTI form (12 numbers). '
                     f'Received: {" ".join(first)[:80]!r}')


def read_rows(
        path: Path, form: Format,
        normalise: bool = False) -> Iterator[tuple[str, PoseRow | InputError]]:
    """
    Yield file:line and the row there, or the error of that row.

    :raises InputError: when the file is missing or no text.
    """
    for line, text in _data_lines(path):
        try:
            yield f'{path}:{line}', ROW_READERS[form](text, line, normalise)
        except InputError as error:
            yield f'{path}:{line}', error


def read_poses(
        path: Path, form: Format | None = None, rejected: list[str] | None = None,
        normalise: bool = False) -> list[PoseRow]:
    """
    Read a file of poses; rows with NaN are kept, with the pose None.

    :param form: the file's format; None detects it.
    :param rejected: where to put one message for each bad row; None makes a bad row an error.
    :param normalise: scale quaternions to length 1, as networks put them out; truth has unit ones.
    :raises InputError: naming file and line on a malformed row, a non-unit quaternion or a camera
        beyond 1e8 m; on a file without rows.
    """
    good: list[PoseRow] = []
    bad: list[str] = []
    for where, row in read_rows(path, form or detect_format(path), normalise):
        if isinstance(row, PoseRow):
            good.append(row)
            continue
        bad.append(f'{where}: {row}')
        if rejected is None:
            raise InputError(bad[-1]) from row
    if not good:
        raise InputError(f'{path}: expected at least one pose. Received: none'
                         + (f' ({bad[-1]})' if bad else ''))
    if rejected is not None:
        rejected += bad
    return good


def write_tum(path: Path, rows: Iterable[tuple[int, Pose]]) -> None:
    """
    Write (stamp in ns, map_from_camera) as TUM text, which evo reads.

    Seventeen digits bring back the same float; stamps are exact.
    """
    with path.open('w', encoding='utf-8') as file:
        for stamp_ns, pose in rows:
            numbers = ' '.join(f'{v:.17g}' for v in (*pose.translation_m, *pose.quat_xyzw))
            file.write(f'{stamp_ns // 10**9}.{stamp_ns % 10**9:09d} {numbers}\n')


def cambridge_row(name: str, map_from_camera: Pose) -> str:
    """Format a row of Cambridge text: camera centre, then camera_from_map, w first."""
    x, y, z, w = map_from_camera.quat_xyzw * (-1, -1, -1, 1)
    numbers = ' '.join(f'{v:.9f}' for v in (*map_from_camera.translation_m, w, x, y, z))
    return f'{name} {numbers}\n'


def write_cambridge(path: Path, rows: Iterable[tuple[str, Pose]]) -> None:
    """Write (image name, map_from_camera) as Cambridge text."""
    text = ''.join(cambridge_row(name, pose) for name, pose in rows)
    path.write_text(CAMBRIDGE_HEADER + text, encoding='utf-8')
