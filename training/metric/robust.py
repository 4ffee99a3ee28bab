"""Means, lines and alignments that outliers do not move far, with their standard errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import as_rows, Floats
from posenet_ros.geometry.similarity import Similarity, umeyama

MAD_TO_SIGMA = 1.4826  # of normal errors (Huber and Ronchetti 2009, section 1.2)
HUBER_SIGMAS = 1.345  # 95 % as efficient as the mean on normal errors
ITERATIONS = 20


def sigma_of(residuals: ArrayLike) -> float:
    """Estimate the standard deviation of residuals about zero by their median length."""
    return float(MAD_TO_SIGMA * np.median(np.abs(residuals)))


def huber_weights(residuals: Floats, sigma: float) -> Floats:
    """Compute Huber's weights of residuals (N,): 1 within HUBER_SIGMAS of zero, then falling."""
    limit = HUBER_SIGMAS * max(sigma, 1e-300)
    return np.asarray(np.minimum(1.0, limit / np.maximum(np.abs(residuals), limit)))


def cauchy_weights(residuals: Floats, sigma: float) -> Floats:
    """Compute Cauchy's weights of residuals (N,), of which far ones count for nothing."""
    return np.asarray(1 / (1 + (residuals / (2.385 * max(sigma, 1e-300))) ** 2))


def robust_mean(values: ArrayLike, weights: ArrayLike) -> tuple[float, float]:
    """
    Estimate a location by Huber's M-estimator, and its standard error.

    :param values: (N,), N at least 2.
    :param weights: (N,) inverse variances, up to a common factor.
    """
    x, w = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    roots = np.sqrt(w / w.mean())
    order = np.argsort(x)
    mean = float(x[order][np.searchsorted(np.cumsum(w[order]), w.sum() / 2)])
    total, sigma = w, 0.0
    for _ in range(ITERATIONS):
        residuals = roots * (x - mean)
        sigma = sigma_of(residuals) or float(np.sqrt(np.mean(residuals ** 2)))
        total = w * huber_weights(residuals, sigma)
        mean = float(total @ x / total.sum())
    spread = np.sqrt(np.mean((np.sqrt(total / w) * roots * (x - mean)) ** 2))
    error = max(float(spread), sigma) * np.sqrt(w.mean() / total.sum())
    return mean, float(error * np.sqrt(len(x) / (len(x) - 1)))


def robust_umeyama(source: ArrayLike, target: ArrayLike, weights: ArrayLike | None = None, *,
                   with_scale: bool = True) -> tuple[Similarity, Floats]:
    """
    Align points as :func:`posenet_ros.geometry.similarity.umeyama`, with Cauchy's weights.

    :returns: target_from_source, and the weights (N,), which are small for outliers.
    """
    x, y = as_rows(source, 3), as_rows(target, 3)
    base = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
    roots, total = np.sqrt(base / base.mean()), base
    found = umeyama(x, y, base, with_scale=with_scale)
    for _ in range(ITERATIONS if len(x) > 3 else 0):
        residuals = roots * np.linalg.norm(y - found.apply(x), axis=1)
        total = base * cauchy_weights(residuals, sigma_of(residuals))
        found = umeyama(x, y, total, with_scale=with_scale)
    return found, total


def flatness(points: Floats) -> tuple[float, float]:
    """Return the second and the third extent of points (N, 3), divided by the first."""
    extents = np.linalg.svd(points - points.mean(0), compute_uv=False)
    second, third = (extents[1:] / max(float(extents[0]), 1e-300)).tolist()
    return float(second), float(third)
