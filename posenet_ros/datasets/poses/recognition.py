"""
Recognise the form of a pose file by all of its rows: never by one, and never in silence.

Cambridge and hloc have the same columns: the quaternion, which has length 1 in every row, tells
them apart, unless the header does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
import re

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.datasets.poses.columns import is_number
from posenet_ros.datasets.poses.forms import describe_columns, Format
from posenet_ros.datasets.poses.rows import G2O_VERTEX, LAST_ROW, TORO_VERTEX
from posenet_ros.datasets.poses.stamps import Unit
from posenet_ros.errors import InputError

CAMBRIDGE_TITLE = 'camera position [x y z w p q r]'
NVM_TITLE = 'nvm_v3'
QUATERNION_NAME = re.compile(r'(?:^q|quat|orient|rot).*?([wxyz])$')
POSITION_NAME = re.compile(r'(?:^p|^t|pos|trans|^)(?:[\w.]*[._])?([xyz])$')
UNIT_LENGTH = 0.005  # tolerance: that of tf2, the square within 0.01
NETWORK_LENGTH = 0.3  # tolerance of quaternions as networks put them out
PERCENTILE = 90  # percentile of the rows that have to fit
CLEARLY = 10  # times: how much better one of two has to fit
ROUNDING = 1e-6  # a better fit than this says nothing
EUROC_COLUMNS = 11, 17  # with velocities, and biases
KITTI_COLUMNS = 12, 13, 16


@dataclass(frozen=True)
class Header:
    """
    What the header of a file says.

    :param text: of all its lines, lower case.
    :param names: of the columns, lower case; empty where it names none.
    """

    text: str = ''
    names: tuple[str, ...] = ()

    @property
    def quaternion(self) -> str:
        """Return the order of the quaternion, `wxyz` or `xyzw`; '' where it does not say."""
        letters = ''.join(match[1] for name in self.names
                          if (match := QUATERNION_NAME.search(name)))
        return letters if letters in ('wxyz', 'xyzw') else ''

    @property
    def quaternion_first(self) -> bool:
        """Return whether the quaternion stands before the position."""
        places = [i for i, name in enumerate(self.names) if QUATERNION_NAME.search(name)]
        others = [i for i, name in enumerate(self.names) if POSITION_NAME.search(name)
                  and not QUATERNION_NAME.search(name)]
        return bool(places and others) and places[0] < others[0]

    @property
    def unit(self) -> Unit | None:
        """Return the unit of the stamps, `[ns]`; None where it does not say."""
        found = re.search(r'(?:time|stamp)\w*\s*[\[(](s|ms|us|ns|sec|nsec)[\])]', self.text)
        return Unit(found[1].replace('sec', 's')) if found else None


def recognise(rows: Sequence[Sequence[str]], header: Header) -> Format | None:
    """
    Recognise the form of rows of words.

    :returns: None where they are of no known form.
    :raises InputError: where several forms fit.
    """
    marks = {row[0] for row in rows}
    if G2O_VERTEX in marks or TORO_VERTEX in marks:
        return Format.G2O if G2O_VERTEX in marks else Format.TORO
    if NVM_TITLE in header.text:
        return Format.NVM
    if not rows:
        return None
    named = Counter(is_number(row[0]) for row in rows).most_common(1)[0][0] is False
    table = [row for row in rows if is_number(row[0]) is not named]
    if _are_colmap(table):
        return Format.COLMAP
    return _of_named(table, header) if named else _of_numbers(table, header)


def _are_colmap(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the rows begin as images.txt: nine numbers and a name."""
    first = rows[0]
    return len(first) >= 10 and all(map(is_number, first[:9])) and not is_number(first[-1])


def _values(rows: Sequence[Sequence[str]], first: int, last: int) -> Floats:
    """Return the numbers in the columns of the rows that have them all, (N, last - first)."""
    found = [[float(word) for word in row[first:last]] for row in rows
             if len(row) >= last and all(map(is_number, row[first:last]))]
    values = np.array(found, np.float64).reshape(-1, last - first)
    return values[np.isfinite(values).all(axis=1)]


def _length_error(quats: Floats) -> float:
    """Return by how much the lengths differ from 1, in most of the rows."""
    return float(np.percentile(np.abs(np.linalg.norm(quats, axis=1) - 1), PERCENTILE))


def _of_named(rows: Sequence[Sequence[str]], header: Header) -> Format | None:
    values = _values(rows, 1, 8)
    if CAMBRIDGE_TITLE in header.text:
        return Format.CAMBRIDGE
    if header.quaternion == 'xyzw':
        raise InputError('poses with image names have to have quaternions w first. Received: '
                         f'columns {" ".join(header.names)}; write Cambridge or hloc form')
    if header.quaternion:
        return Format.HLOC if header.quaternion_first else Format.CAMBRIDGE
    if not len(values):
        return Format.CAMBRIDGE if any(len(row) >= 8 for row in rows) else None
    return cambridge_or_hloc(values)


def cambridge_or_hloc(values: Floats) -> Format:
    """
    Tell the two forms apart by the lengths of what would be their quaternions.

    :param values: (N, 7) numbers behind the name.
    :raises InputError: when both fit, or none.
    """
    errors = {Format.CAMBRIDGE: _length_error(values[:, 3:]),
              Format.HLOC: _length_error(values[:, :4])}
    (form, best), (_, other) = sorted(errors.items(), key=lambda item: item[1])
    for limit in (UNIT_LENGTH, NETWORK_LENGTH):
        if best <= limit and other > CLEARLY * max(best, ROUNDING) and (
                limit == UNIT_LENGTH or other > NETWORK_LENGTH):
            return form
    why = 'both fit' if best <= UNIT_LENGTH else 'no quaternion has length 1'
    raise InputError(f'the rows have the columns of several forms, '
                     f'{describe_columns(*errors)}. Received: {why}; say which by --format '
                     'cambridge or --format hloc')


def _of_numbers(rows: Sequence[Sequence[str]], header: Header) -> Format | None:
    count = Counter(map(len, rows)).most_common(1)[0][0]
    if count == 4 and len(rows) % 4 == 0:
        return Format.SEVEN_SCENES
    if count in KITTI_COLUMNS or (count == 17 and _end_in_last_row(rows)):
        return Format.KITTI
    if count in EUROC_COLUMNS:
        return Format.EUROC
    return _with_stamp_or_number(rows, header) if count in (8, 9) else None


def _end_in_last_row(rows: Sequence[Sequence[str]]) -> bool:
    values = _values(rows, 13, 17)
    return bool(len(values)) and bool(np.all(values == LAST_ROW))


def _with_stamp_or_number(rows: Sequence[Sequence[str]], header: Header) -> Format:
    """
    Recognise rows of a stamp, or of a name that is a number, and seven numbers.

    :raises InputError: when no four numbers are a quaternion, or the order is open.
    """
    values = _values(rows, 1, 8)
    numbered = all(re.fullmatch(r'\d+', row[0]) for row in rows) and any(
        len(row[0]) > 1 and row[0][0] == '0' for row in rows)
    if header.quaternion and not header.quaternion_first:
        return Format.TUM if header.quaternion == 'xyzw' else Format.EUROC
    if not len(values):
        return Format.TUM
    if numbered or (_length_error(values[:, :4]) <= UNIT_LENGTH < _length_error(values[:, 3:])):
        return cambridge_or_hloc(values)
    return Format.TUM
