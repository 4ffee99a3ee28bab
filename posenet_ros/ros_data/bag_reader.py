"""
Read frames, camera, truth and transforms from ROS bags, without ROS.

Reads rosbag2 (sqlite3 and mcap: a folder with metadata.yaml, or a single .mcap or .db3 file) and
ROS 1 .bag files by rosbags, which brings the message definitions of Jazzy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.tf_tree import TransformTree
from posenet_ros.geometry.trajectory import Trajectory
from posenet_ros.imaging.decoding import Frame
from posenet_ros.ros_data.bag_file import damaged, open_reader, own_position
from posenet_ros.ros_data.camera_info import (
    CalibrationHistory,
    camera_info_topic_of,
    CameraCalibration,
)
from posenet_ros.ros_data.files.bag_layout import decompressed_message
from posenet_ros.ros_data.files.tolerant_reader import encoding_of
from posenet_ros.ros_data.messages import (
    frame_from_message,
    Message,
    stamp_ns,
    truth_from_message,
)
from posenet_ros.ros_data.topics import (
    CAMERA_TYPES,
    choose_topic,
    IMAGE_TYPES,
    TRANSFORM_TYPES,
    TRUTH_TYPES,
)
from posenet_ros.ros_data.transforms import transform_tree
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection, QosDurability


class RawMessage(NamedTuple):
    """A serialised message of a bag: topic, time of recording (ns), CDR bytes."""

    topic: str
    time_ns: int
    data: bytes


class BagReader:
    """
    A bag opened for reading; use it as a context manager.

    :param path: rosbag2 folder, .mcap, .db3 or ROS 1 .bag file.
    :param recover: read the complete records of a truncated .mcap file; `damage` then describes
        the loss. `note` says what else should be known of the files; both are empty for most.
    :raises InputError: when it is missing, no bag, or damaged; also from each method that reads.
    """

    def __init__(self, path: Path | str, *, recover: bool = False) -> None:
        self.path = Path(path)
        self._recover = recover
        opened = open_reader(self.path, recover=recover)
        self._reader, self.damage, self.note = opened.reader, opened.damage, opened.note

    def __enter__(self) -> BagReader:
        return self

    def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None,
            trace: TracebackType | None) -> None:
        self._reader.close()

    @property
    def topics(self) -> dict[str, str]:
        """Topic -> message type, as `sensor_msgs/msg/Image`, or `my.Image in json`."""
        in_order = sorted(self._reader.connections, key=encoding_of, reverse=True)
        return {c.topic: f'{c.msgtype} in {encoding_of(c)}' if encoding_of(c) else c.msgtype
                for c in in_order}

    @property
    def is_ros_2(self) -> bool:
        """Whether the messages are serialised as ROS 2 has them."""
        return bool(self._reader.is2)

    @property
    def start_ns(self) -> int:
        """Time of recording of the first message, nanoseconds."""
        return int(self._reader.start_time)

    @property
    def duration_s(self) -> float:
        """Time from the first to the last message, seconds."""
        return float(max(0, self._reader.duration - 1) / 1e9)

    def count(self, *topics: str) -> int:
        """Return the number of messages of these topics."""
        return sum(c.msgcount for c in self._reader.connections if c.topic in topics)

    def is_latched(self, topic: str) -> bool:
        """Return whether the topic was recorded as latched (durability transient local)."""
        profiles = [qos for c in self._reader.connections if c.topic == topic
                    for qos in getattr(c.ext, 'offered_qos_profiles', ())]
        return topic.endswith('/tf_static') or any(
            qos.durability == QosDurability.TRANSIENT_LOCAL for qos in profiles)

    def image_topic(self, topic: str | None = None) -> str:
        """
        Return the image topic to use: the one asked for, else the only one.

        :raises InputError: when it is absent or of another type, or the choice is not clear.
        """
        return self._choose(topic, IMAGE_TYPES, 'an image')

    def truth_topic(self, topic: str | None = None) -> str:
        """Return the pose topic to use, as :meth:`image_topic`."""
        return self._choose(topic, TRUTH_TYPES, 'a pose')

    def camera_topic(self, topic: str | None = None, image_topic: str = '') -> str:
        """Return the camera_info topic to use: as asked, beside the images, or the only one."""
        beside = camera_info_topic_of(image_topic)
        if topic is None and image_topic and beside in self.topics:
            topic = beside
        return self._choose(topic, CAMERA_TYPES, 'a camera_info')

    def _choose(self, topic: str | None, types: tuple[str, ...], what: str) -> str:
        try:
            return choose_topic(self.topics, topic, types, what)
        except InputError as error:
            raise InputError(f'{self.path}: {error}') from error

    def raw_messages(self, topics: Iterable[str] | None = None) -> Iterator[RawMessage]:
        """
        Yield the messages of these topics (default all) in the order of recording.

        :raises InputError: when the bag is cut off or damaged there.
        """
        names = set(self.topics if topics is None else topics)
        with own_position(self.path, self._reader, recover=self._recover) as reader:
            yield from self._read(reader, [c for c in reader.connections if c.topic in names
                                           and not encoding_of(c)])

    def _read(self, reader: AnyReader, connections: list[Connection]) -> Iterator[RawMessage]:
        source = reader.messages(connections) if connections else iter(())
        count = 0
        while True:
            try:
                connection, time_ns, data = next(source)
                data = decompressed_message(data)
            except StopIteration:
                return
            except Exception as error:
                raise damaged(self.path, error, f' after {count} messages') from error
            count += 1
            yield RawMessage(connection.topic, time_ns, data)

    def timed_messages(
            self, topic: str, rejected: list[str] | None = None) -> Iterator[tuple[int, Message]]:
        """
        Yield the time of recording (ns) and the decoded message of each of a topic.

        :param rejected: where to put a text for each message that cannot be decoded; None makes
            it an error.
        """
        kind = self.topics[topic]
        for index, raw in enumerate(self.raw_messages([topic])):
            try:
                message: Any = self._reader.deserialize(raw.data, kind)
            except Exception as error:
                bad = damaged(self.path, error, f' in message {index} of {topic}')
                if rejected is None:
                    raise bad from error
                rejected.append(str(bad))
                continue
            yield raw.time_ns, message

    def messages(self, topic: str, rejected: list[str] | None = None) -> Iterator[Message]:
        """Yield the decoded messages of a topic, as :meth:`timed_messages`."""
        return (message for _, message in self.timed_messages(topic, rejected))

    def frames(self, topic: str | None = None) -> Iterator[Frame]:
        """
        Yield the images of a topic, decoded.

        :raises ImageError: at the first image that cannot be used; to go on after one, loop over
            :meth:`messages` and call frame_from_message.
        """
        return map(frame_from_message, self.messages(self.image_topic(topic)))

    def calibration(self, topic: str | None = None, image_topic: str = '') -> CameraCalibration:
        """
        Return the camera of the first camera_info message that is calibrated.

        :param topic: the camera_info topic; None finds it.
        :param image_topic: the images it shall describe, to find it by.
        :returns: no camera, and why, where the bag has no camera_info or none is calibrated.
        :raises InputError: when the choice is not clear, or a message cannot be a camera's.
        """
        if topic is None and not any(kind in CAMERA_TYPES for kind in self.topics.values()):
            return CameraCalibration(notes=('there is no camera_info in the bag',))
        name = self.camera_topic(topic, image_topic)
        history = CalibrationHistory(image_topic)
        for time_ns, message in self.timed_messages(name, []):
            try:
                history.add(message, (time_ns - self.start_ns) / 1e9)
            except InputError as error:
                raise InputError(f'{self.path}: {name}: {error}') from error
        beside = topic or not image_topic or name == camera_info_topic_of(image_topic)
        result = history.result(() if beside else (
            f'{name} is not beside {image_topic}, and is taken as the only camera_info',))
        return result if result.camera or result.notes else CameraCalibration(
            notes=(f'{name} has no message',))

    def truth(self, topic: str | None = None) -> Trajectory:
        """
        Return the poses of a topic of one of the TRUTH_TYPES.

        :raises InputError: also when it holds no usable pose.
        """
        name = self.truth_topic(topic)
        poses: list[tuple[int, Pose]] = []
        rejected, frame, child = 0, '', ''
        undecodable: list[str] = []
        for message in self.messages(name, undecodable):
            frame, child = message.header.frame_id, getattr(message, 'child_frame_id', '')
            try:
                poses.append((stamp_ns(message.header.stamp), truth_from_message(message)))
            except InputError:
                rejected += 1
        try:
            return Trajectory.from_poses(poses, frame, child, rejected + len(undecodable))
        except InputError as error:
            raise InputError(f'{self.path}: {name}: {error}') from error

    def transforms(self) -> TransformTree:
        """Return the frames of /tf and /tf_static."""
        topics = [topic for topic, kind in self.topics.items() if kind in TRANSFORM_TYPES]
        static, moving = (
            [message for topic in topics if topic.endswith('tf_static') is wanted
             for message in self.messages(topic, [])] for wanted in (True, False))
        return transform_tree(static, moving)
