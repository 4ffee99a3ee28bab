"""Calibration of predicted covariances: coverage and normalised estimation error squared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from posenet_ros.arrays import as_rows, Floats
from posenet_ros.evaluation.metrics.resampling import mean_intervals
from posenet_ros.geometry.lie import rotation_vectors_rad

# fractions of a normal distribution within 1, 2 and 3 standard deviations
EXPECTED_COVERAGE = {'1_sigma': 0.6827, '2_sigma': 0.9545, '3_sigma': 0.9973}
COMPONENTS = {'pose': slice(6), 'translation': slice(3), 'rotation': slice(3, 6)}  # of six axes


def _coverage(fractions: Floats) -> dict[str, float]:
    return dict(zip(EXPECTED_COVERAGE, map(float, fractions), strict=True))


def _statistics(errors: Floats, covariances: Floats, within: NDArray[np.bool_]) -> dict[str, Any]:
    """
    Compare (N, D) errors with their (N, D, D) covariances.

    Coverage pools the axes; its interval is by a block bootstrap. NEES is e' C^-1 e, whose mean
    is D when C is right (Bar-Shalom, Li and Kirubarajan 2001, section 5.4.2).

    :param within: (N, 3, D), of :func:`_within_sigmas`.
    """
    inside = within.mean(axis=2)
    nees = np.einsum('ni,ni->n', errors, np.linalg.solve(covariances, errors[..., None])[..., 0])
    return {'coverage': _coverage(inside.mean(axis=0)),
            'interval': dict(zip(EXPECTED_COVERAGE, mean_intervals(inside).tolist(),
                                 strict=True)),
            'nees_mean': float(nees.mean()), 'nees_median': float(np.median(nees))}


def _within_sigmas(errors: Floats, covariances: Floats) -> NDArray[np.bool_]:
    """Tell whether each error is within 1, 2 and 3 sigma, (N, 3, D)."""
    sigmas = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    return np.abs(errors)[:, None] <= np.array([1, 2, 3])[:, None] * sigmas[:, None]


def calibration(
        estimates_m: ArrayLike, estimates_xyzw: ArrayLike, truths_m: ArrayLike,
        truths_xyzw: ArrayLike, covariances: ArrayLike) -> dict[str, Any]:
    """
    Compute the coverage and NEES of predicted covariances.

    :param estimates_m: (N, 3) metres.
    :param estimates_xyzw: (N, 4) quaternions.
    :param truths_m: (N, 3) metres.
    :param truths_xyzw: (N, 4) quaternions.
    :param covariances: (N, 6, 6) as in :class:`posenet_ros.geometry.estimate.PoseEstimate`.
    :returns: for the whole pose, its translation and its rotation: the fraction of errors within
        1, 2 and 3 sigma, of all axes together with its 95 % confidence interval, and of each axis
        (x y z of the map; rotations about them); the NEES; and the expected values of both.
    """
    matrices = np.asarray(covariances, dtype=np.float64).reshape(-1, 6, 6)
    errors = np.hstack([as_rows(estimates_m, 3) - as_rows(truths_m, 3),
                        rotation_vectors_rad(estimates_xyzw, truths_xyzw)])
    within = _within_sigmas(errors, matrices)
    result = {name: _statistics(errors[:, part], matrices[:, part, part], within[..., part])
              for name, part in COMPONENTS.items()}
    for name in ('translation', 'rotation'):
        fractions = within[..., COMPONENTS[name]].mean(axis=0).T
        result[name]['axes'] = dict(zip('xyz', map(_coverage, fractions), strict=True))
    return {**result,
            'expected': {'coverage': EXPECTED_COVERAGE, 'nees_mean': 3.0, 'nees_median': 2.366}}
