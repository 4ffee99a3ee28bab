"""Which tiles of a map are in memory: those that were used last, as many as are allowed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
import mmap
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NEIGHBOURHOOD = 1 << 16  # bytes round a page that the kernel maps with it
VIEWS_PER_BLOCK = 256  # of the views' list of landmarks
Spans = Sequence[tuple[int, int]]


class MemoryUse(NamedTuple):
    """How many tiles of how many are in memory, and their size in bytes."""

    tiles: int
    of: int
    size: int


class TileMemory:
    """
    Let the tiles that were used last stay in memory, and give the others back.

    The arrays lie in a file that is mapped: what was given back is read again where it is used,
    so that no result depends on this. Any thread may use it.

    :param data: the mapped file; None where it is in memory as a whole, for ever.
    :param spans: where the arrays' parts of each tile begin and end, bytes; after the tiles of
        landmarks those of the lists of VIEWS_PER_BLOCK views each.
    :param tile_of: (L,) tile of each landmark.
    :param max_bytes: of the tiles in memory together.
    :param problem: why the map is not on a disk, although it should be; empty where it is.
    """

    def __init__(self, data: mmap.mmap | None, spans: Sequence[Spans], tile_of: NDArray[np.int32],
                 max_bytes: int, problem: str = '') -> None:
        self._data, self._spans, self._tile_of = data, spans, tile_of
        self._tiles = int(tile_of[-1]) + 1
        self._sizes = [sum(last - first for first, last in each) for each in spans]
        self._max_bytes, self.problem = max_bytes, problem
        self._used: OrderedDict[int, None] = OrderedDict()  # tiles, the last used last
        self._size = 0
        self._lock = Lock()

    def use(self, view: int, landmarks: NDArray[np.int32]) -> None:
        """Keep the tiles of what a view sees, which is about to be read."""
        if self._data is not None:
            with self._lock:
                self._keep(self._tiles_of(view, landmarks))

    def expect(self, seen: Iterable[tuple[int, NDArray[np.int32]]]) -> None:
        """
        Read ahead, in the background, what views near the camera see.

        :param seen: views with their landmarks, the nearest first; what they fill is half of the
            memory at most.
        """
        if self._data is None:
            return
        ahead: dict[int, None] = {}
        for view, landmarks in seen:
            ahead |= dict.fromkeys(self._tiles_of(view, landmarks))
            if sum(self._sizes[tile] for tile in ahead) > self._max_bytes / 2:
                break
        with self._lock:
            self._keep(list(ahead)[::-1])

    def release(self) -> None:
        """Give back all tiles, as after a map was read as a whole."""
        if self._data is not None:
            with self._lock:
                self._used.clear()
                self._size = 0
                self._data.madvise(mmap.MADV_DONTNEED)

    def in_use(self) -> MemoryUse:
        """Return which part of the map is in memory, at most."""
        if self._data is None:
            return MemoryUse(self._tiles, self._tiles, sum(self._sizes))
        with self._lock:
            return MemoryUse(sum(tile < self._tiles for tile in self._used), self._tiles,
                             self._size)

    def _tiles_of(self, view: int, landmarks: NDArray[np.int32]) -> list[int]:
        used = np.zeros(self._tiles, np.bool_)
        used[self._tile_of[landmarks]] = True
        return [*np.flatnonzero(used).tolist(), self._tiles + view // VIEWS_PER_BLOCK]

    def _keep(self, tiles: Iterable[int]) -> None:
        """Note a use of tiles; those that are not in memory are read at once, as a whole."""
        for tile in tiles:
            if tile not in self._used:
                self._size += self._sizes[tile]
                self._advise(mmap.MADV_WILLNEED, tile)
            self._used[tile] = None
            self._used.move_to_end(tile)
        while self._size > self._max_bytes and len(self._used) > 1:
            oldest, _ = self._used.popitem(last=False)
            self._size -= self._sizes[oldest]
            self._advise(mmap.MADV_DONTNEED, oldest)

    def _advise(self, advice: int, tile: int) -> None:
        assert self._data is not None
        for first, last in self._spans[tile]:
            start = first // NEIGHBOURHOOD * NEIGHBOURHOOD
            end = min(-(-last // NEIGHBOURHOOD) * NEIGHBOURHOOD, len(self._data))
            if end > start:
                self._data.madvise(advice, start, end - start)
