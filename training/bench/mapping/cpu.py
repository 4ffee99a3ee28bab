"""CPU time of stages: of all threads of this process, and of child processes that have ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import resource
import time


def cpu_seconds() -> float:
    """Return the CPU time so far, seconds."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@contextmanager
def timed(times: dict[str, float], stage: str) -> Iterator[None]:
    """Add the CPU time of a block to a stage, seconds."""
    start = cpu_seconds()
    try:
        yield
    finally:
        times[stage] = times.get(stage, 0.0) + cpu_seconds() - start
