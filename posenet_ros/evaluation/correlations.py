"""Rank correlations of the errors with distance, motion and predicted standard deviation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.baselines import nearest_positions
from posenet_ros.evaluation.metrics.pose_errors import ByUnit, Errors, rotation_errors_deg
from posenet_ros.evaluation.metrics.ranks import rank_correlation
from posenet_ros.evaluation.results import FrameTable
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.utils.settings.mapping import key

LABELS: Mapping[str, str] = {
    'distance_m': 'distance to the nearest training pose (m)',
    'speed_m_s': 'speed of the camera (m/s)',
    'turning_deg_s': 'turning of the camera (deg/s)',
    'sigma_m': 'predicted standard deviation (m)'}
BINS = 5


@dataclass(frozen=True)
class Bin:
    """The median errors of the frames of which a quantity is in a range."""

    start: float = field(metadata=key('from'))
    end: float = field(metadata=key('to'))
    frames: int
    translation_m: float
    rotation_deg: float


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of a quantity with both errors, and the errors in bins."""

    rank_correlation: ByUnit[float]
    bins: Sequence[Bin]


def distances_m(table: FrameTable, train: TrainIndex) -> Floats:
    """Compute the distance from each truth to the nearest training position, metres."""
    nearest = train.positions_m[nearest_positions(train, table.truths_m)]
    return np.asarray(np.linalg.norm(nearest - table.truths_m, axis=1), np.float64)


def motion(table: FrameTable) -> tuple[Floats, Floats]:
    """
    Compute the speed (m/s) and the angular speed (deg/s) between consecutive truths.

    :returns: (N,) each; NaN for the first frame of a sequence and where time does not advance.
    """
    seconds = np.diff([frame.stamp_ns for frame in table.frames]) / 1e9
    same = np.array([a.sequence == b.sequence for a, b in pairwise(table.frames)], dtype=bool)
    seconds = np.where(same & (seconds > 0), seconds, np.nan)
    metres = np.linalg.norm(np.diff(table.truths_m, axis=0), axis=1)
    degrees = rotation_errors_deg(table.truths_xyzw[1:], table.truths_xyzw[:-1])
    first = [np.nan]
    return np.concatenate([first, metres / seconds]), np.concatenate([first, degrees / seconds])


def quantities(
        table: FrameTable, train: TrainIndex | None, *, timed: bool) -> dict[str, Floats]:
    """
    Compute the quantities to correlate with the error, by the keys of LABELS.

    Those that are not known, or the same for all frames, are left out.

    :param timed: whether the stamps are times, so that there is a speed.
    """
    known: dict[str, Floats] = {}
    if train is not None:
        known['distance_m'] = distances_m(table, train)
    if timed and len(table) > 1:
        known['speed_m_s'], known['turning_deg_s'] = motion(table)
    known['sigma_m'] = table.sigmas.translation_m
    return {name: values for name, values in known.items() if _varies(values)}


def _varies(values: Floats) -> bool:
    finite = values[np.isfinite(values)]
    return finite.size >= 2 * BINS and bool(np.ptp(finite) > 1e-9 * np.abs(finite).max())


def _bins(values: Floats, metres: Floats, degrees: Floats) -> list[Bin]:
    """Compute the median errors in bins of equal frame counts."""
    order = np.array_split(np.argsort(values, kind='stable'), BINS)
    return [Bin(float(values[i[0]]), float(values[i[-1]]), len(i),
                float(np.median(metres[i])), float(np.median(degrees[i]))) for i in order]


def _correlation(values: Floats, errors: Errors) -> Correlation | None:
    metres, degrees = errors
    good = np.isfinite(metres) & np.isfinite(values)
    if good.sum() < 2 * BINS:
        return None
    v, m, d = values[good], metres[good], degrees[good]
    return Correlation(ByUnit(rank_correlation(v, m), rank_correlation(v, d)), _bins(v, m, d))


def correlations(known: Mapping[str, Floats], errors: Errors) -> dict[str, Correlation | None]:
    """
    Correlate the errors of accepted estimates with each quantity.

    :param known: of :func:`quantities`.
    :param errors: infinite without an accepted estimate.
    :returns: for each key of LABELS; None where the quantity is not known.
    """
    return {name: _correlation(known[name], errors) if name in known else None
            for name in LABELS}
