"""
Reliability of a model's statements about its own estimates.

Sparsification (are the most certain estimates the best?), out-of-place detection by place score
and predicted standard deviation, and false poses that were accepted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.metrics.pose_errors import (
    ByUnit,
    Errors,
    rotation_errors_deg,
    translation_errors_m,
)
from posenet_ros.evaluation.metrics.proportions import upper_bound
from posenet_ros.evaluation.metrics.ranks import auroc
from posenet_ros.evaluation.metrics.sparsification import Sparsification, sparsification
from posenet_ros.evaluation.results import FrameResult, FrameTable, positions, quaternions
from posenet_ros.localisation.gate import Verdict
from posenet_ros.utils.choices import FALSE_POSE_DEG, FALSE_POSE_M

TRUE_POSITIVE_RATE = 0.95  # of the frames in place, at which a limit is chosen
SCORE_LIMIT = 1.0  # of the place score, as the model was trained
FALSE_POSE = ByUnit(FALSE_POSE_M, FALSE_POSE_DEG)
SparsificationByUnit: TypeAlias = 'ByUnit[Sparsification | None]'


@dataclass(frozen=True)
class Separation:
    """
    How a score separates images of the place from out-of-place ones.

    :param auroc: area under the ROC curve.
    :param limit_for_95: the limit that 95 % of the images of the place pass.
    :param out_of_place_at_95: the fraction of out-of-place images that pass it.
    """

    auroc: float
    limit_for_95: float
    out_of_place_at_95: float


@dataclass(frozen=True)
class PlaceScoreSeparation(Separation):
    """The separation by the place score, and the fractions that pass the model's own limit."""

    in_place_within_limit: float
    out_of_place_within_limit: float


@dataclass(frozen=True)
class OutOfPlaceSource:
    """The images of one other place."""

    frames: int
    accepted: int
    place_score: PlaceScoreSeparation | None


@dataclass(frozen=True)
class OutOfPlaceStatistics(OutOfPlaceSource):
    """The images of all other places, and of each."""

    sigma_m: Separation | None
    image_faults: Mapping[str, int]
    sources: Mapping[str, OutOfPlaceSource]


@dataclass(frozen=True)
class PredictedSigma:
    """The predicted standard deviation of some estimates, roots of the traces."""

    smallest: float
    median: float
    largest: float


@dataclass(frozen=True)
class FalsePoses:
    """
    False poses: estimates with an error beyond either limit, and the accepted among them.

    :param metric: whether metres are metres: those of a map without a scale are its units.
    :param per_1000: of a thousand frames with a truth, those with an accepted false pose.
    :param per_1000_at_most: the 95 % upper bound of that rate, of frames that err on their own.
    :param beyond_3_sigma: accepted ones whose error is more than three times the predicted.
    :param sigma_m: that the accepted ones predicted; None where there is none.
    :param sigma_deg: the same.
    """

    limit_m: float
    limit_deg: float
    metric: bool
    estimated: int
    accepted: int
    per_1000: float
    per_1000_at_most: float
    beyond_3_sigma: int
    sigma_m: PredictedSigma | None = None
    sigma_deg: PredictedSigma | None = None


@dataclass(frozen=True)
class AmbiguousFrames:
    """
    Frames whose image fits several places.

    :param frames: their number.
    :param with_poses: of them, those whose poses are known.
    :param truth_named: of these, the fraction in which one of the poses is no false one; None
        without any.
    """

    frames: int
    with_poses: int
    truth_named: float | None


def _limit_for_95(inside: Floats) -> float:
    return float(np.quantile(inside, TRUE_POSITIVE_RATE, method='higher'))


def separation(inside: Floats, outside: Floats) -> Separation:
    """
    Measure how a score separates out-of-place images: AUROC, false positive rate at 95 % TPR.

    :param inside: (N,) scores of images of the place.
    :param outside: (M,) scores of images of other places.
    """
    limit = _limit_for_95(inside)
    return Separation(auroc(inside, outside), limit, float(np.mean(outside <= limit)))


def separation_by_place_score(inside: Floats, outside: Floats) -> PlaceScoreSeparation | None:
    """Measure the separation by the place score; None where either has no scores."""
    if not inside.size or not outside.size:
        return None
    found = separation(inside, outside)
    return PlaceScoreSeparation(
        found.auroc, found.limit_for_95, found.out_of_place_at_95,
        float(np.mean(inside <= SCORE_LIMIT)), float(np.mean(outside <= SCORE_LIMIT)))


def separation_by_sigma(inside: Floats, outside: Floats) -> Separation | None:
    """Measure the separation by the predicted sigma; None where unknown or the same for all."""
    inside, outside = inside[np.isfinite(inside)], outside[np.isfinite(outside)]
    both = np.concatenate([inside, outside])
    if not inside.size or not outside.size or np.ptp(both) <= 1e-9 * both.max():
        return None
    return separation(inside, outside)


def count_faults(table: FrameTable) -> dict[str, int]:
    """Count the image faults by name."""
    return dict(Counter(frame.fault.value for frame in table.frames if frame.fault))


def out_of_place_statistics(
        table: FrameTable, out_of_place: FrameTable) -> OutOfPlaceStatistics | None:
    """
    Measure how well images of the place are told from images of other places.

    :param out_of_place: results of images of other places; their truth has no meaning.
    :returns: None without such images.
    """
    if not len(out_of_place):
        return None
    inside = table.place_scores
    return OutOfPlaceStatistics(
        len(out_of_place), int(out_of_place.accepted.sum()),
        separation_by_place_score(inside, out_of_place.place_scores),
        separation_by_sigma(table.sigmas.translation_m, out_of_place.sigmas.translation_m),
        count_faults(out_of_place),
        {name: OutOfPlaceSource(len(group), int(group.accepted.sum()),
                                separation_by_place_score(inside, group.place_scores))
         for name, group in out_of_place.by_sequence().items()})


def count_false_poses(table: FrameTable, limits: ByUnit[float] = FALSE_POSE, *,
                      metric: bool = True) -> FalsePoses:
    """Count the estimates with an error beyond either limit, and how sure the accepted were."""
    wrong = table.estimated & beyond(table.errors, limits)
    accepted = wrong & table.accepted
    count, total = int(accepted.sum()), max(len(table), 1)
    surprising = beyond(table.errors, ByUnit(*(3 * sigmas for sigmas in table.sigmas)))
    return FalsePoses(
        limits.translation_m, limits.rotation_deg, metric, int(wrong.sum()), count,
        1000 * count / total, 1000 * upper_bound(count, total),
        int((accepted & surprising).sum()),
        *(_predicted(sigmas[accepted]) for sigmas in table.sigmas))


def beyond(errors: Errors, limits: ByUnit[Any]) -> NDArray[np.bool_]:
    """Return where an error is larger than its limit; one that is not known is no limit."""
    metres, degrees = (error > limit for error, limit in zip(errors, limits, strict=True))
    return np.asarray(metres | degrees, bool)


def _predicted(sigmas: Floats) -> PredictedSigma | None:
    known = sigmas[np.isfinite(sigmas)]
    return PredictedSigma(float(known.min()), float(np.median(known)), float(known.max())
                          ) if known.size else None


def count_ambiguous(table: FrameTable, limits: ByUnit[float] = FALSE_POSE) -> AmbiguousFrames:
    """Count the frames whose image fits several places, and those that name the truth."""
    frames = [frame for frame in table.frames if frame.verdict is Verdict.AMBIGUOUS]
    named = [_names_truth(frame, limits) for frame in frames if frame.ambiguous]
    return AmbiguousFrames(len(frames), len(named), float(np.mean(named)) if named else None)


def _names_truth(frame: FrameResult, limits: ByUnit[float]) -> bool:
    truth = [frame.truth] * len(frame.ambiguous)
    errors = ByUnit(translation_errors_m(positions(frame.ambiguous), positions(truth)),
                    rotation_errors_deg(quaternions(frame.ambiguous), quaternions(truth)))
    return bool((~beyond(errors, limits)).any())


def sparsification_by_unit(table: FrameTable) -> SparsificationByUnit | None:
    """Compute the sparsification of accepted estimates; None where none has a covariance."""
    known = table.select(table.accepted & table.with_covariance)
    if not len(known):
        return None
    return ByUnit(sparsification(known.errors.translation_m, known.sigmas.translation_m),
                  sparsification(known.errors.rotation_deg, known.sigmas.rotation_deg))
