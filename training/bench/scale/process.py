"""Run a command in a process of its own, and measure what it takes."""

from __future__ import annotations

from dataclasses import dataclass
import json
from pathlib import Path
import subprocess
import sys
import tempfile
import time

from posenet_ros.errors import PoseNetError

# a small process between: Linux counts the memory of what starts a process as that one's, too
LAUNCHER = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[2:])
_, status, used = os.wait4(process.pid, 0)
with open(sys.argv[1], 'w') as file:
    json.dump([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime,
               used.ru_maxrss / 1e3], file)
"""


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
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'cost.json')
        subprocess.run([sys.executable, '-c', LAUNCHER, str(file), *command], check=True)
        code, cpu_s, peak_mb = json.loads(file.read_text())
    if code:
        raise PoseNetError(f'{" ".join(command[1:])} failed, see above')
    return Cost(cpu_s, time.monotonic() - start, peak_mb)
