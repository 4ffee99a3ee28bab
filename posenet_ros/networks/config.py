"""The settings of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from posenet_ros.errors import InputError

T = TypeVar('T')
ROTATIONS = ('quaternion', '6d')
POOLINGS = ('average', 'spatial')
DESCRIPTORS = ('last', 'middle', 'pretrained')
MAX_MEMBERS = 16


@dataclass(frozen=True)
class NetworkConfig:
    """
    The settings of a network, for :func:`posenet_ros.networks.network.build`.

    :param backbone: `posenet`, `efficientnet_lite0`, or the name of a keras.applications model.
    :param input_width: network input width, pixels.
    :param input_height: network input height, pixels.
    :param rotation: `quaternion` or `6d` (Zhou et al. 2019).
    :param pooling: `average` over the feature map, or `spatial` (keeps the layout).
    :param members: size of the ensemble: networks, each with a backbone and a head, whose poses
        are averaged.
    :param shared_before: name of a layer; all members share the layers before it.
    :param head_width: units of the fully connected layer before the pose.
    :param dropout: rate before the pose layer, in training only.
    :param sigma_width: units of the layer before the predicted error; 0: no predicted error.
    :param descriptor_size: size of the global descriptor; 0: none.
    :param descriptor_of: source of the global descriptor: layers of a `pretrained` place backbone,
        the `middle` layers, or the `last` as before format 3.
    :param origin_m: centre of the training positions in the dataset's frame, metres; the network
        adds it, so outputs are metres in that frame.
    :param scale_m: the network multiplies its raw position by this, metres.
    :raises InputError: on a value out of range.
    """

    backbone: str = 'efficientnet_lite0'
    members: int = 1
    shared_before: str = ''
    input_width: int = 224
    input_height: int = 224
    rotation: str = '6d'
    pooling: str = 'average'
    head_width: int = 1024
    dropout: float = 0.2
    sigma_width: int = 0
    descriptor_size: int = 0
    descriptor_of: str = 'last'
    origin_m: tuple[float, ...] = (0.0, 0.0, 0.0)
    scale_m: tuple[float, ...] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        checks = {
            'members': 1 <= self.members <= MAX_MEMBERS,
            'shared_before': not self.shared_before or (
                self.members > 1 and (self.has_place_backbone or not self.descriptor_size)),
            'input_width': self.input_width >= 32, 'input_height': self.input_height >= 32,
            'rotation': self.rotation in ROTATIONS, 'pooling': self.pooling in POOLINGS,
            'head_width': self.head_width >= 1, 'dropout': 0 <= self.dropout < 1,
            'sigma_width': self.sigma_width >= 0, 'descriptor_size': self.descriptor_size >= 0,
            'descriptor_of': self.descriptor_of in DESCRIPTORS,
            'origin_m': len(self.origin_m) == 3,
            'scale_m': len(self.scale_m) == 3 and min(self.scale_m) > 0}
        for name, good in checks.items():
            if not good:
                raise InputError(f'network {name} is out of range. '
                                 f'Received: {getattr(self, name)!r}')

    @property
    def has_place_backbone(self) -> bool:
        """Whether the global descriptor comes from a pretrained backbone of its own."""
        return self.descriptor_size > 0 and self.descriptor_of == 'pretrained'

    @property
    def fc_width(self) -> int:
        """Return the number of activations before the pose layers of all members."""
        return self.members * self.head_width
