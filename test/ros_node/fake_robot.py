"""A robot for tests: its TF tree, odometry, camera and clock, and what a listener sees of it."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping
from threading import Lock
import time
from typing import Any, NamedTuple

import cv2
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped, TransformStamped
from helpers import CAMERA
import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_data.messages import fill_pose, fill_transform, pose_from_transform, set_stamp
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_helpers import image_message, SCALE_M, values_of
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage
from tf2_ros import Buffer, TransformException

SECOND = 1_000_000_000
LATCHED = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL,
                     reliability=ReliabilityPolicy.RELIABLE)
COLOUR = (51, 102, 153)
IMAGE, INFO = 'front/image_raw', 'front/camera_info'
ODOM_PERIOD_S = 0.05
BASE_FROM_CAMERA = Pose(np.array([0.3, 0.1, 0.4]), np.array([-0.5, 0.5, -0.5, 0.5]))
ODOM_FROM_BASE = Pose(np.array([2.0, -1.0, 0.0]), np.array([0.0, 0.0, 0.6, 0.8]))


class Wait(NamedTuple):
    """What a script waits for; `done` may be None to wait for the time only."""

    done: Callable[[], object] | None
    timeout_s: float


Script = Generator[Wait, bool, None]


def pose_of(colour: tuple[int, int, int]) -> Pose:
    """Return map_from_camera as the network says it of an image in one colour."""
    return Pose(np.array(colour) / 255 * SCALE_M)


def transform_message(parent: str, child: str, pose: Pose, stamp_ns: int) -> TransformStamped:
    """Return parent_from_child as a message."""
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    set_stamp(message.header.stamp, stamp_ns)
    fill_transform(message.transform, pose)
    return message


def camera_info(camera: Camera, frame_id: str = 'camera_optical', model: str = 'plumb_bob',
                distortion: tuple[float, ...] = (0.0,) * 5) -> CameraInfo:
    """Return a camera's message; P is K without a baseline."""
    matrix = camera.matrix
    message = CameraInfo(width=camera.width, height=camera.height, distortion_model=model,
                         d=list(distortion), k=matrix.ravel().tolist(),
                         p=np.hstack([matrix, np.zeros((3, 1))]).ravel().tolist())
    message.header.frame_id = frame_id
    return message


class FakeRobot:
    """
    Publishes in its namespace what a robot does, and keeps what the node says.

    :param node: that publishes for all robots.
    :param name: of the namespace, without a slash.
    """

    def __init__(self, node: Node, name: str) -> None:
        self.node, self.name = node, name
        self._publishers: dict[tuple[str, type], Any] = {}
        self._subscriptions: list[Any] = []
        self._clients: list[Any] = []
        self._lock = Lock()  # two threads publish
        self.ended = False
        self._odom: Callable[[float], Pose] | None = None
        self._image: Callable[[], Any] | None = None
        self._next_odom_s = self._next_image_s = 0.0
        self._buffer, self._heard = Buffer(), (0, 0)  # of statics and transforms
        self._image_period_s = 0.1
        self.answers_of_others: list[TFMessage] = []
        self.poses: list[PoseStamped] = self.keep(PoseStamped, 'relocaliser/pose')
        self.transforms: list[TFMessage] = self.keep(TFMessage, 'tf')
        self.statics: list[TFMessage] = self.keep(TFMessage, 'tf_static', LATCHED)
        self.diagnostics: list[DiagnosticArray] = self.keep(DiagnosticArray, 'diagnostics')

    def keep(self, kind: type, topic: str, qos: QoSProfile | int = 100) -> list[Any]:
        """Keep the messages of a topic from now on."""
        kept: list[Any] = []
        self._subscriptions.append(self.node.create_subscription(
            kind, f'/{self.name}/{topic}', kept.append, qos))
        return kept

    def close(self) -> None:
        """Listen no more: other robots need the time."""
        self.ended = True
        for subscription in self._subscriptions:
            self.node.destroy_subscription(subscription)
        for client in self._clients:
            self.node.destroy_client(client)
        self._subscriptions.clear()
        self._clients.clear()

    def publish(
            self, topic: str, message: Any, qos: QoSProfile | int = 10) -> None:  # noqa: ANN401
        """Publish a message on a topic of the robot."""
        key = topic, type(message)
        with self._lock:
            if key not in self._publishers:
                self._publishers[key] = self.node.create_publisher(
                    type(message), f'/{self.name}/{topic}', qos)
        self._publishers[key].publish(message)

    def has_subscriber(self, topic: str, kind: type) -> bool:
        """Return whether the node listens; from now on the robot has a publisher there."""
        key = topic, kind
        with self._lock:
            if key not in self._publishers:
                self._publishers[key] = self.node.create_publisher(
                    kind, f'/{self.name}/{topic}', 10)
        return bool(self._publishers[key].get_subscription_count())

    # what the robot does

    def mount_camera(self, parent: str = 'base_link', child: str = 'camera_optical',
                     pose: Pose = BASE_FROM_CAMERA) -> None:
        """Say, once for all, where the camera is."""
        self.publish('tf_static', TFMessage(
            transforms=[transform_message(parent, child, pose, 0)]), LATCHED)

    def drive(self, odom_from_base: Pose | Callable[[float], Pose] = ODOM_FROM_BASE) -> None:
        """Publish odometry from now on, 20 times a second; a function takes the time, seconds."""
        self._odom = odom_from_base if callable(odom_from_base) else lambda _: odom_from_base

    def stream(self, image: Callable[[], Any] | None, hz: float = 10.0) -> None:
        """
        Publish what the function makes on IMAGE from now on.

        :param image: makes a message, or publishes itself and returns None; None stops.
        """
        self._image, self._image_period_s = image, 1 / hz

    def stream_colour(self, colour: tuple[int, int, int] = COLOUR,
                      frame_id: str = 'camera_optical', hz: float = 10.0) -> None:
        """Publish images of one colour, stamped with the time, from now on."""
        self.stream(lambda: image_message(time.time_ns(), colour, frame_id), hz)

    def tick(self) -> None:
        """Publish what is due."""
        now_s = time.monotonic()
        if self._odom and now_s >= self._next_odom_s:
            self._next_odom_s = now_s + ODOM_PERIOD_S
            self.publish('tf', TFMessage(transforms=[transform_message(
                'odom', 'base_link', self._odom(time.time()), time.time_ns())]), 50)
        if self._image and now_s >= self._next_image_s:
            self._next_image_s = now_s + self._image_period_s
            message = self._image()
            if message is not None:
                self.publish(IMAGE, message)

    def clock(self, stamp_ns: int) -> None:
        """Publish simulated time."""
        message = Clock()
        set_stamp(message.clock, stamp_ns)
        self.publish('clock', message)

    def initial_pose(self, map_from_base: Pose, frame_id: str = 'map') -> None:
        """Say where the robot is, as RViz does."""
        message = PoseWithCovarianceStamped()
        message.header.frame_id = frame_id
        set_stamp(message.header.stamp, time.time_ns())
        fill_pose(message.pose.pose, map_from_base)
        message.pose.covariance = [0.25 if i in (0, 7) else 0.07 if i == 35 else 0.0
                                   for i in range(36)]
        self.publish('initialpose', message)

    def client(self, kind: Any, name: str) -> Any:  # noqa: ANN401
        """Return a new client of a service in the robot's namespace."""
        self._clients.append(self.node.create_client(kind, f'/{self.name}/{name}'))
        return self._clients[-1]

    # what a listener sees

    def parents(self) -> Mapping[str, set[str]]:
        """Return child -> all parents that it was ever given."""
        found: dict[str, set[str]] = defaultdict(set)
        for message in [*self.statics, *self.transforms]:
            for transform in message.transforms:
                found[transform.child_frame_id].add(transform.header.frame_id)
        return found

    def last_transform(self, child: str, parent: str = 'map') -> Pose | None:
        """Return the last parent_from_child that anyone sent."""
        sent = [t for m in [*self.statics, *self.transforms] for t in m.transforms
                if t.child_frame_id == child and t.header.frame_id == parent]
        return pose_from_transform(sent[-1].transform) if sent else None

    def looked_up(self, target: str, source: str) -> Pose | None:
        """Return the latest target_from_source by a tf2 buffer that heard everything."""
        for message in self.statics[self._heard[0]:]:
            for transform in message.transforms:
                self._buffer.set_transform_static(transform, 'test')
        for message in self.transforms[self._heard[1]:]:
            for transform in message.transforms:
                self._buffer.set_transform(transform, 'test')
        self._heard = len(self.statics), len(self.transforms)
        try:
            return pose_from_transform(self._buffer.lookup_transform(
                target, source, _latest()).transform)
        except TransformException:
            return None

    def values(self) -> Mapping[str, str]:
        """Return the values of the last diagnostic status."""
        return values_of(self.diagnostics[-1].status[0]) if self.diagnostics else {}

    def said(self, *parts: str) -> str:
        """Return the first diagnostic message or value that has all parts; else nothing."""
        for message in self.diagnostics:
            for status in message.status:
                texts = [status.message, *(f'{v.key}: {v.value}' for v in status.values)]
                for text in texts:
                    if all(part in text for part in parts):
                        return text
        return ''


def _latest() -> Any:  # noqa: ANN401
    from rclpy.time import Time
    return Time()


def jpeg_message(pixels: np.ndarray, stamp_ns: int) -> CompressedImage:
    """Return an RGB picture as JPEG."""
    data = cv2.imencode('.jpg', pixels[..., ::-1])[1]
    message = CompressedImage(format='jpeg', data=array('B', data.tobytes()))
    message.header.frame_id = 'camera_optical'
    set_stamp(message.header.stamp, stamp_ns)
    return message


def colour_jpeg(colour: tuple[int, int, int] = COLOUR) -> CompressedImage:
    """Return a JPEG of one colour, stamped with the time."""
    return jpeg_message(np.full((CAMERA.height, CAMERA.width, 3), colour, np.uint8),
                        time.time_ns())


def colour_image(colour: tuple[int, int, int] = COLOUR, stamp_ns: int | None = None) -> Image:
    """Return an image of one colour, stamped with the time or as given."""
    return image_message(time.time_ns() if stamp_ns is None else stamp_ns, colour)
