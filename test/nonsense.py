"""Messages that no sound program sends: fields that are wrong, and bytes that are no message."""

from __future__ import annotations

from array import array
from collections.abc import Callable
import struct
import time
import zlib

from builtin_interfaces.msg import Time
import cv2
from geometry_msgs.msg import (
    Point,
    PoseWithCovariance,
    PoseWithCovarianceStamped,
    Quaternion,
    TransformStamped,
    Vector3,
)
from helpers import CAMERA, scene
from nav_msgs.msg import Odometry
import numpy as np
from posenet_ros.imaging.decoding import ENCODINGS
from posenet_ros.ros_data.messages import set_stamp
from rclpy.serialization import serialize_message
from ros_helpers import image_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

SECOND = 1_000_000_000
FRAMES = ('map', 'odom', 'base_link', 'camera_optical')
ODD_FRAMES = ('', '/', 'a b', 'ü', '🤖', 'x' * 5000, '/map', 'map/')
SIDES = (0, 1, 2, 47, 48, 64, 65535, 2**32 - 1)
NUMBERS = (0.0, 1.0, -1.0, 0.5, np.nan, np.inf, -np.inf, 1e308, -1e308, 1e-308, 1e9, 31.5)
FILES = ('.jpg', '.png')


def nonsense_image(random: np.random.Generator) -> Image:
    """Return an image of which some fields are nonsense; a few are good by chance."""
    message = image_message(time.time_ns())
    changes = {
        'width': int(random.choice(SIDES)), 'height': int(random.choice(SIDES)),
        'step': int(random.choice((0, 1, 191, 192, 2**32 - 1))),
        'encoding': str(random.choice([*ENCODINGS, '', 'nonsense', '32FC1', 'ä'])),
        'is_bigendian': int(random.choice((0, 1, 255))),
        'data': array('B', random.bytes(int(random.choice((0, 1, 100, 9216, 20000)))))}
    for name in random.choice(list(changes), random.integers(1, 4), replace=False):
        setattr(message, name, changes[name])
    spoil_header(message.header, random)
    return message


def nonsense_compressed(random: np.random.Generator) -> CompressedImage:
    """Return a JPEG or PNG: cut off, of another size than its header says, or other bytes."""
    message = CompressedImage(format=str(random.choice(
        ['jpeg', 'png', '', 'rgb8; jpeg compressed bgr8', '16UC1; compressedDepth png', 'ä'])))
    kind = str(random.choice(FILES))
    file = cv2.imencode(kind, scene(int(random.integers(5)), CAMERA.size))[1].tobytes()
    spoil: dict[str, Callable[[], bytes]] = {
        'cut off': lambda: file[:int(random.integers(len(file)))],
        'of a huge size': lambda: with_size(file, kind, *random.choice(SIDES, 2)),
        'with bytes exchanged': lambda: with_bytes_exchanged(file, random),
        'other bytes': lambda: random.bytes(int(random.integers(2000))),
        'a good one': lambda: file}
    message.data = array('B', spoil[str(random.choice(list(spoil)))]())
    set_stamp(message.header.stamp, time.time_ns())
    message.header.frame_id = 'camera_optical'
    spoil_header(message.header, random)
    return message


def with_size(file: bytes, kind: str, width: int, height: int) -> bytes:
    """Write a size into the header of a JPEG or PNG; that of a PNG has the right checksum."""
    if kind == '.png':
        head = b'IHDR' + struct.pack('>II', int(width), int(height)) + file[24:29]
        return file[:12] + head + struct.pack('>I', zlib.crc32(head)) + file[33:]
    at = file.index(b'\xff\xc0') + 5
    return file[:at] + struct.pack('>HH', height & 0xffff, width & 0xffff) + file[at + 4:]


def nonsense_camera(random: np.random.Generator) -> CameraInfo:
    """Return a camera_info of which nothing need fit together, or one that is odd but possible."""
    matrix = CAMERA.matrix.ravel() * random.choice((0.1, 1.0, 3.0))
    message = CameraInfo(width=CAMERA.width, height=CAMERA.height, k=matrix)
    if random.random() < 0.7:
        message = CameraInfo(
            width=int(random.choice(SIDES)), height=int(random.choice(SIDES)),
            k=random.choice(NUMBERS, 9), p=random.choice(NUMBERS, 12),
            binning_x=int(random.choice((0, 1, 2**32 - 1))))
    message.d = random.choice(NUMBERS, random.integers(0, 16)).tolist()
    message.distortion_model = str(random.choice(
        ['', 'plumb_bob', 'rational_polynomial', 'fisheye', 'ä']))
    message.roi.width, message.roi.height = (int(side) for side in random.choice(SIDES, 2))
    message.roi.x_offset = int(random.choice(SIDES))
    spoil_header(message.header, random)
    return message


def nonsense_transforms(random: np.random.Generator) -> TFMessage:
    """Return transforms: loops, own parents, quaternions of no length, numbers without bounds."""
    message = TFMessage()
    for _ in range(random.integers(0, 4)):
        transform = TransformStamped(child_frame_id=frame(random))
        transform.header.frame_id = frame(random)
        set_stamp(transform.header.stamp, time.time_ns())
        spoil_stamp(transform.header.stamp, random)
        spoil_pose(transform.transform.translation, transform.transform.rotation, random)
        message.transforms.append(transform)
    return message


def nonsense_odometry(random: np.random.Generator) -> Odometry:
    """Return an odometry message with a pose that no robot has."""
    message = Odometry(child_frame_id=frame(random))
    spoil_header(message.header, random)
    spoil_pose_with_covariance(message.pose, random)
    return message


def nonsense_initial_pose(random: np.random.Generator) -> PoseWithCovarianceStamped:
    """Return a message of /initialpose, often in the right frame."""
    message = PoseWithCovarianceStamped()
    spoil_header(message.header, random)
    if random.random() < 0.8:
        message.header.frame_id = 'map'
    spoil_pose_with_covariance(message.pose, random)
    return message


def frame(random: np.random.Generator) -> str:
    """Return a frame of the robot, or one that is none."""
    return str(random.choice(FRAMES if random.random() < 0.7 else ODD_FRAMES))


def spoil_header(header: Header, random: np.random.Generator) -> None:
    """Give every other header another frame, and every fifth another time."""
    if random.random() < 0.5:
        header.frame_id = frame(random)
    spoil_stamp(header.stamp, random)


def spoil_stamp(stamp: Time, random: np.random.Generator) -> None:
    """Set every fifth stamp to zero, below it, or far ahead."""
    if random.random() < 0.2:
        stamp.sec = int(random.choice((-2**31, -1, 0, 2**31 - 1)))
        stamp.nanosec = int(random.choice((0, 1, SECOND - 1, SECOND, 2**32 - 1)))


def spoil_pose(position: Point | Vector3, rotation: Quaternion,
               random: np.random.Generator) -> None:
    """Write numbers into a pose; every other position is possible, and every other rotation."""
    numbers = NUMBERS if random.random() < 0.5 else (0.0, 0.5, -1.0, 1e9, 1e308)
    position.x, position.y, position.z = random.choice(numbers, 3).tolist()
    quaternions = ([0.0] * 4, [0.0, 0.0, 0.0, 1.0], [0.6, 0.0, 0.0, -0.8], [0.5] * 4,
                   random.choice(NUMBERS, 4).tolist())
    rotation.x, rotation.y, rotation.z, rotation.w = quaternions[random.integers(5)]


def spoil_pose_with_covariance(
        message: PoseWithCovariance, random: np.random.Generator) -> None:
    """Write a pose, and a covariance that is negative, not finite, not symmetric, or one."""
    spoil_pose(message.pose.position, message.pose.orientation, random)
    diagonal = np.diag(np.abs(random.choice((0.0, 0.25, 1e18, 1e300, 1e308), 6)))
    covariances = (diagonal, -diagonal, random.choice(NUMBERS, (6, 6)), np.eye(6) * np.nan,
                   np.triu(np.ones((6, 6))))
    message.covariance = covariances[random.integers(5)].ravel()


def with_bytes_exchanged(content: bytes, random: np.random.Generator) -> bytes:
    """Exchange some bytes."""
    spoilt = bytearray(content)
    for at in random.integers(0, max(len(spoilt), 1), random.integers(1, 9)):
        spoilt[at:at + 1] = random.bytes(1)
    return bytes(spoilt)


def damaged(message: object, random: np.random.Generator) -> bytes:
    """Return the bytes of a message (CDR): cut off, some exchanged, or others in their place."""
    content = serialize_message(message)
    choice = random.integers(3)
    if choice == 0:
        return content[:int(random.integers(len(content)))]
    if choice == 1:
        return with_bytes_exchanged(content, random)
    return content[:4] + random.bytes(int(random.integers(len(content))))
