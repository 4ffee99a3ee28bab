"""The camera of camera_info, by the rules of ROS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

from helpers import CAMERA
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import EQUIDISTANT, RATIONAL
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.bag_writer import camera_message, new_bag
from posenet_ros.ros_data.camera_info import (
    camera_from_message,
    camera_info_topic_of,
    is_rectified,
)
import pytest

S = 1_000_000_000
RAW = '/front/image_raw'
P = [450.0, 0, 310, -54.0, 0, 455, 235, 0, 0, 0, 1, 0]  # of a right camera, 0.12 m aside


def camera_info(**changes: object) -> SimpleNamespace:
    """Return a CameraInfo of a 640x480 camera with some fields changed."""
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    fields = {'width': 640, 'height': 480, 'k': [500.0, 0, 320, 0, 510, 240, 0, 0, 1], 'p': P,
              'd': [0.1, -0.2, 0.01, 0.02, 0.3], 'distortion_model': 'plumb_bob',
              'binning_x': 0, 'binning_y': 0, 'roi': roi}
    return SimpleNamespace(**{**fields, **changes})


@pytest.mark.parametrize(('name', 'coefficients', 'model'), [
    ('plumb_bob', (0.1, -0.2, 0.01, 0.02, 0.3), RATIONAL),
    ('plumb_bob', (0.1, -0.2, 0.01, 0.02), RATIONAL),
    ('rational_polynomial', tuple(np.linspace(0.1, 0.8, 8)), RATIONAL),
    ('equidistant', (0.1, -0.02, 0.01, 0.0), EQUIDISTANT),
    ('fisheye', (0.1, -0.02, 0.01, 0.0), EQUIDISTANT),
    ('kannala_brandt4', (0.1, -0.02, 0.01, 0.0), EQUIDISTANT)])
def test_the_intrinsics_and_the_distortion_arrive(
        name: str, coefficients: tuple[float, ...], model: str) -> None:
    read = camera_from_message(camera_info(distortion_model=name, d=np.array(coefficients)), RAW)
    assert read.camera == Camera(640, 480, 500, 510, 320, 240, coefficients, model)
    assert read.notes == ()


@pytest.mark.parametrize(('model', 'd'), [
    ('', []), ('', [0.0] * 5), ('plumb_bob', [0.0] * 5), ('plumb_bob', []), ('none', []),
    ('none', [0.0] * 5), ('rational_polynomial', [0.0] * 5), ('equidistant', [0.0] * 4)])
def test_no_coefficients_and_zeros_are_no_distortion(model: str, d: list[float]) -> None:
    camera = camera_from_message(camera_info(distortion_model=model, d=d)).camera
    assert camera == Camera(640, 480, 500, 510, 320, 240)


def test_a_camera_of_zeros_is_not_calibrated_which_is_no_error() -> None:
    read = camera_from_message(camera_info(k=[0.0] * 9))
    assert read.camera is None
    assert 'not calibrated' in read.notes[0]


def test_the_camera_is_that_of_the_pixels_in_the_message() -> None:
    roi = SimpleNamespace(x_offset=100, y_offset=50, width=320, height=200)
    camera = camera_from_message(camera_info(roi=roi, binning_x=2, binning_y=4)).camera
    whole = camera_from_message(camera_info()).camera
    assert camera == whole.cropped(100, 50, 320, 200).scaled(160, 50)


@pytest.mark.parametrize('topic', [
    '/front/image_rect', '/front/image_rect_color', '/front/image_rect/compressed', 'image_rect'])
def test_the_camera_of_a_rectified_topic_is_p_without_distortion(topic: str) -> None:
    read = camera_from_message(camera_info(), topic)
    assert read.camera == Camera(640, 480, 450, 455, 310, 235)
    assert read.notes == (f'{topic} is rectified: its camera is P of camera_info, without '
                          'distortion',)
    assert is_rectified(topic)


def test_a_rectified_topic_without_p_has_k_without_distortion() -> None:
    read = camera_from_message(camera_info(p=[0.0] * 12), '/image_rect')
    assert read.camera == Camera(640, 480, 500, 510, 320, 240)
    assert 'is K' in read.notes[0]


@pytest.mark.parametrize('topic', ['/front/image_raw', '/image_rect/front/image_raw', ''])
def test_other_topics_are_not_rectified(topic: str) -> None:
    assert not is_rectified(topic)


@pytest.mark.parametrize(('changes', 'expected'), [
    ({'distortion_model': 'omni', 'd': [0.0] * 4},
     r"plumb_bob \(4 or 5 coefficients\).*equidistant.*Received: 'omni' with 4"),
    ({'distortion_model': '', 'd': [0.1] * 5}, "'' with 5"),
    ({'distortion_model': 'none', 'd': [0.1] * 5}, "'none' with 5"),
    ({'distortion_model': 'equidistant'}, "'equidistant' with 5"),
    ({'d': [0.1] * 3}, 'with 3'),
    ({'d': [float('nan')] * 5}, 'finite'),
    ({'width': 0}, '0x480')])
def test_a_camera_that_cannot_be_used_says_what_to_do(
        changes: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        camera_from_message(camera_info(**changes))


@pytest.mark.parametrize(('image', 'transport', 'expected'), [
    ('/front/image_raw', '', '/front/camera_info'),
    ('/front/image_raw/compressed', '', '/front/camera_info'),
    ('/front/image_raw/compressed', 'compressed', '/front/camera_info'),
    ('/front/image_raw', 'compressed', '/front/camera_info'),
    ('/front/image_rect_color', 'raw', '/front/camera_info'),
    ('/front/image/own', 'own', '/front/camera_info'),
    ('/image', '', '/camera_info'), ('/image/compressed', '', '/camera_info'),
    ('image', '', 'camera_info'), ('/compressed', '', '/camera_info')])
def test_camera_info_is_beside_the_image(image: str, transport: str, expected: str) -> None:
    assert camera_info_topic_of(image, transport) == expected


def bag_of(folder: Path, cameras: Sequence[Camera | None], topic: str = '/front/camera_info',
           **changes: str) -> BagReader:
    """Write a bag of a camera_info a second; None is one of a camera that is not calibrated."""
    with new_bag(folder / 'bag') as bag:
        for second, camera in enumerate(cameras, 1):
            message = camera_message(camera or CAMERA, second * S, 'camera')
            if camera is None:
                message.k[:] = 0
            for name, value in changes.items():
                setattr(message, name, value)
            bag.write(topic, message, second * S)
    return BagReader(folder / 'bag')


def test_the_first_calibrated_message_of_a_bag_counts(tmp_path: Path) -> None:
    with bag_of(tmp_path, [None, None, CAMERA, CAMERA]) as bag:
        assert bag.calibration(image_topic=RAW).camera == CAMERA
        assert bag.calibration(image_topic=RAW).notes == ()


def test_a_bag_without_a_calibrated_message_says_so(tmp_path: Path) -> None:
    with bag_of(tmp_path, [None, None]) as bag:
        read = bag.calibration(image_topic=RAW)
    assert read.camera is None
    assert len(read.notes) == 1
    assert 'not calibrated' in read.notes[0]


def test_a_bag_without_camera_info_says_so(tmp_path: Path) -> None:
    with new_bag(tmp_path / 'bag') as writer:
        writer.write_transforms('/tf', [], S)
    with BagReader(tmp_path / 'bag') as bag:
        assert bag.calibration(image_topic=RAW).notes == ('there is no camera_info in the bag',)


def test_a_calibration_that_changes_in_a_bag_is_noticed(tmp_path: Path) -> None:
    other = CAMERA.cropped(1, 0, 64, 48)
    with bag_of(tmp_path, [CAMERA, None, CAMERA, other, other, CAMERA]) as bag:
        read = bag.calibration(image_topic=RAW)
    assert read.camera == CAMERA
    assert read.notes == ('the calibration changes 2 times in the recording, first after 3.0 s: '
                          'the first one is used for all images',)


def test_the_only_camera_info_of_a_bag_is_taken_and_named(tmp_path: Path) -> None:
    with bag_of(tmp_path, [CAMERA], '/other/camera_info') as bag:
        read = bag.calibration(image_topic=RAW)
    assert read.camera == CAMERA
    assert read.notes == (f'/other/camera_info is not beside {RAW}, and is taken as the only '
                          'camera_info',)


def test_an_unknown_distortion_in_a_bag_names_bag_and_topic(tmp_path: Path) -> None:
    with bag_of(tmp_path, [CAMERA], distortion_model='omni') as bag, pytest.raises(
            InputError, match=r"bag: /front/camera_info: .*'omni'"):
        bag.calibration(image_topic=RAW)


def test_a_fisheye_is_written_as_it_is_read() -> None:
    fisheye = Camera(64, 48, 50.0, 50.0, 31.5, 23.5, (0.1, 0.0, 0.0, 0.0), EQUIDISTANT)
    message = camera_message(fisheye, S, 'camera')
    assert message.distortion_model == 'equidistant'
    assert camera_from_message(message).camera == fisheye
