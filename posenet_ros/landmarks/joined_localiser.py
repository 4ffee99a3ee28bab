"""
Localise an image in a map of joined landmarks: never confidently wrong.

Hierarchical localisation (Sarlin et al. 2019) with rivals. Every place that the most similar views
show proposes a pose; each is refined on the image by guided matching, and then the landmarks
around it vote by appearance alone, which did not know the pose. A pose is believed if as many
votes are too unlikely by chance (a contrario), if enough of the voters agree, and if it beats each
pose elsewhere by a paired test. What is found in windows round projected landmarks makes a pose
exact, but decides nothing: in places that repeat, false poses find as many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.hypotheses.proposals import Place, Proposal, propose_poses
from posenet_ros.landmarks.landmark_map import Indices, LandmarkMap
from posenet_ros.landmarks.localisation import (
    Hypothesis,
    Localisation,
    Outcome,
    PosePrior,
    Refusal,
    StageTimer,
)
from posenet_ros.landmarks.options import LandmarkLocaliserOptions
from posenet_ros.landmarks.pnp.absolute_pose import (
    AbsolutePose,
    find_inliers,
    refine_absolute_pose,
)
from posenet_ros.landmarks.pnp.matrix_pose import MatrixPose
from posenet_ros.landmarks.retrieval.view_index import ViewIndex
from posenet_ros.landmarks.verification.decision import (
    Decider,
    is_certain,
    is_near,
    paired_test,
    Verdict,
)
from posenet_ros.landmarks.verification.patches import PatchComparison
from posenet_ros.landmarks.verification.place_radius import PlaceRadius
from posenet_ros.landmarks.verification.query import Query
from posenet_ros.landmarks.verification.similarities import Similarities
from posenet_ros.landmarks.verification.verify import VerifiedPose, Verifier
from posenet_ros.landmarks.verification.visibility import MapGeometry


class JoinedLocaliser:
    """
    Localise images in a map of joined landmarks.

    :param index: of the map's views.
    :param complete: the map shows all places there are: none that looks alike is unmapped.
    """

    def __init__(self, landmark_map: LandmarkMap, index: ViewIndex,
                 options: LandmarkLocaliserOptions, complete: bool = False) -> None:
        self._map, self._index, self._options = landmark_map, index, options
        self._complete = complete
        self.geometry = MapGeometry(landmark_map, options.verification)
        self.radius = PlaceRadius.of_map(
            landmark_map.metric, self.geometry.median_depth_m, options.decision)

    def search(self, features: Features, guess: Pose | None = None,
               descriptor: NDArray[np.floating] | None = None, exclude: Indices = (),
               prior: PosePrior | None = None, timer: StageTimer | None = None) -> Localisation:
        """Localise an image; the parameters are those of LandmarkLocaliser.search."""
        if len(features.points_normalized) < self._options.hypotheses.min_inliers:
            return Localisation(Outcome.NOT_LOCALISED, refusal=Refusal.NO_HYPOTHESIS)
        lap = timer.lap if timer else _ignore
        query = Query(features, self._options.verification)
        similarities = Similarities(self._map.descriptors, query, self._options.verification)
        verifier = Verifier(self._map, self.geometry, query, similarities,
                            self._options.verification, exclude)
        patches = PatchComparison.of(self._map, self.geometry, query, verifier, self._options)
        image = _Image(query, similarities, verifier, patches, lap)
        lap('prepare')
        if prior is not None and is_certain(
                prior, self.geometry.median_depth_m, self._options.decision):
            near = self._search_near(image, prior)
            if near is not None:
                return near
        places = self._places(image, guess, descriptor, exclude, prior)
        verified = self._verify(image, self._propose(image, places))
        decider = Decider(self.radius, self._options.decision, complete=self._complete,
                          add_patches=patches.with_cells if patches else None)
        verdict = decider.choose(verified, prior)
        lap('decide')
        return self._localisation(image, verdict, verified)

    def _search_near(self, image: _Image, prior: PosePrior) -> Localisation | None:
        """Localise near a prior that is certain, without retrieval; None where it is not there."""
        place = self._place_near(image, prior.map_from_camera, prior.source)
        proposals = self._propose(image, [place])
        if not proposals:
            return None
        verified = image.verifier.verify(*proposals[0])
        image.lap('verify')
        if (verified.evidence < self._options.decision.min_evidence_near
                or not is_near(verified.pose, prior, self.radius, self._options.decision)):
            return None
        return self._localisation(image, Verdict(Outcome.LOCALISED, verified), [verified])

    def _places(self, image: _Image, guess: Pose | None,
                descriptor: NDArray[np.floating] | None, exclude: Indices,
                prior: PosePrior | None) -> list[Place]:
        """Return the landmarks of each place that the image may show."""
        options = self._options.hypotheses
        views = self._index.by_features(image.query.features, exclude, options.views)
        if not len(views) and len(self._map.views) <= options.views:  # needs no retrieval
            views = np.setdiff1d(np.arange(len(self._map.views)), exclude)
        by_network = self._index.by_network_descriptor(descriptor, exclude)
        views = np.concatenate([views, by_network[~np.isin(by_network, views)]])
        places = [self._place(image, group) for group in self.geometry.groups(
            views, options.group_distance, options.group_angle_deg)]
        if len(places) > 1:  # the most similar views together, of what is compared anyway
            known = np.concatenate([place.landmarks for place in places])
            pooled = image.verifier.observations(views[:options.pooled_views]).landmarks
            places.insert(0, Place('place', np.intersect1d(pooled, known)))
        for pose, source in ((guess, 'network'), (prior and prior.map_from_camera,
                                                  prior and prior.source)):
            if pose is not None:
                places.append(self._place_near(image, pose, source or ''))
        image.lap('retrieve')
        return places

    def _place_near(self, image: _Image, pose: Pose, source: str) -> Place:
        views = image.verifier.near(MatrixPose.of(pose), self._options.hypotheses.guess_views)
        return self._place(image, views, source)

    def _place(self, image: _Image, views: NDArray[np.intp], source: str = 'place') -> Place:
        """Return the landmarks that some views see, those of the longest tracks."""
        landmarks = image.verifier.observations(views).landmarks
        lengths = self._map.track_lengths[landmarks]
        most = self._options.hypotheses.landmarks
        return Place(source, landmarks[np.argsort(-lengths, kind='stable')[:most]])

    def _propose(self, image: _Image, places: Sequence[Place]) -> list[Proposal]:
        """Compare the landmarks of places with the image, and estimate a pose of each."""
        if not places:
            return []
        image.similarities.add(np.unique(np.concatenate([place.landmarks for place in places])))
        image.lap('compare')
        proposals = propose_poses(
            image.query, image.similarities, self._map, places, self.radius, self._options)
        image.lap('propose')
        return proposals

    def _verify(self, image: _Image, proposals: Sequence[Proposal]) -> list[VerifiedPose]:
        """Verify proposals, the strongest first, until one is overwhelming."""
        verified: list[VerifiedPose] = []
        for index, proposal in enumerate(proposals):
            if self._is_overwhelming(verified, proposals[index]):
                break
            verified.append(image.verifier.verify(*proposal))
        image.lap('verify')
        return verified

    def _is_overwhelming(self, verified: Sequence[VerifiedPose], following: Proposal) -> bool:
        """Whether the best verified pose makes it needless to verify those that follow."""
        options = self._options.verification
        if len(verified) < options.end_after:
            return False
        best = max(verified, key=lambda each: each.evidence)
        return (best.evidence >= options.end_evidence
                and best.inlier_ratio >= options.end_inlier_ratio
                and best.inliers >= options.end_inliers * following.inliers
                and all(paired_test(best, other, self._options.decision)
                        >= options.end_sigmas for other in verified
                        if not self.radius.same(best.pose, other.pose)))

    def _localisation(self, image: _Image, verdict: Verdict,
                      verified: Sequence[VerifiedPose]) -> Localisation:
        """Return the result with the refined pose of what is believed."""
        best = verdict.best
        hypotheses = tuple(_hypothesis(one) for one in sorted(
            verified, key=lambda each: -each.evidence))
        if best is None:
            return Localisation(verdict.outcome, refusal=verdict.refusal)
        matches = self._matches(image, best)
        if verdict.outcome is Outcome.LOCALISED:
            pose = self._refined(image, best, matches)
            outcome = Outcome.LOCALISED if pose else Outcome.NOT_LOCALISED
            return Localisation(outcome, pose, int(matches.inlier.sum()), len(matches),
                                hypotheses, refusal=None if pose else Refusal.EVIDENCE)
        rivals = (best, *verdict.rivals) if verdict.outcome is Outcome.AMBIGUOUS else ()
        return Localisation(verdict.outcome, None, int(matches.inlier.sum()), len(matches),
                            hypotheses, tuple(map(_hypothesis, rivals)), verdict.refusal)

    def _refined(self, image: _Image, best: VerifiedPose,
                 matches: LandmarkMatches) -> AbsolutePose | None:
        """Refine a pose by guided matches; its matches are the votes, which did not know it."""
        points, rays = image.verifier.guided_matches(
            best.pose, best.seen, self._options.verification.windows_px[-1])
        fine = refine_absolute_pose(points, rays, best.pose.to_pose(), best.inlier_ratio,
                                    self._options.absolute_pose)
        image.lap('refine')
        if fine is None:
            return None
        if image.patches:
            fine = image.patches.refine(best, fine)
            image.lap('patches')
        inliers = find_inliers(matches.points_m, matches.points_normalized, fine.map_from_camera,
                               self._options.verification.vote_px * image.query.pixel)
        matches.inlier[:] = False
        matches.inlier[inliers] = True
        return AbsolutePose(fine.map_from_camera, inliers, fine.inlier_ratio, fine.covariance,
                            matches)

    def _matches(self, image: _Image, best: VerifiedPose) -> LandmarkMatches:
        """Return the votes as matches, each with the nearest view that sees its landmark."""
        votes, seen = best.votes, best.seen
        first = np.zeros(len(seen.landmarks), np.intp)
        first[seen.rows[::-1]] = seen.views[::-1]  # the nearest of each is written last
        return LandmarkMatches(
            self._map.points_m[votes.landmarks].astype(np.float64),
            image.query.rays[votes.features],
            first[np.searchsorted(seen.landmarks, votes.landmarks)],
            votes.residuals_px <= self._options.verification.vote_px)


class _Image(NamedTuple):
    """What is known of one image while it is localised."""

    query: Query
    similarities: Similarities
    verifier: Verifier
    patches: PatchComparison | None
    lap: Callable[[str], None]


def _ignore(stage: str) -> None:
    """Measure nothing."""


def _hypothesis(one: VerifiedPose) -> Hypothesis:
    return Hypothesis(one.pose.to_pose(), one.source, one.evidence, len(one.cells), one.voting)
