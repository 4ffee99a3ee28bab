"""Listen to the transforms of others on /tf and /tf_static."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
import time
from typing import Any

from geometry_msgs.msg import TransformStamped
from posenet_ros.errors import InputError
from posenet_ros.geometry.frames import frame_name
from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_data.messages import pose_from_transform
from posenet_ros.ros_node.transforms.tree import FrameTree, Link
from rclpy.node import Node
from rclpy.time import Time
from tf2_msgs.msg import TFMessage
from tf2_ros import Buffer, TransformException, TransformListener

LATEST_NS = 0
MAX_WAITING = 100  # messages: what the queue of /tf keeps


class MissingTransformError(InputError):
    """A transform is not known, or not at the time asked for."""


def waiting_messages(subscription: Any) -> Iterator[Any]:  # noqa: ANN401 - rclpy has no types
    """
    Yield the messages that wait in a subscription's queue, the oldest first.

    The executor of rclpy takes one message a turn, and a turn costs more than a message. On a
    busy machine a queue that fills faster stays full, and all that comes out of it is old.
    """
    with subscription.handle:
        for _ in range(MAX_WAITING):
            taken = subscription.handle.take_message(subscription.msg_type, False)
            if taken is None:
                return
            yield taken[0]


class ForeignTransforms(TransformListener):  # type: ignore[misc] # ROS has no types
    """
    The transforms of others, and the tree that they make; what this node sent is left out.

    :param stack: ends the subscriptions when it is closed.
    :param is_ours: tells whether this node has sent a transform.
    :param on_change: called when there is a new transform to look up.
    """

    def __init__(self, node: Node, stack: ExitStack, is_ours: Callable[[TransformStamped], bool],
                 on_change: Callable[[], None]) -> None:
        self._is_ours, self._on_change = is_ours, on_change
        self.tree = FrameTree()
        self.keeps_moving = True  # false: only the parents on /tf are kept, which is faster
        super().__init__(Buffer(), node)
        stack.callback(self.unregister)

    def callback(self, data: TFMessage) -> None:
        """Take transforms that change, with all that wait."""
        for message in (data, *waiting_messages(self.tf_sub)):
            self._take(message, is_static=False)
        self._on_change()

    def static_callback(self, data: TFMessage) -> None:
        """Take transforms that do not change."""
        self._take(data, is_static=True)
        self._on_change()

    def _take(self, data: TFMessage, *, is_static: bool) -> None:
        now_s = time.monotonic()
        for transform in data.transforms:
            if not is_static and self._is_ours(transform):
                continue
            self.tree.record(frame_name(transform.child_frame_id), Link(
                frame_name(transform.header.frame_id), is_static, now_s))
            if is_static:
                self.buffer.set_transform_static(transform, 'default_authority')
            elif self.keeps_moving:
                self.buffer.set_transform(transform, 'default_authority')

    def lookup(self, target: str, source: str, stamp_ns: int = LATEST_NS) -> Pose:
        """
        Look up target_from_source.

        :param stamp_ns: at this time, nanoseconds; 0: the latest.
        :raises MissingTransformError: with tf2's reason, where it is not available.
        """
        if target == source:
            return Pose()
        try:
            found = self.buffer.lookup_transform(target, source, Time(nanoseconds=stamp_ns))
            return pose_from_transform(found.transform)
        except (TransformException, InputError) as error:
            raise MissingTransformError(str(error)) from error

    def clear(self) -> None:
        """Forget the transforms that change, as the time began anew."""
        self.buffer.clear()
