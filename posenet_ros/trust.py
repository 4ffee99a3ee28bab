"""
How far a model's own word about its answers can be trusted.

Is it surest where it is right, does it know what it has never seen, what false poses get through?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from posenet_ros.metrics import CONFIDENCE, ranks, resampled
from posenet_ros.results import frame_errors, FrameResult, raw_errors

Array = NDArray[np.float64]

KEPT = tuple(n / 20 for n in range(1, 21))  # shares of the frames, the surest first
GOOD_KEPT = 0.95  # share of the good frames that a limit has to let pass
DRAWN = 30_000  # errors from what was predicted
FALSE_POSE_M = 5.0
AT_ONCE = 50  # resampled walks, for long ones take memory
LEAST_ERROR = 1e-9  # of a p95 that others are compared with
SCORE_LIMIT = 1.0  # of the place score, as the model was trained


def sigmas(frames: Sequence[FrameResult]) -> tuple[Array, Array]:
    """Return how unsure each frame's position (m) and rotation (deg) are, NaN where unknown."""
    known = [np.full((6, 6), np.nan) if f.covariance is None else f.covariance for f in frames]
    variances = np.array([np.diag(matrix) for matrix in known]).reshape(-1, 2, 3).sum(axis=2)
    metres, radians = np.sqrt(variances).T
    return metres, np.degrees(radians)


def _parts(ordered: Array) -> list[Array]:
    """Return the first of (..., N) errors, the surest first, for each share."""
    count = ordered.shape[-1]
    return [ordered[..., :max(round(share * count), 1)] for share in KEPT]


def _means(ordered: Array) -> Array:
    """Return the mean of each part, (..., K)."""
    return np.stack([part.mean(axis=-1) for part in _parts(ordered)], axis=-1)


def _p95s(ordered: Array) -> Array:
    """Return the 95th percentile of each part, (..., K)."""
    return np.stack([np.percentile(part, 95, axis=-1) for part in _parts(ordered)], axis=-1)


def _changes(p95s: Array) -> Array:
    """Return by which share each p95 is above that of all, which is the last, (..., K)."""
    return np.asarray(p95s / np.maximum(p95s[..., -1:], LEAST_ERROR) - 1)


def _drawn(unsure: Array) -> Array:
    """Return errors (draws, N) from (N,) predictions that are exact on each of three axes."""
    draws = max(DRAWN // len(unsure), 10)
    normal = np.random.default_rng(0).normal(size=(draws, len(unsure), 3))
    return np.asarray(unsure * np.linalg.norm(normal, axis=2) / np.sqrt(3))


def _change_interval(errors: Array, unsure: Array) -> Array:
    """Return the (K, 2) 95 % confidence intervals of the changes of (N,) errors."""
    samples, changes = resampled(len(errors)), []
    while some := list(islice(samples, AT_ONCE)):
        index = np.array(some)
        order = np.argsort(unsure[index], axis=-1, kind='stable')
        changes.append(_changes(_p95s(errors[np.take_along_axis(index, order, axis=-1)])))
    return np.asarray(np.percentile(np.concatenate(changes), CONFIDENCE, axis=0).T)


def sparsification(errors: ArrayLike, unsure: ArrayLike) -> dict[str, Any] | None:
    """
    Tell how the errors fall when only the surest frames are kept.

    Beside it what an oracle reaches that knows the errors. The area between the two curves of the
    mean, as a share of the mean of all, is the AUSE: 0 is perfect (Ilg et al., "Uncertainty
    estimates and multi-hypotheses networks for optical flow", ECCV 2018, section 5). And beside it
    what is expected of exact predictions: where all frames are about as sure, not even these make
    the surest ones much better.

    :param errors: (N,) in any unit.
    :param unsure: (N,) predicted standard deviations.
    :returns: None where the prediction does not vary, and so says nothing about an order.
    """
    found, predicted = np.asarray(errors, np.float64), np.asarray(unsure, np.float64)
    if found.size < len(KEPT) or np.ptp(predicted) <= 1e-9 * predicted.max() or not found.any():
        return None
    order = np.argsort(predicted, kind='stable')
    surest, best, drawn = found[order], np.sort(found), _drawn(predicted[order])
    means, oracle_means, p95s = _means(surest), _means(best), _p95s(surest)
    gaps = (means - oracle_means) / found.mean()
    curves = {'mean': means, 'oracle_mean': oracle_means, 'p95': p95s, 'oracle_p95': _p95s(best),
              'predicted_mean': _means(drawn).mean(axis=0),
              'predicted_p95': _p95s(drawn).mean(axis=0), 'p95_change': _changes(p95s),
              'p95_change_interval': _change_interval(found, predicted)}
    return {'kept': list(KEPT), **{key: curve.tolist() for key, curve in curves.items()},
            'ause': float(np.sum((gaps[1:] + gaps[:-1]) / 2 * np.diff(KEPT)))}


def auroc(inside: ArrayLike, outside: ArrayLike) -> float:
    """
    Return how probably a score is higher outside than inside; ties count half.

    The area under the ROC curve is Mann and Whitney's U / (n m) (Hanley and McNeil 1982).
    """
    low, high = (np.asarray(scores, np.float64) for scores in (inside, outside))
    u = ranks(np.concatenate([low, high]))[low.size:].sum() - high.size * (high.size + 1) / 2
    return float(u / (low.size * high.size))


def separation(inside: ArrayLike, outside: ArrayLike) -> dict[str, float]:
    """Return the AUROC of a score, and what passes a limit that lets 95 % of the good pass."""
    limit = float(np.quantile(np.asarray(inside), GOOD_KEPT, method='higher'))
    return {'auroc': auroc(inside, outside), 'limit_for_95': limit,
            'out_of_place_at_95': float(np.mean(np.asarray(outside) <= limit))}


def scores_of(frames: Sequence[FrameResult]) -> Array:
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
