"""What may be chance: block bootstrap and sign flips of neighbouring frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.metrics.ranks import ranks

FLIPS = 10000
CONFIDENCE = (2.5, 97.5)  # per cent: the ends of a 95 % interval


def chance(difference: Floats, seed: int = 0) -> float:
    """
    Return how likely differences as one-sided as these are when neither method is better.

    The signed-rank statistic (Wilcoxon 1945) against random flips of sign, of whole blocks of
    n^(1/3) neighbouring frames, for neighbours of a walk err alike.

    :param difference: (N,) second minus first, in the order of recording; may be infinite.
    :returns: two-sided p-value.
    """
    moved = difference[difference != 0]
    if not moved.size:
        return 1.0
    signed = np.sign(moved) * ranks(np.abs(moved))
    block = block_length(len(signed))
    sums = np.add.reduceat(signed, np.arange(0, len(signed), block))
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), (FLIPS, len(sums)))
    extreme = np.abs(signs @ sums) >= abs(sums.sum()) - 1e-9
    return float((extreme.sum() + 1) / (FLIPS + 1))


def block_length(count: int) -> int:
    """
    Return how many neighbouring frames to resample as one.

    Frames of a walk err alike; blocks of n^(1/3) keep that (Hall, Horowitz and Jing 1995).
    """
    return max(round(float(np.cbrt(count))), 1)


def resampled(count: int, resamples: int = 1000, seed: int = 0) -> Iterator[NDArray[np.intp]]:
    """
    Yield indices of frames, each time (N,), of a circular block bootstrap.

    Blocks of frames are drawn instead of single ones (Politis and Romano 1992).

    :param count: frames, in the order of the recording.
    """
    rng, block = np.random.default_rng(seed), block_length(count)
    for _ in range(resamples):
        starts = rng.integers(0, count, -(-count // block))
        yield (starts[:, None] + np.arange(block)).ravel()[:count] % count


def median_interval(errors: ArrayLike, resamples: int = 1000, seed: int = 0) -> list[float]:
    """
    Return the 95 % confidence interval of the median, by :func:`resampled` frames.

    :param errors: (N,) in the order of the recording.
    :returns: lower and upper end.
    """
    array = np.asarray(errors, dtype=np.float64)
    medians = [np.median(array[index]) for index in resampled(array.size, resamples, seed)]
    return [float(v) for v in np.percentile(medians, CONFIDENCE)]


def mean_intervals(values: Floats) -> Floats:
    """Return the (K, 2) 95 % confidence intervals of the means of (N, K) values."""
    means = [values[index].mean(axis=0) for index in resampled(len(values))]
    return np.asarray(np.percentile(means, CONFIDENCE, axis=0).T, np.float64)
