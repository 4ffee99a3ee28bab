"""The optimizer of a training, with the schedule of its learning rate."""

from __future__ import annotations

import keras
from posenet_ros.training.fitting.presets import OptimizerSettings, Schedule

NOT_DECAYED = ['gamma', 'beta', 'bias', 'sx', 'sq']  # names of variables


def make_optimizer(settings: OptimizerSettings, schedule: Schedule, steps: int,
                   ) -> keras.optimizers.Optimizer:
    """
    Make the optimizer, with a warm-up and a cosine decay to 0.

    :param steps: of an epoch.
    """
    warmup = round(schedule.warmup_epochs * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else settings.learning_rate, max(schedule.epochs * steps - warmup, 1),
        warmup_target=settings.learning_rate if warmup else None, warmup_steps=warmup)
    common = {'learning_rate': rate, 'weight_decay': settings.weight_decay,
              'global_clipnorm': settings.clip_norm or None, 'use_ema': settings.ema > 0,
              'ema_momentum': settings.ema}
    optimizer = keras.optimizers.AdamW(**common) if settings.kind == 'adamw' else \
        keras.optimizers.SGD(momentum=settings.momentum, **common)
    optimizer.exclude_from_weight_decay(var_names=NOT_DECAYED)
    return optimizer
