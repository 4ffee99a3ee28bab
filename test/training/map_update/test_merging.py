"""Merging two maps: aligned with a move and a scale, common landmarks joined, no overlap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.similarity import Similarity
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.training.landmarks.mapping import map_dataset
from posenet_ros.training.map_update.merging import merge_maps, MergedMap, moved_map
from posenet_ros.training.map_update.options import UpdateOptions
import pytest

from .room import CAMERA, IMAGES, observe, POINTS, three_walks

OPTIONS = UpdateOptions()
MOVE = Similarity(1.0, Pose.from_rotation(so3_exp([0.2, -0.4, 1.0]), (3.0, -2.0, 1.0)))
SCALED = Similarity(1.7, MOVE.rigid)


def point_of(landmark_map: LandmarkMap) -> np.ndarray:
    return landmark_map.colors[:, 0].astype(int) * 256 + landmark_map.colors[:, 1]


def mapped(first: int, last: int, kept: np.ndarray, seed: int) -> LandmarkMap:
    """Return the map of some walks by some points."""
    data = three_walks().subset(range(first * IMAGES, last * IMAGES))
    points = POINTS.copy()
    points[~kept] = (0, -50, 0)
    return map_dataset(data, OPTIONS.mapping, observe(data, points, seed=seed)).landmark_map


@pytest.fixture(scope='module')
def first() -> LandmarkMap:
    return mapped(0, 2, np.arange(len(POINTS)) < 300, 1)


@pytest.fixture(scope='module')
def second() -> LandmarkMap:
    return mapped(2, 3, np.arange(len(POINTS)) >= 100, 2)


def merge(first: LandmarkMap, second: LandmarkMap) -> MergedMap:
    return merge_maps(first, second, CAMERA, CAMERA.fx, OPTIONS)


@pytest.mark.parametrize(('move', 'metric'), [(MOVE, True), (SCALED, False)])
def test_a_moved_map_is_put_back_and_joined(
        first: LandmarkMap, second: LandmarkMap, move: Similarity, metric: bool) -> None:
    found = merge(first, replace(moved_map(second, move), metric=metric))
    whole = found.landmark_map
    points = point_of(whole)
    off = np.linalg.norm(whole.points_m - POINTS[points], axis=1)
    assert np.median(off) < 0.02
    assert found.first_from_second.scale == (1.0 if metric else pytest.approx(1 / 1.7, rel=0.01))
    assert len(np.unique(points)) > 0.97 * len(points), 'landmarks of both are one'
    assert set(points) == set(point_of(first)) | set(point_of(second))
    assert found.joined > 0.9 * len(set(point_of(first)) & set(point_of(second)))
    truth = three_walks().positions_m
    np.testing.assert_allclose(whole.views.positions_m, truth, atol=0.05)
    assert found.found == found.views == IMAGES


def test_a_scale_is_not_corrected_where_both_are_metric(
        first: LandmarkMap, second: LandmarkMap) -> None:
    with pytest.raises(InputError, match='have to overlap'):
        merge(first, moved_map(second, SCALED))


def test_maps_without_overlap_are_refused(first: LandmarkMap) -> None:
    other = mapped(2, 3, np.arange(len(POINTS)) >= 270, 2)
    with pytest.raises(InputError, match=r'the maps have to overlap: 5 views .* of 12 views'):
        merge(first.select_views(np.arange(12)), replace(
            other, descriptors=np.roll(other.descriptors, 40, axis=1)))


def test_the_same_images_are_not_merged_twice(first: LandmarkMap, second: LandmarkMap) -> None:
    with pytest.raises(InputError, match='none that the first does not have by name'):
        merge(first, moved_map(first, MOVE))
    both = merge(first, second).landmark_map
    again = merge(first, moved_map(both, MOVE)).landmark_map
    assert again.views.names == both.views.names


def test_other_images_of_the_same_names_are_refused(
        first: LandmarkMap, second: LandmarkMap) -> None:
    names = tuple(name.replace('seq2', 'seq0') for name in second.views.names)
    views = replace(second.views, names=(*names[::-1][:11], 'new.png'))
    with pytest.raises(InputError, match='images of one name have to be the same'):
        merge(first, replace(second, views=views))


def test_maps_of_other_features_are_refused(first: LandmarkMap, second: LandmarkMap) -> None:
    with pytest.raises(InputError, match='detected alike'):
        merge(first, replace(second, features=replace(second.features, width=640)))
