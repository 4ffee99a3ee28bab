"""
How far a model's own word about its answers can be trusted.

Is it surest where it is right, does it know what it has never seen, what false poses get through?
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

GOOD_KEPT = 0.95  # share of the good frames that a limit has to let pass
FALSE_POSE_M = 5.0
SCORE_LIMIT = 1.0  # of the place score, as the model was trained


def sigmas(frames: Sequence[FrameResult]) -> tuple[Floats, Floats]:
    """Return how unsure each frame's position (m) and rotation (deg) are, NaN where unknown."""
    known = [np.full((6, 6), np.nan) if f.covariance is None else f.covariance for f in frames]
    variances = np.array([np.diag(matrix) for matrix in known]).reshape(-1, 2, 3).sum(axis=2)
    metres, radians = np.sqrt(variances).T
    return metres, np.degrees(radians)


def separation(inside: ArrayLike, outside: ArrayLike) -> dict[str, float]:
    """Return the AUROC of a score, and what passes a limit that lets 95 % of the good pass."""
    limit = float(np.quantile(np.asarray(inside), GOOD_KEPT, method='higher'))
    return {'auroc': auroc(inside, outside), 'limit_for_95': limit,
            'out_of_place_at_95': float(np.mean(np.asarray(outside) <= limit))}


def scores_of(frames: Sequence[FrameResult]) -> Floats:
    """Return the place scores of the frames that have one."""
    return np.array([f.place_score for f in frames if f.place_score is not None])


def _score(
        frames: Sequence[FrameResult], strays: Sequence[FrameResult]) -> dict[str, float] | None:
    inside, outside = scores_of(frames), scores_of(strays)
    if not inside.size or not outside.size:
        return None
    return {**separation(inside, outside),
            'in_place_within_limit': float(np.mean(inside <= SCORE_LIMIT)),
            'out_of_place_within_limit': float(np.mean(outside <= SCORE_LIMIT))}


def _sigma(
        frames: Sequence[FrameResult], strays: Sequence[FrameResult]) -> dict[str, float] | None:
    inside, outside = (metres[np.isfinite(metres)] for metres in (
        sigmas(frames)[0], sigmas(strays)[0]))
    both = np.concatenate([inside, outside])
    if not inside.size or not outside.size or np.ptp(both) <= 1e-9 * both.max():
        return None
    return separation(inside, outside)


def faults(frames: Sequence[FrameResult]) -> dict[str, int]:
    """Count the images in which something is wrong, by its name."""
    return dict(Counter(frame.fault.value for frame in frames if frame.fault))


def out_of_place(
        frames: Sequence[FrameResult], strays: Sequence[FrameResult]) -> dict[str, Any] | None:
    """
    Tell images of the place from images of others.

    :param strays: results of images of other places; their truth has no meaning.
    :returns: None without strays.
    """
    if not strays:
        return None
    groups: dict[str, list[FrameResult]] = {}
    for stray in strays:
        groups.setdefault(stray.sequence, []).append(stray)
    return {
        'frames': len(strays), 'accepted': sum(f.accepted for f in strays),
        'place_score': _score(frames, strays), 'sigma_m': _sigma(frames, strays),
        'image_faults': faults(strays),
        'sources': {name: {'frames': len(group), 'accepted': sum(f.accepted for f in group),
                           'place_score': _score(frames, group)}
                    for name, group in groups.items()}}


def false_poses(frames: Sequence[FrameResult], limit_m: float = FALSE_POSE_M) -> dict[str, Any]:
    """Count the answers that are further off than the limit, and those of them accepted."""
    wrong, answered = raw_errors(frames)[0] > limit_m, [f.estimate is not None for f in frames]
    return {'limit_m': limit_m, 'estimated': int((wrong & answered).sum()),
            'accepted': int(np.sum([bad and f.accepted for bad, f in
                                    zip(wrong, frames, strict=True)]))}


def trust(frames: Sequence[FrameResult], strays: Sequence[FrameResult] = (),
          limit_m: float = FALSE_POSE_M) -> dict[str, Any]:
    """
    Return these parts of the report.

    :param strays: results of images of other places.
    :param limit_m: an accepted pose that is further off is a false one.
    """
    known = [f for f in frames if f.accepted and f.covariance is not None]
    errors = zip(('translation_m', 'rotation_deg'), frame_errors(known), sigmas(known),
                 strict=True) if known else ()
    return {'sparsification': {key: sparsification(*values) for key, *values in errors} or None,
            'out_of_place': out_of_place(frames, strays),
            'false_poses': false_poses(frames, limit_m), 'image_faults': faults(frames)}
