"""Fit the uncertainty heads of a trained network: noise model, place descriptors, calibration."""

from __future__ import annotations

from dataclasses import dataclass
import time
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.inference.calibration import Calibration
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.training.uncertainty.calibrate import calibrate
from posenet_ros.training.uncertainty.heads import (
    add_uncertainty_heads,
    DESCRIPTOR_SIZE,
    SIGMA_WIDTH,
)
from posenet_ros.training.uncertainty.noise_model import fit_noise_model
from posenet_ros.training.uncertainty.place_descriptors import fit_place_descriptors
from posenet_ros.training.uncertainty.residuals import CalibrationData, collect, concatenate


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


def fit_uncertainty(network: keras.Model, config: NetworkConfig, data: CalibrationData,
                    calibration: Calibration) -> FittedUncertainty:
    """
    Fit the uncertainty heads on training images, then calibrate them on held-out ones.

    :param network: as :func:`posenet_ros.networks.network.build` returned it.
    :param calibration: to be completed.
    """
    start, settings = time.perf_counter(), data.preset.uncertainty
    network, config = add_uncertainty_heads(network, config, data.preset)
    sets = collect(network, data)
    views = concatenate([sets.train, sets.harder])
    noise = fit_noise_model(views.features, views.errors, SIGMA_WIDTH, data.preset.seed)
    places = fit_place_descriptors(sets, DESCRIPTOR_SIZE, settings.false_alarms)
    noise.load_into(network)
    places.load_into(network)
    done = calibrate(network, config.dropout, sets, noise, places, calibration)
    return FittedUncertainty(network, config, done.calibration, places.index_fields(sets), {
        **done.coverage, 'views': len(views.errors), 'false_alarms': settings.false_alarms,
        'seconds': round(time.perf_counter() - start, 1)})


def summary_line(about: dict[str, Any]) -> str:
    """Summarise the measured coverage in one line for the terminal."""
    one, two = (np.mean(about['held_out'][key]) for key in ('1_sigma', '2_sigma'))
    return (f'uncertainty: {one:.0%} of the errors on augmented held-out images within one sigma, '
            f'{two:.0%} within two; {about["seconds"]:.0f} s')
