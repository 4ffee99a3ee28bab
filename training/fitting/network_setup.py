"""Build the network of a preset with its initial weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.ensemble import can_share_layers
from posenet_ros.networks.initial_weights import load_initial_weights
from posenet_ros.networks.network import build
from posenet_ros.training.fitting.presets import Preset

MIN_SCALE_RATIO = 0.02  # of the smallest axis to the largest


def network_config(preset: Preset, positions_m: NDArray[Any]) -> NetworkConfig:
    """Return the network's settings, with positions standardised on each axis of the map."""
    spread = positions_m.std(axis=0)
    if spread.max() == 0:
        raise InputError('all training images have the same position; a network needs a walk')
    scale = np.maximum(spread, MIN_SCALE_RATIO * spread.max())
    config = preset.network.config(tuple(float(v) for v in positions_m.mean(axis=0)),
                                   tuple(float(v) for v in scale))
    return with_shared_trunk(config, preset)


def with_shared_trunk(config: NetworkConfig, preset: Preset) -> NetworkConfig:
    """Return the settings of an ensemble whose members share their frozen layers."""
    network = preset.network
    before = network.trainable_from if network.weights == 'pretrained' else ''
    if (config.shared_before == before or network.members == 1
            or not can_share_layers(config, before)):
        return config
    return replace(config, shared_before=before)


def make_network(preset: Preset, config: NetworkConfig) -> keras.Model:
    """Build one network with its initial weights, and freeze what the preset says."""
    config = replace(config, members=1, shared_before='')
    network = build(config, auxiliary=True)
    load_initial_weights(network, config, preset.network.weights)
    layers = [layer.name for layer in network.layers]
    first = preset.network.trainable_from
    if first:
        if first not in layers:
            raise InputError('trainable_from has to be a layer of the network, as '
                             f'{", ".join(layers[3:6])}. Received: {first!r}')
        for layer in network.layers[:layers.index(first)]:
            layer.trainable = False
    if preset.network.frozen_norm:
        for layer in network.layers:
            layer.trainable &= not isinstance(layer, keras.layers.BatchNormalization)
    return network
