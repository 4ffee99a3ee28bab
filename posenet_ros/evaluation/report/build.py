"""Compute the report of an evaluation, whichever method estimated the poses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, UTC
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
import platform
from typing import Any

import numpy as np
from posenet_ros import __version__
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.evaluation.baselines import baseline_errors, BASELINES
from posenet_ros.evaluation.correlations import correlations, quantities
from posenet_ros.evaluation.metrics.coverage import Coverage, pose_coverage
from posenet_ros.evaluation.metrics.pose_errors import ByUnit, Errors, ErrorStatistics, recall
from posenet_ros.evaluation.metrics.resampling import median_interval
from posenet_ros.evaluation.reliability import (
    count_ambiguous,
    count_false_poses,
    count_faults,
    FALSE_POSE,
    out_of_place_statistics,
    sparsification_by_unit,
)
from posenet_ros.evaluation.report.content import (
    FrameCounts,
    FrameStatistics,
    LatencyPercentiles,
    Report,
)
from posenet_ros.evaluation.results import FrameResult, FrameTable, WorstFrame
from posenet_ros.evaluation.trajectory import trajectory_statistics, TrajectoryOptions
from posenet_ros.inference.artifact import LoadedArtifact
from posenet_ros.inference.train_index import TrainIndex

PACKAGES = ('numpy', 'opencv-python-headless', 'ai-edge-litert', 'tensorflow', 'tensorflow-cpu',
            'keras', 'rosbags')


@dataclass(frozen=True, eq=False)
class Evaluation:
    """
    The results of an evaluation, from which the report is made.

    :param frames: results in the order of recording.
    :param train: training poses in the frame of the truth, for the baselines; None when unknown.
    :param model: the method, as from :func:`describe_model`.
    :param data: the description of the source.
    :param out_of_place: results of images of other places; their truth has no meaning.
    :param false_pose: errors beyond either make a pose a false one.
    :param worst: the frames with the largest errors, with their pictures.
    :param trajectory: how APE and RPE are computed.
    :param method: what the tables call the method; empty finds a name.
    :param beside: evaluations of other methods on the same images, by name, for comparison.
    """

    frames: Sequence[FrameResult]
    train: TrainIndex | None = None
    model: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    out_of_place: Sequence[FrameResult] = ()
    false_pose: ByUnit[float] = FALSE_POSE
    worst: Sequence[WorstFrame] = ()
    trajectory: TrajectoryOptions = field(default_factory=TrajectoryOptions)
    method: str = ''
    beside: Mapping[str, Evaluation] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return what the tables call the method."""
        refined = any(frame.landmarks for frame in self.frames)
        return self.method or ('refined by landmarks' if refined else 'estimate')

    @property
    def metric(self) -> bool:
        """Return whether metres are metres: those of a map without a scale are its units."""
        return 'scale' not in self.data

    @property
    def methods(self) -> Mapping[str, Evaluation]:
        """Return this evaluation and those beside it, by name."""
        return {self.name: self, **self.beside}

    @cached_property
    def statistics(self) -> FrameStatistics:
        """Return counts, error statistics and recall."""
        return frame_statistics(self.table)

    @cached_property
    def table(self) -> FrameTable:
        """Stack the results in arrays."""
        return FrameTable.from_frames(self.frames)

    @cached_property
    def out_of_place_table(self) -> FrameTable:
        """Stack the results of images of other places in arrays."""
        return FrameTable.from_frames(self.out_of_place)

    @cached_property
    def baselines(self) -> Mapping[str, Errors | None]:
        """Return the errors of each baseline, None where unknown."""
        return dict.fromkeys(BASELINES) if self.train is None else baseline_errors(
            self.table, self.train)

    @cached_property
    def quantities(self) -> Mapping[str, Floats]:
        """Return the quantities that the error is correlated with."""
        return quantities(self.table, self.train, timed=self.data.get('stamps') != 'rows')


def finite_error_statistics(errors: Floats) -> ErrorStatistics | None:
    """Compute the statistics of the finite errors, None when there are none."""
    finite = errors[np.isfinite(errors)]
    return ErrorStatistics.from_errors(finite) if finite.size else None


def frame_statistics(table: FrameTable) -> FrameStatistics:
    """Compute counts, error statistics and recall of frames."""
    estimated = int(table.estimated.sum())
    counts = FrameCounts(
        len(table), estimated, int(table.accepted.sum()), len(table) - estimated)
    metres, degrees = table.accepted_errors
    return FrameStatistics(counts, finite_error_statistics(metres),
                           finite_error_statistics(degrees), recall(metres, degrees))


def _median_intervals(errors: Errors) -> ByUnit[Sequence[float]] | None:
    metres, degrees = (values[np.isfinite(values)] for values in errors)
    if not metres.size:
        return None
    return ByUnit(median_interval(metres), median_interval(degrees))


def _medians(errors: Errors | None) -> ByUnit[float] | None:
    if errors is None:
        return None
    metres, degrees = (float(np.median(values[np.isfinite(values)])) for values in errors)
    return ByUnit(metres, degrees)


def _latencies(frames: Sequence[FrameResult]) -> dict[str, LatencyPercentiles]:
    """Compute the percentiles of each stage's latency, over the frames that it was timed for."""
    stages: dict[str, list[float]] = {}
    for frame in frames:
        for stage, duration in frame.latency_ms.items():
            stages.setdefault(stage, []).append(duration)
    return {stage: LatencyPercentiles(*np.percentile(durations, (50, 95, 99)).tolist())
            for stage, durations in stages.items()}


def table_coverage(table: FrameTable) -> Coverage | None:
    """Compute the coverage and NEES of all estimates with a covariance; None without any."""
    known = table.select(table.estimated & table.with_covariance)
    if not len(known):
        return None
    return pose_coverage(known.differences, known.covariances)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that took part in the computation."""
    found = {'posenet_ros': __version__, 'python': platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def describe_model(artifact: LoadedArtifact, **more: str | int) -> dict[str, Any]:
    """Describe a model for the report; `more` is for the engine and the like."""
    return {'folder': artifact.folder.name, 'digest': artifact.digest,
            **({'edited': 'artifact.json was edited by hand'} if artifact.edited else {}),
            'backbone': artifact.network.backbone if artifact.network else 'none', **more,
            'provenance': dict(artifact.provenance)}


def build_report(evaluation: Evaluation) -> Report:
    """
    Compute the report.

    Statistics are over accepted estimates; recall is over all frames, of which those without an
    accepted estimate have an infinite error.

    :raises InputError: when there are no frames.
    """
    if not evaluation.frames:
        raise InputError('a report needs at least one frame that has a truth. Received: none')
    table, outside = evaluation.table, evaluation.out_of_place_table
    statistics = evaluation.statistics
    trajectory, why_not = trajectory_statistics(table.frames, evaluation.trajectory)
    data = {'created': f'{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}', **evaluation.data,
            **({'not_aligned': why_not} if why_not else {})}
    return Report(
        statistics.frames, statistics.translation_m, statistics.rotation_deg, statistics.recall,
        confidence_95=_median_intervals(table.accepted_errors), trajectory=trajectory,
        outcomes=Counter(frame.outcome for frame in table.frames),
        baselines={name: _medians(errors) for name, errors in evaluation.baselines.items()},
        latency_ms=_latencies(table.frames),
        calibration=table_coverage(table.select(table.accepted)),
        sparsification=sparsification_by_unit(table),
        out_of_place=out_of_place_statistics(table, outside),
        false_poses=count_false_poses(
            table, evaluation.false_pose, metric=evaluation.metric),
        ambiguous=count_ambiguous(table, evaluation.false_pose),
        image_faults=count_faults(table),
        correlations=correlations(evaluation.quantities, table.accepted_errors),
        sequences={name: frame_statistics(part) for name, part in table.by_sequence().items()},
        model=evaluation.model, data=data,
        versions=versions())
