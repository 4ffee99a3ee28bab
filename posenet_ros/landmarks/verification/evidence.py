"""A-contrario evidence: how unlikely as many votes agree by chance."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from posenet_ros.landmarks.options import VerificationOptions

_LOG_FACTORIALS = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, 4097)))])


def log10_binomial_tail(successes: int, trials: int, probability: float) -> float:
    """
    Compute the decimal logarithm of P[X >= successes] of a binomial X.

    :param probability: of a success, over 0 and below 1.
    """
    if successes <= 0 or successes > trials:
        return 0.0
    factorials = _log_factorials(trials)
    k = np.arange(successes, trials + 1)
    terms = (factorials[trials] - factorials[k] - factorials[trials - k]
             + k * math.log(probability) + (trials - k) * math.log1p(-probability))
    largest = terms.max()
    return float((largest + math.log(np.exp(terms - largest).sum())) / math.log(10))


def evidence(cells: NDArray[np.int64], residuals_px: NDArray[np.floating], chance: float,
             options: VerificationOptions) -> float:
    """
    Compute the a-contrario evidence of a pose (after Moisan and Stival 2004).

    With m voting cells, of which k(r) agree within r pixels, it is ::

        max over r of -log10 P[Binomial(m - 4, chance r^2 / 16) >= k(r) - 4] - log10 R

    over R radii. Four cells are taken off for the six parameters that were fitted to them.

    :param cells: (N,) image cell of each voter.
    :param residuals_px: (N,) distance of each voter from where the pose puts its landmark.
    :param chance: probability that a voter agrees within 4 pixels by chance.
    :returns: a base-10 logarithm, 0 for none.
    """
    voting, fitted, best = len(np.unique(cells)), options.fitted_cells, 0.0
    for radius in options.radii_px:
        support = len(np.unique(cells[residuals_px <= radius]))
        if support <= fitted:
            continue
        probability = min(max(chance * radius ** 2 / options.vote_px ** 2, 1e-6), 0.99)
        tail = log10_binomial_tail(support - fitted, voting - fitted, probability)
        best = max(best, -tail - math.log10(len(options.radii_px)))
    return best


def _log_factorials(count: int) -> NDArray[np.float64]:
    if count < len(_LOG_FACTORIALS):
        return _LOG_FACTORIALS
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
