"""The exponential moving average of a trainer's weights, which its optimizer keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


def use_averaged_weights(trainer: keras.Model) -> None:
    """Load the exponential moving average of the weights, where the optimizer keeps one."""
    optimizer = _averaging_optimizer(trainer)
    if optimizer.use_ema:
        optimizer.finalize_variable_values(trainer.trainable_variables)


def _averaging_optimizer(trainer: keras.Model) -> keras.optimizers.Optimizer:
    """Return the optimizer that keeps the average: with mixed_float16 the inner one."""
    return getattr(trainer.optimizer, 'inner_optimizer', trainer.optimizer)


@contextmanager
def averaged_weights(trainer: keras.Model) -> Iterator[None]:
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
