"""The gate on walks: noise passes, jumps do not, a carried robot is believed again."""

from __future__ import annotations

import numpy as np
from posenet_ros.geometry.estimate import diagonal_covariance, PoseEstimate
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.calibration import Scene
from posenet_ros.localisation.gate import Gate, Verdict
from posenet_ros.localisation.gate_config import GateConfig
import pytest

SCENE = Scene((-100.0,) * 3, (100.0,) * 3)
PERIOD_NS = 100_000_000
LIMITS = GateConfig(max_jump_m=1.0, max_jump_deg=15.0, reaccept_frames=3)
ACCEPTED, JUMP = Verdict.ACCEPTED, Verdict.JUMP


def turned(degrees: float) -> np.ndarray:
    """Return a quaternion about z."""
    half = np.radians(degrees) / 2
    return np.array([0.0, 0.0, np.sin(half), np.cos(half)])


def at(x: float, degrees: float = 0.0, sigma_m: float = 0.1,
       sigma_rad: float = 0.01) -> PoseEstimate:
    """Return an estimate."""
    return PoseEstimate(Pose(np.array([x, 0.0, 0.0]), turned(degrees)),
                        diagonal_covariance((0.05, sigma_m, 0.05), (0.001, 0.001, sigma_rad)))


def verdicts(gate: Gate, xs: list[float], start: int = 0) -> list[Verdict]:
    """Let a gate judge positions along x, one a frame."""
    return [gate.decide(at(x), (start + i + 1) * PERIOD_NS).verdict for i, x in enumerate(xs)]


def test_without_limits_everything_is_accepted() -> None:
    assert set(verdicts(Gate(GateConfig(), SCENE), [0, 50, -50, 0])) == {ACCEPTED}


def test_a_single_jump_is_rejected_and_forgotten() -> None:
    gate = Gate(LIMITS, SCENE)
    assert verdicts(gate, [0, 0.1, 9, 0.2, 0.3]) == [
        ACCEPTED, ACCEPTED, JUMP, ACCEPTED, ACCEPTED]
    decision = gate.decide(at(0.4, degrees=30), 10 * PERIOD_NS)
    assert decision.verdict is JUMP
    assert decision.reasons == ('jump of 30.00 deg, the limit is 15 deg',)


def test_a_carried_robot_is_believed_after_some_frames_that_agree() -> None:
    gate = Gate(LIMITS, SCENE)
    assert verdicts(gate, [0, 0, 9, 9.1, 9.2, 9.3, 9.4]) == [
        ACCEPTED, ACCEPTED, JUMP, JUMP, ACCEPTED, ACCEPTED, ACCEPTED]


def test_the_frames_that_agree_tell_how_fast_it_is() -> None:
    assert verdicts(Gate(LIMITS, SCENE), [0, 0, 20, 20.9, 21.8, 23.6]) == [
        ACCEPTED, ACCEPTED, JUMP, JUMP, ACCEPTED, ACCEPTED]


def test_jumps_that_do_not_agree_are_never_believed() -> None:
    gate = Gate(LIMITS, SCENE)
    walk = [0.0] + [float(x) for x in np.random.default_rng(0).uniform(10, 90, 50)]
    assert verdicts(gate, walk)[1:].count(ACCEPTED) == 0


def test_what_is_rejected_for_another_reason_is_no_witness_of_a_jump() -> None:
    gate = Gate(GateConfig(max_jump_m=1.0, max_sigma_m=1.0, reaccept_frames=3), SCENE)
    assert gate.decide(at(0), 1).accepted
    unsure = [gate.decide(at(9, sigma_m=5.0), 2 + i).verdict for i in range(5)]
    assert set(unsure) == {Verdict.UNCERTAIN}
    assert verdicts(gate, [9, 9, 9]) == [JUMP, JUMP, ACCEPTED]


def test_without_odometry_the_velocity_of_the_last_second_counts() -> None:
    gate = Gate(LIMITS, SCENE)
    fast = [0.4 * i for i in range(11)]  # 4 m/s
    assert set(verdicts(gate, fast)) == {ACCEPTED}
    gap = gate.decide(at(4.0 + 4.0 * 0.8), 11 * PERIOD_NS + 8 * PERIOD_NS)
    assert gap.accepted  # 0.8 s without an image: it has moved on
    assert not Gate(LIMITS, SCENE).decide(at(0), 1).reasons


def test_odometry_moves_the_last_pose_on() -> None:
    map_from_odom = Pose(np.array([5.0, 2.0, 0.0]), turned(70))

    def odom_from_camera(i: int) -> Pose:
        return Pose(np.array([3.0 * i, -i, 0.0]), turned(40 * i))  # 30 m/s, turning

    gate = Gate(LIMITS, SCENE)
    for i in range(6):
        odom = odom_from_camera(i)
        estimate = PoseEstimate(map_from_odom @ odom, np.eye(6))
        stamp = (i + 1) * PERIOD_NS
        assert gate.decide(estimate, stamp, odom_from_camera=odom).accepted
        standing = PoseEstimate(map_from_odom @ odom_from_camera(0), np.eye(6))
        if i:
            wrong = gate.decide(standing, stamp + 1, odom_from_camera=odom)
            assert wrong.verdict is JUMP


def test_uncertain_and_old_ones_are_rejected() -> None:
    gate = Gate(GateConfig(max_sigma_m=0.5, max_sigma_deg=2.0, max_age_s=0.3), SCENE)
    assert gate.decide(at(0), 1).accepted
    assert gate.decide(at(0, sigma_m=0.6), 2).verdict is Verdict.UNCERTAIN
    turn = gate.decide(at(0, sigma_rad=np.radians(2.5)), 3)
    assert turn.reasons == ('standard deviation of 2.50 deg, the limit is 2 deg',)
    assert gate.decide(at(0), 4, age_s=0.4).verdict is Verdict.STALE
    assert gate.decide(at(0), 5, age_s=0.2).accepted


def test_seed_and_reset() -> None:
    gate = Gate(LIMITS, SCENE)
    gate.seed(at(7.0, sigma_m=0.0, sigma_rad=0.0))
    assert gate.decide(at(0), 1).verdict is JUMP
    assert gate.decide(at(7.2), 2).accepted
    gate.reset()
    assert gate.decide(at(0), 1).accepted


def test_an_initial_pose_widens_the_limits_by_three_sigma_until_a_pose_is_accepted() -> None:
    gate = Gate(LIMITS, SCENE)
    gate.seed(at(7.0, sigma_m=0.5))
    assert gate.decide(at(4.4), 1).verdict is JUMP  # 2.6 m: the limit is 1 m + 1.5 m
    assert gate.decide(at(4.6), 2).accepted
    assert gate.decide(at(6.0), 3).verdict is JUMP


def test_an_initial_pose_gives_no_velocity_and_forgets_no_time() -> None:
    """Its time would be the node's, and the images may have another clock."""
    gate = Gate(LIMITS, SCENE)
    assert gate.decide(at(0), 10 * PERIOD_NS).accepted
    gate.seed(at(7.9, sigma_m=0.05))
    assert gate.decide(at(7.9), 10 * PERIOD_NS - 1).verdict is Verdict.STALE
    assert gate.decide(at(7.0), 11 * PERIOD_NS).accepted
    assert gate.decide(at(7.0), 12 * PERIOD_NS).accepted
    assert gate.decide(at(7.9), 13 * PERIOD_NS).accepted  # a velocity of -9 m/s would say 6.1


def test_an_initial_pose_moves_on_by_odometry() -> None:
    gate = Gate(LIMITS, SCENE)
    gate.seed(at(0.0, sigma_m=0.0), Pose())
    moved = Pose(np.array([5.0, 0.0, 0.0]))
    assert gate.decide(at(0.0), 1, odom_from_camera=moved).verdict is JUMP
    assert gate.decide(at(5.0), 2, odom_from_camera=moved).accepted


def test_a_carried_robot_needs_one_frame_at_least() -> None:
    with pytest.raises(ValueError, match='reaccept_frames has to be at least 1'):
        GateConfig(reaccept_frames=0)


def test_the_velocity_is_that_of_the_last_second_and_no_older() -> None:
    gate = Gate(LIMITS, SCENE)
    walk = [0.4 * i for i in range(11)] + [4.0] * 15  # 4 m/s, then 1.5 s at rest
    assert set(verdicts(gate, walk)) == {ACCEPTED}
    assert gate.decide(at(4.0), (len(walk) + 8) * PERIOD_NS).accepted


def test_the_motion_is_predicted_no_longer_than_it_was_observed() -> None:
    walk = [0.4 * i for i in range(11)]  # one second
    for x, verdict in ((8.0, ACCEPTED), (24.0, JUMP)):
        gate = Gate(LIMITS, SCENE)
        assert set(verdicts(gate, walk)) == {ACCEPTED}
        assert gate.decide(at(x), 61 * PERIOD_NS).verdict is verdict  # after 5 s


def test_jumps_have_to_agree_in_a_row() -> None:
    gate = Gate(LIMITS, SCENE)
    assert verdicts(gate, [0, 9, 0, 9, 0, 9, 0, 9]) == [ACCEPTED, JUMP] * 4


def test_the_largest_standard_deviation_counts_along_any_direction() -> None:
    covariance = np.eye(6) * 1e-6
    covariance[:2, :2] = [[0.2, 0.15], [0.15, 0.2]]  # 0.45 m along x and y, 0.59 m between them
    one = PoseEstimate(Pose(), covariance)
    assert Gate(GateConfig(max_sigma_m=0.5), SCENE).decide(one, 1).verdict is Verdict.UNCERTAIN
    assert Gate(GateConfig(max_sigma_m=0.6), SCENE).decide(one, 1).accepted
