"""One image message to one answer: nothing that a message can hold makes it raise."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
import time
from types import SimpleNamespace
from typing import Any

from helpers import CAMERA, random_image, tiny_artifact
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import ENCODINGS
from posenet_ros.imaging.files import ImageFileError, read_image
from posenet_ros.imaging.quality import FrozenImageDetector, image_statistics, ImageFault
from posenet_ros.imaging.rectify import warp_image
from posenet_ros.localisation import pipeline
from posenet_ros.localisation.factory import warm_up
from posenet_ros.localisation.gate import Gate, Verdict
from posenet_ros.localisation.gate_config import GateConfig, NODE_DEFAULTS
from posenet_ros.localisation.pipeline import judge, localise, QueryResult
from posenet_ros.localisation.relocaliser import Prediction, Relocaliser
from posenet_ros.ros_data.camera_info import camera_from_message
from posenet_ros.ros_data.messages import frame_from_message
import pytest

INTEGERS = st.integers(-2, 70) | st.integers(-2**31, 2**32)
FLOATS = st.floats() | st.floats(-100, 100)


def relocaliser() -> Relocaliser:
    """Return one whose network says the mean colour."""
    return Relocaliser(
        lambda batch: Prediction(batch.mean(axis=(1, 2)) / 255, np.array([[0.0, 0, 0, 1]])),
        tiny_artifact())


def image(**changes: object) -> SimpleNamespace:
    """Return a good image message with some fields changed."""
    fields = {
        'header': SimpleNamespace(stamp=SimpleNamespace(sec=5, nanosec=0), frame_id='camera'),
        'width': CAMERA.width, 'height': CAMERA.height, 'encoding': 'rgb8', 'is_bigendian': 0,
        'step': 3 * CAMERA.width, 'data': random_image(CAMERA).tobytes()}
    return SimpleNamespace(**{**fields, **changes})


def answered(message: object, camera: Camera | None = None,
             warp_into: Camera | None = None) -> QueryResult:
    """Localise a message."""
    return localise(relocaliser(), partial(frame_from_message, message), camera, time.monotonic,
                    warp_into)


def test_a_result_has_the_camera_of_its_image_as_it_came() -> None:
    half = CAMERA.scaled(CAMERA.width // 2, CAMERA.height // 2)
    small = image(width=half.width, height=half.height, step=3 * half.width,
                  data=random_image(half).tobytes())
    assert answered(small).camera == half  # the model's, at the image's size
    other = replace(CAMERA, fx=2 * CAMERA.fx)
    assert answered(image(), other).camera == other
    warped = answered(image(), other, CAMERA)
    assert warped.camera == other  # for it is drawn on the image, not on what it is warped into
    assert (warped.network_input != answered(image(), other).network_input).any()
    assert answered(image(encoding='nonsense')).camera is None


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
    d=st.lists(FLOATS, max_size=15), p=st.lists(FLOATS, min_size=12, max_size=12),
    distortion_model=st.sampled_from(['plumb_bob', 'rational_polynomial', 'equidistant', '', 'x']),
    binning_x=INTEGERS, binning_y=INTEGERS,
    roi=st.builds(SimpleNamespace, x_offset=INTEGERS, y_offset=INTEGERS, width=INTEGERS,
                  height=INTEGERS)), st.sampled_from(['', '/image_rect']))
@settings(max_examples=500, deadline=None)
def test_any_camera_info_is_a_camera_or_refused(message: SimpleNamespace, topic: str) -> None:
    with suppress(InputError):
        camera = camera_from_message(message, topic).camera
        if camera:
            relocaliser().check_camera(camera)


class FakeClock:
    """A clock that each stage sets forward by its own time."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s

    def during(self, seconds: float, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function so that it takes this long."""
        def call(*arguments: object) -> object:
            self.now_s += seconds
            return function(*arguments)
        return call


def test_the_duration_of_each_stage_is_by_the_given_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, one = FakeClock(), relocaliser()
    monkeypatch.setattr(one, 'prepare', clock.during(0.5, one.prepare))
    monkeypatch.setattr(pipeline, 'image_statistics', clock.during(0.25, image_statistics))
    monkeypatch.setattr(one, 'estimate', clock.during(4.0, one.estimate))
    decode = clock.during(2.0, partial(frame_from_message, image()))
    result = localise(one, decode, None, clock)
    assert result.stages_s == {'decode': 2.0, 'prepare': 0.75, 'infer': 4.0}


def test_the_image_is_inspected_before_the_network_runs() -> None:
    def broken(batch: object) -> Prediction:
        raise MemoryError('none left')

    result = localise(Relocaliser(broken, tiny_artifact()), partial(frame_from_message, image()),
                      None, time.monotonic)
    assert result.statistics == image_statistics(result.network_input)


def test_the_gate_judges_what_was_inspected() -> None:
    black = image(data=bytes(3 * CAMERA.width * CAMERA.height))
    gate = Gate(NODE_DEFAULTS, tiny_artifact().scene)
    assert judge(answered(image()), gate, FrozenImageDetector(), 1).decision.accepted
    judgement = judge(answered(black), gate, FrozenImageDetector(), 2)
    assert judgement.fault.kind is ImageFault.DARK
    assert judgement.decision.verdict is Verdict.DARK


def test_identical_images_are_counted_in_the_order_of_judging() -> None:
    gate = Gate(GateConfig(reject_faulty_images=True, max_identical_images=3),
                tiny_artifact().scene)
    frozen, result = FrozenImageDetector(), answered(image())
    other = answered(image(data=random_image(CAMERA, seed=1).tobytes()))
    verdicts = [judge(one, gate, frozen, i).decision.verdict
                for i, one in enumerate((result, result, result, other, result), 1)]
    accepted = Verdict.ACCEPTED
    assert verdicts == [accepted, accepted, Verdict.FROZEN, accepted, accepted]


def test_late_images_do_not_count_as_frozen() -> None:
    gate = Gate(GateConfig(reject_faulty_images=True, max_identical_images=3),
                tiny_artifact().scene)
    frozen, result = FrozenImageDetector(), answered(image())
    verdicts = [judge(result, gate, frozen, stamp).decision.verdict for stamp in (9, 9, 8, 10, 11)]
    assert verdicts == [Verdict.ACCEPTED, Verdict.STALE, Verdict.STALE, Verdict.ACCEPTED,
                        Verdict.FROZEN]


@pytest.mark.parametrize(('focal', 'seen', 'keypoints'), [
    (50.0, 0, 12), (100.0, 0, 24), (200.0, 255, 48)])
def test_an_image_that_shows_little_of_the_view_is_given_to_the_network_as_it_is(
        focal: float, seen: int, keypoints: int) -> None:
    camera = replace(CAMERA, fx=focal, fy=focal, cx=31.0)
    picture = np.full((CAMERA.height, CAMERA.width, 3), 255, np.uint8)
    result = answered(image(data=picture.tobytes()), camera, CAMERA)
    assert result.network_input[0, 0, 0] == seen or focal == 50.0
    assert result.network_input[16, 16, 0] == 255
    assert result.statistics.dark == 0, 'the black border is no darkness'
    assert abs(result.min_keypoints - keypoints) <= 2


def test_an_image_without_an_estimate_is_not_judged_but_counted() -> None:
    gate, frozen = Gate(GateConfig(), tiny_artifact().scene), FrozenImageDetector()
    result = answered(image())
    assert judge(replace(result, estimate=None), gate, frozen, 1) is None
    assert frozen.count_repeats(result.network_input) == 2
    assert judge(QueryResult(image_error='bad'), gate, frozen, 2) is None


@pytest.mark.parametrize(('late', 'verdict'), [(0.4, Verdict.ACCEPTED), (0.6, Verdict.STALE)])
def test_the_age_of_the_image_is_judged(late: float, verdict: Verdict) -> None:
    gate = Gate(GateConfig(max_age_s=0.5), tiny_artifact().scene)
    judgement = judge(answered(image()), gate, FrozenImageDetector(), 1, age_s=late)
    assert judgement.decision.verdict is verdict


def test_a_jump_is_judged_by_odometry() -> None:
    gate = Gate(GateConfig(max_jump_m=1.0), tiny_artifact().scene)
    result, frozen = answered(image()), FrozenImageDetector()
    far = replace(result, estimate=replace(
        result.estimate, map_from_camera=Pose(np.array([9.0, 0, 0])) @ (
            result.estimate.map_from_camera)))
    judge(result, gate, frozen, 1, odom_from_camera=Pose())
    assert judge(far, gate, frozen, 2,
                 odom_from_camera=Pose(np.array([9.0, 0, 0]))).decision.accepted
    assert judge(result, gate, frozen, 3, odom_from_camera=Pose(
        np.array([9.0, 0, 0]))).decision.verdict is Verdict.JUMP


def test_a_file_that_is_missing_is_a_mistake_of_the_dataset(tmp_path: Path) -> None:
    decode = partial(read_image, tmp_path / 'none.png', '')
    with pytest.raises(ImageFileError, match='no such file'):
        localise(relocaliser(), decode, None, time.monotonic)


def test_what_the_network_raises_is_kept() -> None:
    def broken(batch: object) -> Prediction:
        raise MemoryError('none left')

    result = localise(Relocaliser(broken, tiny_artifact()), partial(frame_from_message, image()),
                      None, time.monotonic)
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
