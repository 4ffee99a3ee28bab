"""The gate at its limits: what is exactly as large passes, and each reason has its words."""

from __future__ import annotations

from dataclasses import replace
import math

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.estimate import diagonal_covariance, PoseEstimate
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.quality import Fault, ImageFault, ImageStatistics
from posenet_ros.inference.calibration import Scene
from posenet_ros.landmarks.localisation import PosePrior
from posenet_ros.localisation.gate import Decision, Gate, Verdict
from posenet_ros.localisation.gate_config import GateConfig, NODE_DEFAULTS
from posenet_ros.localisation.gating.prior import (
    is_near,
    KnownPose,
    PoseHistory,
    prior_of,
    PriorOptions,
)
from posenet_ros.localisation.gating.reasons import describe_excess, why_not_confirmed
from posenet_ros.localisation.gating.relocalisation import Relocalisation
import pytest

SCENE = Scene((-1.0, -2.0, 0.0), (1.0, 2.0, 3.0))
S = 10**9


def estimate(x: float = 0.0, sigma_m: float = 0.1, sigma_rad: float = 0.01,
             landmarks: int = 0, place_score: float | None = None) -> PoseEstimate:
    return PoseEstimate(Pose(np.array([x, 0.0, 1.0])),
                        diagonal_covariance((sigma_m,) * 3, (sigma_rad,) * 3), place_score,
                        landmarks)


def decide(config: GateConfig, one: PoseEstimate, age_s: float = 0.0,
           fault: Fault | None = None) -> Decision:
    return Gate(config, SCENE).decide(one, 1, age_s=age_s, fault=fault)


@pytest.mark.parametrize(('config', 'one', 'age_s', 'reason'), [
    (GateConfig(max_distance_m=0.5), estimate(1.5), 0.0, ''),
    (GateConfig(max_distance_m=0.5), estimate(1.5625), 0.0,
     '0.6 m outside the trained area, the limit is 0.5 m'),
    (GateConfig(max_place_score=1.25), estimate(place_score=1.25), 0.0, ''),
    (GateConfig(max_place_score=1.25), estimate(place_score=1.26), 0.0,
     'the image is not of the trained place: score 1.26, the limit is 1.25'),
    (GateConfig(max_age_s=0.5), estimate(), 0.5, ''),
    (GateConfig(max_age_s=0.5), estimate(), 0.625, 'the image is 0.625 s old, the limit is 0.5 s'),
    (GateConfig(max_age_s=0.0), estimate(), 99.0, ''),
    (GateConfig(max_sigma_m=0.5), estimate(sigma_m=0.5), 0.0, ''),
    (GateConfig(max_sigma_m=0.5), estimate(sigma_m=0.51, sigma_rad=9), 0.0,
     'standard deviation of 0.51 m, the limit is 0.5 m'),
    (GateConfig(max_sigma_deg=1.0), estimate(sigma_m=9, sigma_rad=math.radians(1.01)), 0.0,
     'standard deviation of 1.01 deg, the limit is 1 deg'),
    (GateConfig(max_sigma_m=0.5, max_sigma_deg=1.0), estimate(0, 0.6, math.radians(2)), 0.0,
     'standard deviation of 0.60 m, the limit is 0.5 m; 2.00 deg, the limit is 1 deg')])
def test_what_is_as_large_as_the_limit_passes(
        config: GateConfig, one: PoseEstimate, age_s: float, reason: str) -> None:
    assert decide(config, one, age_s).reasons == ((reason,) if reason else ())


def test_the_reasons_of_a_late_image_say_how_late() -> None:
    gate = Gate(GateConfig(), SCENE)
    gate.decide(estimate(), 2 * S)
    assert gate.decide(estimate(), 2 * S).reasons == ('the image has the stamp of the last',)
    assert gate.decide(estimate(), 2 * S - 1000).reasons == (
        'the image is 0.000001 s older than the last',)
    assert gate.decide(estimate(), S).reasons == ('the image is 1.000000 s older than the last',)


@pytest.mark.parametrize(('kind', 'faulty', 'blurred', 'rejected'), [
    (ImageFault.DARK, True, False, True), (ImageFault.DARK, False, True, False),
    (ImageFault.BLURRED, True, False, False), (ImageFault.BLURRED, False, True, True)])
def test_faults_are_rejected_where_that_is_wanted(
        kind: ImageFault, faulty: bool, blurred: bool, rejected: bool) -> None:
    config = GateConfig(reject_faulty_images=faulty, reject_blurred_images=blurred)
    decision = decide(config, estimate(), fault=Fault(kind, 'it is night'))
    assert decision.accepted != rejected
    if rejected:
        assert (decision.verdict.value, decision.reasons) == (kind.value, ('it is night',))


def test_the_gate_s_own_limits_decide_what_is_frozen_and_what_is_blurred() -> None:
    good = ImageStatistics(0.1, 0.1, 30.0, 0.5, repeats=10)
    gate = Gate(GateConfig(max_identical_images=11, min_sharpness=0.4), SCENE)
    assert gate.fault(None) is None
    assert gate.fault(good) is None
    for change, kind in (({'repeats': 11}, ImageFault.FROZEN),
                         ({'sharpness': 0.39}, ImageFault.BLURRED)):
        fault = gate.fault(good._replace(**change))
        assert fault is not None
        assert fault.kind is kind


def test_a_rejected_image_with_a_fault_is_no_news_for_the_history() -> None:
    gate = Gate(GateConfig(reject_faulty_images=True), SCENE, priors=PriorOptions())
    one = estimate(landmarks=9)
    assert gate.decide(one, S).accepted
    assert not gate.decide(one, S + 1, fault=Fault(ImageFault.DARK, '')).accepted
    assert not gate.history.expect(S + 2).check


def test_an_initial_pose_has_three_sigma_of_slack_in_turns_too() -> None:
    for degrees, accepted in ((17.9, True), (18.2, False)):
        gate = Gate(GateConfig(max_jump_deg=15.0), SCENE)
        gate.seed(estimate(sigma_rad=math.radians(1)))
        half = math.radians(degrees) / 2
        turned = Pose(np.array([0, 0, 1.0]), np.array([0, 0, math.sin(half), math.cos(half)]))
        assert gate.decide(PoseEstimate(turned, np.eye(6)), 1).accepted == accepted


def test_a_pose_that_disagrees_with_the_candidates_begins_anew() -> None:
    gate = Gate(GateConfig(max_jump_m=1.0, reaccept_frames=2), SCENE)
    assert gate.decide(estimate(0), S).accepted
    assert [gate.decide(estimate(x), (2 + i) * S).accepted for i, x in enumerate((9, 20, 20.5))
            ] == [False, False, True]
    alone = Gate(GateConfig(max_jump_m=1.0, reaccept_frames=1), SCENE)
    assert alone.decide(estimate(0), S).accepted
    assert alone.decide(estimate(9), 2 * S).accepted


def test_the_velocity_window_is_a_second_long() -> None:
    gate = Gate(GateConfig(max_jump_m=0.5), SCENE)
    for i, x in enumerate((0.0, 0.0, 0.25, 0.5)):  # at rest until 0.5 s, then 0.5 m/s
        assert gate.decide(estimate(x), (2 + i) * S // 2).accepted
    # from 1.5 to 2.5 s 0.5 m: at 3.5 s 1.0 m is expected
    assert gate.decide(estimate(1.49), 7 * S // 2).accepted
    assert Gate(GateConfig(), SCENE).decide(estimate(), 1).accepted


@pytest.mark.parametrize(('keypoints', 'needed', 'reason'), [
    (4, 0, ''), (0, 0, ''), (15, 15, ''), (16, 15, ''),
    (14, 15, "the image's camera is not the model's, for which the network was not trained, and "
             '14 keypoints show landmarks that confirm the pose: at least 15 are expected')])
def test_another_camera_needs_landmarks(keypoints: int, needed: int, reason: str) -> None:
    assert why_not_confirmed(estimate(landmarks=keypoints), needed) == reason


@pytest.mark.parametrize(('values', 'slack', 'expected'), [
    ((1.0, 1.0, 5.0, 5.0), (0.0, 0.0), ''), ((9.0, 0.0, 9.0, 0.0), (0.0, 0.0), ''),
    ((1.5, 1.0, 5.0, 5.0), (0.5, 0.0), ''),
    ((2.0, 1.0, 5.0, 5.0), (0.5, 0.0), 'jump of 2.00 m, the limit is 1.5 m'),
    ((1.0, 1.0, 6.5, 5.0), (0.0, 1.0), 'jump of 6.50 deg, the limit is 6 deg'),
    ((2.0, 1.0, 6.0, 5.0), (0.0, 0.0), 'jump of 2.00 m, the limit is 1 m; 6.00 deg, the limit is '
                                       '5 deg')])
def test_what_exceeds_is_described_with_its_limit(
        values: tuple[float, float, float, float], slack: tuple[float, float],
        expected: str) -> None:
    assert describe_excess('jump', *values, slack) == expected


@pytest.mark.parametrize(('metres', 'degrees', 'sigma_m', 'near'), [
    (0.99, 0.0, 0.0, True), (1.01, 0.0, 0.0, False), (0.0, 9.9, 0.0, True),
    (0.0, 10.1, 0.0, False), (2.49, 0.0, 0.5, True), (2.51, 0.0, 0.5, False),
    (0.9, 10.1, 0.5, False), (1.01, 9.9, 0.0, False)])
def test_another_place_is_five_sigma_and_a_metre_off(
        metres: float, degrees: float, sigma_m: float, near: bool) -> None:
    half = math.radians(degrees) / 2
    pose = Pose(np.array([metres, 0, 0]), np.array([0, 0, math.sin(half), math.cos(half)]))
    assert is_near(pose, PosePrior(Pose(), sigma_m, 0.0, 'odometry')) == near
    wide = PosePrior(Pose(), 0.0, math.radians(3), 'odometry')
    half = math.radians(14.9) / 2
    turned = Pose(np.zeros(3), np.array([0, 0, math.sin(half), math.cos(half)]))
    assert is_near(turned, wide)
    assert not is_near(turned, wide._replace(sigma_rad=math.radians(2.9)))


def test_a_speed_is_known_of_two_poses_within_the_timeout() -> None:
    for seconds, sigma_m in ((10.0, 1.5), (10.1, 5.0)):
        history = PoseHistory(replace(PriorOptions(), max_sigma_m=99.0))
        history.accept(estimate(0, 0.05, landmarks=9), S, None)
        then = S + round(seconds * S)
        history.accept(estimate(1.0, 0.05, landmarks=9), then, None)
        prior = history.expect(then + S).prior
        assert prior is not None
        assert prior.sigma_m == pytest.approx(math.hypot(0.05, sigma_m))
    history = PoseHistory(PriorOptions())
    history.give(estimate(), None)
    history.expect(S)
    history.accept(estimate(5.0, 0.05, landmarks=9), S + S // 2, None)
    prior = history.expect(S + S).prior
    assert prior is not None
    assert prior.sigma_m == pytest.approx(math.hypot(0.05, 2.5)), 'a given pose has no speed'


def test_the_rotation_of_a_prior_is_half_a_turn_at_most() -> None:
    history = PoseHistory(PriorOptions())
    history.accept(estimate(0, 0.05, landmarks=9), S, Pose())
    spun = Pose(np.zeros(3), np.array([0, 0, 1.0, 0]))
    prior = history.expect(2 * S, spun).prior
    assert prior is not None
    assert prior.sigma_rad == pytest.approx(math.hypot(0.02, 0.05 * math.pi))
    later = history.expect(2 * S).prior
    assert later is not None
    assert later.sigma_rad == pytest.approx(math.hypot(0.02, 1.0))
    unsure = PoseEstimate(Pose(), np.diag([0.01] * 3 + [16.0] * 3), landmarks=9)
    history.accept(unsure, 3 * S, None)
    wide = history.expect(4 * S).prior
    assert wide is not None
    assert wide.sigma_rad == math.pi


def test_an_answer_has_pose_and_covariance_where_the_gate_accepts() -> None:
    one = PoseEstimate(Pose(), np.eye(6), 0.7, 12, ambiguous=(Pose(),))
    good = Relocalisation(one, Decision(Verdict.ACCEPTED))
    bad = Relocalisation(one, Decision(Verdict.JUMP, ('far',)))
    assert (good.accepted, good.pose, good.reasons) == (True, one.map_from_camera, ())
    assert good.covariance is one.covariance
    assert (bad.accepted, bad.pose, bad.covariance) == (False, None, None)
    assert (bad.verdict, bad.reasons) == (Verdict.JUMP, ('far',))
    assert (good.landmarks, good.place_score, good.ambiguous) == (12, 0.7, one.ambiguous)


def test_limits_are_off_at_first_and_the_node_has_two_of_them() -> None:
    assert GateConfig(0, 0, 0, 0, 0, 5, 0, 1.0, True, False, 10, 0.25) == NODE_DEFAULTS
    for name in ('max_sigma_deg', 'max_identical_images', 'min_sharpness'):
        with pytest.raises(InputError, match=rf'{name} has to be 0 \(off\) or more'):
            GateConfig(**{name: -1})


def test_an_image_at_the_time_nought_has_a_stamp() -> None:
    gate = Gate(GateConfig(max_age_s=0.5), SCENE)
    assert gate.decide(estimate(), 0).accepted
    assert gate.decide(estimate(), 0).reasons == ('the image has the stamp of the last',)
    assert gate.decide(estimate(), -1000).reasons == (
        'the image is 0.000001 s older than the last',)


@pytest.mark.parametrize(('sigma_m', 'known'), [(10.0, True), (10.001, False)])
def test_a_prior_may_be_as_wide_as_the_limit(sigma_m: float, known: bool) -> None:
    prior = prior_of(KnownPose(Pose(), sigma_m, 0.1, S), S, None)
    assert (prior is not None) == known


@pytest.mark.parametrize(('late_ns', 'checked'), [(-3, False), (0, True), (3, True)])
def test_a_check_is_due_after_five_seconds_to_the_nanosecond(late_ns: int, checked: bool) -> None:
    history = PoseHistory(PriorOptions())
    history.accept(estimate(landmarks=9), S, Pose())
    assert history.expect(6 * S + late_ns, Pose()).check == checked


@pytest.mark.parametrize(('late_ns', 'sigma_m'), [(0, 1.5), (5, 5.0), (-5, 1.5)])
def test_a_speed_is_known_for_ten_seconds_to_the_nanosecond(
        late_ns: int, sigma_m: float) -> None:
    history = PoseHistory(PriorOptions())
    then = 11 * S + late_ns
    history.accept(estimate(0, 0.05, landmarks=9), S, None)
    history.accept(estimate(1.0, 0.05, landmarks=9), then, None)
    prior = history.expect(then + S).prior
    assert prior is not None
    assert prior.sigma_m == pytest.approx(math.hypot(0.05, sigma_m))


def test_an_initial_pose_is_contradicted_by_three_images_in_a_row() -> None:
    gate = Gate(GateConfig(), SCENE, priors=PriorOptions())
    gate.decide(estimate(landmarks=9), S)
    gate.history.expect(S + 1)
    assert not gate.decide(estimate(60.0, landmarks=9), S + 1).accepted
    gate.seed(estimate(landmarks=9))
    verdicts = []
    for stamp in range(S + 2, S + 5):
        gate.history.expect(stamp)
        verdicts.append(gate.decide(estimate(60.0, landmarks=9), stamp).accepted)
    assert verdicts == [False, False, True]


@pytest.mark.parametrize(('expected', 'stamp', 'landmarks', 'accepted'), [
    (2 * S, 2 * S, 9, False), (2 * S, 2 * S - 1, 9, True), (2 * S, 2 * S + 1, 9, True),
    (2 * S, 2 * S, 0, True)])
def test_an_image_contradicts_where_it_was_expected_and_has_landmarks(
        expected: int, stamp: int, landmarks: int, accepted: bool) -> None:
    gate = Gate(GateConfig(), SCENE, priors=PriorOptions())
    gate.decide(estimate(landmarks=9), S)
    gate.history.expect(expected)
    assert gate.decide(estimate(60.0, landmarks=landmarks), stamp).accepted == accepted


@pytest.mark.parametrize(('x', 'y', 'z', 'distance'), [
    (-1.0, 0, 1, 0.0), (-1.6, 0, 1, 0.6), (0, -2.6, 1, 0.6), (0, 2.6, 1, 0.6), (0, 0, -0.6, 0.6),
    (0, 0, 3.6, 0.6), (1.6, 2.8, 1, 1.0), (1.4, 2.0, 3.0, 0.0)])
def test_the_trained_area_has_six_sides(x: float, y: float, z: float, distance: float) -> None:
    pose = Pose(np.array([x, y, z], float))
    decision = Gate(GateConfig(max_distance_m=0.5), SCENE).decide(PoseEstimate(pose, np.eye(6)), 1)
    assert decision.reasons == ((f'{distance:.1f} m outside the trained area, the limit is 0.5 m',)
                                if distance else ())


def test_an_initial_pose_has_three_sigma_of_slack_in_metres() -> None:
    for x, accepted in ((1.59, True), (1.61, False)):
        gate = Gate(GateConfig(max_jump_m=1.0), SCENE)
        gate.seed(estimate(sigma_m=0.2))
        assert gate.decide(estimate(x), 1).accepted == accepted
