"""Write rosbag2 folders without ROS; a bag takes its name when it is complete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import re
import sqlite3
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import RATIONAL
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.ros_data.bag_file import typestore
from posenet_ros.ros_data.messages import Message, NS_PER_S
from posenet_ros.utils.atomic_folder import new_folder
from posenet_ros.utils.files.kinds import MADE_BY
from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer

TRUTH_FRAME = 'ground_truth_camera'  # child of the true transforms: no frame that a node makes
URI_CHARACTERS = '[#?%]'
STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
FOREVER = QosTime(2147483647, 4294967295)
# `ros2 bag play` republishes static transforms to late subscribers only with this profile.
STATIC_QOS = Qos(
    QosHistory.KEEP_LAST, 1, QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL,
    FOREVER, FOREVER, QosLiveliness.AUTOMATIC, FOREVER, False)


def make(kind: str, *values: object) -> Message:
    """Return a message of a type as `std_msgs/msg/Header`, fields in their order."""
    return typestore().types[kind](*values)


def header(time_ns: int, frame_id: str) -> Message:
    """Return a std_msgs/Header."""
    stamp = make('builtin_interfaces/msg/Time', *divmod(time_ns, NS_PER_S))
    return make('std_msgs/msg/Header', stamp, frame_id)


def image_message(frame: Frame) -> Message:
    """Return the sensor_msgs/Image of a frame, rgb8."""
    height, width, _ = frame.image.shape
    return make('sensor_msgs/msg/Image', header(frame.stamp_ns, frame.frame_id), height, width,
                'rgb8', 0, 3 * width, np.ascontiguousarray(frame.image).reshape(-1))


def compressed_message(data: NDArray[np.uint8], kind: str, time_ns: int, frame_id: str) -> Message:
    """
    Return a sensor_msgs/CompressedImage.

    :param data: the bytes of an image file.
    :param kind: `jpeg` or `png`.
    """
    return make('sensor_msgs/msg/CompressedImage', header(time_ns, frame_id), kind, data)


def camera_message(camera: Camera, time_ns: int, frame_id: str) -> Message:
    """Return the sensor_msgs/CameraInfo of a camera."""
    roi = make('sensor_msgs/msg/RegionOfInterest', 0, 0, 0, 0, False)
    model = camera.distortion_model
    if model == RATIONAL and len(camera.distortion) <= 5:
        model = 'plumb_bob'
    distortion = np.array(camera.distortion or (0.0,) * 5)
    projection = np.hstack([camera.matrix, np.zeros((3, 1))])
    return make(
        'sensor_msgs/msg/CameraInfo', header(time_ns, frame_id), camera.height, camera.width,
        model, distortion, camera.matrix.ravel(), np.eye(3).ravel(), projection.ravel(), 0, 0, roi)


def pose_message(pose: Pose, time_ns: int, frame_id: str) -> Message:
    """Return the geometry_msgs/PoseStamped of a pose."""
    inner = make('geometry_msgs/msg/Pose', *_parts(pose, 'Point'))
    return make('geometry_msgs/msg/PoseStamped', header(time_ns, frame_id), inner)


def transform_message(
        pose: Pose, time_ns: int, frame_id: str, child_frame_id: str) -> Message:
    """Return the geometry_msgs/TransformStamped of a pose `frame_from_child`."""
    inner = make('geometry_msgs/msg/Transform', *_parts(pose, 'Vector3'))
    return make('geometry_msgs/msg/TransformStamped', header(time_ns, frame_id),
                child_frame_id, inner)


def _parts(pose: Pose, kind: str) -> tuple[Message, Message]:
    return (make(f'geometry_msgs/msg/{kind}', *pose.translation_m.tolist()),
            make('geometry_msgs/msg/Quaternion', *pose.quat_xyzw.tolist()))


class BagWriter:
    """Writes messages into a new bag; made by :func:`new_bag`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._connections: dict[str, Connection] = {}

    def write(self, topic: str, message: Message, time_ns: int) -> None:
        """
        Write one message of rosbags' types.

        :param time_ns: time of recording, nanoseconds.
        """
        kind = message.__msgtype__
        if topic not in self._connections:
            profiles = [STATIC_QOS] if topic.endswith('tf_static') else []
            self._connections[topic] = self._writer.add_connection(
                topic, kind, typestore=typestore(), offered_qos_profiles=profiles)
        self._writer.write(
            self._connections[topic], time_ns, typestore().serialize_cdr(message, kind))

    def write_transforms(self, topic: str, transforms: list[Message], time_ns: int) -> None:
        """Write TransformStamped messages as one tf2_msgs/TFMessage."""
        self.write(topic, make('tf2_msgs/msg/TFMessage', transforms), time_ns)


@contextmanager
def _without_uri_characters(folder: Path) -> Iterator[Path]:
    """Yield a path of a folder without characters that mean something in a URI."""
    if not re.search(URI_CHARACTERS, str(folder)):
        yield folder
        return
    with TemporaryDirectory() as scratch:
        link = Path(scratch, 'bag')
        link.symlink_to(folder.absolute())
        yield link


@contextmanager
def new_bag(path: Path, storage: str = 'mcap', *, force: bool = False) -> Iterator[BagWriter]:
    """
    Yield the writer of a bag that appears at `path` when the block succeeds, else not at all.

    :param storage: `mcap` or `sqlite3`.
    :param force: replace an existing bag.
    :raises InputError: when `path` exists and `force` is False, or it cannot be written.
    """
    with new_folder(path, force=force) as folder:
        # rosbags makes the folder, and names files by it; sqlite3 is given a URI with that name
        inner = folder / re.sub(URI_CHARACTERS, '_', path.absolute().name)
        try:
            with _without_uri_characters(folder) as plain, Writer(
                    plain / inner.name, version=9, storage_plugin=STORAGES[storage]) as writer:
                writer.set_custom_data('made_by', MADE_BY)  # by which --force knows it again
                yield BagWriter(writer)
        except (OSError, sqlite3.Error) as error:
            if getattr(error, 'filename', None):
                raise
            raise InputError(f'{path}: the bag cannot be written: {error}') from error
        for file in inner.iterdir():
            file.rename(folder / file.name)
        inner.rmdir()
