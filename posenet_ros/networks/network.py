"""The network of a model folder, single or an ensemble, and views of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.ensemble import build_ensemble
from posenet_ros.networks.heads import pooled
from posenet_ros.networks.single_network import build_single


def build(config: NetworkConfig, auxiliary: bool = False) -> keras.Model:
    """
    Build the network with random weights.

    :param auxiliary: whether to add the heads that help to train `posenet`; their outputs are
        named `aux1_position`, `aux1_quat_xyzw`, `aux2_...`. Other backbones have none.
    :returns: a model from (B, input_height, input_width, 3) uint8 RGB to a dictionary of
        `position` (B, 3), metres in the dataset's frame, and `quat_xyzw` (B, 4) of length 1, of
        either sign; where the settings have them `log_sigma`, `descriptor` and `fc`, see
        :class:`posenet_ros.inference.prediction.Prediction`.
    :raises InputError: on an unknown backbone, or an input size that it does not take.
    """
    return build_ensemble(config) if config.members > 1 else build_single(config, auxiliary)


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Build networks in a precision (`float32`, `mixed_float16`) within the context."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def flatten_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield all layers, also those of submodels."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from flatten_layers(layer)
        else:
            yield layer


def remove_auxiliary_heads(model: keras.Model) -> keras.Model:
    """Remove the auxiliary heads; the result shares the weights."""
    outputs = {key: value for key, value in model.output.items() if not key.startswith('aux')}
    return keras.Model(model.input, outputs, name=model.name)


def feature_map(model: keras.Model) -> keras.Model:
    """Return the backbone alone (sharing its weights): images to (B, H', W', D)."""
    return keras.Model(model.input, model.get_layer('features').output)


def descriptor(model: keras.Model) -> keras.Model:
    """Return the backbone with the features averaged over the image: images to (B, D)."""
    return keras.Model(model.input, pooled(model.get_layer('features').output))
