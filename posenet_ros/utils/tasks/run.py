"""Run tasks without shared state: in this process, in several, or on a cluster by Dask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
import multiprocessing
import os
import sys
from typing import TypeVar

import cv2
from posenet_ros.errors import PoseNetError
from posenet_ros.utils.blas_threads import THREADS
from posenet_ros.utils.signals import ignored_by_children
from posenet_ros.utils.tasks.cluster import run_on_cluster
from posenet_ros.utils.tasks.worker import SharedPaths

A = TypeVar('A')
B = TypeVar('B')


def run_tasks(function: Callable[[A], B], tasks: Sequence[A], jobs: int = 1,
              scheduler: str | None = None, paths: SharedPaths | None = None) -> Iterator[B]:
    """
    Yield function(task) of all tasks in their order; the results depend on nothing else.

    :param function: of a module, whose argument and result can be pickled.
    :param jobs: number of processes; 1 is this one.
    :param scheduler: address of a Dask scheduler, whose workers do the tasks instead.
    :param paths: that those have to see, as this process does.
    :raises PoseNetError: that of a task, or when a process was killed.
    :raises InputError: when the scheduler does not answer, or a worker has other versions, or
        does not see the paths.
    """
    if scheduler and tasks:
        yield from run_on_cluster(function, tasks, scheduler, paths or SharedPaths())
    elif jobs <= 1 or len(tasks) <= 1:
        yield from map(function, tasks)
    else:
        yield from _run_in_processes(function, tasks, jobs)


def _run_in_processes(function: Callable[[A], B], tasks: Sequence[A], jobs: int) -> Iterator[B]:
    context = multiprocessing.get_context('spawn')  # a fork copies locked threads of libraries
    with ignored_by_children(), _one_thread_in_children():
        pool = ProcessPoolExecutor(min(jobs, len(tasks)), context, _start_quietly)
        futures = [pool.submit(function, task) for task in tasks]
    try:
        for future in futures:
            yield future.result()
    except BrokenProcessPool as error:
        raise PoseNetError('a process was killed, perhaps for its memory: try again with fewer '
                           '--jobs, by --resume where the command has it') from error
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _one_thread_in_children() -> Iterator[None]:
    """Leave each core to one of the processes that a block starts."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, '1'))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_quietly() -> None:
    """Leave the progress to the process that waits, and each core to one process."""
    cv2.setNumThreads(1)
    sys.stderr = open(os.devnull, 'w')  # noqa: SIM115 - for the length of the process
