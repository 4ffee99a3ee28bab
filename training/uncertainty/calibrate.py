"""Calibrate the predicted sigmas on held-out images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats32
from posenet_ros.inference.calibration import Calibration
from posenet_ros.inference.prediction import Head, make_prediction
from posenet_ros.networks.single_network import pose_head
from posenet_ros.training.fitting.calibration import coverage, fit_score_power, fit_sigma_scales
from posenet_ros.training.uncertainty.noise_model import NoiseModel
from posenet_ros.training.uncertainty.place_descriptors import PlaceDescriptors
from posenet_ros.training.uncertainty.residuals import concatenate, Residuals, ResidualSets
from posenet_ros.uncertainty.covariance import sigma_factor
from posenet_ros.uncertainty.mc_dropout import McDropout

MC_RATE = 0.1  # where the preset trains without dropout
MC_SAMPLES = 40
MC_FRAMES = 100


@dataclass(frozen=True, eq=False)
class Calibrated:
    """
    A completed calibration.

    :param coverage: of one and two sigma on held-out images, for the provenance.
    """

    calibration: Calibration
    coverage: dict[str, Any]


def fit_mc_scales(residuals: Residuals, sigmas: Floats32, head: Head, rate: float,
                  ) -> tuple[float, ...]:
    """
    Fit the sigma scales of the sum of noise model and Monte-Carlo dropout.

    :param sigmas: (N, 6) calibrated, without dropout; metres and radians.
    """
    dropout = McDropout(head, rate, residuals.outputs['fc'].shape[1], MC_SAMPLES)
    chosen = np.unique(np.linspace(0, len(sigmas) - 1, min(len(sigmas), MC_FRAMES)).astype(int))
    spread = np.array([np.diag(dropout.covariance(make_prediction(
        {key: values[i:i + 1] for key, values in residuals.outputs.items()}))) for i in chosen])
    return fit_sigma_scales(
        residuals.errors[chosen] / np.sqrt(np.square(sigmas[chosen]) + spread))


def fit_scales(network: keras.Model, dropout: float, held: Residuals, sigmas: Floats32,
               calibration: Calibration) -> Calibration:
    """
    Complete the calibration with the sigma scales, without and with Monte-Carlo dropout.

    :param dropout: rate of the training, or 0.
    :param held: residuals on held-out images.
    :param sigmas: (N, 6) predicted by the noise model, metres and radians.
    """
    scale = fit_sigma_scales(held.errors / sigmas)
    rate, last_layers = dropout or MC_RATE, pose_head(network)
    return replace(calibration, scale=scale, mc_rate=rate, mc_scale=fit_mc_scales(
        held, sigmas * scale, lambda fc: make_prediction(last_layers.predict_on_batch(fc)), rate))


def measure_coverage(residuals: NDArray[Any], augmented: int) -> dict[str, Any]:
    """
    Measure the coverage of one and two sigma on augmented and on plain held-out images.

    :param residuals: (N, 6) normalised by their sigmas.
    :param augmented: how many of the first rows are of augmented images; plain ones follow.
    """
    return {'held_out': coverage(residuals[:augmented]),
            'held_out_plain': coverage(residuals[augmented:])}


def calibrate(network: keras.Model, dropout: float, sets: ResidualSets, noise: NoiseModel,
              places: PlaceDescriptors, calibration: Calibration) -> Calibrated:
    """
    Complete the calibration: place limit and power, sigma scales.

    Half of the held-out images are plain, half augmented as another walk may see them: moved as
    far as the walks are apart, turned, in other light.

    :param network: with the fitted heads.
    :param dropout: rate of the training, or 0.
    :param calibration: to be completed.
    """
    held, scores = concatenate([sets.held_out, sets.held_out_plain]), places.scores
    sigmas = noise.sigmas(held.features)
    power = fit_score_power(held.errors, sigmas, scores)
    sigmas *= sigma_factor(scores, power)[:, np.newaxis]
    calibration = replace(fit_scales(network, dropout, held, sigmas, calibration),
                          place_limit=places.limit, place_power=power)
    return Calibrated(calibration, measure_coverage(
        held.errors / (sigmas * calibration.scale), len(sets.held_out.errors)))
