"""Find the descriptors that are most similar to one: exactly, or by product quantisation."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats32

INDEXED_FROM = 100_000  # descriptors; exact search of fewer takes a few milliseconds at most
TRAINED_ON = 20_000  # descriptors that the codes are learnt from
AT_ONCE = 65_536  # descriptors that are encoded at a time, to bound the memory
CODES = 64  # of a descriptor, at most, of 4 bits each: what is read decides about the time
CANDIDATES = 2_000  # nearest by their codes, which are compared exactly


class Search(Protocol):
    """Search of N descriptors by their inner product with one."""

    def nearest(self, descriptor: Floats32, count: int) -> NDArray[np.intp]:
        """Return the indices of the `count` most similar descriptors to one (D,), best first."""


class ExactSearch:
    """
    Compare with every descriptor.

    :param descriptors: (N, D).
    """

    def __init__(self, descriptors: NDArray[np.floating]) -> None:
        self._descriptors = np.asarray(descriptors, np.float32)

    def nearest(self, descriptor: Floats32, count: int) -> NDArray[np.intp]:
        """Return the indices of the most similar descriptors; of equal ones the first."""
        return best_of(self._descriptors @ descriptor, count)


class IndexedSearch:
    """
    Compare with short codes of all descriptors, then exactly with those of the nearest codes.

    Product quantisation (Jegou et al. 2011) to 4 bits for each of D / CODES numbers, compared by
    table look-ups in registers (Andre et al. 2015), by faiss. The descriptors themselves stay
    where they are, as in a file that is mapped into memory.

    :param descriptors: (N, D), at least 16 of them, D a multiple of CODES.
    """

    def __init__(self, descriptors: NDArray[np.floating]) -> None:
        import faiss
        self._descriptors = descriptors
        self._index: Any = faiss.index_factory(
            descriptors.shape[1], f'PQ{CODES}x4fs', faiss.METRIC_INNER_PRODUCT)
        step = max(len(descriptors) // TRAINED_ON, 1)
        self._index.train(np.asarray(descriptors[::step], np.float32))
        for start in range(0, len(descriptors), AT_ONCE):
            self._index.add(np.asarray(descriptors[start:start + AT_ONCE], np.float32))

    @property
    def code_bytes(self) -> int:
        """Return the memory of all codes, bytes."""
        return len(self._descriptors) * int(self._index.code_size)

    def nearest(self, descriptor: Floats32, count: int) -> NDArray[np.intp]:
        """Return the indices of the most similar descriptors, best first."""
        few = min(max(CANDIDATES, 2 * count), len(self._descriptors))
        _, found = self._index.search(descriptor[np.newaxis], few)
        chosen = np.sort(found[0][found[0] >= 0])  # in the order of the file
        similarities = np.asarray(self._descriptors[chosen], np.float32) @ descriptor
        return np.asarray(chosen[best_of(similarities, count)], np.intp)


def search_of(descriptors: NDArray[np.floating]) -> Search:
    """Search descriptors (N, D) exactly, or where they are many by an index if faiss is there."""
    count, size = descriptors.shape
    if count >= INDEXED_FROM and can_be_indexed(size):
        return IndexedSearch(descriptors)
    return ExactSearch(descriptors)


def can_be_indexed(size: int) -> bool:
    """Return whether faiss is there, and descriptors of `size` numbers fit its codes."""
    return size % CODES == 0 and find_spec('faiss') is not None


def best_of(similarities: Floats32, count: int) -> NDArray[np.intp]:
    """Return the indices of the `count` highest of (N,) numbers, in order; of equals the first."""
    if count >= len(similarities):
        return np.argsort(-similarities, kind='stable')
    least = np.partition(similarities, -count)[-count] if count else np.inf
    chosen = np.flatnonzero(similarities >= least)
    return chosen[np.argsort(-similarities[chosen], kind='stable')][:count]
