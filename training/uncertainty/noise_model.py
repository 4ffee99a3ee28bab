"""Heteroscedastic regression of the pose error from features (Kendall and Gal 2017)."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, eq=False)
class NoiseModel:
    """
    The weights that predict `log_sigma` (N, 6) from features (N, C): two dense layers.

    :param kernel: (C, width) of the hidden layer, with `bias` (width,).
    :param last_kernel: (width, 6) of the last layer, with `last_bias` (6,).
    """

    kernel: Floats32
    bias: Floats32
    last_kernel: Floats32
    last_bias: Floats32

    def sigmas(self, features: Floats32) -> Floats32:
        """Predict the (N, 6) sigmas as the network will, metres and radians."""
        hidden = np.maximum(features @ self.kernel + self.bias, 0)
        return np.asarray(np.exp(np.asarray(hidden @ self.last_kernel + self.last_bias)))

    def load_into(self, network: keras.Model) -> None:
        """Set the weights of a network's sigma head."""
        network.get_layer('sigma_fc').set_weights([self.kernel, self.bias])
        network.get_layer('log_sigma').set_weights([self.last_kernel, self.last_bias])


def negative_log_likelihood(errors: Any, log_sigma: Any) -> Any:  # noqa: ANN401 - keras tensors
    """
    Return the mean negative log likelihood of a Laplace distribution, less a constant.

    Its tails are those of pose errors; the calibration turns its scale into a standard deviation.

    :param errors: (B, 6), and `log_sigma` (B, 6) the logarithms of the scales.
    """
    return keras.ops.mean(log_sigma + keras.ops.abs(errors) * keras.ops.exp(-log_sigma))


def fit_noise_model(features: Floats32, errors: Floats32, width: int, seed: int) -> NoiseModel:
    """
    Fit a network with one hidden layer that predicts the error's scale on each axis.

    :param features: (N, C).
    :param errors: (N, 6) metres, then rotation vector, radians.
    :param width: of the hidden layer.
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
    return NoiseModel(kernel, bias - mean @ kernel, last_kernel, last_bias + np.log(size))
