"""Uncertainty heads of a trained network: error sigmas, and a global descriptor of the place."""

from __future__ import annotations

from dataclasses import replace

import keras
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.ensemble import copy_members
from posenet_ros.networks.initial_weights import load_place_backbone
from posenet_ros.networks.network import build, remove_auxiliary_heads
from posenet_ros.training.fitting.network_setup import with_shared_trunk
from posenet_ros.training.fitting.presets import Preset

UNCERTAINTY_LAYERS = ('sigma_fc', 'log_sigma', 'descriptor_scale', 'descriptor')  # layers
SIGMA_WIDTH = 64
DESCRIPTOR_SIZE = 128


def with_uncertainty_heads(config: NetworkConfig, preset: Preset) -> NetworkConfig:
    """
    Return the network's settings with uncertainty heads.

    An ensemble gets a pretrained backbone of its own for the descriptor, which costs little
    beside the members; a single network takes its own middle features.
    """
    ensemble = preset.network.members > 1 and preset.network.weights == 'pretrained'
    return with_shared_trunk(replace(
        config, sigma_width=SIGMA_WIDTH, descriptor_size=DESCRIPTOR_SIZE,
        descriptor_of='pretrained' if ensemble else 'middle'), preset)


def add_uncertainty_heads(network: keras.Model, config: NetworkConfig, preset: Preset) -> tuple[
        keras.Model, NetworkConfig]:
    """
    Return a network with the same weights and, not yet fitted, the uncertainty heads.

    Layers are matched by their order, since a backbone may leave their names to Keras.
    """
    config = with_uncertainty_heads(config, preset)
    extended = build(config)
    load_place_backbone(extended, config)
    if config.members > 1:
        copy_members(network, extended, config.members)
        return extended, config
    sources, targets = ([layer for layer in model.layers
                         if layer.weights and layer.name not in UNCERTAINTY_LAYERS]
                        for model in (remove_auxiliary_heads(network), extended))
    for source, target in zip(sources, targets, strict=True):
        target.set_weights(source.get_weights())
    return extended, config
