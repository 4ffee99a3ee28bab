"""What a count of rare events says of their rate."""

from __future__ import annotations

import math

BISECTIONS = 60


def upper_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """
    Return the one-sided Clopper-Pearson bound of a proportion; of 0 in N about 3 / N.

    It is the proportion p with P(X <= events) = 1 - confidence (Clopper and Pearson 1934).
    """
    if events >= trials:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if _at_most(events, trials, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(events: int, trials: int, proportion: float) -> float:
    """Return the binomial probability of so many events or fewer."""
    odds = math.log(proportion), math.log1p(-proportion)
    return math.fsum(math.exp(
        math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
        + k * odds[0] + (trials - k) * odds[1]) for k in range(events + 1))
