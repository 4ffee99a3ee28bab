"""Sparsification: the errors of the most certain fractions of the frames."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.metrics.resampling import block_bootstrap, CONFIDENCE

KEPT_FRACTIONS = tuple(n / 20 for n in range(1, 21))  # of the frames, the most certain first
SIMULATED_ERRORS = 30_000  # drawn from the predicted standard deviations
RESAMPLES_PER_BATCH = 50  # bounds the memory that long walks take
MIN_P95 = 1e-9  # guards the division by the p95 of all frames


@dataclass(frozen=True, eq=False)
class Sparsification:
    """
    Sparsification curves, (K,) each: statistics of the most certain fractions of the frames.

    :param kept: the fractions.
    :param mean: of the errors.
    :param oracle_mean: with the frames sorted by their errors.
    :param p95: 95th percentile of the errors.
    :param oracle_p95: with the frames sorted by their errors.
    :param predicted_mean: as expected of exact standard deviations.
    :param predicted_p95: the same.
    :param p95_change: relative to the p95 of all frames.
    :param p95_change_interval: (K, 2) its 95 % confidence intervals.
    :param ause: area under the sparsification error curve, relative to the mean of all.
    """

    kept: Floats
    mean: Floats
    oracle_mean: Floats
    p95: Floats
    oracle_p95: Floats
    predicted_mean: Floats
    predicted_p95: Floats
    p95_change: Floats
    p95_change_interval: Floats
    ause: float


def _most_certain(ordered: Floats) -> list[Floats]:
    """Slice (..., N) errors, ordered from the most certain, at each kept fraction."""
    count = ordered.shape[-1]
    return [ordered[..., :max(round(fraction * count), 1)] for fraction in KEPT_FRACTIONS]


def _means(ordered: Floats) -> Floats:
    """Compute the mean at each kept fraction, (..., K)."""
    return np.stack([kept.mean(axis=-1) for kept in _most_certain(ordered)], axis=-1)


def _p95s(ordered: Floats) -> Floats:
    """Compute the 95th percentile at each kept fraction, (..., K)."""
    return np.stack([np.percentile(kept, 95, axis=-1) for kept in _most_certain(ordered)], axis=-1)


def _relative_changes(p95s: Floats) -> Floats:
    """Compute the change of each p95 relative to that of all frames, the last, (..., K)."""
    return np.asarray(p95s / np.maximum(p95s[..., -1:], MIN_P95) - 1)


def _simulated_errors(sigmas: Floats) -> Floats:
    """Draw errors, (draws, N), of which (N,) sigmas are exact, equal on three axes."""
    draws = max(SIMULATED_ERRORS // len(sigmas), 10)
    normal = np.random.default_rng(0).normal(size=(draws, len(sigmas), 3))
    return np.asarray(sigmas * np.linalg.norm(normal, axis=2) / np.sqrt(3))


def _change_interval(errors: Floats, sigmas: Floats) -> Floats:
    """Compute the (K, 2) 95 % confidence intervals of the relative changes of (N,) errors."""
    samples, changes = block_bootstrap(len(errors)), []
    while batch := list(islice(samples, RESAMPLES_PER_BATCH)):
        index = np.array(batch)
        order = np.argsort(sigmas[index], axis=-1, kind='stable')
        changes.append(_relative_changes(_p95s(errors[np.take_along_axis(index, order, axis=-1)])))
    return np.asarray(np.percentile(np.concatenate(changes), CONFIDENCE, axis=0).T)


def sparsification(errors: ArrayLike, sigmas: ArrayLike) -> Sparsification | None:
    """
    Compute the sparsification curves: the errors of the most certain fractions of the frames.

    Beside them the curves of an oracle that sorts by the errors themselves. The area between both
    curves of the mean, relative to the mean of all, is the AUSE: 0 is perfect (Ilg et al.,
    "Uncertainty estimates and multi-hypotheses networks for optical flow", ECCV 2018, section 5).
    And beside them the curves expected of exact standard deviations: where all frames are about
    as certain, not even these make the most certain ones much better.

    :param errors: (N,) in any unit.
    :param sigmas: (N,) predicted standard deviations.
    :returns: None where the prediction does not vary, and so gives no order.
    """
    actual, predicted = np.asarray(errors, np.float64), np.asarray(sigmas, np.float64)
    constant = np.ptp(predicted) <= 1e-9 * predicted.max()
    if actual.size < len(KEPT_FRACTIONS) or constant or not actual.any():
        return None
    order = np.argsort(predicted, kind='stable')
    by_sigma, by_error = actual[order], np.sort(actual)
    simulated = _simulated_errors(predicted[order])
    means, oracle_means, p95s = _means(by_sigma), _means(by_error), _p95s(by_sigma)
    gaps = (means - oracle_means) / actual.mean()
    return Sparsification(
        np.array(KEPT_FRACTIONS), means, oracle_means, p95s, _p95s(by_error),
        _means(simulated).mean(axis=0), _p95s(simulated).mean(axis=0), _relative_changes(p95s),
        _change_interval(actual, predicted),
        float(np.sum((gaps[1:] + gaps[:-1]) / 2 * np.diff(KEPT_FRACTIONS))))
