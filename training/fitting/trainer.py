"""Parts of a training: images in memory, held-out images, trainer, optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.training.fitting.losses import PoseTrainer
from posenet_ros.training.fitting.network_setup import make_network
from posenet_ros.training.fitting.presets import Preset

VALIDATION_BATCH = 64


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

    To be called in the scope of :class:`posenet_ros.training.fitting.devices.Devices`.
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


def run(model: keras.Model, inputs: NDArray[Any]) -> Any:  # noqa: ANN401
    """Return a model's answers for all inputs; unlike Keras's predict, on any tf.distribute."""
    parts = [keras.tree.map_structure(
        keras.ops.convert_to_numpy, model(inputs[i:i + VALIDATION_BATCH], training=False))
        for i in range(0, len(inputs), VALIDATION_BATCH)]
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
