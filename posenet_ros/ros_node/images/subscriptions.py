"""The node's subscriptions to images and camera_info."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from posenet_ros.ros_data.camera_info import camera_info_topic_of
from posenet_ros.ros_node.declared_parameters import overrides
from posenet_ros.ros_node.images.topics import (
    choose_transport,
    COMPRESSED,
    ImageTopic,
    is_remapped,
    look_at_topic,
    RAW,
    SUFFIX,
)
from posenet_ros.ros_node.parameters import Parameters
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
AUTO = 'auto'
AGREEING = 2  # looks in a row until the transport changes: one topic is found before the other

Callback = Callable[[Any], None]
ImageCallback = Callable[[Any, int | None], None]  # with the number that its publisher gave it


def reliability_of(values: Parameters) -> str:
    """Return what is asked of the publishers; best effort fits all of them."""
    return 'best_effort' if values.image_reliability == AUTO else values.image_reliability


def image_qos(values: Parameters) -> QoSProfile:
    """Return the quality of service of the images."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=values.image_depth,
        reliability=ReliabilityPolicy[reliability_of(values).upper()],
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
    Subscribe to the images, of the transport that has a publisher, and to their camera_info.

    :param stack: destroys the subscriptions when it is closed.
    :param warn: called with (what, why) when QoS does not match.
    """

    def __init__(self, node: Node, stack: ExitStack, values: Parameters,
                 on_image: ImageCallback, on_camera_info: Callback,
                 warn: Callable[[str, str], None]) -> None:
        self._node, self._values = node, values
        self._on_image, self._warn = on_image, warn
        topic = node.resolve_topic_name('image')
        named = values.image_transport == AUTO and topic.endswith(SUFFIX)
        self._fixed = named or values.image_transport != AUTO
        self.transport = COMPRESSED if named or values.image_transport == COMPRESSED else RAW
        self.base = topic.removesuffix(SUFFIX) if self.transport == COMPRESSED else topic
        self._agreeing = 0  # looks in a row that were for the other transport
        self._images = self._subscribe_images()
        stack.callback(lambda: node.destroy_subscription(self._images))
        info = values_of_camera_info(values)
        stack.callback(node.destroy_subscription, self._subscribe(
            CameraInfo, camera_info_topic(node), on_camera_info, info))

    @property
    def topic(self) -> str:
        """Return the topic of the images, with its transport."""
        return f'{self.base}{SUFFIX}' if self.transport == COMPRESSED else self.base

    @property
    def description(self) -> str:
        """Return topic, transport and reliability."""
        return f'{self.topic} ({self.transport}, {reliability_of(self._values)})'

    def image_topics(self) -> tuple[ImageTopic, ImageTopic]:
        """Return the topic that is subscribed, and the other transport's, as they are now."""
        raw, compressed = (
            look_at_topic(self._node, self.base, transport) for transport in (RAW, COMPRESSED))
        return (raw, compressed) if self.transport == RAW else (compressed, raw)

    def follow(self, wanted: ImageTopic, other: ImageTopic) -> bool:
        """
        Subscribe to the transport that has a publisher, while no image arrives.

        :returns: whether the transport has changed.
        """
        both = {topic.transport: topic for topic in (wanted, other)}
        better = choose_transport(wanted, both[RAW], both[COMPRESSED])
        self._agreeing = 0 if self._fixed or better == self.transport else self._agreeing + 1
        if self._agreeing < AGREEING:
            return False
        self._agreeing, self.transport = 0, better
        self._node.destroy_subscription(self._images)
        self._images = self._subscribe_images()
        return True

    def _subscribe_images(self) -> Any:  # noqa: ANN401
        kind = CompressedImage if self.transport == COMPRESSED else Image
        return self._subscribe(kind, self.topic, self._take, self._values)

    def _take(self, message: Any, info: Mapping[str, Any]) -> None:  # noqa: ANN401
        self._on_image(message, info.get('publication_sequence_number'))

    def _subscribe(self, kind: type, topic: str, callback: Callable[..., None],
                   values: Parameters) -> Any:  # noqa: ANN401
        return self._node.create_subscription(
            kind, topic, callback, image_qos(values),
            qos_overriding_options=qos_overrides(self._node, topic),
            event_callbacks=SubscriptionEventCallbacks(
                use_default_callbacks=False,
                incompatible_qos=lambda event: self._report_mismatch(topic, event)))

    def _report_mismatch(self, topic: str, event: Any) -> None:  # noqa: ANN401
        policy = qos_policy_name_from_kind(event.last_policy_kind).lower()
        advice = {'reliability': 'image_reliability to auto',
                  'durability': 'image_durability to volatile'}.get(policy, 'a QoS override')
        self._warn('QoS mismatch', f'a publisher of {topic} does not offer the {policy} that was '
                   f'asked for, so nothing comes from it: set {advice}')


def values_of_camera_info(values: Parameters) -> Parameters:
    """Return the parameters with the reliability that fits every publisher of camera_info."""
    return replace(values, image_reliability=AUTO)


def camera_info_topic(node: Node) -> str:
    """Return the topic of camera_info: beside the images, unless the user remapped it."""
    if is_remapped(node, 'camera_info'):
        return str(node.resolve_topic_name('camera_info'))
    return camera_info_topic_of(str(node.resolve_topic_name('image')))
