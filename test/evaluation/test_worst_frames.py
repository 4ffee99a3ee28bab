"""The worst frames beside their nearest training images."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
from helpers import CAMERA, random_image, with_distortion
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.metrics.largest_errors import KeptFrame
from posenet_ros.evaluation.report.worst_frames import (
    HEIGHT_PX,
    match_lines,
    nearest_view,
    show_frames,
    TrainingImages,
)
from posenet_ros.evaluation.results import FrameResult
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import Pose, xyzw_from_wxyz
from posenet_ros.imaging.files import read_image
from posenet_ros.inference.train_index import TrainIndex
from transforms3d.quaternions import axangle2quat

QUERY = Pose(np.array([0.3, 0.1, 0.0]))


def turned(degrees: float) -> np.ndarray:
    return xyzw_from_wxyz(axangle2quat((0, 1, 0), np.radians(degrees)))


def train_index() -> TrainIndex:
    """Return training images: straight ahead 0.5 m aside, turned away at the spot, far off."""
    return TrainIndex(('aside.png', 'turned.png', 'far.png'),
                      np.array([[0.5, 0, 0], [0.3, 0.1, 0], [9, 9, 9]]),
                      np.array([turned(3), turned(120), turned(0)]), np.zeros((3, 0), np.float16))


def points() -> np.ndarray:
    return np.array([[0.0, 0, 4], [1, 0.5, 5], [-1, 0.2, 6], [0.5, -0.5, 3], [0, 0, -5]])


def matches() -> LandmarkMatches:
    """Return matches of QUERY: 0 and 3 of view 0, 1 of view 2, 2 is no inlier, 4 is behind."""
    seen = QUERY.inverse().apply(points())
    return LandmarkMatches(points(), seen[:, :2] / seen[:, 2:], np.array([0, 2, 0, 0, 0]),
                           np.array([True, True, False, True, True]))


def test_the_nearest_training_image_looks_the_same_way() -> None:
    view, metres, degrees = nearest_view(train_index(), QUERY)
    assert view == 0
    np.testing.assert_allclose((metres, degrees), (np.hypot(0.2, 0.1), 3))
    assert nearest_view(train_index(), Pose(np.array([8.0, 9, 9])))[0] == 2


def test_lines_end_where_both_images_show_the_landmark() -> None:
    training = TrainingImages(train_index(), camera=with_distortion(CAMERA))
    ours, theirs = match_lines(matches(), CAMERA, 0, training, (128, 96))
    chosen = points()[[0, 3]]
    np.testing.assert_allclose(ours, CAMERA.project(QUERY.inverse().apply(chosen)))
    np.testing.assert_allclose(theirs, with_distortion(CAMERA).scaled(128, 96).project(
        training.pose(0).inverse().apply(chosen)))


def test_a_view_without_landmarks_of_the_image_has_no_lines() -> None:
    training = TrainingImages(train_index(), camera=CAMERA)
    assert len(match_lines(matches(), CAMERA, 1, training, CAMERA.size)[0]) == 0
    assert len(match_lines(matches(), CAMERA, 0, TrainingImages(train_index()),
                           CAMERA.size)[0]) == 0


def kept(**more: object) -> KeptFrame:
    return KeptFrame(FrameResult('query', 1, QUERY, QUERY), partial(random_image, CAMERA), **more)


def test_the_image_stands_left_of_the_training_image(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / 'aside.png'), np.full((48, 64, 3), 200, np.uint8))
    training = TrainingImages(train_index(), tmp_path, CAMERA)
    plain, refined = show_frames([kept(), kept(matches=matches())], training, CAMERA)
    width = round(HEIGHT_PX * CAMERA.width / CAMERA.height)
    assert plain.picture.shape[0] == HEIGHT_PX
    assert (plain.picture[:, -width:] == 200).all()
    assert (plain.picture != refined.picture).any()
    assert 'aside.png, 0.22 m and 3 deg away' in plain.caption
    assert 'inliers' not in plain.caption
    assert 'source of 2 of the 4 inliers' in refined.caption


def test_a_training_image_that_is_not_at_hand_is_named_with_the_option_that_shows_it(
        tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        (shown,) = show_frames([kept()], TrainingImages(train_index(), folder, CAMERA), CAMERA)
        assert shown.picture.shape == (HEIGHT_PX, round(HEIGHT_PX * 64 / 48), 3)
        assert 'aside.png' in shown.caption
        assert '--train-images' in shown.caption
    (alone,) = show_frames([kept()])
    assert (alone.picture.shape, alone.caption) == (shown.picture.shape, '')


def test_an_image_that_cannot_be_read_has_no_picture(tmp_path: Path) -> None:
    def broken() -> np.ndarray:
        raise InputError('cut off')

    frame = FrameResult('query', 1, QUERY)
    for load in (None, broken, partial(read_image, tmp_path / 'absent.png')):
        (shown,) = show_frames([KeptFrame(frame, load)], TrainingImages(train_index()), CAMERA)
        assert shown.picture is None
