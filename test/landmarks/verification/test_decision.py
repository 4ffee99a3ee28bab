"""The decision between poses that are made by hand, and what the votes and proposals are."""

from __future__ import annotations

import math

import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.hypotheses.proposals import Place, propose_poses
from posenet_ros.landmarks.localisation import Outcome, PosePrior, Refusal
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.landmarks.options import DecisionOptions, DEFAULT_LOCALISER
from posenet_ros.landmarks.pnp.matrix_pose import MatrixPose
from posenet_ros.landmarks.verification.decision import Decider, log10_odds, paired_test
from posenet_ros.landmarks.verification.place_radius import PlaceRadius
from posenet_ros.landmarks.verification.query import CELL_STRIDE, count_blocks, Query
from posenet_ros.landmarks.verification.similarities import Similarities
from posenet_ros.landmarks.verification.verify import VerifiedPose, Verifier, Votes
from posenet_ros.landmarks.verification.visibility import MapGeometry, Observations
import pytest

from .world import Facade

RADIUS = PlaceRadius(1.0, 10.0)
NOTHING = np.empty(0, np.int64)
NONE: set[int] = set()


def pose(x: float, cells: set[int], evidence: float = 50.0,
         patches: set[int] | None = None, visible: int = 200) -> VerifiedPose:
    """Return a pose at x whose votes agree in some image cells, of all that vote."""
    return VerifiedPose(
        MatrixPose(np.eye(3), np.array([x, 0.0, 0.0])), 'place', 20,
        Observations(NOTHING, NOTHING, NOTHING), Votes(NOTHING, NOTHING, NOTHING, NOTHING),
        evidence, np.array(sorted(cells)), len(cells), visible,
        np.array(sorted(patches or set()), np.int64))


def cells(first: int, last: int) -> set[int]:
    return set(range(first, last))


def test_the_paired_test_counts_what_only_one_explains() -> None:
    one, other = pose(0, cells(0, 40)), pose(9, cells(36, 46))
    plain, options = DecisionOptions(systematic=0.0), DecisionOptions(systematic=0.2)
    assert paired_test(one, other, plain) == pytest.approx((36 - 6) / math.sqrt(42))
    assert paired_test(other, one, plain) == -paired_test(one, other, plain)
    assert paired_test(one, one, plain) == 0
    with_patches = pose(0, cells(0, 40), patches=cells(0, 9))
    assert paired_test(with_patches, other, plain) == pytest.approx((45 - 6) / math.sqrt(51))
    assert paired_test(one, other, options) == pytest.approx((36 - 6) / math.sqrt(42 + 9.2 ** 2))
    one_sided = pose(9, cells(36, 44))  # 4 of 40 cells
    assert paired_test(one, one_sided, options) == pytest.approx((36 - 4) / math.sqrt(40))


def test_of_many_cells_a_few_more_tell_no_place() -> None:
    best = pose(0, cells(0, 700), 400.0)
    rival = pose(14, cells(160, 700) | cells(700, 740), 380.0, visible=3000)  # no copy by that
    assert paired_test(best, rival, DecisionOptions(systematic=0.0)) > 8
    assert Decider(RADIUS, DecisionOptions()).choose([best, rival]).outcome is Outcome.AMBIGUOUS
    near = PosePrior(Pose((14.0, 0, 0)), 1.0, 0.1)
    found = Decider(RADIUS, DecisionOptions()).choose([best, rival], near)
    assert (found.outcome, found.best) == (Outcome.LOCALISED, rival)


@pytest.mark.parametrize(('only_best', 'only_rival', 'outcome'), [
    (30, 4, Outcome.LOCALISED), (28, 4, Outcome.AMBIGUOUS), (4, 30, Outcome.AMBIGUOUS)])
def test_a_rival_elsewhere_has_to_lose_by_two_sigmas(
        only_best: int, only_rival: int, outcome: Outcome) -> None:
    best = pose(0, cells(0, 30) | cells(100, 100 + only_best), 60.0)
    rival = pose(5, cells(0, 30) | cells(200, 200 + only_rival), visible=800)
    decider = Decider(RADIUS, DecisionOptions())
    assert decider.choose([rival, best]).outcome is outcome
    near = rival._replace(pose=MatrixPose(np.eye(3), np.array([0.9, 0, 0])))
    found = decider.choose([near, best])
    assert (found.outcome, found.best) == (Outcome.LOCALISED, best), 'of the same place'


def test_a_copy_that_is_mapped_thinly_is_as_good() -> None:
    best = pose(0, cells(0, 200), 300.0, visible=400)
    decider = Decider(RADIUS, DecisionOptions())
    for agreeing, visible, outcome in (
            (80, 300, Outcome.AMBIGUOUS), (80, 340, Outcome.LOCALISED)):
        rival = pose(9, cells(0, agreeing), visible=visible)
        assert decider.choose([best, rival]).outcome is outcome, visible
        weak = rival._replace(evidence=19.0)
        assert decider.choose([best, weak]).outcome is Outcome.LOCALISED, 'not a place by itself'
        mixed = rival._replace(voting=160)
        assert decider.choose([best, mixed]).outcome is Outcome.LOCALISED, 'votes against it'


@pytest.mark.parametrize(('evidence', 'voting', 'refusal'), [
    (30, 100, None), (29, 100, Refusal.EVIDENCE), (20, 66, None), (19, 66, Refusal.EVIDENCE),
    (20, 67, Refusal.EVIDENCE), (300, 114, None), (300, 115, Refusal.INLIER_RATIO)])
def test_less_evidence_is_enough_where_most_votes_agree(
        evidence: float, voting: int, refusal: Refusal | None) -> None:
    one = pose(0, cells(0, 40), evidence)._replace(voting=voting)
    assert Decider(RADIUS, DecisionOptions()).choose([one]).refusal is refusal


def test_of_a_low_inlier_ratio_the_places_with_evidence_are_named() -> None:
    best = pose(0, cells(0, 40), 60)._replace(voting=200)
    beside, other, weak = pose(0.1, cells(0, 40), 50), pose(9, cells(0, 30), 31), pose(5, NONE, 29)
    found = Decider(RADIUS, DecisionOptions()).choose([weak, other, best, beside])
    assert (found.outcome, found.refusal) == (Outcome.AMBIGUOUS, Refusal.INLIER_RATIO)
    assert (found.best, found.rivals) == (best, (other,))


def test_what_agrees_in_one_spot_is_a_poster_that_may_hang_elsewhere() -> None:
    side = range(100, 108)
    poster = {x * CELL_STRIDE + y for x in range(-4, 4) for y in side}
    decider = Decider(RADIUS, DecisionOptions())
    found = decider.choose([pose(0, poster)])
    assert (found.outcome, found.refusal) == (Outcome.NOT_LOCALISED, Refusal.ONE_SPOT)
    spread = {x * CELL_STRIDE + y for x in range(-28, 28, 8) for y in side}
    assert decider.choose([pose(0, spread)]).outcome is Outcome.LOCALISED


def test_blocks_are_counted_on_both_sides_of_the_axis() -> None:
    corners = [x * CELL_STRIDE + y for x in (-9, -1, 0, 7, 8) for y in (-8, -1, 0)]
    assert count_blocks(np.array(corners), 8) == 8
    assert count_blocks(NOTHING, 8) == 0


def test_patches_are_compared_only_where_votes_do_not_tell() -> None:
    asked = []

    def add_patches(one: VerifiedPose) -> VerifiedPose:
        asked.append(one.pose.translation_m[0])
        return one._replace(patch_cells=np.arange(40 if one is best else 2))

    best, twin = pose(0, cells(0, 40), 60), pose(5, cells(0, 39), visible=800)
    weak = pose(9, cells(50, 52), 20.0)
    decider = Decider(RADIUS, DecisionOptions(), add_patches=add_patches)
    assert decider.choose([best, weak]).outcome is Outcome.LOCALISED
    assert asked == []
    assert decider.choose([best, twin]).outcome is Outcome.LOCALISED
    assert asked == [0, 5]
    assert Decider(RADIUS, DecisionOptions()).choose([best, twin]).outcome is Outcome.AMBIGUOUS


def test_a_prior_that_is_about_as_near_to_both_resolves_nothing() -> None:
    best, rival = pose(0, cells(0, 41), 60), pose(8, cells(0, 40))
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
