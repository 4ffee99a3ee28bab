"""Cosines of an image's features with landmarks: each is compared once, and in float32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from posenet_ros.landmarks.matching import unit_rows
from posenet_ros.landmarks.options import VerificationOptions
from posenet_ros.landmarks.verification.query import Query

CHUNK = 256  # landmarks whose cosines fit into a processor's cache
Landmarks = NDArray[np.integer]


class Similarities:
    """
    Compare features with landmarks as they are needed, and remember it.

    :param descriptors: (L, D) of all landmarks of the map, uint8.
    :param query: with N features.
    """

    def __init__(self, descriptors: NDArray[np.uint8], query: Query,
                 options: VerificationOptions) -> None:
        self._descriptors, self._query = descriptors, query
        self._row = np.full(len(descriptors), -1, np.int32)  # of each landmark that is known
        self._count = 0
        self._cosines = np.empty((0, len(query)), np.float32)
        self._best = np.empty(0, np.int32)
        self._best_cosine = np.empty(0, np.float32)
        self._second_cosine = np.empty(0, np.float32)
        own, near, _ = query.grid.pairs(query.points, options.same_spot_px)
        order = np.argsort(own, kind='stable')
        self._near = near[order]
        self._near_starts = np.searchsorted(own[order], np.arange(len(query) + 1))

    def add(self, landmarks: Landmarks) -> None:
        """Compare all features with those of some landmarks that are not known yet."""
        new = landmarks[self._row[landmarks] < 0]
        if not len(new) or not len(self._query):
            return
        first, last = self._count, self._count + len(new)
        self._reserve(last)
        rows = unit_rows(self._descriptors[new])
        for start in range(0, len(new), CHUNK):
            chunk = rows[start:start + CHUNK]
            cosines = self._cosines[first + start:first + start + len(chunk)]
            np.matmul(chunk, self._query.descriptors.T, out=cosines)
            self._find_best(cosines, first + start)
        self._row[new] = np.arange(first, last)
        self._count = last

    def best(self, landmarks: Landmarks) -> tuple[
            NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
        """
        Return the most similar feature of known landmarks (K,) in the whole image.

        :returns: its index, its cosine, and the cosine of the most similar one elsewhere.
        """
        rows = self._row[landmarks]
        return self._best[rows], self._best_cosine[rows], self._second_cosine[rows]

    def cosines(self, landmarks: Landmarks,
                features: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the cosines of known landmarks with features, whose shapes are broadcast."""
        return np.asarray(self._cosines[self._row[landmarks], features])

    def _reserve(self, count: int) -> None:
        """Make room for `count` landmarks, more than needed: copies are rare."""
        if count <= len(self._cosines):
            return
        room = count + count // 2
        for name in ('_cosines', '_best', '_best_cosine', '_second_cosine'):
            old = getattr(self, name)
            new = np.empty((room, *old.shape[1:]), old.dtype)
            new[:self._count] = old[:self._count]
            setattr(self, name, new)

    def _find_best(self, cosines: NDArray[np.float32], first: int) -> None:
        """Find the best feature of each of some landmarks, and the best away from its spot."""
        every = np.arange(len(cosines))
        best = cosines.argmax(axis=1)
        counts = self._near_starts[best + 1] - self._near_starts[best]
        rank = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        row = np.repeat(every, counts)
        near = self._near[np.repeat(self._near_starts[best], counts) + rank]
        part = slice(first, first + len(cosines))
        self._best[part], self._best_cosine[part] = best, cosines[every, best]
        hidden = cosines[row, near]
        cosines[row, near] = -1
        self._second_cosine[part] = cosines.max(axis=1)
        cosines[row, near] = hidden
