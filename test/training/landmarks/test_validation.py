"""Calibration of landmark poses on images whose walk is left out of the map."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import numpy as np
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.localisation import Localisation
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks import calibration, validation
from posenet_ros.training.landmarks.calibration import calibrate_map
from posenet_ros.training.landmarks.held_out.poses import FoldPoses, HeldOutPoses, join_folds
from posenet_ros.training.landmarks.mapping import map_dataset, MappedDataset
from posenet_ros.training.landmarks.options import MappingOptions, ValidationOptions
from posenet_ros.training.landmarks.validation import (
    blocks,
    localise_held_out,
    map_without,
    walks,
)
import pytest

from .scene import disturbed, make_dataset, observe, scene_points

OPTIONS = MappingOptions(min_landmarks=20)
POINTS = scene_points(300)


@pytest.fixture(scope='module')
def mapped() -> MappedDataset:
    data = make_dataset(3, 10)
    return map_dataset(data, OPTIONS, observe(data, POINTS))


def poses_with(errors: np.ndarray, sigma: float = 1.0) -> HeldOutPoses:
    """Return held-out poses with some errors (N, 6)."""
    rows = np.stack([errors, np.full_like(errors, sigma)], axis=1)
    return HeldOutPoses(np.arange(len(rows)), np.arange(len(rows)) % 2, rows,
                        np.ones((len(rows), 3)), np.full((len(rows), 3, 6), np.nan))


def test_no_image_is_localised_by_a_map_that_knows_it(
        mapped: MappedDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    known: list[tuple[LandmarkMap, np.ndarray]] = []
    original = validation.LandmarkLocaliser

    class Spy(original):  # type: ignore[misc, valid-type]

        def __init__(self, landmark_map: LandmarkMap, **options: float) -> None:
            super().__init__(landmark_map, **options)
            self.known = landmark_map

        def search(self, features: Features, exclude: list[int]) -> Localisation:
            known.append((self.known, features.descriptors))
            return super().search(features, exclude=exclude)

    monkeypatch.setattr(validation, 'LandmarkLocaliser', Spy)
    calibrated = calibrate_map(mapped, OPTIONS)
    assert 30 == len(calibrated.held_out.views) <= len(known)
    name_of = {id(one.features.descriptors): s for one, s in zip(
        mapped.features, mapped.dataset.samples, strict=True)}
    for landmark_map, descriptors in known:
        sample = name_of[id(descriptors)]
        assert sample.sequence not in landmark_map.views.sequences
        assert len(set(landmark_map.views.sequences)) == 2


def test_a_map_without_a_walk_does_not_depend_on_its_images(mapped: MappedDataset) -> None:
    held = walks(mapped.dataset, OPTIONS.validation)[1]
    plain = map_without(mapped, held, OPTIONS)
    rng, features = np.random.default_rng(0), list(mapped.features)
    for i in held:  # other descriptors at other places
        own = features[i].features
        features[i] = features[i]._replace(features=own._replace(
            points_normalized=own.points_normalized + rng.normal(0, 0.01, (1, 2)),
            descriptors=own.descriptors[::-1].copy()))
    other = map_without(replace(mapped, features=features), held, OPTIONS)
    assert np.array_equal(plain.points_m, other.points_m)
    assert np.array_equal(plain.descriptors, other.descriptors)
    assert np.array_equal(plain.patches, other.patches)


def test_walks_are_held_out_whole_and_evenly(mapped: MappedDataset) -> None:
    data: Dataset = mapped.dataset
    folds = walks(data, ValidationOptions(max_walks=2))
    assert [{data.samples[i].sequence for i in fold} for fold in folds] == [{'seq0'}, {'seq2'}]
    assert [len(fold) for fold in folds] == [10, 10]
    assert len(walks(data, ValidationOptions(max_walks=9))) == 3
    assert walks(data.subset(range(10)), ValidationOptions()) == []


def test_blocks_of_a_single_walk_are_held_out(mapped: MappedDataset) -> None:
    chosen = blocks(100, ValidationOptions())
    assert len(chosen) == pytest.approx(20, abs=5)
    assert (np.diff(chosen) > 1).sum() == 4, 'five blocks'
    data = make_dataset(1, 30)
    single = map_dataset(data, OPTIONS, observe(data, POINTS))
    held_out = calibrate_map(single, OPTIONS).held_out
    assert set(held_out.views) == set(blocks(30, OPTIONS.validation))


@pytest.mark.long
def test_walks_that_share_nothing_are_validated_by_blocks(mapped: MappedDataset) -> None:
    data = make_dataset(2, 30)
    away = np.array([100.0, 0.5, 0.3])
    data = replace(data, samples=tuple(replace(s, map_from_camera=replace(
        s.map_from_camera, translation_m=s.map_from_camera.translation_m
        + away * (s.sequence == 'seq1'))) for s in data.samples))
    points = np.concatenate([POINTS, POINTS[::2] + away])
    found = map_dataset(data, OPTIONS, observe(data, points))
    held_out = calibrate_map(found, OPTIONS).held_out
    assert set(held_out.views) == set(blocks(60, OPTIONS.validation))
    assert held_out.localised.mean() > 0.9


def test_the_sigma_scales_cover_the_errors(mapped: MappedDataset) -> None:
    calibrated = calibrate_map(mapped, OPTIONS)
    assert calibrated.held_out.localised.all()
    assert 0.1 < min(calibrated.sigma_scales) <= max(calibrated.sigma_scales) < 5
    bad = map_dataset(disturbed(mapped.dataset, 0.02, 0.2), OPTIONS, mapped.features)
    larger = calibrate_map(bad, OPTIONS)
    assert np.mean(larger.sigma_scales) > 1.5 * np.mean(calibrated.sigma_scales)
    summary = calibrated.held_out.summary()
    assert summary['held_out'] == summary['held_out_localised'] == 30
    assert 0 < summary['held_out_position_m'] < 0.02


def test_with_few_poses_the_usual_scale_is_taken(
        mapped: MappedDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    few = poses_with(np.ones((OPTIONS.validation.min_localised - 1, 6)))
    monkeypatch.setattr(calibration, 'localise_held_out', lambda *_: few)
    calibrated = calibrate_map(mapped, OPTIONS)
    assert calibrated.sigma_scales == (OPTIONS.validation.fallback_scale,) * 6
    assert calibrated.powers == (0, 0, 0)


def test_images_without_a_pose_count_but_calibrate_nothing() -> None:
    errors = np.full((20, 6), 0.1)
    errors[5:] = np.nan
    held_out = poses_with(errors)
    assert held_out.summary() == {'held_out': 20, 'held_out_localised': 5,
                                  'held_out_position_m': pytest.approx(0.1 * np.sqrt(3))}
    assert len(calibration.normalised_residuals(held_out)) == 5
    ratios = calibration.pose_residual_ratios(held_out, 30)
    assert np.isfinite(ratios).sum() == 5


def test_contradicting_poses_enlarge_the_sigmas_there(mapped: MappedDataset) -> None:
    count = len(mapped.features)
    left = mapped.dataset.positions_m[:, 0] < 2
    rng = np.random.default_rng(0)
    errors = rng.normal(size=(count, 6)) * np.where(left, 5.0, 1.0)[:, np.newaxis]
    numbers = np.unique([s.sequence for s in mapped.dataset.samples], return_inverse=True)[1]
    held_out = replace(poses_with(errors), folds=numbers)
    ratios = calibration.pose_residual_ratios(held_out, count)
    assert np.median(ratios) == pytest.approx(1)
    assert np.median(ratios[left]) > 3 * np.median(ratios[~left])
    known = replace(mapped.landmark_map, views=replace(
        mapped.landmark_map.views, pose_residual_ratios=ratios))
    powers, factors = calibration.fit_powers(held_out, known, OPTIONS.validation)
    assert powers.residual_ratio > 0.4
    assert powers[1:] == (0, 0), 'scores that are all 1 tell nothing'
    assert np.median(factors[left]) > 2 * np.median(factors[~left])
    # the ratios of an image's own walk do not count: they are known by the same map
    own = replace(held_out, folds=np.zeros(count, np.intp))
    assert calibration.fit_powers(own, known, OPTIONS.validation)[0] == (0, 0, 0)


def test_a_fold_whose_rest_has_no_landmarks_is_passed_over(mapped: MappedDataset) -> None:
    everything = np.arange(len(mapped.features))
    held_out = localise_held_out(mapped, [everything[1:]], OPTIONS)
    assert len(held_out.views) == 0
    assert held_out.summary()['held_out_position_m'] is None


def test_poses_have_the_number_of_their_fold_though_another_has_none(
        mapped: MappedDataset) -> None:
    names = tuple({sample.sequence for sample in mapped.dataset.samples})
    fold = FoldPoses(np.arange(2), np.ones((2, 2, 3, 6)), np.array([3]), np.ones((1, 2, 6)), names)
    found = join_folds(mapped.dataset, [None, fold, None, fold])
    assert found.folds.tolist() == list(found.names.folds) == [1, 1, 3, 3]
    assert found.tracked.folds.tolist() == [1, 3]
    assert set(found.names.excluded_folds) == {1, 3}


def test_of_a_single_walk_blocks_are_held_out_at_once() -> None:
    localise = mock.Mock(return_value=poses_with(np.ones((3, 6))))
    dataset = make_dataset(1, 30)
    calibration.hold_walks_out(dataset, OPTIONS.validation, localise)
    (held,), = localise.call_args.args
    assert localise.call_count == 1
    np.testing.assert_array_equal(held, blocks(30, OPTIONS.validation))
