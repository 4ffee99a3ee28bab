"""What the node broadcasts on /tf, by `tf_mode`, and where the robot's base is."""

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


class Located(NamedTuple):
    """An accepted estimate that waits for a transform, until a time on the monotonic clock."""

    estimate: PoseEstimate
    camera_frame: str
    stamp_ns: int
    until_s: float


Warn = Callable[[str, str], None]
Publish = Callable[[PoseEstimate, int], None]  # with the stamp, nanoseconds


class Transforms:
    """
    Broadcast accepted estimates as the mode says.

    In the modes `map_to_base` and `map_to_odom`, and for the pose of the base, an estimate is
    composed with the transform between the camera and that frame at the time of its image; where
    it is not there yet, the estimate waits for it, without holding up anything else.

    :param stack: gets what has to be undone.
    :param values: the frames, `tf_timeout`, `tf_publish_rate` and `transform_tolerance`.
    :param warn: is told (what, why) when a transform cannot be had.
    :param publish_base: takes the estimates of the base, where `publish_base_pose` asks for them.
    :param lock: is held by the timers; whoever calls anything else has to hold it.
    """

    def __init__(self, node: Node, stack: ExitStack, values: Parameters, warn: Warn,
                 publish_base: Publish, lock: AbstractContextManager[Any]) -> None:
        self._lock = lock
        self._node, self._values, self._warn = node, values, warn
        self._mode, self._publish_base = TfMode(values.tf_mode), publish_base
        self._listens = values.publish_base_pose or self._mode in (
            TfMode.MAP_TO_BASE, TfMode.MAP_TO_ODOM)
        self._waiting: deque[Located] = deque(maxlen=WAITING)
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
        """Take other times to wait and to look ahead."""
        self._values = values

    def clear(self) -> None:
        """Forget every estimate; nothing is broadcast until the next."""
        self._waiting.clear()
        self._map_from_odom = None

    def time_jumped_back(self) -> None:
        """Forget the odometry of the time before, too."""
        self.clear()
        if self._listens:
            self._buffer.clear()

    def odom_from_camera(self, camera_frame: str, stamp_ns: int) -> Pose | None:
        """Return what odometry says of the camera at a time, if it is known already."""
        if self._mode is TfMode.MAP_TO_BASE:  # the base then has no odometry for its parent
            return None
        return self._known(self._values.odom_frame, camera_frame, stamp_ns)

    def base_from_camera(self, camera_frame: str) -> Pose | None:
        """Return the latest place of the camera on the robot, if it is known."""
        return self._known(self._values.base_frame, camera_frame, 0)

    def _known(self, target: str, source: str, stamp_ns: int) -> Pose | None:
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
            self._waiting.append(Located(estimate, camera_frame, stamp_ns, until_s))
            self._compose_waiting()

    def _compose_waiting(self) -> None:
        """Compose what waits, in order; give up what has waited for too long."""
        while self._waiting:
            located = self._waiting[0]
            try:
                self._compose(located)
            except (TransformException, InputError) as error:
                if time.monotonic() < located.until_s:
                    self._retry.reset()  # look again soon
                    return
                self._report_missing(str(error))
            self._waiting.popleft()
        self._retry.cancel()

    def _compose(self, located: Located) -> None:
        """Raise TransformException where the transform is not there (yet)."""
        odom = self._of(located, self._values.odom_frame) if self._mode is TfMode.MAP_TO_ODOM \
            else None
        base = self._of(located, self._values.base_frame) if (
            self._mode is TfMode.MAP_TO_BASE or self._values.publish_base_pose) else None
        self._missing_since_s = None
        if odom:
            self._map_from_odom = odom.map_from_camera
            self._broadcast_odom()
        if base and self._mode is TfMode.MAP_TO_BASE:
            self._send(base.map_from_camera, self._values.base_frame, located.stamp_ns)
        if base and self._values.publish_base_pose:
            self._publish_base(base, located.stamp_ns)

    def _of(self, located: Located, child: str) -> PoseEstimate:
        """Return the estimate of another frame."""
        found = self._buffer.lookup_transform(
            located.camera_frame, child, Time(nanoseconds=located.stamp_ns))
        return located.estimate.moved_to(pose_from_transform(found.transform))

    def _report_missing(self, reason: str) -> None:
        now_s = time.monotonic()
        self._missing_since_s = self._missing_since_s or now_s - self._values.tf_timeout
        self._warn('no transform', f'{reason}; missing for {now_s - self._missing_since_s:.1f} s')

    def _broadcast_odom(self) -> None:
        """Send the last map to odom for now and a little later, as REP-105 has it."""
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
