"""The learning rate's schedule, and the average of the weights."""

from __future__ import annotations

import keras
import numpy as np
from posenet_ros.training.fitting.ema import averaged_weights
from posenet_ros.training.fitting.optimizer import make_optimizer
from posenet_ros.training.fitting.presets import OptimizerSettings, Schedule
import pytest

SETTINGS = OptimizerSettings('sgd', learning_rate=1e-2, clip_norm=5.0, ema=0.5)


def rate(schedule: Schedule, step: int) -> float:
    optimizer = make_optimizer(SETTINGS, schedule, 10)
    return float(optimizer._learning_rate(step))


def test_the_rate_warms_up_and_falls_to_zero() -> None:
    schedule = Schedule(epochs=4, warmup_epochs=1.0)
    assert rate(schedule, 0) == 0
    assert rate(schedule, 5) == pytest.approx(5e-3)
    assert rate(schedule, 10) == pytest.approx(1e-2)
    assert rate(schedule, 40) == pytest.approx(0, abs=1e-8)


def test_without_warm_up_the_rate_starts_at_its_highest() -> None:
    assert rate(Schedule(epochs=4, warmup_epochs=0.0), 0) == pytest.approx(1e-2)


def test_gradients_are_clipped_and_weights_averaged_where_asked() -> None:
    asked = make_optimizer(SETTINGS, Schedule(), 10)
    assert (asked.global_clipnorm, asked.use_ema, asked.ema_momentum) == (5.0, True, 0.5)
    bare = make_optimizer(OptimizerSettings(), Schedule(), 10)
    assert (bare.global_clipnorm, bare.use_ema) == (None, False)


def test_the_average_is_there_within_the_context_alone() -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(make_optimizer(SETTINGS, Schedule(warmup_epochs=0.0), 10), loss='mse')
    for _ in range(3):
        model.train_on_batch(np.ones((1, 1)), np.full((1, 1), 50.0))
    current = model.get_weights()[0].item()
    with averaged_weights(model):
        assert model.get_weights()[0].item() < current - 1e-3
    assert model.get_weights()[0].item() == current
