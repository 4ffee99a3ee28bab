"""Send transforms from the map to a frame of the robot, and know them when they come back."""

from __future__ import annotations

from contextlib import ExitStack

from geometry_msgs.msg import TransformStamped
from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_data.messages import fill_transform, set_stamp
from rclpy.node import Node
from tf2_ros import TransformBroadcaster

REMEMBERED = 1000  # transforms that may still be on their way back

Key = tuple[str | float, ...]


class TransformSender:
    """
    Broadcast transforms whose parent is the map.

    :param stack: destroys the publisher when it is closed.
    """

    def __init__(self, node: Node, stack: ExitStack, map_frame: str) -> None:
        self._map_frame = map_frame
        self._broadcaster = TransformBroadcaster(node)
        stack.callback(node.destroy_publisher, self._broadcaster.pub_tf)
        self._sent: dict[Key, None] = {}  # in the order of their sending

    def send(self, map_from_child: Pose, child: str, stamp_ns: int) -> None:
        """Broadcast a transform with a stamp, nanoseconds."""
        message = TransformStamped(child_frame_id=child)
        message.header.frame_id = self._map_frame
        set_stamp(message.header.stamp, stamp_ns)
        fill_transform(message.transform, map_from_child)
        self._sent[_key(message)] = None  # before it can come back, in another thread
        while len(self._sent) > REMEMBERED:
            del self._sent[next(iter(self._sent))]
        self._broadcaster.sendTransform(message)

    def has_sent(self, message: TransformStamped) -> bool:
        """Return whether a transform from /tf is one of ours: equal in every bit."""
        return message.header.frame_id == self._map_frame and _key(message) in self._sent


def _key(message: TransformStamped) -> Key:
    """Return what tells transforms of one parent apart."""
    stamp, move, turn = (
        message.header.stamp, message.transform.translation, message.transform.rotation)
    return (message.child_frame_id, stamp.sec, stamp.nanosec, move.x, move.y, move.z,
            turn.x, turn.y, turn.z, turn.w)
