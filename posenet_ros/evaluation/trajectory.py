"""APE and RPE of the accepted frames as a trajectory, as evo computes them of the TUM files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.metrics.pose_errors import ByUnit, Errors, ErrorStatistics
from posenet_ros.evaluation.metrics.trajectory_errors import (
    align,
    Alignment,
    Path,
    pose_pairs,
    relative_errors,
    RelativeOptions,
)
from posenet_ros.evaluation.results import FrameResult, positions, quaternions
from posenet_ros.utils.settings.mapping import key


@dataclass(frozen=True)
class TrajectoryOptions:
    """
    How trajectories are compared.

    :param alignment: of the estimates with the truth, for APE and RPE alone.
    :param relative: the pairs of the RPE.
    """

    alignment: Alignment = Alignment.NONE
    relative: RelativeOptions = field(default_factory=RelativeOptions)


@dataclass(frozen=True)
class RelativeStatistics:
    """
    The statistics of the RPE.

    :param delta: the distance of the poses of a pair.
    :param unit: of `delta`, as a word.
    :param all_pairs: whether pairs overlap.
    :param pairs: their number.
    """

    delta: float
    unit: str
    all_pairs: bool
    pairs: int
    translation_m: ErrorStatistics
    rotation_deg: ErrorStatistics


@dataclass(frozen=True)
class TrajectoryStatistics:
    """
    The statistics of APE and RPE.

    :param alignment: none, se3 or sim3.
    :param scale: by which the estimates were multiplied.
    :param frames: the number of accepted frames.
    :param rpe: None where the path is shorter than the distance of a pair.
    """

    alignment: str
    scale: float
    frames: int
    ape: ByUnit[ErrorStatistics]
    relative: RelativeStatistics | None = field(metadata=key('rpe'))


def accepted_in_order(frames: Sequence[FrameResult]) -> list[FrameResult]:
    """Select the accepted frames, in the order of their stamps."""
    return sorted((frame for frame in frames if frame.accepted),
                  key=lambda frame: frame.stamp_ns)


def _statistics(errors: Errors) -> ByUnit[ErrorStatistics]:
    return ByUnit(*map(ErrorStatistics.from_errors, errors))


def _relative(estimate: Path, truth: Path, options: RelativeOptions) -> RelativeStatistics | None:
    pairs = pose_pairs(estimate, options)
    if not len(pairs):
        return None
    return RelativeStatistics(options.delta, options.unit.word, options.all_pairs, len(pairs),
                              *_statistics(relative_errors(estimate, truth, pairs)))


def trajectory_statistics(
        frames: Sequence[FrameResult],
        options: TrajectoryOptions) -> tuple[TrajectoryStatistics | None, str]:
    """
    Compute APE and RPE of the accepted frames, in the order of their stamps.

    :returns: the statistics; or None, and why they cannot be computed.
    """
    accepted = accepted_in_order(frames)
    if not accepted:
        return None, ''
    truth, estimate = (Path(positions(poses), quaternions(poses)) for poses in (
        [frame.truth for frame in accepted],
        [frame.estimate for frame in accepted if frame.estimate]))
    try:
        similarity = align(estimate, truth, options.alignment)
    except (InputError, np.linalg.LinAlgError) as error:
        return None, str(error)
    aligned = estimate.transformed(similarity)
    return TrajectoryStatistics(
        options.alignment.value, similarity.scale, len(accepted),
        _statistics(aligned.errors(truth)), _relative(aligned, truth, options.relative)), ''
