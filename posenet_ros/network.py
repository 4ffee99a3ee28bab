"""
The network: uint8 RGB images in, metres and unit quaternions out.

Written with keras and keras.ops alone, so that it runs on every Keras backend.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import keras
from posenet_ros import backbones, googlenet
from posenet_ros.config import NetworkConfig
from posenet_ros.errors import InputError

Tensor = Any  # of any Keras backend, or symbolic

EPSILON = 1e-12  # keeps the gradient of a length finite at zero
SPATIAL_CHANNELS = 64
UNIT_FEATURES = 'unit_features'  # layer: features averaged over the image, of length 1
PLACE_FEATURES = 'place_features'  # layer: those that an image's place is told by
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


def _pose(x: Tensor, config: NetworkConfig, prefix: str) -> dict[str, Tensor]:
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
    """Multiply each feature by a number of its own; 1 until it is taught."""

    def build(self, shape: tuple[int, ...]) -> None:
        """Make the numbers."""
        self.factors = self.add_weight(
            shape=(shape[-1],), initializer='ones', trainable=False, name='factors')

    def call(self, x: Tensor) -> Tensor:
        """Return (..., D) scaled."""
        return x * self.factors


def _certainty(pooled: Tensor, places: Tensor, config: NetworkConfig) -> dict[str, Tensor]:
    """Return the expected errors and the descriptor of (B, D) features; always float32."""
    pooled = keras.layers.Identity(name=UNIT_FEATURES, dtype='float32')(unit(pooled))
    places = keras.layers.Identity(name=PLACE_FEATURES, dtype='float32')(unit(places))
    outputs = {}
    if config.sigma_width:
        hidden = keras.layers.Dense(
            config.sigma_width, activation='relu', dtype='float32', name='sigma_fc')(pooled)
        outputs['log_sigma'] = keras.layers.Dense(6, dtype='float32', name='log_sigma')(hidden)
    if config.descriptor_size:
        if config.descriptor_of == 'middle':
            places = unit(Scale(dtype='float32', name='descriptor_scale')(places))
        outputs['descriptor'] = keras.layers.Dense(
            config.descriptor_size, use_bias=False, dtype='float32', name='descriptor')(places)
    return outputs


def _pooled(x: Tensor) -> Tensor:
    return keras.layers.GlobalAveragePooling2D(dtype='float32')(x)


def _places(images: Tensor, x: Tensor, config: NetworkConfig) -> Tensor:
    """Return (B, D) features of one network to tell places by."""
    maps = [x] if config.descriptor_of == 'last' else backbones.place_maps(images, x)
    return keras.ops.concatenate([unit(_pooled(one)) for one in maps], -1)


def _head(x: Tensor, config: NetworkConfig) -> dict[str, Tensor]:
    if config.pooling == 'spatial':
        x = keras.layers.Conv2D(SPATIAL_CHANNELS, 1, activation='relu', name='squeeze')(x)
        x = keras.layers.Flatten(name='layout')(x)
    else:
        x = keras.layers.GlobalAveragePooling2D(name='pooled')(x)
    x = keras.layers.Dense(config.head_width, activation='relu', name='fc')(x)
    outputs = _pose(keras.layers.Dropout(config.dropout, name='dropout')(x), config, '')
    if config.sigma_width:
        outputs['fc'] = keras.ops.cast(x, 'float32')
    return outputs


def _auxiliary_head(x: Tensor, config: NetworkConfig, prefix: str) -> dict[str, Tensor]:
    if min(x.shape[1:3]) < 5:
        raise InputError('the auxiliary heads need an input of at least 80 pixels a side. '
                         f'Received: {config.input_width}x{config.input_height}')
    x = keras.layers.AveragePooling2D(5, 3, name=f'{prefix}pool')(x)
    x = googlenet.conv(x, 128, 1, f'{prefix}reduction')
    x = keras.layers.Flatten(name=f'{prefix}layout')(x)
    x = keras.layers.Dense(AUXILIARY_WIDTH, activation='relu', name=f'{prefix}fc')(x)
    x = keras.layers.Dropout(AUXILIARY_DROPOUT, name=f'{prefix}dropout')(x)
    return _pose(x, config, prefix)


def build(config: NetworkConfig, auxiliary: bool = False) -> keras.Model:
    """
    Return the network with random weights.

    :param auxiliary: whether to add the heads that help to train `posenet`; their outputs are
        named `aux1_position`, `aux1_quat_xyzw`, `aux2_...`. Other backbones have none.
    :returns: a model from (B, input_height, input_width, 3) uint8 RGB to a dictionary of
        `position` (B, 3), metres in the dataset's frame, and `quat_xyzw` (B, 4) of length 1, of
        either sign; where the settings have them `log_sigma`, `descriptor` and `fc`, see
        :class:`posenet_ros.prediction.Prediction`.
    :raises InputError: on an unknown backbone, or an input size that it does not take.
    """
    images = keras.Input((config.input_height, config.input_width, 3), dtype='uint8',
                         name='image')
    if config.members > 1:
        return keras.Model(images, _ensemble(images, config), name=config.backbone)
    x, maps = backbones.features(config, images)
    x = keras.layers.Identity(name='features')(x)
    outputs = _head(x, config) | _certainty(_pooled(x), _places(images, x, config), config)
    for number, feature_map in enumerate(maps if auxiliary else (), start=1):
        outputs |= _auxiliary_head(feature_map, config, f'aux{number}_')
    return keras.Model(images, outputs, name=config.backbone)


def mean_quat(quats: Sequence[Tensor]) -> Tensor:
    """
    Return the mean (B, 4) of unit quaternions (B, 4) that are close to each other or opposite.

    To the first order in their differences that of Markley et al. 2007 ("Averaging
    quaternions"); each is added with the sign that it has towards the first.
    """
    total = quats[0]
    for quat in quats[1:]:
        opposite = keras.ops.sum(quats[0] * quat, axis=-1, keepdims=True) < 0
        total = total + keras.ops.where(opposite, -quat, quat)
    return unit(total)


def _halves(member: keras.Model, config: NetworkConfig) -> tuple[keras.Model, keras.Model]:
    """Return a network (sharing its weights) up to what its head takes, and that head."""
    x = member.get_layer('features').output
    outputs = {'fc': member.get_layer('dropout').input, 'features': unit(_pooled(x)),
               'places': _places(member.input, x, config)}
    return keras.Model(member.input, outputs), pose_head(member)


def _ensemble(images: Tensor, config: NetworkConfig) -> dict[str, Tensor]:
    """Return the mean pose of several networks, and what is known of it from all features."""
    alone = replace(config, members=1, sigma_width=0, descriptor_size=0)
    halves = [_halves(build(alone), config) for _ in range(config.members)]
    for i, half in enumerate(halves):
        half[0].name, half[1].name = f'body{i}', f'head{i}'
    seen = [body(images) for body, _ in halves]
    fc = keras.layers.Concatenate(name='fc')([one['fc'] for one in seen])
    dropped = keras.layers.Dropout(config.dropout, name='dropout')(fc)
    parts = keras.ops.split(dropped, config.members, axis=-1)
    found = [head(part) for (_, head), part in zip(halves, parts, strict=True)]
    outputs = {
        'position': sum(one['position'] for one in found) / config.members,
        'quat_xyzw': mean_quat([one['quat_xyzw'] for one in found])}
    features, places = (keras.ops.concatenate([one[key] for one in seen], -1)
                        for key in ('features', 'places'))
    outputs |= _certainty(features, places, config)
    return outputs | ({'fc': keras.ops.cast(fc, 'float32')} if config.sigma_width else {})


def ensemble(members: Sequence[keras.Model], config: NetworkConfig) -> keras.Model:
    """
    Return one network that answers with the mean of several.

    :param members: as :func:`build` returned them for `config`, but with one member each.
    """
    model = build(replace(config, members=len(members)))
    for i, member in enumerate(members):
        for name, half in zip((f'body{i}', f'head{i}'), _halves(member, config), strict=True):
            model.get_layer(name).set_weights(half.get_weights())
    return model


def member_of(model: keras.Model, i: int) -> keras.Model:
    """Return one of the networks (sharing its weights) that :func:`ensemble` made one of."""
    body, head = (model.get_layer(f'{half}{i}') for half in ('body', 'head'))
    return keras.Model(model.input, head(body(model.input)['fc']))


def layers_of(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield all layers, also those of the networks within a network."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)
        else:
            yield layer


def without_auxiliary(model: keras.Model) -> keras.Model:
    """Return the same network (sharing its weights) without auxiliary heads."""
    outputs = {key: value for key, value in model.output.items() if not key.startswith('aux')}
    return keras.Model(model.input, outputs, name=model.name)


def pose_head(model: keras.Model) -> keras.Model:
    """Return the last layers alone (sharing their weights): `fc` (B, W) to the pose outputs."""
    outputs = {key: model.output[key] for key in ('position', 'quat_xyzw')}
    return keras.Model(model.get_layer('dropout').output, outputs)


def feature_map(model: keras.Model) -> keras.Model:
    """Return the backbone alone (sharing its weights): images to (B, H', W', D)."""
    return keras.Model(model.input, model.get_layer('features').output)


def descriptor(model: keras.Model) -> keras.Model:
    """Return the backbone with the features averaged over the image: images to (B, D)."""
    pooled = keras.layers.GlobalAveragePooling2D(dtype='float32')(
        model.get_layer('features').output)
    return keras.Model(model.input, pooled)
