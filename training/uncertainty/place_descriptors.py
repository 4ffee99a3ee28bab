"""Global descriptors of a place by PCA, and the distance limit of its images."""

from __future__ import annotations

import numpy as np
from posenet_ros.arrays import Floats, Floats32

ITERATIONS = 10  # of orthogonal iteration
DEVIATION_FLOOR = 0.2  # added to each feature's deviation, relative to their mean


def principal_directions(features: Floats32, size: int) -> Floats32:
    """
    Return the (C, size) principal directions of (N, C) features, orthonormal, padded by zeros.

    By orthogonal iteration (Golub and Van Loan 2013, section 8.2.4): all C would take seconds.
    """
    products = features.T @ features
    width = features.shape[1]
    directions = np.random.default_rng(0).normal(size=(width, min(size, width)))
    for _ in range(ITERATIONS):
        directions = np.linalg.qr(products @ directions)[0]
    return np.pad(directions, ((0, 0), (0, size - directions.shape[1]))).astype(np.float32)


def fit_projection(features: Floats32, size: int) -> tuple[Floats32, Floats32]:
    """
    Fit the projection of features to global descriptors: (C,) factors and (C, size) directions.

    Features that vary among the training images say little of the place, so they are scaled by
    the inverse of their deviation (PCA whitening).
    """
    deviation = features.std(axis=0)
    factors = 1 / np.maximum(deviation + DEVIATION_FLOOR * deviation.mean(), 1e-12)
    factors *= len(factors) / factors.sum()
    scaled = features * factors
    return factors, principal_directions(
        scaled / np.linalg.norm(scaled, axis=1, keepdims=True), size)


def project(features: Floats32, factors: Floats32, basis: Floats32) -> Floats32:
    """Project (N, C) features to (N, D) descriptors, as the network will."""
    scaled = features * factors
    return np.asarray(scaled / np.linalg.norm(scaled, axis=1, keepdims=True) @ basis)


def fit_place_limit(plain: Floats, augmented: Floats, false_alarms: float) -> float:
    """
    Fit the place distance beyond which an image is of another place.

    It is the geometric mean of two percentiles: of plain held-out images, which are easier than
    those of another walk, and of augmented ones, which are harder.

    :param plain: (N,) place distances of held-out images; `augmented` (M,) of augmented ones.
    :param false_alarms: proportion of held-out images beyond the percentiles.
    """
    percent = 100 * (1 - false_alarms)
    return float(np.sqrt(np.percentile(plain, percent) * np.percentile(augmented, percent)))
