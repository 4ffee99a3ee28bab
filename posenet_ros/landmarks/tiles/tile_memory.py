"""Which tiles of a map are in memory: those that were used last, as many as are allowed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Spans = Sequence[tuple[int, int]]


class MemoryUse(NamedTuple):
    """How many tiles of how many are in memory, and their size in bytes."""

    tiles: int
    of: int
    size: int


class File(Protocol):
    """A file that is mapped into memory."""

    def read_ahead(self, first: int, last: int) -> None:
        """Read bytes that will be needed."""
        ...

    def give_back(self, first: int, last: int) -> None:
        """Let bytes take no memory."""
        ...


class TileMemory:
    """
    Let the tiles that were used last stay in memory, and give the others back.

    The arrays lie in a file that is mapped: what was given back is read again where it is used,
    so that no result depends on this. Any thread may use it.

    :param file: of the arrays; None where they are in memory as a whole, for ever.
    :param spans: where the arrays' parts of each tile begin and end, bytes.
    :param tiles_of_views: indices of the tiles that are read for each view.
    :param count: of the tiles of landmarks; those after them have the lists of what views see.
    :param max_bytes: of the tiles in memory together.
    :param problem: why the map is not on a disk, although it should be; empty where it is.
    """

    def __init__(self, file: File | None, spans: Sequence[Spans],
                 tiles_of_views: Sequence[NDArray[np.integer]], count: int, max_bytes: int,
                 problem: str = '') -> None:
        self._file, self._spans, self._tiles_of_views = file, spans, tiles_of_views
        self._tiles = count
        self._sizes = [sum(last - first for first, last in each) for each in spans]
        self._max_bytes, self.problem = max_bytes, problem
        self._used: OrderedDict[int, None] = OrderedDict()  # tiles, the last used last
        self._size = 0
        self._lock = Lock()
        self._reader = ThreadPoolExecutor(1, 'tiles')
        self._reading: Future[None] | None = None

    def use(self, view: int) -> None:
        """Keep the tiles of what a view sees, which is about to be read."""
        if self._file is not None:
            self._keep(self._tiles_of_views[view].tolist())

    def expect(self, views: Iterable[int]) -> Future[None] | None:
        """
        Read ahead, in a thread, what views near the camera see.

        :param views: (K,) the nearest first; what they fill is half of the memory at most.
        :returns: is done when it is asked for; None where it is not, as the last is not done yet.
        """
        if self._file is None or (self._reading and not self._reading.done()):
            return None
        self._reading = self._reader.submit(self._read_ahead, views)
        return self._reading

    def _read_ahead(self, views: Iterable[int]) -> None:
        ahead: dict[int, None] = {}
        for view in views:
            ahead |= dict.fromkeys(self._tiles_of_views[view].tolist())
            if sum(self._sizes[tile] for tile in ahead) > self._max_bytes / 2:
                break
        self._keep([*ahead][::-1])

    def release(self) -> None:
        """Give back all tiles, as after a map was read as a whole."""
        if self._file is not None:
            with self._lock:
                self._used.clear()
                self._size = 0
            for spans in self._spans:
                for first, last in spans:
                    self._file.give_back(first, last)

    def in_use(self) -> MemoryUse:
        """Return which part of the map is in memory, at most."""
        if self._file is None:
            return MemoryUse(self._tiles, self._tiles, sum(self._sizes))
        with self._lock:
            return MemoryUse(sum(tile < self._tiles for tile in self._used), self._tiles,
                             self._size)

    def _keep(self, tiles: Sequence[int]) -> None:
        """Note a use of tiles; those that are not in memory are read at once, as a whole."""
        assert self._file is not None
        with self._lock:
            new, old = self._note(tiles)
        for tile in new:  # without the lock: a disk may take its time
            for first, last in self._spans[tile]:
                self._file.read_ahead(first, last)
        for tile in old:
            for first, last in self._spans[tile]:
                self._file.give_back(first, last)

    def _note(self, tiles: Sequence[int]) -> tuple[list[int], list[int]]:
        """Note a use of tiles. Returns those to be read, and those to be given back."""
        new = [tile for tile in tiles if tile not in self._used]
        self._used |= dict.fromkeys(new)
        self._size += sum(self._sizes[tile] for tile in new)
        for tile in tiles:
            self._used.move_to_end(tile)
        old = []
        while self._size > self._max_bytes and len(self._used) > 1:
            old.append(self._used.popitem(last=False)[0])
            self._size -= self._sizes[old[-1]]
        return new, old
