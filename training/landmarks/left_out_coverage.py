"""Whether covariances are true on walks that neither the map nor its calibration knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.metrics.coverage import EXPECTED_COVERAGE
from posenet_ros.evaluation.metrics.resampling import mean_intervals
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.training.landmarks.calibration import (
    fit_calibration,
    fit_tracked_scales,
    with_residual_ratios,
)
from posenet_ros.training.landmarks.held_out.poses import HeldOutPoses
from posenet_ros.training.landmarks.options import ValidationOptions
from posenet_ros.uncertainty.pose_scores import sigma_factors

AXES = 'x', 'y', 'z', 'about x', 'about y', 'about z'
SIGMAS = np.arange(1, 4)
TAIL = 0.025  # beyond each end of a 95 % interval


@dataclass(frozen=True)
class AxisCoverage:
    """
    Coverage of one axis at some sigmas, as found and as right.

    :param interval: 95 %, by a block bootstrap; with no error beyond, the lower end is that of the
        binomial distribution (Clopper and Pearson 1934), as no resample has one either.
    """

    axis: str
    sigmas: int
    found: float
    interval: tuple[float, float]
    expected: float

    @property
    def holds(self) -> bool:
        """Return whether what is right is within the interval."""
        return self.interval[0] <= self.expected <= self.interval[1]


def left_out_coverage(held_out: HeldOutPoses, landmark_map: LandmarkMap,
                      options: ValidationOptions | None = None) -> list[AxisCoverage]:
    """
    Measure the coverage of poses whose walk neither the map nor the calibration knows.

    :param held_out: of :func:`.validation.localise_held_out`.
    :param landmark_map: of all images.
    :returns: of each axis at one, two and three sigma; empty with fewer than two folds.
    """
    residuals = cross_validated_residuals(held_out, landmark_map, options or ValidationOptions())
    return axis_coverage(residuals) if len(residuals) else []


def cross_validated_residuals(held_out: HeldOutPoses, landmark_map: LandmarkMap,
                              options: ValidationOptions) -> Floats:
    """
    Divide the errors of each fold by sigmas that were calibrated on the other folds.

    Where there is one fold, of blocks of a walk, each block is taken for one.

    :returns: (K, 6) of the localised images.
    """
    known = held_out.select(held_out.localised)
    parts = _parts(known.views, known.folds)
    found = [np.empty((0, 6))]
    for part in np.unique(parts) if len(np.unique(parts)) > 1 else ():
        calibrated = fit_calibration(known.select(parts != part), landmark_map, options)
        own = known.select(parts == part)
        factors = sigma_factors(
            with_residual_ratios(own, calibrated.landmark_map), calibrated.powers)
        found.append(own.rows[:, 0] / (
            own.rows[:, 1] * factors[:, np.newaxis] * calibrated.sigma_scales))
    return np.concatenate(found)


def tracked_coverage(held_out: HeldOutPoses,
                     options: ValidationOptions | None = None) -> list[AxisCoverage]:
    """
    Measure the coverage of tracked poses in the same way.

    :returns: empty where too few were tracked, or in one walk alone.
    """
    residuals = cross_validated_tracked(held_out, options or ValidationOptions())
    return axis_coverage(residuals) if len(residuals) else []


def cross_validated_tracked(held_out: HeldOutPoses, options: ValidationOptions) -> Floats:
    """Divide the errors of tracked poses by sigmas calibrated on the other folds, (K, 6)."""
    views, folds, rows = held_out.tracked
    parts = _parts(views, folds)
    found = [np.empty((0, 6))]
    for part in np.unique(parts):
        scales = fit_tracked_scales(rows[parts != part], options)
        if scales:
            own = rows[parts == part]
            found.append(own[:, 0] / (own[:, 1] * scales))
    return np.concatenate(found)


def _parts(views: NDArray[np.intp], folds: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the number of each image's fold; of its block where there is one fold."""
    if len(np.unique(folds)) > 1 or not len(views):
        return folds
    steps = np.diff(views, prepend=views[:1])
    usual = max(float(np.median(steps[1:])), 1.0) if len(steps) > 1 else 1.0
    return np.cumsum(steps > 3 * usual)


def axis_coverage(residuals: Floats) -> list[AxisCoverage]:
    """
    Compute the coverage of each axis by normalised residuals (N, 6), in the order of recording.

    :returns: 18 of them: each axis at one, two and three sigma.
    """
    within = np.abs(residuals)[:, np.newaxis] <= SIGMAS[:, np.newaxis]  # (N, 3, 6)
    intervals = mean_intervals(within.reshape(len(residuals), -1).astype(np.float64))
    rows = []
    for column, (low, high) in enumerate(intervals.tolist()):
        sigmas, axis = divmod(column, len(AXES))
        found = float(within[:, sigmas, axis].mean())
        if found == 1:
            low = TAIL ** (1 / len(residuals))
        rows.append(AxisCoverage(AXES[axis], int(SIGMAS[sigmas]), found, (low, high),
                                 list(EXPECTED_COVERAGE.values())[sigmas]))
    return rows


def table(rows: Sequence[AxisCoverage]) -> list[str]:
    """Return the coverage as lines of a Markdown table, with an asterisk where it is not right."""
    lines = ['| coverage of | ' + ' | '.join(AXES) + ' |', '| --- |' + ' ---: |' * len(AXES)]
    for sigmas in SIGMAS:
        of_sigmas = [row for row in rows if row.sigmas == sigmas]
        cells = (f'{row.found:.1%} ({row.interval[0]:.1%} to {row.interval[1]:.1%})'
                 f'{"" if row.holds else " *"}' for row in of_sigmas)
        name = f'{sigmas} sigma, {of_sigmas[0].expected:.1%}'
        lines.append(f'| {name} | ' + ' | '.join(cells) + ' |')
    return lines
