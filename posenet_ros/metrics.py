"""
How far estimates are from the truth, as numbers that others can check.

Arrays hold one row a frame. A frame without an answer has the error infinity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from posenet_ros.errors import InputError
from posenet_ros.pose import wxyz_from_xyzw
from transforms3d.quaternions import qmult

Array = NDArray[np.float64]

RECALL_LIMITS: Mapping[str, tuple[float, float]] = {  # metres, degrees
    '0.25m_2deg': (0.25, 2.0), '0.5m_5deg': (0.5, 5.0), '5m_10deg': (5.0, 10.0)}
# shares of a normal distribution within 1, 2 and 3 standard deviations
EXPECTED_COVERAGE = {'1_sigma': 0.6827, '2_sigma': 0.9545, '3_sigma': 0.9973}
PARTS = {'pose': slice(6), 'translation': slice(3), 'rotation': slice(3, 6)}  # of six axes
CONFIDENCE = (2.5, 97.5)  # per cent: the ends of a 95 % interval


def _rows(values: ArrayLike, width: int) -> Array:
    return np.asarray(values, dtype=np.float64).reshape(-1, width)


def translation_errors_m(estimates_m: ArrayLike, truths_m: ArrayLike) -> Array:
    """
    Return the distances between positions.

    :param estimates_m: (N, 3) metres.
    :param truths_m: (N, 3) metres.
    :returns: (N,) metres.
    """
    return np.asarray(
        np.linalg.norm(_rows(estimates_m, 3) - _rows(truths_m, 3), axis=1), np.float64)


def rotation_errors_deg(estimates_xyzw: ArrayLike, truths_xyzw: ArrayLike) -> Array:
    """
    Return the angles 2 arccos |q.q'| of the rotations between orientations.

    Computed as 4 atan2(|q - q'|, |q + q'|), which is the same, needs no clipping, and keeps its
    digits at small angles, where arccos loses half of them (Kahan 2006, section 12).

    :param estimates_xyzw: (N, 4) quaternions of any length but 0.
    :param truths_xyzw: (N, 4) the same.
    :returns: (N,) degrees, 0 to 180.
    """
    q, r = (_rows(quats, 4) for quats in (estimates_xyzw, truths_xyzw))
    q, r = (quats / np.linalg.norm(quats, axis=1, keepdims=True) for quats in (q, r))
    r = np.where(np.sum(q * r, axis=1, keepdims=True) < 0, -r, r)  # q and -q are one rotation
    angle = 4 * np.arctan2(np.linalg.norm(q - r, axis=1), np.linalg.norm(q + r, axis=1))
    return np.asarray(np.degrees(angle), np.float64)


def rotation_vectors_rad(estimates_xyzw: ArrayLike, truths_xyzw: ArrayLike) -> Array:
    """
    Return the rotations from truth to estimate about the map's fixed axes.

    :returns: (N, 3) axis times angle, radians.
    """
    estimates = wxyz_from_xyzw(_rows(estimates_xyzw, 4))
    conjugates = wxyz_from_xyzw(_rows(truths_xyzw, 4)) * (1, -1, -1, -1)
    error = np.asarray(qmult(estimates.T, conjugates.T)).T  # (N, 4) wxyz
    error = np.where(error[:, :1] < 0, -error, error)
    length = np.linalg.norm(error[:, 1:], axis=1, keepdims=True)
    angle = 2 * np.arctan2(length, error[:, :1])
    # angle / sin(angle / 2) tends to 2 at angle 0
    factor = np.divide(angle, length, out=np.full_like(length, 2.0), where=length > 0)
    return np.asarray(error[:, 1:] * factor, np.float64)


@dataclass(frozen=True)
class Summary:
    """Statistics of the errors of the frames that were answered, in the unit of the errors."""

    median: float
    mean: float
    p75: float
    p90: float
    p95: float
    largest: float

    @classmethod
    def from_errors(cls, errors: ArrayLike) -> Summary:
        """
        Summarise.

        :param errors: (N,) finite.
        :raises InputError: when there are none, for which no number would be true.
        """
        array = np.asarray(errors, dtype=np.float64)
        if not array.size or not np.isfinite(array).all():
            raise InputError('a summary needs at least one error, all finite. Received: '
                             f'{array.size} errors')
        p75, p90, p95 = np.percentile(array, (75, 90, 95))
        return cls(float(np.median(array)), float(array.mean()), float(p75), float(p90),
                   float(p95), float(array.max()))

    def to_mapping(self) -> dict[str, float]:
        """Return the statistics by the names of the report."""
        values = asdict(self)
        values['max'] = values.pop('largest')
        return values


def recall(translations_m: ArrayLike, rotations_deg: ArrayLike) -> dict[str, float]:
    """
    Return the share of all frames within each pair of limits.

    :param translations_m: (N,) errors, infinite where there was no answer, or it was rejected.
    :param rotations_deg: (N,) the same.
    """
    t, r = np.asarray(translations_m), np.asarray(rotations_deg)
    return {name: float(np.mean((t <= metres) & (r <= degrees))) if t.size else 0.0
            for name, (metres, degrees) in RECALL_LIMITS.items()}


def ranks(values: Array) -> Array:
    """Return the ranks from 1, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray(((ends - counts + 1 + ends) / 2)[inverse], np.float64)


def block_length(count: int) -> int:
    """
    Return how many neighbouring frames to resample as one.

    Frames of a walk err alike; blocks of n^(1/3) keep that (Hall, Horowitz and Jing 1995).
    """
    return max(round(float(np.cbrt(count))), 1)


def resampled(count: int, resamples: int = 1000, seed: int = 0) -> Iterator[NDArray[np.intp]]:
    """
    Yield indices of frames, each time (N,), of a circular block bootstrap.

    Blocks of frames are drawn instead of single ones (Politis and Romano 1992).

    :param count: frames, in the order of the recording.
    """
    rng, block = np.random.default_rng(seed), block_length(count)
    for _ in range(resamples):
        starts = rng.integers(0, count, -(-count // block))
        yield (starts[:, None] + np.arange(block)).ravel()[:count] % count


def median_interval(errors: ArrayLike, resamples: int = 1000, seed: int = 0) -> list[float]:
    """
    Return the 95 % confidence interval of the median, by :func:`resampled` frames.

    :param errors: (N,) in the order of the recording.
    :returns: lower and upper end.
    """
    array = np.asarray(errors, dtype=np.float64)
    medians = [np.median(array[index]) for index in resampled(array.size, resamples, seed)]
    return [float(v) for v in np.percentile(medians, CONFIDENCE)]


def _mean_intervals(values: Array) -> Array:
    """Return the (K, 2) 95 % confidence intervals of the means of (N, K) values."""
    means = [values[index].mean(axis=0) for index in resampled(len(values))]
    return np.asarray(np.percentile(means, CONFIDENCE, axis=0).T, np.float64)


def _coverage(shares: Array) -> dict[str, float]:
    return dict(zip(EXPECTED_COVERAGE, map(float, shares), strict=True))


def _calibration(errors: Array, covariances: Array, within: NDArray[np.bool_]) -> dict[str, Any]:
    """
    Compare (N, D) errors with their (N, D, D) covariances.

    Coverage pools the axes; the interval of that is by a block bootstrap. NEES is
    e' C^-1 e, whose mean is D when C is right.

    :param within: (N, 3, D), of :func:`_within`.
    """
    inside = within.mean(axis=2)
    nees = np.einsum('ni,ni->n', errors, np.linalg.solve(covariances, errors[..., None])[..., 0])
    return {'coverage': _coverage(inside.mean(axis=0)),
            'interval': dict(zip(EXPECTED_COVERAGE, _mean_intervals(inside).tolist(),
                                 strict=True)),
            'nees_mean': float(nees.mean()), 'nees_median': float(np.median(nees))}


def _within(errors: Array, covariances: Array) -> NDArray[np.bool_]:
    """Return whether each error is within 1, 2 and 3 sigma, (N, 3, D)."""
    sigmas = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    return np.abs(errors)[:, None] <= np.array([1, 2, 3])[:, None] * sigmas[:, None]


def calibration(
        estimates_m: ArrayLike, estimates_xyzw: ArrayLike, truths_m: ArrayLike,
        truths_xyzw: ArrayLike, covariances: ArrayLike) -> dict[str, Any]:
    """
    Tell whether the predicted covariances describe the errors.

    :param covariances: (N, 6, 6) as in :class:`posenet_ros.pose.PoseEstimate`.
    :returns: for the whole pose, its translation and its rotation the share of frames within 1, 2
        and 3 sigma, of all axes together, with its 95 % confidence interval, and of each axis
        (x y z of the map; rotations about them), and the normalised squared error; beside them
        what a right covariance gives.
    """
    matrices = np.asarray(covariances, dtype=np.float64).reshape(-1, 6, 6)
    errors = np.hstack([_rows(estimates_m, 3) - _rows(truths_m, 3),
                        rotation_vectors_rad(estimates_xyzw, truths_xyzw)])
    within = _within(errors, matrices)
    result = {name: _calibration(errors[:, part], matrices[:, part, part], within[..., part])
              for name, part in PARTS.items()}
    for name in ('translation', 'rotation'):
        shares = within[..., PARTS[name]].mean(axis=0).T
        result[name]['axes'] = dict(zip('xyz', map(_coverage, shares), strict=True))
    return {**result,
            'expected': {'coverage': EXPECTED_COVERAGE, 'nees_mean': 3.0, 'nees_median': 2.366}}
