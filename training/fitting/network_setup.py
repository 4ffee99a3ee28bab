"""The network that a preset asks for, with its initial weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.initial_weights import load_initial_weights
from posenet_ros.networks.network import build, shareable
from posenet_ros.training.fitting.presets import Preset

FLATTEST = 0.02  # smallest scale of an axis, as a share of the largest


def network_config(preset: Preset, positions_m: NDArray[Any]) -> NetworkConfig:
    """Return the network's settings: raw positions have mean 0 and deviation 1 on each axis."""
    spread = positions_m.std(axis=0)
    if spread.max() == 0:
        raise InputError('all training images have the same position; a network needs a walk')
    scale = np.maximum(spread, FLATTEST * spread.max())
    config = preset.network(tuple(float(v) for v in positions_m.mean(axis=0)),
                            tuple(float(v) for v in scale))
    return with_trunk(config, preset)


def with_trunk(config: NetworkConfig, preset: Preset) -> NetworkConfig:
    """Return the settings of several networks that share the layers that all of them froze."""
    before = preset.trainable_from if preset.weights == 'pretrained' else ''
    if config.shared_before == before or preset.members == 1 or not shareable(config, before):
        return config
    return replace(config, shared_before=before)


def make_network(preset: Preset, config: NetworkConfig) -> keras.Model:
    """Build one network with its initial weights, and freeze what the preset says."""
    config = replace(config, members=1, shared_before='')
    network = build(config, auxiliary=True)
    load_initial_weights(network, config, preset.weights)
    layers = [layer.name for layer in network.layers]
    if preset.trainable_from:
        if preset.trainable_from not in layers:
            raise InputError('trainable_from has to be a layer of the network, as '
                             f'{", ".join(layers[3:6])}. Received: {preset.trainable_from!r}')
        for layer in network.layers[:layers.index(preset.trainable_from)]:
            layer.trainable = False
    if preset.frozen_norm:
        for layer in network.layers:
            layer.trainable &= not isinstance(layer, keras.layers.BatchNormalization)
    return network
