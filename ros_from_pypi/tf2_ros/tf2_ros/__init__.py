"""The part of tf2_ros that posenet_ros uses, for machines that have ROS 2 from PyPI only."""

from tf2_ros.broadcaster import StaticTransformBroadcaster, TransformBroadcaster
from tf2_ros.buffer import Buffer
from tf2_ros.exceptions import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TimeoutException,
    TransformException,
)
from tf2_ros.listener import TransformListener

__all__ = [
    'Buffer', 'ConnectivityException', 'ExtrapolationException', 'InvalidArgumentException',
    'LookupException', 'StaticTransformBroadcaster', 'TimeoutException', 'TransformBroadcaster',
    'TransformException', 'TransformListener',
]
