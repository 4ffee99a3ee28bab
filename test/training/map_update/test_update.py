"""Extending a map by a walk: joined, added and vanished landmarks, the check, budget of views."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.matching import unit_rows
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.mapping import map_dataset
from posenet_ros.training.map_update.arrays import landmarks_of, observations_of, weighted_means
from posenet_ros.training.map_update.comparison import Comparison, held_out
from posenet_ros.training.map_update.options import ComparisonOptions, UpdateOptions
from posenet_ros.training.map_update.pruning import redundant_views
from posenet_ros.training.map_update.registration import register_images
from posenet_ros.training.map_update.update import update_map, UpdatedMap
import pytest

from .room import (
    IMAGES,
    new_images,
    nothing,
    observe,
    POINTS,
    scene_points,
    three_walks,
    walk,
)

OPTIONS = UpdateOptions()
GONE = np.arange(len(POINTS)) < 60  # points that the new walk does not see any more
FRESH = np.arange(len(POINTS)) >= 340  # and that the old walks did not


def point_of(landmark_map: LandmarkMap) -> np.ndarray:
    """Return the index of the scene's point of each landmark: its colour says it."""
    return landmark_map.colors[:, 0].astype(int) * 256 + landmark_map.colors[:, 1]


@pytest.fixture(scope='module')
def data() -> Dataset:
    return three_walks()


@pytest.fixture(scope='module')
def old(data: Dataset) -> LandmarkMap:
    before = data.subset(range(2 * IMAGES))
    hidden = POINTS.copy()
    hidden[FRESH] = (0, -50, 0)
    return map_dataset(before, OPTIONS.mapping, observe(before, hidden)).landmark_map


@pytest.fixture(scope='module')
def updated(data: Dataset, old: LandmarkMap) -> UpdatedMap:
    now = POINTS.copy()
    now[GONE] = (0, -50, 0)
    return update_map(old, new_images(walk(data, 'seq2'), now), OPTIONS)


def test_the_images_are_views_where_they_were_taken(updated: UpdatedMap, data: Dataset) -> None:
    views, truth = updated.landmark_map.views, walk(data, 'seq2')
    assert updated.found == updated.images == IMAGES
    assert sorted(views.names[2 * IMAGES:]) == sorted(s.name for s in truth.samples)
    true = {s.name: s.map_from_camera.translation_m for s in truth.samples}
    off = [np.linalg.norm(views.positions_m[i] - true[views.names[i]])
           for i in range(2 * IMAGES, 3 * IMAGES)]
    assert np.max(off) < 0.05


def test_old_landmarks_stay_and_new_images_see_them(
        updated: UpdatedMap, old: LandmarkMap) -> None:
    found = updated.landmark_map
    points = point_of(found)
    assert len(np.unique(points)) == len(points), 'no landmark twice'
    off = np.linalg.norm(found.points_m - POINTS[points], axis=1)
    assert np.median(off) < 0.02
    walks = np.array(found.views.sequences)[observations_of(found)[:, 0]]
    lengths = {name: np.bincount(found.seen[walks == name], minlength=len(points))
               for name in np.unique(walks)}
    common = (lengths['seq0'] > 0) & (lengths['seq2'] > 0)
    assert common.sum() > 150
    assert common.sum() >= updated.joined > 0.9 * common.sum()


def test_new_points_become_landmarks_and_those_that_have_gone_vanish(
        updated: UpdatedMap, old: LandmarkMap) -> None:
    points, before = set(point_of(updated.landmark_map)), set(point_of(old))
    fresh, gone = set(np.flatnonzero(FRESH)), set(np.flatnonzero(GONE))
    assert not before & fresh
    assert len(points & fresh) > 30
    assert updated.added == len(points - before)
    assert len(before & gone) > 30
    left = len(points & gone) / len(before & gone)
    assert left < 0.5
    assert updated.vanished == len(before - points)
    assert before - points <= gone, 'no landmark that is seen goes'


def test_the_check_compares_old_and_new(updated: UpdatedMap) -> None:
    assert not updated.of_walk.is_worse(OPTIONS.comparison)
    assert not updated.of_old.is_worse(OPTIONS.comparison)
    assert len(updated.of_walk.old_m) == 3
    assert len(updated.of_old.old_m) == 2 * IMAGES
    assert '3 of 3 found' in updated.of_walk.describe('m', 'images')


def test_means_weigh_the_old_views(old: LandmarkMap) -> None:
    parts, rng = landmarks_of(old), np.random.default_rng(0)
    fresh = rng.integers(0, 256, (2, 128)).astype(np.uint8)
    found = weighted_means(parts, old.track_lengths, np.array([5, 5]), fresh,
                           np.full((2, 3), 255, np.uint8))
    n = old.track_lengths[5]
    mean = unit_rows(parts.descriptors[5]) * n + unit_rows(fresh).sum(axis=0)
    np.testing.assert_allclose(unit_rows(found.descriptors[5]), unit_rows(mean), atol=0.005)
    shade = (parts.colors[5] * float(n) + 2 * 255) / (n + 2)
    np.testing.assert_allclose(found.colors[5], shade, atol=0.51)
    others = np.arange(len(old.points_m)) != 5
    np.testing.assert_array_equal(found.descriptors[others], parts.descriptors[others])


def test_images_that_the_map_does_not_find_are_found_by_those_beside_them(data: Dataset) -> None:
    """The walk goes on to where all is new: only landmarks of its own are there."""
    points = scene_points(1000)
    seen_before = points.copy()
    seen_before[points[:, 0] > -2] = (0, -50, 0)
    before = data.subset(range(2 * IMAGES))
    old = map_dataset(before, OPTIONS.mapping, observe(before, seen_before)).landmark_map
    images = new_images(walk(data, 'seq2'), points)
    direct = sum(found is not None for found in register_images(old, images.features))
    found = update_map(old, images, OPTIONS)
    assert 5 <= direct < IMAGES
    assert found.found == IMAGES
    true = {s.name: s.map_from_camera.translation_m for s in data.samples}
    views = found.landmark_map.views
    off = [np.linalg.norm(position - true[name])
           for name, position in zip(views.names, views.positions_m, strict=True)]
    assert np.max(off) < 0.3  # the last ones know the map by way of others alone


def test_given_poses_are_taken_where_they_agree(data: Dataset, old: LandmarkMap) -> None:
    truth = walk(data, 'seq2')
    found = update_map(old, new_images(truth, POINTS, given=True), OPTIONS)
    views = found.landmark_map.views
    true = {s.name: s.map_from_camera.translation_m for s in truth.samples}
    for i in range(2 * IMAGES, 3 * IMAGES):
        np.testing.assert_array_equal(views.positions_m[i], true[views.names[i]])


def test_given_poses_of_another_frame_are_refused(data: Dataset, old: LandmarkMap) -> None:
    images = new_images(walk(data, 'seq2'), POINTS, given=True)
    moved = [pose and Pose(pose.translation_m + np.array([1.0, 0, 0]), pose.quat_xyzw)
             for pose in images.given]
    with pytest.raises(InputError, match=r"in the map's frame. Received: poses that are 1 and"):
        update_map(old, replace(images, given=moved), OPTIONS)


def test_given_poses_that_err_are_not_taken(data: Dataset, old: LandmarkMap) -> None:
    truth = walk(data, 'seq2')
    images = new_images(truth, POINTS, given=True)
    moved = [pose and Pose(pose.translation_m + np.array([0.06, 0, 0]), pose.quat_xyzw)
             for pose in images.given]
    found = update_map(old, replace(images, given=moved), OPTIONS)
    assert "the map's are taken" in found.notes[0]
    views = found.landmark_map.views
    true = {s.name: s.map_from_camera.translation_m for s in truth.samples}
    off = [np.linalg.norm(views.positions_m[i] - true[views.names[i]])
           for i in range(2 * IMAGES, 3 * IMAGES)]
    assert np.median(off) < 0.02


def test_a_walk_of_another_place_is_refused(data: Dataset, old: LandmarkMap) -> None:
    images = new_images(walk(data, 'seq2'), POINTS)
    blank = replace(images, features=[nothing(one) for one in images.features])
    with pytest.raises(InputError, match=r'see the mapped place: 5 .* Received: 0 of 12'):
        update_map(old, blank, OPTIONS)


def test_the_budget_of_views_drops_redundant_ones(data: Dataset, old: LandmarkMap) -> None:
    found = update_map(old, new_images(walk(data, 'seq2'), POINTS), OPTIONS, views=20)
    assert len(found.landmark_map.views) == 20
    assert found.dropped == 3 * IMAGES - 20


def test_views_that_repeat_another_go_first(old: LandmarkMap) -> None:
    count = len(old.views)
    again = old.select_views(np.array([*range(count), *[5] * 6]))
    first = redundant_views(again, count + 4).tolist()
    assert len(first) == 2
    assert set(first) <= {5, *range(count, count + 6)}


@pytest.mark.parametrize(('old_m', 'new_m', 'worse'), [
    (np.full(20, 0.01), np.full(20, 0.01), False),
    (np.full(20, 0.01), np.full(20, 0.02), True),
    (np.full(20, 0.01), np.full(20, 0.0102), False),
    (np.full(20, 0.02), np.full(20, 0.01), False),
    (np.full(20, 0.01), np.where(np.arange(20) < 8, np.nan, 0.01), True),
    (np.full(20, 0.01), np.where(np.arange(20) < 1, np.nan, 0.01), False),
    (np.where(np.arange(20) < 8, np.nan, 0.01), np.full(20, 0.01), False),
    (np.full(20, np.nan), np.full(20, np.nan), False)])
def test_worse_is_what_chance_does_not_explain(
        old_m: np.ndarray, new_m: np.ndarray, worse: bool) -> None:
    assert Comparison(old_m, new_m).is_worse(ComparisonOptions()) is worse


@pytest.mark.parametrize('count', [1, 2, 5, 12, 100])
def test_some_images_are_held_out_and_most_are_not(count: int) -> None:
    mask = held_out(count, ComparisonOptions())
    assert mask.sum() == {1: 0, 2: 1, 5: 2, 12: 3, 100: 20}[count]
    assert not mask[:1].any() or count == 2
