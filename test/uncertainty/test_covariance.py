"""Covariance and place score of single poses: against sampling, formulas and known places."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from helpers import tiny_artifact
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import pose_difference, retract
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import Artifact
from posenet_ros.inference.calibration import Calibration, Scene
from posenet_ros.inference.prediction import Prediction
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.uncertainty.covariance import covariance, prior_sigmas, with_max_sigmas
from posenet_ros.uncertainty.mc_dropout import make_mc_dropout, McDropout
from posenet_ros.uncertainty.options import PlaceOptions
from posenet_ros.uncertainty.place_recognition import place_distance
import pytest

BLACK = np.zeros((32, 32, 3), np.uint8)
SCALE = (2.0, 2.0, 2.0, 3.0, 3.0, 3.0)
CALIBRATION = Calibration((1.0, 1.0, 1.0), (0.1, 0.1, 0.1), SCALE, (1.5,) * 6, 0.2, 0.25)
LOG_SIGMA = np.log([[0.5, 0.2, 0.1, 0.01, 0.02, 0.04]])
WEIGHTS = np.random.default_rng(2).normal(size=(30, 3))
FC = np.abs(np.random.default_rng(3).normal(size=(1, 30)))


def artifact(places: np.ndarray | None = None) -> Artifact:
    """Make the settings of a model with uncertainty heads."""
    tiny = tiny_artifact()
    places = np.eye(4)[:3] if places is None else places
    return replace(
        tiny, calibration=CALIBRATION, train=replace(tiny.train, global_descriptors=places),
        network=replace(tiny.network, sigma_width=8, descriptor_size=4, head_width=30))


def predict(**more: np.ndarray) -> Prediction:
    """Make the prediction of one image."""
    return Prediction(FC @ WEIGHTS, np.array([[0.0, 0.6, 0.0, 0.8]]), **more)


def linear_head(fc: np.ndarray) -> Prediction:
    """Stand in for the last layers: positions by WEIGHTS, always the same rotation."""
    return Prediction(fc.astype(np.float64) @ WEIGHTS,
                      np.tile([0.0, 0.6, 0.0, 0.8], (len(fc), 1)))


ENGINE = SimpleNamespace(head=linear_head)


def test_predicted_sigmas_are_scaled_by_the_calibration() -> None:
    found = covariance(predict(log_sigma=LOG_SIGMA), CALIBRATION)
    assert np.allclose(np.sqrt(np.diag(found)), [1.0, 0.4, 0.2, 0.03, 0.06, 0.12])
    assert np.count_nonzero(found) == 6


@pytest.mark.parametrize(('prediction', 'calibration'), [
    (predict(), CALIBRATION), (predict(log_sigma=LOG_SIGMA), replace(CALIBRATION, scale=()))])
def test_without_predicted_sigmas_those_of_the_calibration_hold(
        prediction: Prediction, calibration: Calibration) -> None:
    found = covariance(prediction, calibration)
    assert np.allclose(np.diag(found), [1, 1, 1, 0.01, 0.01, 0.01])


@pytest.mark.parametrize(('score', 'factor'), [
    (None, 1.0), (1.0, 1.0), (2.0, 4.0), (0.5, 0.25), (0.1, 0.09), (99.0, 100.0)])
def test_sigmas_grow_with_the_place_score(score: float | None, factor: float) -> None:
    calibration = replace(CALIBRATION, place_power=2.0)
    usual = covariance(predict(log_sigma=LOG_SIGMA), CALIBRATION)
    found = covariance(predict(log_sigma=LOG_SIGMA), calibration, place_score=score)
    assert np.allclose(np.sqrt(found), factor * np.sqrt(usual))
    unmoved = covariance(predict(log_sigma=LOG_SIGMA), CALIBRATION, place_score=score)
    assert np.array_equal(unmoved, usual), 'without a power the score has no effect'


def test_extrapolated_sigmas_do_not_overflow() -> None:
    found = covariance(predict(log_sigma=np.full((1, 6), 1e4)), CALIBRATION)
    assert np.isfinite(found).all()
    assert found[0, 0] > 1e9


def test_sigmas_are_bounded_by_the_prior_of_the_scene() -> None:
    """A head fitted to errors of metres may extrapolate to kilometres."""
    log_sigma = np.where(np.arange(6) % 2, LOG_SIGMA, 9.0)
    found = np.sqrt(np.diag(Relocaliser(
        lambda _: predict(log_sigma=log_sigma), artifact()).estimate(BLACK).covariance))
    angle = np.random.default_rng(0).uniform(-np.pi, np.pi, 100_000).std()
    assert np.allclose(found[[0, 2]], 10 * np.sqrt(3)), 'the trained area is a cube of 10 m'
    assert found[4] == pytest.approx(angle, rel=0.01)
    assert np.allclose(found[1::2], np.exp(LOG_SIGMA[0, 1::2]) * SCALE[1::2]), 'smaller ones stay'


def test_prior_sigmas_are_no_less_than_those_of_held_out_images() -> None:
    on_the_spot = Scene((1.0, 2.0, 3.0), (1.0, 2.0, 3.0))
    assert np.allclose(prior_sigmas(on_the_spot, CALIBRATION)[:3], CALIBRATION.sigma_m)


def test_a_bounded_covariance_has_the_same_correlations() -> None:
    root = np.random.default_rng(0).normal(size=(6, 6))
    largest = np.array([0.5, 100, 100, 100, 0.1, 100])
    before, after = root @ root.T, with_max_sigmas(root @ root.T, largest)
    sigmas = np.sqrt(np.diag(after))
    assert np.allclose(sigmas, np.minimum(np.sqrt(np.diag(before)), largest))
    assert np.allclose(after / np.outer(sigmas, sigmas), before / np.sqrt(
        np.outer(np.diag(before), np.diag(before))))


def test_the_covariance_in_the_map_is_that_of_samples() -> None:
    """Perturb the pose in the dataset's frame, move it into the map, and look at the spread."""
    map_from_dataset = Pose(np.array([100.0, -7.0, 3.0]), np.array([0.5, 0.1, -0.7, 0.5]))
    prediction = predict(log_sigma=LOG_SIGMA)
    relocaliser = Relocaliser(lambda _: prediction, artifact(), map_from_dataset)
    estimate = relocaliser.estimate(BLACK)
    rng, sigmas = np.random.default_rng(0), np.exp(LOG_SIGMA[0]) * SCALE
    truth = Pose(prediction.position_m[0], prediction.quat_xyzw[0])
    errors = []
    for sample in rng.normal(size=(6000, 6)) * sigmas:
        moved = map_from_dataset @ retract(truth, sample)
        errors.append(pose_difference(moved, estimate.map_from_camera))
    found, size = np.cov(np.array(errors).T), np.sqrt(np.diag(estimate.covariance))
    assert np.abs((found - estimate.covariance) / np.outer(size, size)).max() < 0.08
    assert np.abs(estimate.covariance[:3, :3]).min() > 1e-3, 'the map has to be turned'


def test_dropout_spreads_as_the_formula_says() -> None:
    """Of a linear head the variance is p / (1 - p) times the sum of (activation * weight)^2."""
    dropout = McDropout(linear_head, 0.2, 30, 20000)
    found = dropout.covariance(predict(fc=FC))
    terms = FC[0][:, np.newaxis] * WEIGHTS
    assert np.allclose(found[:3, :3], 0.25 * terms.T @ terms, rtol=0.1, atol=0.1)
    assert np.allclose(found[3:], 0, atol=1e-12)
    assert np.array_equal(found, dropout.covariance(predict(fc=FC))), 'the same image, the same'


def test_dropout_is_added_and_scaled() -> None:
    prediction = predict(log_sigma=LOG_SIGMA, fc=FC)
    dropout = make_mc_dropout(artifact(), ENGINE, 50)
    found = covariance(prediction, CALIBRATION, dropout)
    own = covariance(prediction, CALIBRATION)
    assert np.allclose(found, 2.25 * (own + dropout.covariance(prediction)))
    assert make_mc_dropout(artifact(), ENGINE, 0) is None


def test_dropout_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match=r'at least 2. Received: 1'):
        make_mc_dropout(artifact(), ENGINE, 1)
    with pytest.raises(InputError, match=r'posenet uncertainty'):
        make_mc_dropout(tiny_artifact(), ENGINE, 10)
    with pytest.raises(InputError, match='gives its activations'):
        McDropout(linear_head, 0.2, 30, 10).covariance(predict())


def test_known_images_are_nearer_than_others() -> None:
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(6, 16))

    def near(kinds: np.ndarray) -> np.ndarray:
        rows = centres[kinds] + 0.3 * rng.normal(size=(len(kinds), 16))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    places, known = near(rng.integers(4, size=200)), near(rng.integers(4, size=50))
    strange = near(rng.integers(4, 6, size=50))
    assert place_distance(known, places).max() < place_distance(strange, places).min()
    assert place_distance(places[:1], places[:1]) == pytest.approx(0, abs=1e-6)
    assert place_distance(np.eye(4)[:1], np.eye(4)[1:]) == pytest.approx(1)


def test_place_distance_is_by_the_mean_similarity_of_the_nearest() -> None:
    cosines = np.array([0.9, 0.8, 0.7, 0.6, 0.5, -0.3])
    stored = np.c_[cosines, np.sqrt(1 - cosines ** 2)]
    assert place_distance(np.eye(2)[:1], stored) == pytest.approx(0.3, abs=1e-6)
    nearest = place_distance(np.eye(2)[:1], stored, PlaceOptions(neighbours=1))
    assert nearest == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize(('alike', 'score'), [(0.75, 1.0), (0.9, 0.4), (0.0, 4.0)])
def test_a_score_of_1_is_the_model_s_limit(alike: float, score: float) -> None:
    places = np.tile([1.0, 0, 0, 0], (7, 1))
    descriptor = np.array([[alike, np.sqrt(1 - alike ** 2), 0, 0]])
    relocaliser = Relocaliser(lambda _: predict(descriptor=descriptor), artifact(places))
    assert relocaliser.estimate(BLACK).place_score == pytest.approx(score)


def test_a_model_without_a_place_limit_gives_no_score() -> None:
    relocaliser = Relocaliser(lambda _: predict(), tiny_artifact())
    assert relocaliser.estimate(BLACK).place_score is None


@pytest.mark.parametrize(('change', 'message'), [
    ({'scale': (1.0,)}, 'scale has to hold 6'), ({'mc_scale': (0.0,) * 6}, 'mc_scale has to hold'),
    ({'mc_rate': 1.0}, 'mc_rate'), ({'place_limit': float('nan')}, 'place_limit'),
    ({'place_power': -1.0}, 'place_power'), ({'misfit_power': float('nan')}, 'misfit_power'),
    ({'refined_scale': (1.0,)}, 'refined_scale')])
def test_an_invalid_calibration_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(CALIBRATION, **change)


def test_descriptors_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match=r'descriptors of 4 numbers. Received: an array \(3, 5\)'):
        artifact(np.eye(5)[:3])
