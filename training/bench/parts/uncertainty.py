"""Benchmark covariance, place score and Monte Carlo dropout beside the pose alone."""

from __future__ import annotations

import argparse
from pathlib import Path
import tempfile

import numpy as np
from posenet_ros.inference.artifact import load
from posenet_ros.localisation.factory import make_relocaliser, RelocaliserOptions
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.training.bench.model import make_model
from posenet_ros.training.bench.timing import time_interleaved, Timing
from posenet_ros.training.fitting.presets import load_preset

PLAIN = 'pose alone'
MC_SAMPLES = 40


def measure(preset: str, folder: Path, quick: bool) -> dict[str, Timing]:
    """
    Return the times from network input to estimate on one thread, and their ratios.

    :param preset: of the network; `folder` a model folder of it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        bare = Path(scratch) / 'bare'
        make_model(load_preset(preset), bare, certain=False)
        relocalisers = {PLAIN: _relocaliser(bare, 0),
                        'covariance and place score': _relocaliser(folder, 0),
                        f'and mc_samples {MC_SAMPLES}': _relocaliser(folder, MC_SAMPLES)}
    settings = load(folder).require_network('posenet bench')
    image = np.random.default_rng(0).integers(
        0, 256, (settings.input_height, settings.input_width, 3), np.uint8)
    times = time_interleaved({name: lambda one=one: one.estimate(image)  # type: ignore[misc]
                              for name, one in relocalisers.items()}, 5 if quick else 200)
    for values in times.values():
        values['to_plain'] = values['cpu'] / times[PLAIN]['cpu']
    return times


def _relocaliser(folder: Path, samples: int) -> Relocaliser:
    options = RelocaliserOptions('litert', threads=1, mc_samples=samples)
    return make_relocaliser(load(folder), options).relocaliser


def benchmark(options: argparse.Namespace) -> dict[str, Timing]:
    """Benchmark the model and the preset of the options."""
    return measure(options.preset, options.model, options.quick)
