"""
Benchmark a cluster: two workers on this computer against two runs side by side.

Each run does all of the work in one process. Two of them side by side keep two cores busy, as two
workers do that share one run: twice the work, in less than twice the time as far as they are used
well. Commands are measured as a whole, with what they do before and after the tasks.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
import os
from pathlib import Path
import tempfile
from typing import Any

import numpy as np
from posenet_ros.errors import PoseNetError
from posenet_ros.evaluation.report.tables import Row
from posenet_ros.inference.artifact import LANDMARKS_FILE
from posenet_ros.training.bench.cluster.loopback import loopback_cluster, ONE_THREAD
from posenet_ros.training.bench.scale.benchmark import campus_folder
from posenet_ros.training.bench.scale.process import Cost, run_measured
from posenet_ros.training.bench.suite import describe_machine
from posenet_ros.training.data.datasets import read_dataset

WORKERS = 2
REPEATS, QUICK_REPEATS = 3, 1
IMAGES, QUICK_IMAGES = 300, 48
CPU_TIMES = slice(11, 13)  # user's and system's, of /proc/PID/stat after the name
Words = Callable[[Path], Sequence[object]]


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """
    Benchmark mapping in two parts, and the evaluation of a bag of each walk.

    :raises PoseNetError: when results differ.
    """
    os.environ.update(ONE_THREAD)
    repeats = QUICK_REPEATS if options.quick else REPEATS
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        data = options.data or campus_folder(
            work / 'campus', QUICK_IMAGES if options.quick else IMAGES, quick=options.quick)
        walks = sorted({one.sequence for one in read_dataset(data, 'train', None).samples})
        for walk in walks:
            run_measured('posenet_ros.training.make_bag', '--data', data, '--split', 'train',
                         '--walk', walk, '--out', work / 'bags' / walk)

        def mapping(out: Path) -> list[object]:
            return ['posenet_ros.training.map', '--data', data, '--parts', WORKERS, '--out', out]

        def evaluation(out: Path) -> list[object]:
            return ['posenet_ros.evaluate', '--bags', work / 'bags', '--model',
                    work / 'map' / 'place', '--out', out]

        run_measured(*mapping(work / 'map' / 'place'))
        return {'machine': describe_machine(), 'data': data.name, 'bags': len(walks), 'rows': [
            measure('mapping', mapping, LANDMARKS_FILE, work, repeats),
            measure('evaluation', evaluation, 'fleet.json', work, repeats)]}


def measure(name: str, words: Words, result: str, work: Path, repeats: int) -> dict[str, Any]:
    """
    Measure a command on a cluster and twice side by side, by turns.

    :param words: of the command, by the folder of its output.
    :param result: file of its output that has to be the same whatever runs it.
    :raises PoseNetError: when it is not.
    """
    runs = []
    for number in range(repeats):
        folder = work / f'{name}-{number}'
        with ThreadPoolExecutor(WORKERS) as pool:
            alone = list(pool.map(lambda out, folder=folder: run_measured(*words(folder / out)),
                                  map(str, range(WORKERS))))
        with loopback_cluster(WORKERS) as cluster:
            shared = run_measured(*words(folder / 'cluster'), '--scheduler', cluster.address)
            others_s = sum(map(cpu_seconds_of, (
                cluster.scheduler.pid, *(worker.pid for worker in cluster.workers))))
        if len({(folder / out / result).read_bytes() for out in ('0', '1', 'cluster')}) > 1:
            raise PoseNetError(f'{name}: {result} differs from run to run')
        runs.append(compare(alone, shared, others_s))
    return {'name': name, **{key: float(np.median([run[key] for run in runs])) for key in runs[0]},
            'runs': runs}


def compare(alone: Sequence[Cost], shared: Cost, others_s: float) -> dict[str, float]:
    """
    Compare a run on a cluster with runs side by side, of the same work each.

    :param others_s: CPU time of the scheduler and of the workers.
    :returns: `ratio`, the work in a second of the cluster to that of the runs side by side, by
        wall time, and `cpu_ratio`, that in a second of CPU time.
    """
    wall_s, cpu_s = max(one.wall_s for one in alone), sum(one.cpu_s for one in alone) / len(alone)
    return {'alone_s': wall_s, 'shared_s': shared.wall_s,
            'ratio': wall_s / (len(alone) * shared.wall_s), 'alone_cpu_s': cpu_s,
            'shared_cpu_s': shared.cpu_s + others_s,
            'cpu_ratio': cpu_s / (shared.cpu_s + others_s)}


def cpu_seconds_of(pid: int) -> float:
    """Return the CPU time of a process so far, seconds."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return sum(map(int, fields[CPU_TIMES])) / os.sysconf('SC_CLK_TCK')


def cluster_rows(found: Mapping[str, Any]) -> list[Row]:
    """Return the table: head, and a row for each kind of work, medians of all repeats."""
    head = ('work', 'two runs side by side, s', 'one on two workers, s', 'ratio', 'lowest, '
            'highest', 'CPU s of a run', 'on two workers', 'ratio of CPU time')
    return [head, *((
        row['name'], f'{row["alone_s"]:.1f}', f'{row["shared_s"]:.1f}', f'{row["ratio"]:.2f}',
        ', '.join(f'{edge(run["ratio"] for run in row["runs"]):.2f}' for edge in (min, max)),
        f'{row["alone_cpu_s"]:.1f}', f'{row["shared_cpu_s"]:.1f}', f'{row["cpu_ratio"]:.2f}')
        for row in found['rows'])]
