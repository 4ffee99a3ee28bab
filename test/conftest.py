"""Settings of all tests."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
import re
import signal

from hypothesis import settings
from posenet_ros.utils.blas_threads import use_one_blas_thread
from posenet_ros.utils.ros_environment import prepare_environment
import pytest

SHARED_MEMORY = Path('/dev/shm')
SEGMENT = re.compile(r'fast(rtps|dds)_([0-9a-f]{16}|port\d+)')

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # in the background, as nohup starts it,
    signal.signal(signal.SIGINT, signal.default_int_handler)  # children would not be interrupted
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # of nohup, too
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

use_one_blas_thread()  # as in every command
prepare_environment()  # Fast DDS reads its profile when a process makes its first participant

# The same examples in every run, and no clock: machines that test are busy.
settings.register_profile('posenet', deadline=None, derandomize=True)
settings.load_profile('posenet')

before = pytest.StashKey[set[str]]()


def segments() -> set[str]:
    """Return the names of the DDS segments in shared memory."""
    with suppress(FileNotFoundError):
        return {file.name for file in SHARED_MEMORY.iterdir() if SEGMENT.fullmatch(file.name)}
    return set()


def mapped() -> str:
    """Return what all processes have mapped that we may look at."""
    found = []
    for file in Path('/proc').glob('[0-9]*/maps'):
        with suppress(OSError):
            found.append(file.read_text())
    return '\n'.join(found)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Note the segments of other programs."""
    session.config.stash[before] = segments()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove what Fast DDS leaves in shared memory, when all processes have ended."""
    if hasattr(session.config, 'workerinput'):  # one of several processes of pytest-xdist
        return
    left = segments() - session.config.stash[before]
    in_use = mapped() if left else ''
    for name in left:
        if name not in in_use:
            for kin in (name, f'{name}_el', f'sem.{name}_mutex'):
                with suppress(OSError):
                    (SHARED_MEMORY / kin).unlink()
