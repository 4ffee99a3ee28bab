"""Resampling of correlated frames: by blocks, by clusters; a block sign-flip test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.metrics.ranks import ranks

FLIPS = 10000
MIN_CLUSTERS = 6
CONFIDENCE = (2.5, 97.5)  # per cent: the ends of a 95 % interval


def signed_rank_p_value(difference: Floats, seed: int = 0) -> float:
    """
    Compute the two-sided p-value of paired differences, when neither method is better.

    The signed-rank statistic (Wilcoxon 1945) against random sign flips of whole blocks of
    n^(1/3) neighbouring frames, whose errors are correlated.

    :param difference: (N,) second minus first, in the order of recording; may be infinite.
    """
    changed = difference[difference != 0]
    if not changed.size:
        return 1.0
    signed = np.sign(changed) * ranks(np.abs(changed))
    block = block_length(len(signed))
    sums = np.add.reduceat(signed, np.arange(0, len(signed), block))
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), (FLIPS, len(sums)))
    extreme = np.abs(signs @ sums) >= abs(sums.sum()) - 1e-9
    return float((extreme.sum() + 1) / (FLIPS + 1))


def block_length(count: int) -> int:
    """
    Choose the number of neighbouring frames to resample as one block.

    Errors of neighbours are correlated; blocks of n^(1/3) keep the correlation (Hall, Horowitz
    and Jing 1995).
    """
    return max(round(float(np.cbrt(count))), 1)


def block_bootstrap(
        count: int, resamples: int = 1000, seed: int = 0) -> Iterator[NDArray[np.intp]]:
    """
    Yield the indices of frames, (N,) a resample, of a circular block bootstrap.

    Blocks of frames are drawn instead of single ones (Politis and Romano 1992).

    :param count: the number of frames, in the order of the recording.
    """
    rng, block = np.random.default_rng(seed), block_length(count)
    for _ in range(resamples):
        starts = rng.integers(0, count, -(-count // block))
        yield (starts[:, None] + np.arange(block)).ravel()[:count] % count


def median_interval(errors: ArrayLike, resamples: int = 1000, seed: int = 0) -> list[float]:
    """
    Compute the 95 % confidence interval of the median, by :func:`block_bootstrap`.

    :param errors: (N,) in the order of the recording.
    :returns: lower and upper end.
    """
    array = np.asarray(errors, dtype=np.float64)
    medians = [np.median(array[index])
               for index in block_bootstrap(array.size, resamples, seed)]
    return [float(v) for v in np.percentile(medians, CONFIDENCE)]


def cluster_median_interval(clusters: Sequence[ArrayLike], resamples: int = 1000,
                            seed: int = 0) -> list[float]:
    """
    Compute the 95 % confidence interval of the median of all values in clusters, such as bags.

    Whole clusters are drawn, with replacement, as their values err together (cluster bootstrap,
    Field and Welsh 2007). Of fewer than MIN_CLUSTERS too few resamples differ: then by
    :func:`block_bootstrap` of the values, which says nothing of other clusters.

    :param clusters: of values, one or more in all.
    :returns: lower and upper end.
    """
    arrays = [np.asarray(one, np.float64) for one in clusters]
    values = np.concatenate(arrays)
    if len(arrays) < MIN_CLUSTERS:
        return median_interval(values, resamples, seed)
    order = np.argsort(values, kind='stable')
    of_cluster = np.repeat(np.arange(len(arrays)), list(map(len, arrays)))[order]
    drawn = np.random.default_rng(seed).multinomial(
        len(arrays), np.full(len(arrays), 1 / len(arrays)), resamples)  # times that each is drawn
    medians = [_weighted_median(values[order], times[of_cluster]) for times in drawn
               if times[of_cluster].any()]
    return [float(v) for v in np.percentile(medians, CONFIDENCE)]


def _weighted_median(rising: Floats, times: NDArray[np.integer]) -> float:
    """Return the median of rising values (N,), each counted `times` (N,)."""
    count = np.cumsum(times)
    low, high = np.searchsorted(count, [(count[-1] - 1) // 2, count[-1] // 2], side='right')
    return float((rising[low] + rising[high]) / 2)


def mean_intervals(values: Floats) -> Floats:
    """Compute the (K, 2) 95 % confidence intervals of the means of (N, K) values."""
    means = [values[index].mean(axis=0) for index in block_bootstrap(len(values))]
    return np.asarray(np.percentile(means, CONFIDENCE, axis=0).T, np.float64)
