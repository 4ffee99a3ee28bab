"""The frames of one bag of a fleet, read from its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, UTC
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.evaluation.estimates.frame_rows import (
    ERRORS,
    FRAMES_FILE,
    number_columns,
    read_frame_rows,
)
from posenet_ros.evaluation.fleet.bags import FleetBag
from posenet_ros.evaluation.metrics.pose_errors import ByUnit, Errors
from posenet_ros.evaluation.report.content import REPORT_FILE
from posenet_ros.utils.files.typed_json import read_mapping

DAY = 'day'


@dataclass(frozen=True, eq=False)
class BagFrames:
    """
    The frames of a bag, N.

    :param labels: of the bag, and its day (UTC) by the stamp of the first frame.
    :param content: of its report.json.
    :param errors: of accepted estimates, infinite elsewhere.
    :param truths_m: (N, 3) true positions; `estimates_m` (N, 3), NaN without an estimate.
    """

    bag: FleetBag
    labels: Mapping[str, str]
    content: Mapping[str, Any]
    errors: Errors
    truths_m: Floats
    estimates_m: Floats

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """Return whether each frame has an accepted estimate, (N,)."""
        return np.isfinite(self.errors.translation_m)

    @property
    def truth_frame(self) -> str:
        """Return the frame of the truth, as the bag names it."""
        data = self.content.get('data', {})
        return str(data.get('truth_frame', data.get('truth', '')))


def read_frames(bag: FleetBag, folder: Path) -> BagFrames:
    """
    Read the report of a bag.

    :raises InputError: when it is damaged.
    """
    rows = read_frame_rows(folder / FRAMES_FILE)
    accepted = np.array([row['outcome'] == 'accepted' for row in rows])
    metres, degrees = np.where(accepted, number_columns(rows, ERRORS).T, np.inf)
    truths_m, estimates_m = (number_columns(rows, [before + axis for axis in 'xyz'])
                             for before in ('true_', ''))
    try:
        day = f'{datetime.fromtimestamp(int(rows[0]["stamp_ns"]) / 1e9, UTC):%Y-%m-%d}'
    except (ValueError, IndexError, OverflowError, OSError) as error:
        raise InputError(f'{folder} is no whole report: {error!r}') from error
    return BagFrames(bag, {**bag.labels, DAY: day}, read_mapping(folder / REPORT_FILE),
                     ByUnit(metres, degrees), truths_m, estimates_m)
