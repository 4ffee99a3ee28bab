"""Read the poses of a report folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.estimates.frame_rows import (
    FrameRow,
    FRAMES_FILE,
    numbers,
    read_frame_rows,
)
from posenet_ros.evaluation.report.comparison import read_report
from posenet_ros.evaluation.report.folder import COLUMNS
from posenet_ros.evaluation.results import FrameResult, FrameTable
from posenet_ros.geometry.estimate import diagonal_covariance
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.gate import Verdict

ESTIMATE, TRUTH, SIGMAS = COLUMNS[6:13], COLUMNS[13:20], COLUMNS[22:28]
VERDICTS = {verdict.value: verdict for verdict in Verdict}


def _pose(row: FrameRow, columns: Sequence[str], moved: Pose) -> Pose:
    values = np.array(numbers(row, columns))
    return moved @ Pose(values[:3], values[3:])


def _frame(row: FrameRow, moved: Pose) -> FrameResult:
    sigmas = numbers(row, SIGMAS)
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
    file, moved = folder / FRAMES_FILE, Pose(-np.asarray(origin_m))
    rows = read_frame_rows(file)
    try:
        return FrameTable.from_frames([_frame(row, moved) for row in rows])
    except (ValueError, LookupError, OverflowError) as error:
        raise InputError(f'{file} has to hold a pose a row, as posenet evaluate writes them. '
                         f'Received: {error!r}; evaluate again') from error
