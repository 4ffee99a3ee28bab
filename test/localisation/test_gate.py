"""The gate: what is accepted, and why the rest is not."""

from __future__ import annotations

from helpers import poses
from hypothesis import given
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.calibration import Scene
from posenet_ros.localisation.gate import Gate, Verdict
from posenet_ros.localisation.gate_config import GateConfig
import pytest

SCENE = Scene((-1.0, -2.0, 0.0), (1.0, 2.0, 3.0))


def estimate(x: float, y: float = 0.0, z: float = 0.0) -> PoseEstimate:
    """Return an estimate at that position of the map, metres."""
    return PoseEstimate(Pose(np.array([x, y, z])), np.eye(6))


def test_an_estimate_inside_the_trained_area_is_accepted() -> None:
    decision = Gate(GateConfig(0.5), SCENE).decide(estimate(0), 1)
    assert decision.accepted
    assert decision.reasons == ()


def test_an_estimate_too_far_outside_is_rejected_with_its_distance() -> None:
    decision = Gate(GateConfig(0.5), SCENE).decide(estimate(3), 1)
    assert decision.verdict is Verdict.OUT_OF_BOUNDS
    assert '2.0 m outside' in decision.reasons[0]


@pytest.mark.parametrize('position', [(-3, 0, 0), (0, 4, 0), (0, -4, 0), (0, 0, 5), (0, 0, -2)])
def test_the_trained_area_has_three_dimensions(position: tuple[float, float, float]) -> None:
    decision = Gate(GateConfig(0.5), SCENE).decide(estimate(*position), 1)
    assert '2.0 m outside' in decision.reasons[0]


def test_the_distance_check_can_be_off() -> None:
    assert Gate(GateConfig(0.0), SCENE).decide(estimate(1e6), 1).accepted


@pytest.mark.parametrize(('score', 'limit', 'verdict'), [
    (1.2, 1.0, Verdict.OUT_OF_PLACE), (0.8, 1.0, Verdict.ACCEPTED), (1.2, 2.0, Verdict.ACCEPTED),
    (1.2, 0.0, Verdict.ACCEPTED), (None, 1.0, Verdict.ACCEPTED)])
def test_an_image_of_another_place_is_rejected(
        score: float | None, limit: float, verdict: Verdict) -> None:
    gate = Gate(GateConfig(max_place_score=limit), SCENE)
    decision = gate.decide(PoseEstimate(Pose(), np.eye(6), score), 1)
    assert decision.verdict is verdict
    assert decision.accepted or 'score 1.20, the limit is 1' in decision.reasons[0]


@given(poses())
def test_the_area_moves_with_the_map(map_from_dataset: Pose) -> None:
    gate = Gate(GateConfig(0.5), SCENE, map_from_dataset)
    inside, outside = (map_from_dataset.apply([x, 0, 1]) for x in (0, 2))
    assert gate.decide(estimate(*inside), 1).accepted
    assert not gate.decide(estimate(*outside), 2).accepted


def test_an_image_no_newer_than_the_last_is_stale_until_reset() -> None:
    gate = Gate(GateConfig(), SCENE)
    assert gate.decide(estimate(0), 100).accepted
    assert gate.decide(estimate(0), 100).verdict is Verdict.STALE
    assert gate.decide(estimate(0), 50).verdict is Verdict.STALE
    gate.reset()
    assert gate.decide(estimate(0), 50).accepted


def test_a_rejected_estimate_is_not_remembered() -> None:
    gate = Gate(GateConfig(0.5, max_jump_m=1.0), SCENE)
    assert not gate.decide(estimate(9), 100).accepted
    assert gate.decide(estimate(0), 101).accepted


@pytest.mark.parametrize('late_ns', [1_000, 10_000_000, 10**9])
def test_a_late_image_is_stale_and_changes_nothing(late_ns: int) -> None:
    gate, s = Gate(GateConfig(max_jump_m=1.0, reaccept_frames=3), SCENE), 10**9
    assert gate.decide(estimate(0), 10 * s).accepted
    assert gate.decide(estimate(8), 11 * s).verdict is Verdict.JUMP
    late = gate.decide(estimate(8), 11 * s - late_ns)
    assert late.verdict is Verdict.STALE
    assert gate.decide(estimate(8), 11 * s + 1).verdict is Verdict.JUMP, 'it is no witness'
    assert gate.decide(estimate(0.1), 12 * s).accepted
    assert gate.decide(estimate(0.1), 12 * s - late_ns).verdict is Verdict.STALE
    after = gate.decide(estimate(0.1), 12 * s - late_ns + 1)
    assert after.verdict is Verdict.STALE, 'the last stamp stays'


def test_further_back_than_a_second_everything_begins_anew() -> None:
    gate = Gate(GateConfig(max_jump_m=1.0), SCENE)
    assert gate.decide(estimate(0), 10**10).accepted
    assert gate.decide(estimate(9), 9 * 10**9 - 1).accepted, 'no jump: the past is forgotten'
    assert gate.decide(estimate(0), 9 * 10**9).verdict is Verdict.JUMP


def test_a_rejected_image_is_the_last_one_too() -> None:
    gate = Gate(GateConfig(0.5), SCENE)
    assert not gate.decide(estimate(9), 100).accepted
    assert gate.decide(estimate(0), 99).verdict is Verdict.STALE


@pytest.mark.parametrize(('landmarks', 'needed', 'verdict'), [
    (0, 0, Verdict.ACCEPTED), (0, 15, Verdict.CAMERA_DIFFERS), (14, 15, Verdict.CAMERA_DIFFERS),
    (15, 15, Verdict.ACCEPTED)])
def test_a_pose_of_another_camera_needs_landmarks(
        landmarks: int, needed: int, verdict: Verdict) -> None:
    one = PoseEstimate(Pose(), np.eye(6), None, landmarks)
    assert Gate(GateConfig(), SCENE).decide(one, 1, min_keypoints=needed).verdict is verdict


def test_landmarks_of_one_keypoint_count_once() -> None:
    points = np.repeat([[0.1, 0.2], [0.3, 0.1]], [20, 1], axis=0)
    matches = LandmarkMatches(np.ones((21, 3)), points, np.zeros(21, np.intp), np.ones(21, bool))
    one = PoseEstimate(Pose(), np.eye(6), None, 21, matches)
    decision = Gate(GateConfig(), SCENE).decide(one, 1, min_keypoints=15)
    assert '2 keypoints' in decision.reasons[0]


@pytest.mark.parametrize('limit', [-1.0, float('nan')])
def test_a_limit_that_is_none_is_refused(limit: float) -> None:
    with pytest.raises(InputError, match='max_distance_m'):
        GateConfig(limit)
