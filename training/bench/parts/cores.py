"""Benchmark the latency of each engine on all cores, beside Keras's `model.predict`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from posenet_ros.inference.artifact import load, WEIGHTS_FILE
from posenet_ros.inference.engine import load_engine
from posenet_ros.training.bench.timing import PREDICT, time_interleaved, Timing
from posenet_ros.training.export.litert import load_network


def measure(folder: Path, quick: bool) -> dict[str, Timing]:
    """Return the times of one image in each engine and in `model.predict`."""
    artifact = load(folder)
    settings = artifact.require_network('posenet bench')
    image = np.random.default_rng(0).integers(
        0, 256, (1, settings.input_height, settings.input_width, 3), np.uint8)
    model = load_network(settings, folder / WEIGHTS_FILE)
    litert, tensorflow = (load_engine(artifact, name) for name in ('litert', 'tensorflow'))
    return time_interleaved({
        'LiteRT': lambda: litert.predict(image), 'TensorFlow': lambda: tensorflow.predict(image),
        PREDICT: lambda: model.predict(image, verbose=0)}, 5 if quick else 60)


def benchmark(options: argparse.Namespace) -> dict[str, Timing]:
    """Benchmark the model of the options."""
    return measure(options.model, options.quick)
