"""Fit sigmas to validation errors: percentiles, scales, and the power of a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats32
from posenet_ros.geometry.lie import rotation_vectors_rad
from posenet_ros.inference.calibration import Calibration
from posenet_ros.training.data.images import Images
from posenet_ros.uncertainty.covariance import sigma_factor

ONE_SIGMA = 68.27  # per cent of a normal distribution
MIN_SIGMA = 1e-4
TWO_SIGMA = 95.45  # per cent of a normal distribution
NORMAL_COVERAGE = 0.6827, 0.9545, 0.9973  # of one, two and three sigma
TINY = 1e-12
MEDIAN_SIGMA = 0.6745  # median size of a standard normal number
SCALE_CANDIDATES = np.geomspace(0.25, 8, 500)  # by that of the median
ITERATIONS = 10  # of expectation maximisation
DEGREES_OF_FREEDOM = 4  # of Student's t, which fits pose errors (doc/experiments.md)
POWERS = (0.0, 0.5, 1.0, 1.5, 2.0)


def calibrate(predicted: Mapping[str, Any], truth: Images) -> Calibration:
    """Calibrate the sigma of each axis: 68 % of the validation errors are within it."""
    position, rotation = (
        tuple(float(max(s, MIN_SIGMA)) for s in np.percentile(np.abs(e), ONE_SIGMA, axis=0))
        for e in (predicted['position'] - truth.positions_m,
                  rotation_vectors_rad(predicted['quat_xyzw'], truth.quats_xyzw)))
    return Calibration(position, rotation)


def fit_sigma_scales(residuals: NDArray[Any]) -> tuple[float, ...]:
    """
    Fit the scale of the sigmas on each axis.

    It is the geometric mean of the scales that bring 68 % within one sigma and 95 % within two.

    :param residuals: (N, 6) errors divided by their predicted sigmas.
    """
    one, two = np.percentile(np.abs(residuals), (ONE_SIGMA, TWO_SIGMA), axis=0)
    return _shrunk(np.sqrt(one * two / 2))


def fit_coverage_scales(residuals: NDArray[Any]) -> tuple[float, ...]:
    """
    Fit the scale of the sigmas on each axis to the coverage of one, two and three sigma together.

    It minimises the divergence (Kullback and Leibler 1951) of the proportions within one, between
    one and two, between two and three, and beyond three sigma from those of a normal distribution.
    Where tails are too heavy for all of them, one sigma becomes too wide and three too narrow by
    what is as significant.

    :param residuals: (N, 6) errors divided by their predicted sigmas.
    """
    sizes = np.sort(np.abs(residuals), axis=0)
    centre = np.maximum(np.median(sizes, axis=0) / MEDIAN_SIGMA, MIN_SIGMA)
    scales = centre * SCALE_CANDIDATES[:, np.newaxis]  # (S, 6)
    within = [np.stack([np.searchsorted(size, sigmas * scale, side='right')
                        for size, scale in zip(sizes.T, scales.T, strict=True)], axis=1)
              / len(sizes) for sigmas in (1, 2, 3)]
    found = np.diff(within, axis=0, prepend=0, append=1)  # (4, S, 6)
    wanted = np.diff(NORMAL_COVERAGE, prepend=0, append=1)[:, np.newaxis, np.newaxis]
    divergence = np.sum(found * np.log(np.maximum(found, TINY) / wanted), axis=0)
    # of equally good ones the middle
    best = divergence <= divergence.min(axis=0) + TINY
    return _shrunk(np.exp(np.where(best, np.log(scales), 0).sum(axis=0) / best.sum(axis=0)))


def _shrunk(scales: NDArray[Any]) -> tuple[float, ...]:
    """
    Shrink scales (6,) half-way to the mean of the three position or rotation axes.

    One held-out walk hardly tells three axes apart.
    """
    logs = np.log(np.maximum(scales, MIN_SIGMA)).reshape(2, 3)
    logs = (logs + logs.mean(axis=1, keepdims=True)) / 2
    return tuple(np.exp(logs).ravel().tolist())


def fit_score_power(errors: NDArray[Any], sigmas: NDArray[Any], scores: NDArray[Any],
                    powers: Sequence[float] = POWERS, standard_errors: float = 0) -> float:
    """
    Fit the power of a score by which it scales the sigmas.

    By maximum likelihood under Student's t distribution, whose tails bear a few wrong ground
    truths, with the best scale on each axis.

    :param errors: (N, 6), and `sigmas` (N, 6) predicted, metres and radians.
    :param scores: (N,) of the images, see :func:`posenet_ros.uncertainty.covariance.sigma_factor`.
    :param powers: candidates; the first is taken unless another is significantly better.
    :param standard_errors: of the log likelihood ratio that are significant (Vuong 1989).
    """
    losses = np.array([_negative_log_likelihoods(
        errors, sigmas * sigma_factor(scores, power)[:, np.newaxis]) for power in powers])
    best = int(losses.mean(axis=1).argmin())
    gain = losses[0] - losses[best]
    significant = gain.mean() > standard_errors * gain.std() / np.sqrt(len(errors))
    return powers[best] if significant else powers[0]


def _negative_log_likelihoods(errors: NDArray[Any], sigmas: NDArray[Any]) -> Floats32:
    """
    Return the negative log likelihoods under Student's t distribution, (N,), less a constant.

    The scale of each axis is fitted by expectation maximisation (Lange, Little and Taylor 1989).

    :param errors: (N, 6), and `sigmas` (N, 6) predicted, but for that scale.
    """
    squares = np.square(errors / sigmas)
    variance = np.maximum(np.median(squares, axis=0), MIN_SIGMA ** 2)
    for _ in range(ITERATIONS):
        variance = np.mean((DEGREES_OF_FREEDOM + 1) * squares
                           / (DEGREES_OF_FREEDOM + squares / variance), axis=0)
    tails = np.log1p(squares / variance / DEGREES_OF_FREEDOM)
    return np.asarray(np.sum(np.log(sigmas * np.sqrt(variance))
                             + (DEGREES_OF_FREEDOM + 1) / 2 * tails, axis=1), np.float32)


def coverage(residuals: NDArray[Any]) -> dict[str, list[float]]:
    """Return the coverage of one and two sigma on each axis by (N, 6) normalised residuals."""
    return {f'{k}_sigma': [round(float(v), 3) for v in np.mean(np.abs(residuals) <= k, axis=0)]
            for k in (1, 2)}
