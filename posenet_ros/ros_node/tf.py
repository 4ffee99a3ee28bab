"""The node's /tf broadcaster (`tf_mode`), and the pose of the robot's base."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
import time
from typing import Any, NamedTuple

from geometry_msgs.msg import TransformStamped
from posenet_ros.errors import InputError
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_data.messages import fill_transform, pose_from_transform, set_stamp
from posenet_ros.ros_node.parameters import Parameters, TfMode
from posenet_ros.ros_node.worker import locked
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.time import Time
from tf2_ros import Buffer, TransformBroadcaster, TransformException, TransformListener

RETRY_PERIOD_S = 0.01
WAITING = 10  # estimates that wait for transforms, at most


class PendingEstimate(NamedTuple):
    """An accepted estimate that waits for a transform, at most until `until_s` (monotonic)."""

    estimate: PoseEstimate
    camera_frame: str
    stamp_ns: int
    until_s: float


Warn = Callable[[str, str], None]
Publish = Callable[[PoseEstimate, int], None]  # with the stamp, nanoseconds


class TfBroadcaster:
    """
    Broadcast accepted estimates in the way of `tf_mode`.

    In the modes `map_to_base` and `map_to_odom`, and for the pose of the base, an estimate is
    composed with the transform between the camera and that frame at the time of its image; where
    it is not available yet, the estimate is queued, and nothing else waits.

    :param stack: destroys timers, publishers and subscriptions when it is closed.
    :param values: the frames, `tf_timeout`, `tf_publish_rate` and `transform_tolerance`.
    :param warn: called with (what, why) when a transform is missing.
    :param publish_base: called with the estimates of the base, for `publish_base_pose`.
    :param lock: the timers take it; callers of every method have to hold it.
    """

    def __init__(self, node: Node, stack: ExitStack, values: Parameters, warn: Warn,
                 publish_base: Publish, lock: AbstractContextManager[Any]) -> None:
        self._lock = lock
        self._node, self._values, self._warn = node, values, warn
        self._mode, self._publish_base = TfMode(values.tf_mode), publish_base
        self._listens = values.publish_base_pose or self._mode in (
            TfMode.MAP_TO_BASE, TfMode.MAP_TO_ODOM)
        self._waiting: deque[PendingEstimate] = deque(maxlen=WAITING)
        self._missing_since_s: float | None = None
        self._map_from_odom: Pose | None = None
        if self._mode is not TfMode.NONE:
            self._broadcaster = TransformBroadcaster(node)
            stack.callback(node.destroy_publisher, self._broadcaster.pub_tf)
        if self._listens:
            self._listen(stack)
        if self._mode is TfMode.MAP_TO_ODOM:
            timer = node.create_timer(
                1.0 / values.tf_publish_rate, locked(lock, self._broadcast_odom))
            stack.callback(node.destroy_timer, timer)

    def _listen(self, stack: ExitStack) -> None:
        node = self._node
        self._buffer = Buffer()
        listener = TransformListener(self._buffer, node)
        stack.callback(listener.unregister)
        self._retry = node.create_timer(
            RETRY_PERIOD_S, locked(self._lock, self._compose_waiting),
            clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._retry.cancel()
        stack.callback(node.destroy_timer, self._retry)

    def change(self, values: Parameters) -> None:
        """Apply a new `tf_timeout` and `transform_tolerance`."""
        self._values = values

    def clear(self) -> None:
        """Discard all estimates; nothing is broadcast until the next one."""
        self._waiting.clear()
        self._map_from_odom = None

    def time_jumped_back(self) -> None:
        """Discard the transforms of the time before, too."""
        self.clear()
        if self._listens:
            self._buffer.clear()

    def odom_from_camera(self, camera_frame: str, stamp_ns: int) -> Pose | None:
        """Look up odom_from_camera at a time; None where it is not available yet."""
        if self._mode is TfMode.MAP_TO_BASE:  # the base then has no odometry for its parent
            return None
        return self._lookup(self._values.odom_frame, camera_frame, stamp_ns)

    def base_from_camera(self, camera_frame: str) -> Pose | None:
        """Look up the latest base_from_camera; None where it is not available."""
        return self._lookup(self._values.base_frame, camera_frame, 0)

    def _lookup(self, target: str, source: str, stamp_ns: int) -> Pose | None:
        if not self._listens:
            return None
        try:
            found = self._buffer.lookup_transform(target, source, Time(nanoseconds=stamp_ns))
            return pose_from_transform(found.transform)
        except (TransformException, InputError):
            return None

    def update(self, estimate: PoseEstimate, camera_frame: str, stamp_ns: int) -> None:
        """
        Take an accepted estimate.

        :param camera_frame: TF frame of the camera.
        :param stamp_ns: time of its image, nanoseconds.
        """
        camera_frame = camera_frame.lstrip('/')
        if (self._mode is not TfMode.NONE or self._listens) and not camera_frame:
            self._warn('no transform', "the image's frame_id is empty: set camera_frame")
            return
        if self._mode is TfMode.MAP_TO_CAMERA:
            self._send(estimate.map_from_camera, camera_frame, stamp_ns)
        if self._listens:
            until_s = time.monotonic() + self._values.tf_timeout
            self._waiting.append(PendingEstimate(estimate, camera_frame, stamp_ns, until_s))
            self._compose_waiting()

    def _compose_waiting(self) -> None:
        """Compose the queued estimates in order; drop those whose `tf_timeout` is over."""
        while self._waiting:
            pending = self._waiting[0]
            try:
                self._compose(pending)
            except (TransformException, InputError) as error:
                if time.monotonic() < pending.until_s:
                    self._retry.reset()  # look again soon
                    return
                self._report_missing(str(error))
            self._waiting.popleft()
        self._retry.cancel()

    def _compose(self, pending: PendingEstimate) -> None:
        """Compose and broadcast; raise TransformException where a transform is missing."""
        odom = self._estimate_of(pending, self._values.odom_frame) if (
            self._mode is TfMode.MAP_TO_ODOM) else None
        base = self._estimate_of(pending, self._values.base_frame) if (
            self._mode is TfMode.MAP_TO_BASE or self._values.publish_base_pose) else None
        self._missing_since_s = None
        if odom:
            self._map_from_odom = odom.map_from_camera
            self._broadcast_odom()
        if base and self._mode is TfMode.MAP_TO_BASE:
            self._send(base.map_from_camera, self._values.base_frame, pending.stamp_ns)
        if base and self._values.publish_base_pose:
            self._publish_base(base, pending.stamp_ns)

    def _estimate_of(self, pending: PendingEstimate, child: str) -> PoseEstimate:
        """Move an estimate from the camera to another frame of the robot."""
        found = self._buffer.lookup_transform(
            pending.camera_frame, child, Time(nanoseconds=pending.stamp_ns))
        return pending.estimate.moved_to(pose_from_transform(found.transform))

    def _report_missing(self, reason: str) -> None:
        now_s = time.monotonic()
        self._missing_since_s = self._missing_since_s or now_s - self._values.tf_timeout
        self._warn('no transform', f'{reason}; missing for {now_s - self._missing_since_s:.1f} s')

    def _broadcast_odom(self) -> None:
        """Broadcast the last map_to_odom, stamped a little into the future (REP-105)."""
        now_ns = self._node.get_clock().now().nanoseconds
        if self._map_from_odom is not None and now_ns:  # zero: simulated time has not begun
            self._send(self._map_from_odom, self._values.odom_frame,
                       now_ns + round(self._values.transform_tolerance * 1e9))

    def _send(self, map_from_child: Pose, child: str, stamp_ns: int) -> None:
        message = TransformStamped(child_frame_id=child)
        message.header.frame_id = self._values.map_frame
        set_stamp(message.header.stamp, stamp_ns)
        fill_transform(message.transform, map_from_child)
        self._broadcaster.sendTransform(message)
