"""
Benchmark a preset's network on a GPU, beside its roofline (Williams et al. 2009).

The engine needs TensorFlow; with KERAS_BACKEND=jax or torch, where there is no TensorFlow that
sees the GPU, the network is run by Keras, and training is measured with any of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
import time
from typing import Any

import keras
import numpy as np
from posenet_ros.inference.artifact import load, WEIGHTS_FILE
from posenet_ros.inference.engine import has_nvidia_gpu, load_engine
from posenet_ros.networks.network import flatten_layers
from posenet_ros.training.bench.model import gflop
from posenet_ros.training.export.litert import load_network
from posenet_ros.training.fitting.devices import choose
from posenet_ros.training.fitting.presets import load_preset, Preset
from posenet_ros.training.fitting.trainer import make_trainer

BATCHES = (1, 32, 128)
RUNS = 30
PRODUCT = 8192  # rows and columns of the matrices
COPIED = 1 << 26  # numbers


def median_s(run: Callable[[], object], runs: int = RUNS) -> float:
    """Return the median duration of a function that waits for its result, seconds."""
    for _ in range(3):
        run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def roofline(kind: str, product: int = PRODUCT, copied: int = COPIED) -> tuple[float, float]:
    """
    Return the peaks of the device: FLOP/s of a large matrix product, bytes/s of a large copy.

    :param kind: `float32` or `float16`.
    :param product: rows and columns of the matrices.
    :param copied: numbers that are read and written.
    """
    def ended(value: Any) -> float:  # noqa: ANN401
        return float(keras.ops.convert_to_numpy(value))

    a = keras.ops.ones((product, product), kind)
    b = keras.ops.ones((copied,), kind)
    multiplied = median_s(lambda: ended(keras.ops.matmul(a, a)[0, 0]), 5)
    moved = median_s(lambda: ended((b + 1)[0]), 5)
    return 2 * product**3 / multiplied, 2 * copied * np.dtype(kind).itemsize / moved


def limit_s(model: keras.Model, batch: int, kind: str, roof: tuple[float, float]) -> float:
    """
    Return the roofline's bound for a batch, seconds: arithmetic or memory traffic.

    :param roof: of :func:`roofline`. Each layer's output is written and read once.
    """
    outputs = sum(int(np.prod(layer.output.shape[1:])) for layer in flatten_layers(model)
                  if hasattr(layer.output, 'shape'))
    numbers = model.count_params() + 2 * batch * outputs
    traffic_s = numbers * np.dtype(kind).itemsize / roof[1]
    return max(1e9 * gflop(model) * batch / roof[0], float(traffic_s))


def on_device(preset: Preset, folder: Path, batches: tuple[int, ...] = BATCHES,
              product: int = PRODUCT, copied: int = COPIED) -> dict[str, Any]:
    """Return latency, throughput and training rate on the device that Keras runs on."""
    device = choose().text
    figures: dict[str, float] = {}
    tensorflow = keras.backend.backend() == 'tensorflow'
    gpu = has_nvidia_gpu()
    artifact = load(folder)
    network = load_network(artifact.require_network('posenet bench'), folder / WEIGHTS_FILE)
    shape = (preset.network.input_height, preset.network.input_width, 3)
    for kind in ('float32', 'float16') if tensorflow and gpu else ('float32',):
        roof = roofline(kind, product, copied)
        figures |= {f'{kind}, matrix product: TFLOP/s': roof[0] / 1e12,
                    f'{kind}, memory: GB/s': roof[1] / 1e9}
        run = load_engine(artifact, 'tensorflow', kind).predict if tensorflow \
            else network.predict_on_batch
        for batch in batches:
            images = np.zeros((batch, *shape), np.uint8)
            seconds = median_s(lambda r=run, i=images: r(i))  # type: ignore[misc]
            fraction = limit_s(network, batch, kind, roof) / seconds
            figures |= {f'{kind}, batch {batch}: ms': 1e3 * seconds,
                        f'{kind}, batch {batch}: images/s': batch / seconds,
                        f'{kind}, batch {batch}: share of the roofline': fraction}
    figures[f'training, batch {preset.schedule.batch}: images/s'] = training_rate(preset, shape)
    return {'device': device, 'figures': figures}


def training_rate(preset: Preset, shape: tuple[int, ...]) -> float:
    """Return the rate of training steps on data in memory, images per second."""
    keras.config.set_dtype_policy(preset.precision)
    trainer = make_trainer(preset, preset.network.config(), RUNS)
    batch = preset.schedule.batch
    images = np.zeros((batch, *shape), np.uint8)
    truth = {'position': np.zeros((batch, 3), np.float32),
             'quat_xyzw': np.tile(np.array([0, 0, 0, 1], np.float32), (batch, 1))}
    return batch / median_s(lambda: trainer.train_on_batch(images, truth))


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Benchmark the preset and the model of the options."""
    return on_device(load_preset(options.preset), options.model)
