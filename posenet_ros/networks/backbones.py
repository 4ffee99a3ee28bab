"""Convolutional backbones: a batch of RGB images in, a feature map out (keras only)."""

from __future__ import annotations

from collections.abc import Callable
import sys
from typing import Any

import keras
from posenet_ros.errors import InputError
from posenet_ros.networks import googlenet
from posenet_ros.networks.config import NetworkConfig

Tensor = Any  # of any Keras backend, or symbolic

# Layers whose features tell places apart better than the last layer: at a third, half and nearly
# all of the depth (doc/experiments.md).
PLACE_LAYERS = frozenset(('blocks_5_bn2', 'blocks_8_bn2', 'blocks_14_add',
                          'icp2', 'icp5', 'icp8'))
# those of the pretrained place backbone, which training does not change
PLACE_BACKBONE_LAYERS = frozenset(('blocks_8_bn2', 'blocks_11_bn2'))
BATCH_NORM_MOMENTUM = 0.9  # runs are short: 0.99 would still remember the first steps

# Repeats, kernel, stride, expansion, filters: Tan and Le 2019, table 1; lite drops the
# squeeze-and-excitation and the swish.
LITE0_STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))


def _norm_relu6(x: Tensor, name: str, relu: bool = True) -> Tensor:
    x = keras.layers.BatchNormalization(
        momentum=BATCH_NORM_MOMENTUM, epsilon=1e-3, name=name)(x)
    return keras.layers.ReLU(6.0, name=f'{name}_relu6')(x) if relu else x


def _lite_conv(x: Tensor, filters: int, kernel: int, stride: int, name: str) -> Tensor:
    return keras.layers.Conv2D(
        filters, kernel, stride, padding='same', use_bias=False, name=name)(x)


def _lite_block(
        x: Tensor, kernel: int, stride: int, expansion: int, filters: int, name: str) -> Tensor:
    """Return an inverted bottleneck; layers are named as in the pretrained file."""
    inputs = x
    if expansion > 1:
        x = _lite_conv(x, expansion * x.shape[-1], 1, 1, f'{name}_expand_conv')
        x = _norm_relu6(x, f'{name}_bn0')
    x = keras.layers.DepthwiseConv2D(
        kernel, stride, padding='same', use_bias=False, name=f'{name}_depthwise_conv')(x)
    x = _norm_relu6(x, f'{name}_bn1')
    x = _norm_relu6(_lite_conv(x, filters, 1, 1, f'{name}_project_conv'), f'{name}_bn2', False)
    skips = stride == 1 and inputs.shape[-1] == filters
    return keras.layers.Add(name=f'{name}_add')([x, inputs]) if skips else x


def efficientnet_lite0(images: Tensor) -> Tensor:
    """
    Return EfficientNet-Lite0's features, (B, H / 32, W / 32, 1280).

    :param images: (B, H, W, 3) RGB, 0..255.
    """
    x = keras.layers.Rescaling(1 / 128, -127 / 128, name='normalise')(images)
    x = _norm_relu6(_lite_conv(x, 32, 3, 2, 'conv_stem'), 'bn0')
    block = 0
    for repeats, kernel, stride, expansion, filters in LITE0_STAGES:
        for repeat in range(repeats):
            x = _lite_block(x, kernel, stride if repeat == 0 else 1, expansion, filters,
                            f'blocks_{block}')
            block += 1
    return _norm_relu6(_lite_conv(x, 1280, 1, 1, 'conv_head'), 'bn1')


def application(name: str) -> tuple[Callable[..., keras.Model], Callable[..., Tensor]]:
    """
    Return the constructor and the preprocessing of a keras.applications model.

    :raises InputError: when Keras has no such model, listing those it has.
    """
    constructor = getattr(keras.applications, name, None)
    if not name[:1].isupper() or constructor is None:
        known = sorted(key for key in vars(keras.applications) if key[0].isupper())
        raise InputError(f'unknown backbone. Received: {name!r}. Known: efficientnet_lite0, '
                         f'posenet, {", ".join(known)}')
    return constructor, sys.modules[constructor.__module__].preprocess_input


def _application_features(name: str, images: Tensor) -> Tensor:
    constructor, preprocess = application(name)
    x = preprocess(keras.ops.cast(images, 'float32'))
    try:
        return constructor(include_top=False, weights=None, input_tensor=x,
                           input_shape=images.shape[1:]).output
    except ValueError as error:
        raise InputError(f'{name} does not take this input: {error}') from error


def features(config: NetworkConfig, images: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """
    Return the backbone's feature map and the maps for auxiliary heads (posenet only).

    :param images: (B, H, W, 3) RGB, 0..255.
    """
    if config.backbone == 'posenet':
        return googlenet.features(images)
    if config.backbone == 'efficientnet_lite0':
        return efficientnet_lite0(images), ()
    return _application_features(config.backbone, images), ()


def place_maps(images: Tensor, features: Tensor,
               names: frozenset[str] = PLACE_LAYERS) -> list[Tensor]:
    """Collect the feature maps of the named layers; the last feature map where there is none."""
    layers = keras.Model(images, features).layers
    return [layer.output for layer in layers if layer.name in names] or [features]
