"""What ROS knows of the topics of images: who publishes, of what type, with what quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

RAW, COMPRESSED = 'raw', 'compressed'
TYPES = {RAW: 'sensor_msgs/msg/Image', COMPRESSED: 'sensor_msgs/msg/CompressedImage'}
SUFFIX = f'/{COMPRESSED}'
OWN_PICTURES = '/debug_image'
LISTED = 5  # topics in a message


@dataclass(frozen=True)
class Publisher:
    """
    A publisher of a topic.

    :param node: full name of its node.
    :param kind: type of its messages.
    :param reliable: whether it offers reliable, not best effort.
    :param latched: whether it offers transient local, not volatile.
    """

    node: str
    kind: str
    reliable: bool = True
    latched: bool = False


@dataclass(frozen=True)
class ImageTopic:
    """
    A topic of one transport, as the graph shows it.

    :param name: with its namespace, and with its transport if that is not raw.
    :param transport: raw or compressed.
    """

    name: str
    transport: str
    publishers: tuple[Publisher, ...] = ()

    @property
    def kind(self) -> str:
        """Return the type that its messages should have."""
        return TYPES[self.transport]

    @property
    def fitting(self) -> tuple[Publisher, ...]:
        """Return the publishers of that type."""
        return tuple(one for one in self.publishers if one.kind == self.kind)


def look_at_topic(node: Node, base: str, transport: str) -> ImageTopic:
    """
    Look at the topic of a transport.

    :param base: the topic of the images without a transport, fully qualified.
    """
    name = f'{base}{SUFFIX}' if transport == COMPRESSED else base
    return ImageTopic(name, transport, tuple(
        Publisher(f'{info.node_namespace.rstrip("/")}/{info.node_name}', info.topic_type,
                  info.qos_profile.reliability == ReliabilityPolicy.RELIABLE,
                  info.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL)
        for info in node.get_publishers_info_by_topic(name)))


def topics_of_types(node: Node, kinds: Sequence[str], like: str) -> tuple[str, ...]:
    """
    Return the topics of some types that someone publishes, but for pictures of our own.

    :param like: a name; those that resemble it come first.
    """
    found = [name for name, types in node.get_topic_names_and_types()
             if set(types) & set(kinds) and not name.endswith(OWN_PICTURES)
             and node.count_publishers(name)]
    return tuple(sorted(found, key=lambda name: -SequenceMatcher(None, name, like).ratio()))


def is_remapped(node: Node, name: str) -> bool:
    """Return whether the user remapped a topic of the node."""
    return bool(node.resolve_topic_name(name) != node.resolve_topic_name(name, only_expand=True))


def listed(names: Sequence[str]) -> str:
    """Return the first few names for a message."""
    more = f' and {len(names) - LISTED} more' if len(names) > LISTED else ''
    return ', '.join(names[:LISTED]) + more


def choose_transport(current: ImageTopic, raw: ImageTopic, compressed: ImageTopic) -> str:
    """Choose the transport that has a publisher, raw where both have; else the current one."""
    for topic in (raw, compressed):
        if topic.fitting:
            return topic.transport
    return current.transport
