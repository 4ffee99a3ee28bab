"""The content of a report; `to_mapping` gives report.json, and report.schema.json its schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import json
import math
from typing import Any

from posenet_ros.evaluation.correlations import Correlation
from posenet_ros.evaluation.metrics.coverage import Coverage
from posenet_ros.evaluation.metrics.pose_errors import ByUnit, ErrorStatistics
from posenet_ros.evaluation.reliability import (
    AmbiguousFrames,
    FalsePoses,
    OutOfPlaceStatistics,
    SparsificationByUnit,
)
from posenet_ros.evaluation.trajectory import TrajectoryStatistics
from posenet_ros.utils.settings.mapping import key, to_mapping

REPORT_FILE = 'report.json'


@dataclass(frozen=True)
class FrameCounts:
    """The numbers of frames: all with a truth, with an estimate, an accepted one, without."""

    total: int
    estimated: int
    accepted: int
    dropped: int


@dataclass(frozen=True)
class FrameStatistics:
    """
    Counts, error statistics and recall of some frames.

    :param translation_m: over accepted estimates; None when there are none.
    :param rotation_deg: the same.
    :param recall: the fraction of all frames within each pair of limits.
    """

    frames: FrameCounts
    translation_m: ErrorStatistics | None
    rotation_deg: ErrorStatistics | None
    recall: Mapping[str, float]

    @property
    def medians(self) -> ByUnit[float | None]:
        """Return the median errors, None without an accepted estimate."""
        return ByUnit(*(None if statistics is None else statistics.median
                        for statistics in (self.translation_m, self.rotation_deg)))


@dataclass(frozen=True)
class LatencyPercentiles:
    """Percentiles of a stage's latency, milliseconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Report(FrameStatistics):
    """
    A report: what was evaluated, and all statistics of it.

    :param confidence_95: the interval of each median; None without an accepted estimate.
    :param trajectory: APE and RPE; None without an accepted estimate, or where the estimates
        cannot be aligned.
    :param outcomes: the number of frames by outcome.
    :param baselines: the median errors of each; None where it is not known.
    :param latency_ms: of each stage that was timed.
    :param calibration: of accepted estimates; None without covariances.
    :param sparsification: of accepted estimates; None without covariances.
    :param out_of_place: None without images of other places.
    :param image_faults: the number of images by fault.
    :param correlations: of the error with each quantity; None where it is not known.
    :param sequences: the statistics of each.
    :param model: the method, in words and numbers.
    :param data: the source, in words and numbers.
    :param versions: of Python and of packages.
    """

    confidence_95: ByUnit[Sequence[float]] | None
    trajectory: TrajectoryStatistics | None
    outcomes: Mapping[str, int]
    baselines: Mapping[str, ByUnit[float] | None]
    latency_ms: Mapping[str, LatencyPercentiles]
    calibration: Coverage | None
    sparsification: SparsificationByUnit | None
    out_of_place: OutOfPlaceStatistics | None
    false_poses: FalsePoses
    ambiguous: AmbiguousFrames
    image_faults: Mapping[str, int]
    correlations: Mapping[str, Correlation | None] = field(metadata=key('relations'))
    sequences: Mapping[str, FrameStatistics]
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    versions: Mapping[str, str]

    def to_mapping(self) -> dict[str, Any]:
        """Return the content of report.json."""
        return to_mapping(self)


def json_text(content: Mapping[str, Any]) -> str:
    """Write JSON as every reader takes it: what is not finite, as in a provenance, is null."""
    return json.dumps(_finite(content), indent=2, allow_nan=False, default=str) + '\n'


def _finite(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
