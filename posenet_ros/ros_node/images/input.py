"""The images of the node: subscribed, of a known camera, and watched for what goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
import time
from typing import Any

from posenet_ros.localisation.query_camera import QueryCamera
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.ros_node.diagnostics import Diagnostics
from posenet_ros.ros_node.images.camera_policy import CameraPolicy
from posenet_ros.ros_node.images.message_loss import LostImages
from posenet_ros.ros_node.images.no_image import several_publishers, Silence, why_no_image
from posenet_ros.ros_node.images.no_pose import WithheldPoses
from posenet_ros.ros_node.images.subscriptions import (
    camera_info_topic,
    reliability_of,
    Subscriptions,
)
from posenet_ros.ros_node.images.topics import ImageTopic, topics_of_types, TYPES
from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.ros_node.start_lines import camera_line
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo

WATCH_PERIOD_S = 0.25
CAMERA_WAIT_S = 0.5  # of the first image for its camera_info, which comes beside it
SEARCH_S = 1.0  # without an image, until another transport is tried
SLOW_PERIOD_S = 0.5  # of what takes longer to find out; diagnostics are sent once a second
BYTES_PER_PIXEL = 3


class ImageInput:
    """
    Subscribe to images and camera_info, and say what is wrong with them.

    :param stack: destroys subscriptions and timer when it is closed.
    :param relocaliser: knows the model's camera.
    :param on_image: called with each message and its camera while images are expected.
    :param warn: called with (what, why) as long as something is wrong.
    """

    def __init__(self, node: Node, stack: ExitStack, values: Parameters, diagnostics: Diagnostics,
                 relocaliser: Relocaliser, on_image: Callable[[Any, QueryCamera], None],
                 warn: Callable[[str, str], None]) -> None:
        self._node, self._values, self._diagnostics = node, values, diagnostics
        self._on_image, self._warn = on_image, warn
        self._expected_s: float | None = None  # None while nothing is expected
        self._first_s: float | None = None
        self._last_s = self._slow_s = 0.0
        self._waiting: Any = None  # an image, for its camera
        self._camera = CameraPolicy(
            values.camera_info_policy, relocaliser, node.resolve_topic_name('image'),
            camera_info_topic(node), warn)
        self._subscriptions = Subscriptions(
            node, stack, values, self._on_message, self._on_camera_info, warn)
        self._lost = LostImages(lambda: node.count_publishers(self._subscriptions.topic))
        self._withheld = WithheldPoses(diagnostics.verdicts)
        self._line = ''
        diagnostics.facts |= {'images': self._subscriptions.description,
                              'camera_info_policy': self._camera.policy_fact}
        timer = node.create_timer(
            WATCH_PERIOD_S, self._watch, clock=Clock(clock_type=ClockType.STEADY_TIME))
        stack.callback(node.destroy_timer, timer)

    def change(self, values: Parameters) -> None:
        """Apply a new `image_timeout`."""
        self._values = values

    def expect(self, expected: bool) -> None:
        """Set whether images are expected from now on."""
        now_s = time.monotonic()
        self._expected_s, self._first_s = (now_s if expected else None), None
        self._last_s = now_s
        self._drop_waiting()
        self._withheld.reset(now_s)

    def _on_message(self, message: Any, number: int | None) -> None:  # noqa: ANN401 - an image
        lost = self._lost.before(number)
        if self._expected_s is None:
            return
        self._diagnostics.count('lost', lost)
        self._last_s = time.monotonic()
        self._first_s = self._first_s or self._last_s
        self._drop_waiting()
        self._waiting = message
        self._hand_over()

    def _drop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting = None
            self._diagnostics.count('received')
            self._diagnostics.count('dropped')

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._camera.on_camera_info(message)
        self._hand_over()

    def _hand_over(self) -> None:
        """Hand over the image that waits, if its camera is known or late."""
        late = self._first_s and time.monotonic() - self._first_s >= CAMERA_WAIT_S
        if self._waiting is not None and (self._camera.description or late):
            message, self._waiting = self._waiting, None
            self._on_image(message, self._camera.choice)

    def _watch(self) -> None:
        """Look at what has come and what has not."""
        now_s = time.monotonic()
        if self._expected_s is None:
            return
        self._hand_over()
        silence_s = now_s - self._last_s
        if self._first_s is None or silence_s > SEARCH_S:
            self._search(silence_s)
        if silence_s > SEARCH_S:
            self._withheld.reset(now_s)
        elif self._first_s is not None:
            self._examine_images(now_s)
        self._tell_camera()

    def _search(self, silence_s: float) -> None:
        """Try the other transport, and say why no image arrives."""
        wanted, other = self._subscriptions.image_topics()
        if self._subscriptions.follow(wanted, other):
            self._lost.reset()
            self._diagnostics.facts['images'] = self._subscriptions.description
            self._node.get_logger().info(
                f'images are taken from {self._subscriptions.description}: it has a publisher')
            return
        limit_s = self._values.image_timeout
        if limit_s and silence_s > limit_s and self._is_due():
            self._warn('no image', f'on {wanted.name} for {silence_s:.1f} s: '
                       f'{why_no_image(self._silence(wanted, other))}')

    def _silence(self, wanted: ImageTopic, other: ImageTopic) -> Silence:
        width, height = self._camera.image_size
        elsewhere = () if wanted.publishers else topics_of_types(
            self._node, list(TYPES.values()), wanted.name)
        return Silence(
            wanted, other, reliability_of(self._values) == 'reliable',
            self._values.image_durability == 'transient_local',
            BYTES_PER_PIXEL * width * height, elsewhere)

    def _is_due(self) -> bool:
        """Return whether it is time for what takes longer to find out."""
        now_s = time.monotonic()
        due = now_s - self._slow_s >= SLOW_PERIOD_S
        self._slow_s = now_s if due else self._slow_s
        return due

    def _examine_images(self, now_s: float) -> None:
        """Say what is wrong with images that come."""
        assert self._first_s is not None
        self._camera.examine(now_s - self._first_s,
                             self._node.count_publishers(self._camera.info_topic))
        if reason := self._withheld.examine(now_s):
            self._warn('no pose', reason)
        if (self._is_due() and self._node.count_publishers(self._subscriptions.topic) > 1
                and (reason := several_publishers(self._subscriptions.image_topics()[0]))):
            self._warn('several publishers', reason)

    def _tell_camera(self) -> None:
        """Say, once it is known and when it changes, which camera the images are of."""
        if self._camera.description and self._camera.description != self._line:
            self._line = self._diagnostics.facts['camera'] = self._camera.description
            self._node.get_logger().info(
                camera_line(self._line, self._subscriptions.description))
