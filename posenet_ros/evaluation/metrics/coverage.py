"""Calibration of predicted covariances: coverage and normalised estimation error squared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from posenet_ros.arrays import as_rows, Floats
from posenet_ros.evaluation.metrics.resampling import mean_intervals
from posenet_ros.geometry.lie import rotation_vectors_rad
from posenet_ros.utils.settings.mapping import OMIT_NONE

# fractions of a normal distribution within 1, 2 and 3 standard deviations
EXPECTED_COVERAGE = {'1_sigma': 0.6827, '2_sigma': 0.9545, '3_sigma': 0.9973}
COMPONENTS = slice(6), slice(3), slice(3, 6)  # of six axes: pose, translation, rotation
T = TypeVar('T')


@dataclass(frozen=True, kw_only=True)
class ComponentCoverage:
    """
    Coverage and NEES of one component of the pose.

    :param coverage: the fraction of errors within 1, 2 and 3 sigma, all axes pooled.
    :param interval: the 95 % confidence interval of each, None for expected values.
    :param axes: the coverage of each axis: x y z of the map, or rotations about them.
    """

    coverage: Mapping[str, float]
    interval: Mapping[str, list[float]] | None = field(default=None, metadata=OMIT_NONE)
    nees_mean: float
    nees_median: float
    axes: Mapping[str, Mapping[str, float]] | None = field(default=None, metadata=OMIT_NONE)


@dataclass(frozen=True)
class Coverage:
    """Coverage and NEES of the pose, its components, and as expected of exact covariances."""

    frames: int
    pose: ComponentCoverage
    translation: ComponentCoverage
    rotation: ComponentCoverage
    expected: ComponentCoverage


EXPECTED = ComponentCoverage(coverage=EXPECTED_COVERAGE, nees_mean=3.0, nees_median=2.366)


def _by_sigma(values: Iterable[T]) -> dict[str, T]:
    return dict(zip(EXPECTED_COVERAGE, values, strict=True))


def _component_coverage(
        errors: Floats, covariances: Floats, within: NDArray[np.bool_]) -> ComponentCoverage:
    """
    Compare (N, D) errors with their (N, D, D) covariances.

    Coverage pools the axes; its interval is by a block bootstrap.

    :param within: (N, 3, D), of :func:`_within_sigmas`.
    """
    inside = within.mean(axis=2)
    nees = normalised_squared_errors(errors, covariances)
    axes = {axis: _by_sigma(fractions.tolist())
            for axis, fractions in zip('xyz', within.mean(axis=0).T, strict=True)
            } if errors.shape[1] == 3 else None
    return ComponentCoverage(
        coverage=_by_sigma(inside.mean(axis=0).tolist()),
        interval=_by_sigma(mean_intervals(inside).tolist()),
        nees_mean=float(nees.mean()), nees_median=float(np.median(nees)), axes=axes)


def normalised_squared_errors(errors: Floats, covariances: Floats) -> Floats:
    """
    Compute the NEES e' C^-1 e, whose mean is D when C is right.

    Bar-Shalom, Li and Kirubarajan 2001, section 5.4.2.

    :param errors: (N, D).
    :param covariances: (N, D, D).
    :returns: (N,).
    """
    weighted = np.linalg.solve(covariances, errors[..., None])[..., 0]
    return np.asarray(np.einsum('ni,ni->n', errors, weighted), np.float64)


def _within_sigmas(errors: Floats, covariances: Floats) -> NDArray[np.bool_]:
    """Tell whether each error is within 1, 2 and 3 sigma, (N, 3, D)."""
    sigmas = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    return np.abs(errors)[:, None] <= np.array([1, 2, 3])[:, None] * sigmas[:, None]


def pose_differences(
        estimates_m: ArrayLike, estimates_xyzw: ArrayLike, truths_m: ArrayLike,
        truths_xyzw: ArrayLike) -> Floats:
    """
    Compute the errors that covariances describe: position, and rotation vector.

    :param estimates_m: (N, 3) metres.
    :param estimates_xyzw: (N, 4) quaternions.
    :param truths_m: (N, 3) metres.
    :param truths_xyzw: (N, 4) quaternions.
    :returns: (N, 6) metres and radians, about the axes of the map.
    """
    return np.hstack([as_rows(estimates_m, 3) - as_rows(truths_m, 3),
                      rotation_vectors_rad(estimates_xyzw, truths_xyzw)])


def pose_coverage(errors: Floats, covariances: ArrayLike) -> Coverage:
    """
    Compute the coverage and NEES of predicted covariances.

    :param errors: (N, 6) of :func:`pose_differences`.
    :param covariances: (N, 6, 6) as in :class:`posenet_ros.geometry.estimate.PoseEstimate`.
    """
    matrices = np.asarray(covariances, dtype=np.float64).reshape(-1, 6, 6)
    within = _within_sigmas(errors, matrices)
    pose, translation, rotation = (
        _component_coverage(errors[:, part], matrices[:, part, part], within[..., part])
        for part in COMPONENTS)
    return Coverage(len(errors), pose, translation, rotation, EXPECTED)
