"""Where a camera is expected: how the prior grows, ends, and is contradicted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from posenet_ros.geometry.estimate import diagonal_covariance, PoseEstimate
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.gate import Decision, Gate, Verdict
from posenet_ros.localisation.gate_config import GateConfig
from posenet_ros.localisation.gating.prior import (
    Expectation,
    is_near,
    KnownPose,
    NOTHING,
    PoseHistory,
    prior_of,
    PriorOptions,
)
from posenet_ros.localisation.gating.reasons import why_ambiguous
import pytest

from .test_gate import SCENE

S = 10**9
OPTIONS = PriorOptions()
HERE = Pose(np.array([1.0, 2.0, 0.0]))


def turned(rad: float, *position: float) -> Pose:
    return Pose(np.array((*position, 0.0, 0.0, 0.0)[:3]),
                np.array([0, 0, np.sin(rad / 2), np.cos(rad / 2)]))


def estimate(pose: Pose = HERE, sigma_m: float = 0.1, landmarks: int = 50,
             ambiguous: tuple[Pose, ...] = ()) -> PoseEstimate:
    return PoseEstimate(pose, diagonal_covariance([sigma_m] * 3, [0.03] * 3),
                        landmarks=landmarks, ambiguous=ambiguous)


def decide(gate: Gate, pose: Pose, stamp_ns: int) -> Decision:
    gate.history.expect(stamp_ns)
    return gate.decide(estimate(pose), stamp_ns)


def test_without_odometry_it_grows_with_the_time() -> None:
    known = KnownPose(HERE, 0.1, 0.03, 5 * S, speed_m_s=0.0)
    prior = prior_of(known, 7 * S, None)
    assert prior.map_from_camera is HERE
    assert prior.sigma_m == pytest.approx(np.hypot(0.1, 3.0))
    assert prior.sigma_rad == pytest.approx(np.hypot(0.03, 2.0))
    assert prior.source == 'last pose'


@pytest.mark.parametrize(('speed', 'expected'), [
    (None, 5.0), (0.2, 1.5), (1.6, 1.6), (14.0, 14.0)])
def test_who_drives_faster_than_one_walks_goes_on_as_fast(
        speed: float | None, expected: float) -> None:
    known = KnownPose(HERE, 0.0, 0.0, 5 * S, speed_m_s=speed)
    assert prior_of(known, 5 * S + S // 2, None).sigma_m == pytest.approx(
        np.hypot(0.05, expected / 2))
    given = prior_of(known._replace(is_given=True), 5 * S + S // 2, None)
    assert given.sigma_m == pytest.approx(np.hypot(0.25, 0.75))


def test_the_speed_is_that_between_the_last_two_localised_poses() -> None:
    """A car of 20 m/s is believed at once, and expected further on; a pose alone has no speed."""
    gate = Gate(GateConfig(), SCENE, priors=OPTIONS)
    sigmas = []
    for i in range(1, 5):
        assert decide(gate, turned(0.0, 2.0 * i), i * S // 10).accepted
        sigmas.append(gate.history.expect((i + 1) * S // 10).prior.sigma_m)
    assert sigmas == pytest.approx([np.hypot(0.1, 0.5), *[np.hypot(0.1, 2.0)] * 3])


def test_by_odometry_it_moves_and_grows_with_the_distance() -> None:
    odom = Pose(np.array([7.0, 0, 0])), turned(0.4, 7.0, 3.0, 4.0)
    known = KnownPose(turned(np.pi / 2, 1.0, 2.0, 0.0), 0.1, 0.03, 5 * S, odom[0])
    prior = prior_of(known, 9 * S, odom[1])
    assert prior.map_from_camera.translation_m == pytest.approx((1 - 3, 2, 4))
    assert prior.sigma_m == pytest.approx(np.hypot(0.1, 0.05 * 5))
    assert prior.sigma_rad == pytest.approx(np.hypot(0.03, 0.02 * 5 + 0.05 * 0.4))
    assert prior.source == 'odometry'
    assert prior_of(known, 6 * S, None).source == 'last pose'


@pytest.mark.parametrize(('seconds', 'known'), [
    (0.0, True), (3.0, True), (6.4, True), (7.0, False), (-0.1, False)])
def test_it_ends_by_itself(seconds: float, known: bool) -> None:
    """Of 1.5 m/s a camera may be anywhere within 10 m after 6.7 s; no pose comes before one."""
    found = prior_of(KnownPose(HERE, 0.1, 0.03, 5 * S, speed_m_s=1.0),
                     round((5 + seconds) * S), None)
    assert (found is not None) == known


def test_by_odometry_too_nothing_is_known_after_the_timeout() -> None:
    known = KnownPose(HERE, 0.1, 0.03, 5 * S, Pose())
    assert prior_of(known, 15 * S, Pose())
    assert prior_of(known, 15 * S + 1, Pose()) is None
    assert prior_of(known, 15 * S, Pose(), PriorOptions(timeout_s=9.0)) is None


def test_a_pose_has_a_least_sigma_and_one_that_a_person_gives_a_larger_one() -> None:
    known = KnownPose(HERE, 0.0, 0.0, S)
    localised, given = (prior_of(one, S, None) for one in (known, known._replace(is_given=True)))
    assert localised[1:] == (0.05, 0.02, 'last pose')
    assert given[1:] == (0.25, 0.1, 'initial pose')


def test_an_initial_pose_counts_from_the_next_image_until_a_pose_is_accepted() -> None:
    history = PoseHistory(OPTIONS)
    assert history.expect(S) == NOTHING
    history.give(estimate(sigma_m=0.5), None)
    first = history.expect(100 * S)
    assert first.prior.sigma_m == pytest.approx(0.5)
    assert not first.check
    assert history.expect(101 * S).prior.source == 'initial pose'
    history.accept(estimate(turned(0.0, 2.0)), 101 * S, None)
    later = history.expect(102 * S).prior
    assert (later.source, later.map_from_camera.translation_m[0]) == ('last pose', 2.0)


def test_an_accepted_pose_takes_the_place_of_an_initial_one_at_once() -> None:
    history = PoseHistory(OPTIONS)
    history.give(estimate(), None)
    history.accept(estimate(turned(0.0, 2.0)), S, None)
    assert history.expect(S).prior.source == 'last pose'


def test_an_initial_pose_that_nothing_confirms_is_dropped() -> None:
    history = PoseHistory(OPTIONS)
    history.give(estimate(), Pose())
    assert history.expect(S, Pose()).prior
    history.reject()
    assert history.expect(11 * S, Pose()).prior
    assert history.expect(12 * S, Pose()) == NOTHING


def test_a_pose_that_no_landmark_confirms_is_no_prior() -> None:
    history = PoseHistory(OPTIONS)
    history.accept(estimate(landmarks=0), S, None)
    assert history.expect(S + 1) == NOTHING


def test_nothing_is_expected_where_that_is_off() -> None:
    history = PoseHistory()
    history.accept(estimate(), S, None)
    assert history.expect(S + 1) == NOTHING
    assert not history.contradiction(estimate(turned(0, 90.0)), S + 1, None)


def test_now_and_then_an_image_is_localised_as_if_nothing_was_known() -> None:
    history = PoseHistory(OPTIONS)
    checks = []
    for tenth in range(120):
        checks.append(history.expect(tenth * S // 10).check)
        history.accept(estimate(), tenth * S // 10, None)
    assert np.flatnonzero(checks).tolist() == [50, 100]


def test_after_an_image_without_a_pose_the_next_is_a_check() -> None:
    history = PoseHistory(OPTIONS)
    history.accept(estimate(), S, None)
    assert not history.expect(S + 1).check
    history.reject()
    assert history.expect(S + 2).check
    assert not history.expect(S + 3).check


def test_after_a_pose_that_the_gate_withheld_the_next_image_is_a_check() -> None:
    gate = Gate(GateConfig(max_sigma_m=0.5), SCENE, priors=OPTIONS)
    assert decide(gate, HERE, S).accepted
    assert not gate.decide(estimate(sigma_m=2.0), S + 1).accepted
    assert gate.history.expect(S + 2).check


def test_a_wrong_pose_ends_when_images_in_a_row_contradict_it() -> None:
    """Two poses elsewhere are withheld, the third is believed, and the past is the new place."""
    gate = Gate(GateConfig(), SCENE, priors=OPTIONS)
    far = turned(0.0, 31.0, 2.0, 0.0)
    assert gate.decide(estimate(), S).accepted
    verdicts = []
    for i in range(1, 5):
        verdicts.append(decide(gate, far, S + i * S // 10).verdict)
    assert verdicts == [Verdict.JUMP, Verdict.JUMP, Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert gate.history.expect(2 * S).prior.map_from_camera is far


def test_one_contradiction_between_poses_that_fit_is_never_believed() -> None:
    gate = Gate(GateConfig(), SCENE, priors=OPTIONS)
    for i in range(1, 20):
        elsewhere = i % 3 == 0
        pose = turned(0.0, 31.0, 2.0, 0.0) if elsewhere else HERE
        assert decide(gate, pose, i * S // 10).accepted != elsewhere


def test_an_image_that_nothing_was_expected_of_contradicts_nothing() -> None:
    gate = Gate(GateConfig(), SCENE, priors=OPTIONS)
    assert decide(gate, HERE, S).accepted
    assert gate.decide(estimate(turned(0.0, 31.0, 2.0, 0.0)), S + 1).accepted


def test_the_reason_says_how_far_and_of_what() -> None:
    gate = Gate(GateConfig(), SCENE, priors=OPTIONS)
    gate.decide(estimate(), S)
    decision = decide(gate, turned(0.0, 31.0, 2.0, 0.0), 2 * S)
    assert decision.reasons == (
        'the image shows a place 30.0 m from where the camera is by its last pose: '
        '3 images in a row have to',)


def test_to_begin_anew_nothing_is_known() -> None:
    gate = Gate(GateConfig(), SCENE, priors=OPTIONS)
    gate.decide(estimate(), 100 * S)
    assert gate.history.expect(100 * S + 1).prior
    gate.reset()
    assert gate.history.expect(100 * S + 2) == NOTHING
    gate.seed(estimate())
    assert gate.history.expect(100 * S + 3).prior.source == 'initial pose'


def test_near_is_within_sigmas_or_the_same_place() -> None:
    prior = prior_of(KnownPose(HERE, 0.05, 0.02, 0), 0, None)
    assert is_near(turned(0.17, 1.9, 2.0, 0.0), prior)
    assert not is_near(turned(0.0, 2.1, 2.0, 0.0), prior)
    assert not is_near(turned(0.2, 1.0, 2.0, 0.0), prior)
    wide = prior._replace(sigma_m=2.0)
    assert is_near(turned(0.0, 10.9, 2.0, 0.0), wide)


def test_an_ambiguous_image_is_withheld_and_its_places_named() -> None:
    gate = Gate(GateConfig(), SCENE, priors=OPTIONS)
    poses = HERE, turned(0.0, 6.0, 2.0, 0.0), turned(0.0, 11.0, 2.0, 0.0)
    decision = gate.decide(estimate(landmarks=0, ambiguous=poses), S)
    assert decision.verdict is Verdict.AMBIGUOUS
    assert decision.reasons == (
        'the image fits 3 places: 1.0 2.0 0.0; 6.0 2.0 0.0; 11.0 2.0 0.0, 5.0 to 10.0 m apart',)
    assert gate.history.expect(S + 1) == NOTHING
    assert gate.decide(estimate(), 2 * S).accepted


def test_of_many_places_some_are_named() -> None:
    poses = [turned(0.0, 5.0 * i, 0.0, 0.0) for i in range(6)]
    assert why_ambiguous(poses) == (
        'the image fits 6 places: 0.0 0.0 0.0; 5.0 0.0 0.0; 10.0 0.0 0.0; 15.0 0.0 0.0 '
        'and 2 more, 5.0 to 25.0 m apart')
    assert why_ambiguous(poses[:2]).endswith(', 5.0 m apart')
    assert why_ambiguous(poses[:1]) == (
        'the image fits 0.0 0.0 0.0, or a place like it that is not in the map')
    assert why_ambiguous([]) == ''


def test_an_expectation_of_nothing_is_no_check() -> None:
    assert Expectation() == NOTHING == (None, False)
    assert replace(OPTIONS, timeout_s=1.0).timeout_s == 1.0
