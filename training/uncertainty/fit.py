"""Fit the uncertainty heads of a trained network: noise model, place descriptors, calibration."""

from __future__ import annotations

from dataclasses import dataclass, replace
import time
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats32
from posenet_ros.inference.calibration import Calibration
from posenet_ros.inference.prediction import Head, make_prediction
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.single_network import pose_head
from posenet_ros.training.data.images import subsample
from posenet_ros.training.fitting.calibration import coverage, fit_score_power, fit_sigma_scales
from posenet_ros.training.fitting.cross_validation import fold_models
from posenet_ros.training.uncertainty.heads import (
    add_uncertainty_heads,
    DESCRIPTOR_SIZE,
    SIGMA_WIDTH,
)
from posenet_ros.training.uncertainty.noise_model import fit_noise_model, predict_log_sigma
from posenet_ros.training.uncertainty.place_descriptors import (
    fit_place_limit,
    fit_projection,
    project,
)
from posenet_ros.training.uncertainty.residuals import (
    CalibrationData,
    concatenate,
    harder,
    ResidualCollector,
    Residuals,
)
from posenet_ros.uncertainty.covariance import sigma_factor
from posenet_ros.uncertainty.mc_dropout import McDropout
from posenet_ros.uncertainty.place_recognition import place_distance

MC_RATE = 0.1  # where the preset trains without dropout
MC_SAMPLES = 40
MC_FRAMES = 100


@dataclass(frozen=True, eq=False)
class FittedUncertainty:
    """
    A network with fitted uncertainty heads.

    :param index_fields: `global_descriptors` and `place_images` of the training index, of all
        training images, held-out ones included.
    :param about: measured coverage, for the provenance.
    """

    network: keras.Model
    config: NetworkConfig
    calibration: Calibration
    index_fields: dict[str, NDArray[Any]]
    about: dict[str, Any]


@dataclass(frozen=True, eq=False)
class ResidualSets:
    """
    Residuals on the images that the uncertainty is fitted to.

    :param train: training images, plain and augmented as in training.
    :param harder: training images, augmented more strongly.
    :param held_out: held-out images augmented as in training; `held_out_plain` the plain ones,
        repeated to the same number.
    """

    train: Residuals
    harder: Residuals
    held_out: Residuals
    held_out_plain: Residuals


def collect(network: keras.Model, data: CalibrationData) -> ResidualSets:
    """Collect the residuals of plain and augmented images, training and held-out ones."""
    preset, images, held = data.preset, data.images, data.held_out
    mild, strong = preset.augmentation, harder(preset.augmentation)
    count = preset.uncertainty.sigma_versions
    versions, more = range(count), range(2 * count)
    bar = keras.utils.Progbar(
        len(subsample(len(images.poses))) * (1 + 2 * len(versions))
        + sum(len(subsample(len(part.poses))) for part in held) * (1 + len(more)),
        unit_name='view')
    collector = ResidualCollector(network, network, data, bar)
    folds = [(collector if model is network else ResidualCollector(network, model, data, bar),
              part) for model, part in zip(fold_models(network, len(held)), held, strict=True)]
    return ResidualSets(
        concatenate([collector.collect_plain(images),
                     *(collector.collect_augmented(images, mild, v) for v in versions)]),
        concatenate([collector.collect_augmented(images, strong, 100 + v) for v in versions]),
        concatenate([one.collect_augmented(part, mild, 200 + v)
                     for v in more for one, part in folds]),
        concatenate([one.collect_plain(part) for one, part in folds] * len(more)))


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


def fit_uncertainty(network: keras.Model, config: NetworkConfig, data: CalibrationData,
                    calibration: Calibration) -> FittedUncertainty:
    """
    Fit the uncertainty heads on training images, then calibrate them on held-out ones.

    Half of the held-out images are plain, half augmented as another walk may see them: moved as
    far as the walks are apart, turned, in other light.

    :param network: as :func:`posenet_ros.networks.network.build` returned it.
    :param calibration: to be completed.
    """
    start = time.perf_counter()
    network, config = add_uncertainty_heads(network, config, data.preset)
    sets = collect(network, data)
    fitted_to = concatenate([sets.train, sets.harder])
    weights = fit_noise_model(fitted_to.features, fitted_to.errors, SIGMA_WIDTH,
                              data.preset.seed)
    scale, basis = fit_projection(sets.train.place_features, DESCRIPTOR_SIZE)
    network.get_layer('sigma_fc').set_weights(weights[:2])
    network.get_layer('log_sigma').set_weights(weights[2:])
    network.get_layer('descriptor_scale').set_weights([scale])
    network.get_layer('descriptor').set_weights([basis])
    descriptors = [project(part.place_features, scale, basis)
                   for part in (sets.train, sets.held_out, sets.held_out_plain)]
    augmented, plain = (place_distance(one, descriptors[0]) for one in descriptors[1:])
    limit = fit_place_limit(plain, augmented, data.preset.uncertainty.false_alarms)
    held = concatenate([sets.held_out, sets.held_out_plain])
    scores = np.concatenate([augmented, plain])
    sigmas = np.exp(predict_log_sigma(held.features, weights))
    power = fit_score_power(held.errors, sigmas, scores / limit)
    sigmas *= sigma_factor(scores / limit, power)[:, np.newaxis]
    calibration = replace(fit_scales(network, config, held, sigmas, calibration),
                          place_limit=limit, place_power=power)
    return FittedUncertainty(network, config, calibration, index_descriptors(sets, *descriptors), {
        **measure_coverage(held.errors / (sigmas * calibration.scale), len(augmented)),
        'views': len(fitted_to.errors),
        'false_alarms': data.preset.uncertainty.false_alarms,
        'seconds': round(time.perf_counter() - start, 1)})


def index_descriptors(sets: ResidualSets, train: Floats32, held: Floats32, plain: Floats32,
                      ) -> dict[str, NDArray[Any]]:
    """
    Return the descriptors of all images, plain and augmented, with the index of each one's image.

    :param train: (N, D) descriptors of `sets.train`; `held` of `sets.held_out`, `plain` of
        `sets.held_out_plain`.
    """
    once = np.unique(sets.held_out_plain.rows, return_index=True)[1]
    as_often = slice(len(held) // 2)  # as often as the training images
    rows = (sets.train.rows, sets.held_out_plain.rows[once], sets.held_out.rows[as_often])
    descriptors = np.concatenate([train, plain[once], held[as_often]])
    return {'global_descriptors': descriptors.astype(np.float16),
            'place_images': np.concatenate(rows).astype(np.int32)}


def fit_scales(network: keras.Model, config: NetworkConfig, held: Residuals, sigmas: Floats32,
               calibration: Calibration) -> Calibration:
    """
    Complete the calibration with the sigma scales, without and with Monte-Carlo dropout.

    :param held: residuals on held-out images.
    :param sigmas: (N, 6) predicted by the noise model, metres and radians.
    """
    scale = fit_sigma_scales(held.errors / sigmas)
    rate, last_layers = config.dropout or MC_RATE, pose_head(network)
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


def summary_line(about: dict[str, Any]) -> str:
    """Summarise the measured coverage in one line for the terminal."""
    one, two = (np.mean(about['held_out'][key]) for key in ('1_sigma', '2_sigma'))
    return (f'uncertainty: {one:.0%} of the errors on augmented held-out images within one sigma, '
            f'{two:.0%} within two; {about["seconds"]:.0f} s')
