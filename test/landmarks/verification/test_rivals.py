"""Localising among places that look alike: exact where it is sure, ambiguous or silent else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.localisation import (
    Localisation,
    Outcome,
    PosePrior,
    Refusal,
    StageTimer,
)
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.landmarks.options import DEFAULT_LOCALISER as OPTIONS
import pytest

from .world import BAY_M, Facade

DIFFERENT = Facade([0, 1, 2, 3, 4])
COPIES = Facade([0, 1, 2, 1, 4])  # bays 1 and 3 are copies
VIEWS = np.arange(-1.0, 4 * BAY_M + 1.5, 1.0).tolist()
AT_3 = Pose((3 * BAY_M + 0.3, 0.1, 3.0))  # near enough to see bay 3 alone
AT_1 = Pose((1 * BAY_M + 0.3, 0.1, 3.0))


def off_m(pose: Pose, truth: Pose) -> float:
    return float(np.linalg.norm(pose.translation_m - truth.translation_m))


def moved(pose: Pose, *offset_m: float) -> Pose:
    return Pose(pose.translation_m + np.array(offset_m))


def search(facade: Facade, at: Pose, features: Features | None = None,
           prior: PosePrior | None = None, **settings: bool) -> Localisation:
    localiser = LandmarkLocaliser(facade.make_map(VIEWS), **settings)
    return localiser.search(features or facade.photograph(at), prior=prior)


def prior(at: Pose, sigma_m: float, source: str = 'odometry') -> PosePrior:
    return PosePrior(at, sigma_m, np.radians(10), source)


@pytest.mark.parametrize('x', [0.3, 9.4, 20.0])
def test_an_image_is_localised_with_evidence(x: float) -> None:
    truth = Pose((x, 0.1, 0.4))
    found = search(DIFFERENT, truth)
    assert found.outcome is Outcome.LOCALISED
    assert off_m(found.pose.map_from_camera, truth) < 0.02
    assert found.hypotheses[0].evidence > OPTIONS.decision.min_evidence
    assert found.hypotheses[0].inlier_ratio > 0.9
    assert found.landmarks == found.pose.matches.inlier.sum() > 50
    assert found.refusal is None


def test_an_image_of_a_place_that_is_there_twice_is_ambiguous() -> None:
    found = search(COPIES, AT_3)
    assert (found.outcome, found.refusal, found.pose) == (
        Outcome.AMBIGUOUS, Refusal.RIVALS, None)
    offs = sorted((off_m(rival.map_from_camera, AT_1), off_m(rival.map_from_camera, AT_3))
                  for rival in found.rivals)
    assert offs[0][0] < 0.05, 'the copy is named'
    assert offs[-1][1] < 0.05, 'the truth is named'


def test_what_only_one_of_two_copies_has_tells_them_apart() -> None:
    facade = Facade([0, 1, 2, 1, 4], own=0.5)
    found = search(facade, AT_3)
    assert found.outcome is Outcome.LOCALISED
    assert off_m(found.pose.map_from_camera, AT_3) < 0.02
    assert len(found.hypotheses) > 1, 'the copy was a hypothesis'


@pytest.mark.parametrize(('sigma_m', 'resolved'), [(1.0, True), (3.9, True), (4.1, False)])
def test_a_prior_resolves_copies_that_are_over_three_sigmas_apart(
        sigma_m: float, resolved: bool) -> None:
    for at, other, aside in ((AT_3, AT_1, 2), (AT_1, AT_3, -2)):
        near = moved(at, aside, 0, 0)
        found = search(COPIES, other, prior=prior(near, sigma_m))  # the image is the same
        assert (found.outcome is Outcome.LOCALISED) == resolved
        if resolved:
            assert off_m(found.pose.map_from_camera, at) < 0.05, 'where the prior is'


def test_a_prior_denies_a_copy_of_an_unmapped_place() -> None:
    facade = Facade([0, 1, 2, 3, 4, 1])  # bay 5 is a copy of bay 1, and not mapped
    truth = Pose((5 * BAY_M + 0.3, 0.1, 3.0))
    features = facade.photograph(truth)
    without = search(facade, truth, features)
    assert off_m(without.pose.map_from_camera, AT_1) < 0.05, 'only a prior can know'
    found = search(facade, truth, features, prior(truth, 4.0))
    assert (found.outcome, found.refusal) == (Outcome.NOT_LOCALISED, Refusal.PRIOR)
    assert 'near where the camera is' in LandmarkLocaliser(
        facade.make_map(VIEWS)).why_not(found)
    far = search(facade, truth, features, prior(truth, 20.0))
    assert far.outcome is Outcome.LOCALISED, 'within two sigmas it denies nothing'


def scattered(at: Pose, wrong: float) -> Features:
    """Return an image of which a part of the features is somewhere else."""
    features = DIFFERENT.photograph(at, others=0)
    points, rng = features.points_normalized.copy(), np.random.default_rng(3)
    moved = rng.random(len(points)) < wrong
    points[moved] = rng.uniform(-0.4, 0.4, (int(moved.sum()), 2))
    return features._replace(points_normalized=points)


def test_a_low_inlier_ratio_is_believed_only_in_a_complete_map() -> None:
    at = Pose((9.4, 0.1, 0.4))
    assert search(DIFFERENT, at, scattered(at, 0.3)).outcome is Outcome.LOCALISED
    few = scattered(at, 0.75)
    found = search(DIFFERENT, at, few)
    assert (found.outcome, found.refusal) == (Outcome.AMBIGUOUS, Refusal.INLIER_RATIO)
    assert found.pose is None
    assert off_m(found.rivals[0].map_from_camera, at) < 0.1
    assert found.hypotheses[0].evidence > OPTIONS.decision.min_evidence
    assert search(DIFFERENT, at, few, complete=True).outcome is Outcome.LOCALISED
    marked = LandmarkLocaliser(replace(DIFFERENT.make_map(VIEWS), complete=True))
    assert marked.search(few).outcome is Outcome.LOCALISED


def test_few_features_are_too_little_evidence_unless_a_prior_is_certain() -> None:
    at = Pose((9.4, 0.1, 0.4))
    few = DIFFERENT.photograph(at, found=0.04, others=40)
    found = search(DIFFERENT, at, few)
    assert (found.outcome, found.refusal) == (Outcome.NOT_LOCALISED, Refusal.EVIDENCE)
    assert OPTIONS.decision.min_evidence_near < found.hypotheses[0].evidence
    near = moved(at, 0.15, 0, 0)
    certain = PosePrior(near, 0.2, np.radians(2))
    assert search(DIFFERENT, at, few, certain).outcome is Outcome.LOCALISED
    assert search(DIFFERENT, at, few, certain._replace(sigma_m=0.5)).pose is None
    away = certain._replace(map_from_camera=moved(at, 1.5, 0, 0))
    assert search(DIFFERENT, at, few, away).pose is None, 'not where it is known to be'


def test_a_certain_prior_needs_no_retrieval_and_is_named() -> None:
    at = Pose((9.4, 0.1, 0.4))
    timer = StageTimer(iter(range(100)).__next__)
    localiser = LandmarkLocaliser(DIFFERENT.make_map(VIEWS))
    found = localiser.search(DIFFERENT.photograph(at), timer=timer, prior=PosePrior(
        Pose(at.translation_m + 0.1), 0.2, np.radians(2), 'tracking'))
    assert [one.source for one in found.hypotheses] == ['tracking']
    assert off_m(found.pose.map_from_camera, at) < 0.02
    assert 'retrieve' not in timer.stages_s
    assert set(timer.stages_s) >= {'prepare', 'compare', 'propose', 'verify', 'refine'}


def test_a_wrong_certain_prior_does_not_hide_the_place() -> None:
    at = Pose((9.4, 0.1, 0.4))
    wrong = PosePrior(Pose((1.0, 0.0, 0.0)), 0.2, np.radians(2))
    found = search(DIFFERENT, at, prior=wrong)
    assert (found.outcome, found.refusal) == (Outcome.NOT_LOCALISED, Refusal.PRIOR)
    assert off_m(found.hypotheses[0].map_from_camera, at) < 0.02


def test_a_pose_of_a_network_is_a_hypothesis_that_has_to_be_confirmed() -> None:
    localiser = LandmarkLocaliser(DIFFERENT.make_map(VIEWS), options=replace(
        OPTIONS, hypotheses=replace(OPTIONS.hypotheses, views=3, guess_views=4)))
    at = Pose((20.0, 0.1, 0.4))
    features = DIFFERENT.photograph(at)
    assert localiser.search(features).refusal is Refusal.NO_HYPOTHESIS, 'nothing is retrieved'
    found = localiser.search(features, guess=moved(at, 1, 0, -1))
    assert off_m(found.pose.map_from_camera, at) < 0.02
    assert found.hypotheses[0].source == 'network'
    assert localiser.search(features, guess=Pose((0.0, 0.0, 0.0))).pose is None


def test_excluded_views_and_their_landmarks_are_not_used() -> None:
    place = DIFFERENT.make_map(VIEWS)
    near = np.flatnonzero(np.abs(np.array(VIEWS) - 12.0) < 9)
    localiser, at = LandmarkLocaliser(place), Pose((12.0, 0.1, 2.5))
    features = DIFFERENT.photograph(at)
    assert localiser.search(features).pose is not None
    found = localiser.search(features, guess=at, exclude=near)
    assert found.pose is None
    part = LandmarkLocaliser(place.without_views(near)).search(features, guess=at)
    assert [one.evidence for one in found.hypotheses] == pytest.approx(
        [one.evidence for one in part.hypotheses])


def test_rivals_are_near_in_a_map_without_scale() -> None:
    tiny = replace(COPIES.make_map(VIEWS), metric=False)
    small = replace(tiny, points_m=tiny.points_m / 100, views=replace(
        tiny.views, positions_m=tiny.views.positions_m / 100))
    features = COPIES.photograph(AT_3)
    assert LandmarkLocaliser(small).search(features).outcome is Outcome.AMBIGUOUS
    wrong = LandmarkLocaliser(replace(small, metric=True)).search(features)
    assert wrong.outcome is Outcome.LOCALISED, 'as if both were one place'


def test_the_result_is_the_same_every_time() -> None:
    first, second = (search(DIFFERENT, AT_3).pose.map_from_camera for _ in range(2))
    assert np.array_equal(first.translation_m, second.translation_m)
