"""What an engine costs from process start to its first pose; a part of `training.bench`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import json
import os
from pathlib import Path
import sys
import time

import numpy as np
from posenet_ros.artifact import load
from posenet_ros.engine import load_engine
from posenet_ros.errors import run_cli
from training.timing import memory_mb


def age_s() -> float:
    """Return how long this process has existed, seconds."""
    started = int(Path('/proc/self/stat').read_text().rpartition(')')[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf('SC_CLK_TCK')


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write JSON; training.bench calls this."""
    parser = argparse.ArgumentParser(prog='python -m training.bench_start', description=__doc__)
    parser.add_argument('--model', type=Path, required=True, help='model folder')
    parser.add_argument('--engine', required=True, help='litert or tensorflow')
    parser.add_argument('--out', type=Path, required=True, help='JSON file to write')
    options = parser.parse_args(argv)
    artifact = load(options.model)
    size = artifact.preprocess.height, artifact.preprocess.width
    engine = load_engine(artifact, options.engine)
    engine.predict(np.zeros((1, *size, 3), np.uint8))
    found = {'wall_s': age_s(), 'cpu_s': time.process_time(), 'memory_mb': memory_mb()}
    options.out.write_text(json.dumps(found))
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
