"""Fill a buffer from /tf and /tf_static, as tf2_ros does."""

from __future__ import annotations

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage
from tf2_ros.buffer import Buffer

DYNAMIC_QOS = QoSProfile(depth=100)
STATIC_QOS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class TransformListener:
    """
    Subscribe to the transforms.

    :param buffer: takes what comes.
    :param node: the node that gets the subscriptions; it has to be spun.
    """

    def __init__(self, buffer: Buffer, node: Node, *, spin_thread: bool = False,
                 qos: QoSProfile | int | None = None,
                 static_qos: QoSProfile | int | None = None) -> None:
        if spin_thread:
            raise NotImplementedError('spin_thread is not in this part of tf2_ros')
        self.buffer, self.node = buffer, node
        self.group = ReentrantCallbackGroup()
        self.tf_sub = node.create_subscription(
            TFMessage, '/tf', self.callback, DYNAMIC_QOS if qos is None else qos,
            callback_group=self.group)
        self.tf_static_sub = node.create_subscription(
            TFMessage, '/tf_static', self.static_callback,
            STATIC_QOS if static_qos is None else static_qos, callback_group=self.group)

    def unregister(self) -> None:
        """End the subscriptions."""
        self.node.destroy_subscription(self.tf_sub)
        self.node.destroy_subscription(self.tf_static_sub)

    def callback(self, data: TFMessage) -> None:
        """Take transforms that change."""
        for transform in data.transforms:
            self.buffer.set_transform(transform, 'default_authority')

    def static_callback(self, data: TFMessage) -> None:
        """Take transforms that do not change."""
        for transform in data.transforms:
            self.buffer.set_transform_static(transform, 'default_authority')
