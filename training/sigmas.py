"""From the errors of a network to what it expects of them, and to their standard deviations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.certainty import enlargement
from training.result import ONE_SIGMA, SMALLEST_SIGMA

Array = NDArray[np.float32]

TWO_SIGMA = 95.45  # per cent of a normal distribution
EPOCHS = 25
BATCH = 256
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-2
DROPOUT = 0.3
ITERATIONS = 10
TAILS = 4  # degrees of freedom of Student's t: pose errors are like it (doc/experiments.md)
POWERS = (0.0, 0.5, 1.0, 1.5, 2.0)
LEAST_DEVIATION = 0.2  # that is added to each feature's, as a share of their mean


def negative_log_likelihood(errors: Any, log_sigma: Any) -> Any:  # noqa: ANN401 - keras tensors
    """
    Return that of Laplace's distribution, whose tails are those of pose errors, less a constant.

    :param errors: (B, 6); the calibration turns the mean magnitude into a standard deviation.
    """
    return keras.ops.mean(log_sigma + keras.ops.abs(errors) * keras.ops.exp(-log_sigma))


def fit_sigma(features: Array, errors: Array, width: int, seed: int) -> list[Array]:
    """
    Learn the expected error on each axis from features.

    :param features: (N, C).
    :param errors: (N, 6).
    :returns: kernel and bias of a hidden layer, then those of the layer that gives `log_sigma`.
    """
    size = np.maximum(np.median(np.abs(errors), axis=0), SMALLEST_SIGMA)
    mean, deviation = features.mean(0), features.std(0) + 1e-3 * features.std()
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([
        keras.Input((features.shape[1],)), keras.layers.Dropout(DROPOUT),
        keras.layers.Dense(width, activation='relu'),
        keras.layers.Dense(6, kernel_initializer='zeros')])
    steps = EPOCHS * -(-len(features) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY),
                  loss=negative_log_likelihood)
    model.fit((features - mean) / deviation, errors / size, BATCH, EPOCHS, verbose=0)
    kernel, bias, last_kernel, last_bias = model.get_weights()
    kernel = kernel / deviation[:, np.newaxis]  # the network gives features as they are
    return [kernel, bias - mean @ kernel, last_kernel, last_bias + np.log(size)]


def expected(features: Array, weights: Sequence[Array]) -> Array:
    """Return (N, 6) `log_sigma` as the network will compute it."""
    kernel, bias, last_kernel, last_bias = weights
    return np.asarray(np.maximum(features @ kernel + bias, 0) @ last_kernel + last_bias)


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


def power_of(errors: Array, own: Array, scores: NDArray[Any],
             powers: Sequence[float] = POWERS, standard_errors: float = 0) -> float:
    """
    Return the power of a score that explains the errors best, of a few.

    By the likelihood under Student's t distribution, whose tails bear a few wrong truths, with the
    best factor on each axis.

    :param errors: (N, 6), and `own` (N, 6) what was expected of them.
    :param scores: (N,) of the images: see :func:`posenet_ros.certainty.enlargement`.
    :param powers: to choose from; the first is taken unless another is better than by chance.
    :param standard_errors: by how many of the likelihoods' difference (Vuong 1989) that is.
    """
    found = np.array([_unlikelihoods(errors, own * enlargement(scores, power)[:, np.newaxis])
                      for power in powers])
    best = int(found.mean(axis=1).argmin())
    better = found[0] - found[best]
    told = better.mean() > standard_errors * better.std() / np.sqrt(len(errors))
    return powers[best] if told else powers[0]


def _unlikelihoods(errors: Array, sizes: Array) -> Array:
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


def principal(features: Array, size: int) -> Array:
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


def place_projection(features: Array, size: int) -> tuple[Array, Array]:
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


def described(features: Array, factors: Array, basis: Array) -> Array:
    """Return (N, D) descriptors as the network will compute them."""
    scaled = features * factors
    return np.asarray(scaled / np.linalg.norm(scaled, axis=1, keepdims=True) @ basis)


def place_limit(plain: Array, augmented: Array, false_alarms: float) -> float:
    """
    Return the unlikeness from which an image is of another place.

    That share of the held-out images exceeds it, as something between these as they are, which are
    easier than another walk may be, and augmented, which are harder: their geometric mean.

    :param plain: (N,) unlikeness of held-out images as they are; `augmented` (M,) as in training.
    """
    share = 100 * (1 - false_alarms)
    return float(np.sqrt(np.percentile(plain, share) * np.percentile(augmented, share)))


def coverage(ratios: NDArray[Any]) -> dict[str, list[float]]:
    """Return the shares of errors within one and two sigma on each axis."""
    return {f'{k}_sigma': [round(float(v), 3) for v in np.mean(np.abs(ratios) <= k, axis=0)]
            for k in (1, 2)}
