"""Preprocessing: sizes, the centre, and that pixels stay where the cameras say."""

from __future__ import annotations

from dataclasses import replace

import cv2
from helpers import CAMERA, cameras, random_image, with_distortion
from hypothesis import assume, given, settings
from hypothesis import strategies as st
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import EQUIDISTANT
from posenet_ros.imaging.preprocess import centred, Preprocess
import pytest

FULL_HD = Camera(1920, 1080, 1670.0, 1670.0, 959.5, 539.5)


@settings(max_examples=40, deadline=None)
@given(cameras(), st.integers(8, 64), st.integers(8, 64), st.integers(0, 90))
def test_the_input_has_the_size_asked_for(
        camera: Camera, width: int, height: int, short_side: int) -> None:
    preprocess = Preprocess(width, height, short_side)
    assume(not short_side or short_side >= max(width, height))
    result = preprocess(random_image(camera), camera)
    assert result.shape == (height, width, 3)
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    assert preprocess.input_camera(camera).size == (width, height)


def test_2015_sizes() -> None:
    preprocess = Preprocess(224, 224, 256)
    assert preprocess.base_camera(FULL_HD).size == (455, 256)
    camera = preprocess.input_camera(FULL_HD)
    assert camera.size == (224, 224)
    assert abs(camera.cx - 111.5) <= 0.5
    assert abs(camera.cy - 111.5) <= 0.5


def test_the_centre_crop_is_centred() -> None:
    assert centred(455, 224) == 115  # 115 pixels left of it, 116 right of it
    assert centred(256, 224) == 16


def test_without_a_short_side_the_whole_frame_is_seen() -> None:
    camera = Preprocess(224, 126).input_camera(FULL_HD)
    assert np.allclose(camera.field_of_view_deg(), FULL_HD.field_of_view_deg(), atol=0.1)


PINHOLE = Camera(320, 240, 250.0, 250.0, 161.3, 118.7)
FISHEYE = replace(
    PINHOLE, distortion=(-0.05, 0.01, 0.0, 0.0), distortion_model=EQUIDISTANT)


@pytest.mark.parametrize('camera', [PINHOLE, with_distortion(PINHOLE), FISHEYE])
def test_a_point_is_seen_where_the_input_camera_projects_it(camera: Camera) -> None:
    point = np.array([[0.21, -0.13, 2.0]])
    x, y = camera.project(point)[0]
    columns, rows = np.meshgrid(np.arange(320), np.arange(240))
    blob = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 60)
    image = cv2.cvtColor(blob.astype(np.uint8), cv2.COLOR_GRAY2RGB)
    preprocess = Preprocess(100, 96, 120)
    weights = preprocess(image, camera)[..., 0].astype(np.float64)
    columns, rows = np.meshgrid(np.arange(100), np.arange(96))
    found = np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()
    expected = preprocess.input_camera(camera).project(point)[0]
    assert np.linalg.norm(found - expected) < 0.15


def natural_image(width: int, height: int) -> np.ndarray:
    """Return an RGB image with as much detail of each size as photographs have: 1/f."""
    generator = np.random.default_rng(4)
    y, x = np.meshgrid(np.fft.fftfreq(height), np.fft.rfftfreq(width), indexing='ij')
    frequency = np.hypot(x, y)
    frequency[0, 0] = 1
    planes = [np.fft.irfft2(np.exp(2j * np.pi * generator.random(frequency.shape)) / frequency,
                            s=(height, width)) for _ in range(3)]
    image = np.stack([128 + 28 * plane / plane.std() for plane in planes], axis=-1)
    return np.clip(image, 0, 255).astype(np.uint8)


def plainly(preprocess: Preprocess, image: np.ndarray, camera: Camera) -> np.ndarray:
    """Return the network's input without any of the shortcuts."""
    if camera.distortion:
        image = cv2.undistort(image, camera.matrix, np.array(camera.distortion))
    size = preprocess.base_camera(camera).size
    method = cv2.INTER_AREA if size[0] < camera.width else cv2.INTER_LINEAR
    return preprocess.crop(cv2.resize(image, size, interpolation=method))


@pytest.mark.parametrize('distorted', [False, True])
@pytest.mark.parametrize('preset', [(224, 128, 0), (224, 224, 256), (160, 120, 0)])
@pytest.mark.parametrize('size', [(1920, 1080), (1919, 1079), (640, 480), (455, 256), (200, 150)])
def test_the_shortcuts_hardly_change_the_input(
        size: tuple[int, int], preset: tuple[int, int, int], distorted: bool) -> None:
    camera = Camera(*size, size[0] * 0.9, size[0] * 0.9, size[0] / 2 - 3, size[1] / 2)
    camera = with_distortion(camera) if distorted else camera
    image, preprocess = natural_image(*size), Preprocess(*preset)
    expected = plainly(preprocess, image, camera).astype(int)
    difference = np.abs(preprocess(image, camera) - expected)
    assert difference.mean() < (0.7 if distorted else 0.5), 'of 255 grey levels'
    assert np.percentile(difference, 99) <= 4
    whole = preprocess.crop(preprocess.base(image, camera)).astype(int)
    assert np.abs(preprocess(image, camera) - whole).mean() < 0.2
    if preprocess.reduction(*size) == 1 and not distorted:
        assert np.array_equal(whole, expected), 'what models were trained with until now'


@pytest.mark.parametrize(('size', 'preset', 'expected'), [
    ((1920, 1080), (224, 128, 0), 2), ((3840, 2160), (224, 128, 0), 4),
    ((1919, 1079), (224, 128, 0), 1), ((1280, 720), (224, 128, 0), 1),
    ((1920, 1080), (224, 224, 256), 1), ((224, 128), (224, 128, 0), 1)])
def test_an_image_is_halved_only_when_it_is_far_too_large(
        size: tuple[int, int], preset: tuple[int, int, int], expected: int) -> None:
    assert Preprocess(*preset).reduction(*size) == expected


def test_an_image_that_was_decoded_smaller_is_taken_as_it_is() -> None:
    image, preprocess = natural_image(*FULL_HD.size), Preprocess(224, 128)
    halved = cv2.resize(image, (960, 540), interpolation=cv2.INTER_AREA)
    assert np.array_equal(preprocess(halved, FULL_HD), preprocess(image, FULL_HD))
    quartered = cv2.resize(image, (480, 270), interpolation=cv2.INTER_AREA)
    with pytest.raises(InputError, match='1920x1080'):
        preprocess(quartered, FULL_HD)


def test_a_small_input_is_a_window_of_the_base_image() -> None:
    preprocess = Preprocess(32, 32, 40)
    image = random_image(CAMERA)
    base = preprocess.base(image, CAMERA)
    left, top = centred(base.shape[1], 32), centred(base.shape[0], 32)
    window = base[top:top + 32, left:left + 32].astype(int)
    # noise is the worst case: a border 1/16 pixel off is 16 levels between neighbours
    assert np.abs(preprocess(image, CAMERA) - window).max() <= 16


def test_an_image_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match='64x48'):
        Preprocess(32, 32)(np.zeros((48, 65, 3), np.uint8), CAMERA)


def test_a_float_image_is_refused() -> None:
    with pytest.raises(InputError, match='8 bits'):
        Preprocess(32, 32)(np.zeros((48, 64, 3), np.float32), CAMERA)


def test_an_input_larger_than_the_base_image_is_refused() -> None:
    with pytest.raises(InputError, match='cover'):
        Preprocess(224, 224, 100).base_camera(FULL_HD)
