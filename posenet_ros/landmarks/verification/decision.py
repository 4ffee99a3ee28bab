"""Which of several poses to believe: by evidence, a paired test against rivals, and a prior."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import math
from typing import NamedTuple

import numpy as np
from posenet_ros.landmarks.localisation import Outcome, PosePrior, Refusal
from posenet_ros.landmarks.options import DecisionOptions
from posenet_ros.landmarks.verification.place_radius import (
    angle_deg,
    AnyPose,
    distance_m,
    PlaceRadius,
)
from posenet_ros.landmarks.verification.query import count_blocks
from posenet_ros.landmarks.verification.verify import VerifiedPose

# Find the cells whose patches agree with a pose; the second time the same.
AddPatches = Callable[[VerifiedPose], VerifiedPose]
CLEAR_SIGMAS = 3.5  # of votes alone, from which patches need not be compared


class Verdict(NamedTuple):
    """
    What to believe.

    :param best: the pose that is believed, or that has the most evidence.
    :param refusal: why it is not believed; None where it is.
    :param rivals: of AMBIGUOUS, the other poses that the image may have. There may be none: it
        is the best pose's, or that of a place like it that the map does not show.
    """

    outcome: Outcome
    best: VerifiedPose | None
    refusal: Refusal | None = None
    rivals: tuple[VerifiedPose, ...] = ()


class Decider:
    """
    Decide between the hypotheses of an image.

    :param radius: of one place.
    :param complete: the map shows all places there are: a low inlier ratio is believed.
    :param add_patches: compares patches where votes do not tell; None for a map without.
    """

    def __init__(self, radius: PlaceRadius, options: DecisionOptions, *, complete: bool = False,
                 add_patches: AddPatches | None = None) -> None:
        self._radius, self._options, self._complete = radius, options, complete
        self._add_patches = add_patches

    def choose(self, verified: Sequence[VerifiedPose], prior: PosePrior | None = None) -> Verdict:
        """Believe the pose of the most evidence, if no rival elsewhere is as good."""
        ordered = sorted(verified, key=lambda each: -each.evidence)
        if not ordered:
            return Verdict(Outcome.NOT_LOCALISED, None, Refusal.NO_HYPOTHESIS)
        refusal = self.refusal(ordered[0])
        if refusal is Refusal.INLIER_RATIO:
            return Verdict(Outcome.AMBIGUOUS, ordered[0], refusal, self._elsewhere(ordered))
        if refusal:
            return Verdict(Outcome.NOT_LOCALISED, ordered[0], refusal)
        if prior is None:
            return self._without_prior(ordered)
        return self._with_prior(ordered, prior)

    def refusal(self, one: VerifiedPose) -> Refusal | None:
        """Say why a pose is not believed by itself; None where it is."""
        options = self._options
        most_agree = one.inlier_ratio >= options.most_inlier_ratio
        if one.evidence < (options.min_evidence_of_most if most_agree else options.min_evidence):
            return Refusal.EVIDENCE
        if one.inlier_ratio < options.min_inlier_ratio and not self._complete:
            return Refusal.INLIER_RATIO
        blocks = count_blocks(one.cells, options.block_cells)
        return Refusal.ONE_SPOT if blocks < options.min_blocks else None

    def _elsewhere(self, ordered: Sequence[VerifiedPose]) -> tuple[VerifiedPose, ...]:
        """Return the poses of other places than the first that have evidence, too."""
        best, *others = ordered
        return tuple(other for other in others if other.evidence >= self._options.min_evidence
                     and not self._radius.same(best.pose, other.pose))

    def _without_prior(self, ordered: Sequence[VerifiedPose]) -> Verdict:
        best, *others = ordered
        rivals = tuple(other for other in others if not self._radius.same(best.pose, other.pose)
                       and self._sigmas(best, other) < self._options.min_sigmas)
        if rivals:
            return Verdict(Outcome.AMBIGUOUS, best, Refusal.RIVALS, rivals)
        return Verdict(Outcome.LOCALISED, best)

    def _with_prior(self, ordered: Sequence[VerifiedPose], prior: PosePrior) -> Verdict:
        """
        Believe a pose that each rival loses against, by the paired test or by the prior.

        A prior denies what is too far from it: that may look like the place of the image, which
        the map then does not show.
        """
        likelihoods = [self.log10_prior(one, prior) for one in ordered]
        fewest: Verdict | None = None
        for index, one in enumerate(ordered):
            if self.refusal(one) or max(prior_sigmas(one, prior)) > self._options.denied_sigmas:
                continue
            rivals = tuple(
                other for other, likelihood in zip(ordered, likelihoods, strict=True)
                if not self._radius.same(one.pose, other.pose)
                and not self._wins(one, other, likelihoods[index] - likelihood, prior))
            if not rivals:
                return Verdict(Outcome.LOCALISED, one)
            if fewest is None or len(rivals) < len(fewest.rivals):
                fewest = Verdict(Outcome.AMBIGUOUS, one, Refusal.RIVALS, rivals)
        return fewest or Verdict(Outcome.NOT_LOCALISED, ordered[0], Refusal.PRIOR)

    def _wins(self, one: VerifiedPose, other: VerifiedPose, advantage: float,
              prior: PosePrior) -> bool:
        """
        Whether a pose beats a rival.

        :param advantage: log10 of the odds by the prior.
        """
        options, sigmas = self._options, self._sigmas(one, other)
        if sigmas >= options.min_sigmas and advantage >= -1:
            return True
        apart = distance_m(one.pose, other.pose)
        if apart <= options.prior_sigmas * prior.sigma_m:
            return False
        return log10_odds(sigmas) + advantage >= options.min_odds

    def log10_prior(self, one: VerifiedPose, prior: PosePrior) -> float:
        """Return the logarithm of a prior's normal density, by its largest, above the floor."""
        distance, angle = prior_sigmas(one, prior)
        density = -(distance ** 2 + angle ** 2) / 2 / math.log(10)
        return max(density, self._options.prior_floor)

    def _sigmas(self, one: VerifiedPose, other: VerifiedPose) -> float:
        """Compute the paired test of two poses, by patches too where votes do not tell."""
        if self._are_copies(one, other):
            return 0.0
        sigmas = paired_test(one, other, self._options)
        if self._add_patches is None or sigmas >= CLEAR_SIGMAS:
            return sigmas
        return paired_test(self._add_patches(one), self._add_patches(other), self._options)

    def _are_copies(self, one: VerifiedPose, other: VerifiedPose) -> bool:
        """Whether as much of what speaks at all speaks for either pose, however much it is."""
        if min(one.evidence, other.evidence) < self._options.min_evidence_of_most:
            return False
        return (_ratio(one.inlier_ratio, other.inlier_ratio) >= self._options.copy_inlier_ratio
                and _ratio(one.found_ratio, other.found_ratio) >= self._options.copy_found_ratio)


def paired_test(one: VerifiedPose, other: VerifiedPose, options: DecisionOptions) -> float:
    """
    Compute by how many sigmas the image speaks for one pose and against another.

    With x of n image cells that agree with one alone and y with the other alone it is ::

        (x - y) / sqrt(x + y + (systematic n)^2),

    McNemar's test (1947), and what the cells have in common: of two equal rooms one is mapped
    better, or in a light more like the image's, and wins hundreds of cells, but loses many, too.
    Where hardly a cell is lost it is McNemar's test alone. Cells of votes and of patches count
    alike.
    """
    wins = losses = both = 0
    for ours, theirs in ((one.cells, other.cells), (one.patch_cells, other.patch_cells)):
        shared = len(np.intersect1d(ours, theirs, assume_unique=True))
        wins += len(ours) - shared
        losses += len(theirs) - shared
        both += shared
    variance: float = wins + losses
    if min(wins, losses) > options.one_sided * (wins + losses):
        variance += (options.systematic * (wins + losses + both)) ** 2
    return (wins - losses) / max(math.sqrt(variance), 1.0)


def _ratio(one: float, other: float) -> float:
    """Return the smaller by the larger of two numbers."""
    return min(one, other) / max(one, other, 1e-9)


def prior_sigmas(one: VerifiedPose, prior: PosePrior) -> tuple[float, float]:
    """Return how far a pose is from a prior, in standard deviations: distance and angle."""
    distance = distance_m(one.pose, prior.map_from_camera) / prior.sigma_m
    angle = math.radians(angle_deg(one.pose, prior.map_from_camera)) / prior.sigma_rad
    return distance, angle


def log10_odds(sigmas: float) -> float:
    """Return the log10 odds of a paired test: of the normal tail beyond it, 0 at 0 sigmas."""
    tail = 0.5 * math.erfc(abs(sigmas) / math.sqrt(2))
    return math.copysign(-math.log10(max(2 * tail, 1e-300)), sigmas)


def is_certain(prior: PosePrior, median_depth_m: float, options: DecisionOptions) -> bool:
    """Whether a prior is exact enough to do without retrieval and rivals."""
    return (prior.sigma_m <= min(options.certain_sigma_m, options.certain_sigma * median_depth_m)
            and math.degrees(prior.sigma_rad) <= options.certain_sigma_deg)


def is_near(pose: AnyPose, prior: PosePrior, radius: PlaceRadius,
            options: DecisionOptions) -> bool:
    """Whether a pose found near a certain prior has stayed there."""
    distance = max(options.near_sigmas * prior.sigma_m, radius.distance_m / 2)
    angle = max(options.near_sigmas * math.degrees(prior.sigma_rad), radius.angle_deg / 2)
    return (distance_m(pose, prior.map_from_camera) <= distance
            and angle_deg(pose, prior.map_from_camera) <= angle)
