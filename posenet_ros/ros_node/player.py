"""
Publish a bag's messages, byte for byte, when they are due.

Timing needs no ROS; :class:`Player` imports rclpy when it is entered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
import struct
import time
from types import TracebackType
from typing import Any, NamedTuple

from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.ros_data.bag_reader import BagReader, RawMessage
from posenet_ros.ros_data.messages import NS_PER_S, set_stamp
from posenet_ros.ros_data.topics import IMAGE_TYPES
from posenet_ros.utils.progress import ProgressBar
from posenet_ros.utils.ros_environment import prepare_environment

CLOCK_TOPIC = '/clock'
CLOCK_PERIOD_NS = 10_000_000  # of bag time
DEPTH = 10  # a reliable writer of this depth serves reliable and best-effort readers
SETTLE_S = 0.5  # discovery of the other topics, once the first one has a subscriber


class Event(NamedTuple):
    """Something to publish at a time of the bag; a tick of the clock where it has no message."""

    time_ns: int
    message: RawMessage | None


def with_ticks(messages: Iterable[RawMessage], period_ns: int) -> Iterator[Event]:
    """
    Yield the messages and ticks of the clock between them.

    :param period_ns: between ticks, in the bag's time; 0 for none.
    """
    tick_ns: int | None = None
    for message in messages:
        if tick_ns is None:
            tick_ns = message.time_ns
        while period_ns and tick_ns <= message.time_ns:
            yield Event(tick_ns, None)
            tick_ns += period_ns
        yield Event(message.time_ns, message)


class Pace:
    """
    The due times of a bag's messages.

    :param start_ns: the bag's time at which playing starts.
    :param rate: bag seconds per second.
    """

    def __init__(self, start_ns: int, rate: float) -> None:
        self._start_ns, self._rate, self._begun_s = start_ns, rate, time.monotonic()

    def wait_s(self, time_ns: int) -> float:
        """Return the waiting time for a time of the bag, seconds; negative when it is past."""
        due_s = self._begun_s + (time_ns - self._start_ns) / NS_PER_S / self._rate
        return due_s - time.monotonic()


class Player:
    """
    The publishers of a bag's topics; use it as a context manager.

    `skipped` says why a topic is left out, `sent` counts messages by topic, `latest_s` is by how
    much the latest one was late in seconds, and `image_times` has (stamp in the header, monotonic
    time of publishing) of each image in nanoseconds.

    :param bag: the opened bag.
    :param topics: what to publish; one whose type is not installed is skipped.
    :param clock: publish /clock as well.
    :param ros_arguments: the command line, for its `--ros-args` (remaps).
    """

    def __init__(
            self, bag: BagReader, topics: Iterable[str], *, clock: bool = False,
            ros_arguments: Sequence[str] = ()) -> None:
        self.latest_s = 0.0
        self.sent: dict[str, int] = {}
        self.image_times: list[tuple[int, int]] = []
        self.skipped: dict[str, str] = {}
        self._bag, self._topics, self._clock = bag, list(topics), clock
        self._ros_arguments = list(ros_arguments)
        self._publishers: dict[str, Any] = {}

    def __enter__(self) -> Player:
        prepare_environment()
        try:
            import rclpy
            from rclpy.signals import SignalHandlerOptions
        except ImportError as error:
            raise PoseNetError(f'replay needs ROS 2 (rclpy): source its setup.bash, or run the '
                               f'Python of the environment that has it ({error})') from error
        # Python's own handler stays, so Ctrl-C interrupts a wait at once
        rclpy.init(args=self._ros_arguments, signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node('replay', start_parameter_services=False)
        try:
            self._create_publishers()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None,
            trace: TracebackType | None) -> None:
        import rclpy
        self._node.destroy_node()
        rclpy.try_shutdown()

    def _create_publishers(self) -> None:
        for topic in self._topics:
            kind = self._bag.topics[topic]
            try:
                self._publishers[topic] = self._create(kind, topic)
            except Exception as error:  # rclpy has several for a type without its libraries
                self.skipped[topic] = f'the type {kind} is not installed ({error})'
        if not self._publishers:
            raise InputError(f'{self._bag.path}: expected a topic whose type is installed. '
                             f'Received: {self.skipped}')
        if self._clock:
            self._publishers[CLOCK_TOPIC] = self._create('rosgraph_msgs/msg/Clock', CLOCK_TOPIC)
            self._clock_message = message_class('rosgraph_msgs/msg/Clock')()

    def _create(self, kind: str, topic: str) -> Any:  # noqa: ANN401
        from rclpy.qos import DurabilityPolicy, QoSProfile
        profile = QoSProfile(depth=DEPTH)
        if self._bag.is_latched(topic):
            profile = QoSProfile(depth=max(DEPTH, self._bag.count(topic)),
                                 durability=DurabilityPolicy.TRANSIENT_LOCAL)
        return self._node.create_publisher(message_class(kind), topic, profile)

    def wait_for_subscriber(self, timeout_s: float) -> None:
        """
        Wait until one of the image topics (any topic, where there are none) has a subscriber.

        :param timeout_s: how long at most; 0 does not wait.
        :raises PoseNetError: when none came.
        """
        if not timeout_s:
            return
        images = [t for t in self._publishers if self._bag.topics.get(t) in IMAGE_TYPES]
        wanted = images or list(self._publishers)
        end_s = time.monotonic() + timeout_s
        while not any(self._publishers[t].get_subscription_count() for t in wanted):
            if time.monotonic() > end_s:
                raise PoseNetError(
                    f'expected a subscriber of {" or ".join(wanted)} within {timeout_s:g} s. '
                    'Received: none; start the node first (same ROS_DOMAIN_ID), or --wait 0')
            time.sleep(0.05)
        time.sleep(SETTLE_S)

    def play(self, rate: float) -> None:
        """
        Publish everything once, each message when it is due.

        :param rate: bag seconds per second.
        """
        topics = [topic for topic in self._topics if topic in self._publishers]
        pace = None
        name = f'playing {self._bag.path.name}'
        with ProgressBar(self._bag.count(*topics), 'message', name) as shown:
            messages = self._bag.raw_messages(topics)
            for event in with_ticks(messages, CLOCK_PERIOD_NS if self._clock else 0):
                pace = pace or Pace(event.time_ns, rate)
                wait_s = pace.wait_s(event.time_ns)
                if wait_s > 0:
                    time.sleep(wait_s)
                self._publish(event, -wait_s)
                shown.advance(event.message is not None)

    def _publish(self, event: Event, late_s: float) -> None:
        if event.message is None:
            if late_s * NS_PER_S < CLOCK_PERIOD_NS:  # when behind, the next tick will do
                set_stamp(self._clock_message.clock, event.time_ns)
                self._publishers[CLOCK_TOPIC].publish(self._clock_message)
            return
        topic, _, data = event.message
        if self._bag.topics[topic] in IMAGE_TYPES:
            self.image_times.append((header_stamp_ns(data), time.monotonic_ns()))
        self._publishers[topic].publish(bytes(data))
        self.sent[topic] = self.sent.get(topic, 0) + 1
        self.latest_s = max(self.latest_s, late_s)


def header_stamp_ns(data: bytes) -> int:
    """Return the stamp of a serialised message that begins with a std_msgs/Header."""
    # CDR: 4 bytes of encapsulation, the second of them odd for little endian; then the fields
    sec, nanosec = struct.unpack_from('<iI' if data[1] & 1 else '>iI', data, 4)
    return int(sec) * NS_PER_S + int(nanosec)


def message_class(kind: str) -> Any:  # noqa: ANN401
    """
    Return the class of a message type as `sensor_msgs/msg/Image`.

    :raises ImportError: when its package is not installed.
    """
    package, _, name = kind.rpartition('/')
    try:
        return getattr(import_module(package.replace('/', '.')), name)
    except AttributeError as error:
        raise ImportError(f'{package} has no {name}') from error
