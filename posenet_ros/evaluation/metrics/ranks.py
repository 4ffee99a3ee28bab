"""Rank statistics: Spearman's correlation, and the area under the ROC curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import Floats


def ranks(values: Floats) -> Floats:
    """Compute the ranks from 1; ties get the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray(((ends - counts + 1 + ends) / 2)[inverse], np.float64)


def rank_correlation(a: Floats, b: Floats) -> float:
    """Compute Spearman's rank correlation, -1 to 1; 0 where either does not vary."""
    x, y = ranks(a), ranks(b)
    if not np.ptp(x) or not np.ptp(y):
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def auroc(inside: ArrayLike, outside: ArrayLike) -> float:
    """
    Compute the area under the ROC curve of scores that should be higher outside than inside.

    It is Mann and Whitney's U / (n m), the probability of the right order, ties counted half
    (Hanley and McNeil 1982).
    """
    low, high = (np.asarray(scores, np.float64) for scores in (inside, outside))
    u = ranks(np.concatenate([low, high]))[low.size:].sum() - high.size * (high.size + 1) / 2
    return float(u / (low.size * high.size))
