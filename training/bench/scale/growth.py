"""Fit how a figure grows with a number: a power law, with the interval of its exponent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from posenet_ros.arrays import Floats

RESAMPLES = 2000
COVERAGE = 0.95
SEED = 0


@dataclass(frozen=True)
class Growth:
    """
    A power law: factor times n to the exponent.

    :param low: of the 95 % interval of the exponent, `high` its other end.
    """

    exponent: float
    low: float
    high: float
    factor: float

    def at(self, size: float) -> float:
        """Return the figure at a size."""
        return float(self.factor * size ** self.exponent)


def fit_growth(sizes: Sequence[float], values: Sequence[float]) -> Growth | None:
    """
    Fit a power law by least squares of the logarithms.

    The interval is of a bootstrap of the pairs (Efron and Tibshirani 1993): where there is one
    value for each size, it spans the slopes between sizes.

    :param sizes: (N,) and `values` (N,), all positive.
    :returns: None with fewer than two different sizes.
    """
    rows = np.log(np.column_stack([sizes, values]))
    if len(np.unique(rows[:, 0])) < 2:
        return None
    exponent, offset = np.polyfit(rows[:, 0], rows[:, 1], 1)
    tail = 100 * (1 - COVERAGE) / 2
    low, high = np.percentile(_resampled_slopes(rows), (tail, 100 - tail))
    return Growth(float(exponent), float(low), float(high), float(np.exp(offset)))


def _resampled_slopes(rows: Floats) -> Floats:
    """Return the slopes of resampled rows (N, 2), but for those of a single size."""
    rng = np.random.default_rng(SEED)
    drawn = rows[rng.integers(len(rows), size=(RESAMPLES, len(rows)))]  # (R, N, 2)
    centred = drawn - drawn.mean(axis=1, keepdims=True)
    spread = np.sum(centred[:, :, 0] ** 2, axis=1)
    usable = spread > 1e-12
    return np.asarray(np.sum(centred[usable, :, 0] * centred[usable, :, 1], axis=1)
                      / spread[usable], np.float64)


def growth_of(number: str, figures: Iterable[str],
              rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Fit how figures of a table that all rows have grow with one of its numbers, as JSON."""
    sizes = [row[number] for row in rows]
    found = {name: fit_growth(sizes, [row[name] for row in rows])
             for name in figures if all(name in row for row in rows)}
    return {name: asdict(growth) for name, growth in found.items() if growth}
