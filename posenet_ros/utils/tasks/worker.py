"""What runs on the worker of a cluster: checks of its versions and its files, then tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
import platform
from tempfile import TemporaryFile
from threading import Lock
from typing import Any
from uuid import uuid4

import cv2
import numpy as np
import posenet_ros
from posenet_ros.errors import InputError
from posenet_ros.utils.arguments import os_error_text

MAX_INPUTS = 100  # and the last, are looked for on each worker, evenly
_ONE_TASK = Lock()  # a process does one at a time, however many threads the worker has


@dataclass(frozen=True)
class SharedPaths:
    """
    Paths that all computers have to see alike.

    :param inputs: files and folders that tasks read, absolute.
    :param output: folder that they write in, absolute; None where they only return results.
    """

    inputs: Sequence[Path] = ()
    output: Path | None = None


@dataclass(frozen=True)
class Expected:
    """
    What a worker has to have as the computer that sends the tasks.

    :param versions: of posenet_ros and libraries, by name.
    :param sizes: bytes of files, None for folders, by their path.
    :param mark: file in the folder of the output, by which it is known; None without output.
    """

    versions: Mapping[str, str]
    sizes: Mapping[Path, int | None]
    mark: Path | None


def versions() -> dict[str, str]:
    """Return the versions that have to be alike everywhere, for the results to be the same."""
    return {'posenet_ros': posenet_ros.__version__, 'Python': platform.python_version(),
            'numpy': np.__version__, 'OpenCV': cv2.__version__}


@contextmanager
def expected_of_workers(paths: SharedPaths) -> Iterator[Expected]:
    """Yield what workers have to have, with a mark in the folder of the output for the block."""
    step = max(-(-len(paths.inputs) // MAX_INPUTS), 1)
    sizes = {path: _size(path) for path in [*paths.inputs[::step], *paths.inputs[-1:]]}
    mark = paths.output and paths.output / f'.shared-{uuid4().hex}'
    if mark:
        mark.touch()
    try:
        yield Expected(versions(), sizes, mark)
    finally:
        if mark:
            mark.unlink(missing_ok=True)


def _size(path: Path) -> int | None:
    return None if path.is_dir() else path.stat().st_size


def check_worker(expected: Expected) -> str:
    """
    Check that this worker has what is expected of it, and return its address.

    :raises InputError: naming the worker, when it has another version, does not see a file, or
        cannot write the output.
    """
    from distributed import get_worker
    worker, found = str(get_worker().address), versions()
    for name, version in expected.versions.items():
        if found[name] != version:
            raise InputError(f'the worker {worker} has to have {name} {version}, as here. '
                             f'Received: {name} {found[name]}')
    for path, size in expected.sizes.items():
        if not path.exists() or _size(path) != size:
            _raise_unseen(worker, path)
    if expected.mark:
        _check_output(worker, expected.mark)
    return worker


def _check_output(worker: str, mark: Path) -> None:
    folder = mark.parent
    if not mark.is_file():
        _raise_unseen(worker, folder)
    try:
        with TemporaryFile(dir=folder) as file:
            file.write(b'written')
    except OSError as error:
        raise InputError(f'the worker {worker} has to be able to write in {folder}. Received: '
                         f'{error.strerror}') from error


def _raise_unseen(worker: str, path: Path) -> None:
    raise InputError(f'the worker {worker} does not see {path} as it is here: put the data on '
                     'storage that all computers share, under the same path')


class CheckedTask:
    """A function of a task that checks its worker first, which may have come late."""

    def __init__(self, function: Callable[[Any], Any], expected: Expected) -> None:
        self._function, self._expected = function, expected

    def __call__(self, task: Any) -> Any:  # noqa: ANN401
        """
        Do the task.

        :raises InputError: of :func:`check_worker`, or of the disk, naming the worker.
        """
        worker = check_worker(self._expected)
        with _ONE_TASK:
            cv2.setNumThreads(1)  # each core to one worker
            try:
                return self._function(task)
            except OSError as error:
                raise InputError(
                    f'the worker {worker} failed: {os_error_text(error)}') from error
