"""Repeat map_to_odom as AMCL does, for the odometry goes on between the images."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.ros_node.transforms.low_pass import SmoothMapFromOdom
from posenet_ros.ros_node.worker import locked
from rclpy.node import Node

Send = Callable[[Pose, str, int], None]  # map_from_child, the child, and its stamp, nanoseconds


class OdomBroadcaster:
    """
    Broadcast map_to_odom `tf_publish_rate` times a second, while it is started.

    :param stack: destroys the timer when it is closed.
    :param lock: the timer takes it; callers of every method have to hold it.
    """

    def __init__(self, node: Node, stack: ExitStack, values: Parameters, send: Send,
                 lock: AbstractContextManager[Any]) -> None:
        self._node, self._values, self._send = node, values, send
        self._smooth = SmoothMapFromOdom(values.tf_smoothing_time)
        self._timer = node.create_timer(
            1.0 / values.tf_publish_rate, locked(lock, self._broadcast))
        stack.callback(node.destroy_timer, self._timer)
        self.stop()

    def start(self) -> None:
        """Begin; nothing is sent before the first value."""
        self._timer.reset()

    def stop(self) -> None:
        """End, and forget the value."""
        self._timer.cancel()
        self.clear()

    def clear(self) -> None:
        """Forget the value."""
        self._smooth.clear()

    def change(self, values: Parameters) -> None:
        """Apply a new `transform_tolerance`."""
        self._values = values

    def jump_to(self, map_from_odom: Pose) -> None:
        """Take a value at once, and send it."""
        self._smooth.jump_to(map_from_odom)
        self._broadcast()

    def follow(self, map_from_robot: Pose, odom_from_robot: Pose, sigma_m: float) -> None:
        """
        Go to the value by which both poses of the robot, of the same time, are one; send it.

        :param sigma_m: standard deviation of the position, metres.
        """
        now_s = self._node.get_clock().now().nanoseconds / 1e9
        self._smooth.follow(
            map_from_robot @ odom_from_robot.inverse(), odom_from_robot, sigma_m, now_s)
        self._broadcast()

    def _broadcast(self) -> None:
        """Send map_to_odom as it is now, stamped a little into the future (REP-105)."""
        now_ns = self._node.get_clock().now().nanoseconds
        map_from_odom = self._smooth.at(now_ns / 1e9)
        if map_from_odom and now_ns:  # zero: simulated time has not begun
            self._send(map_from_odom, self._values.odom_frame,
                       now_ns + round(self._values.transform_tolerance * 1e9))
