"""
Files of poses of all forms, read into map_from_camera, and their writers.

The forms are those of :mod:`posenet_ros.datasets.poses.forms`; their conventions are turned in
:mod:`posenet_ros.datasets.poses.rows` and, on the way out, here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from posenet_ros.datasets.poses.columns import is_number
from posenet_ros.datasets.poses.forms import describe_format, Format
from posenet_ros.datasets.poses.rows import PoseRow
from posenet_ros.datasets.poses.stamps import parse_stamp, Unit
from posenet_ros.datasets.poses.tables import open_table
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose

__all__ = [
    'Format',
    'PoseRow',
    'Unit',
    'describe_format',
    'detect_format',
    'is_number',
    'parse_stamp',
    'read_poses',
    'read_rows',
    'write_cambridge',
    'write_tum',
]

CAMBRIDGE_HEADER = ('Visual Landmark Dataset V1\n'
                    'ImageFile, Camera Position [X Y Z W P Q R]\n\n')


def detect_format(path: Path) -> Format:
    """
    Detect the format of a pose file by its header and all of its rows.

    :raises InputError: when it is none of the known formats, or several fit.
    """
    return open_table(path).detect()


def read_rows(
        path: Path, form: Format, normalise: bool = False,
        unit: Unit | None = None) -> Iterator[tuple[str, PoseRow | InputError]]:
    """
    Yield file:line and the row there, or the error of that row.

    :param unit: of the stamps; None takes what the header or their size says.
    :raises InputError: when the file is missing or no text, or the unit of stamps is open.
    """
    yield from open_table(path).rows(form, normalise, unit)


def read_poses(
        path: Path, form: Format | None = None, rejected: list[str] | None = None,
        normalise: bool = False, unit: Unit | None = None) -> list[PoseRow]:
    """
    Read a file of poses; rows with NaN are kept, with the pose None.

    :param form: the file's format; None detects it.
    :param rejected: where to put one message for each bad row; None makes a bad row an error.
    :param normalise: scale quaternions to length 1, as networks put them out; truth has unit ones.
    :param unit: of the stamps; None takes what the header or their size says.
    :raises InputError: naming file and line on a malformed row, a quaternion whose length is not
        1, or a camera beyond 1e8 m; on a file without rows.
    """
    good: list[PoseRow] = []
    bad: list[str] = []
    table = open_table(path)
    for where, row in table.rows(form or table.detect(), normalise, unit):
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
