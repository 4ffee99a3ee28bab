"""When a tracked camera is localised, what the answer does, and when tracking ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from landmarks.tracking.wall import CAMERA, draw, pose_at, texture, wall_map
import numpy as np
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.lie import interpolate, pose_difference
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.retrieval.view_index import ViewIndex
from posenet_ros.landmarks.tracking.pose_tracker import PoseTracker
from posenet_ros.localisation.motion import TimedPose
from posenet_ros.localisation.tracking.camera_tracker import (
    CameraTracker,
    is_localised,
    LocalisationRequest,
)
from posenet_ros.localisation.tracking.map_tracker import MapTracker
from posenet_ros.localisation.tracking.missed_images import MissedImage, MissedImages
from posenet_ros.localisation.tracking.motion_model import MotionModel
from posenet_ros.localisation.tracking.options import ScheduleOptions
import pytest

WALL, MAP = texture(), wall_map()
MS = 1_000_000
START = pose_at(0)
COVARIANCE = np.diag([1e-4] * 3 + [1e-6] * 3)
STILL = draw(WALL, pose_at(0))
MAP_FROM_DATASET = Pose(np.array([100.0, 0, 0]), np.array([0, 0, 0.6, 0.8]))


def estimate(pose: Pose, landmarks: int = 50, **fields: object) -> PoseEstimate:
    return PoseEstimate(pose, COVARIANCE, 0.0, landmarks, **fields)


def tracker_of(map_from_dataset: Pose | None = None, **settings: float) -> CameraTracker:
    return CameraTracker(
        MapTracker(PoseTracker(MAP, ViewIndex(MAP)), map_from_dataset or Pose(), (2.0,) * 6),
        replace(ScheduleOptions(), **settings))


def start(tracker: CameraTracker, pose: Pose = START, stamp_ns: int = 0,
          odom: Pose | None = None, image: np.ndarray = STILL) -> None:
    request = tracker.request(stamp_ns, None, odom)
    assert request
    tracker.start(request, tracker.make_keyframe(estimate(pose), image, CAMERA))


def still(tracker: CameraTracker, stamps_ms: Iterable[int]) -> dict[int, LocalisationRequest]:
    """Track a camera that stands; return the requests of the images that had one."""
    found = {}
    for stamp in stamps_ms:
        tracked = tracker.track(STILL, CAMERA, stamp * MS)
        assert tracked, stamp
        if request := tracker.request(stamp * MS, tracked):
            found[stamp] = request
    return found


def test_without_a_start_every_image_has_to_be_localised() -> None:
    tracker = tracker_of()
    assert tracker.track(STILL, CAMERA, 0) is None
    assert not tracker.tracking
    request = tracker.request(5, None)
    assert (request.stamp_ns, request.tracked, request.expected.prior) == (5, None, None)


def test_a_tracked_camera_is_localised_once_a_second_and_by_nothing_known_every_five() -> None:
    tracker, found = tracker_of(), {}
    start(tracker)
    for stamp in range(100, 11_001, 100):
        found |= still(tracker, [stamp])
        if stamp in found:
            pose = found[stamp].tracked
            assert tracker.confirms(found[stamp], pose)
            tracker.correct(found[stamp], tracker.make_keyframe(pose, STILL, CAMERA))
    assert sorted(found) == list(range(1000, 11_001, 1000))
    assert [stamp for stamp, one in found.items() if one.expected.check] == [5000, 10_000]
    prior = found[1000].expected.prior
    assert prior.source == 'tracking'
    assert prior.sigma_m >= 0.01 * 5.0
    assert prior.sigma_rad >= np.radians(0.5)


def test_one_request_is_answered_before_the_next_unless_it_is_lost() -> None:
    tracker = tracker_of()
    start(tracker)
    found = still(tracker, range(100, 4900, 100))
    assert sorted(found) == [1000, 4000]  # after three seconds it is taken for lost
    assert tracker.confirms(found[1000], None) is False
    assert sorted(still(tracker, range(4900, 5100, 100))) == [5000]


def test_falling_evidence_asks_sooner() -> None:
    tracker = tracker_of(weak_inlier_ratio=1.1)
    start(tracker)
    assert sorted(still(tracker, range(100, 600, 100))) == [300]
    tracker = tracker_of(weak_keyframes=0)
    start(tracker)
    assert sorted(still(tracker, range(100, 600, 100))) == [300]


@pytest.mark.parametrize('answer', [
    None, estimate(pose_at(0), landmarks=0), estimate(pose_at(0), not_localised='a wall'),
    estimate(pose_at(0), ambiguous=(pose_at(0), pose_at(3)))])
def test_an_answer_that_says_nothing_ends_tracking_only_after_some_time(
        answer: PoseEstimate | None) -> None:
    tracker = tracker_of(max_unconfirmed_s=2.5)
    start(tracker)
    for stamp, tracking in ((1000, True), (2000, True), (3000, False)):
        request = still(tracker, range(stamp - 900, stamp + 1, 100))[stamp]
        assert not tracker.confirms(request, answer)
        assert tracker.tracking == tracking


def test_an_answer_that_confirms_begins_the_time_anew() -> None:
    tracker = tracker_of(max_unconfirmed_s=2.5)
    start(tracker)
    for stamp, confirmed, tracking in ((1000, False, True), (2000, True, True),
                                       (3000, False, True), (4000, False, True),
                                       (5000, False, False)):
        request = still(tracker, range(stamp - 900, stamp + 1, 100))[stamp]
        answer = request.tracked if confirmed else None
        assert tracker.confirms(request, answer) == confirmed
        if confirmed:
            tracker.correct(request, tracker.make_keyframe(answer, STILL, CAMERA))
        assert tracker.tracking == tracking


@pytest.mark.parametrize(('elsewhere', 'ends'), [
    (pose_at(0.02), False), (pose_at(0, yaw_deg=0.3), False),
    (pose_at(1.0), True), (pose_at(0, yaw_deg=5.0), True)])
def test_an_answer_elsewhere_ends_tracking(elsewhere: Pose, ends: bool) -> None:
    tracker = tracker_of()
    start(tracker)
    request = still(tracker, range(100, 1001, 100))[1000]
    assert tracker.confirms(request, estimate(elsewhere)) is not ends
    assert tracker.tracking is not ends


def test_an_answer_about_an_older_image_corrects_what_was_tracked_since() -> None:
    tracker, walk = tracker_of(), [pose_at(0.02 * i) for i in range(40)]
    off = pose_at(0.05)  # where the first localisation errs to
    start(tracker, off)
    request = None
    for index, pose in enumerate(walk[1:36], start=1):
        image = draw(WALL, pose)
        tracked = tracker.track(image, CAMERA, index * 33 * MS)
        if new := tracker.request(index * 33 * MS, tracked):
            request, at, asked = new, index, image
    assert at == 31
    assert pose_difference(tracked.map_from_camera, walk[35])[0] == pytest.approx(0.05, abs=0.01)
    answer = estimate(walk[at])
    assert tracker.confirms(request, answer)
    tracker.correct(request, tracker.make_keyframe(answer, asked, CAMERA))
    assert tracker._motion.last.map_from_camera.translation_m == pytest.approx(
        walk[35].translation_m, abs=0.006)
    tracked = tracker.track(draw(WALL, walk[36]), CAMERA, 36 * 33 * MS)
    assert np.abs(pose_difference(tracked.map_from_camera, walk[36])[:3]).max() < 0.006


@pytest.mark.parametrize(('images_later', 'moves'), [(4, False), (9, True)])
def test_a_late_answer_moves_the_keyframe_and_a_quick_one_is_the_next(
        images_later: int, moves: bool) -> None:
    tracker, walk = tracker_of(), [pose_at(0.02 * i) for i in range(45)]
    images = [draw(WALL, pose) for pose in walk]
    start(tracker, pose_at(0.05))
    requests = [tracker.request(i * 33 * MS, tracker.track(images[i], CAMERA, i * 33 * MS))
                for i in range(1, 32 + images_later)]
    assert requests.count(None) == len(requests) - 1
    answer = estimate(walk[31])
    assert tracker.confirms(requests[30], answer)
    before = tracker._tracker._tracker.keyframe.grey
    tracker.correct(requests[30], tracker.make_keyframe(answer, images[31], CAMERA))
    assert (tracker._tracker._tracker.keyframe.grey is before) == moves
    tracked = tracker.track(images[41], CAMERA, 41 * 33 * MS)
    assert np.abs(pose_difference(tracked.map_from_camera, walk[41])[:3]).max() < 0.008


def test_after_a_slow_start_the_camera_is_tracked_through_what_was_missed() -> None:
    tracker, walk = tracker_of(), [pose_at(0.03 * i, yaw_deg=1.2 * i) for i in range(42)]
    images = [draw(WALL, pose) for pose in walk]
    request = tracker.request(0, tracker.track(images[0], CAMERA, 0))
    for i in range(1, 40):  # 1.3 seconds, in which the view has changed by 48 degrees
        assert tracker.track(images[i], CAMERA, i * 33 * MS) is None
    tracker.start(request, tracker.make_keyframe(estimate(walk[0]), images[0], CAMERA))
    tracked = tracker.track(images[40], CAMERA, 40 * 33 * MS)
    assert np.abs(pose_difference(tracked.map_from_camera, walk[40])[:3]).max() < 0.03
    assert not tracker._missed.after(0)


def test_missed_images_are_few_and_of_one_time() -> None:
    missed = MissedImages(ScheduleOptions())
    for stamp in range(0, 10_000, 33):
        missed.add(MissedImage(STILL, CAMERA, stamp * MS, None))
    assert 20 < len(missed.after(0)) < 32
    assert len(missed.after(9500 * MS)) in (3, 4, 5)
    missed.add(MissedImage(STILL, CAMERA, 100 * MS, None))
    assert [one.stamp_ns for one in missed.after(0)] == [100 * MS]
    missed.clear()
    assert not missed.after(0)


def test_answers_of_another_run_are_void() -> None:
    tracker = tracker_of()
    start(tracker)
    request = still(tracker, range(100, 1001, 100))[1000]
    keyframe = tracker.make_keyframe(estimate(pose_at(3)), STILL, CAMERA)
    tracker.reset()
    assert not tracker.confirms(request, estimate(pose_at(0)))
    tracker.correct(request, keyframe)
    tracker.start(request, keyframe)
    assert not tracker.tracking
    start(tracker)
    tracker.correct(request, keyframe)  # nor those of a run before
    tracked = tracker.track(STILL, CAMERA, 100 * MS)
    assert np.abs(pose_difference(tracked.map_from_camera, pose_at(0))[:3]).max() < 0.003


def test_three_images_in_a_row_that_cannot_be_tracked_end_it() -> None:
    tracker, black = tracker_of(), np.zeros((240, 320), np.uint8)
    start(tracker)
    for stamp, image, tracking in ((1, black, True), (2, black, True), (3, STILL, True),
                                   (4, black, True), (5, black, True), (6, black, False)):
        tracked = tracker.track(image, CAMERA, stamp * 30 * MS)
        assert (tracked is not None) == (image is STILL)
        assert tracker.tracking == tracking


def test_poses_that_the_gate_keeps_rejecting_end_it() -> None:
    tracker = tracker_of()
    start(tracker)
    for accepted, tracking in ((False, True), (False, True), (True, True), (False, True),
                               (False, True), (False, False)):
        tracker.judged(accepted=accepted)
        assert tracker.tracking == tracking


@pytest.mark.parametrize(('gap_ms', 'odom', 'tracking'), [
    (400, False, True), (600, False, False), (4000, True, True), (6000, True, False)])
def test_a_gap_ends_it_unless_odometry_bridges(gap_ms: int, odom: bool, tracking: bool) -> None:
    tracker, here = tracker_of(), pose_at(0.0)
    start(tracker, odom=Pose() if odom else None)
    image = draw(WALL, pose_at(0.6)) if odom else STILL  # 28 pixels on
    tracked = tracker.track(image, CAMERA, gap_ms * MS, pose_at(0.6) if odom else None)
    assert (tracked is not None) == tracking
    if tracked and odom:
        assert np.abs(pose_difference(tracked.map_from_camera, pose_at(0.6))[:3]).max() < 0.005
    assert here.translation_m[0] == 0


def test_a_late_image_changes_nothing_and_a_new_time_begins_anew() -> None:
    tracker = tracker_of()
    start(tracker, stamp_ns=5000 * MS)
    assert tracker.track(STILL, CAMERA, 4900 * MS) is None
    assert tracker.tracking
    assert tracker.track(STILL, CAMERA, 5033 * MS)
    assert tracker.track(STILL, CAMERA, 1000 * MS) is None
    assert not tracker.tracking


def test_poses_are_in_the_map_with_calibrated_covariances() -> None:
    moved, plain = tracker_of(MAP_FROM_DATASET), tracker_of()
    start(moved, MAP_FROM_DATASET @ pose_at(0))
    start(plain)
    image = draw(WALL, pose_at(0.02))
    one, other = (tracker.track(image, CAMERA, 33 * MS) for tracker in (moved, plain))
    assert np.abs(pose_difference(
        MAP_FROM_DATASET @ other.map_from_camera, one.map_from_camera)).max() < 1e-6
    assert np.trace(one.covariance[:3, :3]) == pytest.approx(np.trace(other.covariance[:3, :3]))
    assert np.trace(other.covariance[:3, :3]) > np.trace(COVARIANCE[:3, :3])  # and no less
    assert np.trace(other.covariance[:3, :3]) < 1.5 * np.trace(COVARIANCE[:3, :3])
    assert one.landmarks == one.matches.inlier.sum() > 100
    assert np.abs(one.matches.points_m[:, 0]).min() > 80


def test_a_motion_is_predicted_by_odometry_or_at_constant_velocity_and_turn() -> None:
    model, turn = MotionModel(), pose_at(0.1, yaw_deg=2.0)
    model.add(TimedPose(0, Pose(), Pose()))
    assert np.abs(pose_difference(model.predict(50, None), Pose())).max() == 0
    model.add(TimedPose(100, turn, pose_at(1.0)))
    assert np.abs(pose_difference(
        model.predict(200, None), interpolate(Pose(), turn, 2.0))).max() < 1e-9
    assert np.abs(pose_difference(
        model.predict(10_000, None), interpolate(Pose(), turn, 6.0))).max() < 1e-9
    by_odometry = turn @ pose_at(1.0).inverse() @ pose_at(1.5)
    assert np.abs(pose_difference(model.predict(200, pose_at(1.5)), by_odometry)).max() < 1e-9


def test_what_counts_as_localised() -> None:
    assert is_localised(estimate(pose_at(0)))
