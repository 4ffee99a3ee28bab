"""The publishers of the node: poses, path and verdicts, and what is there to be looked at."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Pose as PoseMessage
from geometry_msgs.msg import PoseArray, PoseStamped, PoseWithCovarianceStamped
from nav_msgs.msg import Path
import numpy as np
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.imaging.decoding import Frame
from posenet_ros.landmarks.place_map import PlaceMap
from posenet_ros.localisation.gate import Decision
from posenet_ros.localisation.kalman import Smoother, SmootherConfig
from posenet_ros.localisation.pipeline import QueryResult
from posenet_ros.ros_data.messages import fill_covariance, fill_pose
from posenet_ros.ros_data.verdicts import to_key_values
from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.ros_node.publishing.debug_image import DebugImagePublisher
from posenet_ros.ros_node.publishing.matches import MatchPublisher
from posenet_ros.ros_node.publishing.place import PlacePublisher
from posenet_ros.ros_node.publishing.topics import (
    LATCHED_QOS,
    LATEST_QOS,
    make_header,
    make_publisher,
    POSE_QOS,
)
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from rclpy.qos import QoSProfile
from std_msgs.msg import Header

PATH_PERIOD_S = 0.5


class Publishers:
    """
    Publish estimates; path, verdicts, matches and debug image only while someone listens.

    :param stack: destroys the publishers when it is closed.
    :param place: the landmarks and training images, in the map.
    :param on_pose: called after each pose that was published.
    """

    def __init__(self, node: LifecycleNode, stack: ExitStack, values: Parameters,
                 place: PlaceMap, on_pose: Callable[[], None]) -> None:
        self._on_pose = on_pose
        self._node, self._stack, self._map_frame = node, stack, values.map_frame
        self._place = PlacePublisher(node, stack, place, values.map_frame)
        self._matches = MatchPublisher(node, stack)
        self._debug_images = DebugImagePublisher(node, stack, np.reshape(
            [view.map_from_camera.translation_m for view in place.views], (-1, 3)))
        self._poses = self._publisher(PoseStamped, '~/pose', POSE_QOS)
        self._with_covariance = self._publisher(
            PoseWithCovarianceStamped, '~/pose_with_covariance', LATCHED_QOS)
        if values.publish_base_pose:
            self._base_poses = self._publisher(
                PoseWithCovarianceStamped, '~/base_pose_with_covariance', POSE_QOS)
        self._paths = self._publisher(Path, '~/path', LATEST_QOS)
        self._ambiguous = self._publisher(PoseArray, '~/ambiguous_poses', POSE_QOS)
        self._verdicts = self._publisher(DiagnosticArray, '~/verdict', POSE_QOS)
        self._smoother: Smoother | None = None
        if values.smoothing_acceleration:
            self._smoother = Smoother(SmootherConfig(
                values.smoothing_acceleration, values.smoothing_angular_acceleration))
            self._smoothed = self._publisher(
                PoseWithCovarianceStamped, '~/pose_smoothed', POSE_QOS)
        self._path: deque[PoseStamped] = deque(maxlen=values.path_length)
        self._path_sent_s = 0.0

    def _publisher(self, kind: type, topic: str, qos: QoSProfile) -> LifecyclePublisher:
        return make_publisher(self._node, self._stack, kind, topic, qos)

    def publish_place(self) -> None:
        """Publish the landmarks and the training poses, once the node is active."""
        self._place.publish()

    def clear(self) -> None:
        """Begin a new path, and reset the Kalman filter."""
        self._path.clear()
        if self._smoother:
            self._smoother.reset()

    def publish(self, estimate: PoseEstimate, stamp_ns: int) -> None:
        """Publish an accepted estimate with its image's stamp, nanoseconds."""
        pose = PoseStamped(header=make_header(self._map_frame, stamp_ns))
        fill_pose(pose.pose, estimate.map_from_camera)
        self._poses.publish(pose)
        self._with_covariance.publish(_with_covariance(pose.header, estimate))
        if self._smoother:
            smooth = self._smoother.update(estimate, stamp_ns)
            self._smoothed.publish(_with_covariance(pose.header, smooth))
        self._path.append(pose)
        self._publish_path()
        self._on_pose()

    def publish_ambiguous(self, estimate: PoseEstimate, stamp_ns: int) -> None:
        """Publish the poses that an image cannot tell apart, the likeliest first."""
        message = PoseArray(header=make_header(self._map_frame, stamp_ns))
        for pose in estimate.ambiguous:
            message.poses.append(PoseMessage())
            fill_pose(message.poses[-1], pose)
        self._ambiguous.publish(message)

    def publish_base(self, estimate: PoseEstimate, stamp_ns: int) -> None:
        """Publish the pose of the robot's base, with the image's stamp, nanoseconds."""
        header = make_header(self._map_frame, stamp_ns)
        self._base_poses.publish(_with_covariance(header, estimate))

    def _publish_path(self) -> None:
        due = time.monotonic() - self._path_sent_s >= PATH_PERIOD_S
        if due and self._paths.get_subscription_count():
            self._path_sent_s = time.monotonic()
            self._paths.publish(Path(header=self._path[-1].header, poses=list(self._path)))

    def publish_verdict(self, stamp_ns: int, estimate: PoseEstimate, decision: Decision) -> None:
        """Publish the gate's decision about the image with this stamp, nanoseconds."""
        if not self._verdicts.get_subscription_count():
            return
        key_values = to_key_values(decision, estimate.map_from_camera)
        status = DiagnosticStatus(
            level=DiagnosticStatus.OK if decision.accepted else DiagnosticStatus.WARN,
            name=f'{self._node.get_fully_qualified_name()}: verdict',
            message=decision.verdict.value,
            values=[KeyValue(key=key, value=value) for key, value in key_values.items()])
        self._verdicts.publish(DiagnosticArray(
            header=make_header(self._map_frame, stamp_ns), status=[status]))

    def publish_pictures(self, frame: Frame, result: QueryResult, decision: Decision) -> None:
        """Publish the debug image of a judged result, and the matches of an accepted one."""
        self._debug_images.publish(
            make_header(frame.frame_id, frame.stamp_ns), result, decision)
        self._matches.publish(make_header(self._map_frame, frame.stamp_ns),
                              result.estimate if decision.accepted else None)

    def publish_no_pose(self, frame: Frame, reason: str) -> None:
        """Publish the image with the reason why it has no pose, and delete the matches."""
        self._debug_images.publish_no_pose(
            make_header(frame.frame_id, frame.stamp_ns), frame.image, reason)
        self.delete_matches(frame.stamp_ns)

    def delete_matches(self, stamp_ns: int) -> None:
        """Delete the markers of the last pose."""
        self._matches.publish(make_header(self._map_frame, stamp_ns), None)


def _with_covariance(header: Header, estimate: PoseEstimate) -> PoseWithCovarianceStamped:
    message = PoseWithCovarianceStamped(header=header)
    fill_pose(message.pose.pose, estimate.map_from_camera)
    fill_covariance(message.pose, estimate.covariance)
    return message
