"""From the errors of a network to what it expects of them, and to their standard deviations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats32
from posenet_ros.geometry.lie import rotation_vectors_rad
from posenet_ros.inference.calibration import Calibration
from posenet_ros.training.data.images import Images
from posenet_ros.uncertainty.covariance import enlargement

ONE_SIGMA = 68.27  # per cent of a normal distribution
SMALLEST_SIGMA = 1e-4
TWO_SIGMA = 95.45  # per cent of a normal distribution
ITERATIONS = 10
TAILS = 4  # degrees of freedom of Student's t: pose errors are like it (doc/experiments.md)
POWERS = (0.0, 0.5, 1.0, 1.5, 2.0)


def calibrate(found: Mapping[str, Any], truth: Images) -> Calibration:
    """Return the sigma on each axis that 68 % of the validation errors stay within."""
    moved = np.abs(found['position'] - truth.positions_m)
    turned = np.abs(rotation_vectors_rad(found['quat_xyzw'], truth.quats_xyzw))
    sigmas = [tuple(float(max(s, SMALLEST_SIGMA)) for s in np.percentile(e, ONE_SIGMA, axis=0))
              for e in (moved, turned)]
    return Calibration(*sigmas)


def scales(ratios: NDArray[Any], heavy_tails: bool = False) -> tuple[float, ...]:
    """
    Return the factor on each axis that makes sigmas of expected errors.

    The geometric mean of what brings 68 % within one sigma and 95 % within two; and as one walk
    that was held out cannot tell three axes apart surely, half-way to the mean of three axes.

    :param ratios: (N, 6) errors divided by what was expected.
    :param heavy_tails: bring 95 % within two sigma, whatever that makes of the 68 %.
    """
    sizes = np.abs(ratios)
    one, two = np.percentile(sizes, (ONE_SIGMA, TWO_SIGMA), axis=0)
    wanted = two / 2 if heavy_tails else np.sqrt(one * two / 2)
    logs = np.log(np.maximum(wanted, SMALLEST_SIGMA)).reshape(2, 3)
    logs = (logs + logs.mean(axis=1, keepdims=True)) / 2
    return tuple(np.exp(logs).ravel().tolist())


def power_of(errors: Floats32, own: Floats32, scores: NDArray[Any],
             powers: Sequence[float] = POWERS, standard_errors: float = 0) -> float:
    """
    Return the power of a score that explains the errors best, of a few.

    By the likelihood under Student's t distribution, whose tails bear a few wrong truths, with the
    best factor on each axis.

    :param errors: (N, 6), and `own` (N, 6) what was expected of them.
    :param scores: (N,) of the images: see :func:`posenet_ros.uncertainty.covariance.enlargement`.
    :param powers: to choose from; the first is taken unless another is better than by chance.
    :param standard_errors: by how many of the likelihoods' difference (Vuong 1989) that is.
    """
    found = np.array([_unlikelihoods(errors, own * enlargement(scores, power)[:, np.newaxis])
                      for power in powers])
    best = int(found.mean(axis=1).argmin())
    better = found[0] - found[best]
    told = better.mean() > standard_errors * better.std() / np.sqrt(len(errors))
    return powers[best] if told else powers[0]


def _unlikelihoods(errors: Floats32, sizes: Floats32) -> Floats32:
    """
    Return negative log likelihoods under Student's t distribution, (N,), less a constant.

    :param errors: (N, 6), and `sizes` (N, 6) what is expected, but for a factor on each axis: the
        likeliest, by expectation maximisation (Lange, Little and Taylor 1989).
    """
    squares = np.square(errors / sizes)
    variance = np.maximum(np.median(squares, axis=0), SMALLEST_SIGMA ** 2)
    for _ in range(ITERATIONS):
        variance = np.mean((TAILS + 1) * squares / (TAILS + squares / variance), axis=0)
    return np.asarray(np.sum(np.log(sizes * np.sqrt(variance)) + (TAILS + 1) / 2 * np.log1p(
        squares / variance / TAILS), axis=1), np.float32)


def coverage(ratios: NDArray[Any]) -> dict[str, list[float]]:
    """Return the shares of errors within one and two sigma on each axis."""
    return {f'{k}_sigma': [round(float(v), 3) for v in np.mean(np.abs(ratios) <= k, axis=0)]
            for k in (1, 2)}
