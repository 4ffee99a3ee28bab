"""
Run tasks on the workers of a Dask scheduler that is there already.

A task of a worker that dies is given to another; what is done is fetched at once, so that it is
not lost with the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from importlib.util import find_spec
import platform
from typing import Any, TypeVar

import cv2
import numpy as np
import posenet_ros
from posenet_ros.errors import InputError, PoseNetError

A = TypeVar('A')
B = TypeVar('B')
ANSWER_S = 5.0  # for a scheduler to answer
WORKER_S = 30.0  # for a first worker to come


def run_on_cluster(function: Callable[[A], B], tasks: Sequence[A], scheduler: str) -> Iterator[B]:
    """
    Yield function(task) of all tasks in their order, done by the workers of a scheduler.

    :param scheduler: its address, such as tcp://host:8786.
    :raises InputError: when it does not answer, has no worker, or one of other versions.
    :raises PoseNetError: that of a task; when workers die of one again and again, or the
        scheduler ends.
    """
    with _client(scheduler) as client:
        check_versions(client.run(versions), versions())
        from distributed import as_completed, KilledWorker
        # each task by itself, though one may equal another
        futures = client.map(_Checked(function), tasks, pure=False)
        numbers = {future.key: number for number, future in enumerate(futures)}
        done: dict[int, B] = {}
        try:
            following = 0
            for future, result in as_completed(
                    futures, loop=client.loop, with_results=True):
                done[numbers[future.key]] = result
                future.release()  # else it is done again when its worker dies
                while following in done:
                    yield done.pop(following)
                    following += 1
        except KilledWorker as error:
            raise PoseNetError('workers die of one task again and again, perhaps for their '
                               'memory: see what they print') from error
        except CancelledError as error:
            raise PoseNetError(f'the scheduler {scheduler} has ended, or dropped the tasks; see '
                               'what it prints') from error


@contextmanager
def _client(scheduler: str) -> Iterator[Any]:
    """Connect to a scheduler that has a worker, for the length of a block."""
    if not find_spec('distributed'):
        raise InputError("--scheduler needs Dask: pip install 'posenet_ros[cluster]'")
    from distributed import Client
    try:
        client = Client(scheduler, timeout=ANSWER_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f'--scheduler has to be the address of a Dask scheduler that runs, such '
                         f'as tcp://host:8786. Received: {scheduler}, which does not answer'
                         ) from error
    try:
        client.wait_for_workers(1, timeout=WORKER_S)
        yield client
    except TimeoutError as error:
        raise InputError(f'the scheduler {scheduler} has no worker: start one by "dask worker '
                         f'{scheduler} --nthreads 1"') from error
    finally:
        client.close()


def versions() -> dict[str, str]:
    """Return the versions that have to be alike everywhere, for the results to be the same."""
    return {'posenet_ros': posenet_ros.__version__, 'Python': platform.python_version(),
            'numpy': np.__version__, 'OpenCV': cv2.__version__}


def check_versions(found: Mapping[str, Mapping[str, str]], ours: Mapping[str, str]) -> None:
    """
    Check the versions of workers, by their addresses.

    :raises InputError: naming the first worker that has another version than ours.
    """
    for worker, theirs in found.items():
        for name, version in ours.items():
            if theirs[name] != version:
                raise InputError(f'the worker {worker} has to have {name} {version}, as here. '
                                 f'Received: {name} {theirs[name]}')


class _Checked:
    """A function of a task that refuses to run where versions differ: workers may come late."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function, self._versions = function, versions()

    def __call__(self, task: Any) -> Any:  # noqa: ANN401
        from distributed import get_worker
        check_versions({get_worker().address: versions()}, self._versions)
        cv2.setNumThreads(1)  # each core to one worker
        return self._function(task)
