"""Cameras: intrinsics under resizing and cropping, checked on images."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
from helpers import CAMERA, cameras, with_distortion
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import EQUIDISTANT
from posenet_ros.utils.settings.schema import from_mapping
import pytest

POINTS = np.array([[0.3, -0.2, 2.0], [-0.4, 0.1, 3.0], [0.0, 0.0, 1.0]])


@given(cameras(), st.integers(16, 400), st.integers(16, 400))
def test_scaling_back_gives_the_camera_again(camera: Camera, width: int, height: int) -> None:
    back = camera.scaled(width, height).scaled(*camera.size)
    assert np.allclose(back.matrix, camera.matrix)
    assert np.allclose(back.field_of_view_deg(), camera.field_of_view_deg())


@given(cameras(), st.integers(-50, 50), st.integers(-50, 50))
def test_a_crop_moves_every_pixel_by_its_corner(camera: Camera, left: int, top: int) -> None:
    moved = camera.cropped(left, top, 20, 10).project(POINTS)
    assert np.allclose(moved, camera.project(POINTS) - (left, top), atol=1e-6)


def test_scaling_agrees_with_resized_images() -> None:
    """Draw a blob where a point projects, resize, and find it where the new camera says."""
    camera = Camera(320, 240, 250.0, 250.0, 161.3, 118.7)
    point = np.array([[0.21, -0.13, 2.0]])
    x, y = camera.project(point)[0]
    columns, rows = np.meshgrid(np.arange(320), np.arange(240))
    blob = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 200)
    small = cv2.resize(blob, (80, 60), interpolation=cv2.INTER_AREA)
    columns, rows = np.meshgrid(np.arange(80), np.arange(60))
    found = np.array([(small * columns).sum(), (small * rows).sum()]) / small.sum()
    assert np.allclose(found, camera.scaled(80, 60).project(point)[0], atol=0.02)


def test_projection_is_that_of_the_pinhole() -> None:
    assert np.allclose(CAMERA.project([[0.2, 0.1, 2.0]]), [[31.5 + 5.0, 23.5 + 2.5]])
    assert not np.allclose(with_distortion(CAMERA).project(POINTS), CAMERA.project(POINTS))
    assert np.allclose(with_distortion(CAMERA).undistorted().project(POINTS),
                       CAMERA.project(POINTS))


@given(cameras())
def test_mapping_round_trip(camera: Camera) -> None:
    assert Camera.from_mapping(camera.to_mapping()) == camera
    assert Camera.from_matrix(camera.matrix, *camera.size) == camera


def test_distortion_of_zeros_counts_as_none() -> None:
    assert Camera.from_matrix(CAMERA.matrix, 64, 48, np.zeros(5)) == CAMERA


@pytest.mark.parametrize('change', [
    {'width': 0}, {'fx': 0.0}, {'fy': -1.0}, {'cx': float('nan')}, {'distortion': (0.1,)},
    {'distortion': (0.1, float('inf'), 0, 0)}])
def test_what_is_no_camera_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Camera.from_mapping({**CAMERA.to_mapping(), **change})


FISHEYES = [(0.0, 0.0, 0.0, 0.0), (-0.02, 0.01, -0.005, 0.001), (0.08, -0.03, 0.01, -0.002)]


def fisheye(coefficients: tuple[float, ...] = FISHEYES[1]) -> Camera:
    """Return a fisheye camera of some 130 degrees."""
    return Camera(320, 240, 140.0, 142.0, 161.0, 118.0, coefficients, EQUIDISTANT)


def pixel_grid(camera: Camera) -> np.ndarray:
    """Return (N, 2) pixels all over the image of a camera."""
    x, y = np.meshgrid(np.linspace(0, camera.width - 1, 17), np.linspace(0, camera.height - 1, 13))
    return np.column_stack([x.ravel(), y.ravel()])


def ahead(normalized: np.ndarray) -> np.ndarray:
    """Return (N, 3) points on the rays of normalised image coordinates."""
    return 3.0 * np.column_stack([normalized, np.ones(len(normalized))])


@pytest.mark.parametrize('coefficients', FISHEYES)
def test_the_equidistant_model_is_that_of_opencv(coefficients: tuple[float, ...]) -> None:
    camera, pixels = fisheye(coefficients), pixel_grid(fisheye())
    rays = camera.undistort_points(pixels)
    expected = cv2.fisheye.undistortPoints(
        pixels[:, np.newaxis], camera.matrix, np.array(coefficients))[:, 0]
    np.testing.assert_allclose(rays, expected, atol=1e-6)
    projected = cv2.fisheye.projectPoints(
        ahead(rays)[:, np.newaxis], np.zeros(3), np.zeros(3), camera.matrix,
        np.array(coefficients))[0][:, 0]
    np.testing.assert_allclose(camera.project(ahead(rays)), projected, atol=1e-9)


@pytest.mark.parametrize('camera', [
    CAMERA, with_distortion(CAMERA), fisheye(),
    Camera(64, 48, 40.0, 41.0, 31.0, 24.0, (-0.35, 0.13, 0.001, -0.002)),
    Camera(64, 48, 40.0, 41.0, 31.0, 24.0, (0.4, 0.2, 0.001, 0.002, 0.1)),
    Camera(64, 48, 40.0, 41.0, 31.0, 24.0, (0.1, 0.0, 0.01, 0.0, 0.0, 0.2, 0.0, 0.0))])
def test_pixels_are_those_of_their_rays(camera: Camera) -> None:
    pixels = pixel_grid(camera)
    rays = camera.undistort_points(pixels)
    np.testing.assert_allclose(camera.project(ahead(rays)), pixels, atol=1e-4)


def test_what_the_lens_does_not_see_has_no_pixel() -> None:
    behind = [[0.1, 0.2, -1.0]]
    assert np.isnan(CAMERA.project(behind)).all()
    assert np.isnan(with_distortion(CAMERA).project(behind)).all()
    folding = replace(CAMERA, distortion=(-0.4, 0.0, 0.0, 0.0))  # 0.91 is the furthest it sees
    assert np.isfinite(folding.project([[0.9, 0.0, 1.0]])).all()
    assert np.isnan(folding.project([[0.95, 0.0, 1.0], [5.0, 0.0, 1.0]])).all()
    assert np.isnan(replace(fisheye(), distortion=(-0.3, 0.0, 0.0, 0.0)).project(
        [[4.0, 0.0, 1.0]])).all()


def test_a_fisheye_sees_beyond_a_right_angle_but_has_no_normalised_coordinates_there() -> None:
    camera = replace(fisheye(FISHEYES[0]), width=640, cx=320.0)
    aside = camera.project([[2.0, 0.0, -0.2]])
    np.testing.assert_allclose(aside[0, 0], 320 + 140 * (np.pi / 2 + np.arctan(0.1)))
    assert np.isnan(camera.undistort_points(aside)).all()
    assert np.isfinite(camera.undistort_points([[320 + 140 * 1.5, 118.0]])).all()


def test_pixels_to_which_no_ray_leads_have_none() -> None:
    folding = replace(CAMERA, fx=30.0, fy=30.0, distortion=(-0.4, 0.0, 0.0, 0.0))
    rays = folding.undistort_points([[CAMERA.cx + 18.0, CAMERA.cy], [CAMERA.cx + 25.0, CAMERA.cy]])
    assert np.isfinite(rays[0]).all()
    assert np.isnan(rays[1]).all()


def test_the_field_of_view_is_that_of_the_lens() -> None:
    ideal = replace(fisheye(FISHEYES[0]), fy=140.0)
    np.testing.assert_allclose(ideal.field_of_view_deg(), np.degrees([320 / 140, 240 / 140]))
    assert with_distortion(CAMERA).field_of_view_deg() > CAMERA.field_of_view_deg()


def test_a_fisheye_survives_its_file_and_old_files_have_no_key_of_it() -> None:
    camera = fisheye()
    assert Camera.from_mapping(camera.to_mapping()) == camera
    assert from_mapping(Camera, camera.to_mapping(), 'artifact.json') == camera
    assert Camera.from_mapping({**camera.to_mapping(), 'distortion_model': 'OPENCV_FISHEYE'}
                               ) == camera
    assert 'distortion_model' not in with_distortion(CAMERA).to_mapping()
    assert camera.undistorted().distortion_model == CAMERA.distortion_model


@pytest.mark.parametrize(('changes', 'expected'), [
    ({'distortion': (0.1,) * 5}, r'has to have 4 coefficients \(equidistant\). Received: 5'),
    ({'distortion': ()}, 'Received: 0'),
    ({'distortion_model': 'omni'}, "one of rational_polynomial, equidistant. Received: 'omni'")])
def test_a_distortion_that_is_none_of_these_is_refused(
        changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        replace(fisheye(), **changes)
