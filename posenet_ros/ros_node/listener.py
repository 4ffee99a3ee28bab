"""Subscribe to a running relocaliser and record its output with arrival times."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
import time
from types import TracebackType

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray, PoseStamped, PoseWithCovarianceStamped
import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.geometry.frames import frame_name
from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_data.bag_writer import TRUTH_FRAME
from posenet_ros.ros_data.messages import (
    pose_from_message,
    pose_from_transform,
    poses_from_array,
    stamp_ns,
)
from posenet_ros.ros_data.verdicts import judged_poses, JudgedPose
import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import QoSProfile
from tf2_msgs.msg import TFMessage

QOS = QoSProfile(depth=1000)


@dataclass
class NodeOutput:
    """
    The output of a relocaliser, by the stamp of the image (nanoseconds).

    :param poses: stamp -> map_from_camera.
    :param covariances: stamp -> (6, 6).
    :param transforms: stamp -> map_from_child of that stamp on /tf.
    :param verdicts: stamp -> the gate's decision, with the pose.
    :param ambiguous: stamp -> the poses that the image cannot tell apart.
    :param arrived_ns: stamp -> when the pose arrived, on the monotonic clock, which all
        processes of a machine share.
    """

    poses: dict[int, Pose] = field(default_factory=dict)
    covariances: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    transforms: dict[int, Pose] = field(default_factory=dict)
    verdicts: dict[int, JudgedPose] = field(default_factory=dict)
    ambiguous: dict[int, tuple[Pose, ...]] = field(default_factory=dict)
    arrived_ns: dict[int, int] = field(default_factory=dict)


class Listener:
    """
    Subscribe to a relocaliser in a thread of its own; use it as a context manager.

    :param node: full name of the relocaliser's node.
    """

    def __init__(self, node: str = '/relocaliser') -> None:
        self.output = NodeOutput()
        self._context = Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node('posenet_listener', context=self._context)
        for kind, topic, callback in (
                (PoseStamped, f'{node}/pose', self._on_pose),
                (PoseWithCovarianceStamped, f'{node}/pose_with_covariance', self._on_covariance),
                (DiagnosticArray, f'{node}/verdict', self._on_verdict),
                (PoseArray, f'{node}/ambiguous_poses', self._on_ambiguous),
                (TFMessage, '/tf', self._on_transforms)):
            self._node.create_subscription(kind, topic, callback, QOS)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._failure: Exception | None = None
        self._thread = Thread(target=self._spin, name='listener', daemon=True)

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None,
            trace: TracebackType | None) -> None:
        self._context.try_shutdown()
        self._thread.join(timeout=5)
        self._node.destroy_node()
        if error is None:
            self._check()

    def wait(self, ready: Callable[[NodeOutput], bool], timeout_s: float) -> bool:
        """
        Wait for a condition; return whether it came true within the time.

        :raises PoseNetError: when the listener's thread has failed.
        """
        end_s = time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            self._check()
            if ready(self.output):
                return True
            time.sleep(0.05)
        return ready(self.output)

    def publishers(self, topic: str) -> int:
        """Count the discovered publishers of a topic."""
        return int(self._node.count_publishers(topic))

    def _spin(self) -> None:
        try:
            with suppress(ExternalShutdownException):
                self._executor.spin()
        except Exception as error:  # it is raised again in the caller's thread
            self._failure = error

    def _check(self) -> None:
        """
        Check that the thread listens.

        :raises PoseNetError: when it ended by itself: what is missing would count as dropped.
        """
        if self._failure is not None:
            raise PoseNetError(f'the listener failed: {self._failure!r}') from self._failure

    def _on_pose(self, message: PoseStamped) -> None:
        stamp = stamp_ns(message.header.stamp)
        with suppress(InputError):  # no pose: it counts as not answered
            self.output.poses[stamp] = pose_from_message(message.pose)
            self.output.arrived_ns[stamp] = time.monotonic_ns()

    def _on_covariance(self, message: PoseWithCovarianceStamped) -> None:
        covariance = np.array(message.pose.covariance, dtype=np.float64).reshape(6, 6)
        self.output.covariances[stamp_ns(message.header.stamp)] = covariance

    def _on_verdict(self, message: DiagnosticArray) -> None:
        for judged in judged_poses(message):
            self.output.verdicts[stamp_ns(message.header.stamp)] = judged

    def _on_ambiguous(self, message: PoseArray) -> None:
        self.output.ambiguous[stamp_ns(message.header.stamp)] = poses_from_array(message)

    def _on_transforms(self, message: TFMessage) -> None:
        for transform in message.transforms:
            if frame_name(transform.child_frame_id) == TRUTH_FRAME:
                continue  # the player's, not the relocaliser's
            with suppress(InputError):  # anybody's: tf2 drops it alone, too
                pose = pose_from_transform(transform.transform)
                self.output.transforms[stamp_ns(transform.header.stamp)] = pose
