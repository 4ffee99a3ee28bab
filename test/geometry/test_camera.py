"""Cameras: intrinsics under resizing and cropping, checked on images."""

from __future__ import annotations

import cv2
from helpers import CAMERA, cameras, with_distortion
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
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
