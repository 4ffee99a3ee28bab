"""Annotated images: what they say and show, and that all of it is in view at every size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import NamedTuple

import cv2
from helpers import scene, with_distortion
import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.estimate import diagonal_covariance, PoseEstimate
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.gate import Decision, Verdict
from posenet_ros.visualization.annotate import (
    annotate,
    annotate_no_pose,
    BAD,
    describe,
    format_length,
    GOOD,
)
from posenet_ros.visualization.text import (
    draw_lines,
    ELLIPSIS,
    MIN_FONT_SCALE,
    NO_BREAK,
    shorten,
    TextLine,
    TextStyle,
    wrap,
    wrap_lines,
)
import pytest

SIZES = [(160, 90), (320, 180), (640, 360), (640, 480), (360, 640), (1920, 1080), (3840, 2160)]
CAMERA = Camera(640, 360, 460.0, 460.0, 319.5, 179.5)
TRAINING = np.random.default_rng(1).uniform(-10, 10, (200, 3))
POSE = Pose((1.234, -4.56, 0.78))
COVARIANCE = diagonal_covariance([0.0075, 0.001, 0.001], [0.00044, 1e-5, 1e-5])
INLIER, OUTLIER = (400, 250), (150, 260)  # pixels of CAMERA
LONG = 'the image is not of the trained place: score 1.85, the limit is 1; ' * 6
REJECTED = Decision(Verdict.OUT_OF_PLACE, (LONG,))
ACCEPTED = Decision(Verdict.ACCEPTED)


def matches() -> LandmarkMatches:
    """Return an inlier and an outlier at their pixels."""
    normalized = (np.array([INLIER, OUTLIER], float) - (CAMERA.cx, CAMERA.cy)) / CAMERA.fx
    return LandmarkMatches(np.zeros((2, 3)), normalized, np.zeros(2, np.intp),
                           np.array([True, False]))


REFINED = PoseEstimate(POSE, COVARIANCE, landmarks=143, matches=matches())
ALONE = PoseEstimate(POSE, np.eye(6))
PICTURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'refined': lambda image: annotate(image, REFINED, ACCEPTED, CAMERA, TRAINING),
    'alone': lambda image: annotate(image, ALONE, ACCEPTED, CAMERA, TRAINING),
    'rejected': lambda image: annotate(image, ALONE, REJECTED, CAMERA, TRAINING),
    'without a map': lambda image: annotate(image, ALONE, REJECTED, CAMERA),
    'no pose': lambda image: annotate_no_pose(image, f'bad image: {LONG}', TRAINING)}


class Box(NamedTuple):
    """Where a text was drawn, pixels."""

    left: int
    top: int
    right: int
    bottom: int
    text: str

    def overlaps(self, other: Box) -> bool:
        """Tell whether the two share a pixel."""
        return (self.left < other.right and other.left < self.right
                and self.top < other.bottom and other.top < self.bottom)


@contextmanager
def recorded(shape: tuple[int, ...]) -> Iterator[list[Box]]:
    """Record each text that is drawn on pictures of this shape, by the pixels it changes."""
    boxes: list[Box] = []
    real = cv2.putText

    def put(picture: np.ndarray, text: str, at: tuple[int, int], *rest: object) -> None:
        if picture.shape == shape:  # the map's own text is drawn on the map
            (wide, tall), _ = cv2.getTextSize(text, *rest[:2], rest[3])
            room = np.zeros((4 * tall, wide + 4 * tall), np.uint8)
            real(room, text, (2 * tall, 2 * tall), rest[0], rest[1], 255, *rest[3:])
            x, y, width, height = cv2.boundingRect(room)
            x, y = x + at[0] - 2 * tall, y + at[1] - 2 * tall
            boxes.append(Box(x, y, x + width, y + height, text))
        real(picture, text, at, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cv2, 'putText', put)
        yield boxes


def map_box(picture: np.ndarray, bare: np.ndarray) -> Box:
    """Return where the map is: the part that changed in the lower right corner."""
    height, width = picture.shape[:2]
    inset = max(4, min(width, height) // 20)
    x, y = width - inset, height - inset
    changed = picture != bare
    up, leftward = changed[y::-1, x].any(axis=-1), changed[y, x::-1].any(axis=-1)
    top, left = (at + 1 - int(np.argmin([*run, False])) for at, run in ((y, up), (x, leftward)))
    return Box(left, top, width, height, 'map')


@pytest.mark.parametrize('name', PICTURES)
@pytest.mark.parametrize(('width', 'height'), SIZES)
def test_all_text_is_in_view_and_nothing_overlaps(name: str, width: int, height: int) -> None:
    image = np.full((height, width, 3), 255, np.uint8)
    with recorded(image.shape) as boxes:
        picture = PICTURES[name](image)
    assert picture.shape == image.shape
    assert len(boxes) >= 2
    for box in boxes:
        assert '?' not in box.text  # what cannot be printed
        assert box.left >= 0 and box.top >= 0, box  # noqa: PT018
        assert box.right <= width and box.bottom <= height, box  # noqa: PT018
    if name != 'without a map':
        boxes.append(map_box(picture, image))
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other), (one, other)
    assert (image == 255).all()


@pytest.mark.parametrize(('width', 'height'), SIZES)
def test_text_and_map_grow_with_the_picture(width: int, height: int) -> None:
    style = TextStyle.for_picture(width, height)
    assert style.scale >= MIN_FONT_SCALE
    assert 0.045 < style.line_height / min(height, width * 9 / 16) < 0.15
    image = np.full((height, width, 3), 255, np.uint8)
    box = map_box(annotate_no_pose(image, 'x', TRAINING), image)
    assert 0.3 < (box.bottom - box.top) / min(width, height) < 0.5


@pytest.mark.parametrize('camera', [CAMERA, CAMERA.scaled(1280, 720)])
@pytest.mark.parametrize('factor', [0.5, 1, 3])
def test_landmarks_that_agree_are_green_and_the_others_red_and_smaller(
        camera: Camera, factor: float) -> None:
    width, height = int(640 * factor), int(360 * factor)
    image = np.full((height, width, 3), 128, np.uint8)
    picture = annotate(image, REFINED, ACCEPTED, camera)
    at = [tuple(((np.array(pixel) + 0.5) * factor - 0.5).round().astype(int))
          for pixel in (INLIER, OUTLIER)]
    assert tuple(picture[at[0][1], at[0][0]]) == GOOD
    assert tuple(picture[at[1][1], at[1][0]]) == BAD
    below = picture[height // 2:]
    green, red = ((below == colour).all(axis=-1).sum() for colour in (GOOD, BAD))
    assert green > red > 0


def test_landmarks_are_where_a_distorted_image_shows_them() -> None:
    camera = with_distortion(CAMERA)
    (x, y), _ = matches().pixels(camera).round().astype(int)
    assert (x, y) != INLIER
    picture = annotate(scene(size=CAMERA.size), REFINED, ACCEPTED, camera)
    assert tuple(picture[y, x]) == GOOD


def test_landmarks_outside_the_image_and_a_camera_that_is_not_known_are_left_out() -> None:
    image = np.zeros((360, 640, 3), np.uint8)
    far = LandmarkMatches(np.zeros((3, 3)), np.array([[1e9, 0.0], [-3.0, 0.3], [0.0, 40.0]]),
                          np.zeros(3, np.intp), np.ones(3, np.bool_))
    for estimate, camera in ((PoseEstimate(POSE, COVARIANCE, landmarks=3, matches=far), CAMERA),
                             (REFINED, None), (ALONE, CAMERA)):
        assert not annotate(image, estimate, ACCEPTED, camera)[200:].any()


def said(estimate: PoseEstimate, decision: Decision) -> list[str]:
    """Return the lines of text about an estimate."""
    return [line.text.replace(NO_BREAK, ' ') for line in describe(estimate, decision)]


def test_it_says_verdict_source_position_and_two_sigmas() -> None:
    assert said(REFINED, ACCEPTED) == [
        'accepted, refined by 143 landmarks',
        'x 1.23 y -4.56 z 0.78 m, 2 sigma 1.5 cm, 0.05 deg']
    assert said(ALONE, ACCEPTED)[0] == 'accepted, network alone'
    assert said(ALONE, Decision(Verdict.DARK, ('it is dark',))) == [
        'no pose: dark', 'it is dark',
        'withheld: x 1.23 y -4.56 z 0.78 m, 2 sigma 2.00 m, 114.59 deg']
    assert describe(ALONE, REJECTED)[0].colour == BAD
    assert describe(ALONE, ACCEPTED)[0].colour == GOOD


def test_the_map_has_the_pose_and_without_one_has_none() -> None:
    image = np.zeros((360, 640, 3), np.uint8)
    corner = np.s_[220:, 500:]
    assert (annotate(image, ALONE, ACCEPTED, None, TRAINING)[corner] == GOOD).all(axis=-1).any()
    assert (annotate(image, ALONE, REJECTED, None, TRAINING)[corner] == BAD).all(axis=-1).any()
    empty = annotate_no_pose(image, 'no image', TRAINING)[corner]
    assert empty.any()
    assert not (empty == BAD).all(axis=-1).any()


@pytest.mark.parametrize(('length_m', 'text'), [
    (12.3, '12.30 m'), (1.0, '1.00 m'), (0.996, '1.00 m'), (0.99, '99.0 cm'), (0.015, '1.5 cm'),
    (0.00999, '1.0 cm'), (0.0075, '7.5 mm'), (0.0, '0.0 mm')])
def test_lengths_have_the_unit_that_suits_them(length_m: float, text: str) -> None:
    assert format_length(length_m) == text


def test_lines_are_broken_between_words_and_shortened_with_an_ellipsis() -> None:
    style = TextStyle(0.5, 1)
    text = f'one two three{NO_BREAK}four ' + 'w' * 80
    lines = wrap(text, style, 120)
    assert all(style.width(line) <= 120 for line in lines)
    assert any(f'three{NO_BREAK}four' in line for line in lines)
    assert lines[-1].endswith(ELLIPSIS)
    assert shorten('short', style, 120) == 'short'
    few = wrap_lines([TextLine('first', GOOD), TextLine('word ' * 50, BAD)], style, 120, 3)
    assert [line.colour for line in few] == [GOOD, BAD, BAD]
    assert few[-1].text.endswith(f'word{ELLIPSIS}')
    assert style.width(few[-1].text) <= 120


def test_what_the_fonts_do_not_have_is_replaced() -> None:
    picture = np.zeros((40, 200, 3), np.uint8)
    draw_lines(picture, [TextLine('caf\u00e9 \u03c3', GOOD)], 2, 2, TextStyle(0.5, 1))
    assert picture.any()


@pytest.mark.parametrize('shape', [(1, 1, 3), (2, 640, 3), (640, 2, 3), (48, 64, 3)])
def test_no_size_of_image_is_an_error(shape: tuple[int, int, int]) -> None:
    for draw in PICTURES.values():
        assert draw(np.zeros(shape, np.uint8)).shape == shape
