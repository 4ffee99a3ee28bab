"""Send accepted estimates as transforms, in the way of `tf_mode`, and as poses of the base."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
import time
from typing import Any

from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.frames import frame_name
from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_node.parameters import Parameters, TfMode
from posenet_ros.ros_node.transforms.listener import (
    ForeignTransforms,
    LATEST_NS,
    MissingTransformError,
)
from posenet_ros.ros_node.transforms.mode_watch import ModeWatch
from posenet_ros.ros_node.transforms.odom_broadcaster import OdomBroadcaster
from posenet_ros.ros_node.transforms.pending import PendingEstimate
from posenet_ros.ros_node.transforms.planar import planar_estimate, planar_pose
from posenet_ros.ros_node.transforms.sender import TransformSender
from posenet_ros.ros_node.transforms.tree import FrameTree
from posenet_ros.ros_node.worker import locked
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.timer import Timer

RETRY_PERIOD_S = 0.05
EXAMINE_PERIOD_S = 0.25
WAITING = 10  # estimates that wait for transforms, at most
UNDECIDED = 60  # estimates of the second in which the mode is chosen, at most


Warn = Callable[[str, str], None]
Publish = Callable[[PoseEstimate, int], None]  # with the stamp, nanoseconds


class TfBroadcaster:
    """
    Broadcast accepted estimates in the way of `tf_mode`.

    In the modes `map_to_base` and `map_to_odom`, and for the pose of the base, an estimate is
    composed with the transform between the camera and that frame at the time of its image; where
    it is not available yet, the estimate is queued, and nothing else waits.

    :param stack: destroys timers, publishers and subscriptions when it is closed.
    :param values: the frames, and the parameters of transforms.
    :param facts: of the diagnostics, see :class:`ModeWatch`.
    :param warn: called with (what, why) when a transform is missing or withheld.
    :param publish_base: called with the estimates of the base, for `publish_base_pose`.
    :param lock: the timers take it; callers of every method have to hold it.
    """

    def __init__(self, node: Node, stack: ExitStack, values: Parameters, facts: dict[str, str],
                 warn: Warn, publish_base: Publish, lock: AbstractContextManager[Any]) -> None:
        self._node, self._values, self._warn = node, values, warn
        self._publish_base = publish_base
        self._sends = values.tf_mode != TfMode.NONE.value
        self.listens = self._sends or values.publish_base_pose or bool(
            values.max_jump_m or values.max_jump_deg)
        self._undecided: deque[PendingEstimate] = deque(maxlen=UNDECIDED)
        self._waiting: deque[PendingEstimate] = deque(maxlen=WAITING)
        self._missing_since_s: float | None = None
        self._sender = TransformSender(node, stack, values.map_frame) if self._sends else None
        self._compose_again = locked(lock, self._compose_waiting)
        self._foreign = ForeignTransforms(
            node, stack, self._is_ours, self._on_transform) if self.listens else None
        self._watch = ModeWatch(
            node, values, self._foreign.tree if self._foreign else FrameTree(), facts, warn)
        self._odom = OdomBroadcaster(node, stack, values, self._send, lock)
        self._retry = self._timer(stack, RETRY_PERIOD_S, self._compose_again)
        self._retry.cancel()
        if self._sends:
            self._timer(stack, EXAMINE_PERIOD_S, locked(lock, self._take_undecided))
        self._examine()

    def _timer(self, stack: ExitStack, period_s: float, function: Callable[[], None]) -> Timer:
        # not the node's own clock: simulated time may stand still
        timer = self._node.create_timer(
            period_s, function, clock=Clock(clock_type=ClockType.STEADY_TIME))
        stack.callback(self._node.destroy_timer, timer)
        return timer

    def _is_ours(self, message: Any) -> bool:  # noqa: ANN401 - TransformStamped
        return bool(self._sender and self._sender.has_sent(message))

    def _on_transform(self) -> None:
        """Look at once whether it is what an estimate waits for; the timer ends the waiting."""
        if self._waiting:
            self._compose_again()

    def change(self, values: Parameters) -> None:
        """Apply a new `tf_timeout` and `transform_tolerance`."""
        self._values = values
        self._odom.change(values)

    def discard_waiting(self) -> None:
        """Discard the estimates that wait; the last map_to_odom is still broadcast."""
        self._waiting.clear()
        self._undecided.clear()

    def clear(self) -> None:
        """Discard all estimates; nothing is broadcast until the next one."""
        self.discard_waiting()
        self._odom.clear()

    def time_jumped_back(self) -> None:
        """Discard the transforms of the time before, too."""
        self.clear()
        if self._foreign:
            self._foreign.clear()

    def lookup(self, target: str, source: str, stamp_ns: int = LATEST_NS) -> Pose:
        """
        Look up target_from_source.

        :param stamp_ns: at this time, nanoseconds; 0: the latest.
        :raises MissingTransformError: where it is not available, or the node does not listen.
        """
        if not self._foreign:
            raise MissingTransformError('the node does not listen to /tf')
        return self._foreign.lookup(target, source, stamp_ns)

    def odom_from_camera(self, camera_frame: str, stamp_ns: int) -> Pose | None:
        """Look up odom_from_camera at a time; None where it is not available yet."""
        try:
            return self.lookup(self._values.odom_frame, camera_frame, stamp_ns)
        except MissingTransformError:
            return None

    def image_came(self, camera_frame: str) -> None:
        """Take the TF frame of an image, whether or not it gets a pose; empty where not known."""
        if self._sends and camera_frame:
            self._watch.image_came(camera_frame)

    def update(self, estimate: PoseEstimate, camera_frame: str, stamp_ns: int) -> None:
        """
        Take an accepted estimate.

        :param camera_frame: TF frame of the camera.
        :param stamp_ns: time of its image, nanoseconds.
        """
        if not (self._sends or self._values.publish_base_pose):
            return
        camera_frame = frame_name(camera_frame)
        if not camera_frame:
            self._warn('no transform', "the image's frame_id is empty: set camera_frame")
            return
        self._watch.image_came(camera_frame)
        self._undecided.append(PendingEstimate(estimate, camera_frame, stamp_ns, 0.0))
        self._take_undecided()

    def place_base(self, map_from_base: Pose) -> str:
        """
        Set where the base is, at once.

        :returns: what was set; empty where the mode sets nothing by a pose of the base.
        :raises MissingTransformError: while a transform for it is missing.
        """
        mode = self._examine()
        base = self._values.base_frame
        map_from_base = planar_pose(map_from_base) if self._values.planar else map_from_base
        if mode is TfMode.MAP_TO_ODOM:
            odom_from_base = self.lookup(self._values.odom_frame, base)
            self._odom.jump_to(map_from_base @ odom_from_base.inverse())
        elif mode is TfMode.MAP_TO_BASE:
            self._send(map_from_base, base, self._node.get_clock().now().nanoseconds)
        elif mode is None:
            raise MissingTransformError(
                f'{base} is not below {self._values.odom_frame} in the TF tree, and there was no '
                'image yet that says where the camera is')
        else:
            return ''
        return f'{mode.value} is set'

    def _examine(self) -> TfMode | None:
        """Choose the mode again; forget the map_to_odom that is no longer sent."""
        before, mode = self._watch.in_force, self._watch.examine()
        now = self._watch.in_force
        if now is not before:
            if now is TfMode.MAP_TO_ODOM:
                self._odom.start()
            else:
                self._odom.stop()
            if self._foreign:  # a camera without a parent has nothing to look up
                self._foreign.keeps_moving = now is not TfMode.MAP_TO_CAMERA
        return mode

    def _take_undecided(self) -> None:
        """Send or queue the estimates that came before the mode was known."""
        mode = self._examine()
        if mode is None:
            return
        while self._undecided:
            pending = self._undecided.popleft()
            if mode is TfMode.MAP_TO_CAMERA:
                self._send(pending.estimate.map_from_camera, pending.camera_frame,
                           pending.stamp_ns)
            if self._values.publish_base_pose or mode in (
                    TfMode.MAP_TO_ODOM, TfMode.MAP_TO_BASE):
                self._waiting.append(pending._replace(
                    until_s=time.monotonic() + self._values.tf_timeout))
                self._compose_waiting()

    def _compose_waiting(self) -> None:
        """Compose the queued estimates in order; drop those whose `tf_timeout` is over."""
        while self._waiting:
            pending = self._waiting[0]
            try:
                self._compose(pending)
            except MissingTransformError as error:
                if time.monotonic() < pending.until_s:
                    self._retry.reset()  # look again soon
                    return
                self._report_missing(str(error))
            self._waiting.popleft()
        self._retry.cancel()

    def _compose(self, pending: PendingEstimate) -> None:
        """Compose and send; raise MissingTransformError where a transform is missing."""
        values, mode = self._values, self._watch.in_force
        to_odom = mode is TfMode.MAP_TO_ODOM
        base = None
        if mode is TfMode.MAP_TO_BASE or values.publish_base_pose or (to_odom and values.planar):
            base = pending.estimate.moved_to(
                self.lookup(pending.camera_frame, values.base_frame, pending.stamp_ns))
            base = planar_estimate(base) if values.planar else base
        if to_odom:
            self._follow_odom(pending, base if values.planar else None)
        self._missing_since_s = None
        if base and mode is TfMode.MAP_TO_BASE:
            self._send(base.map_from_camera, values.base_frame, pending.stamp_ns)
        if base and values.publish_base_pose:
            self._publish_base(base, pending.stamp_ns)

    def _follow_odom(self, pending: PendingEstimate, base: PoseEstimate | None) -> None:
        """Let map_to_odom follow an estimate: of the camera, or of the base where given."""
        robot, frame = (base, self._values.base_frame) if base else (
            pending.estimate, pending.camera_frame)
        odom_from_robot = self.lookup(self._values.odom_frame, frame, pending.stamp_ns)
        self._odom.follow(
            robot.map_from_camera, odom_from_robot, pending.estimate.max_sigmas()[0])

    def _report_missing(self, reason: str) -> None:
        now_s = time.monotonic()
        self._missing_since_s = self._missing_since_s or now_s - self._values.tf_timeout
        self._warn('no transform', f'{reason}; missing for {now_s - self._missing_since_s:.1f} s')

    def _send(self, map_from_child: Pose, child: str, stamp_ns: int) -> None:
        assert self._sender
        self._sender.send(map_from_child, child, stamp_ns)
