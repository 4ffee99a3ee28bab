"""Coverage on walks that neither the map nor its calibration knows, with a known answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.training.landmarks import calibration, validation
from posenet_ros.training.landmarks.left_out_coverage import (
    axis_coverage,
    cross_validated_residuals,
    left_out_coverage,
    table,
)
from posenet_ros.training.landmarks.mapping import map_dataset, MappedDataset
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.landmarks.validation import HeldOutPoses
from posenet_ros.uncertainty.pose_scores import PoseScores, sigma_factors
import pytest

from .scene import make_dataset, observe, scene_points

OPTIONS = MappingOptions(min_landmarks=20)
WALKS, IMAGES = 3, 10


@pytest.fixture(scope='module')
def mapped() -> MappedDataset:
    data = make_dataset(WALKS, IMAGES)
    return map_dataset(data, OPTIONS, observe(data, scene_points(300)))


def held_out(factors: np.ndarray, scores: np.ndarray | None = None,
             repeats: int = 20) -> HeldOutPoses:
    """Return normal errors of `factors` (N,) sigmas in each image, several times."""
    count = WALKS * IMAGES * repeats
    errors = np.random.default_rng(0).normal(size=(count, 6))
    errors *= np.repeat(factors, repeats)[:, np.newaxis]
    return HeldOutPoses(
        np.repeat(np.arange(WALKS * IMAGES), repeats), np.repeat(np.arange(WALKS), count // WALKS),
        np.stack([errors, np.ones_like(errors)], axis=1),
        np.ones((count, 3)) if scores is None else np.repeat(scores, repeats, axis=0),
        np.full((count, 3, 6), np.nan))


def test_normal_errors_of_the_expected_size_are_covered(mapped: MappedDataset) -> None:
    rows = left_out_coverage(held_out(np.full(30, 2.0)), mapped.landmark_map)
    assert len(rows) == 18
    assert sum(not row.holds for row in rows) <= 3
    assert [row.expected for row in rows if row.axis == 'x'] == [0.6827, 0.9545, 0.9973]
    assert '| 2 sigma, 95.5% | ' in table(rows)[3]


def test_a_walk_is_judged_by_the_calibration_of_the_others(mapped: MappedDataset) -> None:
    last = np.repeat([1.0, 1.0, 4.0], IMAGES)
    residuals = cross_validated_residuals(
        held_out(last), mapped.landmark_map, OPTIONS.validation)
    assert np.std(residuals[-200:]) == pytest.approx(4, rel=0.2), 'not 1: it was not known'
    one_fold = replace(held_out(last), folds=np.zeros(600, np.intp))
    one_block = cross_validated_residuals(
        one_fold.select(one_fold.views < 5), mapped.landmark_map, OPTIONS.validation)
    assert len(one_block) == 0, 'one block has no others'


def test_too_small_and_heavy_tailed_sigmas_are_told() -> None:
    rng = np.random.default_rng(0)
    small = axis_coverage(2 * rng.normal(size=(400, 6)))
    assert not any(row.holds for row in small)
    assert '(' in table(small)[2]
    assert table(small)[2].count('*') == 6
    within = axis_coverage(np.full((50, 6), 0.5))
    assert [row.holds for row in within if row.sigmas == 3] == [True] * 6, '0 of 50 is no proof'
    assert not any(row.holds for row in within if row.sigmas == 1)


def test_sigmas_grow_with_the_score_that_tells_the_errors(mapped: MappedDataset) -> None:
    scores = np.ones((30, 3))
    scores[:, 1] = np.tile(np.linspace(1, 4, 10), 3)
    found = held_out(scores[:, 1], scores)
    powers, factors = calibration.fit_powers(found, mapped.landmark_map, OPTIONS.validation)
    assert powers.distance == pytest.approx(1, abs=0.3)
    assert powers.inlier_ratio == 0
    assert np.corrcoef(np.log(factors), np.log(found.scores[:, 1]))[0, 1] > 0.99
    found = held_out(1 / scores[:, 1], scores)
    powers = calibration.fit_powers(found, mapped.landmark_map, OPTIONS.validation)[0]
    assert powers.distance == 0


def test_how_errors_grow_is_learnt_where_the_views_nearby_are_left_out(
        mapped: MappedDataset) -> None:
    found = held_out(np.ones(30), np.tile([1.0, 1.2, 1.0], (30, 1)))
    power = calibration.fit_powers(found, mapped.landmark_map, OPTIONS.validation)[0].distance
    assert power == 0, 'all are as near'
    far = np.concatenate([found.rows * [[[1.75], [1]]], np.ones((600, 1, 6))], axis=1)
    far[:, 2, 1] = 4
    far[::2] = np.nan
    power = calibration.fit_powers(
        replace(found, far=far), mapped.landmark_map, OPTIONS.validation)[0].distance
    assert power == 0.5, 'log 1.75 / log (4 / 1.2)'
    options = replace(OPTIONS, validation=replace(OPTIONS.validation, far=0.3))
    held = calibration.calibrate_map(mapped, options).held_out
    tried = np.isfinite(held.far[:, 0, 0])
    assert 5 <= tried.sum() <= 15
    assert (held.far[tried, 2, 1] > 1.29).all(), 'no view within 0.3'
    assert (held.far[tried, 2, 1] > held.scores[tried, 1]).all()


def test_a_pose_far_from_the_views_and_with_little_evidence_is_less_sure(
        mapped: MappedDataset) -> None:
    plain = LandmarkLocaliser(mapped.landmark_map)
    powers = PoseScores(0.0, 1.0, 0.5)
    wiser = LandmarkLocaliser(mapped.landmark_map, distance_power=powers.distance,
                              inlier_ratio_power=powers.inlier_ratio)
    image = mapped.features[4].features
    for exclude in ([], [3, 4, 5, 14, 24]):
        found = plain.search(image, exclude=exclude)
        scores = plain.scores(found, exclude)
        sure, unsure = found.pose, wiser.search(image, exclude=exclude).pose
        assert sure
        assert unsure
        assert np.allclose(unsure.covariance,
                           sure.covariance * sigma_factors(scores, powers) ** 2)
    near = plain.scores(plain.search(image))
    assert near.distance == pytest.approx(1, abs=0.02), 'the view itself is in the map'
    assert scores.distance > near.distance + 0.05
    assert scores.inlier_ratio >= near.inlier_ratio


def test_a_map_that_knows_the_image_is_refused(
        mapped: MappedDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    names = calibration.calibrate_map(mapped, OPTIONS).held_out.names
    assert names.left_out == ('seq0', 'seq1', 'seq2')
    assert len(names.images) == 30
    monkeypatch.setattr(validation, 'map_without', lambda *_: mapped.landmark_map)
    with pytest.raises(InputError, match='images that the map was made without'):
        calibration.calibrate_map(mapped, OPTIONS)
