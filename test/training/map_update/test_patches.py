"""Patches go with their landmarks and views when maps are joined."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from patch_helpers import DISTORTED, make_map, make_texture, PINHOLE, write_views
from posenet_ros.landmarks.landmark_map import LandmarkMap, NO_PATCH
from posenet_ros.training.landmarks.patch_cutting import with_patches
from posenet_ros.training.map_update.arrays import (
    join_landmarks,
    join_views,
    landmarks_of,
    observations_of,
    with_parts,
    with_patches_of,
    with_views_from,
    without_patches,
)
import pytest


@pytest.fixture(scope='module')
def maps(tmp_path_factory: pytest.TempPathFactory) -> tuple[LandmarkMap, LandmarkMap]:
    folder, texture = tmp_path_factory.mktemp('wall'), make_texture()
    cameras = (PINHOLE, DISTORTED, PINHOLE)
    paths: list[Path | None] = list(write_views(folder, texture, cameras))
    first, second = make_map((PINHOLE,) * 3), make_map(cameras)
    return with_patches(first, [None, paths[1], None]), with_patches(second, paths)


def test_maps_put_together_have_the_patches_of_both(
        maps: tuple[LandmarkMap, LandmarkMap]) -> None:
    first, second = maps
    views = join_views(first.views, second.views)
    assert views.cameras == (PINHOLE, DISTORTED)
    assert views.camera_indices.tolist() == [0, 0, 0, 0, 1, 0]
    other = with_views_from(landmarks_of(second), 3)
    observations = observations_of(second) + np.array([3, len(first.points_m)])
    both = with_parts(first, views, join_landmarks(landmarks_of(first), other),
                      np.concatenate([observations_of(first), observations]))
    kept = np.concatenate([first.track_lengths > 1, second.track_lengths > 1])
    count = (first.track_lengths > 1).sum()
    assert np.array_equal(both.patches, np.concatenate([first.patches, second.patches])[kept])
    ours, theirs = both.patch_views[:count], both.patch_views[count:]
    assert np.array_equal(ours, first.patch_views[first.track_lengths > 1])
    assert NO_PATCH in ours
    assert np.array_equal(theirs - 3, second.patch_views[second.track_lengths > 1])
    assert np.array_equal(both.patch_corners[count:],
                          second.patch_corners[second.track_lengths > 1])


def test_a_landmark_without_a_patch_takes_that_of_its_other_half(
        maps: tuple[LandmarkMap, LandmarkMap]) -> None:
    first, second = (landmarks_of(each) for each in maps)
    second = with_views_from(second, 3)
    same = np.arange(len(first.points_m))
    joined = with_patches_of(first, second, same, same)
    bare = first.patch_views == NO_PATCH
    assert bare.any()
    assert np.array_equal(joined.patch_views[bare], second.patch_views[bare])
    assert np.array_equal(joined.patches[bare], second.patches[bare])
    assert np.array_equal(joined.patch_corners[bare], second.patch_corners[bare])
    assert np.array_equal(joined.patches[~bare], first.patches[~bare])
    assert (first.patch_views[bare] == NO_PATCH).all(), 'what was given is left alone'


def test_a_map_of_before_the_patches_stays_without(
        maps: tuple[LandmarkMap, LandmarkMap]) -> None:
    new = maps[0]
    old = replace(new, patches=new.patches[:0], patch_views=new.patch_views[:0],
                  patch_corners=new.patch_corners[:0],
                  views=replace(new.views, cameras=(), camera_indices=np.empty(0, np.int32)))
    assert (landmarks_of(old).patch_views == NO_PATCH).all()
    views = join_views(old.views, new.views)
    assert views.cameras == ()
    both = with_parts(old, views, join_landmarks(
        landmarks_of(old), with_views_from(landmarks_of(new), 3)), np.concatenate(
            [observations_of(old), observations_of(new) + np.array([3, len(new.points_m)])]))
    assert not len(both.patches)
    fresh = without_patches(new.points_m, new.descriptors, new.colors)
    assert not len(with_parts(new, new.views, fresh, observations_of(new)).patches)
