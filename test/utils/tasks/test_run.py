"""Tasks: the same results in one process and in several, errors and dead workers told."""

from __future__ import annotations

import os
import signal

from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.utils.blas_threads import THREADS
from posenet_ros.utils.tasks.run import run_tasks
import pytest


def square(number: int) -> int:
    """Return the square; refuse 7, and die of 9."""
    if number == 7:
        raise InputError('7 cannot be squared')
    if number == 9:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


@pytest.mark.parametrize('jobs', [1, 2])
def test_all_tasks_are_done_once(jobs: int) -> None:
    assert list(run_tasks(square, [4, 2, 3, 1], jobs)) == [16, 4, 9, 1]


def test_processes_leave_each_core_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('OMP_NUM_THREADS', '7')
    monkeypatch.delenv('OPENBLAS_NUM_THREADS', raising=False)
    assert set(run_tasks(os.getenv, THREADS, 2)) == {'1'}
    assert os.environ['OMP_NUM_THREADS'] == '7'
    assert 'OPENBLAS_NUM_THREADS' not in os.environ


@pytest.mark.parametrize('jobs', [1, 2])
def test_the_error_of_a_task_is_raised(jobs: int) -> None:
    with pytest.raises(InputError, match='7 cannot be squared'):
        list(run_tasks(square, [1, 7], jobs))


def test_a_process_that_dies_is_told() -> None:
    with pytest.raises(PoseNetError, match='was killed, perhaps for its memory'):
        list(run_tasks(square, [1, 9], 2))
