"""Send transforms, as tf2_ros does."""

from __future__ import annotations

from collections.abc import Iterable

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

DYNAMIC_QOS = QoSProfile(depth=100)
STATIC_QOS = QoSProfile(
    depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL, history=HistoryPolicy.KEEP_LAST)


def _as_list(
        transform: TransformStamped | Iterable[TransformStamped]) -> list[TransformStamped]:
    return list(transform) if isinstance(transform, Iterable) else [transform]


class TransformBroadcaster:
    """
    Publish transforms on /tf.

    :param node: the node that gets the publisher.
    :param qos: a profile, or the history's depth.
    """

    def __init__(self, node: Node, qos: QoSProfile | int | None = None) -> None:
        self.pub_tf = node.create_publisher(
            TFMessage, '/tf', DYNAMIC_QOS if qos is None else qos)

    def sendTransform(  # noqa: N802
            self, transform: TransformStamped | Iterable[TransformStamped]) -> None:
        """Publish one transform or several."""
        self.pub_tf.publish(TFMessage(transforms=_as_list(transform)))


class StaticTransformBroadcaster:
    """
    Publish transforms that do not change on /tf_static, to late subscribers too.

    :param node: the node that gets the publisher.
    :param qos: a profile, or the history's depth.
    """

    def __init__(self, node: Node, qos: QoSProfile | int | None = None) -> None:
        self.pub_tf = node.create_publisher(
            TFMessage, '/tf_static', STATIC_QOS if qos is None else qos)
        self._transforms: dict[str, TransformStamped] = {}

    def sendTransform(  # noqa: N802
            self, transform: TransformStamped | Iterable[TransformStamped]) -> None:
        """Publish these transforms together with all that were sent before."""
        self._transforms.update({t.child_frame_id: t for t in _as_list(transform)})
        self.pub_tf.publish(TFMessage(transforms=list(self._transforms.values())))
