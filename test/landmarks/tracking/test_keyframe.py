"""Keyframes: which landmarks they have, and how the map's patches anchor them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from landmarks.tracking.wall import CAMERA, draw, pose_at, texture, wall_map, with_patches
import numpy as np
from posenet_ros.geometry.lie import pose_difference, retract
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.retrieval.view_index import ViewIndex
from posenet_ros.landmarks.tracking.keyframe import Keyframe, KeyframeMaker
from posenet_ros.landmarks.tracking.options import TrackingOptions
from posenet_ros.landmarks.tracking.pose_tracker import PoseTracker
from posenet_ros.localisation.tracking.camera_tracker import CameraTracker
from posenet_ros.localisation.tracking.map_tracker import MapTracker
import pytest

WALL, PLAIN = texture(), wall_map()
TRUTH = pose_at(0.3, 0.1, 0.2, 3.0, 2.0)
NEAR = retract(TRUTH, np.array([0.02, -0.01, 0.01, 0.001, -0.001, 0.002]))  # a pixel off
COVARIANCE = np.diag([1e-4] * 3 + [1e-6] * 3)


@cache
def patched() -> LandmarkMap:
    return with_patches(PLAIN, WALL)


def made(landmark_map: LandmarkMap, image: np.ndarray, *, anchored: bool = False,
         **settings: int) -> Keyframe:
    maker = KeyframeMaker(
        landmark_map, ViewIndex(landmark_map), replace(TrackingOptions(), **settings))
    return maker.make(image, CAMERA, NEAR, COVARIANCE, anchored=anchored)


def test_patches_give_the_pose_of_a_keyframe_anew() -> None:
    image = draw(WALL, TRUTH)
    keyframe = made(patched(), image)
    assert keyframe.anchored
    assert np.abs(pose_difference(keyframe.map_from_camera, TRUTH)[:3]).max() < 0.004
    assert np.trace(keyframe.covariance) < 0.2 * np.trace(COVARIANCE)
    in_camera = keyframe.map_from_camera.inverse().apply(keyframe.points_m)
    assert np.allclose(CAMERA.project(in_camera), keyframe.pixels, atol=1e-3)


@pytest.mark.parametrize('anchored', [True, False])
def test_without_patches_or_with_few_that_fit_the_pose_stays(anchored: bool) -> None:
    image = draw(WALL, TRUTH)
    for keyframe in (made(PLAIN, image, anchored=anchored),
                     made(patched(), image, anchored=anchored, min_shown=10_000)):
        assert keyframe.anchored == anchored
        assert keyframe.map_from_camera is NEAR
        assert np.array_equal(keyframe.covariance, COVARIANCE)
        assert len(keyframe.points_m) > 150


def test_landmarks_behind_something_are_not_taken() -> None:
    image = draw(WALL, TRUTH)
    image[:, 90:190] = draw(texture(5), TRUTH)[:, 90:190]
    hidden = [((keyframe.pixels[:, 0] > 95) & (keyframe.pixels[:, 0] < 185)).mean()
              for keyframe in (made(PLAIN, image), made(patched(), image, min_shown=50))]
    assert hidden[0] > 0.2
    assert hidden[1] < 0.02


def test_a_corrected_keyframe_has_its_landmarks_where_they_then_are() -> None:
    keyframe = made(PLAIN, draw(WALL, TRUTH))
    correction = TRUTH @ NEAR.inverse()
    moved = keyframe.corrected(correction, 2 * COVARIANCE)
    assert np.abs(pose_difference(moved.map_from_camera, TRUTH)).max() < 1e-9
    assert moved.anchored
    assert moved.grey is keyframe.grey
    assert np.array_equal(moved.covariance, 2 * COVARIANCE)
    in_camera = TRUTH.inverse().apply(moved.points_m)
    assert np.allclose(CAMERA.project(in_camera), moved.pixels, atol=1e-3)
    assert np.abs(moved.pixels - keyframe.pixels).max() > 0.3


def test_a_keyframe_is_renewed_where_patches_can_anchor_it() -> None:
    for landmark_map, renewed in ((patched(), True), (PLAIN, False)):
        tracker = PoseTracker(landmark_map, ViewIndex(landmark_map))
        first = tracker.make_keyframe(TRUTH, COVARIANCE, draw(WALL, TRUTH), CAMERA)
        tracker.start(first)
        tracked = tracker.track(draw(WALL, TRUTH), CAMERA, TRUTH, renew=True)
        assert (tracker.keyframe is not first) == tracked.anchored == renewed
        assert tracked.tracked_keyframes == 0
        assert np.abs(pose_difference(tracked.map_from_camera, TRUTH)[:3]).max() < 0.004


def test_patches_take_the_place_of_localisations_near_the_tracked_pose() -> None:
    poses = PoseTracker(patched(), ViewIndex(patched()))
    tracker = CameraTracker(MapTracker(poses, pose_at(0), (1.0,) * 6))
    image, requests = draw(WALL, TRUTH), {}
    tracker.start(tracker.request(0, None), poses.make_keyframe(TRUTH, COVARIANCE, image, CAMERA))
    for stamp_ms in range(200, 5201, 200):
        tracked = tracker.track(image, CAMERA, stamp_ms * 1_000_000)
        if request := tracker.request(stamp_ms * 1_000_000, tracked):
            requests[stamp_ms] = request.expected.check
    assert requests == {5000: True}
