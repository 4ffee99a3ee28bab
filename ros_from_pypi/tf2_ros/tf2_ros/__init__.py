"""The part of tf2_ros that posenet_ros uses, for machines that have ROS 2 from PyPI only."""

from tf2_ros.broadcaster import StaticTransformBroadcaster, TransformBroadcaster

__all__ = ['StaticTransformBroadcaster', 'TransformBroadcaster']
