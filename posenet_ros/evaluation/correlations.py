"""Rank correlations of the errors with distance, motion and predicted standard deviation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.baselines import nearest_positions
from posenet_ros.evaluation.metrics.pose_errors import rotation_errors_deg
from posenet_ros.evaluation.metrics.ranks import rank_correlation
from posenet_ros.evaluation.results import frame_errors, FrameResult, positions, quaternions
from posenet_ros.inference.train_index import TrainIndex

LABELS: Mapping[str, str] = {
    'distance_m': 'distance to the nearest training pose (m)',
    'speed_m_s': 'speed of the camera (m/s)',
    'turning_deg_s': 'turning of the camera (deg/s)',
    'sigma_m': 'predicted standard deviation (m)'}
BINS = 5


def distances_m(frames: Sequence[FrameResult], train: TrainIndex) -> Floats:
    """Compute the distance from each truth to the nearest training position, metres."""
    truths = positions([frame.truth for frame in frames])
    nearest = train.positions_m[nearest_positions(train, truths)]
    return np.asarray(np.linalg.norm(nearest - truths, axis=1), np.float64)


def motion(frames: Sequence[FrameResult]) -> tuple[Floats, Floats]:
    """
    Compute the speed (m/s) and the angular speed (deg/s) between consecutive truths.

    :returns: (N,) each; NaN for the first frame of a sequence and where time does not advance.
    """
    truths = [frame.truth for frame in frames]
    seconds = np.diff([frame.stamp_ns for frame in frames]) / 1e9
    same = np.array([a.sequence == b.sequence for a, b in pairwise(frames)], dtype=bool)
    seconds = np.where(same & (seconds > 0), seconds, np.nan)
    metres = np.linalg.norm(np.diff(positions(truths), axis=0), axis=1)
    quats = quaternions(truths)
    degrees = rotation_errors_deg(quats[1:], quats[:-1])
    first = [np.nan]
    return np.concatenate([first, metres / seconds]), np.concatenate([first, degrees / seconds])


def position_sigmas_m(frames: Sequence[FrameResult]) -> Floats:
    """Compute the predicted standard deviation of each position, metres; NaN where unknown."""
    return np.array([np.nan if frame.covariance is None
                     else np.sqrt(np.trace(frame.covariance[:3, :3])) for frame in frames])


def quantities(
        frames: Sequence[FrameResult], train: TrainIndex | None, *,
        timed: bool) -> dict[str, Floats]:
    """
    Compute the quantities to correlate with the error, by the keys of LABELS.

    Those that are not known, or the same for all frames, are left out.

    :param timed: whether the stamps are times, so that there is a speed.
    """
    known: dict[str, Floats] = {}
    if train is not None:
        known['distance_m'] = distances_m(frames, train)
    if timed and len(frames) > 1:
        known['speed_m_s'], known['turning_deg_s'] = motion(frames)
    known['sigma_m'] = position_sigmas_m(frames)
    return {key: values for key, values in known.items() if _varies(values)}


def _varies(values: Floats) -> bool:
    finite = values[np.isfinite(values)]
    return finite.size >= 2 * BINS and bool(np.ptp(finite) > 1e-9 * np.abs(finite).max())


def _bins(values: Floats, metres: Floats, degrees: Floats) -> list[dict[str, Any]]:
    """Compute the median errors in bins of equal frame counts."""
    order = np.array_split(np.argsort(values, kind='stable'), BINS)
    return [{'from': float(values[i[0]]), 'to': float(values[i[-1]]), 'frames': len(i),
             'translation_m': float(np.median(metres[i])),
             'rotation_deg': float(np.median(degrees[i]))} for i in order]


def correlations(
        frames: Sequence[FrameResult], train: TrainIndex | None, *,
        timed: bool) -> dict[str, dict[str, Any] | None]:
    """
    Compute the rank correlations of the errors of accepted estimates with each quantity.

    :returns: for each key of LABELS Spearman's rank correlation with both errors and the median
        errors in five bins; None where the quantity is not known, or is the same for all frames.
    """
    metres, degrees = frame_errors(frames)
    known = quantities(frames, train, timed=timed)
    result: dict[str, dict[str, Any] | None] = dict.fromkeys(LABELS)
    for key, values in known.items():
        good = np.isfinite(metres) & np.isfinite(values)
        if good.sum() < 2 * BINS:
            continue
        v, m, d = values[good], metres[good], degrees[good]
        result[key] = {
            'rank_correlation': {'translation_m': rank_correlation(v, m),
                                 'rotation_deg': rank_correlation(v, d)},
            'bins': _bins(v, m, d)}
    return result
