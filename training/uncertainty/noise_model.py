"""Heteroscedastic regression of the pose error from features (Kendall and Gal 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from posenet_ros.arrays import Floats32
from posenet_ros.training.fitting.calibration import MIN_SIGMA

EPOCHS = 25
BATCH = 256
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-2
DROPOUT = 0.3


def negative_log_likelihood(errors: Any, log_sigma: Any) -> Any:  # noqa: ANN401 - keras tensors
    """
    Return the mean negative log likelihood of a Laplace distribution, less a constant.

    Its tails are those of pose errors; the calibration turns its scale into a standard deviation.

    :param errors: (B, 6), and `log_sigma` (B, 6) the logarithms of the scales.
    """
    return keras.ops.mean(log_sigma + keras.ops.abs(errors) * keras.ops.exp(-log_sigma))


def fit_noise_model(features: Floats32, errors: Floats32, width: int, seed: int) -> list[Floats32]:
    """
    Fit a network with one hidden layer that predicts the error's scale on each axis.

    :param features: (N, C).
    :param errors: (N, 6) metres, then rotation vector, radians.
    :param width: of the hidden layer.
    :returns: kernel and bias of the hidden layer, then those of the layer that gives `log_sigma`.
    """
    size = np.maximum(np.median(np.abs(errors), axis=0), MIN_SIGMA)
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
    kernel = kernel / deviation[:, np.newaxis]  # fold the standardisation into the layer
    return [kernel, bias - mean @ kernel, last_kernel, last_bias + np.log(size)]


def predict_log_sigma(features: Floats32, weights: Sequence[Floats32]) -> Floats32:
    """Compute `log_sigma` (N, 6) from features, as the network will."""
    kernel, bias, last_kernel, last_bias = weights
    return np.asarray(np.maximum(features @ kernel + bias, 0) @ last_kernel + last_bias)
