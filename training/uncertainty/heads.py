"""The network with the outputs that a finished one is taught: how sure it is, and its place."""

from __future__ import annotations

from dataclasses import replace

import keras
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.initial_weights import load_witness
from posenet_ros.networks.network import build, copy_members, without_auxiliary
from posenet_ros.training.fitting.network_setup import with_trunk
from posenet_ros.training.fitting.presets import Preset

TAUGHT = ('sigma_fc', 'log_sigma', 'descriptor_scale', 'descriptor')  # layers
SIGMA_WIDTH = 64
DESCRIPTOR_SIZE = 128


def taught_config(config: NetworkConfig, preset: Preset) -> NetworkConfig:
    """
    Return the settings of a network that also has the outputs to be taught.

    One network of several costs little beside them, so they have one that tells places alone.
    """
    several = preset.members > 1 and preset.weights == 'pretrained'
    return with_trunk(replace(
        config, sigma_width=SIGMA_WIDTH, descriptor_size=DESCRIPTOR_SIZE,
        descriptor_of='pretrained' if several else 'middle'), preset)


def with_outputs(network: keras.Model, config: NetworkConfig, preset: Preset) -> tuple[
        keras.Model, NetworkConfig]:
    """
    Return a new network with the same weights that also has the outputs to be taught.

    Layers are matched by their order, for a backbone may leave naming them to Keras.
    """
    config = taught_config(config, preset)
    taught = build(config)
    load_witness(taught, config)
    if config.members > 1:
        copy_members(network, taught, config.members)
        return taught, config
    old, new = ([layer for layer in model.layers if layer.weights and layer.name not in TAUGHT]
                for model in (without_auxiliary(network), taught))
    for known, layer in zip(old, new, strict=True):
        layer.set_weights(known.get_weights())
    return taught, config
