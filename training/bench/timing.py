"""Interleaved timing, so that other load on the machine falls on all candidates alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import os
from pathlib import Path
import time

import numpy as np

WARM_UP = 3
PREDICT = 'Keras, model.predict'  # the baseline of every engine
Timing = dict[str, float]


def time_interleaved(
        functions: Mapping[str, Callable[[], object]], runs: int) -> dict[str, Timing]:
    """
    Time functions by turns, milliseconds: CPU time of all threads, and wall time.

    On a shared machine compare CPU time: `cpu` is its median, `cpu_min` its minimum, which
    other load disturbs least.

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
    return {name: percentiles(np.array(pairs)) for name, pairs in times.items()}


def percentiles(pairs: np.ndarray) -> Timing:
    """Return median, minimum and percentiles of (N, 2) CPU and wall times, milliseconds."""
    cpu, wall = pairs.T
    p50, p99 = np.percentile(wall, (50, 99))
    return {'cpu': float(np.median(cpu)), 'cpu_min': float(cpu.min()),
            'wall_p50': float(p50), 'wall_p99': float(p99)}


def memory_mb(pid: int | str = 'self') -> Timing:
    """
    Return the resident memory of a process, MB: now, its peak, and parts of it.

    `shared` is the memory through which DDS passes images: the node's and its camera's; `own` is
    what no file and no other process has. Libraries and the model's file count in full, so the
    sum over processes is too high.
    """
    lines = dict(line.split(':', 1) for line in
                 Path(f'/proc/{pid}/status').read_text().splitlines() if ':' in line)
    return {'now': int(lines['VmRSS'].split()[0]) / 1024,
            'most': int(lines['VmHWM'].split()[0]) / 1024,
            'shared': int(lines['RssShmem'].split()[0]) / 1024,
            'own': int(lines['RssAnon'].split()[0]) / 1024}


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has taken, seconds."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
