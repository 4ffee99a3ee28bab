"""
Make a network of a preset for the benchmark, and measure it on a GPU if there is one.

Training throughput is measured with whatever backend Keras runs on (KERAS_BACKEND), the engine
with TensorFlow alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import time
from typing import Any

from posenet_ros.quiet import quiet_stderr

with quiet_stderr():
    import keras
import numpy as np  # noqa: I100 - after the quiet import
from posenet_ros.artifact import Artifact, Calibration, load, save, Scene, TrainIndex
from posenet_ros.camera import Camera
from posenet_ros.engine import has_nvidia_gpu, load_engine
from posenet_ros.network import build
from training.export import write_network
from training.presets import Preset

CAMERA = Camera(1920, 1080, 1600.0, 1600.0, 959.5, 539.5)
BATCHES = (1, 32, 128)
RUNS = 30


def make(preset: Preset, folder: Path) -> None:
    """Write a model folder with random weights."""
    keras.utils.set_random_seed(0)
    index = TrainIndex(('none',), np.zeros((1, 3)), np.array([[0.0, 0.0, 0.0, 1.0]]),
                       np.zeros((1, 0), np.float16))
    artifact = Artifact(
        preset.network(), preset.preprocess(), CAMERA, Scene((-5.0,) * 3, (5.0,) * 3),
        Calibration((0.5,) * 3, (0.1,) * 3), index, {'made by': 'training.bench_model'})
    folder.mkdir()
    save(artifact, folder,
         lambda to: write_network(build(artifact.network), artifact.network, to))


def best_s(run: Callable[[], object]) -> float:
    """Return the median seconds of a function that ends when its result is there."""
    for _ in range(3):
        run()
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def on_gpu(preset: Preset, folder: Path) -> dict[str, Any]:
    """Return latency, images a second and training throughput on an NVIDIA GPU."""
    if not has_nvidia_gpu():
        return {'device': 'not measured: this machine has no NVIDIA GPU', 'figures': {}}
    artifact, figures = load(folder), {}
    shape = (preset.input_height, preset.input_width, 3)
    device = ''
    for precision in ('float32', 'float16') if keras.backend.backend() == 'tensorflow' else ():
        engine = load_engine(artifact, 'tensorflow', precision)
        device = engine.device
        for batch in BATCHES:
            images = np.zeros((batch, *shape), np.uint8)
            seconds = best_s(lambda e=engine, i=images: e.predict(i))  # type: ignore[misc]
            figures[f'{precision}, batch {batch}: ms'] = 1e3 * seconds
            figures[f'{precision}, batch {batch}: images/s'] = batch / seconds
    figures[f'training, batch {preset.batch}: images/s'] = training_rate(preset, shape)
    return {'device': device or keras.backend.backend(), 'figures': figures}


def training_rate(preset: Preset, shape: tuple[int, ...]) -> float:
    """Return images a second of training steps, the data being there already."""
    from training.loop import make_trainer
    keras.config.set_dtype_policy(preset.precision)
    trainer = make_trainer(preset, preset.network(), RUNS)
    images = np.zeros((preset.batch, *shape), np.uint8)
    truth = {'position': np.zeros((preset.batch, 3), np.float32),
             'quat_xyzw': np.tile(np.float32([0, 0, 0, 1]), (preset.batch, 1))}
    return preset.batch / best_s(lambda: trainer.train_on_batch(images, truth))
