"""The node's subscriptions to images and camera_info, and why no image arrives."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
import time
from typing import Any

from posenet_ros.ros_node.parameters import overrides, Parameters
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    qos_policy_name_from_kind,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

OVERRIDABLE = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY,
               QoSPolicyKind.DURABILITY)
WATCH_PERIOD_S = 0.25

Callback = Callable[[Any], None]


def image_qos(values: Parameters) -> QoSProfile:
    """Return the quality of service of the images and the camera_info."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=values.image_depth,
        reliability=ReliabilityPolicy[values.image_reliability.upper()],
        durability=DurabilityPolicy[values.image_durability.upper()])


def qos_overrides(node: Node, topic: str) -> QoSOverridingOptions:
    """
    Collect the QoS policies of a topic that the user overrides (`qos_overrides.TOPIC...`).

    Only those: a policy once declared keeps its first value, whatever image_* says later.
    """
    given = [name for name in overrides(node) if name.startswith(f'qos_overrides.{topic}.')]
    return QoSOverridingOptions([
        kind for kind in OVERRIDABLE
        if f'qos_overrides.{topic}.subscription.{kind.name.lower()}' in given])


class Subscriptions:
    """
    Subscribe to the images and the camera_info.

    :param stack: destroys subscriptions and timer when it is closed.
    :param warn: called with (what, why) when images are missing or QoS does not match.
    """

    def __init__(self, node: Node, stack: ExitStack, values: Parameters, on_image: Callback,
                 on_camera_info: Callback, warn: Callable[[str, str], None]) -> None:
        self._node, self._stack, self._values = node, stack, values
        self._on_image, self._warn = on_image, warn
        self._last_s: float | None = None  # None while nothing is expected
        base = node.resolve_topic_name('image')
        compressed = values.image_transport == 'compressed'
        self.topic = f'{base.removesuffix("/compressed")}/compressed' if compressed else base
        self._subscribe(
            CompressedImage if compressed else Image, self.topic, self._on_image_message)
        self._subscribe(CameraInfo, 'camera_info', on_camera_info)
        timer = node.create_timer(
            WATCH_PERIOD_S, self._watch, clock=Clock(clock_type=ClockType.STEADY_TIME))
        stack.callback(node.destroy_timer, timer)

    def _subscribe(self, kind: type, topic: str, callback: Callback) -> None:
        topic = self._node.resolve_topic_name(topic)
        subscription = self._node.create_subscription(
            kind, topic, callback, image_qos(self._values),
            qos_overriding_options=qos_overrides(self._node, topic),
            event_callbacks=SubscriptionEventCallbacks(
                use_default_callbacks=False,
                incompatible_qos=lambda event: self._report_mismatch(topic, event)))
        self._stack.callback(self._node.destroy_subscription, subscription)

    def change(self, values: Parameters) -> None:
        """Apply a new `image_timeout`."""
        self._values = values

    def expect(self, expected: bool) -> None:
        """Set whether images are expected from now on."""
        self._last_s = time.monotonic() if expected else None

    def _on_image_message(self, message: Any) -> None:  # noqa: ANN401 - a raw or compressed image
        if self._last_s is not None:
            self._last_s = time.monotonic()
            self._on_image(message)

    def _report_mismatch(self, topic: str, event: Any) -> None:  # noqa: ANN401
        policy = qos_policy_name_from_kind(event.last_policy_kind).lower()
        advice = {'reliability': 'image_reliability to best_effort',
                  'durability': 'image_durability to volatile'}.get(policy, 'a QoS override')
        self._warn('QoS mismatch', f'a publisher of {topic} does not offer the {policy} that was '
                   f'asked for, so nothing comes from it: set {advice}')

    def _watch(self) -> None:
        limit_s = self._values.image_timeout
        if self._last_s is None or not limit_s:
            return
        silence_s = time.monotonic() - self._last_s
        if silence_s > limit_s:
            publishers = self._node.count_publishers(self.topic)
            self._warn('no image', f'on {self.topic} for {silence_s:.1f} s; it has {publishers} '
                       f'publisher{"" if publishers == 1 else "s"}')
