"""The decision between poses that are made by hand, and what the votes and proposals are."""

from __future__ import annotations

import math

import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.hypotheses.proposals import Place, propose_poses
from posenet_ros.landmarks.localisation import Outcome, PosePrior
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.landmarks.options import DecisionOptions, DEFAULT_LOCALISER
from posenet_ros.landmarks.pnp.matrix_pose import MatrixPose
from posenet_ros.landmarks.verification.decision import Decider, log10_odds, paired_test
from posenet_ros.landmarks.verification.place_radius import PlaceRadius
from posenet_ros.landmarks.verification.query import Query
from posenet_ros.landmarks.verification.similarities import Similarities
from posenet_ros.landmarks.verification.verify import VerifiedPose, Verifier, Votes
from posenet_ros.landmarks.verification.visibility import MapGeometry, Observations
import pytest

from .world import Facade

RADIUS = PlaceRadius(1.0, 10.0)
NOTHING = np.empty(0, np.int64)


def pose(x: float, cells: set[int], evidence: float = 50.0,
         patches: set[int] | None = None) -> VerifiedPose:
    """Return a pose at x whose votes agree in some image cells, of 60 that vote."""
    return VerifiedPose(
        MatrixPose(np.eye(3), np.array([x, 0.0, 0.0])), 'place', 20,
        Observations(NOTHING, NOTHING, NOTHING), Votes(NOTHING, NOTHING, NOTHING, NOTHING),
        evidence, np.array(sorted(cells)), 60, np.array(sorted(patches or set()), np.int64))


def cells(first: int, last: int) -> set[int]:
    return set(range(first, last))


def test_the_paired_test_counts_what_only_one_explains() -> None:
    one, other = pose(0, cells(0, 40)), pose(9, cells(36, 46))
    assert paired_test(one, other) == pytest.approx((36 - 6) / math.sqrt(42))
    assert paired_test(other, one) == -paired_test(one, other)
    assert paired_test(one, one) == 0
    with_patches = pose(0, cells(0, 40), patches=cells(0, 9))
    assert paired_test(with_patches, other) == pytest.approx((45 - 6) / math.sqrt(51))


@pytest.mark.parametrize(('only_best', 'only_rival', 'outcome'), [
    (12, 4, Outcome.LOCALISED), (11, 4, Outcome.AMBIGUOUS), (4, 12, Outcome.AMBIGUOUS)])
def test_a_rival_elsewhere_has_to_lose_by_two_sigmas(
        only_best: int, only_rival: int, outcome: Outcome) -> None:
    best = pose(0, cells(0, 30) | cells(100, 100 + only_best), 60.0)
    rival = pose(5, cells(0, 30) | cells(200, 200 + only_rival))
    assert Decider(RADIUS, DecisionOptions()).choose([rival, best]).outcome is outcome
    near = rival._replace(pose=MatrixPose(np.eye(3), np.array([0.9, 0, 0])))
    found = Decider(RADIUS, DecisionOptions()).choose([near, best])
    assert (found.outcome, found.best) == (Outcome.LOCALISED, best), 'of the same place'


def test_patches_are_compared_only_where_votes_do_not_tell() -> None:
    asked = []

    def add_patches(one: VerifiedPose) -> VerifiedPose:
        asked.append(one.pose.translation_m[0])
        return one._replace(patch_cells=np.arange(40 if one is best else 2))

    best, twin, weak = pose(0, cells(0, 40), 60), pose(5, cells(0, 39)), pose(9, cells(50, 52))
    decider = Decider(RADIUS, DecisionOptions(), add_patches=add_patches)
    assert decider.choose([best, weak]).outcome is Outcome.LOCALISED
    assert asked == []
    assert decider.choose([best, twin]).outcome is Outcome.LOCALISED
    assert asked == [0, 5]
    assert Decider(RADIUS, DecisionOptions()).choose([best, twin]).outcome is Outcome.AMBIGUOUS


def test_a_prior_that_is_about_as_near_to_both_resolves_nothing() -> None:
    best, rival = pose(0, cells(0, 31), 60), pose(8, cells(0, 30))
    decider = Decider(RADIUS, DecisionOptions())
    for x, sigma_m, resolved in ((3.5, 2.0, False), (0.0, 2.0, True), (1.0, 1.0, True)):
        prior = PosePrior(Pose((x, 0, 0)), sigma_m, 1.0)
        found = decider.choose([best, rival], prior)
        assert (found.outcome is Outcome.LOCALISED) == resolved, x


def test_odds_grow_with_sigmas() -> None:
    assert log10_odds(0.0) == 0
    assert log10_odds(2.0) == pytest.approx(-math.log10(2 * 0.02275), abs=1e-3)
    assert log10_odds(-2.0) == -log10_odds(2.0)


def parts(facade: Facade, features: Features) -> tuple[Verifier, Query, Similarities]:
    place = facade.make_map(np.arange(0, 8.0).tolist())
    options = DEFAULT_LOCALISER.verification
    query = Query(features, options)
    similarities = Similarities(place.descriptors, query, options)
    geometry = MapGeometry(place, options)
    return Verifier(place, geometry, query, similarities, options), query, similarities


def test_a_feature_votes_for_the_most_similar_landmark_alone() -> None:
    facade = Facade([0, 1])
    facade.descriptors[1::2] = facade.descriptors[::2] ^ 4  # pairs that look nearly alike
    at = Pose((3.0, 0.0, 0.0))
    shown = facade.photograph(at, others=0)
    verifier, _, _ = parts(facade, shown)
    votes = verifier.verify(MatrixPose.of(at), 'place', 20).votes
    assert len(votes.features) == len(set(votes.features.tolist())) > 20


def test_what_does_not_agree_with_a_pose_proposes_another() -> None:
    facade = Facade([0, 1])
    here, there = Pose((0.5, 0.0, 0.5)), Pose((5.5, 0.2, 1.0))
    first, second = facade.photograph(here, others=0), facade.photograph(there, 1, others=0)
    left = first.points_normalized[:, 0] < 0  # bay 0
    right = second.points_normalized[:, 0] > 0  # bay 1
    both = first._replace(
        points_normalized=np.concatenate([first.points_normalized[left],
                                          second.points_normalized[right]]),
        descriptors=np.concatenate([first.descriptors[left], second.descriptors[right]]))
    place = facade.make_map(np.arange(0, 8.0).tolist())
    _, query, similarities = parts(facade, both)
    every = np.arange(len(place.points_m))
    similarities.add(every)
    found = propose_poses(
        query, similarities, place, [Place('place', every)], RADIUS, DEFAULT_LOCALISER)
    offs = [min(np.linalg.norm(one.pose.translation_m - truth.translation_m) for one in found)
            for truth in (here, there)]
    assert max(offs) < 0.1
    assert [one.inliers for one in found] == sorted((one.inliers for one in found), reverse=True)


def test_views_whose_poses_contradict_the_others_widen_the_covariance() -> None:
    facade, at = Facade([0, 1]), Pose((3.0, 0.0, 0.2))
    place = facade.make_map(np.arange(0, 8.0).tolist())
    place.views.pose_residual_ratios[:] = 3.0
    wide, plain = (LandmarkLocaliser(place, pose_residual_power=power).localise(
        facade.photograph(at)).covariance for power in (1.0, 0.0))
    assert np.allclose(wide, 9 * plain)
