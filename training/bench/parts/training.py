"""Benchmark training with its input pipeline beside training on cached batches."""

from __future__ import annotations

import argparse
import time
from typing import Any

import keras
import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.bench.model import CAMERA
from posenet_ros.training.data.augment import Augmenter
from posenet_ros.training.data.batches import Batches
from posenet_ros.training.data.images import Images
from posenet_ros.training.fitting.devices import choose
from posenet_ros.training.fitting.presets import load_preset, Preset
from posenet_ros.training.fitting.trainer import make_trainer

IMAGES = 96
ROUNDS = 5
DEPTH_M = 10.0
LAST_BLOCK = 'blocks_15_expand_conv'  # of EfficientNet-Lite0


class CachedBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of another dataset, computed once."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self.batches = [batches[i] for i in range(len(batches))]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Any:  # noqa: ANN401
        return self.batches[index]


def noise_images(preset: Preset, count: int) -> Images:
    """Return `count` images of noise, everywhere at the same depth."""
    camera = preset.preprocess().base_camera(CAMERA)
    shape = (count, camera.height, camera.width)
    bases = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    poses = tuple(Pose() for _ in range(count))
    rhos = np.full(shape, 1 / DEPTH_M, np.float32) if preset.augmentation.shift else None
    return Images(bases, poses, np.zeros((count, 3), np.float32),
                  np.tile(np.array([0, 0, 0, 1], np.float32), (count, 1)), np.arange(count), rhos)


def make_batches(preset: Preset, images: int) -> Batches:
    """Return the batches of a training on a number of images."""
    preprocess = preset.preprocess()
    augmenter = Augmenter(preset.augmentation, preprocess.base_camera(CAMERA),
                          preprocess.input_camera(CAMERA))
    return Batches(noise_images(preset, images), augmenter, preset.schedule.batch, preset.seed)


def measure(preset: Preset, rounds: int, images: int) -> dict[str, Any]:
    """Return images per second with and without the pipeline; the first round warms up."""
    pipeline = make_batches(preset, images)
    ways: dict[str, keras.utils.PyDataset] = {
        'pipeline': pipeline, 'memory': CachedBatches(pipeline)}
    trainer = make_trainer(preset, preset.network.config(), rounds * len(pipeline))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, data in ways.items():
            start = time.perf_counter()
            trainer.fit(data, shuffle=False, verbose=0)
            seconds[name].append(time.perf_counter() - start)
    count = len(pipeline) * pipeline.batch
    rates = {name: count / float(np.median(times[1:])) for name, times in seconds.items()}
    return {f'{name}_images_per_s': rate for name, rate in rates.items()} | {
        'share': rates['pipeline'] / rates['memory'], 'batch': pipeline.batch}


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Benchmark the training of the options' preset; quick trains the last layers only."""
    first = LAST_BLOCK if options.quick else ''
    preset = load_preset(options.preset, [
        'weights=none', f'trainable_from="{first}"', 'kept_versions=0'])
    choose()
    if options.quick:
        return measure(preset, 1, preset.schedule.batch)
    return measure(preset, ROUNDS, IMAGES)
