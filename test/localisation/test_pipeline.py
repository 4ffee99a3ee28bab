"""One image message to one answer: nothing that a message can hold makes it raise."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from types import SimpleNamespace

from helpers import CAMERA, random_image, tiny_artifact
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.imaging.decoding import ENCODINGS
from posenet_ros.imaging.rectify import warp_image
from posenet_ros.localisation.factory import warm_up
from posenet_ros.localisation.pipeline import localise, Query, QueryResult
from posenet_ros.localisation.relocaliser import Prediction, Relocaliser
from posenet_ros.ros_data.messages import camera_from_message, frame_from_message
import pytest

INTEGERS = st.integers(-2, 70) | st.integers(-2**31, 2**32)
FLOATS = st.floats() | st.floats(-100, 100)


def relocaliser() -> Relocaliser:
    """Return one whose network says the mean colour."""
    return Relocaliser(
        lambda batch: Prediction(batch.mean(axis=(1, 2)) / 255, np.array([[0.0, 0, 0, 1]])),
        tiny_artifact())


def query(message: object, camera: Camera | None = None,
        warp_into: Camera | None = None) -> Query:
    """Return the job of a message."""
    return Query(partial(frame_from_message, message), camera, warp_into, 0.0, 0)


def image(**changes: object) -> SimpleNamespace:
    """Return a good image message with some fields changed."""
    fields = {
        'header': SimpleNamespace(stamp=SimpleNamespace(sec=5, nanosec=0), frame_id='camera'),
        'width': CAMERA.width, 'height': CAMERA.height, 'encoding': 'rgb8', 'is_bigendian': 0,
        'step': 3 * CAMERA.width, 'data': random_image(CAMERA).tobytes()}
    return SimpleNamespace(**{**fields, **changes})


def answered(message: object, camera: Camera | None = None,
             warp_into: Camera | None = None) -> QueryResult:
    """Answer a message."""
    return localise(relocaliser(), query(message, camera, warp_into))


@st.composite
def malformed_images(draw: st.DrawFn) -> SimpleNamespace:
    """Draw an image of which any field may be nonsense."""
    possible = {
        'width': INTEGERS, 'height': INTEGERS, 'step': INTEGERS, 'is_bigendian': INTEGERS,
        'encoding': st.sampled_from(sorted(ENCODINGS)) | st.text(max_size=8),
        'data': st.binary(max_size=100) | st.integers(0, 10000).map(bytes),
        'header': st.builds(
            lambda sec, nanosec, name: SimpleNamespace(
                stamp=SimpleNamespace(sec=sec, nanosec=nanosec), frame_id=name),
            INTEGERS, INTEGERS, st.text(max_size=5))}
    chosen = draw(st.sets(st.sampled_from(sorted(possible)), min_size=1))
    return image(**{name: draw(possible[name]) for name in chosen})


@given(malformed_images())
@settings(max_examples=1500, deadline=None)
def test_any_image_is_answered_or_bad_and_never_a_failure(message: SimpleNamespace) -> None:
    result = answered(message)
    assert result.failure is None
    assert bool(result.image_error) != bool(result.estimate)
    if result.image_error:
        assert '\n' not in result.image_error
    else:
        assert result.frame
        assert result.frame.stamp_ns > 0


@given(st.builds(
    SimpleNamespace, width=INTEGERS, height=INTEGERS, k=st.lists(FLOATS, min_size=9, max_size=9),
    d=st.lists(FLOATS, max_size=15),
    distortion_model=st.sampled_from(['plumb_bob', 'rational_polynomial', 'equidistant', '']),
    binning_x=INTEGERS, binning_y=INTEGERS,
    roi=st.builds(SimpleNamespace, x_offset=INTEGERS, y_offset=INTEGERS, width=INTEGERS,
                  height=INTEGERS)))
@settings(max_examples=500, deadline=None)
def test_any_camera_info_is_a_camera_or_refused(message: SimpleNamespace) -> None:
    with suppress(InputError):
        relocaliser().check_camera(camera_from_message(message))


def test_an_answer_says_how_long_each_stage_took() -> None:
    result = answered(image())
    assert set(result.stages_s) == {'wait', 'decode', 'prepare', 'infer'}
    assert min(result.stages_s.values()) >= 0


def test_what_the_network_raises_is_kept() -> None:
    def broken(batch: object) -> Prediction:
        raise MemoryError('none left')

    result = localise(Relocaliser(broken, tiny_artifact()), query(image()))
    assert isinstance(result.failure, MemoryError)
    with pytest.raises(MemoryError):
        warm_up(Relocaliser(broken, tiny_artifact()), tiny_artifact())


def test_warping_shows_what_the_other_camera_sees() -> None:
    wide = Camera(120, 90, 40.0, 45.0, 60.0, 44.0, (-0.1, 0.02, 0.0, 0.001))
    points = np.array([[x, y, 10.0] for x in (-3.0, 0.0, 4.0) for y in (-2.0, 1.0, 3.0)])
    for point in points:
        picture = np.zeros((90, 120, 3), np.uint8)
        u, v = wide.project([point])[0]
        columns, rows = np.meshgrid(np.arange(120), np.arange(90))
        spot = 255 * np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / 8)
        picture[:] = spot[..., None].astype(np.uint8)
        seen = warp_image(picture, wide, CAMERA)[..., 0].astype(float)
        rows, columns = np.indices(seen.shape)
        centre = np.array([(columns * seen).sum(), (rows * seen).sum()]) / seen.sum()
        np.testing.assert_allclose(centre, CAMERA.project([point])[0], atol=0.3)


def test_an_image_of_another_size_than_its_camera_info_is_bad() -> None:
    other = CAMERA.scaled(128, 96)
    assert '128x96' in answered(image(), other).image_error
    assert '128x96' in answered(image(), other, CAMERA).image_error
