"""The steps of fitting the uncertainty, on residuals of known size."""

from __future__ import annotations

import numpy as np
from posenet_ros.inference.calibration import Calibration
from posenet_ros.training.uncertainty import calibrate
from posenet_ros.training.uncertainty.noise_model import NoiseModel
from posenet_ros.training.uncertainty.place_descriptors import PlaceDescriptors
from posenet_ros.training.uncertainty.residuals import Residuals, ResidualSets
import pytest

COUNT, LIMIT = 4000, 0.1


def residuals(errors: np.ndarray) -> Residuals:
    ones = np.ones((len(errors), 1), np.float32)
    return Residuals(np.arange(len(errors)), ones, ones, errors.astype(np.float32), {'fc': ones})


def unit(angles: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_the_score_is_the_distance_over_the_limit() -> None:
    places = PlaceDescriptors(np.ones(2), np.eye(2), np.tile(unit(np.zeros(1)), (9, 1)),
                              unit(np.full(3, 0.6)), unit(np.full(2, 0.3)), LIMIT)
    expected = [*(1 - np.cos(np.full(3, 0.6))), *(1 - np.cos(np.full(2, 0.3)))]
    assert places.scores == pytest.approx(np.array(expected) / LIMIT, rel=1e-4)


def test_sigmas_follow_the_score_and_are_scaled_to_the_errors(
        monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    angles = rng.uniform(0.3, 0.8, 2 * COUNT)
    places = PlaceDescriptors(np.ones(2), np.eye(2), unit(np.zeros(1)), unit(angles[:COUNT]),
                              unit(angles[COUNT:]), LIMIT)
    truth = 2 * calibrate.sigma_factor(places.scores, 1.0)[:, np.newaxis] * np.ones(6)
    errors = rng.normal(size=(2 * COUNT, 6)) * truth  # the noise model says 1: half of it
    sets = ResidualSets(residuals(errors[:1]), residuals(errors[:1]), residuals(errors[:COUNT]),
                        residuals(errors[COUNT:]))
    noise = NoiseModel(np.zeros((1, 1)), np.zeros(1), np.zeros((1, 6)), np.zeros(6))
    seen = []
    monkeypatch.setattr(calibrate, 'pose_head', lambda _: None)
    monkeypatch.setattr(calibrate, 'fit_mc_scales', lambda held, sigmas, *_: (
        seen.append(sigmas), (1.0,) * 6)[1])
    done = calibrate.calibrate(None, 0.0, sets, noise, places,
                               Calibration((1.0,) * 3, (1.0,) * 3))
    assert (done.calibration.place_limit, done.calibration.place_power) == (LIMIT, 1.0)
    assert done.calibration.scale == pytest.approx([2.0] * 6, rel=0.05)
    assert seen[0] == pytest.approx(truth, rel=0.05)
    for part in ('held_out', 'held_out_plain'):
        assert done.coverage[part]['1_sigma'] == pytest.approx([0.683] * 6, abs=0.04)
