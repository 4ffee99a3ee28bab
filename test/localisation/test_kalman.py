"""The smoother on walks with known truth."""

from __future__ import annotations

from helpers import poses
from hypothesis import given, settings
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.estimate import diagonal_covariance, PoseEstimate
from posenet_ros.geometry.lie import so3_exp, so3_log
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.kalman import Smoother, SmootherConfig
import pytest

PERIOD_NS = 100_000_000
SIGMA_M, SIGMA_RAD = (0.5, 0.4, 0.1), (0.03, 0.02, 0.06)
COVARIANCE = diagonal_covariance(SIGMA_M, SIGMA_RAD)


def truth(i: int) -> Pose:
    """Return where a walker is at frame i: on a large circle, looking ahead."""
    angle = 0.01 * i
    return Pose.from_rotation(so3_exp(np.array([0.0, 0.0, angle])),
                              (10 * np.sin(angle), 10 - 10 * np.cos(angle), 0.0))


def noisy(pose: Pose, random: np.random.Generator) -> PoseEstimate:
    """Return an estimate with the error that its covariance says."""
    turn = so3_exp(random.normal(size=3) * SIGMA_RAD)
    return PoseEstimate(
        Pose.from_rotation(turn @ pose.rotation,
                           pose.translation_m + random.normal(size=3) * SIGMA_M), COVARIANCE)


def errors(estimate: PoseEstimate, pose: Pose) -> np.ndarray:
    """Return the six errors, metres and radians about the fixed axes."""
    return np.concatenate([
        estimate.map_from_camera.translation_m - pose.translation_m,
        so3_log(estimate.map_from_camera.rotation @ pose.rotation.T)])


def test_it_halves_the_error_and_knows_how_large_it_is() -> None:
    random = np.random.default_rng(0)
    smoother = Smoother(SmootherConfig(0.5, 0.3))
    raw, smooth, squares = [], [], []
    for i in range(600):
        measured = noisy(truth(i), random)
        result = smoother.update(measured, (i + 1) * PERIOD_NS)
        if i > 50:
            error = errors(result, truth(i))
            raw.append(errors(measured, truth(i)))
            smooth.append(error)
            squares.append(error @ np.linalg.solve(result.covariance, error))
    ratio = np.std(smooth, axis=0) / np.std(raw, axis=0)
    assert (ratio < 0.6).all()
    assert 4.0 < np.mean(squares) < 8.0  # chi squared of 6 degrees of freedom has the mean 6


@given(poses())
@settings(max_examples=30, deadline=None)
def test_a_camera_that_stands_still_is_found(pose: Pose) -> None:
    smoother = Smoother(SmootherConfig(0.01, 0.01))
    random = np.random.default_rng(1)
    for i in range(200):
        result = smoother.update(noisy(pose, random), i * PERIOD_NS + 1)
    assert np.abs(errors(result, pose)[:3]).max() < 0.25
    assert np.abs(errors(result, pose)[3:]).max() < 0.04


def test_it_begins_anew_after_a_gap_and_when_time_goes_back() -> None:
    for pause_ns in (2_000_000_000, -5 * PERIOD_NS):
        smoother = Smoother(SmootherConfig())
        for i in range(10):
            smoother.update(PoseEstimate(truth(i), COVARIANCE), i * PERIOD_NS)
        far = PoseEstimate(Pose(np.array([50.0, 0.0, 0.0])), COVARIANCE)
        result = smoother.update(far, 9 * PERIOD_NS + pause_ns)
        np.testing.assert_array_equal(result.map_from_camera.matrix, far.map_from_camera.matrix)
        np.testing.assert_array_equal(result.covariance, COVARIANCE)


def predicted(config: SmootherConfig, covariance: np.ndarray, spin: float) -> np.ndarray:
    """Return the (12, 12) covariance a second after an estimate, of a camera turning about z."""
    smoother = Smoother(config)
    smoother.update(PoseEstimate(Pose(), covariance), PERIOD_NS)
    smoother._motion[5] = spin
    smoother._predict(1.0)
    return smoother._covariance


def test_the_covariance_of_the_rotation_turns_with_the_camera() -> None:
    config = SmootherConfig(1e-6, 1e-6, start_speed=1e-6)
    covariance = diagonal_covariance((0.1,) * 3, (0.3, 0.1, 0.2))
    after = predicted(config, covariance, np.pi / 2)
    np.testing.assert_allclose(after[3:6, 3:6], np.diag([0.01, 0.09, 0.04]), atol=1e-9)
    np.testing.assert_allclose(after[:3, :3], np.eye(3) * 0.01, atol=1e-9)
    to_the_left = predicted(config, covariance, np.pi / 4)
    np.testing.assert_allclose(to_the_left[3:5, 3:5], [[0.05, 0.04], [0.04, 0.05]], atol=1e-9)


def test_the_process_noise_is_that_of_the_acceleration() -> None:
    still = np.eye(6) * 1e-12
    after = predicted(SmootherConfig(0.6, 0.2, start_speed=1e-6), still, 0.0)
    noise = np.repeat([0.36, 0.04], 3)  # of one second
    np.testing.assert_allclose(np.diag(after), np.concatenate([noise / 4, noise]), atol=1e-9)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(InputError, match='positive'):
        SmootherConfig(acceleration=0.0)
