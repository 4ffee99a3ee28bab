"""Losses: known values, no NaN at zero error, both signs of a quaternion alike."""

from __future__ import annotations

import keras
from keras import ops
import numpy as np
from posenet_ros.training.fitting.losses import (
    NORMS,
    pose_errors,
    prefixes,
    quaternion_residual,
    residual_norm,
)
from posenet_ros.training.fitting.presets import LossSettings
from posenet_ros.training.fitting.trainer import PoseTrainer
import pytest

RNG = np.random.default_rng(0)


def quats(count: int) -> np.ndarray:
    q = RNG.normal(size=(count, 4))
    return (q / np.linalg.norm(q, axis=1, keepdims=True)).astype(np.float32)


def network(prefixes: tuple[str, ...] = ('',)) -> keras.Model:
    """Return a network whose outputs are its weights: one position and one quaternion."""
    one = keras.Input((1,))
    outputs = {}
    for prefix in prefixes:
        outputs[f'{prefix}position'] = keras.layers.Dense(
            3, use_bias=False, kernel_initializer='ones', name=f'{prefix}p')(one)
        outputs[f'{prefix}quat_xyzw'] = keras.layers.Dense(
            4, use_bias=False, kernel_initializer=keras.initializers.Constant(0.5),
            name=f'{prefix}q')(one)
    return keras.Model(one, outputs)


def test_lengths_of_known_residuals() -> None:
    residual = np.array([[3.0, -4.0, 0.0], [0.05, 0, 0]], np.float32)
    assert ops.convert_to_numpy(residual_norm(residual, 'l1')) == pytest.approx([7, 0.05])
    euclidean = ops.convert_to_numpy(residual_norm(residual, 'l2'))
    assert euclidean == pytest.approx([5, 0.05], rel=1e-4)
    # beyond delta = 0.1: |x| - delta / 2; within: x^2 / (2 delta)
    assert ops.convert_to_numpy(residual_norm(residual, 'huber')) == pytest.approx([6.9, 0.0125])


def test_both_signs_of_a_quaternion_are_alike() -> None:
    true, estimate = quats(20), quats(20)
    a = ops.convert_to_numpy(quaternion_residual(estimate, true))
    b = ops.convert_to_numpy(quaternion_residual(-estimate, true))
    np.testing.assert_allclose(a, -b, atol=1e-6)
    assert (np.linalg.norm(a, axis=1) <= np.sqrt(2) + 1e-6).all()
    assert np.abs(ops.convert_to_numpy(quaternion_residual(-true, true))).max() < 1e-6


@pytest.mark.parametrize('form', NORMS)
@pytest.mark.parametrize('loss', ['beta', 'learned'])
def test_no_nan_at_zero_error_nor_far_away(form: str, loss: str) -> None:
    for position, sign in ((1.0, 1), (1.0, -1), (1e4, 1)):
        trainer = PoseTrainer(network(), LossSettings(loss, form))
        trainer.compile(keras.optimizers.SGD(1e-6))
        y = {'position': np.full((2, 3), position, np.float32),
             'quat_xyzw': np.full((2, 4), 0.5 * sign, np.float32)}
        history = trainer.fit(np.ones((2, 1)), y, epochs=2, verbose=0).history
        assert np.isfinite(history['loss']).all()
        assert all(np.isfinite(w).all() for w in trainer.get_weights())


def test_beta_weighs_the_rotation() -> None:
    y = {'position': np.zeros((1, 3), np.float32), 'quat_xyzw': quats(1)}
    y_pred = {'position': np.array([[3.0, 4, 0]], np.float32), 'quat_xyzw': quats(1)}
    rotation = float(pose_errors(y, y_pred, 'l2')[1])
    trainer = PoseTrainer(network(), LossSettings('beta', 'l2', beta=500))
    assert float(trainer.compute_loss(y=y, y_pred=y_pred)) == pytest.approx(5 + 500 * rotation)


def test_learned_weights_follow_kendall_2017() -> None:
    y = {'position': np.zeros((1, 3), np.float32), 'quat_xyzw': quats(1)}
    y_pred = {'position': np.array([[1.0, 1, 0]], np.float32), 'quat_xyzw': quats(1)}
    rotation = float(pose_errors(y, y_pred, 'l1')[1])
    trainer = PoseTrainer(network(), LossSettings('learned', 'l1', sx=0.5, sq=-3))
    expected = 2 * np.exp(-0.5) + 0.5 + rotation * np.exp(3) - 3
    assert float(trainer.compute_loss(y=y, y_pred=y_pred)) == pytest.approx(expected, rel=1e-5)
    assert {w.name for w in trainer.trainable_weights} >= {'sx', 'sq'}


def test_learned_weights_go_to_the_logarithm_of_the_losses() -> None:
    trainer = PoseTrainer(network(), LossSettings('learned', 'l1'))
    trainer.network.trainable = False
    trainer.compile(keras.optimizers.Adam(0.3))
    steps = 200
    y = {'position': np.full((steps, 3), 3.0, np.float32),  # the network says 1: an error of 6
         'quat_xyzw': np.tile(np.array([1.0, 0, 0, 0], np.float32), (steps, 1))}
    trainer.fit(np.ones((steps, 1)), y, batch_size=1, verbose=0)
    assert float(trainer.sx) == pytest.approx(np.log(6), abs=0.05)
    assert float(trainer.sq) == pytest.approx(np.log(2), abs=0.05)


def test_auxiliary_heads_weigh_a_third() -> None:
    heads = network(('', 'aux1_', 'aux2_'))
    outputs = heads(np.ones((1, 1)))
    assert prefixes(outputs) == ['', 'aux1_', 'aux2_']
    y = {'position': np.full((1, 3), 2.0, np.float32), 'quat_xyzw': quats(1)}
    settings, single = LossSettings('beta', 'l1'), network()(np.ones((1, 1)))
    one = PoseTrainer(network(), settings).compute_loss(y=y, y_pred=single)
    three = PoseTrainer(heads, settings).compute_loss(y=y, y_pred=outputs)
    assert float(three) == pytest.approx(1.6 * float(one), rel=1e-5)
