"""Tasks on a cluster by Dask: a scheduler and its workers on loopback, versions, what fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, ExitStack
import os
from pathlib import Path
import signal
import socket
import subprocess
import sys
import time
from typing import Any
from unittest import mock

from helpers import ROOT
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.utils.tasks import cluster
from posenet_ros.utils.tasks.cluster import check_versions, versions
from posenet_ros.utils.tasks.run import run_tasks
import pytest

START_S, END_S = 60, 10


def free_port() -> int:
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return int(one.getsockname()[1])


def note_and_divide(task: tuple[str, int]) -> tuple[int, float]:
    """Write one line to a file, wait, and return the worker's process and a third of a number."""
    file, number = task
    time.sleep(0.3)
    with Path(file).open('a') as stream:
        stream.write(f'{number}\n')
    return os.getpid(), number / 3


def refuse(_: int) -> None:
    raise InputError('this one cannot be done')


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def process(*words: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a part of Dask for the length of a block."""
    path = os.pathsep.join((str(ROOT / 'test'), str(ROOT)))
    started = subprocess.Popen(
        [sys.executable, '-m', 'distributed.cli.' + str(words[0]), *map(str, words[1:])],
        env={**os.environ, 'PYTHONPATH': path,
             'DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES': '1'},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(END_S)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@contextmanager
def cluster_of(workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Run a scheduler on loopback, and workers without a nanny, which would start them again."""
    pytest.importorskip('distributed')
    port = free_port()
    address = f'tcp://127.0.0.1:{port}'
    with ExitStack() as stack, mock.patch.object(cluster, 'ANSWER_S', START_S):
        stack.enter_context(process('dask_scheduler', '--host', '127.0.0.1', '--port', port,
                                    '--no-dashboard'))
        yield address, [stack.enter_context(process(
            'dask_worker', address, '--nthreads', 1, '--no-nanny', '--no-dashboard',
            '--host', '127.0.0.1')) for _ in range(workers)]


@pytest.mark.long
def test_a_worker_that_is_killed_is_survived(tmp_path: Path) -> None:
    file = tmp_path / 'done.txt'
    with cluster_of(2) as (address, workers):
        list(run_tasks(str, [0], scheduler=address))  # both are there soon
        time.sleep(5)
        found, killed = [], None
        for pid, third in run_tasks(
                note_and_divide, [(str(file), number) for number in range(24)],
                scheduler=address):
            found.append(third)
            if len(found) == 6:
                killed = next(worker for worker in workers if worker.pid == pid)
                killed.kill()
        assert killed
        assert killed.wait(END_S) == -signal.SIGKILL
    assert found == [number / 3 for number in range(24)]  # in order, to the last digit
    lines = [int(line) for line in file.read_text().split()]
    assert set(lines) == set(range(24))
    assert [lines.count(number) for number in range(6)] == [1] * 6  # what was there is kept
    assert len(lines) < 24 + 6


@pytest.mark.long
def test_errors_of_tasks_and_workers_that_die_are_told() -> None:
    with cluster_of(2) as (address, _):
        with pytest.raises(InputError, match='this one cannot be done'):
            list(run_tasks(refuse, [1], scheduler=address))
        with pytest.raises(PoseNetError, match='workers die of one task again and again'):
            list(run_tasks(die, [1], scheduler=address))


def test_a_scheduler_that_is_not_there_is_one_line() -> None:
    pytest.importorskip('distributed')
    with mock.patch.object(cluster, 'ANSWER_S', 0.3), pytest.raises(
            InputError, match=r'address of a Dask .*127\.0\.0\.1:9, which does not answer'):
        list(run_tasks(str, [1], scheduler='tcp://127.0.0.1:9'))
    with pytest.raises(InputError, match='Received: nonsense://x, which does not answer'):
        list(run_tasks(str, [1], scheduler='nonsense://x'))
    with mock.patch.object(cluster, 'find_spec', return_value=None), pytest.raises(
            InputError, match=r"needs Dask: pip install 'posenet_ros\[cluster\]'"):
        list(run_tasks(str, [1], scheduler='tcp://127.0.0.1:9'))


@pytest.mark.parametrize('name', ['posenet_ros', 'Python', 'numpy', 'OpenCV'])
def test_a_worker_of_another_version_is_named(name: str) -> None:
    ours = versions()
    found: dict[str, Any] = {'tcp://a:1': ours, 'tcp://b:2': {**ours, name: '0.0.7'}}
    check_versions({'tcp://a:1': ours}, ours)
    with pytest.raises(InputError, match=f'tcp://b:2 has to have {name} .* {name} 0.0.7'):
        check_versions(found, ours)
