"""Fitting the uncertainty of a network: known noise, calibration, a whole model folder."""

from __future__ import annotations

from collections import Counter
import json
from pathlib import Path

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.imaging.files import read_image
from posenet_ros.inference.artifact import load, LoadedArtifact, WEIGHTS_FILE
from posenet_ros.inference.engine import load_engine
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.training.data.augment import Augmentation
from posenet_ros.training.data.images import MAX_IMAGES, subsample
from posenet_ros.training.export.litert import load_network
from posenet_ros.training.fitting.calibration import (
    coverage,
    fit_coverage_scales,
    fit_score_power,
    fit_sigma_scales,
)
from posenet_ros.training.landmarks.options import ValidationOptions
from posenet_ros.training.uncertainty import __main__ as uncertainty
from posenet_ros.training.uncertainty.noise_model import fit_noise_model
from posenet_ros.training.uncertainty.place_descriptors import (
    fit_place_limit,
    fit_projection,
    principal_directions,
    project,
)
from posenet_ros.training.uncertainty.residuals import harder
from posenet_ros.uncertainty.mc_dropout import make_mc_dropout
import pytest
from training_helpers import train_tiny, use_tiny_backbone, write_wall_dataset

SETTINGS = ('weights=none', 'input_width=48', 'input_height=36', 'pooling=spatial',
            'head_width=64', 'epochs=2', 'batch=8', 'yaw_deg=3', 'shift=0.03', 'colour=0.2',
            'validation=0.3', 'sigma_versions=0')


def noisy(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features of images, errors of known size on each axis, and that size."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 12)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    sizes = np.exp(features[:, :6] * 2 + [0, 0, -1, -4, -4, -3])
    return features, rng.normal(size=(count, 6)) * sizes, sizes


def test_known_noise_is_fitted_and_calibrated() -> None:
    features, errors, _ = noisy(6000, 1)
    model = fit_noise_model(features, errors.astype(np.float32), 32, 0)
    held, held_errors, _ = noisy(1500, 2)
    scale = np.array(fit_sigma_scales(held_errors / model.sigmas(held)))
    test, test_errors, sizes = noisy(3000, 3)
    found = model.sigmas(test) * scale
    for axis in range(6):
        assert np.corrcoef(np.log(found[:, axis]), np.log(sizes[:, axis]))[0, 1] > 0.9
    shares = coverage(test_errors / found)
    assert np.allclose(shares['1_sigma'], 0.683, atol=0.05)
    assert np.allclose(shares['2_sigma'], 0.954, atol=0.03)
    assert not np.allclose(coverage(test_errors / sizes.mean(0))['1_sigma'], 0.683, atol=0.05), \
        'one sigma for all images has to be worse'


def test_the_noise_model_does_not_depend_on_the_features_origin() -> None:
    features, errors, _ = noisy(500, 1)
    errors = errors.astype(np.float32)
    plain = fit_noise_model(features, errors, 32, 0).sigmas(features)
    moved = fit_noise_model(features + 3, errors, 32, 0).sigmas(features + 3)
    assert np.allclose(plain, moved, rtol=0.02)


def test_the_scale_of_an_axis_keeps_to_that_of_its_fellows() -> None:
    ratios = np.random.default_rng(0).normal(size=(20000, 6)) * [1, 1, 8, 2, 2, 2]
    # geometric means of 1, 1, 8 (2) and each of them; the rotation's axes agree already
    assert np.allclose(fit_sigma_scales(ratios), [2 ** 0.5, 2 ** 0.5, 4, 2, 2, 2], rtol=0.03)


@pytest.mark.parametrize('power', [0.0, 1.0, 2.0])
def test_the_power_of_the_place_score_is_found(power: float) -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.4, 3, 4000)
    own = np.exp(rng.normal(size=(4000, 6)))
    sizes = own * [1, 2, 3, 4, 5, 6] * scores[:, np.newaxis] ** power
    assert fit_score_power(rng.laplace(size=(4000, 6)) * sizes, own, scores) == power


def test_wrong_truths_do_not_hide_the_power() -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.4, 3, 400)
    errors = rng.normal(size=(400, 6)) * scores[:, np.newaxis]
    errors[:8] *= 1000
    assert fit_score_power(errors.astype(np.float32), np.ones((400, 6), np.float32), scores) == 1


def test_a_power_has_to_be_told_from_chance() -> None:
    rng, options = np.random.default_rng(0), ValidationOptions()
    powers = [fit_score_power(
        rng.normal(size=(40, 6)).astype(np.float32), np.ones((40, 6), np.float32),
        rng.uniform(0.8, 1.2, 40), options.powers, options.min_standard_errors)
        for _ in range(20)]
    assert np.mean(powers) < 0.1


def test_heavy_tails_are_shared_by_one_two_and_three_sigma() -> None:
    rng = np.random.default_rng(0)
    assert np.allclose(fit_coverage_scales(3 * rng.normal(size=(20000, 6))), 3, rtol=0.02)
    ratios = rng.standard_t(3, size=(20000, 6))
    scaled = np.abs(ratios / fit_coverage_scales(ratios))
    one, two, three = (np.mean(scaled <= sigmas) for sigmas in (1, 2, 3))
    assert 0.70 < one < 0.78, 'wider than one sigma by the tails'
    assert 0.93 < two < 0.9545
    assert 0.975 < three < 0.99, 'not so wide that nothing is beyond'
    few = np.r_[np.linspace(-1.5, 1.5, 22), 40][:, np.newaxis].repeat(6, 1)
    assert max(fit_coverage_scales(few)) < 2, 'a single far error does not decide'


def test_principal_directions_hold_what_is_most() -> None:
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(30, 5)))[0]
    features = (rng.normal(size=(200, 5)) * [9, 7, 5, 3, 2]) @ basis.T
    found = principal_directions(features.astype(np.float32), 5)
    assert np.allclose(found.T @ found, np.eye(5), atol=1e-5)
    assert np.allclose(features @ found @ found.T, features, atol=1e-3)
    assert principal_directions(features.astype(np.float32), 40).shape == (30, 40)


def test_the_limit_of_a_place_is_between_images_as_they_are_and_augmented() -> None:
    plain, augmented = np.linspace(0, 0.1, 101), np.linspace(0, 0.4, 101)
    assert fit_place_limit(plain, augmented, 0.05) == pytest.approx(0.95 * 0.2)
    assert fit_place_limit(plain, plain, 0.1) == pytest.approx(0.09)


def test_the_harder_augmentation_is_harder_and_allowed() -> None:
    for settings in (Augmentation(), Augmentation(yaw_deg=45, shift=0.3, noise=100, colour=1)):
        worse = harder(settings)
        assert worse.blur_px > settings.blur_px
        assert worse.noise >= settings.noise


def test_large_datasets_are_subsampled() -> None:
    assert np.array_equal(subsample(5), range(5))
    assert len(subsample(3 * MAX_IMAGES)) == MAX_IMAGES
    assert subsample(3 * MAX_IMAGES)[-1] == 3 * MAX_IMAGES - 1


@pytest.fixture(scope='module')
def court(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('data') / 'court'
    write_wall_dataset(folder)
    return folder


@pytest.fixture(scope='module')
def plain(court: Path) -> Path:
    """Train a network without uncertainty heads."""
    out = train_tiny(court, court.parent / 'plain', SETTINGS)
    content = json.loads((out / 'artifact.json').read_text())
    content['provenance']['preset'].update(sigma_versions=2)
    (out / 'artifact.json').write_text(json.dumps(content))
    return out


@pytest.fixture(scope='module')
def fitted(court: Path, plain: Path) -> LoadedArtifact:
    """Return the model folder that the command makes of it."""
    out = court.parent / 'fitted'
    with pytest.MonkeyPatch.context() as patch:
        use_tiny_backbone(patch.setattr)
        assert uncertainty.main(
            ['--model', str(plain), '--data', str(court), '--out', str(out)]) == 0
    return load(out)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    use_tiny_backbone(monkeypatch.setattr)


def pictures(court: Path, artifact: LoadedArtifact) -> np.ndarray:
    """Return the training images as the network gets them."""
    return np.stack([artifact.preprocess(read_image(court / name), artifact.camera)
                     for name in artifact.train.names])


def test_a_network_with_uncertainty_heads_gives_the_same_poses(
        court: Path, plain: Path, fitted: LoadedArtifact) -> None:
    images = pictures(court, fitted)[:4]
    before, after = (load_engine(a, 'litert').predict(images) for a in (load(plain), fitted))
    assert np.allclose(before.position_m, after.position_m, atol=1e-5)
    assert before.log_sigma is None
    assert np.isfinite(after.log_sigma).all()
    assert (fitted.folder / 'log.csv').is_file()
    assert fitted.provenance['uncertainty']['views'] == 24 * 5
    change = fitted.history.changelog[-1]
    assert (change.command, change.parent) == ('posenet uncertainty', load(plain).digest)
    head = load_network(fitted.network, fitted.folder / WEIGHTS_FILE).get_layer('log_sigma')
    assert np.abs(head.get_weights()[1]).min() > 0, 'the fitted biases, not the initial zeros'


def test_engines_agree_on_the_uncertainty(court: Path, fitted: LoadedArtifact) -> None:
    images = pictures(court, fitted)[:3]
    litert, tensorflow = (load_engine(fitted, name) for name in ('litert', 'tensorflow'))
    one, other = litert.predict(images), tensorflow.predict(images)
    for key in ('log_sigma', 'descriptor', 'fc'):
        assert np.allclose(getattr(one, key), getattr(other, key), atol=1e-4), key
    fc = one.fc.astype(np.float32)
    for engine in (litert, tensorflow):
        assert np.allclose(engine.head(fc).position_m, one.position_m, atol=1e-3)
        assert np.allclose(engine.head(fc[:1]).quat_xyzw, one.quat_xyzw[:1], atol=1e-4)


def test_each_image_has_its_own_covariance_and_the_wall_is_known(
        court: Path, fitted: LoadedArtifact) -> None:
    engine = load_engine(fitted, 'litert')
    relocaliser = Relocaliser(engine.predict, fitted)
    known = [relocaliser.estimate(image) for image in pictures(court, fitted)]
    assert np.mean([0 <= e.place_score < 1 for e in known]) > 0.9
    assert np.ptp([e.covariance[0, 0] for e in known]) > 0
    wider = Relocaliser(engine.predict, fitted, dropout=make_mc_dropout(fitted, engine, 20))
    spread = [wider.estimate(image).covariance for image in pictures(court, fitted)[:5]]
    assert all(np.count_nonzero(c) == 36 for c in spread), 'dropout moves all axes together'


def test_the_networks_descriptors_are_those_of_the_index(
        court: Path, fitted: LoadedArtifact) -> None:
    places = fitted.train.global_descriptors.astype(np.float32)
    found = load_engine(fitted, 'litert').predict(pictures(court, fitted)).descriptor
    nearest = np.abs(found[:, np.newaxis] - places).max(axis=2).min(axis=1)
    assert (nearest < 1e-3).all(), 'those held out among them'
    assert Counter(fitted.train.place_images) == dict.fromkeys(range(36), 3)
    assert np.allclose(np.linalg.norm(places, axis=1), 1, atol=0.05)


def test_unsteady_features_say_less_of_a_place() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(1, [0.01, 0.01, 0.5], (300, 3)).astype(np.float32)
    factors, basis = fit_projection(features, 3)
    assert factors[0] == pytest.approx(factors[1], rel=0.2)
    assert factors[0] > 3 * factors[2]
    found = project(features, factors, basis)
    scaled = features * factors
    assert np.allclose(found @ basis.T, scaled / np.linalg.norm(scaled, axis=1, keepdims=True),
                       atol=1e-5)


def test_a_folder_without_a_head_says_what_to_do(plain: Path) -> None:
    for name in ('litert', 'tensorflow'):
        with pytest.raises(InputError, match=r'posenet uncertainty'):
            load_engine(load(plain), name).head(np.zeros((2, 64), np.float32))


def test_another_data_set_is_refused(plain: Path, tmp_path: Path) -> None:
    write_wall_dataset(tmp_path / 'other', count=13)
    with pytest.raises(InputError, match='has to be the dataset that the model was trained on'):
        uncertainty.main(['--model', str(plain), '--data', str(tmp_path / 'other'),
                          '--out', str(tmp_path / 'new')])
