"""The trainer of a preset, its optimizer and the average of its weights."""

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
    Make the optimizer, with a warm-up and a cosine decay to 0.

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
    Make a compiled trainer, built so that a checkpoint can be loaded into it.

    Call it in the scope of :class:`posenet_ros.training.fitting.devices.Devices`.
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


def use_averaged_weights(trainer: PoseTrainer) -> None:
    """Load the exponential moving average of the weights, where the optimizer keeps one."""
    optimizer = _averaging_optimizer(trainer)
    if optimizer.use_ema:
        optimizer.finalize_variable_values(trainer.trainable_variables)


def _averaging_optimizer(trainer: PoseTrainer) -> keras.optimizers.Optimizer:
    """Return the optimizer that keeps the average: with mixed_float16 the inner one."""
    return getattr(trainer.optimizer, 'inner_optimizer', trainer.optimizer)


@contextmanager
def averaged_weights(trainer: PoseTrainer) -> Iterator[None]:
    """Load the averaged weights within the context, and the current ones after it."""
    if not _averaging_optimizer(trainer).use_ema:
        yield
        return
    current = [keras.ops.convert_to_numpy(v) for v in trainer.trainable_variables]
    use_averaged_weights(trainer)
    try:
        yield
    finally:
        for variable, value in zip(trainer.trainable_variables, current, strict=True):
            variable.assign(value)


def predict_all(model: keras.Model, inputs: NDArray[Any]) -> Any:  # noqa: ANN401
    """Predict the outputs of all inputs; unlike Keras's `predict`, with any tf.distribute."""
    parts = [keras.tree.map_structure(
        keras.ops.convert_to_numpy, model(inputs[i:i + VALIDATION_BATCH], training=False))
        for i in range(0, len(inputs), VALIDATION_BATCH)]
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
