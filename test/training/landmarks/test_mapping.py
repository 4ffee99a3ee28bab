"""The map of a room whose points are known: landmarks, budget, poses that err, determinism."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import so3_log
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.landmarks.matching import unit_rows
from posenet_ros.landmarks.options import FeatureOptions
from posenet_ros.landmarks.vlad import global_descriptor, vlad
from posenet_ros.training.data.datasets import Dataset, Sample
from posenet_ros.training.landmarks import feature_cache
from posenet_ros.training.landmarks.feature_cache import detect_dataset, ViewFeatures
from posenet_ros.training.landmarks.mapping import map_dataset, MappedDataset
from posenet_ros.training.landmarks.options import (
    AdjustmentOptions,
    MappingOptions,
    VocabularyOptions,
)
from posenet_ros.training.landmarks.reconstruction.bundle_adjustment import (
    pose_change,
    refine_poses,
)
from posenet_ros.training.landmarks.reconstruction.pairs import Cameras, cameras_of
from posenet_ros.training.landmarks.reconstruction.projection import observed_points
from posenet_ros.training.landmarks.reconstruction.tracks import join, Tracks
from posenet_ros.training.landmarks.reconstruction.triangulation import triangulate, Triangulated
from posenet_ros.training.landmarks.selection import select_landmarks
from posenet_ros.training.landmarks.vocabulary import fit_vocabulary, principal_axes
import pytest

from .scene import CAMERA, disturbed, make_dataset, observe, scene_points

OPTIONS = MappingOptions()
POINTS = scene_points(400)


@pytest.fixture(scope='module')
def data() -> Dataset:
    return make_dataset(2, 12)


@pytest.fixture(scope='module')
def views(data: Dataset) -> list[ViewFeatures]:
    return observe(data, POINTS)


@pytest.fixture(scope='module')
def mapped(data: Dataset, views: list[ViewFeatures]) -> MappedDataset:
    return map_dataset(data, OPTIONS, views)


def point_of(landmark_map: LandmarkMap) -> np.ndarray:
    """Return the index of the scene's point of each landmark: its colour says it."""
    return landmark_map.colors[:, 0].astype(int) * 256 + landmark_map.colors[:, 1]


def pose_errors(data: Dataset, truth: Dataset) -> tuple[float, float]:
    """Compute the median errors of poses, metres and degrees."""
    ours, true = cameras_of(data), cameras_of(truth)
    turns = so3_log(ours.rotations @ np.swapaxes(true.rotations, 1, 2))
    return (float(np.median(np.linalg.norm(ours.positions_m - true.positions_m, axis=1))),
            float(np.degrees(np.median(np.linalg.norm(turns, axis=1)))))


def test_landmarks_are_where_their_points_are_and_joined_over_walks(
        mapped: MappedDataset, data: Dataset) -> None:
    found = mapped.landmark_map
    points = point_of(found)
    assert len(np.unique(points)) == len(points) > 250, 'one landmark a point'
    off = np.linalg.norm(found.points_m - POINTS[points], axis=1)
    assert np.median(off) < 0.01
    assert np.mean(off < 0.1) > 0.97
    walk_of = np.repeat(np.array(found.views.sequences), np.diff(found.starts))
    both = [len(set(walk_of[found.seen == i])) for i in range(0, len(points), 10)]
    assert np.mean(both) > 1.8
    assert found.views.names == tuple(s.name for s in data.samples)
    assert found.features == OPTIONS.features


def test_views_see_the_landmarks_whose_points_they_see(
        mapped: MappedDataset, views: list[ViewFeatures]) -> None:
    found = mapped.landmark_map
    points = point_of(found)
    for view, own in enumerate(views):
        seen = found.seen_by(view)
        assert (np.diff(seen) > 0).all()
        assert np.isin(points[seen], own.colors[:, 0].astype(int) * 256 + own.colors[:, 1]).all()
    assert found.track_lengths.min() >= 2


def test_descriptors_are_means_of_length_one(
        mapped: MappedDataset, views: list[ViewFeatures]) -> None:
    found = mapped.landmark_map
    lengths = np.linalg.norm(found.descriptors.astype(float), axis=1)
    assert np.allclose(lengths, 255, rtol=0.02)
    points, landmark = point_of(found), int(found.track_lengths.argmax())
    seen = [one.features.descriptors[i] for one in views for i in np.flatnonzero(
        one.colors[:, 0].astype(int) * 256 + one.colors[:, 1] == points[landmark])]
    mean = unit_rows(unit_rows(np.array(seen)).mean(axis=0))
    assert mean @ unit_rows(found.descriptors[landmark]) > 0.999


def test_an_image_of_another_walk_is_localised(mapped: MappedDataset) -> None:
    other = make_dataset(3, 7).subset(range(14, 21))
    localiser = LandmarkLocaliser(mapped.landmark_map)
    for sample, own in zip(other.samples, observe(other, POINTS, seed=5), strict=True):
        pose = localiser.localise(own.features)
        assert pose is not None
        assert np.linalg.norm(pose.map_from_camera.translation_m
                              - sample.map_from_camera.translation_m) < 0.02


def test_mapping_again_gives_the_same(
        mapped: MappedDataset, data: Dataset, views: list[ViewFeatures]) -> None:
    again = map_dataset(data, OPTIONS, views).landmark_map
    for name in ('points_m', 'descriptors', 'colors', 'starts', 'seen'):
        assert np.array_equal(getattr(again, name), getattr(mapped.landmark_map, name))
    assert np.array_equal(again.views.global_descriptors,
                          mapped.landmark_map.views.global_descriptors)


def test_too_few_landmarks_are_refused(data: Dataset, views: list[ViewFeatures]) -> None:
    with pytest.raises(InputError, match=r'see 100 landmarks in common\. Received: 0'):
        map_dataset(data.subset([0]), OPTIONS, views[:1])


def test_good_poses_pass_the_check_and_are_never_moved(
        mapped: MappedDataset, data: Dataset, views: list[ViewFeatures]) -> None:
    assert mapped.check.consistent
    assert mapped.check.residual_px == pytest.approx(0.35, abs=0.15)
    same = map_dataset(data, replace(OPTIONS, refine_poses=True), views)
    assert same.check.change is None
    assert np.array_equal(same.dataset.positions_m, data.positions_m)
    assert 'err' not in same.check.describe()


def test_poses_that_err_are_told_and_moved_on_request(
        data: Dataset, views: list[ViewFeatures]) -> None:
    bad = disturbed(data, 0.04, 0.3)
    plain = map_dataset(bad, OPTIONS, views)
    assert not plain.check.consistent
    assert 'the poses err' in plain.check.describe()
    assert '--refine-poses' in plain.check.describe()
    assert np.array_equal(plain.dataset.positions_m, bad.positions_m)
    moved = map_dataset(bad, replace(OPTIONS, refine_poses=True), views)
    assert moved.check.change is not None
    assert 'poses moved by 0.0' in moved.check.describe()
    assert np.array_equal(moved.landmark_map.views.positions_m, moved.dataset.positions_m)
    before, after = pose_errors(bad, data), pose_errors(moved.dataset, data)
    assert after[0] < 0.7 * before[0]
    assert after[1] < 0.8 * before[1]
    narrow = map_dataset(bad, replace(OPTIONS, max_residual=1.0), views)
    lengths = [one.landmark_map.track_lengths.mean() for one in (narrow, plain)]
    assert lengths[1] > 1.3 * lengths[0], 'within the wide tolerance tracks hold together'


def test_the_prior_holds_the_poses(data: Dataset, views: list[ViewFeatures]) -> None:
    bad = disturbed(data, 0.04, 0.3)
    tight = replace(OPTIONS, refine_poses=True,
                    adjustment=AdjustmentOptions(sigma_m=1e-5, sigma_deg=1e-4))
    held = map_dataset(bad, tight, views).check.change
    assert held is not None
    assert held.max_m < 0.002
    assert held.max_deg < 0.02


def test_adjustment_lowers_the_errors_and_reports_the_change(data: Dataset) -> None:
    exact = observe(data, POINTS, noise_px=0.0)
    tracks = tracks_of(exact)
    local = [one.features for one in exact]
    bad = cameras_of(disturbed(data, 0.01, 0.1))
    wide = replace(OPTIONS.triangulation, max_error=1.0)
    found = triangulate(tracks, local, bad, wide)
    observed = observed_points(found.tracks, local)
    lower, moved = refine_poses(found, observed, bad, bad, OPTIONS.adjustment)
    assert np.median(lower.errors) < 0.3 * np.median(found.errors)
    change = pose_change(bad, moved)
    assert 0.001 < change.median_m < change.max_m < 0.05
    few = replace(OPTIONS.adjustment, min_observations=10 ** 6)
    _, still = refine_poses(found, observed, bad, bad, few)
    assert pose_change(bad, still).max_m == 0


def test_poses_are_drawn_to_the_given_ones(data: Dataset) -> None:
    exact = observe(data, POINTS, noise_px=0.0)
    local, given = [one.features for one in exact], cameras_of(data)
    start = cameras_of(disturbed(data, 0.01, 0.1))
    found = triangulate(tracks_of(exact), local, start, OPTIONS.triangulation)
    tight = AdjustmentOptions(sigma_m=1e-5, sigma_deg=1e-4, rounds=2)
    observed = observed_points(found.tracks, local)
    _, moved = refine_poses(found, observed, start, given, tight)
    assert pose_change(given, start).median_m > 0.01
    assert pose_change(given, moved).max_m < 0.001


def test_a_turn_and_a_shift_are_reported() -> None:
    given = Cameras(np.zeros((3, 3)), np.tile(np.eye(3), (3, 1, 1)))
    turned = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    moved = Cameras(np.array([[0, 0, 0], [0, 3, 4], [1.0, 0, 0]]),
                    np.stack([np.eye(3), turned, np.eye(3)]))
    change = pose_change(given, moved)
    assert (change.median_m, change.max_m) == pytest.approx((1, 5))
    assert (change.median_deg, change.max_deg) == pytest.approx((0, 90), abs=1e-5)


def tracks_of(views: list[ViewFeatures]) -> Tracks:
    """Make the true tracks of a scene, of two views at least."""
    point = np.concatenate([v.colors[:, 0].astype(int) * 256 + v.colors[:, 1] for v in views])
    view = np.repeat(np.arange(len(views)), [len(v.colors) for v in views])
    keypoint = np.concatenate([np.arange(len(v.colors)) for v in views])
    order = np.argsort(point, kind='stable')
    starts = np.append(np.unique(point[order], return_index=True)[1], len(point))
    tracks = Tracks(view[order], keypoint[order], starts)
    return tracks.subset(np.flatnonzero(tracks.lengths >= 2))


def test_the_longest_tracks_are_kept_and_the_exacter_ones_of_a_length() -> None:
    lengths = [2, 4, 3, 2, 4]
    views = np.concatenate([[0, 1], [0, 1, 2, 3], [0, 1, 2], [3, 4], [0, 1, 2, 3]])
    starts = np.cumsum([0, *lengths])
    errors = np.repeat([0.1, 0.2, 0.1, 0.1, 0.1], lengths)
    found = Triangulated(np.zeros((5, 3)), Tracks(views, np.zeros(len(views), int), starts),
                         errors)
    assert [select_landmarks(found, 5, most).tolist() for most in (1, 2, 3, 5, 9)] == [
        [4], [1, 4], [1, 2, 4], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]


def test_a_view_of_short_tracks_gets_as_many_as_one_of_long_ones(
        data: Dataset, views: list[ViewFeatures]) -> None:
    long = Tracks(np.tile(np.arange(6), 300), np.zeros(1800, int), np.arange(301) * 6)
    short = Tracks(np.tile([6, 7], 300), np.zeros(600, int), np.arange(301) * 2)
    both = join([long, short])
    found = Triangulated(np.zeros((600, 3)), both, np.zeros(len(both.views)))
    chosen = select_landmarks(found, 8, 200)
    assert len(chosen) == 200
    assert (chosen >= 300).sum() == 100
    few = map_dataset(data, replace(OPTIONS, landmarks_of_view=5, kept_landmarks=50), views)
    counts = np.diff(few.landmark_map.starts)
    assert len(few.landmark_map.points_m) == 120
    assert counts.min() > 0.5 * counts.mean()


def test_global_descriptors_find_the_views_near_an_image(
        mapped: MappedDataset, views: list[ViewFeatures]) -> None:
    found = mapped.landmark_map
    assert found.vocabulary is not None
    table = found.views.global_descriptors.astype(np.float32)
    assert np.allclose(np.linalg.norm(table, axis=1), 1, atol=1e-3)
    for view in (0, 5, 20):
        own = global_descriptor(views[view].features.descriptors, found.vocabulary)
        assert own.shape == (table.shape[1],)
        assert (table @ own).argmax() == view
    nothing = global_descriptor(np.empty((0, 128), np.uint8), found.vocabulary)
    assert not nothing.any()
    usual = vlad(unit_rows(views[0].features.descriptors), found.vocabulary.centres)
    of_usual = replace(found.vocabulary, mean=usual)
    assert not global_descriptor(views[0].features.descriptors, of_usual).any(), 'centred'


def test_the_size_of_a_vocabulary_is_bounded(views: list[ViewFeatures]) -> None:
    local = [one.features for one in views]
    small = fit_vocabulary(local, VocabularyOptions(visual_words=4, size=7))
    assert (small.centres.shape, small.projection.shape) == ((4, 128), (512, 7))
    assert small.projection.dtype == np.float16
    again = fit_vocabulary(local, VocabularyOptions(visual_words=4, size=7))
    assert np.array_equal(small.projection, again.projection)
    with pytest.raises(InputError, match=r'at least 64 features of the images\. Received: 3'):
        fit_vocabulary([local[0]._replace(descriptors=local[0].descriptors[:3])],
                       VocabularyOptions())


def test_principal_axes_are_orthonormal_and_hold_what_is_most() -> None:
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(30, 3)))[0]
    rows = ((rng.normal(size=(50, 3)) * (9, 5, 2)) @ basis.T).astype(np.float32)
    axes = principal_axes(rows, 8).astype(float)
    assert axes.shape == (30, 3), 'no more than there are'
    assert np.allclose(axes.T @ axes, np.eye(3), atol=0.01)
    spread = (rows @ axes).std(axis=0)
    assert spread[0] > spread[1] > spread[2]
    assert np.allclose(axes, principal_axes(-rows, 8), atol=0.01), 'the sign is fixed'


@pytest.fixture
def photographed(tmp_path: Path) -> Dataset:
    rng, samples = np.random.default_rng(0), []
    for i, sample in enumerate(make_dataset(1, 3).samples):
        blobs = rng.integers(0, 256, (24, 32, 3), np.uint8).repeat(10, 0).repeat(10, 1)
        path = tmp_path / f'{i}.png'
        cv2.imwrite(str(path), cv2.GaussianBlur(blobs, (0, 0), 2))
        samples.append(Sample(path, path.name, sample.map_from_camera, 'seq0'))
    return Dataset('photographs', tuple(samples), CAMERA.scaled(320, 240))


def test_kept_features_are_not_detected_again(
        photographed: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = FeatureOptions()
    fresh = detect_dataset(photographed, options)
    kept = detect_dataset(photographed, options, tmp_path / 'work')
    detected = []
    original = feature_cache.detect_with_colors
    monkeypatch.setattr(feature_cache, 'detect_with_colors',
                        lambda *a: detected.append(1) or original(*a))
    again = detect_dataset(photographed, options, tmp_path / 'work')
    assert not detected
    for one, two, three in zip(fresh, kept, again, strict=True):
        assert len(one.colors) == len(one.features.descriptors) > 50
        for other in (two, three):
            assert np.array_equal(one.colors, other.colors)
            assert all(map(np.array_equal, one.features, other.features))
    detect_dataset(photographed, replace(options, max_keypoints=20), tmp_path / 'work')
    assert len(detected) == 3, 'other options'
    first = photographed.samples[0].path
    first.write_bytes(photographed.samples[1].path.read_bytes() + b' ')
    detected.clear()
    detect_dataset(photographed, options, tmp_path / 'work')
    detect_dataset(photographed, replace(options, max_keypoints=20), tmp_path / 'work')
    assert len(detected) == 2, 'another image under both options'
    for file in (tmp_path / 'work' / 'features').glob('*.npz'):
        file.write_bytes(file.read_bytes()[:100])
    detect_dataset(photographed, options, tmp_path / 'work')
    assert len(detected) == 5, 'damaged files'


def test_colours_are_those_of_the_image_there() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[:, 320:] = (200, 100, 50)
    rays = CAMERA.undistort_points([(100, 200), (500, 200), (639, 479)])
    assert feature_cache.colors_at(image, CAMERA, rays).tolist() == [
        [0, 0, 0], [200, 100, 50], [200, 100, 50]]
    small = cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA)
    assert feature_cache.colors_at(small, CAMERA, rays)[1].tolist() == [200, 100, 50]
