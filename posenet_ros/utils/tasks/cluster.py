"""
Run tasks on the workers of a Dask scheduler that is there already.

A task of a worker that dies is given to another; what is done is fetched at once, so that it is
not lost with the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from importlib.util import find_spec
import logging
import sys
from typing import Any, TypeVar

from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.utils.tasks.worker import (
    check_worker,
    CheckedTask,
    Expected,
    expected_of_workers,
    SharedPaths,
)

A = TypeVar('A')
B = TypeVar('B')
ANSWER_S = 5.0  # for a scheduler to answer
WORKER_S = 30.0  # for a first worker to come


def run_on_cluster(function: Callable[[A], B], tasks: Sequence[A], scheduler: str,
                   paths: SharedPaths) -> Iterator[B]:
    """
    Yield function(task) of all tasks in their order, done by the workers of a scheduler.

    Where that ends early, the tasks that no worker has begun are not done.

    :param scheduler: its address, such as tcp://host:8786.
    :raises InputError: when it does not answer, has no worker, or one that cannot do the tasks.
    :raises PoseNetError: that of a task; when workers die of one again and again, or the
        scheduler ends.
    """
    with _client(scheduler) as client, expected_of_workers(paths) as expected:
        count = _check_workers(client, expected)
        sys.stderr.write(f'{count} workers of {scheduler} see the files: they read and write by '
                         'path, nothing is sent\n')
        from distributed import KilledWorker
        try:
            yield from _in_order(client, CheckedTask(function, expected), tasks)
        except KilledWorker as error:
            raise PoseNetError('workers die of one task again and again, perhaps for their '
                               'memory: see what they print') from error
        except CancelledError as error:
            raise PoseNetError(f'the scheduler {scheduler} has ended, or dropped the tasks; see '
                               'what it prints') from error


def _in_order(client: Any, function: CheckedTask,  # noqa: ANN401 - distributed has no types
              tasks: Sequence[Any]) -> Iterator[Any]:
    """Yield the results in the order of the tasks."""
    from distributed import as_completed
    # each task by itself, though one may equal another
    futures = client.map(function, tasks, pure=False)
    numbers = {future.key: number for number, future in enumerate(futures)}
    done: dict[int, Any] = {}
    following = 0
    for future, result in as_completed(futures, loop=client.loop, with_results=True):
        if future.status != 'finished':  # then the result is the reason
            raise CancelledError
        done[numbers[future.key]] = result
        future.release()  # else it is done again when its worker dies
        while following in done:
            yield done.pop(following)
            following += 1


@contextmanager
def _client(scheduler: str) -> Iterator[Any]:
    """Connect to a scheduler that has a worker, for the length of a block."""
    if not find_spec('distributed'):
        raise InputError("--scheduler needs Dask: pip install 'posenet_ros[cluster]'")
    from distributed import Client
    for name in 'distributed', 'distributed.client':  # errors are one line of ours
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=ANSWER_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f'--scheduler has to be the address of a Dask scheduler that runs, such '
                         f'as tcp://host:8786. Received: {scheduler}, which does not answer'
                         ) from error
    try:
        _wait_for_worker(client, scheduler)
        yield client
    finally:
        client.close()  # which cancels the tasks that no worker has begun


def _wait_for_worker(client: Any, scheduler: str) -> None:  # noqa: ANN401
    if not client.scheduler_info()['workers']:
        sys.stderr.write(
            f'the scheduler {scheduler} has no worker yet: waiting {WORKER_S:.0f} s for one\n')
    try:
        client.wait_for_workers(1, timeout=WORKER_S)
    except TimeoutError as error:
        raise InputError(f'the scheduler {scheduler} has no worker: start one by "dask worker '
                         f'{scheduler} --nthreads 1"') from error


def _check_workers(client: Any, expected: Expected) -> int:  # noqa: ANN401
    """
    Check all workers, and return how many there are; one that ends meanwhile is passed over.

    :raises InputError: naming the first that cannot do the tasks.
    """
    for worker, found in client.run(find_spec, 'posenet_ros', on_error='return').items():
        if found is None:
            raise InputError(f'the worker {worker} has to have posenet_ros, as here. Received: '
                             'none that its Python finds')
    checked = client.run(check_worker, expected, on_error='return')
    for worker, found in checked.items():
        if isinstance(found, PoseNetError):
            raise found
        if isinstance(found, ImportError):
            raise InputError(f'the worker {worker} has to run posenet_ros as here. Received: '
                             f'{found}') from found
    return len(checked)
