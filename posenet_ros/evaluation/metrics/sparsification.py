"""How errors fall when only the surest frames are kept."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.metrics.resampling import CONFIDENCE, resampled

KEPT = tuple(n / 20 for n in range(1, 21))  # shares of the frames, the surest first
DRAWN = 30_000  # errors from what was predicted
AT_ONCE = 50  # resampled walks, for long ones take memory
LEAST_ERROR = 1e-9  # of a p95 that others are compared with


def _parts(ordered: Floats) -> list[Floats]:
    """Return the first of (..., N) errors, the surest first, for each share."""
    count = ordered.shape[-1]
    return [ordered[..., :max(round(share * count), 1)] for share in KEPT]


def _means(ordered: Floats) -> Floats:
    """Return the mean of each part, (..., K)."""
    return np.stack([part.mean(axis=-1) for part in _parts(ordered)], axis=-1)


def _p95s(ordered: Floats) -> Floats:
    """Return the 95th percentile of each part, (..., K)."""
    return np.stack([np.percentile(part, 95, axis=-1) for part in _parts(ordered)], axis=-1)


def _changes(p95s: Floats) -> Floats:
    """Return by which share each p95 is above that of all, which is the last, (..., K)."""
    return np.asarray(p95s / np.maximum(p95s[..., -1:], LEAST_ERROR) - 1)


def _drawn(unsure: Floats) -> Floats:
    """Return errors (draws, N) from (N,) predictions that are exact on each of three axes."""
    draws = max(DRAWN // len(unsure), 10)
    normal = np.random.default_rng(0).normal(size=(draws, len(unsure), 3))
    return np.asarray(unsure * np.linalg.norm(normal, axis=2) / np.sqrt(3))


def _change_interval(errors: Floats, unsure: Floats) -> Floats:
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
