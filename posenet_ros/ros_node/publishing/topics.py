"""How a topic of the node is made, and the header of its messages."""

from __future__ import annotations

from contextlib import ExitStack

from posenet_ros.ros_data.messages import set_stamp
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Header

POSE_QOS = QoSProfile(depth=10)
LATEST_QOS = QoSProfile(depth=1)
LATCHED_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# the executor looks at each event on each turn; a subscriber that does not fit says so itself
NO_EVENTS = PublisherEventCallbacks(use_default_callbacks=False)


def make_publisher(node: LifecycleNode, stack: ExitStack, kind: type, topic: str,
                   qos: QoSProfile) -> LifecyclePublisher:
    """
    Make a publisher that is silent while the node is inactive.

    :param stack: destroys the publisher when it is closed.
    """
    publisher = node.create_lifecycle_publisher(kind, topic, qos, event_callbacks=NO_EVENTS)
    stack.callback(node.destroy_lifecycle_publisher, publisher)
    return publisher


def make_header(frame_id: str, stamp_ns: int) -> Header:
    """Make a header of a time in nanoseconds."""
    header = Header(frame_id=frame_id)
    set_stamp(header.stamp, stamp_ns)
    return header
