"""Patches are cut round the projected landmarks, from the view that shows each best."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from patch_helpers import DISTORTED, make_map, make_texture, PINHOLE, VIEWS, write_views
from posenet_ros.errors import InputError
from posenet_ros.landmarks.landmark_map import NO_PATCH, PATCH_SIZE, Views
from posenet_ros.landmarks.patches.alignment import smooth_image
from posenet_ros.training.landmarks.patch_cutting import with_patches
import pytest

CAMERAS = (PINHOLE, PINHOLE, DISTORTED)


@pytest.fixture(scope='module')
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_views(tmp_path_factory.mktemp('wall'), make_texture(), CAMERAS)


def test_a_patch_is_cut_round_the_projection_through_the_lens(paths: list[Path]) -> None:
    bare = make_map(CAMERAS)
    for view, camera in enumerate(CAMERAS):
        only = [path if i == view else None for i, path in enumerate(paths)]
        place = with_patches(bare, only)
        image = np.round(smooth_image(cv2.imread(str(paths[view]), cv2.IMREAD_GRAYSCALE)))
        assert {view} <= set(place.patch_views) <= {view, NO_PATCH}
        seen = bare.seen_by(view)
        assert np.array_equal(np.flatnonzero(place.patch_views == view), seen)
        pixels = camera.project(VIEWS[view].inverse().apply(bare.points_m[seen].astype(float)))
        for (x, y), (left, top), patch in zip(
                pixels, place.patch_corners[seen], place.patches[seen], strict=True):
            assert np.array_equal(patch, image[top:top + PATCH_SIZE, left:left + PATCH_SIZE])
            if 8 < x < 191 and 8 < y < 141:
                assert (left, top) == (np.floor(x) - 7, np.floor(y) - 7)


def test_the_view_in_the_middle_is_the_reference_and_a_nearer_one_is_better(
        paths: list[Path]) -> None:
    bare = make_map((PINHOLE,) * 3)
    by_all = set(bare.seen_by(0)) & set(bare.seen_by(1)) & set(bare.seen_by(2))
    place = with_patches(bare, paths)
    middle = [i for i in by_all if 30 < place.patch_corners[i, 0] < 150]
    assert len(middle) > 20
    assert (place.patch_views[middle] == 0).all()
    nearer = bare.views.positions_m.copy()
    nearer[1] = (0, 0, 0.8)
    assert np.mean(place.patch_views[middle] == 1) == 0
    moved = replace(bare, views=replace(bare.views, positions_m=nearer))
    assert np.mean(with_patches(moved, paths).patch_views[middle] == 1) > 0.4
    assert (place.patch_views[bare.track_lengths == 0] == NO_PATCH).all()


def test_a_patch_that_the_border_cuts_off_is_the_last_choice(paths: list[Path]) -> None:
    place = with_patches(make_map((PINHOLE,) * 3), paths)
    points = place.points_m.astype(float)
    inside = np.zeros((3, len(points)), bool)
    for view, pose in enumerate(VIEWS):
        pixels = PINHOLE.project(pose.inverse().apply(points))
        inside[view] = ((pixels >= 7) & (pixels < (192, 142))).all(axis=1)
        inside[view] &= np.isin(np.arange(len(points)), place.seen_by(view))
    known = np.flatnonzero(place.patch_views != NO_PATCH)
    whole = inside[place.patch_views[known], known]
    assert np.array_equal(whole, inside[:, known].any(axis=0))
    assert (place.patch_corners >= 0).all()
    assert (place.patch_corners <= (200 - PATCH_SIZE, 150 - PATCH_SIZE)).all()


def test_images_are_taken_at_the_size_for_patches(paths: list[Path], tmp_path: Path) -> None:
    large = [tmp_path / path.name for path in paths]
    for path, file in zip(paths, large, strict=True):
        cv2.imwrite(str(file), cv2.resize(cv2.imread(str(path)), (400, 300)))
    bare = make_map((PINHOLE,) * 3)
    small = with_patches(bare, paths)
    same = with_patches(bare, large)
    assert bare.features.patch_width == 200
    assert np.array_equal(small.patch_corners, same.patch_corners)
    off = np.abs(small.patches.astype(int) - same.patches)
    assert off.mean() < 6, 'resized twice'


def test_patches_that_are_there_stay(paths: list[Path]) -> None:
    bare = make_map(CAMERAS)
    first = with_patches(bare, [paths[0], None, None])
    both = with_patches(first, [None, *paths[1:]])
    had = first.patch_views != NO_PATCH
    assert 0 < had.sum() < len(had)
    assert np.array_equal(both.patches[had], first.patches[had])
    assert np.array_equal(both.patch_views[had], first.patch_views[had])
    others = (bare.track_lengths > 0) & ~had
    assert others.any()
    assert set(both.patch_views[others]) <= {1, 2}
    again = with_patches(bare, paths)
    assert np.array_equal(again.patches, with_patches(bare, paths).patches)


def test_without_a_file_or_a_camera_the_map_is_left_as_it_is(paths: list[Path]) -> None:
    bare = make_map(CAMERAS)
    assert with_patches(bare, [None] * 3) is bare
    views = bare.views
    unknown = replace(bare, views=Views(
        views.names, views.sequences, views.positions_m, views.quats_xyzw,
        views.global_descriptors, views.pose_residual_ratios))
    assert with_patches(unknown, paths) is unknown
    tiny = replace(bare, views=replace(views, cameras=tuple(
        camera.scaled(15, 12) for camera in views.cameras)))
    assert with_patches(tiny, paths) is tiny, 'images smaller than a patch'


def test_an_image_that_has_gone_is_named(paths: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'gone\.png has to be readable'):
        with_patches(make_map(CAMERAS), [tmp_path / 'gone.png', *paths[1:]])
