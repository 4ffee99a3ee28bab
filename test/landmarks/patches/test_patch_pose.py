"""Patches of landmarks are found in an image to a fraction of a pixel, through any lens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from patch_helpers import (
    DISTORTED,
    FISHEYE,
    make_map,
    make_texture,
    PINHOLE,
    QUERY,
    render,
    tilted,
    WALKED,
    write_views,
)
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import angle_between_rad, pose_difference
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.landmark_map import LandmarkMap, NO_PATCH
from posenet_ros.landmarks.patches.alignment import smooth_image
from posenet_ros.landmarks.patches.fusion import fuse_poses
from posenet_ros.landmarks.patches.options import PatchOptions
from posenet_ros.landmarks.patches.patch_pose import (
    align_patches,
    refine_by_patches,
    spread_landmarks,
)
from posenet_ros.landmarks.pnp.absolute_pose import AbsolutePose
from posenet_ros.training.landmarks.patch_cutting import with_patches
import pytest

TEXTURE = make_texture()
ALL = np.arange(200)
LENSES, NAMES = (PINHOLE, DISTORTED, FISHEYE), ('pinhole', 'distorted', 'fisheye')


def mapped(folder: Path, *cameras: Camera) -> LandmarkMap:
    return with_patches(make_map(cameras), write_views(folder, TEXTURE, cameras))


@pytest.fixture(scope='module')
def place(tmp_path_factory: pytest.TempPathFactory) -> LandmarkMap:
    return mapped(tmp_path_factory.mktemp('wall'), PINHOLE, PINHOLE, PINHOLE)


def project(place: LandmarkMap, pose: Pose, camera: Camera) -> np.ndarray:
    return camera.project(pose.inverse().apply(place.points_m.astype(np.float64)))


def error_m(found: Pose, truth: Pose) -> float:
    return float(np.linalg.norm(pose_difference(found, truth)[:3]))


def test_a_patch_is_found_where_its_landmark_is(place: LandmarkMap) -> None:
    aligned = align_patches(place, ALL, WALKED, render(TEXTURE, QUERY, PINHOLE), PINHOLE)
    truth = project(place, QUERY, PINHOLE)
    start = np.linalg.norm(aligned.expected - truth, axis=1)[aligned.ok]
    errors = np.linalg.norm(aligned.found - truth, axis=1)[aligned.ok]
    assert aligned.ok.sum() > 70
    assert np.median(start) > 0.6
    assert np.median(errors) < 0.05
    assert np.percentile(errors, 95) < 0.2
    assert (aligned.correlation[aligned.ok] > 0.8).all()


@pytest.mark.parametrize('query', LENSES, ids=NAMES)
@pytest.mark.parametrize('reference', range(3), ids=NAMES)
def test_patches_of_any_lens_make_a_pose_exact_in_an_image_of_any_lens(
        tmp_path: Path, reference: int, query: Camera) -> None:
    paths = write_views(tmp_path, TEXTURE, LENSES)
    only = [path if view == reference else None for view, path in enumerate(paths)]
    place = with_patches(make_map(LENSES), only)
    assert set(place.patch_views) == {reference} | {NO_PATCH} & set(place.patch_views)
    grey = render(TEXTURE, QUERY, query)
    found, agreeing = refine_by_patches(place, ALL, WALKED, grey, query)
    assert error_m(WALKED, QUERY) > 0.02
    assert error_m(found.map_from_camera, QUERY) < 0.008
    truth = project(place, QUERY, query)
    aligned = align_patches(place, agreeing, WALKED, grey, query)
    assert np.median(np.linalg.norm(aligned.found - truth[agreeing], axis=1)) < 0.1
    assert len(agreeing) > 50
    assert np.sqrt(np.trace(found.covariance[:3, :3])) < 0.01


@pytest.mark.parametrize('lens', [DISTORTED, FISHEYE], ids=NAMES[1:])
def test_a_lens_that_is_not_known_spoils_the_pose(tmp_path: Path, lens: Camera) -> None:
    place, grey = mapped(tmp_path, *[PINHOLE] * 3), render(TEXTURE, QUERY, lens)
    found, _ = refine_by_patches(place, ALL, WALKED, grey, lens.undistorted())
    assert found is None or error_m(found.map_from_camera, QUERY) > 0.01
    views = replace(place.views, cameras=(lens,))
    other, _ = refine_by_patches(replace(place, views=views), ALL, WALKED, grey, lens)
    assert other is None or error_m(other.map_from_camera, QUERY) > 0.01


def test_light_and_contrast_of_another_day_do_not_matter(place: LandmarkMap) -> None:
    grey = np.clip(render(TEXTURE, QUERY, PINHOLE) * 0.4 + 90, 0, 255).astype(np.uint8)
    found, _ = refine_by_patches(place, ALL, WALKED, grey, PINHOLE)
    assert error_m(found.map_from_camera, QUERY) < 0.003


def test_an_image_that_was_smoothed_before_gives_the_same(place: LandmarkMap) -> None:
    grey = render(TEXTURE, QUERY, PINHOLE)
    once, twice = (align_patches(place, ALL, WALKED, image, PINHOLE)
                   for image in (grey, smooth_image(grey)))
    assert np.array_equal(once.found, twice.found, equal_nan=True)


def test_a_landmark_behind_the_camera_or_out_of_the_image_is_not_found(
        place: LandmarkMap) -> None:
    grey = render(TEXTURE, QUERY, PINHOLE)
    back = align_patches(place, ALL, tilted((0, 0, 0), 0, 180, 0), grey, PINHOLE)
    assert not back.ok.any()
    away = align_patches(place, ALL, tilted((1.9, 0, 0)), grey, PINHOLE)
    left = away.expected[:, 0] < 4
    assert left.any()
    assert not away.ok[left].any()
    found, agreeing = refine_by_patches(place, ALL, tilted((0, 0, 0), 0, 180, 0), grey, PINHOLE)
    assert found is None
    assert not len(agreeing)


def test_an_image_of_another_wall_shows_no_patch(place: LandmarkMap) -> None:
    grey = render(make_texture(7), QUERY, PINHOLE)
    found, agreeing = refine_by_patches(place, ALL, QUERY, grey, PINHOLE)
    assert found is None
    assert len(agreeing) < 5


def test_without_texture_nothing_is_found(place: LandmarkMap, tmp_path: Path) -> None:
    flat = np.full((150, 200), 90, np.uint8)
    assert not align_patches(place, ALL, QUERY, flat, PINHOLE).ok.any()
    stripes = np.tile(128 + 60 * np.sin(np.arange(800) / 4), (600, 1)).astype(np.float32)
    cameras = (PINHOLE,) * 3
    edges = with_patches(make_map(cameras), write_views(tmp_path, stripes, cameras))
    aligned = align_patches(edges, ALL, QUERY, render(stripes, QUERY, PINHOLE), PINHOLE)
    assert not aligned.ok.any(), 'they could be anywhere along a stripe'


def test_a_map_without_patches_finds_none(place: LandmarkMap) -> None:
    bare, grey = make_map((PINHOLE,) * 3), render(TEXTURE, QUERY, PINHOLE)
    aligned = align_patches(bare, ALL, QUERY, grey, PINHOLE)
    assert len(aligned.ok) == len(ALL)
    assert not aligned.ok.any()
    assert refine_by_patches(bare, ALL, QUERY, grey, PINHOLE)[0] is None
    some = place.patch_views.copy()
    some[::2] = NO_PATCH
    half = align_patches(replace(place, patch_views=some), ALL, QUERY, grey, PINHOLE)
    assert not half.ok[::2].any()
    assert half.ok[1::2].sum() > 35


@pytest.mark.parametrize(('z_m', 'most_px'), [(1.5, 0.4), (1.0, 0.1), (-1.0, 0.15)])
def test_an_image_from_nearer_or_further_away_is_aligned(
        place: LandmarkMap, z_m: float, most_px: float) -> None:
    pose = tilted((0.05, 0.02, z_m))
    start = Pose((0.06, 0.02, z_m + 0.01))
    aligned = align_patches(place, ALL, start, render(TEXTURE, pose, PINHOLE), PINHOLE)
    errors = np.linalg.norm(aligned.found - project(place, pose, PINHOLE), axis=1)
    assert aligned.ok.sum() >= 12
    assert np.median(errors[aligned.ok]) < most_px


def test_what_a_patch_does_not_cover_has_no_weight(place: LandmarkMap) -> None:
    """From twice as far away half of what is compared lies beyond the stored patch."""
    pose = tilted((0, 0, -3.0))
    grey = render(TEXTURE, pose, PINHOLE)
    strict = align_patches(place, ALL, pose, grey, PINHOLE, PatchOptions(min_covered=0.999))
    usual = align_patches(place, ALL, pose, grey, PINHOLE)
    assert not strict.ok.any()
    truth = project(place, pose, PINHOLE)
    errors = np.linalg.norm(usual.found - truth, axis=1)[usual.ok]
    assert not len(errors) or np.median(errors) < 0.3


def test_landmarks_are_spread(place: LandmarkMap) -> None:
    options = PatchOptions(max_landmarks=20, cell_px=50)
    chosen = spread_landmarks(place, ALL, QUERY, PINHOLE, options)
    pixels = project(place, QUERY, PINHOLE)
    inside = ((pixels >= 0) & (pixels < (200, 150))).all(axis=1)
    inside &= place.patch_views != NO_PATCH
    assert len(chosen) == 20
    assert inside[chosen].all()
    cells = [tuple(cell) for cell in (pixels // 50).astype(int)]
    per_cell = [cells[i] for i in chosen]
    assert len(set(per_cell)) == len({cells[i] for i in np.flatnonzero(inside)})
    assert max(per_cell.count(cell) for cell in per_cell) <= 2
    many = spread_landmarks(place, ALL, QUERY, PINHOLE)
    assert np.array_equal(many, np.flatnonzero(inside))


def test_patches_most_like_the_image_are_chosen_first(place: LandmarkMap) -> None:
    options = PatchOptions(max_landmarks=20, cell_px=500)
    pose = tilted((0.6, 0, 0))
    points = place.points_m.astype(float)
    rays = [at - points for at in (pose.translation_m, place.views.positions_m[place.patch_views])]
    angles = angle_between_rad(*rays)
    pixels = project(place, pose, PINHOLE)
    inside = ((pixels >= 0) & (pixels < (200, 150))).all(axis=1) & (place.patch_views != NO_PATCH)
    by_angle = spread_landmarks(place, ALL, pose, PINHOLE,
                                replace(options, angle_scale_deg=0.01, track_length_weight=0.0))
    assert set(by_angle) == set(np.argsort(np.where(inside, angles, 9))[:20])
    nearer = tilted((0.5, -0.1, 1.0), -3, -6, 4)
    by_scale = spread_landmarks(place, ALL, nearer, PINHOLE,
                                replace(options, angle_scale_deg=1e9, track_length_weight=0.0))
    depths = np.linalg.norm(rays[1], axis=1) / np.linalg.norm(
        nearer.translation_m - points, axis=1)
    pixels = project(place, nearer, PINHOLE)
    inside = ((pixels >= 0) & (pixels < (200, 150))).all(axis=1) & (place.patch_views != NO_PATCH)
    assert set(by_scale) == set(np.argsort(np.where(inside, depths, 99))[:20])
    longest = spread_landmarks(place, ALL, pose, PINHOLE,
                               replace(options, track_length_weight=100.0))
    assert (place.track_lengths[longest] == 3).all()


def estimate(x_m: float, sigmas_m: tuple[float, float, float]) -> AbsolutePose:
    covariance = np.diag([*np.square(sigmas_m), 1e-6, 1e-6, 1e-6])
    return AbsolutePose(Pose((x_m, 1.0, 2.0)), np.arange(3), 0.5, covariance)


def test_the_mean_of_two_poses_is_nearer_to_the_one_that_is_known_better() -> None:
    first, second = estimate(0.0, (0.02, 0.01, 0.01)), estimate(0.1, (0.01, 0.01, 0.02))
    mean = fuse_poses(first, second)
    assert np.allclose(mean.map_from_camera.translation_m, (0.08, 1, 2))
    assert np.allclose(np.diag(mean.covariance)[:3], (8e-5, 5e-5, 8e-5))
    assert mean.inlier_ratio == 0.5
    turned = replace(second, map_from_camera=tilted((0.1, 1, 2), 0, 0, 2))
    angle = pose_difference(fuse_poses(first, turned).map_from_camera, first.map_from_camera)[3:]
    assert np.allclose(np.degrees(angle), (0, 0, 1))


@pytest.mark.parametrize(('sigma_m', 'low', 'high'), [(1e-5, 0.9, 1.01), (1.0, 0.0, 0.2)])
def test_the_pose_by_keypoints_counts_by_its_covariance(
        place: LandmarkMap, sigma_m: float, low: float, high: float) -> None:
    grey = render(TEXTURE, QUERY, PINHOLE)
    by_keypoints = AbsolutePose(WALKED, np.arange(9), 0.7, np.eye(6) * sigma_m ** 2)
    found, _ = refine_by_patches(place, ALL, WALKED, grey, PINHOLE, by_keypoints=by_keypoints)
    assert low < error_m(found.map_from_camera, QUERY) / error_m(WALKED, QUERY) < high
    free, _ = refine_by_patches(place, ALL, WALKED, grey, PINHOLE, PatchOptions(sigma_scale=1e-3),
                                by_keypoints=by_keypoints)
    assert error_m(free.map_from_camera, QUERY) < 0.2 * error_m(WALKED, QUERY)
    assert found.inlier_ratio == 0.7
    assert len(found.inliers) == 9
