"""Benchmark the start-up of an engine or a node: time and memory until it is ready."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
import subprocess
import sys
import time
from typing import Any

import numpy as np
from posenet_ros.errors import PoseNetError
from posenet_ros.inference.artifact import load
from posenet_ros.inference.engine import load_engine
from posenet_ros.training.bench.timing import cpu_s, memory_mb

READY = 'runs with'  # in the node's log when the network has been loaded and warmed up


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


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Benchmark the start-up of the options' target."""
    if options.of == 'node':
        return node_startup(options.model)
    return engine_startup(options.model, options.of)
