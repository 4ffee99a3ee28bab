"""Tracking: exact along a wall, with any lens, behind what moves; and silent without evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
from landmarks.tracking.wall import CAMERA, DISTORTED, draw, pose_at, texture, wall_map
import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import interpolate, pose_difference, so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.retrieval.view_index import ViewIndex
from posenet_ros.landmarks.tracking import pose_tracker
from posenet_ros.landmarks.tracking.keyframe import KeyframeMaker
from posenet_ros.landmarks.tracking.optical_flow import follow
from posenet_ros.landmarks.tracking.options import TrackingOptions
from posenet_ros.landmarks.tracking.pose_tracker import (
    moved_covariance,
    PoseTracker,
    TrackingResult,
)
import pytest

WALL, MAP = texture(), wall_map()
COVARIANCE = np.diag([1e-6] * 3 + [1e-8] * 3)
WALK = [pose_at(0.03 * i, 0.01 * i, 0.005 * i, 0.5 * i, 0.2 * i) for i in range(12)]


def started(camera: Camera = CAMERA, **settings: float) -> PoseTracker:
    """Return a tracker that was started at a pose without error."""
    tracker = PoseTracker(MAP, ViewIndex(MAP), replace(TrackingOptions(), **settings))
    tracker.start(tracker.make_keyframe(
        WALK[0], COVARIANCE, draw(WALL, WALK[0], camera), camera))
    return tracker


def followed(tracker: PoseTracker, walk: list[Pose],
             camera: Camera = CAMERA) -> list[TrackingResult | None]:
    """Track along a walk at constant velocity."""
    last, results = [walk[0]], []
    for pose in walk[1:]:
        predicted = interpolate(*last, 2.0) if len(last) == 2 else last[0]
        tracked = tracker.track(draw(WALL, pose, camera), camera, predicted)
        results.append(tracked)
        last = [last[-1], tracked.map_from_camera if tracked else predicted]
    return results


def pose_errors(results: list[TrackingResult | None], walk: list[Pose]) -> np.ndarray:
    """Return the errors (N, 6) of tracked poses: metres, radians."""
    return np.array([pose_difference(result.map_from_camera, pose)
                     for result, pose in zip(results, walk[1:], strict=True)])


@pytest.mark.parametrize('camera', [CAMERA, DISTORTED])
def test_a_walk_is_tracked_exactly(camera: Camera) -> None:
    walk = WALK[:6]
    found = pose_errors(followed(started(camera), walk, camera), walk)
    assert np.abs(found[:, :3]).max() < 0.004  # at 5 m: a fifth of a pixel
    assert np.abs(found[:, 3:]).max() < 0.0008


def test_an_image_that_is_too_wide_is_tracked_at_the_width_of_the_options() -> None:
    tracker = started(width=160, min_inliers=10)
    assert tracker.keyframe.grey.shape == (120, 160)
    assert np.abs(pose_errors(followed(tracker, WALK[:4]), WALK[:4])[:, :3]).max() < 0.01


def test_new_keyframes_follow_the_camera_out_of_the_first_view() -> None:
    walk = [pose_at(0.2 * i, yaw_deg=2 * i) for i in range(16)]
    results = followed(started(), walk)
    assert np.abs(pose_errors(results, walk)[:, :3]).max() < 0.02
    assert [one.tracked_keyframes for one in results] == sorted(
        one.tracked_keyframes for one in results)
    assert results[-1].tracked_keyframes >= 2
    sigmas = [np.sqrt(np.trace(one.covariance[:3, :3])) for one in results]
    assert sigmas[-1] > 2 * sigmas[0]  # what a keyframe errs, those after it err too


@pytest.mark.parametrize('axis', ['angle', 'baseline', 'inlier_ratio'])
def test_each_rule_alone_makes_a_new_keyframe(axis: str) -> None:
    off = {'keyframe_angle_deg': 90.0, 'keyframe_baseline': 9.0, 'keyframe_inlier_ratio': 0.0}
    walk = [pose_at(0.1 * i, yaw_deg=2.0 * i) for i in range(6)]
    none = followed(started(**off), walk)
    assert none[-1].tracked_keyframes == 0
    rule = {'angle': 'keyframe_angle_deg', 'baseline': 'keyframe_baseline',
            'inlier_ratio': 'keyframe_inlier_ratio'}[axis]
    value = {'angle': 5.0, 'baseline': 0.05, 'inlier_ratio': 0.95}[axis]
    assert followed(started(**{**off, rule: value}), walk)[-1].tracked_keyframes > 0


def test_a_prediction_that_is_far_off_is_made_good_by_the_pyramid() -> None:
    pose = pose_at(0.0, yaw_deg=5.0)  # 20 pixels
    image = draw(WALL, pose)
    tracked = started().track(image, CAMERA, WALK[0])
    assert np.abs(pose_difference(tracked.map_from_camera, pose)[:3]).max() < 0.005
    assert started(more_levels=1, levels=0).track(image, CAMERA, WALK[0]) is None


@pytest.mark.parametrize('what', ['another', 'plain', 'covered', 'noise'])
def test_an_image_of_something_else_is_not_tracked(what: str) -> None:
    image = {'another': draw(texture(7), WALK[1]), 'plain': np.full((240, 320), 90, np.uint8),
             'covered': np.zeros((240, 320), np.uint8),
             'noise': np.random.default_rng(0).integers(0, 255, (240, 320)).astype(np.uint8),
             }[what]
    assert started().track(image, CAMERA, WALK[1]) is None


def test_what_moves_in_front_pulls_the_pose_nowhere() -> None:
    tracker, block = started(), draw(texture(3), WALK[0])[:, :90]
    first = draw(WALL, WALK[0])
    first[:, 100:190] = block
    tracker.start(tracker.make_keyframe(WALK[0], COVARIANCE, first, CAMERA))
    image = draw(WALL, WALK[1])
    image[:, 104:194] = block
    tracked = tracker.track(image, CAMERA, WALK[1])
    error = pose_difference(tracked.map_from_camera, WALK[1])
    assert np.abs(error[:3]).max() < 0.005
    assert tracked.inliers < 0.85 * len(tracked.matches)


def test_what_stays_in_the_image_as_a_part_of_the_robot_does_not_hold_the_pose() -> None:
    tracker, body = started(max_shift_px=1e3), draw(texture(3), WALK[0])[:, :80]
    first = draw(WALL, WALK[0])
    first[:, :80] = body
    tracker.start(tracker.make_keyframe(WALK[0], COVARIANCE, first, CAMERA))
    turned = pose_at(0.0, yaw_deg=1.5)  # 6 pixels
    image = draw(WALL, turned)
    image[:, :80] = body
    tracked = tracker.track(image, CAMERA, WALK[0])
    assert np.abs(pose_difference(tracked.map_from_camera, turned)[:3]).max() < 0.005


def test_from_a_prediction_that_is_far_off_landmarks_are_followed_coarsely_then_finely(
        monkeypatch: pytest.MonkeyPatch) -> None:
    levels: list[int] = []

    def recorded(*arguments: Any) -> Any:  # noqa: ANN401
        levels.append(arguments[4])
        return follow(*arguments)

    monkeypatch.setattr(pose_tracker, 'follow', recorded)
    near, far = pose_at(0.0, yaw_deg=0.3), pose_at(0.0, yaw_deg=1.2)  # 1 and 5 pixels
    for pose, expected in ((near, [1]), (far, [1, 4, 1])):
        levels.clear()
        assert started().track(draw(WALL, pose), CAMERA, WALK[0])
        assert levels == expected


def test_few_inliers_of_few_landmarks_are_no_evidence() -> None:
    tracker = started()
    tracked = tracker.track(draw(WALL, WALK[1]), CAMERA, WALK[1])
    pixels = CAMERA.project(np.column_stack(
        [tracked.matches.points_normalized, np.ones(len(tracked.matches))]))
    for inliers, enough in ((22, True), (18, False)):
        tracked.matches.inlier[:] = False
        tracked.matches.inlier[np.linspace(0, len(pixels) - 1, inliers).astype(int)] = True
        few = replace(tracked, expected=30)
        assert tracker._has_evidence(few, pixels, CAMERA) == enough


def test_inliers_in_a_corner_are_no_evidence() -> None:
    image = draw(WALL, WALK[1])
    image[:, 75:] = 0
    image[155:] = 0
    assert started(min_cells=2, min_inlier_ratio=0.02, min_inliers=8).track(
        image, CAMERA, WALK[1])
    assert started(min_inlier_ratio=0.02, min_inliers=8).track(image, CAMERA, WALK[1]) is None


@pytest.mark.parametrize('setting', [{'min_inliers': 150}, {'min_inlier_ratio': 0.6}])
def test_half_an_image_is_enough_only_if_the_settings_say_so(setting: dict[str, float]) -> None:
    image = draw(WALL, WALK[1])
    image[:, 160:] = 0
    assert started(min_cells=3).track(image, CAMERA, WALK[1])
    assert started(min_cells=3, **setting).track(image, CAMERA, WALK[1]) is None


def test_a_tracker_without_a_keyframe_tracks_nothing() -> None:
    tracker = started()
    tracker.stop()
    assert tracker.keyframe is None
    assert tracker.track(draw(WALL, WALK[1]), CAMERA, WALK[1]) is None


def test_the_covariance_is_of_the_errors() -> None:
    rng, results = np.random.default_rng(0), []
    tracker = started()
    for _ in range(20):
        image = draw(WALL, WALK[2]).astype(np.float64) + rng.normal(0, 12, (240, 320))
        tracked = tracker.track(np.clip(image, 0, 255).astype(np.uint8), CAMERA, WALK[2])
        own = tracked.covariance - moved_covariance(tracker.keyframe, tracked.map_from_camera)
        results.append(pose_difference(tracked.map_from_camera, WALK[2])
                       / np.sqrt(np.diag(own)))
    assert 0.3 < np.std(results, axis=0).max() < 3


def test_a_keyframes_error_of_rotation_displaces_what_is_far_from_it() -> None:
    keyframe = started().keyframe
    sure = replace(keyframe, covariance=np.diag([0, 0, 0, 0, 1e-4, 0.0]))
    moved = moved_covariance(sure, pose_at(2.0))
    assert np.sqrt(np.diag(moved)) == pytest.approx([0, 0, 0.02, 0, 0.01, 0])
    turned = so3_exp([0, 0.01, 0]) @ [2.0, 0, 0]  # the error in z has the sign of the turn's
    assert np.sign(moved[2, 4]) == np.sign(turned[2] * 0.01)


def test_the_landmarks_of_a_keyframe_are_spread_and_inside() -> None:
    keyframe = started().keyframe
    assert 150 <= len(keyframe.points_m) <= 200
    assert keyframe.pixels.min() >= 5.5
    assert (keyframe.pixels < [314, 234]).all()
    cells = np.unique((keyframe.pixels // 64).astype(int), axis=0)
    assert len(cells) == 20  # all of 5 x 4
    assert keyframe.median_depth_m == pytest.approx(5.0, abs=0.1)


def test_keyframes_may_be_made_in_another_thread() -> None:
    maker = KeyframeMaker(MAP, ViewIndex(MAP), TrackingOptions())
    image = draw(WALL, WALK[0])
    one, two = (maker.make(image, CAMERA, WALK[0], COVARIANCE, anchored=True) for _ in range(2))
    assert np.array_equal(one.pixels, two.pixels)
    assert one.anchored
    assert not cv2.absdiff(one.grey, two.grey).any()
