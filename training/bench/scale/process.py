"""Run a command in a process of its own, and measure what it takes."""

from __future__ import annotations

from dataclasses import dataclass
import os
import subprocess
import sys
import time

from posenet_ros.errors import PoseNetError


@dataclass(frozen=True)
class Cost:
    """
    What a command took.

    :param cpu_s: of its process and its children.
    :param peak_mb: the most memory that a single one of these processes had resident.
    """

    cpu_s: float
    wall_s: float
    peak_mb: float


def run_measured(*words: object) -> Cost:
    """
    Run `python -m` with these words, and measure it.

    :raises PoseNetError: when it fails; it has printed the reason.
    """
    command = [sys.executable, '-m', *map(str, words)]
    start = time.monotonic()
    process = subprocess.Popen(command)
    try:
        _, status, used = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise PoseNetError(f'{" ".join(command[1:])} failed, see above')
    return Cost(used.ru_utime + used.ru_stime, time.monotonic() - start, used.ru_maxrss / 1e3)
