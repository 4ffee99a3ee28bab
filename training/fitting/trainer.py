"""The trainer: a pose network with its loss, compiled with its optimizer."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops
import numpy as np
from numpy.typing import NDArray
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.training.fitting.losses import AUXILIARY_WEIGHT, pose_errors, prefixes
from posenet_ros.training.fitting.network_setup import make_network
from posenet_ros.training.fitting.optimizer import make_optimizer
from posenet_ros.training.fitting.presets import LossSettings, Preset

VALIDATION_BATCH = 64


class PoseTrainer(keras.Model):  # type: ignore[misc]
    """
    A pose network with its loss; only the network inside is saved.

    The learned weights are L = Lx exp(-sx) + sx + Lq exp(-sq) + sq (Kendall and Cipolla 2017,
    equation 8).

    :param network: with outputs `position` and `quat_xyzw`, and those of auxiliary heads.
    :param loss: the settings of the loss.
    :param frozen: the layers whose outputs are cached; `trained` the rest, which is trained on
        them. None trains on images.
    """

    def __init__(self, network: keras.Model, loss: LossSettings,
                 frozen: keras.Model | None = None,
                 trained: keras.Model | None = None) -> None:
        super().__init__()
        self.network = network
        self.frozen, self.trained = frozen, trained or network
        self.several_workers = False
        self.settings = loss
        if loss.kind == 'learned':
            self.sx = self._scalar('sx', loss.sx)
            self.sq = self._scalar('sq', loss.sq)

    def _scalar(self, name: str, value: float) -> Any:  # noqa: ANN401
        return self.add_weight(shape=(), name=name, dtype='float32',
                               initializer=keras.initializers.Constant(value))

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: ANN401
        """Run the part that is trained."""
        return self.trained(inputs, training=training)

    def _maybe_symbolic_build(self, *args: object, **kwargs: object) -> None:
        """Do nothing: the trainer is built already, and Keras 3.15 cannot with several workers."""

    def train_step(self, *args: Any) -> Any:  # noqa: ANN401
        """Take a step; Keras 3.15 averages over workers only what has an axis to do it along."""
        logs = super().train_step(*args)
        if not self.several_workers:
            return logs
        return {key: ops.reshape(value, (1,)) for key, value in logs.items()}

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None,  # noqa: ANN401
                     sample_weight: Any = None, training: bool = True) -> Any:  # noqa: ANN401
        """Return the loss of all heads."""
        total = 0.0
        for prefix in prefixes(y_pred):
            weight = AUXILIARY_WEIGHT if prefix else 1.0
            total = total + weight * self._combine(
                *pose_errors(y, y_pred, self.settings.form, prefix))
        return self._aggregate_additional_loss(total)  # divided by the number of devices

    def _combine(self, position: Any, rotation: Any) -> Any:  # noqa: ANN401
        if self.settings.kind == 'beta':
            return position + self.settings.beta * rotation
        return (position * ops.exp(-self.sx) + self.sx
                + rotation * ops.exp(-self.sq) + self.sq)


def make_trainer(preset: Preset, config: NetworkConfig, steps: int) -> PoseTrainer:
    """
    Make a compiled trainer, built so that a checkpoint can be loaded into it.

    Call it in the scope of :class:`posenet_ros.training.fitting.devices.Devices`.

    :param steps: of an epoch.
    """
    network = make_network(preset, config)
    frozen, trained = None, network
    if preset.network.kept_versions:
        cut = network.get_layer(preset.network.trainable_from).input
        frozen = keras.Model(network.input, cut)  # first: the next line gives layers two inputs
        trained = keras.Model(cut, network.output)
    trainer = PoseTrainer(network, preset.loss, frozen, trained)
    optimizer = make_optimizer(preset.optimizer, preset.schedule, steps)
    trainer.compile(optimizer, jit_compile=preset.xla)
    trainer(np.zeros((1, *trained.input.shape[1:]), trained.input.dtype))
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer


def predict_all(model: keras.Model, inputs: NDArray[Any]) -> Any:  # noqa: ANN401
    """Predict the outputs of all inputs; unlike Keras's `predict`, with any tf.distribute."""
    parts = [keras.tree.map_structure(
        keras.ops.convert_to_numpy, model(inputs[i:i + VALIDATION_BATCH], training=False))
        for i in range(0, len(inputs), VALIDATION_BATCH)]
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
