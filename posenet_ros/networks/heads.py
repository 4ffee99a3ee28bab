"""
Heads on a backbone's feature map: pose, predicted error and global descriptor.

Written with keras and keras.ops alone, as the backbones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from posenet_ros.errors import InputError
from posenet_ros.networks import googlenet
from posenet_ros.networks.config import NetworkConfig

Tensor = Any  # of any Keras backend, or symbolic

EPSILON = 1e-12  # keeps the gradient of a length finite at zero
SPATIAL_CHANNELS = 64
UNIT_FEATURES = 'unit_features'  # layer: features averaged over the image, of length 1
PLACE_FEATURES = 'place_features'  # layer: the input of the global descriptor
AUXILIARY_WIDTH = 1024
AUXILIARY_DROPOUT = 0.7
RAW_ROTATION_SIZE = {'quaternion': 4, '6d': 6}
# The network starts near these: w = 1, or the first two columns of the identity matrix.
RAW_IDENTITY = {'quaternion': (0.0, 0.0, 0.0, 1.0), '6d': (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)}


def unit(x: Tensor) -> Tensor:
    """Return vectors (..., D) of length 1; zero stays zero, with a finite gradient."""
    squares = keras.ops.sum(keras.ops.square(x), axis=-1, keepdims=True)
    return x * keras.ops.rsqrt(squares + EPSILON)


def quat_xyzw_from_6d(raw: Tensor) -> Tensor:
    """
    Return unit quaternions from two 3-vectors that span a rotation's first two columns.

    Gram-Schmidt: Zhou et al. 2019, equation 15. Each row of the 4x4 matrix below is the
    quaternion times four times one of its elements; the row of the largest is well conditioned.

    :param raw: (B, 6).
    :returns: (B, 4), of either sign.
    """
    ops = keras.ops
    a = unit(raw[:, :3])
    b = raw[:, 3:]
    b = unit(b - a * ops.sum(a * b, axis=-1, keepdims=True))
    m00, m10, m20 = a[:, 0], a[:, 1], a[:, 2]
    m01, m11, m21 = b[:, 0], b[:, 1], b[:, 2]
    m02, m12, m22 = m10 * m21 - m20 * m11, m20 * m01 - m00 * m21, m00 * m11 - m10 * m01
    xy, xz, yz = m10 + m01, m02 + m20, m21 + m12
    xw, yw, zw = m21 - m12, m02 - m20, m10 - m01
    diagonal = [1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22,
                1 + m00 + m11 + m22]
    rows = [[diagonal[0], xy, xz, xw], [xy, diagonal[1], yz, yw],
            [xz, yz, diagonal[2], zw], [xw, yw, zw, diagonal[3]]]
    quat, largest = ops.stack(rows[3], axis=-1), diagonal[3]
    for i in range(3):  # argmax would need an operation that LiteRT lacks
        better = diagonal[i] > largest
        quat = ops.where(better[:, None], ops.stack(rows[i], axis=-1), quat)
        largest = ops.maximum(largest, diagonal[i])
    return unit(quat)


def mean_quat(quats: Sequence[Tensor]) -> Tensor:
    """
    Average unit quaternions (B, 4) that are close to each other, up to their signs.

    To first order in their differences the mean of Markley et al. 2007 ("Averaging quaternions");
    each is added with its sign relative to the first.

    :returns: (B, 4).
    """
    total = quats[0]
    for quat in quats[1:]:
        opposite = keras.ops.sum(quats[0] * quat, axis=-1, keepdims=True) < 0
        total = total + keras.ops.where(opposite, -quat, quat)
    return unit(total)


def pose(x: Tensor, config: NetworkConfig, prefix: str) -> dict[str, Tensor]:
    """Return the pose outputs of (B, D); always float32, also under mixed precision."""
    raw = keras.layers.Dense(3, dtype='float32', name=f'{prefix}xyz')(x)
    position = keras.layers.Rescaling(
        list(config.scale_m), list(config.origin_m), dtype='float32', name=f'{prefix}metres')(raw)
    turn = keras.layers.Dense(
        RAW_ROTATION_SIZE[config.rotation], dtype='float32', name=f'{prefix}rotation')(x)
    turn = turn + keras.ops.convert_to_tensor(RAW_IDENTITY[config.rotation], 'float32')
    quat = unit(turn) if config.rotation == 'quaternion' else quat_xyzw_from_6d(turn)
    return {f'{prefix}position': position, f'{prefix}quat_xyzw': quat}


class Scale(keras.layers.Layer):  # type: ignore[misc]
    """Multiply each feature by a factor of its own; 1 until it is fitted."""

    def build(self, shape: tuple[int, ...]) -> None:
        """Make the factors."""
        self.factors = self.add_weight(
            shape=(shape[-1],), initializer='ones', trainable=False, name='factors')

    def call(self, x: Tensor) -> Tensor:
        """Return (..., D) scaled."""
        return x * self.factors


def uncertainty_outputs(pooled: Tensor, places: Tensor | None,
                        config: NetworkConfig) -> dict[str, Tensor]:
    """
    Add the predicted error and the global descriptor; always float32.

    :param pooled: (B, D) features for the predicted error.
    :param places: (B, D') features for the global descriptor.
    """
    pooled = keras.layers.Identity(name=UNIT_FEATURES, dtype='float32')(unit(pooled))
    outputs = {}
    if config.sigma_width:
        hidden = keras.layers.Dense(
            config.sigma_width, activation='relu', dtype='float32', name='sigma_fc')(pooled)
        outputs['log_sigma'] = keras.layers.Dense(6, dtype='float32', name='log_sigma')(hidden)
    if config.descriptor_size:
        places = keras.layers.Identity(name=PLACE_FEATURES, dtype='float32')(unit(places))
        if config.descriptor_of != 'last':
            places = unit(Scale(dtype='float32', name='descriptor_scale')(places))
        outputs['descriptor'] = keras.layers.Dense(
            config.descriptor_size, use_bias=False, dtype='float32', name='descriptor')(places)
    return outputs


def pooled(x: Tensor) -> Tensor:
    """Average a feature map over the image: (B, D), float32."""
    return keras.layers.GlobalAveragePooling2D(dtype='float32')(x)


def head(x: Tensor, config: NetworkConfig) -> dict[str, Tensor]:
    """Return the pose outputs of a feature map (B, H, W, D)."""
    if config.pooling == 'spatial':
        x = keras.layers.Conv2D(SPATIAL_CHANNELS, 1, activation='relu', name='squeeze')(x)
        x = keras.layers.Flatten(name='layout')(x)
    else:
        x = keras.layers.GlobalAveragePooling2D(name='pooled')(x)
    x = keras.layers.Dense(config.head_width, activation='relu', name='fc')(x)
    outputs = pose(keras.layers.Dropout(config.dropout, name='dropout')(x), config, '')
    if config.sigma_width:
        outputs['fc'] = keras.ops.cast(x, 'float32')
    return outputs


def auxiliary_head(x: Tensor, config: NetworkConfig, prefix: str) -> dict[str, Tensor]:
    """Return the pose outputs of a feature map inside the network, named by the prefix."""
    if min(x.shape[1:3]) < 5:
        raise InputError('the auxiliary heads need an input of at least 80 pixels a side. '
                         f'Received: {config.input_width}x{config.input_height}')
    x = keras.layers.AveragePooling2D(5, 3, name=f'{prefix}pool')(x)
    x = googlenet.conv(x, 128, 1, f'{prefix}reduction')
    x = keras.layers.Flatten(name=f'{prefix}layout')(x)
    x = keras.layers.Dense(AUXILIARY_WIDTH, activation='relu', name=f'{prefix}fc')(x)
    x = keras.layers.Dropout(AUXILIARY_DROPOUT, name=f'{prefix}dropout')(x)
    return pose(x, config, prefix)
