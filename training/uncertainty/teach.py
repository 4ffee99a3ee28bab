"""Teach a finished network how sure it is, and what its place looks like."""

from __future__ import annotations

from dataclasses import dataclass, replace
import time
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.inference.calibration import Calibration
from posenet_ros.inference.prediction import Head, prediction
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.network import pose_head
from posenet_ros.training.data.images import thinned
from posenet_ros.training.fitting.calibration import coverage, power_of, scales
from posenet_ros.training.fitting.cross_validation import answering
from posenet_ros.training.uncertainty.heads import DESCRIPTOR_SIZE, SIGMA_WIDTH, with_outputs
from posenet_ros.training.uncertainty.noise_model import expected, fit_sigma
from posenet_ros.training.uncertainty.place_descriptors import (
    described,
    place_limit,
    place_projection,
)
from posenet_ros.training.uncertainty.residuals import (
    Array,
    Looker,
    Material,
    Seen,
    stronger,
    together,
)
from posenet_ros.uncertainty.covariance import enlargement
from posenet_ros.uncertainty.mc_dropout import Dropout
from posenet_ros.uncertainty.place_recognition import unlikeness

MC_RATE = 0.1  # where the preset trains without dropout
MC_SAMPLES = 40
MC_FRAMES = 100


@dataclass(frozen=True, eq=False)
class Taught:
    """
    A network that knows how sure it is.

    :param known: `places` and `place_images` of the training index: descriptors of all training
        images, those held out among them.
    :param about: what was measured, for the provenance.
    """

    network: keras.Model
    config: NetworkConfig
    calibration: Calibration
    known: dict[str, NDArray[Any]]
    about: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Views:
    """
    What a network said of all that it is taught with.

    :param known: training images, as they are and as in training.
    :param bad: training images, augmented more strongly.
    :param held: held-out images as in training; `held_plain` as they are, as often.
    """

    known: Seen
    bad: Seen
    held: Seen
    held_plain: Seen


def look(network: keras.Model, material: Material) -> Views:
    """Show a network all that it is taught with, once."""
    preset, images, held = material.preset, material.images, material.held
    mild, strong = preset.augmentation(), stronger(preset.augmentation())
    versions, more = range(preset.sigma_versions), range(2 * preset.sigma_versions)
    bar = keras.utils.Progbar(
        len(thinned(len(images.poses))) * (1 + 2 * len(versions))
        + sum(len(thinned(len(part.poses))) for part in held) * (1 + len(more)), unit_name='view')
    looker = Looker(network, network, material, bar)
    own = [(looker if one is network else Looker(network, one, material, bar), part)
           for one, part in zip(answering(network, len(held)), held, strict=True)]
    return Views(
        together([looker.plain(images), *(looker.augmented(images, mild, v) for v in versions)]),
        together([looker.augmented(images, strong, 100 + v) for v in versions]),
        together([one.augmented(part, mild, 200 + v) for v in more for one, part in own]),
        together([one.plain(part) for one, part in own] * len(more)))


def mc_scales(seen: Seen, own: Array, head: Head, rate: float,
              ) -> tuple[float, ...]:
    """
    Return the further factors for the sum with Monte-Carlo dropout.

    :param own: (N, 6) calibrated sigmas without it.
    """
    dropout = Dropout(head, rate, seen.found['fc'].shape[1], MC_SAMPLES)
    chosen = np.unique(np.linspace(0, len(own) - 1, min(len(own), MC_FRAMES)).astype(int))
    spread = np.array([np.diag(dropout.covariance(prediction(
        {key: values[i:i + 1] for key, values in seen.found.items()}))) for i in chosen])
    return scales(seen.errors[chosen] / np.sqrt(np.square(own[chosen]) + spread))


def teach(network: keras.Model, config: NetworkConfig, material: Material,
          calibration: Calibration) -> Taught:
    """
    Teach a finished network, on training images and versions of them; then calibrate it.

    The calibration is on the images that were held out, half of them as they are and half as
    another walk may see them: moved as far as the walks are apart, turned, in other light.

    :param network: as :func:`posenet_ros.networks.network.build` returned it.
    :param calibration: to be completed.
    """
    start = time.perf_counter()
    network, config = with_outputs(network, config, material.preset)
    views = look(network, material)
    seen = together([views.known, views.bad])
    weights = fit_sigma(seen.features, seen.errors, SIGMA_WIDTH, material.preset.seed)
    scale, basis = place_projection(views.known.places, DESCRIPTOR_SIZE)
    network.get_layer('sigma_fc').set_weights(weights[:2])
    network.get_layer('log_sigma').set_weights(weights[2:])
    network.get_layer('descriptor_scale').set_weights([scale])
    network.get_layer('descriptor').set_weights([basis])
    looks = [described(part.places, scale, basis)
             for part in (views.known, views.held, views.held_plain)]
    unlike, plain = (unlikeness(one, looks[0]) for one in looks[1:])
    limit = place_limit(plain, unlike, material.preset.false_alarms)
    held, scores = together([views.held, views.held_plain]), np.concatenate([unlike, plain])
    own = np.exp(expected(held.features, weights))
    power = power_of(held.errors, own, scores / limit)
    own *= enlargement(scores / limit, power)[:, np.newaxis]
    calibration = replace(with_scales(network, config, held, own, calibration),
                          place_limit=limit, place_power=power)
    return Taught(network, config, calibration, all_places(views, *looks), {
        **measured(held.errors / (own * calibration.scale), len(unlike)),
        'views': len(seen.errors),
        'false_alarms': material.preset.false_alarms,
        'seconds': round(time.perf_counter() - start, 1)})


def all_places(views: Views, known: Array, held: Array, plain: Array) -> dict[str, NDArray[Any]]:
    """
    Return descriptors of all images, as they are and as in training, and whose they are.

    :param known: descriptors of `views.known`; `held` and `plain` of the held-out ones.
    """
    once = np.unique(views.held_plain.rows, return_index=True)[1]
    as_often = slice(len(held) // 2)  # as those that are trained on
    rows = (views.known.rows, views.held_plain.rows[once], views.held.rows[as_often])
    return {'places': np.concatenate([known, plain[once], held[as_often]]).astype(np.float16),
            'place_images': np.concatenate(rows).astype(np.int32)}


def with_scales(network: keras.Model, config: NetworkConfig, held: Seen, own: Array,
                calibration: Calibration) -> Calibration:
    """
    Return the calibration with the factors that fit what was seen of held-out images.

    :param own: (N, 6) errors that were expected.
    """
    scale = scales(held.errors / own)
    rate, last_layers = config.dropout or MC_RATE, pose_head(network)
    return replace(calibration, scale=scale, mc_rate=rate, mc_scale=mc_scales(
        held, own * scale, lambda fc: prediction(last_layers.predict_on_batch(fc)), rate))


def measured(ratios: Array, augmented: int) -> dict[str, Any]:
    """
    Return how much of the held-out errors is within one and two sigma on each axis.

    :param ratios: (N, 6) of errors to sigmas, of so many augmented images, then of plain ones.
    """
    return {'held_out': coverage(ratios[:augmented]),
            'held_out_plain': coverage(ratios[augmented:])}


def sentence(about: dict[str, Any]) -> str:
    """Return what was measured, for the terminal."""
    one, two = (np.mean(about['held_out'][key]) for key in ('1_sigma', '2_sigma'))
    return (f'uncertainty: {one:.0%} of the errors on augmented held-out images within one sigma, '
            f'{two:.0%} within two; {about["seconds"]:.0f} s')
