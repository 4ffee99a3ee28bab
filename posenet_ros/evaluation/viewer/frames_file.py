"""Read the poses of a report folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import csv
from pathlib import Path

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.report.comparison import read_report
from posenet_ros.evaluation.report.folder import COLUMNS
from posenet_ros.evaluation.results import FrameResult, FrameTable
from posenet_ros.geometry.estimate import diagonal_covariance
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.gate import Verdict

ESTIMATE, TRUTH, SIGMAS = COLUMNS[6:13], COLUMNS[13:20], COLUMNS[22:28]
VERDICTS = {verdict.value: verdict for verdict in Verdict}


def _numbers(row: Mapping[str, str], columns: Sequence[str]) -> list[float]:
    """Return the cells as numbers; NaN where a cell is empty or the column is not there."""
    return [float(row.get(column) or 'nan') for column in columns]


def _pose(row: Mapping[str, str], columns: Sequence[str], moved: Pose) -> Pose:
    numbers = np.array(_numbers(row, columns))
    return moved @ Pose(numbers[:3], numbers[3:])


def _frame(row: Mapping[str, str], moved: Pose) -> FrameResult:
    sigmas = _numbers(row, SIGMAS)
    covariance = diagonal_covariance(sigmas[:3], np.radians(sigmas[3:]).tolist())
    return FrameResult(
        row['name'], int(row['stamp_ns']), _pose(row, TRUTH, moved),
        _pose(row, ESTIMATE, moved) if row[ESTIMATE[0]] else None,
        covariance if np.isfinite(sigmas[:3]).all() else None,
        VERDICTS.get(row['outcome']), tuple(filter(None, row['reasons'].split('; '))),
        row['sequence'], landmarks=int(row.get('landmarks') or 0))


def read_frames(folder: Path, origin_m: Sequence[float] = (0.0, 0.0, 0.0)) -> FrameTable:
    """
    Read the true and the estimated poses of a report.

    The covariances are diagonal, for the file has standard deviations only.

    :param folder: made by `posenet evaluate`.
    :param origin_m: x y z that is subtracted from all positions.
    :raises InputError: when it is no report, or damaged.
    """
    read_report(folder)
    file, moved = folder / 'frames.csv', Pose(-np.asarray(origin_m))
    try:
        with file.open(newline='', encoding='utf-8') as lines:
            return FrameTable.from_frames([_frame(row, moved) for row in csv.DictReader(lines)])
    except (ValueError, KeyError, TypeError, OverflowError, csv.Error) as error:
        raise InputError(f'{file} has to hold a pose a row, as posenet evaluate writes them. '
                         f'Received: {error!r}; evaluate again') from error
