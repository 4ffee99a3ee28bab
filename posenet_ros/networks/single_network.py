"""
One network: uint8 RGB images in, metres and unit quaternions out.

Written with keras and keras.ops alone, so that it runs on every Keras backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from posenet_ros.networks import backbones
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.heads import auxiliary_head, head, pooled, uncertainty_outputs, unit

Tensor = Any  # of any Keras backend, or symbolic

PLACE_BACKBONE = 'witness'  # submodel; the name is in the weights files


def build_single(config: NetworkConfig, auxiliary: bool = False) -> keras.Model:
    """Build one network; the parameters and outputs are those of :func:`network.build`."""
    images = image_input(config)
    x, maps = backbones.features(config, images)
    x = keras.layers.Identity(name='features')(x)
    places = (place_backbone(config)(images) if config.has_place_backbone
              else place_features(images, x, config))
    outputs = head(x, config) | uncertainty_outputs(pooled(x), places, config)
    for number, feature_map in enumerate(maps if auxiliary else (), start=1):
        outputs |= auxiliary_head(feature_map, config, f'aux{number}_')
    return keras.Model(images, outputs, name=config.backbone)


def image_input(config: NetworkConfig, name: str | None = 'image') -> Tensor:
    """Make the input of a network, (B, input_height, input_width, 3) uint8 RGB."""
    return keras.Input((config.input_height, config.input_width, 3), dtype='uint8', name=name)


def place_features(images: Tensor, x: Tensor, config: NetworkConfig) -> Tensor | None:
    """Pool the network's own features for the global descriptor, (B, D); None without one."""
    if config.has_place_backbone or not config.descriptor_size:
        return None
    return _concatenate_pooled(
        [x] if config.descriptor_of == 'last' else backbones.place_maps(images, x))


def place_backbone(config: NetworkConfig) -> keras.Model:
    """
    Build the pretrained backbone of the global descriptor, (B, D); training does not change it.

    It works at half the image size: as good at a quarter of the cost.
    """
    images = image_input(config, None)
    half = keras.layers.AveragePooling2D(2)(keras.ops.cast(images, 'float32'))
    maps = backbones.place_maps(
        half, backbones.efficientnet_lite0(half), backbones.PLACE_BACKBONE_LAYERS)
    return keras.Model(images, _concatenate_pooled(maps), name=PLACE_BACKBONE)


def _concatenate_pooled(maps: Sequence[Tensor]) -> Tensor:
    """Pool each feature map to unit length and concatenate: (B, D)."""
    return keras.ops.concatenate([unit(pooled(one)) for one in maps], -1)


def pose_head(model: keras.Model) -> keras.Model:
    """Return the last layers alone (sharing their weights): `fc` (B, W) to the pose outputs."""
    outputs = {key: model.output[key] for key in ('position', 'quat_xyzw')}
    return keras.Model(model.get_layer('dropout').output, outputs)
