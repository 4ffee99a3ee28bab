"""A Dask scheduler with workers on this computer alone, for the length of a block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, ExitStack
import os
from pathlib import Path
import socket
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from posenet_ros.errors import PoseNetError
from posenet_ros.utils.blas_threads import THREADS

HOST = '127.0.0.1'
IDLE = '10 minutes'  # until it ends by itself, where this process was killed, and its workers
START_S, END_S, POLL_S = 90.0, 10.0, 0.1
QUIET = {'DASK_LOGGING__DISTRIBUTED': 'critical', 'DASK_DISTRIBUTED__DASHBOARD__LINK': ''}
ONE_THREAD = dict.fromkeys(THREADS, '1')


class Loopback(NamedTuple):
    """A scheduler's address, its process, and those of its workers."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


@contextmanager
def loopback_cluster(workers: int, threads: int = 1,
                     environment: Mapping[str, str] | None = None) -> Iterator[Loopback]:
    """
    Run a scheduler and workers, which no nanny starts again when they end.

    :param threads: of each worker.
    :param environment: of all processes, beside that of this one.
    :raises PoseNetError: when they do not come.
    """
    with ExitStack() as stack:
        port = _free_port()
        address = f'tcp://{HOST}:{port}'
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        env = {**os.environ, **QUIET, **ONE_THREAD, **(environment or {})}
        scheduler = stack.enter_context(_process(
            'dask_scheduler', '--host', HOST, '--port', port, '--no-dashboard',
            '--idle-timeout', IDLE, folder=folder, env=env))
        started = [stack.enter_context(_process(
            'dask_worker', address, '--nthreads', threads, '--no-nanny', '--no-dashboard',
            '--host', HOST, '--local-directory', folder, folder=folder, env=env))
            for _ in range(workers)]
        _wait_for(address, workers)
        yield Loopback(address, scheduler, started)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


@contextmanager
def _process(module: str, *words: object, folder: str,
             env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a part of Dask in a folder of its own, as on another computer; end it by force."""
    path = os.pathsep.join(filter(None, (env.get('PYTHONPATH'), *map(os.path.abspath, sys.path))))
    started = subprocess.Popen(
        [sys.executable, '-m', f'distributed.cli.{module}', *map(str, words)], cwd=Path(folder),
        env={**env, 'PYTHONPATH': path}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(END_S)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def _wait_for(address: str, workers: int) -> None:
    from distributed import Client
    deadline = time.monotonic() + START_S
    while True:
        try:
            with Client(address, timeout=START_S, set_as_default=False) as client:
                if workers:
                    client.wait_for_workers(workers, timeout=START_S)
            return
        except (OSError, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise PoseNetError(f'the scheduler {address} and its workers did not start '
                                   f'within {START_S:.0f} s') from error
            time.sleep(POLL_S)
