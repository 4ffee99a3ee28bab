"""Why answers are off: what the error goes with."""

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

WORDS: Mapping[str, str] = {
    'distance_m': 'distance to the nearest training pose (m)',
    'speed_m_s': 'speed of the camera (m/s)',
    'turning_deg_s': 'turning of the camera (deg/s)',
    'sigma_m': 'predicted standard deviation (m)'}
BINS = 5


def distances_m(frames: Sequence[FrameResult], train: TrainIndex) -> Floats:
    """Return how far the nearest training position is from each truth, metres."""
    truths = positions([frame.truth for frame in frames])
    nearest = train.positions_m[nearest_positions(train, truths)]
    return np.asarray(np.linalg.norm(nearest - truths, axis=1), np.float64)


def motion(frames: Sequence[FrameResult]) -> tuple[Floats, Floats]:
    """
    Return the speed (m/s) and the turning (deg/s) from the frame before to each frame.

    NaN for the first frame of a sequence and where time stands still.
    """
    truths = [frame.truth for frame in frames]
    seconds = np.diff([frame.stamp_ns for frame in frames]) / 1e9
    same = np.array([a.sequence == b.sequence for a, b in pairwise(frames)],
                    dtype=bool)
    seconds = np.where(same & (seconds > 0), seconds, np.nan)
    moved = np.linalg.norm(np.diff(positions(truths), axis=0), axis=1)
    quats = quaternions(truths)
    turned = rotation_errors_deg(quats[1:], quats[:-1])
    first = [np.nan]
    return np.concatenate([first, moved / seconds]), np.concatenate([first, turned / seconds])


def sigmas_m(frames: Sequence[FrameResult]) -> Floats:
    """Return the predicted standard deviation of each position, NaN where there is none."""
    return np.array([np.nan if frame.covariance is None
                     else np.sqrt(np.trace(frame.covariance[:3, :3])) for frame in frames])


def quantities(
        frames: Sequence[FrameResult], train: TrainIndex | None, *,
        timed: bool) -> dict[str, Floats]:
    """
    Return what is known of each frame besides its error, by the keys of WORDS.

    :param timed: whether the stamps are times, so that there is a speed.
    """
    known: dict[str, Floats] = {}
    if train is not None:
        known['distance_m'] = distances_m(frames, train)
    if timed and len(frames) > 1:
        known['speed_m_s'], known['turning_deg_s'] = motion(frames)
    known['sigma_m'] = sigmas_m(frames)
    return {key: values for key, values in known.items() if _varies(values)}


def _varies(values: Floats) -> bool:
    finite = values[np.isfinite(values)]
    return finite.size >= 2 * BINS and bool(np.ptp(finite) > 1e-9 * np.abs(finite).max())


def _bins(values: Floats, metres: Floats, degrees: Floats) -> list[dict[str, Any]]:
    """Return the medians of the errors in bins with the same number of frames each."""
    order = np.array_split(np.argsort(values, kind='stable'), BINS)
    return [{'from': float(values[i[0]]), 'to': float(values[i[-1]]), 'frames': len(i),
             'translation_m': float(np.median(metres[i])),
             'rotation_deg': float(np.median(degrees[i]))} for i in order]


def relations(
        frames: Sequence[FrameResult], train: TrainIndex | None, *,
        timed: bool) -> dict[str, dict[str, Any] | None]:
    """
    Return how the error of accepted answers goes with distance, motion and predicted sigma.

    :returns: for each key of WORDS the rank correlations with both errors and the medians in
        five bins; None where the quantity is not known, or is the same for all frames.
    """
    metres, degrees = frame_errors(frames)
    known = quantities(frames, train, timed=timed)
    result: dict[str, dict[str, Any] | None] = dict.fromkeys(WORDS)
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
