"""Make a network of a preset for the benchmark, and count its arithmetic."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.inference.artifact import Artifact, save
from posenet_ros.inference.calibration import Calibration, Scene
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.networks.initial_weights import load_initial_weights
from posenet_ros.networks.network import build, flatten_layers
from posenet_ros.training.export.litert import write_network
from posenet_ros.training.fitting.network_setup import with_shared_trunk
from posenet_ros.training.fitting.presets import load_preset, Preset
from posenet_ros.training.uncertainty.heads import with_uncertainty_heads

GLOBAL_DESCRIPTORS = 3000  # as of a thousand training images
CAMERA = Camera(1920, 1080, 1600.0, 1600.0, 959.5, 539.5)


def make_model(preset: Preset, folder: Path, certain: bool = True) -> None:
    """
    Write a model folder with random weights, or a pretrained backbone.

    :param certain: with uncertainty heads and place recognition, as trained ones have.
    """
    keras.utils.set_random_seed(0)
    config = with_shared_trunk(preset.network.config(), preset)
    calibration = Calibration((0.5,) * 3, (0.1,) * 3)
    known: dict[str, Any] = {}
    if certain:
        config = with_uncertainty_heads(config, preset)
        calibration = replace(calibration, scale=(1.0,) * 6, mc_scale=(1.0,) * 6, mc_rate=0.1,
                              place_limit=1e3)
        size = GLOBAL_DESCRIPTORS, config.descriptor_size
        known = {'global_descriptors': np.ones(size, np.float16),
                 'place_images': np.zeros(GLOBAL_DESCRIPTORS, np.int32)}
    index = TrainIndex(('none',), np.zeros((1, 3)), np.array([[0.0, 0.0, 0.0, 1.0]]),
                       np.zeros((1, 0), np.float16), **known)
    artifact = Artifact(
        config, preset.preprocess(), CAMERA, Scene((-5.0,) * 3, (5.0,) * 3),
        calibration, index, {'made by': 'training.bench.model'})
    network = build(config)
    if config.members == 1:
        load_initial_weights(network, config, preset.network.weights)
    folder.mkdir()
    save(artifact, folder, lambda to: write_network(network, config, to))


def gflop(model: Any) -> float:  # noqa: ANN401
    """Return the arithmetic of one image in convolutions and matrix products, GFLOP."""
    total = 0
    for layer in flatten_layers(model):
        kind = type(layer).__name__
        if kind in ('Conv2D', 'Dense'):
            places = int(np.prod(layer.output.shape[1:-1])) if kind == 'Conv2D' else 1
            total += 2 * places * int(np.prod(layer.kernel.shape))
        elif kind == 'DepthwiseConv2D':
            total += 2 * int(np.prod(layer.output.shape[1:])) * int(
                np.prod(layer.kernel.shape[:2]))
    return total / 1e9


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Make the model folder of the options, for the other parts."""
    make_model(load_preset(options.preset), options.model)
    return {}
