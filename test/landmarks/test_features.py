"""Local features: repeatable under rotation, with right normalised image coordinates."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import EQUIDISTANT
from posenet_ros.geometry.lie import so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import (
    contrast_threshold,
    DESCRIPTOR_SIZE,
    detect,
    detection_size,
    max_reduction,
    patch_camera,
    patch_image,
)
from posenet_ros.landmarks.matching import match_mutual, unit_rows
from posenet_ros.landmarks.options import FeatureOptions
import pytest
from training_helpers import LARGE_CAMERA as CAMERA
from training_helpers import MAP_FROM_CAMERA, wall_view

HERE = Pose.from_rotation(MAP_FROM_CAMERA)


def test_features_match_those_of_a_rotated_camera() -> None:
    turn = so3_exp(np.radians([2.0, -5.0, 8.0]))
    there = Pose.from_rotation(MAP_FROM_CAMERA @ turn)
    one, other = (detect(wall_view(pose, CAMERA), CAMERA) for pose in (HERE, there))
    mine, its = match_mutual(unit_rows(one.descriptors), unit_rows(other.descriptors), 0.8)
    assert len(mine) > 40
    ahead = np.c_[one.points_normalized[mine], np.ones(len(mine))] @ turn  # in the turned camera
    off = np.linalg.norm(ahead[:, :2] / ahead[:, 2:] - other.points_normalized[its], axis=1)
    assert np.median(off) < 0.5 / CAMERA.fx
    assert np.mean(off < 2 / CAMERA.fx) > 0.9


def test_a_dark_image_has_the_keypoints_of_a_bright_one() -> None:
    bright = wall_view(HERE, CAMERA)
    dark = np.round(bright * 0.12).astype(np.uint8)
    one, other = detect(bright, CAMERA), detect(dark, CAMERA)
    assert len(other.points_normalized) > 0.9 * len(one.points_normalized)
    mine, its = match_mutual(unit_rows(one.descriptors), unit_rows(other.descriptors), 0.8)
    off = np.linalg.norm(one.points_normalized[mine] - other.points_normalized[its], axis=1)
    assert np.mean(off < 0.5 / CAMERA.fx) > 0.9
    assert len(mine) > 0.8 * len(one.points_normalized)


@pytest.mark.parametrize(('darkest', 'brightest', 'expected'), [
    (0, 255, 0.02), (100, 220, 0.02), (100, 160, 0.01), (0, 6, 0.001), (7, 7, 0.02 / 120)])
def test_the_contrast_threshold_follows_the_contrast_of_dull_images(
        darkest: int, brightest: int, expected: float) -> None:
    grey = np.full((40, 50), (darkest + brightest) // 2, np.uint8)
    grey[0], grey[-1], grey[1, 0], grey[1, 1] = darkest, brightest, 0, 255
    assert contrast_threshold(grey, FeatureOptions()) == pytest.approx(expected)


@pytest.mark.parametrize('bent', [
    replace(CAMERA, distortion=(-0.2, 0.05, 0.001, -0.001)),
    replace(CAMERA, distortion=(0.01, 0.0, 0.0, 0.0), distortion_model=EQUIDISTANT)])
def test_points_are_undistorted_at_any_image_size(bent: Camera) -> None:
    columns, rows = np.meshgrid(np.arange(320), np.arange(240))
    rays = bent.undistort_points(np.column_stack([columns.ravel(), rows.ravel()]))
    straight = CAMERA.project(np.column_stack([rays, np.ones(len(rays))])).astype(np.float32)
    plain = wall_view(HERE, CAMERA)
    image = cv2.remap(plain, straight.reshape(240, 320, 2), None, cv2.INTER_CUBIC)
    expected = detect(plain, CAMERA)
    large = cv2.resize(image, (640, 480), interpolation=cv2.INTER_CUBIC)
    for picture in (image, large):
        found = detect(picture, bent)
        mine, its = match_mutual(
            unit_rows(expected.descriptors), unit_rows(found.descriptors), 0.8)
        off = np.linalg.norm(
            expected.points_normalized[mine] - found.points_normalized[its], axis=1)
        assert len(mine) > 25
        assert np.median(off) < 0.5 / CAMERA.fx


@pytest.mark.parametrize('sigma_px', [2.5, 4.0, 14.0])
def test_a_blob_is_found_at_its_centre(sigma_px: float) -> None:
    """Correct a keypoint of OpenCV, a quarter of a pixel off, which would tilt every pose."""
    columns, rows = np.meshgrid(np.arange(320), np.arange(240))
    squared = (columns - 150.3) ** 2 + (rows - 110.6) ** 2
    blob = 60 + 150 * np.exp(-squared / (2 * sigma_px ** 2))
    found = detect(np.repeat(blob[..., np.newaxis], 3, axis=2).astype(np.uint8), CAMERA)
    pixels = CAMERA.project(np.column_stack(
        [found.points_normalized, np.ones(len(found.points_normalized))]))
    assert np.abs(pixels - (150.3, 110.6)).min(axis=0) == pytest.approx(0, abs=0.1)


def test_an_image_of_nothing_has_no_features() -> None:
    found = detect(np.full((240, 320, 3), 90, np.uint8), CAMERA)
    assert found.points_normalized.shape == (0, 2)
    assert found.descriptors.shape == (0, DESCRIPTOR_SIZE)
    none = unit_rows(found.descriptors)
    assert match_mutual(none, none, 0.8)[0].size == 0


def test_large_images_are_made_small() -> None:
    assert detection_size(1920, 1080) == (480, 270)
    assert detection_size(200, 100) == (200, 100)
    narrow = FeatureOptions(320, patch_width=200)
    assert [max_reduction(width, narrow) for width in (320, 639, 640, 1920)] == [1, 1, 2, 4]
    assert [max_reduction(width) for width in (640, 1279, 1280, 2560)] == [1, 1, 2, 4]


@pytest.mark.parametrize(('width', 'patch_width'), [(640, 480), (400, 640), (100, 200)])
def test_the_image_for_patches_has_a_size_of_its_own(width: int, patch_width: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    camera = Camera(1280, 960, 900.0, 901.0, 640.0, 480.0)
    options = FeatureOptions(width, patch_width=patch_width)
    found = detect(noise, camera, options)
    assert found.grey.shape[::-1] == found.camera.size == (patch_width, patch_width * 3 // 4)
    assert found.camera == patch_camera(camera, options)
    assert np.array_equal(found.grey, patch_image(noise, options))
    assert found.focal_length_px == 900.0 * width / 1280
    other = detect(noise, camera, FeatureOptions(width))
    assert np.array_equal(found.points_normalized, other.points_normalized)


def test_the_number_of_keypoints_is_limited() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    assert len(detect(noise, CAMERA).descriptors) > 200
    assert len(detect(noise, CAMERA, FeatureOptions(max_keypoints=50)).descriptors) <= 50
    assert len(detect(noise, CAMERA, FeatureOptions(width=80)).descriptors) < 100


def test_features_where_no_ray_leads_are_left_out() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    every = detect(noise, CAMERA)
    rim = replace(CAMERA, fx=90.0, fy=90.0, distortion=(0.0, 0.0, 0.0, 0.0),
                  distortion_model=EQUIDISTANT)  # 90 degrees are 141 of 160 pixels
    found = detect(noise, rim)
    assert 0 < len(found.points_normalized) < len(every.points_normalized)
    assert np.isfinite(found.points_normalized).all()
    assert len(found.descriptors) == len(found.points_normalized)
