"""
Bags: frames, camera and truth read from ROS bags, and new ones written, without ROS.

Reads rosbag2 (sqlite3 and mcap: a folder with metadata.yaml, or a single .mcap or .db3 file) and
ROS 1 .bag files by rosbags, which brings the message definitions of Jazzy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.tf_tree import TransformTree
from posenet_ros.geometry.trajectory import Lookup, Trajectory
from posenet_ros.imaging.decoding import Frame
from posenet_ros.ros_data.messages import (
    camera_from_message,
    frame_from_message,
    Message,
    pose_from_message,
    pose_from_transform,
    stamp_ns,
)
from posenet_ros.ros_data.truncated_mcap import TruncatedMcapPath
from posenet_ros.utils.suggestions import did_you_mean
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability
from rosbags.typesys import get_typestore, Stores
from rosbags.typesys.store import Typestore

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
CAMERA_TYPES = ('sensor_msgs/msg/CameraInfo',)
TRANSFORM_TYPES = ('tf2_msgs/msg/TFMessage', 'tf/msg/tfMessage')
TRUTH_TYPES = (
    'geometry_msgs/msg/PoseStamped', 'geometry_msgs/msg/PoseWithCovarianceStamped',
    'nav_msgs/msg/Odometry', 'geometry_msgs/msg/TransformStamped')


class RawMessage(NamedTuple):
    """A serialised message of a bag: topic, time of recording (ns), CDR bytes."""

    topic: str
    time_ns: int
    data: bytes


class _Folder(type(Path())):  # type: ignore[misc]
    """A path without suffix: rosbags takes a folder called `walk.bag` for a file of ROS 1."""

    suffix = ''


@cache
def typestore() -> Typestore:
    """Return the message types of Jazzy."""
    return get_typestore(Stores.ROS2_JAZZY)


def _opened(path: Any) -> AnyReader:  # noqa: ANN401 - what rosbags calls RPath
    reader = AnyReader([path], default_typestore=typestore())
    reader.open()
    return reader


class BagReader:
    """
    A bag opened for reading; use it as a context manager.

    :param path: rosbag2 folder, .mcap, .db3 or ROS 1 .bag file.
    :param recover: read the complete records of a truncated .mcap file; `damage` then describes
        the loss.
    :raises InputError: when it is missing, no bag, or damaged; also from each method that reads.
    """

    def __init__(self, path: Path | str, *, recover: bool = False) -> None:
        self.path = Path(path)
        self.damage = ''
        self._reader = self._open(recover=recover)

    def _open(self, *, recover: bool) -> AnyReader:
        if not self.path.exists():
            raise InputError(f'{self.path}: no such bag')
        if self.path.is_dir() and not (self.path / 'metadata.yaml').exists():
            raise InputError(f'{self.path}: a bag folder has to hold metadata.yaml. Received: '
                             'none; give a .mcap or .db3 file, or run "ros2 bag reindex"')
        try:
            return _opened(_Folder(self.path) if self.path.is_dir() else self.path)
        except PermissionError:
            raise
        except Exception as error:  # rosbags lets out whatever a damaged file causes
            if recover:
                return self._open_truncated(error)
            raise self._damaged(error) from error

    def _open_truncated(self, error: Exception) -> AnyReader:
        """Open the complete records of a truncated .mcap file."""
        truncated = TruncatedMcapPath(self.path)
        try:
            reader = _opened(truncated)
            next(reader.messages())  # the metadata may promise messages that are not there
        except Exception:
            raise self._damaged(error) from error
        self.damage = f'{self.path}: {truncated.describe_loss()}'
        return reader

    def _damaged(self, error: Exception, after: str = '') -> InputError:
        reason = ' '.join(str(error).split()) or type(error).__name__
        return InputError(f'{self.path}: expected a whole ROS bag. Received: one that is damaged, '
                          f'cut off or of an unknown kind{after} ({reason}); "ros2 bag reindex" '
                          'or "mcap recover" may save it')

    def __enter__(self) -> BagReader:
        return self

    def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None,
            trace: TracebackType | None) -> None:
        self._reader.close()

    @property
    def topics(self) -> dict[str, str]:
        """Topic -> message type, as `sensor_msgs/msg/Image`."""
        return {c.topic: c.msgtype for c in self._reader.connections}

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
        namespace = image_topic.removesuffix('/compressed').rpartition('/')[0]
        beside = f'{namespace}/camera_info'
        if topic is None and image_topic and beside in self.topics:
            topic = beside
        return self._choose(topic, CAMERA_TYPES, 'a camera_info')

    def _choose(self, topic: str | None, types: tuple[str, ...], what: str) -> str:
        having = sorted(name for name, kind in self.topics.items() if kind in types)
        if topic is None and len(having) == 1:
            return having[0]
        if topic in having:
            return str(topic)
        listed = ', '.join(f'{name} ({kind})' for name, kind in sorted(self.topics.items()))
        if topic is None and having:
            raise InputError(f'{self.path}: expected the name of {what} topic, as there are '
                             f'several. Received: none; choose one of {", ".join(having)}')
        wrong = f'{topic} ({self.topics[topic]})' if topic in self.topics else topic
        raise InputError(f'{self.path}: expected {what} topic ({" or ".join(types)}). '
                         f'Received: {wrong or "none"}; the bag has {listed or "no topics"}'
                         + did_you_mean(topic or '', having))

    def raw_messages(self, topics: Iterable[str] | None = None) -> Iterator[RawMessage]:
        """
        Yield the messages of these topics (default all) in the order of recording.

        :raises InputError: when the bag is cut off or damaged there.
        """
        names = set(self.topics if topics is None else topics)
        connections = [c for c in self._reader.connections if c.topic in names]
        source = self._reader.messages(connections) if connections else iter(())
        count = 0
        while True:
            try:
                connection, time_ns, data = next(source)
            except StopIteration:
                return
            except Exception as error:
                raise self._damaged(error, f' after {count} messages') from error
            count += 1
            yield RawMessage(connection.topic, time_ns, data)

    def timed_messages(self, topic: str) -> Iterator[tuple[int, Message]]:
        """Yield the time of recording (ns) and the decoded message of each of a topic."""
        kind = self.topics[topic]
        for index, raw in enumerate(self.raw_messages([topic])):
            try:
                message: Any = self._reader.deserialize(raw.data, kind)
            except Exception as error:
                raise self._damaged(error, f' in message {index} of {topic}') from error
            yield raw.time_ns, message

    def messages(self, topic: str) -> Iterator[Message]:
        """Yield the decoded messages of a topic."""
        return (message for _, message in self.timed_messages(topic))

    def frames(self, topic: str | None = None) -> Iterator[Frame]:
        """
        Yield the images of a topic, decoded.

        :raises ImageError: at the first image that cannot be used; to go on after one, loop over
            :meth:`messages` and call frame_from_message.
        """
        return map(frame_from_message, self.messages(self.image_topic(topic)))

    def camera(self, topic: str | None = None, image_topic: str = '') -> Camera:
        """
        Return the camera of the first camera_info message.

        :param topic: the camera_info topic; None finds it.
        :param image_topic: the images it shall describe, to find it by.
        """
        name = self.camera_topic(topic, image_topic)
        for message in self.messages(name):
            return camera_from_message(message)
        raise InputError(f'{self.path}: {name} has to have a message. Received: none')

    def truth(self, topic: str | None = None) -> Trajectory:
        """
        Return the poses of a topic of one of the TRUTH_TYPES.

        :raises InputError: also when it holds no usable pose.
        """
        name = self.truth_topic(topic)
        poses: list[tuple[int, Pose]] = []
        rejected, frame, child = 0, '', ''
        for message in self.messages(name):
            frame, child = message.header.frame_id, getattr(message, 'child_frame_id', '')
            try:
                poses.append((stamp_ns(message.header.stamp), _pose(message)))
            except InputError:
                rejected += 1
        try:
            return Trajectory.from_poses(poses, frame, child, rejected)
        except InputError as error:
            raise InputError(f'{self.path}: {name}: {error}') from error

    def transforms(self) -> TransformTree:
        """Return the frames of /tf and /tf_static."""
        moving: dict[tuple[str, str], list[tuple[int, Pose]]] = {}
        edges: dict[str, tuple[str, Lookup]] = {}
        for static, time_ns, parent, child, pose in self._transforms():
            if static:
                edges[child] = (parent, _always(pose))
            else:
                moving.setdefault((parent, child), []).append((time_ns, pose))
        for (parent, child), poses in moving.items():
            edges[child] = (parent, Trajectory.from_poses(poses, parent, child).at)
        return TransformTree(edges)

    def _transforms(self) -> Iterator[tuple[bool, int, str, str, Pose]]:
        """Yield (static, stamp in ns, parent, child, parent_from_child)."""
        for topic in [t for t, kind in self.topics.items() if kind in TRANSFORM_TYPES]:
            for item in (item for message in self.messages(topic) for item in message.transforms):
                parent, child = item.header.frame_id.lstrip('/'), item.child_frame_id.lstrip('/')
                try:
                    pose = pose_from_transform(item.transform)
                except InputError:
                    continue  # as tf2 does with NaN and zero quaternions
                yield (topic.endswith('tf_static'), stamp_ns(item.header.stamp), parent, child,
                       pose)


def _always(pose: Pose) -> Lookup:
    return lambda _stamp_ns, _max_gap_s: pose


def _pose(message: Message) -> Pose:
    """Return the pose of one of the TRUTH_TYPES."""
    if hasattr(message, 'transform'):
        return pose_from_transform(message.transform)
    inner = message.pose
    return pose_from_message(inner if hasattr(inner, 'position') else inner.pose)
