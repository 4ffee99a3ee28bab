"""Parts of a training: images in memory, held-out images, trainer, optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.config import NetworkConfig
from posenet_ros.errors import InputError
from posenet_ros.image_files import read_image
from posenet_ros.network import build, shareable
from posenet_ros.pose import Pose
from posenet_ros.preprocess import Preprocess
from posenet_ros.pretrained import load_initial_weights
from training import depth
from training.datasets import Dataset, Sample
from training.losses import PoseTrainer
from training.presets import Preset

FLATTEST = 0.02  # smallest scale of an axis, as a share of the largest
THREADS = 4
VALIDATION_BATCH = 64


@dataclass(frozen=True, eq=False)
class Images:
    """
    Samples with their base images.

    :param bases: (N, base height, base width, 3) RGB uint8.
    :param positions_m: (N, 3), metres.
    :param quats_xyzw: (N, 4).
    :param rows: (N,) which of the dataset's samples they are.
    :param rhos: (N, base height, base width) inverse depths, 1/m, or None.
    """

    bases: NDArray[np.uint8]
    poses: tuple[Pose, ...]
    positions_m: NDArray[np.float32]
    quats_xyzw: NDArray[np.float32]
    rows: NDArray[np.intp]
    rhos: NDArray[np.float32] | None = None

    def take(self, indices: NDArray[np.intp]) -> Images:
        """Return the images of those indices."""
        return Images(self.bases[indices], tuple(self.poses[i] for i in indices),
                      self.positions_m[indices], self.quats_xyzw[indices], self.rows[indices],
                      None if self.rhos is None else self.rhos[indices])


def load_images(dataset: Dataset, preprocess: Preprocess) -> Images:
    """Read all images of a dataset once, resized to base images."""
    def base(sample: Sample) -> NDArray[np.uint8]:
        return preprocess.base(read_image(sample.path), dataset.camera)

    camera = preprocess.base_camera(dataset.camera)
    bases = np.empty((len(dataset.samples), camera.height, camera.width, 3), np.uint8)
    bar = keras.utils.Progbar(len(bases), unit_name='image')
    with ThreadPoolExecutor(THREADS) as pool:
        for i, image in enumerate(pool.map(base, dataset.samples)):
            bases[i] = image
            bar.update(i + 1)
    poses = tuple(sample.map_from_camera for sample in dataset.samples)
    return Images(bases, poses, dataset.positions_m.astype(np.float32),
                  dataset.quats_xyzw.astype(np.float32), np.arange(len(poses)))


def with_depths(images: Images, dataset: Dataset, preprocess: Preprocess, file: Path) -> Images:
    """
    Add the inverse depths of all images, estimated once.

    :param file: keeps them for a resumed training.
    """
    if file.exists():
        return replace(images, rhos=np.load(file))
    bar = keras.utils.Progbar(len(images.bases), unit_name='depth')
    rhos = depth.estimate(images.bases, images.poses, [s.sequence for s in dataset.samples],
                          preprocess.base_camera(dataset.camera), bar.update)
    np.save(file, rhos)
    return replace(images, rhos=rhos)


def network_config(preset: Preset, positions_m: NDArray[Any]) -> NetworkConfig:
    """Return the network's settings: raw positions have mean 0 and deviation 1 on each axis."""
    spread = positions_m.std(axis=0)
    if spread.max() == 0:
        raise InputError('all training images have the same position; a network needs a walk')
    scale = np.maximum(spread, FLATTEST * spread.max())
    config = preset.network(tuple(float(v) for v in positions_m.mean(axis=0)),
                            tuple(float(v) for v in scale))
    return with_trunk(config, preset)


def with_trunk(config: NetworkConfig, preset: Preset) -> NetworkConfig:
    """Return the settings of several networks that share the layers that all of them froze."""
    before = preset.trainable_from if preset.weights == 'pretrained' else ''
    if config.shared_before == before or preset.members == 1 or not shareable(config, before):
        return config
    return replace(config, shared_before=before)


def make_network(preset: Preset, config: NetworkConfig) -> keras.Model:
    """Build one network with its initial weights, and freeze what the preset says."""
    config = replace(config, members=1, shared_before='')
    network = build(config, auxiliary=True)
    load_initial_weights(network, config, preset.weights)
    layers = [layer.name for layer in network.layers]
    if preset.trainable_from:
        if preset.trainable_from not in layers:
            raise InputError('trainable_from has to be a layer of the network, as '
                             f'{", ".join(layers[3:6])}. Received: {preset.trainable_from!r}')
        for layer in network.layers[:layers.index(preset.trainable_from)]:
            layer.trainable = False
    if preset.frozen_norm:
        for layer in network.layers:
            layer.trainable &= not isinstance(layer, keras.layers.BatchNormalization)
    return network


def make_optimizer(preset: Preset, steps: int) -> keras.optimizers.Optimizer:
    """
    Return the optimizer, with a warm-up and a cosine down to 0.

    :param steps: of an epoch.
    """
    warm = round(preset.warmup_epochs * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0 if warm else preset.learning_rate, max(preset.epochs * steps - warm, 1),
        warmup_target=preset.learning_rate if warm else None, warmup_steps=warm)
    common = {'learning_rate': rate, 'weight_decay': preset.weight_decay,
              'global_clipnorm': preset.clip_norm or None, 'use_ema': preset.ema > 0,
              'ema_momentum': preset.ema}
    optimizer = keras.optimizers.AdamW(**common) if preset.optimizer == 'adamw' else \
        keras.optimizers.SGD(momentum=preset.momentum, **common)
    optimizer.exclude_from_weight_decay(var_names=['gamma', 'beta', 'bias', 'sx', 'sq'])
    return optimizer


def make_trainer(preset: Preset, config: NetworkConfig, steps: int) -> PoseTrainer:
    """
    Return a compiled trainer, built so that a checkpoint can be put into it.

    To be called in the scope of :class:`training.devices.Devices`.
    """
    network = make_network(preset, config)
    frozen, trained = None, network
    if preset.kept_versions:
        cut = network.get_layer(preset.trainable_from).input
        frozen = keras.Model(network.input, cut)  # first: the next line gives layers two inputs
        trained = keras.Model(cut, network.output)
    trainer = PoseTrainer(network, preset.loss, preset.form, preset.beta, preset.sx, preset.sq,
                          frozen, trained)
    trainer.compile(make_optimizer(preset, steps), jit_compile=preset.xla)
    trainer(np.zeros((1, *trained.input.shape[1:]), trained.input.dtype))
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer


def use_averaged(trainer: PoseTrainer) -> None:
    """Put the averaged weights into the network, where the optimizer averages."""
    optimizer = _averaging(trainer)
    if optimizer.use_ema:
        optimizer.finalize_variable_values(trainer.trainable_variables)


def _averaging(trainer: PoseTrainer) -> keras.optimizers.Optimizer:
    """Return the optimizer that averages: the inner one of mixed_float16."""
    return getattr(trainer.optimizer, 'inner_optimizer', trainer.optimizer)


@contextmanager
def averaged(trainer: PoseTrainer) -> Iterator[None]:
    """Put the averaged weights into the network for a while."""
    if not _averaging(trainer).use_ema:
        yield
        return
    current = [keras.ops.convert_to_numpy(v) for v in trainer.trainable_variables]
    use_averaged(trainer)
    try:
        yield
    finally:
        for variable, value in zip(trainer.trainable_variables, current, strict=True):
            variable.assign(value)


def network_inputs(images: Images, preprocess: Preprocess) -> NDArray[np.uint8]:
    """Return the images as the node will give them to the network, (N, height, width, 3)."""
    return np.stack([preprocess.crop(base) for base in images.bases])


def run(model: keras.Model, inputs: NDArray[Any]) -> Any:  # noqa: ANN401
    """Return a model's answers for all inputs; unlike Keras's predict, on any tf.distribute."""
    parts = [keras.tree.map_structure(
        keras.ops.convert_to_numpy, model(inputs[i:i + VALIDATION_BATCH], training=False))
        for i in range(0, len(inputs), VALIDATION_BATCH)]
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
