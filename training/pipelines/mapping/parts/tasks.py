"""Run tasks without shared state: in this process, or in several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
import multiprocessing
import os
import sys
from typing import TypeVar

import cv2
from posenet_ros.errors import PoseNetError
from posenet_ros.utils.signals import ignored_by_children

A = TypeVar('A')
B = TypeVar('B')


def run_tasks(function: Callable[[A], B], tasks: Sequence[A], jobs: int) -> Iterator[B]:
    """
    Yield function(task) of all tasks, as they are done; the results do not depend on `jobs`.

    :param function: of a module, whose argument and result can be pickled.
    :param jobs: number of processes; 1 is this one.
    :raises PoseNetError: that of a task, or when a process was killed.
    """
    if jobs <= 1 or len(tasks) <= 1:
        yield from map(function, tasks)
        return
    context = multiprocessing.get_context('spawn')  # a fork copies locked threads of libraries
    with ignored_by_children():
        pool = ProcessPoolExecutor(min(jobs, len(tasks)), context, _start_quietly)
        futures = [pool.submit(function, task) for task in tasks]
    try:
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise PoseNetError('a process that maps a part was killed, perhaps for its memory: what '
                           'is done is kept; go on by --resume, with fewer --jobs') from error
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


def _start_quietly() -> None:
    """Leave the progress to the process that waits, and each core to one process."""
    cv2.setNumThreads(1)
    sys.stderr = open(os.devnull, 'w')  # noqa: SIM115 - for the length of the process
