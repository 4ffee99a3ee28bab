"""Losses of a pose network: beta-weighted (Kendall 2015) and with learned weights (2017)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

EPSILON = 1e-12  # keeps the gradient of a square root finite at zero
AUXILIARY_WEIGHT = 0.3
HUBER_DELTA = 0.1  # in metres, and in units of a quaternion
NORMS = ('l1', 'l2', 'huber')
LOSSES = ('beta', 'learned')


def residual_norm(residual: Any, form: str) -> Any:  # noqa: ANN401 - keras tensors
    """
    Return the norm of residuals.

    :param residual: (B, D).
    :param form: `l2` the Euclidean norm, `l1` the sum of magnitudes, `huber` the sum of Huber's
        function (quadratic within HUBER_DELTA, then linear).
    :returns: (B,), with a finite gradient everywhere.
    """
    if form == 'l2':
        return ops.sqrt(ops.sum(ops.square(residual), axis=-1) + EPSILON)
    size = ops.abs(residual)
    if form == 'huber':
        inner = ops.minimum(size, HUBER_DELTA)
        size = inner * (size - 0.5 * inner) / HUBER_DELTA
    return ops.sum(size, axis=-1)


def quaternion_residual(quat: Any, true_quat: Any) -> Any:  # noqa: ANN401
    """
    Return the difference of unit quaternions, with the sign that makes it smaller.

    :param quat: (B, 4) estimate, x y z w, of either sign; its gradient passes through.
    :param true_quat: (B, 4).
    """
    agreement = ops.sum(quat * true_quat, axis=-1, keepdims=True)
    return quat - ops.where(agreement < 0, -true_quat, true_quat)


def pose_errors(y: dict[str, Any], y_pred: dict[str, Any], form: str, prefix: str = '',
                ) -> tuple[Any, Any]:
    """Return the mean position loss, metres, and rotation loss of the head with a prefix."""
    position = residual_norm(y_pred[f'{prefix}position'] - y['position'], form)
    difference = quaternion_residual(y_pred[f'{prefix}quat_xyzw'], y['quat_xyzw'])
    return ops.mean(position), ops.mean(residual_norm(difference, form))


def prefixes(y_pred: dict[str, Any]) -> list[str]:
    """Return the prefixes of the heads, the main one, '', first."""
    return sorted(key.removesuffix('position') for key in y_pred if key.endswith('position'))


class PoseTrainer(keras.Model):  # type: ignore[misc]
    """
    A pose network with its loss; only the network inside is saved.

    The learned weights are L = Lx exp(-sx) + sx + Lq exp(-sq) + sq (Kendall and Cipolla 2017,
    equation 8).

    :param network: with outputs `position` and `quat_xyzw`, and those of auxiliary heads.
    :param loss: `beta` or `learned`.
    :param form: `l1`, `l2` or `huber`.
    :param beta: weight of the rotation, with `beta`.
    :param sx: start of the learned log-variance of the position; `sq` that of the rotation.
    :param frozen: the layers whose outputs are cached; `trained` the rest, which is trained on
        them. None trains on images.
    """

    def __init__(self, network: keras.Model, loss: str = 'learned', form: str = 'l1',
                 beta: float = 500.0, sx: float = 0.0, sq: float = -3.0,
                 frozen: keras.Model | None = None,
                 trained: keras.Model | None = None) -> None:
        super().__init__()
        self.network = network
        self.frozen, self.trained = frozen, trained or network
        self.several_workers = False
        self.loss_kind, self.form, self.beta = loss, form, beta
        if loss == 'learned':
            self.sx = self._scalar('sx', sx)
            self.sq = self._scalar('sq', sq)

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
            total = total + weight * self._combine(*pose_errors(y, y_pred, self.form, prefix))
        return self._aggregate_additional_loss(total)  # divided by the number of devices

    def _combine(self, position: Any, rotation: Any) -> Any:  # noqa: ANN401
        if self.loss_kind == 'beta':
            return position + self.beta * rotation
        return (position * ops.exp(-self.sx) + self.sx
                + rotation * ops.exp(-self.sq) + self.sq)
