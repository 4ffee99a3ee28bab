"""Read frames.csv of a report, whichever version of `posenet evaluate` wrote it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import csv
from pathlib import Path

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError

FRAMES_FILE = 'frames.csv'
RENAMED = {  # of earlier reports, whose names suggested Euler angles
    'sigma_roll_deg': 'sigma_about_x_deg', 'sigma_pitch_deg': 'sigma_about_y_deg',
    'sigma_yaw_deg': 'sigma_about_z_deg'}
ERRORS = 'translation_error_m', 'rotation_error_deg'
ALWAYS = 'name', 'sequence', 'stamp_ns', 'outcome', 'true_x', 'x'  # columns of every version

FrameRow = Mapping[str, str]


def read_frame_rows(file: Path) -> list[FrameRow]:
    """
    Read the rows of a frames.csv, a frame each, by the names of their columns.

    :raises InputError: when it is missing, no frames.csv, or a row is not whole.
    """
    try:
        with file.open(newline='', encoding='utf-8') as lines:
            reader = csv.DictReader(lines)
            missing = [name for name in ALWAYS if name not in (reader.fieldnames or ())]
            if missing:
                raise ValueError(f'no column {missing[0]!r}')
            return [_whole(row, reader.line_num) for row in reader]
    except (ValueError, OSError, csv.Error) as error:
        raise InputError(f'{file} has to hold a frame a row, as posenet evaluate writes them. '
                         f'Received: {error}; evaluate again') from error


def _whole(row: dict[str, str], line: int) -> FrameRow:
    if None in row or None in row.values():  # more or fewer cells than the first row
        raise ValueError(f'line {line} has other columns than the first')
    return {RENAMED.get(name, name): value for name, value in row.items()}


def numbers(row: FrameRow, columns: Sequence[str]) -> list[float]:
    """
    Return cells as numbers; NaN where a cell is empty or the column is not there.

    :raises InputError: on a cell that is no number.
    """
    try:
        return [float(row.get(column) or 'nan') for column in columns]
    except ValueError as error:
        raise InputError(f'{FRAMES_FILE}, frame {row["name"]}: expected numbers in '
                         f'{", ".join(columns)} ({error}); evaluate again') from error


def number_columns(rows: Sequence[FrameRow], columns: Sequence[str]) -> Floats:
    """Return columns (N, C) of N rows, by :func:`numbers`."""
    return np.array([numbers(row, columns) for row in rows]).reshape(-1, len(columns))
