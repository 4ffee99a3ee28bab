"""
Reliability of a model's statements about its own estimates.

Sparsification (are the most certain estimates the best?), out-of-place detection by place score
and predicted standard deviation, and false poses that were accepted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.metrics.pose_errors import ByUnit
from posenet_ros.evaluation.metrics.ranks import auroc
from posenet_ros.evaluation.metrics.sparsification import Sparsification, sparsification
from posenet_ros.evaluation.results import FrameTable
from posenet_ros.utils.choices import FALSE_POSE_M

TRUE_POSITIVE_RATE = 0.95  # of the frames in place, at which a limit is chosen
SCORE_LIMIT = 1.0  # of the place score, as the model was trained
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
class FalsePoses:
    """The number of estimates with an error beyond the limit, and of the accepted among them."""

    limit_m: float
    estimated: int
    accepted: int


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


def count_false_poses(table: FrameTable, limit_m: float = FALSE_POSE_M) -> FalsePoses:
    """Count the estimates with an error beyond the limit, and the accepted ones among them."""
    wrong = table.estimated & (table.errors.translation_m > limit_m)
    return FalsePoses(limit_m, int(wrong.sum()), int((wrong & table.accepted).sum()))


def sparsification_by_unit(table: FrameTable) -> SparsificationByUnit | None:
    """Compute the sparsification of accepted estimates; None where none has a covariance."""
    known = table.select(table.accepted & table.with_covariance)
    if not len(known):
        return None
    return ByUnit(sparsification(known.errors.translation_m, known.sigmas.translation_m),
                  sparsification(known.errors.rotation_deg, known.sigmas.rotation_deg))
