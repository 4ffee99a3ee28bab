"""The publishers of the node: poses, path, verdicts and the annotated debug image."""

from __future__ import annotations

from array import array
from collections import deque
from contextlib import ExitStack
import time

import cv2
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from nav_msgs.msg import Path
import numpy as np
from posenet_ros.arrays import RgbImage
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.localisation.gate import Decision
from posenet_ros.localisation.kalman import Smoother, SmootherConfig
from posenet_ros.ros_data.messages import fill_covariance, fill_pose, set_stamp
from posenet_ros.ros_data.verdicts import to_key_values
from posenet_ros.ros_node.parameters import Parameters
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image as ImageMessage
from std_msgs.msg import Header

POSE_QOS = QoSProfile(depth=10)
DEBUG_QOS = QoSProfile(depth=1)
# the executor looks at each event on each turn; a subscriber that does not fit says so itself
NO_EVENTS = PublisherEventCallbacks(use_default_callbacks=False)
PATH_PERIOD_S = 0.5
DEBUG_WIDTH = 640
GREEN, RED = (0, 255, 0), (255, 0, 0)


class Publishers:
    """
    Publish estimates; path, debug image and verdicts only while they have a subscriber.

    :param stack: destroys the publishers when it is closed.
    """

    def __init__(self, node: LifecycleNode, stack: ExitStack, values: Parameters) -> None:
        self._node, self._stack, self._map_frame = node, stack, values.map_frame
        self._poses = self._publisher(PoseStamped, '~/pose', POSE_QOS)
        self._with_covariance = self._publisher(
            PoseWithCovarianceStamped, '~/pose_with_covariance', POSE_QOS)
        if values.publish_base_pose:
            self._base_poses = self._publisher(
                PoseWithCovarianceStamped, '~/base_pose_with_covariance', POSE_QOS)
        self._paths = self._publisher(Path, '~/path', DEBUG_QOS)
        self._verdicts = self._publisher(DiagnosticArray, '~/verdict', POSE_QOS)
        self._debug_images = self._publisher(ImageMessage, '~/debug_image', DEBUG_QOS)
        self._smoother: Smoother | None = None
        if values.smoothing_acceleration:
            self._smoother = Smoother(SmootherConfig(
                values.smoothing_acceleration, values.smoothing_angular_acceleration))
            self._smoothed = self._publisher(
                PoseWithCovarianceStamped, '~/pose_smoothed', POSE_QOS)
        self._path: deque[PoseStamped] = deque(maxlen=values.path_length)
        self._path_sent_s = 0.0

    def _publisher(self, kind: type, topic: str, qos: QoSProfile) -> LifecyclePublisher:
        publisher = self._node.create_lifecycle_publisher(
            kind, topic, qos, event_callbacks=NO_EVENTS)
        self._stack.callback(self._node.destroy_lifecycle_publisher, publisher)
        return publisher

    def clear(self) -> None:
        """Begin a new path, and reset the Kalman filter."""
        self._path.clear()
        if self._smoother:
            self._smoother.reset()

    def publish(self, estimate: PoseEstimate, stamp_ns: int) -> None:
        """Publish an accepted estimate with its image's stamp, nanoseconds."""
        pose = PoseStamped(header=_header(self._map_frame, stamp_ns))
        fill_pose(pose.pose, estimate.map_from_camera)
        self._poses.publish(pose)
        self._with_covariance.publish(_with_covariance(pose.header, estimate))
        if self._smoother:
            smooth = self._smoother.update(estimate, stamp_ns)
            self._smoothed.publish(_with_covariance(pose.header, smooth))
        self._path.append(pose)
        self._publish_path()

    def publish_base(self, estimate: PoseEstimate, stamp_ns: int) -> None:
        """Publish the pose of the robot's base, with the image's stamp, nanoseconds."""
        self._base_poses.publish(_with_covariance(_header(self._map_frame, stamp_ns), estimate))

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
            header=_header(self._map_frame, stamp_ns), status=[status]))

    def publish_debug_image(
            self, frame: Frame, estimate: PoseEstimate, decision: Decision) -> None:
        """Publish the image, annotated with pose and verdict."""
        if not self._debug_images.get_subscription_count():
            return
        annotated = annotate(frame.image, estimate.map_from_camera, decision)
        height, width = annotated.shape[:2]
        self._debug_images.publish(ImageMessage(
            header=_header(frame.frame_id, frame.stamp_ns), height=height, width=width,
            encoding='rgb8', step=3 * width, data=array('B', annotated.tobytes())))


def _header(frame_id: str, stamp_ns: int) -> Header:
    header = Header(frame_id=frame_id)
    set_stamp(header.stamp, stamp_ns)
    return header


def _with_covariance(header: Header, estimate: PoseEstimate) -> PoseWithCovarianceStamped:
    message = PoseWithCovarianceStamped(header=header)
    fill_pose(message.pose.pose, estimate.map_from_camera)
    fill_covariance(message.pose, estimate.covariance)
    return message


def annotate(image: RgbImage, map_from_camera: Pose, decision: Decision) -> RgbImage:
    """
    Annotate a copy of an image, at most 640 pixels wide, with pose and verdict.

    :param image: (height, width, 3) RGB.
    """
    scale = min(1.0, DEBUG_WIDTH / image.shape[1])
    annotated = np.ascontiguousarray(
        cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        if scale < 1 else image.copy(), dtype=np.uint8)
    x, y, z = map_from_camera.translation_m
    lines = [f'{x:.2f} {y:.2f} {z:.2f} m', decision.verdict.value, *decision.reasons]
    for i, line in enumerate(lines, 1):
        colour = GREEN if decision.accepted else RED
        place, size = (6, 20 * i), 0.5
        cv2.putText(annotated, line, place, cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), 3)
        cv2.putText(annotated, line, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1)
    return annotated
