"""Augmentation: the new pose is that of the new image, and the same seed gives the same."""

from __future__ import annotations

import time

from helpers import cameras, poses
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.data import plane_sweep as depth
from posenet_ros.training.data.augment import (
    Augmentation,
    Augmenter,
    rotation_homography,
)
import pytest
from training_helpers import CAMERA, walk, WALL_M, wall_view

TARGET = CAMERA.cropped(12, 8, 72, 56)
POSE = walk(9, 0)[4]
ALL = Augmentation(yaw_deg=8, pitch_deg=5, roll_deg=5, colour=1, light=0.5, blur_px=1, noise=8,
                   occlusions=3)
angles = st.tuples(*[st.floats(-0.2, 0.2)] * 3).map(np.array)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Return the median difference inside a border of 12 pixels, grey levels."""
    inside = np.s_[12:-12, 12:-12]
    return float(np.median(np.abs(a[inside].astype(int) - b[inside].astype(int))))


@given(cameras(), poses(10), angles, st.integers(0, 99))
def test_points_land_where_the_homography_moves_their_pixels(
        camera: depth.Camera, map_from_camera: Pose, angle: np.ndarray, seed: int) -> None:
    target = camera.cropped(3, 5, 32, 32)
    points = np.random.default_rng(seed).uniform((-2, -2, 4), (2, 2, 9), (20, 3))  # in the camera
    rotation = so3_exp(angle)  # target_from_camera
    new = map_from_camera @ Pose.from_rotation(rotation.T)
    pixels = camera.project(points)
    moved = np.c_[pixels, np.ones(20)] @ rotation_homography(camera, target, rotation).T
    seen = target.project(new.inverse().apply(map_from_camera.apply(points)))
    np.testing.assert_allclose(moved[:, :2] / moved[:, 2:], seen, atol=1e-3)


@pytest.mark.parametrize('seed', range(5))
def test_a_turned_view_is_what_the_turned_camera_sees(seed: int) -> None:
    augmenter = Augmenter(Augmentation(yaw_deg=6, pitch_deg=4, roll_deg=8), CAMERA, TARGET, seed)
    image, pose = augmenter(wall_view(POSE), POSE, 0, 0)
    assert np.allclose(pose.translation_m, POSE.translation_m)
    assert not np.allclose(pose.quat_xyzw, POSE.quat_xyzw, atol=1e-3)
    assert difference(image, wall_view(pose, TARGET)) < 4
    assert difference(image, wall_view(POSE, TARGET)) > 10


@pytest.mark.parametrize('seed', range(5))
def test_a_moved_view_is_what_the_moved_camera_sees(seed: int) -> None:
    x, y = np.meshgrid(np.arange(CAMERA.width), np.arange(CAMERA.height))
    rays = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(CAMERA.matrix).T
    rho = (rays @ POSE.rotation.T)[..., 1] / (WALL_M - POSE.translation_m[1])
    augmenter = Augmenter(Augmentation(yaw_deg=3, shift=0.1), CAMERA, TARGET, seed)
    image, pose = augmenter(wall_view(POSE), POSE, 0, 0, rho.astype(np.float32))
    moved = np.linalg.norm(pose.translation_m - POSE.translation_m)
    assert 0.05 < moved < 1
    assert difference(image, wall_view(pose, TARGET)) < 4
    assert difference(image, wall_view(Pose(POSE.translation_m, pose.quat_xyzw), TARGET)) > 6


def test_the_camera_is_moved_no_further_than_it_may_along_the_maps_axes() -> None:
    rho = np.full((CAMERA.height, CAMERA.width), 1 / WALL_M, np.float32)
    base, reach_m = wall_view(POSE), np.array([0.2, 9.0, 0.01])
    steps = []
    for reach in (None, reach_m):
        augmenter = Augmenter(Augmentation(yaw_deg=3, shift=0.1), CAMERA, TARGET, 3, reach)
        steps.append(np.array([augmenter(base, POSE, 0, i, rho)[1].translation_m
                               - POSE.translation_m for i in range(40)]))
    free, kept = (np.abs(step).max(axis=0) for step in steps)
    assert (free[[0, 2]] > 2 * reach_m[[0, 2]]).all()
    assert kept[[0, 2]] == pytest.approx(reach_m[[0, 2]])
    assert kept[1] == pytest.approx(free[1])


def test_the_sweep_finds_the_wall() -> None:
    walked = walk(17, 3)
    bases = np.array([wall_view(pose) for pose in walked])
    rhos = depth.estimate_inverse_depths(bases, walked, ['seq1'] * len(walked), CAMERA)
    middle = rhos[3:-3, 20:-20, 20:-20]
    assert 1 / np.median(middle) == pytest.approx(WALL_M, rel=0.1)


def test_without_motion_there_is_no_depth() -> None:
    bases = np.array([wall_view(POSE)] * 3)
    assert not depth.estimate_inverse_depths(bases, [POSE] * 3, ['seq1'] * 3, CAMERA).any()


def test_the_same_seed_epoch_and_index_give_the_same() -> None:
    base = wall_view(POSE)
    first, pose = Augmenter(ALL, CAMERA, TARGET, 1)(base, POSE, 2, 3)
    again, _ = Augmenter(ALL, CAMERA, TARGET, 1)(base, POSE, 2, 3)
    assert first.shape == (56, 72, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    for other in ((1, 2, 4), (1, 3, 3), (2, 2, 3)):
        image, other_pose = Augmenter(ALL, CAMERA, TARGET, other[0])(base, POSE, *other[1:])
        assert not np.array_equal(first, image)
        assert not np.allclose(pose.quat_xyzw, other_pose.quat_xyzw)


def test_the_base_image_is_left_alone() -> None:
    base = wall_view(POSE)
    before = base.copy()
    for index in range(20):
        Augmenter(Augmentation(occlusions=5, noise=9, colour=1, light=1), CAMERA, TARGET)(
            base, POSE, 0, index)
    assert np.array_equal(base, before)


def test_nothing_asked_gives_the_middle() -> None:
    base = wall_view(POSE)
    image, pose = Augmenter(Augmentation(), CAMERA, TARGET)(base, POSE, 0, 0)
    assert np.array_equal(image, base[8:64, 12:84])
    assert pose is POSE


def test_random_crops_reach_all_corners() -> None:
    base = wall_view(POSE)
    augmenter = Augmenter(Augmentation(random_crop=True), CAMERA, TARGET)
    crops = {augmenter(base, POSE, 0, i)[0].tobytes() for i in range(400)}
    assert len(crops) > 200
    assert base[:56, :72].tobytes() in {
        augmenter(base, POSE, e, i)[0].tobytes() for e in range(5) for i in range(600)}


@pytest.mark.parametrize('key', ['yaw_deg', 'colour', 'noise', 'blur_px', 'shift'])
def test_values_out_of_range_are_refused(key: str) -> None:
    with pytest.raises(InputError, match=f'{key} has to be within 0 and .*Received: -1'):
        Augmentation(**{key: -1.0})


def test_it_is_fast() -> None:
    base = np.random.default_rng(0).integers(0, 256, (128, 228, 3), np.uint8)
    camera = CAMERA.scaled(228, 128)
    augmenter = Augmenter(ALL, camera, camera.cropped(2, 0, 224, 128))
    augmenter(base, POSE, 0, 0)
    started = time.process_time()
    for index in range(50):
        augmenter(base, POSE, 0, index)
    assert (time.process_time() - started) / 50 < 5e-3  # about 0.8 ms on an idle machine
