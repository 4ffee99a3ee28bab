"""Losses of a pose network: beta-weighted (Kendall 2015) and with learned weights (2017)."""

from __future__ import annotations

from typing import Any

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
