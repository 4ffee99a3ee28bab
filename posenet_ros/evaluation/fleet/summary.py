"""Statistics of many bags: by robot, day and place, and of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from posenet_ros.evaluation.fleet.frames import BagFrames
from posenet_ros.evaluation.metrics.pose_errors import ByUnit
from posenet_ros.evaluation.metrics.proportions import upper_bound
from posenet_ros.evaluation.metrics.resampling import cluster_median_interval
from posenet_ros.evaluation.reliability import beyond


@dataclass(frozen=True)
class GroupStatistics:
    """
    Statistics of some bags.

    :param answered: fraction of the frames that have an accepted estimate.
    :param medians: of accepted estimates, None without one; `confidence_95` their intervals, by
        the bootstrap over whole bags, or of few bags over blocks of frames.
    :param false_per_1000: accepted false poses of a thousand frames; `false_per_1000_at_most` the
        95 % upper bound of that rate, of frames that err on their own.
    """

    bags: int
    frames: int
    answered: float
    medians: ByUnit[float] | None
    confidence_95: ByUnit[list[float]] | None
    false_per_1000: float
    false_per_1000_at_most: float


def false_poses(bag: BagFrames, limits: ByUnit[float]) -> NDArray[np.bool_]:
    """Mark the accepted frames (N,) whose error is beyond either limit."""
    return bag.accepted & beyond(bag.errors, limits)


def summarise(bags: Sequence[BagFrames], limits: ByUnit[float]) -> GroupStatistics:
    """Compute the statistics of one or more bags."""
    by_bag = [list(parts) for parts in zip(*(
        [values[bag.accepted] for values in bag.errors] for bag in bags), strict=True)]
    errors = [np.concatenate(parts) for parts in by_bag]
    frames = sum(len(bag.truths_m) for bag in bags)
    false = int(sum(false_poses(bag, limits).sum() for bag in bags))
    known = len(errors[0]) > 0
    return GroupStatistics(
        len(bags), frames, len(errors[0]) / frames,
        ByUnit(*(float(np.median(values)) for values in errors)) if known else None,
        ByUnit(*map(cluster_median_interval, by_bag)) if known else None,
        1000 * false / frames, 1000 * upper_bound(false, frames))


def summarise_by(label: str, bags: Sequence[BagFrames], limits: ByUnit[float],
                 ) -> Mapping[str, GroupStatistics]:
    """Compute the statistics of the bags of each value of a label, in the order of the values."""
    values = sorted({bag.labels[label] for bag in bags})
    return {value: summarise([bag for bag in bags if bag.labels[label] == value], limits)
            for value in values}
