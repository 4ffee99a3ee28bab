"""Ranks: correlation, and the area under the ROC curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import Floats


def ranks(values: Floats) -> Floats:
    """Return the ranks from 1, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray(((ends - counts + 1 + ends) / 2)[inverse], np.float64)


def rank_correlation(a: Floats, b: Floats) -> float:
    """Return Spearman's rank correlation, -1 to 1; 0 where one of them does not vary."""
    x, y = ranks(a), ranks(b)
    if not np.ptp(x) or not np.ptp(y):
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def auroc(inside: ArrayLike, outside: ArrayLike) -> float:
    """
    Return how probably a score is higher outside than inside; ties count half.

    The area under the ROC curve is Mann and Whitney's U / (n m) (Hanley and McNeil 1982).
    """
    low, high = (np.asarray(scores, np.float64) for scores in (inside, outside))
    u = ranks(np.concatenate([low, high]))[low.size:].sum() - high.size * (high.size + 1) / 2
    return float(u / (low.size * high.size))
