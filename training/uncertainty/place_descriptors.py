"""Descriptors of a place, and the limit beyond which an image is of another."""

from __future__ import annotations

import numpy as np
from posenet_ros.arrays import Floats32
from posenet_ros.training.fitting.calibration import ITERATIONS

LEAST_DEVIATION = 0.2  # that is added to each feature's, as a share of their mean


def principal(features: Floats32, size: int) -> Floats32:
    """
    Return the (C, size) directions of most of the features, orthonormal; zeros fill up.

    By orthogonal iteration (Golub and Van Loan 2013, section 8.2.4), as all C would take seconds.
    """
    products = features.T @ features
    width = features.shape[1]
    directions = np.random.default_rng(0).normal(size=(width, min(size, width)))
    for _ in range(ITERATIONS):
        directions = np.linalg.qr(products @ directions)[0]
    return np.pad(directions, ((0, 0), (0, size - directions.shape[1]))).astype(np.float32)


def place_projection(features: Floats32, size: int) -> tuple[Floats32, Floats32]:
    """
    Return the (C,) factors and the (C, size) directions that make descriptors of a place.

    Features that vary much among the training images say little of the place: they count less.
    """
    deviation = features.std(axis=0)
    factors = 1 / np.maximum(deviation + LEAST_DEVIATION * deviation.mean(), 1e-12)
    factors *= len(factors) / factors.sum()
    scaled = features * factors
    return factors, principal(
        scaled / np.linalg.norm(scaled, axis=1, keepdims=True), size)


def described(features: Floats32, factors: Floats32, basis: Floats32) -> Floats32:
    """Return (N, D) descriptors as the network will compute them."""
    scaled = features * factors
    return np.asarray(scaled / np.linalg.norm(scaled, axis=1, keepdims=True) @ basis)


def place_limit(plain: Floats32, augmented: Floats32, false_alarms: float) -> float:
    """
    Return the unlikeness from which an image is of another place.

    That share of the held-out images exceeds it, as something between these as they are, which are
    easier than another walk may be, and augmented, which are harder: their geometric mean.

    :param plain: (N,) unlikeness of held-out images as they are; `augmented` (M,) as in training.
    """
    share = 100 * (1 - false_alarms)
    return float(np.sqrt(np.percentile(plain, share) * np.percentile(augmented, share)))
