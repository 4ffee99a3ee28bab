"""
Reliability of a model's statements about its own estimates.

Sparsification (are the most certain estimates the best?), out-of-place detection by place score
and predicted standard deviation, and false poses that were accepted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.metrics.ranks import auroc
from posenet_ros.evaluation.metrics.sparsification import sparsification
from posenet_ros.evaluation.results import frame_errors, FrameResult, raw_errors

TRUE_POSITIVE_RATE = 0.95  # of the frames in place, at which a limit is chosen
FALSE_POSE_M = 5.0
SCORE_LIMIT = 1.0  # of the place score, as the model was trained


def total_sigmas(frames: Sequence[FrameResult]) -> tuple[Floats, Floats]:
    """
    Compute the total standard deviations of position and rotation: roots of the traces.

    :returns: (N,) metres and (N,) degrees, NaN where unknown.
    """
    known = [np.full((6, 6), np.nan) if f.covariance is None else f.covariance for f in frames]
    variances = np.array([np.diag(matrix) for matrix in known]).reshape(-1, 2, 3).sum(axis=2)
    metres, radians = np.sqrt(variances).T
    return metres, np.degrees(radians)


def separation(inside: ArrayLike, outside: ArrayLike) -> dict[str, float]:
    """
    Measure how a score separates out-of-place images: AUROC, false positive rate at 95 % TPR.

    :param inside: (N,) scores of images of the place.
    :param outside: (M,) scores of images of other places.
    """
    limit = float(np.quantile(np.asarray(inside), TRUE_POSITIVE_RATE, method='higher'))
    return {'auroc': auroc(inside, outside), 'limit_for_95': limit,
            'out_of_place_at_95': float(np.mean(np.asarray(outside) <= limit))}


def place_scores(frames: Sequence[FrameResult]) -> Floats:
    """Collect the place scores of the frames that have one."""
    return np.array([f.place_score for f in frames if f.place_score is not None])


def _score(
        frames: Sequence[FrameResult],
        out_of_place: Sequence[FrameResult]) -> dict[str, float] | None:
    inside, outside = place_scores(frames), place_scores(out_of_place)
    if not inside.size or not outside.size:
        return None
    return {**separation(inside, outside),
            'in_place_within_limit': float(np.mean(inside <= SCORE_LIMIT)),
            'out_of_place_within_limit': float(np.mean(outside <= SCORE_LIMIT))}


def _sigma(
        frames: Sequence[FrameResult],
        out_of_place: Sequence[FrameResult]) -> dict[str, float] | None:
    inside, outside = (metres[np.isfinite(metres)] for metres in (
        total_sigmas(frames)[0], total_sigmas(out_of_place)[0]))
    both = np.concatenate([inside, outside])
    if not inside.size or not outside.size or np.ptp(both) <= 1e-9 * both.max():
        return None
    return separation(inside, outside)


def count_faults(frames: Sequence[FrameResult]) -> dict[str, int]:
    """Count the image faults by name."""
    return dict(Counter(frame.fault.value for frame in frames if frame.fault))


def out_of_place_statistics(
        frames: Sequence[FrameResult],
        out_of_place: Sequence[FrameResult]) -> dict[str, Any] | None:
    """
    Measure how well images of the place are told from images of other places.

    :param out_of_place: results of images of other places; their truth has no meaning.
    :returns: None without such images.
    """
    if not out_of_place:
        return None
    groups: dict[str, list[FrameResult]] = {}
    for frame in out_of_place:
        groups.setdefault(frame.sequence, []).append(frame)
    return {
        'frames': len(out_of_place), 'accepted': sum(f.accepted for f in out_of_place),
        'place_score': _score(frames, out_of_place), 'sigma_m': _sigma(frames, out_of_place),
        'image_faults': count_faults(out_of_place),
        'sources': {name: {'frames': len(group), 'accepted': sum(f.accepted for f in group),
                           'place_score': _score(frames, group)}
                    for name, group in groups.items()}}


def count_false_poses(
        frames: Sequence[FrameResult], limit_m: float = FALSE_POSE_M) -> dict[str, Any]:
    """Count the estimates with an error beyond the limit, and the accepted ones among them."""
    wrong, estimated = raw_errors(frames)[0] > limit_m, [f.estimate is not None for f in frames]
    return {'limit_m': limit_m, 'estimated': int((wrong & estimated).sum()),
            'accepted': int(np.sum([false and f.accepted for false, f in
                                    zip(wrong, frames, strict=True)]))}


def reliability(
        frames: Sequence[FrameResult], out_of_place: Sequence[FrameResult] = (),
        limit_m: float = FALSE_POSE_M) -> dict[str, Any]:
    """
    Compute the report's sections on reliability.

    :param out_of_place: results of images of other places.
    :param limit_m: an error beyond it makes a pose a false one, metres.
    """
    known = [f for f in frames if f.accepted and f.covariance is not None]
    errors = zip(('translation_m', 'rotation_deg'), frame_errors(known), total_sigmas(known),
                 strict=True) if known else ()
    return {'sparsification': {key: sparsification(*values) for key, *values in errors} or None,
            'out_of_place': out_of_place_statistics(frames, out_of_place),
            'false_poses': count_false_poses(frames, limit_m),
            'image_faults': count_faults(frames)}
