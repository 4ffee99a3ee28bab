"""Time several things by turns, so that what else the machine does falls on all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import os
from pathlib import Path
import time

import numpy as np

WARM_UP = 3
PREDICT = 'Keras, model.predict'  # what every engine is compared with
Summary = dict[str, float]


def by_turns(functions: Mapping[str, Callable[[], object]], runs: int) -> dict[str, Summary]:
    """
    Return milliseconds of each function: CPU time of all threads, and wall time.

    CPU time is what to compare on a machine that others use, too: `cpu` is its median and
    `cpu_min` its least, which the other work disturbs least of all.

    :returns: name -> cpu, cpu_min, wall_p50, wall_p99.
    """
    for function in functions.values():
        for _ in range(WARM_UP):
            function()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in functions}
    for _ in range(runs):
        for name, function in functions.items():
            wall, cpu = time.perf_counter(), time.process_time()
            function()
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            times[name].append((1e3 * cpu, 1e3 * wall))
    return {name: summary(np.array(pairs)) for name, pairs in times.items()}


def summary(pairs: np.ndarray) -> Summary:
    """Return the figures of (N, 2) CPU and wall times, milliseconds."""
    cpu, wall = pairs.T
    p50, p99 = np.percentile(wall, (50, 99))
    return {'cpu': float(np.median(cpu)), 'cpu_min': float(cpu.min()),
            'wall_p50': float(p50), 'wall_p99': float(p99)}


def memory_mb(pid: int | str = 'self') -> Summary:
    """
    Return the resident memory of a process: now, at most until now, and shared with others now.

    `shared` is what DDS passes images through: of the node's own and of its camera's process.
    Libraries and the model's file count in full, so the sum over processes is too high.
    """
    lines = dict(line.split(':', 1) for line in
                 Path(f'/proc/{pid}/status').read_text().splitlines() if ':' in line)
    return {'now': int(lines['VmRSS'].split()[0]) / 1024,
            'most': int(lines['VmHWM'].split()[0]) / 1024,
            'shared': int(lines['RssShmem'].split()[0]) / 1024}


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has taken, seconds."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
