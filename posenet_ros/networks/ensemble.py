"""
An ensemble of networks as one: their mean pose, with or without shared layers.

Written with keras and keras.ops alone, so that it runs on every Keras backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import PoseNetError
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.heads import mean_quat, pooled, uncertainty_outputs, unit
from posenet_ros.networks.single_network import (
    build_single,
    image_input,
    place_backbone,
    place_features,
    pose_head,
)

Tensor = Any  # of any Keras backend, or symbolic
Weights = list[NDArray[Any]]

TRUNK = 'trunk'  # submodel; the name is in the weights files


def build_ensemble(config: NetworkConfig) -> keras.Model:
    """Build an ensemble with random weights; see :func:`network.build`."""
    images = image_input(config)
    return keras.Model(images, _ensemble(images, config), name=config.backbone)


class _Member(NamedTuple):
    """
    The parts of a network (sharing its weights) that is a member of an ensemble.

    :param trunk: from images to the input of `body`, where the members share it; else None.
    :param body: up to the input of the head.
    """

    trunk: keras.Model | None
    body: keras.Model
    head: keras.Model


def _split(member: keras.Model, config: NetworkConfig) -> _Member:
    """Split a network into the parts that the settings of the ensemble ask for."""
    x = member.get_layer('features').output
    outputs = {'fc': member.get_layer('dropout').input, 'features': unit(pooled(x))}
    places = place_features(member.input, x, config)
    if places is not None:
        outputs['places'] = places
    if not config.shared_before:
        return _Member(None, keras.Model(member.input, outputs), pose_head(member))
    cut = member.get_layer(config.shared_before).input
    return _Member(keras.Model(member.input, cut), keras.Model(cut, outputs), pose_head(member))


def can_share_layers(config: NetworkConfig, before: str) -> bool:
    """Return whether the members of an ensemble can share the layers before this one."""
    network = build_single(replace(config, members=1, shared_before=''))
    try:
        _split(network, replace(config, shared_before=before))
    except ValueError:  # Keras: no such layer, or a path around it
        return False
    return True


def _ensemble(images: Tensor, config: NetworkConfig) -> dict[str, Tensor]:
    """Build the outputs of an ensemble: mean pose, predicted error and global descriptor."""
    alone = replace(config, members=1, sigma_width=0, descriptor_size=0, shared_before='')
    members = [_split(build_single(alone), config) for _ in range(config.members)]
    for i, member in enumerate(members):
        member.body.name, member.head.name = f'body{i}', f'head{i}'
    x, trunk = images, members[0].trunk
    if trunk:
        trunk.name = TRUNK
        x = trunk(images)
    features = [member.body(x) for member in members]
    fc = keras.layers.Concatenate(name='fc')([one['fc'] for one in features])
    dropped = keras.layers.Dropout(config.dropout, name='dropout')(fc)
    split = keras.ops.split(dropped, config.members, axis=-1)
    poses = [member.head(part) for member, part in zip(members, split, strict=True)]
    outputs = {
        'position': sum(one['position'] for one in poses) / config.members,
        'quat_xyzw': mean_quat([one['quat_xyzw'] for one in poses])}
    joined = {key: keras.ops.concatenate([one[key] for one in features], -1)
              for key in ('features', 'places') if key in features[0]}
    places = place_backbone(config)(images) if config.has_place_backbone else joined.get('places')
    outputs |= uncertainty_outputs(joined['features'], places, config)
    return outputs | ({'fc': keras.ops.cast(fc, 'float32')} if config.sigma_width else {})


def make_ensemble(members: Sequence[keras.Model], config: NetworkConfig) -> keras.Model:
    """
    Combine networks into an ensemble that gives their mean pose.

    :param members: as :func:`network.build` made them for `config`, but with one member each.
    :raises PoseNetError: when shared layers differ between the members.
    """
    model = build_ensemble(replace(config, members=len(members)))
    whole = replace(config, shared_before='')
    for i, member in enumerate(members):
        parts = _split(member, whole)
        _put(model, i, parts.body.get_weights(), parts.head.get_weights())
    return model


def copy_members(source: keras.Model, target: keras.Model, count: int) -> None:
    """
    Copy the weights of an ensemble into another, which may share other layers.

    :param count: number of members.
    :raises PoseNetError: when shared layers differ between the members.
    """
    trunk = _trunk_of(source)
    for i in range(count):
        body, last = (source.get_layer(f'{half}{i}').get_weights() for half in ('body', 'head'))
        _put(target, i, (trunk.get_weights() if trunk else []) + body, last)


def _put(model: keras.Model, i: int, body: Weights, last: Weights) -> None:
    """Set the weights of one member: those of trunk and body, and those of the head."""
    trunk = _trunk_of(model)
    count = len(trunk.weights) if trunk else 0
    if trunk and i == 0:
        trunk.set_weights(body[:count])
    elif trunk and not all(map(np.array_equal, trunk.get_weights(), body[:count])):
        raise PoseNetError('networks can share only layers with the same weights. '
                           f'Received: others in network {i + 1}')
    model.get_layer(f'body{i}').set_weights(body[count:])
    model.get_layer(f'head{i}').set_weights(last)


def _trunk_of(model: keras.Model) -> keras.Model | None:
    """Return the trunk that the members share, None where they share none."""
    return next((layer for layer in model.layers if layer.name == TRUNK), None)


def extract_member(model: keras.Model, i: int) -> keras.Model:
    """Return one member of an ensemble (sharing its weights)."""
    body, last = (model.get_layer(f'{half}{i}') for half in ('body', 'head'))
    trunk = _trunk_of(model)
    x = trunk(model.input) if trunk else model.input
    return keras.Model(model.input, last(body(x)['fc']))
