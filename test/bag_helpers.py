"""Small bags as other programs write them: by rosbags with its settings, and MCAP by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import cv2
from lz4 import frame as lz4
import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_data.bag_file import typestore
from posenet_ros.ros_data.bag_writer import header, make, pose_message, transform_message
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

START_NS, STEP_NS, COUNT = 1_700_000_000_000_000_000, 100_000_000, 12
WIDTH, HEIGHT = 64, 48
CAMERA = Camera(WIDTH, HEIGHT, 50.0, 50.0, 31.5, 23.5)
DISTORTED = Camera(WIDTH, HEIGHT, 50.0, 50.0, 31.5, 23.5, (-0.3, 0.12, 0.001, -0.0005, -0.02))
OPTICAL, MOUNTED_M = np.array([-0.5, 0.5, -0.5, 0.5]), np.array([0.3, 0, 1.0])
Message: TypeAlias = Any  # of rosbags
Timed = tuple[str, int, Message]  # topic, time of recording (ns), message
MCAP_START = b'\x89MCAP0\r\n'


def picture(i: int) -> np.ndarray:
    """Return an image of blocks, each number another."""
    blocks = np.random.default_rng(i).integers(0, 256, (HEIGHT // 4, WIDTH // 4, 3), np.uint8)
    return cv2.resize(blocks, (WIDTH, HEIGHT))


def position(i: int) -> np.ndarray:
    return np.array([0.2 * i, 0, 0])


def image(i: int, encoding: str = 'rgb8', data: np.ndarray | None = None, step: int = 0, *,
          stamp_ns: int | None = None, frame_id: str = 'camera_optical_frame',
          size: tuple[int, int] = (WIDTH, HEIGHT)) -> Message:
    """Return a sensor_msgs/Image; `data` is any array of its bytes."""
    data = picture(i) if data is None else data
    flat = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
    time_ns = START_NS + i * STEP_NS if stamp_ns is None else stamp_ns
    return make('sensor_msgs/msg/Image', header(time_ns, frame_id), size[1], size[0], encoding,
                0, step or flat.size // max(size[1], 1), flat)


def camera_info(i: int, k: Sequence[float] = (50, 0, 31.5, 0, 50, 23.5, 0, 0, 1),
                d: Sequence[float] = (0, 0, 0, 0, 0), model: str = 'plumb_bob',
                p: Sequence[float] = (50, 0, 31.5, 0, 0, 50, 23.5, 0, 0, 0, 1, 0),
                size: tuple[int, int] = (WIDTH, HEIGHT)) -> Message:
    """Return a sensor_msgs/CameraInfo."""
    numbers = [np.array(values, np.float64) for values in (d, k, np.eye(3).ravel(), p)]
    region = make('sensor_msgs/msg/RegionOfInterest', 0, 0, 0, 0, False)
    return make('sensor_msgs/msg/CameraInfo',
                header(START_NS + i * STEP_NS, 'camera_optical_frame'), size[1], size[0], model,
                *numbers, 0, 0, region)


def uncalibrated(i: int) -> Message:
    return camera_info(i, [0] * 9, (), '', [0] * 12, (0, 0))


def truth(i: int) -> list[tuple[str, Message]]:
    pose = Pose(position(i))
    return [('/truth', pose_message(pose, START_NS + i * STEP_NS, 'map'))]


def odometry(pose: Pose, i: int, frame_id: str, child: str) -> Message:
    zero = make('geometry_msgs/msg/Vector3', 0.0, 0.0, 0.0)
    twist = make('geometry_msgs/msg/TwistWithCovariance',
                 make('geometry_msgs/msg/Twist', zero, zero), np.zeros(36))
    inner = make('geometry_msgs/msg/PoseWithCovariance', pose_message(pose, 0, '').pose,
                 np.zeros(36))
    return make('nav_msgs/msg/Odometry', header(START_NS + i * STEP_NS, frame_id), child, inner,
                twist)


def robot(child: str = 'base_link', parent: str = 'base_link',
          camera: str = 'camera_optical_frame', frame_id: str = 'map',
          quat: Sequence[float] = OPTICAL) -> Callable[[int], list[tuple[str, Message]]]:
    """Return the maker of odometry of a base, with a camera mounted on it; names as given."""
    def at(i: int) -> list[tuple[str, Message]]:
        static = transform_message(Pose(MOUNTED_M), 0, parent, camera)
        rotation = static.transform.rotation
        rotation.x, rotation.y, rotation.z, rotation.w = map(float, quat)
        first = [('/tf_static', make('tf2_msgs/msg/TFMessage', [static]))]
        return [*(first if i == 0 else ()), (
            '/odom', odometry(Pose(position(i)), i, frame_id, child))]
    return at


def messages(make_image: Callable[[int], Message] = image,
             info: Callable[[int], Message] = camera_info,
             poses: Callable[[int], list[tuple[str, Message]]] = truth,
             topic: str = '/camera/image_raw') -> list[Timed]:
    """Return the usual messages of a walk; a maker that returns None leaves its message out."""
    found: list[Timed] = []
    for i in range(COUNT):
        ns = START_NS + i * STEP_NS
        one = [('/camera/camera_info', info(i)), (topic, make_image(i)), *poses(i)]
        found += [(name, ns, message) for name, message in one if message is not None]
    return found


def serialised(message: Message) -> bytes:
    return bytes(typestore().serialize_cdr(message, message.__msgtype__))


def write_bag(path: Path, timed: Iterable[Timed], storage: str = 'mcap',
              compression: str = '') -> Path:
    """
    Write a bag folder by rosbags.

    :param compression: message, file or storage.
    """
    writer = Writer(path, version=9, storage_plugin={
        'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}[storage])
    if compression:
        writer.set_compression(CompressionMode[compression.upper()], CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for topic, ns, message in timed:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=typestore())
            writer.write(connections[topic], ns, serialised(message))
    return path


def _record(out: BinaryIO, code: int, *parts: bytes) -> None:
    content = b''.join(parts)
    out.write(bytes([code]) + len(content).to_bytes(8, 'little') + content)


def _text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(4, 'little') + data


def _small(number: int, size: int) -> bytes:
    return number.to_bytes(size, 'little')


def write_mcap(path: Path, timed: Sequence[Timed], *, profile: str = 'ros2',
               others: Sequence[tuple[str, str, str, bytes, bytes]] = (),
               definitions: dict[str, str] | None = None, compression: str = '',
               library: str = 'a writer of ours') -> Path:
    """
    Write an MCAP file by hand (mcap.dev/spec), without an index.

    :param others: channels that are not of ROS: topic, encoding of the messages, of the schema,
        the schema, one message.
    :param definitions: message definitions that differ from the right ones, by type.
    :param compression: of a chunk with all records, `lz4`; empty for no chunk.
    """
    out = BytesIO()
    for number, (topic, encoding, schema_encoding, schema, data) in enumerate(others, 900):
        if schema_encoding:
            _record(out, 3, _small(number, 2), _text('my.Type'), _text(schema_encoding),
                    _text(schema))
        _record(out, 4, _small(number, 2), _small(number if schema_encoding else 0, 2),
                _text(topic), _text(encoding), _text(b''))
        _record(out, 5, _small(number, 2), _small(0, 4), _small(START_NS, 8) * 2, data)
    known: dict[str, int] = {}
    for topic, ns, message in timed:
        kind = message.__msgtype__
        if topic not in known:
            number = known[topic] = len(known) + 1
            text = (definitions or {}).get(kind) or typestore().generate_msgdef(kind)[0]
            _record(out, 3, _small(number, 2), _text(kind), _text('ros2msg'), _text(text))
            _record(out, 4, _small(number, 2) * 2, _text(topic), _text('cdr'), _text(b''))
        _record(out, 5, _small(known[topic], 2), _small(0, 4), _small(ns, 8) * 2,
                serialised(message))
    content = out.getvalue()
    with path.open('wb') as file:
        file.write(MCAP_START)
        _record(file, 1, _text(profile), _text(library))
        if compression:
            packed = lz4.compress(content)
            _record(file, 6, _small(START_NS, 8), _small(START_NS + COUNT * STEP_NS, 8),
                    _small(len(content), 8), _small(0, 4), _text(compression),
                    _small(len(packed), 8), packed)
        else:
            file.write(content)
        _record(file, 0x0F, _small(0, 4))
        _record(file, 2, bytes(20))
        file.write(MCAP_START)
    return path
