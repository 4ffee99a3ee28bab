"""Tasks on a cluster by Dask: a scheduler and its workers on loopback, and all that fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import errno
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from unittest import mock

from helpers import ROOT
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.training.bench.cluster.loopback import (
    END_S,
    Loopback,
    loopback_cluster,
    START_S,
)
from posenet_ros.utils.tasks import cluster, worker
from posenet_ros.utils.tasks.run import run_tasks
from posenet_ros.utils.tasks.worker import (
    check_worker,
    Expected,
    expected_of_workers,
    SharedPaths,
    versions,
)
import pytest

distributed = pytest.importorskip('distributed')
NOTHING = 'tcp://127.0.0.1:9'
# a worker that says another version, and one whose Python has no posenet_ros
OTHER = 'import posenet_ros; posenet_ros.__version__ = "0.0.7"; '
WITHOUT = 'import sys; sys.modules["posenet_ros"] = None; '
RUN_WORKER = 'from distributed.cli.dask_worker import main; main()'
_ACTIVE, _SEEN = [0], [0]


def note_and_divide(task: tuple[str, int]) -> tuple[int, float]:
    """Write one line to a file, wait, and return the worker's process and a third of a number."""
    file, number = task
    time.sleep(0.3)
    with Path(file).open('a') as stream:
        stream.write(f'{number}\n')
    return os.getpid(), number / 3


def most_at_once(_: int) -> int:
    """Return how many of these tasks this process has had in hand at once."""
    _ACTIVE[0] += 1
    time.sleep(0.05)
    _SEEN[0] = max(_SEEN[0], _ACTIVE[0])
    _ACTIVE[0] -= 1
    return _SEEN[0]


def refuse(_: int) -> None:
    raise InputError('this one cannot be done')


def fill_the_disk(folder: str) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f'{folder}/part.npz')


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope='module')
def pair() -> Iterator[Loopback]:
    """Return a cluster of two workers, which stays whole."""
    with cluster_of(2) as found:
        yield found


@contextmanager
def cluster_of(workers: int, threads: int = 1) -> Iterator[Loopback]:
    with loopback_cluster(workers, threads, {
            'PYTHONPATH': os.pathsep.join((str(ROOT / 'test'), str(ROOT))),
            'DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES': '1'}) as found:
        yield found


@contextmanager
def worker_of(address: str, code: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Add a worker that runs some code first."""
    started = subprocess.Popen(
        [sys.executable, '-c', code + RUN_WORKER, address, '--no-nanny', '--no-dashboard',
         '--nthreads', '1', '--host', '127.0.0.1'], cwd=folder, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join((str(ROOT / 'test'), str(ROOT)))})
    try:
        yield started
    finally:
        started.kill()
        started.wait()


@pytest.mark.long
def test_a_worker_that_is_killed_is_survived(tmp_path: Path) -> None:
    file = tmp_path / 'done.txt'
    with cluster_of(2) as (address, _, workers):
        found, killed = [], None
        for pid, third in run_tasks(
                note_and_divide, [(str(file), number) for number in range(24)],
                scheduler=address):
            found.append(third)
            if len(found) == 6:
                killed = next(one for one in workers if one.pid == pid)
                killed.kill()
        assert killed
        assert killed.wait(END_S) == -signal.SIGKILL
    assert found == [number / 3 for number in range(24)]  # in order, to the last digit
    lines = [int(line) for line in file.read_text().split()]
    assert set(lines) == set(range(24))
    assert [lines.count(number) for number in range(6)] == [1] * 6  # what was there is kept
    assert len(lines) < 24 + 6


@pytest.mark.long
def test_errors_of_tasks_and_of_disks_are_one_line(pair: Loopback, tmp_path: Path) -> None:
    with pytest.raises(InputError, match='this one cannot be done'):
        list(run_tasks(refuse, [1], scheduler=pair.address))
    with pytest.raises(InputError, match=(
            r'the worker tcp://127\.0\.0\.1:\d+ failed: No space left on device: .*part\.npz')):
        list(run_tasks(fill_the_disk, [str(tmp_path)], scheduler=pair.address))


@pytest.mark.long
def test_workers_that_die_of_a_task_are_told() -> None:
    with cluster_of(2) as (address, *_), pytest.raises(
            PoseNetError, match='workers die of one task again and again'):
        list(run_tasks(die, [1], scheduler=address))


@pytest.mark.long
def test_a_scheduler_that_ends_midway_is_told(tmp_path: Path) -> None:
    tasks = [(str(tmp_path / 'done.txt'), number) for number in range(8)]
    with cluster_of(1) as (address, scheduler, _):
        results = run_tasks(note_and_divide, tasks, scheduler=address)
        next(results)
        scheduler.kill()
        with pytest.raises(PoseNetError, match=f'the scheduler {address} has ended'):
            list(results)


@pytest.mark.long
def test_an_interrupt_cancels_what_no_worker_has_begun(pair: Loopback, tmp_path: Path) -> None:
    file = tmp_path / 'done.txt'
    results = run_tasks(note_and_divide, [(str(file), number) for number in range(20)],
                        scheduler=pair.address)
    next(results)
    results.close()  # type: ignore[attr-defined] # as an interrupt of its loop does
    time.sleep(1.5)
    begun = len(file.read_text().split())
    assert begun <= 6
    time.sleep(1)
    assert len(file.read_text().split()) == begun


@pytest.mark.long
def test_a_process_does_one_task_at_a_time() -> None:
    with cluster_of(1, threads=3) as (address, *_):
        assert set(run_tasks(most_at_once, range(9), scheduler=address)) == {1}


def wait_for(address: str, workers: int) -> None:
    with distributed.Client(address, set_as_default=False) as client:
        deadline = time.monotonic() + START_S
        while len(client.scheduler_info()['workers']) != workers:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.long
@pytest.mark.parametrize(('code', 'told'), [
    (OTHER, r'has to have posenet_ros .*, as here\. Received: posenet_ros 0\.0\.7'),
    (WITHOUT, 'has to have posenet_ros, as here. Received: none that its Python finds')])
def test_a_worker_that_differs_is_named(
        code: str, told: str, pair: Loopback, tmp_path: Path) -> None:
    with worker_of(pair.address, code, tmp_path):
        wait_for(pair.address, 3)
        with pytest.raises(InputError, match=rf'the worker tcp://127\.0\.0\.1:\d+ {told}'):
            list(run_tasks(str, range(9), scheduler=pair.address))
    wait_for(pair.address, 2)
    assert list(run_tasks(str, range(3), scheduler=pair.address)) == ['0', '1', '2']


@pytest.mark.long
def test_a_worker_that_differs_and_comes_late_is_named(tmp_path: Path) -> None:
    tasks = [(str(tmp_path / 'done.txt'), number) for number in range(400)]
    with cluster_of(1) as (address, *_):
        results = run_tasks(note_and_divide, tasks, scheduler=address)
        next(results)
        with worker_of(address, OTHER, tmp_path), pytest.raises(
                InputError, match=r'the worker tcp://127\.0\.0\.1:\d+ has to have posenet_ros'):
            list(results)


@pytest.mark.long
def test_a_worker_that_cannot_read_a_task_is_survived(tmp_path: Path) -> None:
    tasks = [(str(tmp_path / 'done.txt'), number) for number in range(400)]
    with cluster_of(1) as (address, *_):
        results = run_tasks(note_and_divide, tasks, scheduler=address)
        found = [next(results)]
        with worker_of(address, WITHOUT, tmp_path) as late:
            while late.poll() is None and len(found) < len(tasks):
                found.append(next(results))
            assert late.poll() is not None
            found += [next(results) for _ in range(3)]
        assert [third for _, third in found] == [number / 3 for number in range(len(found))]
        results.close()  # type: ignore[attr-defined]


@pytest.mark.long
def test_paths_that_a_worker_does_not_see_are_named(
        pair: Loopback, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen, folder = tmp_path / 'seen.png', tmp_path / 'work'
    seen.write_bytes(b'image')
    folder.mkdir()
    paths = SharedPaths([seen, tmp_path], folder)
    assert list(run_tasks(str, [1], scheduler=pair.address, paths=paths)) == ['1']
    assert not list(folder.iterdir())  # the mark is removed
    assert f'2 workers of {pair.address} see the files' in capsys.readouterr().err
    with mock.patch.object(worker, '_size', return_value=7), pytest.raises(
            InputError, match=r'the worker tcp://.* does not see .*seen\.png as it is here'):
        list(run_tasks(str, [1], scheduler=pair.address, paths=paths))


def test_what_a_worker_needs_is_checked(tmp_path: Path) -> None:
    image, folder = tmp_path / 'image.png', tmp_path / 'work'
    image.write_bytes(b'image')
    folder.mkdir()
    with mock.patch.object(distributed, 'get_worker') as here, expected_of_workers(
            SharedPaths([image, tmp_path], folder)) as expected:
        here.return_value.address = 'tcp://b:2'
        assert check_worker(expected) == 'tcp://b:2'
        with mock.patch.object(worker, 'TemporaryFile', side_effect=OSError(
                errno.ENOSPC, 'No space left on device')), pytest.raises(
                InputError, match=r'tcp://b:2 has to be able to write in .*work\. Received: No'):
            check_worker(expected)
        assert expected.mark
        expected.mark.unlink()
        with pytest.raises(InputError, match=r'tcp://b:2 does not see .*/work as it'):
            check_worker(expected)
        expected.mark.touch()
        image.write_bytes(b'another image')
        with pytest.raises(InputError, match=r'tcp://b:2 does not see .*image\.png as it is here'):
            check_worker(expected)
        image.unlink()
        with pytest.raises(InputError, match=r'tcp://b:2 does not see .*image\.png as it is here'):
            check_worker(expected)
    assert not list(folder.iterdir())


@pytest.mark.parametrize('name', ['posenet_ros', 'Python', 'numpy', 'OpenCV'])
def test_a_worker_of_another_version_is_named(name: str) -> None:
    expected = Expected({**versions(), name: '0.0.7'}, {}, None)
    with mock.patch.object(distributed, 'get_worker') as here:
        here.return_value.address = 'tcp://b:2'
        with pytest.raises(InputError, match=f'tcp://b:2 has to have {name} 0.0.7, as here'):
            check_worker(expected)


def test_few_of_many_inputs_are_looked_for(tmp_path: Path) -> None:
    files = [tmp_path / f'{number}.png' for number in range(300)]
    for file in files:
        file.touch()
    with expected_of_workers(SharedPaths(files)) as expected:
        assert len(expected.sizes) == worker.MAX_INPUTS + 1
        assert {files[0], files[-1]} <= set(expected.sizes)


def test_a_scheduler_that_is_not_there_is_one_line() -> None:
    with mock.patch.object(cluster, 'ANSWER_S', 0.3), pytest.raises(
            InputError, match=r'address of a Dask .*127\.0\.0\.1:9, which does not answer'):
        list(run_tasks(str, [1], scheduler=NOTHING))
    with pytest.raises(InputError, match='Received: nonsense://x, which does not answer'):
        list(run_tasks(str, [1], scheduler='nonsense://x'))
    with mock.patch.object(cluster, 'find_spec', return_value=None), pytest.raises(
            InputError, match=r"needs Dask: pip install 'posenet_ros\[cluster\]'"):
        list(run_tasks(str, [1], scheduler=NOTHING))


@pytest.mark.long
def test_a_scheduler_without_a_worker_is_waited_for_and_told(
        capsys: pytest.CaptureFixture[str]) -> None:
    with cluster_of(0) as (address, *_), mock.patch.object(cluster, 'WORKER_S', 2.0):
        start = time.monotonic()
        with pytest.raises(InputError, match=f'{address} has no worker: start one by "dask work'):
            list(run_tasks(str, [1], scheduler=address))
        assert 2 <= time.monotonic() - start < 30
    assert f'the scheduler {address} has no worker yet: waiting 2 s' in capsys.readouterr().err
