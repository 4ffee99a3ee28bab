"""Choose the pairs of images to match: those that follow each other, and those that look alike."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats32
from posenet_ros.training.sfm.options import PairOptions

BLOCK = 512  # images whose similarities are computed at a time


def _following(walks: NDArray[np.intp], count: int) -> Iterator[NDArray[np.intp]]:
    indices = np.arange(len(walks))
    for step in range(1, count + 1):
        same = walks[step:] == walks[:-step]
        yield np.column_stack([indices[:-step], indices[step:]])[same]


def _nearest(similarities: Floats32, rows: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Pair each row with its `count` largest similarities; -inf is no candidate."""
    count = min(count, similarities.shape[1])
    best = np.argsort(-similarities, axis=1, kind='stable')[:, :count]
    allowed = np.isfinite(np.take_along_axis(similarities, best, axis=1))
    return np.column_stack([np.repeat(rows, count), best.ravel()])[allowed.ravel()]


def _similar(walks: NDArray[np.intp], descriptors: Floats32,
             options: PairOptions) -> Iterator[NDArray[np.intp]]:
    indices = np.arange(len(walks))
    across = options.across if len(np.unique(walks)) > 1 else 0
    for start in range(0, len(walks), BLOCK):
        rows = indices[start:start + BLOCK]
        similarities = descriptors[rows] @ descriptors.T
        same = walks[rows, np.newaxis] == walks
        near = np.abs(rows[:, np.newaxis] - indices) <= options.following
        similarities[same & near] = -np.inf
        yield _nearest(similarities, rows, options.similar - across)
        if across:
            similarities[same] = -np.inf
            yield _nearest(similarities, rows, across)


def choose_pairs(walks: NDArray[np.intp], descriptors: Floats32,
                 options: PairOptions) -> NDArray[np.intp]:
    """
    Choose pairs of images.

    :param walks: (N,) number of the walk of each image; a walk's images lie together, in order.
    :param descriptors: (N, D) global descriptors of length 1.
    :returns: (P, 2) indices, the smaller first, each pair once, rising.
    """
    parts = [*_following(walks, options.following), *_similar(walks, descriptors, options)]
    pairs = np.concatenate([np.empty((0, 2), np.intp), *parts])
    return np.unique(np.sort(pairs, axis=1), axis=0)
