"""Where the robot is said to be: /initialpose, as RViz and Nav2 send it, and `initial_pose`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
import math
import time
from typing import Any

from geometry_msgs.msg import PoseWithCovarianceStamped
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.estimate import diagonal_covariance, PoseEstimate
from posenet_ros.geometry.frames import frame_name
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.gate import Gate
from posenet_ros.ros_data.messages import covariance_from_message, pose_from_message
from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.ros_node.transforms.broadcaster import TfBroadcaster
from posenet_ros.ros_node.transforms.listener import MissingTransformError
from posenet_ros.ros_node.worker import locked
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

RETRY_PERIOD_S = 0.05
TIMEOUTS = 5  # of tf_timeout, that an initial pose waits for transforms
MIN_PATIENCE_S = 2.0  # for a node that has just begun to listen
SIGMA_M, SIGMA_YAW_RAD = 0.5, math.radians(15)  # of `initial_pose`: those of RViz and of AMCL


@dataclass
class InitialPose:
    """
    A pose of the base that is not yet, or not wholly, carried out.

    :param of_base: its `map_from_camera` is map_from_base.
    :param patience_s: how long it waits for transforms.
    :param until_s: when that is over, on the monotonic clock.
    :param odom_from_base: by odometry, when the pose was given.
    :param done: what was set until now.
    """

    of_base: PoseEstimate
    patience_s: float
    until_s: float
    odom_from_base: Pose | None = None
    is_placed: bool = False
    done: str = ''


class InitialPoses:
    """
    Set the transform at once by an initial pose, and compare the next poses with it.

    Where a transform is missing, or the camera's frame is not known before the first image, the
    pose waits. Callers hold the lock.

    :param stack: destroys the timer when it is closed.
    :param warn: called with (what, why) when a pose is refused.
    """

    def __init__(self, node: Node, stack: ExitStack, values: Parameters, gate: Gate,
                 tf: TfBroadcaster, warn: Callable[[str, str], None],
                 lock: AbstractContextManager[Any]) -> None:
        self._node, self._gate, self._tf, self._warn = node, gate, tf, warn
        self.values = values
        self._pose: InitialPose | None = None
        self._camera_frame = values.camera_frame
        self._active = False
        self._timer = node.create_timer(RETRY_PERIOD_S, locked(lock, self._carry_out),
                                        clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._timer.cancel()
        stack.callback(node.destroy_timer, self._timer)

    def activate(self) -> None:
        """Carry out the pose that came before, or that of the parameter."""
        self._active = True
        if self._pose:
            self._wait_for(self._pose.of_base, self._pose.patience_s)
        elif self.values.set_initial_pose:
            self._take(lambda: _from_parameter(self.values), math.inf)

    def deactivate(self) -> None:
        """Discard the pose that waits; what comes now waits for the activation."""
        self._active = False
        self.clear()

    def clear(self) -> None:
        """Discard the pose that waits."""
        self._pose = None
        self._timer.cancel()

    def take(self, message: PoseWithCovarianceStamped) -> None:
        """Take a message of /initialpose."""
        self._take(lambda: self._from_message(message),
                   max(TIMEOUTS * self.values.tf_timeout, MIN_PATIENCE_S))

    def image_came(self, camera_frame: str) -> None:
        """Take the frame of an image, before its pose is judged."""
        self._camera_frame = camera_frame
        if self._pose:
            self._carry_out()

    def _take(self, read: Callable[[], PoseEstimate], patience_s: float) -> None:
        try:
            if not self._tf.listens:
                raise InputError('it has nothing to set: tf_mode is none and max_jump_m is 0')
            self._wait_for(read(), patience_s)
        except InputError as error:
            self._warn('initial pose refused', str(error))

    def _from_message(self, message: PoseWithCovarianceStamped) -> PoseEstimate:
        if frame_name(message.header.frame_id) != self.values.map_frame:
            raise InputError(f'its frame has to be {self.values.map_frame}. '
                             f'Received: {message.header.frame_id!r}')
        return PoseEstimate(pose_from_message(message.pose.pose),
                            covariance_from_message(message.pose))

    def _wait_for(self, of_base: PoseEstimate, patience_s: float) -> None:
        self._pose = InitialPose(of_base, patience_s, time.monotonic() + patience_s)
        if self._active:
            self._timer.reset()
            self._carry_out()

    def _carry_out(self) -> None:
        """Do what can be done of the pose that waits; discard it when all is, or time is over."""
        pose = self._pose
        if not pose or not self._active:
            return
        try:
            self._place(pose)
            if not self._camera_frame:  # known with the first image; transforms can wait till then
                pose.until_s = time.monotonic() + pose.patience_s
                self._timer.cancel()
                return
            self._seed(pose)
        except MissingTransformError as error:
            self._wait_on(pose, str(error))
            return
        self.clear()

    def _place(self, pose: InitialPose) -> None:
        """Set the transform."""
        if pose.is_placed:
            return
        pose.done = self._tf.place_base(pose.of_base.map_from_camera)
        pose.odom_from_base = self._tf.odom_from_camera(self.values.base_frame, 0)
        pose.is_placed = True
        if pose.done:
            self._node.get_logger().info(f'initial pose: {pose.done}')

    def _seed(self, pose: InitialPose) -> None:
        """Seed the gate."""
        base_from_camera = self._tf.lookup(self.values.base_frame, self._camera_frame)
        odom_from_camera = pose.odom_from_base and pose.odom_from_base @ base_from_camera
        self._gate.seed(pose.of_base.moved_to(base_from_camera), odom_from_camera)
        self._node.get_logger().info('poses are compared with the initial pose from now on')

    def _wait_on(self, pose: InitialPose, reason: str) -> None:
        """Keep waiting, or refuse with the reason."""
        if math.isinf(pose.until_s):
            self._warn('initial pose waits', reason)
        if time.monotonic() < pose.until_s:
            self._timer.reset()
            return
        what = f'{pose.done}, but no pose is compared with it: ' if pose.done else ''
        reason = reason.rstrip('. ')
        self._warn('initial pose' if pose.done else 'initial pose refused',
                   f'{what}{reason}, for {pose.patience_s:g} s. It is the pose of base_frame, '
                   f'{self.values.base_frame}: does something send the transform from it to '
                   f'{self._camera_frame or "the camera"}?')
        self.clear()


def _from_parameter(values: Parameters) -> PoseEstimate:
    x, y, yaw_rad = values.initial_pose
    half_rad = yaw_rad / 2
    return PoseEstimate(
        Pose(np.array([x, y, 0.0]),
             np.array([0.0, 0.0, math.sin(half_rad), math.cos(half_rad)])),
        diagonal_covariance((SIGMA_M, SIGMA_M, 0.0), (0.0, 0.0, SIGMA_YAW_RAD)))
