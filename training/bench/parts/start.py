"""Benchmark the start-up of the commands, of an engine or of a node, until it is ready."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
import os
from pathlib import Path
import subprocess
import sys
import time
from typing import Any

import numpy as np
from posenet_ros.cli import VERBS
from posenet_ros.errors import PoseNetError
from posenet_ros.inference.artifact import load
from posenet_ros.inference.engine import load_engine
from posenet_ros.training.bench.timing import cpu_s, memory_mb

BASELINE = 'python -c pass'
POSENET = 'import sys; from posenet_ros.cli import main; sys.exit(main())'  # as its script
MAX_RATIO, MAX_VERB_RATIO = 5.0, 10.0  # to the baseline: of an answer, of a verb's help
ROUNDS, QUICK_ROUNDS = 15, 3
READY = ' map: '  # in the node's log when the network has been loaded and warmed up


def process_age_s() -> float:
    """Return the age of this process, seconds."""
    started = int(Path('/proc/self/stat').read_text().rpartition(')')[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf('SC_CLK_TCK')


def node_startup(model: Path) -> dict[str, Any]:
    """
    Start a node; return time and memory until it had loaded and warmed up its network.

    It is active right after that; without discovery, which takes DDS up to seconds.
    """
    command = [sys.executable, '-m', 'posenet_ros.node', '--ros-args', '-p', f'model:={model}',
               '-p', 'engine:=litert']
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True) as process:
        assert process.stderr
        try:
            lines = []
            for line in process.stderr:
                lines.append(line)
                if READY in line:
                    return {'wall_s': time.monotonic() - start, 'cpu_s': cpu_s(process.pid),
                            'memory_mb': memory_mb(process.pid)}
        finally:
            process.terminate()
    raise PoseNetError(f'the node did not become ready: {"".join(lines)[-500:]}')


def engine_startup(model: Path, name: str) -> dict[str, Any]:
    """Load an engine in this process; return time and memory until the first pose."""
    artifact = load(model)
    size = artifact.preprocess.height, artifact.preprocess.width
    load_engine(artifact, name).predict(np.zeros((1, *size, 3), np.uint8))
    return {'wall_s': process_age_s(), 'cpu_s': time.process_time(), 'memory_mb': memory_mb()}


def commands() -> dict[str, list[str]]:
    """Return the command lines whose start-up is measured, by what a user would type."""
    typed = ['--help', 'trian', 'evaluate --modle m', *(f'{verb} --help' for verb in VERBS)]
    return {BASELINE: ['pass'], **{
        f'posenet {words}': [POSENET, *words.split()] for words in typed}}


def process_cpu_ms(arguments: Sequence[str]) -> float:
    """Run Python with `-c` and these arguments; return the CPU time of the process, ms."""
    with subprocess.Popen([sys.executable, '-c', *arguments], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return 1e3 * (usage.ru_utime + usage.ru_stime)


def command_startup(rounds: int, run: Callable[[Sequence[str]], float] = process_cpu_ms
                    ) -> dict[str, dict[str, float]]:
    """
    Time all commands by turns.

    :param rounds: number of times that each is run.
    :param run: runs one and returns its CPU time, ms.
    :returns: command -> median `cpu_ms`, its `ratio` to the baseline's, and the `limit` of that.
    """
    times: dict[str, list[float]] = {name: [] for name in commands()}
    for _ in range(rounds):
        for name, arguments in commands().items():
            times[name].append(run(arguments))
    cpu_ms = {name: float(np.median(values)) for name, values in times.items()}
    return {name: {'cpu_ms': value, 'ratio': value / cpu_ms[BASELINE], 'limit': _limit(name)}
            for name, value in cpu_ms.items()}


def _limit(name: str) -> float:
    if name == BASELINE:
        return 1.0
    return MAX_VERB_RATIO if name.split()[1] in VERBS and name.endswith('--help') else MAX_RATIO


def check_ratios(found: Mapping[str, Mapping[str, float]]) -> None:
    """
    Compare the ratios with their limits.

    :raises PoseNetError: when some are above; it names them.
    """
    slow = [f'{name} takes {values["ratio"]:.1f} times as long as {BASELINE}, at most '
            f'{values["limit"]:g} is allowed' for name, values in found.items()
            if values['ratio'] > values['limit']]
    if slow:
        raise PoseNetError('; '.join(slow))


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Benchmark the start-up of the options' target."""
    if options.of == 'commands':
        return command_startup(QUICK_ROUNDS if options.quick else ROUNDS)
    if options.of == 'node':
        return node_startup(options.model)
    return engine_startup(options.model, options.of)
