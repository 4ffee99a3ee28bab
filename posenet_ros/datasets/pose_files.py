"""
Files of poses of all forms, read into map_from_camera, and their writers.

The forms are those of :mod:`posenet_ros.datasets.poses.forms`; their conventions are turned in
:mod:`posenet_ros.datasets.poses.rows` and :mod:`posenet_ros.datasets.poses.writers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from posenet_ros.datasets.poses.columns import is_number
from posenet_ros.datasets.poses.forms import describe_format, Format
from posenet_ros.datasets.poses.rows import PoseRow
from posenet_ros.datasets.poses.stamps import parse_stamp, Unit
from posenet_ros.datasets.poses.tables import open_table
from posenet_ros.datasets.poses.writers import (
    CAMBRIDGE_HEADER,
    cambridge_row,
    write_cambridge,
    write_poses,
    write_tum,
)
from posenet_ros.errors import InputError

__all__ = ['CAMBRIDGE_HEADER', 'Format', 'PoseRow', 'Unit', 'cambridge_row', 'describe_format',
           'detect_format', 'is_number', 'parse_stamp', 'read_poses', 'read_poses_as_found',
           'read_rows', 'write_cambridge', 'write_poses', 'write_tum']


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
    Read a file of poses, as :func:`read_poses_as_found` without the form.

    :raises InputError: likewise.
    """
    return read_poses_as_found(path, form, rejected, normalise, unit)[0]


def read_poses_as_found(
        path: Path, form: Format | None = None, rejected: list[str] | None = None,
        normalise: bool = False, unit: Unit | None = None) -> tuple[list[PoseRow], Format]:
    """
    Read a file of poses, and say its form; rows with NaN are kept, with the pose None.

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
    form = form or table.detect()
    for where, row in table.rows(form, normalise, unit):
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
    return good, form
