"""Map a function in threads, with the results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar('A')
B = TypeVar('B')
WORKERS = 2  # at least; more where the relocaliser has more engines
AHEAD = 32  # results that may wait


def ordered_map(
        function: Callable[[A], B], items: Iterable[A], workers: int = WORKERS,
        ahead: int = AHEAD) -> Iterator[B]:
    """
    Yield function(item) in the order of the items, computed by threads ahead of time.

    :param ahead: how many results may wait; `items` is read no further than that.
    """
    waiting: deque[Future[B]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
