"""
ROS messages to and from the library's types.

Works on the messages of rclpy and of rosbags alike, by their field names: nothing here imports
ROS. `data` may be an array.array, bytes or a NumPy array.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import Floats, RgbImage
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import check_position, FARTHEST_M, Pose
from posenet_ros.imaging.decoding import decode_compressed, decode_raw, Frame, Reduction
from posenet_ros.imaging.headers import ImageError

Message = Any  # of rclpy or of rosbags

NS_PER_S = 1_000_000_000
QUATERNION_TOLERANCE = 10e-3  # of the squared length: tf2's QUATERNION_NORMALIZATION_TOLERANCE


def stamp_ns(stamp: Message) -> int:
    """
    Return a builtin_interfaces/Time or Duration in nanoseconds.

    :param stamp: anything with `sec` and `nanosec`.
    """
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)


def set_stamp(stamp: Message, time_ns: int) -> None:
    """Set a builtin_interfaces/Time to a time in nanoseconds."""
    stamp.sec, stamp.nanosec = divmod(int(time_ns), NS_PER_S)


def frame_from_message(msg: Message, reduction: Reduction | None = None) -> Frame:
    """
    Decode a sensor_msgs/Image or sensor_msgs/CompressedImage.

    :param msg: the message; one without `encoding` is taken for a CompressedImage.
    :param reduction: chooses the factor by which a JPEG may be decoded smaller; see
        :func:`posenet_ros.imaging.decoding.decode_compressed`.
    :raises ImageError: when it contradicts itself, has no stamp, or is not a colour or grey image.
    """
    time_ns = stamp_ns(msg.header.stamp)
    if time_ns <= 0 or not 0 <= msg.header.stamp.nanosec < NS_PER_S:
        raise ImageError('the stamp of an image has to be the time when it was taken. Received: '
                         f'{msg.header.stamp.sec} s {msg.header.stamp.nanosec} ns')
    return Frame(_image(msg, reduction), time_ns, str(msg.header.frame_id))


def _image(msg: Message, reduction: Reduction | None) -> RgbImage:
    if hasattr(msg, 'encoding'):
        return decode_raw(
            msg.data, msg.encoding, (msg.width, msg.height), msg.step, msg.is_bigendian)
    return decode_compressed(msg.data, msg.format, reduction)


def pose_from_message(msg: Message) -> Pose:
    """
    Read a geometry_msgs/Pose.

    :raises InputError: when it is not finite or beyond all bounds, or its quaternion is not of
        unit length to tf2's tolerance.
    """
    return _pose(msg.position, msg.orientation)


def pose_from_transform(msg: Message) -> Pose:
    """
    Read a geometry_msgs/Transform: `parent_from_child`.

    :raises InputError: when it is not finite or beyond all bounds, or its quaternion is not of
        unit length to tf2's tolerance.
    """
    return _pose(msg.translation, msg.rotation)


def poses_from_array(msg: Message) -> tuple[Pose, ...]:
    """Read the valid poses of a geometry_msgs/PoseArray."""
    poses = []
    for item in msg.poses:
        with suppress(InputError):
            poses.append(pose_from_message(item))
    return tuple(poses)


def truth_from_message(msg: Message) -> Pose:
    """
    Read the pose of a message of one of :data:`posenet_ros.ros_data.topics.TRUTH_TYPES`.

    :raises InputError: when it is not finite or beyond all bounds, or its quaternion is not of
        unit length to tf2's tolerance.
    """
    if hasattr(msg, 'transform'):
        return pose_from_transform(msg.transform)
    return pose_from_message(msg.pose if hasattr(msg.pose, 'position') else msg.pose.pose)


def _pose(position: Message, quaternion: Message) -> Pose:
    quat_xyzw = np.array([quaternion.x, quaternion.y, quaternion.z, quaternion.w], np.float64)
    squared = float(quat_xyzw @ quat_xyzw)
    if not abs(squared - 1) < QUATERNION_TOLERANCE:  # NaN among them
        raise InputError('a quaternion has to have length 1, to 0.01 of its square as in tf2. '
                         f'Received: {quat_xyzw.tolist()}, length {squared ** 0.5:.6g}')
    position_m = np.array([position.x, position.y, position.z])
    check_position(position_m)
    return Pose(position_m, quat_xyzw / squared ** 0.5)


def covariance_from_message(msg: Message) -> Floats:
    """
    Read the covariance of a geometry_msgs/PoseWithCovariance.

    :returns: (6, 6): x y z in m^2, then rotation about the fixed x y z in rad^2.
    :raises InputError: when it is not finite, or too large to be computed with.
    """
    covariance = np.array(msg.covariance, np.float64).reshape(6, 6)
    if not np.all(np.abs(covariance) <= FARTHEST_M ** 2):  # NaN among them
        raise InputError('the numbers of a covariance have to be within '
                         f'{FARTHEST_M ** 2:g}. Received: {covariance.tolist()}')
    return covariance


def fill_pose(msg: Message, pose: Pose) -> None:
    """Write a pose into a geometry_msgs/Pose."""
    _fill(msg.position, msg.orientation, pose)


def fill_transform(msg: Message, pose: Pose) -> None:
    """Write a pose `parent_from_child` into a geometry_msgs/Transform."""
    _fill(msg.translation, msg.rotation, pose)


def _fill(position: Message, quaternion: Message, pose: Pose) -> None:
    position.x, position.y, position.z = pose.translation_m.tolist()
    quaternion.x, quaternion.y, quaternion.z, quaternion.w = pose.quat_xyzw.tolist()


def fill_covariance(msg: Message, covariance: ArrayLike) -> None:
    """
    Write a covariance into a geometry_msgs/PoseWithCovariance.

    :param covariance: (6, 6): x y z in m^2, then rotation about the fixed x y z in rad^2.
    """
    msg.covariance = np.asarray(covariance, dtype=np.float64).reshape(36)
