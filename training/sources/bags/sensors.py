"""Odometry, TF, inertial unit and satellites of a bag, all in terms of the camera."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.frames import frame_name
from posenet_ros.geometry.geodesy import enu_from_geodetic
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.tf_tree import TransformTree
from posenet_ros.geometry.trajectory import DEFAULT_MAX_GAP_S, Trajectory
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.messages import Message, stamp_ns
from posenet_ros.training.data.walk import GnssFixes, ImuSamples
from posenet_ros.training.sources.bags.frames import topics_of

ODOMETRY, IMU, GNSS = ('nav_msgs/msg/Odometry', 'sensor_msgs/msg/Imu', 'sensor_msgs/msg/NavSatFix')
FIXED_FRAMES = 'odom', 'map', 'world'  # in the order in which they are asked for
NEVER_NS = -1  # a time that no moving transform has


class BagSensors:
    """
    The sensors of a bag, and notes about those that cannot be used.

    :param camera_frame: optical frame of the images.
    :param stamps_ns: (N,) of the images, nanoseconds.
    """

    def __init__(self, bag: BagReader, camera_frame: str, stamps_ns: NDArray[np.int64]) -> None:
        self._bag, self._stamps_ns = bag, stamps_ns
        self._camera = frame_name(camera_frame)
        self._tree: TransformTree = bag.transforms()
        self.notes: list[str] = []

    def odometry(self) -> Trajectory | None:
        """Return the poses odom_from_camera."""
        topic = self._topic(ODOMETRY)
        if topic is None:
            return None
        poses = self._bag.truth(topic)
        tracked = frame_name(poses.child_frame_id) or self._camera
        try:
            mounted = self._tree.lookup(tracked, self._camera)
        except InputError:
            self._say(f'{topic} is of {tracked!r}, and TF does not lead from it to the camera '
                      f'{self._camera!r}: it is left out')
            return None
        found = ((int(stamp), poses.pose(i), mounted(int(stamp), DEFAULT_MAX_GAP_S))
                 for i, stamp in enumerate(poses.stamps_ns))
        return self._trajectory(
            topic, [(stamp, pose @ offset) for stamp, pose, offset in found if offset],
            poses.frame_id)

    def transforms(self) -> Trajectory | None:
        """Return the poses of the camera in a fixed frame of TF, at the images' times."""
        for frame in FIXED_FRAMES:
            with suppress(InputError):
                lookup = self._tree.lookup(frame, self._camera)
                if lookup(NEVER_NS, DEFAULT_MAX_GAP_S) is not None:
                    continue  # static all the way: the camera would not move
                found = ((int(stamp), lookup(int(stamp), DEFAULT_MAX_GAP_S))
                         for stamp in self._stamps_ns)
                poses = [(stamp, pose) for stamp, pose in found if pose]
                if len(poses) > 1:
                    return self._trajectory(f'TF of {frame}', poses, frame)
        return None

    def imu(self) -> ImuSamples | None:
        """Return accelerations and turn rates in the camera's axes."""
        topic = self._topic(IMU)
        if topic is None:
            return None
        stamps, values, frame = self._columns(topic, _imu_values)
        offset = self._mounting(topic, frame)
        if offset is None or not self._overlaps(topic, stamps):
            return None
        rotation = offset.rotation
        return ImuSamples(stamps, values[:, :3] @ rotation.T, values[:, 3:] @ rotation.T)

    def gnss(self) -> GnssFixes | None:
        """Return the positions by satellites; messages without a fix are counted."""
        topic = self._topic(GNSS)
        if topic is None:
            return None
        stamps, values, _ = self._columns(topic, _fix_values)
        lost = self._bag.count(topic) - len(stamps)
        if lost:
            self._say(f'{topic}: {lost} of {self._bag.count(topic)} messages have no fix and are '
                      'left out')
        if not self._overlaps(topic, stamps):
            return None
        positions_m = enu_from_geodetic(values[:, :3], values[0, :3])
        return GnssFixes(stamps, positions_m, values[:, 3:])

    def _topic(self, kind: str) -> str | None:
        """Return the topic of a type with most messages, and say so where there are several."""
        topics = sorted(topics_of(self._bag, kind), key=self._bag.count, reverse=True)
        if len(topics) > 1:
            self._say(f'{topics[0]} is taken of {", ".join(sorted(topics))}: it has most messages')
        return topics[0] if topics else None

    def _columns(self, topic: str, values_of: Callable[[Message], Sequence[float] | None],
                 ) -> tuple[NDArray[np.int64], Floats, str]:
        """Return rising stamps (N,), values (N, 6) and the frame of the usable messages."""
        rows: dict[int, Sequence[float]] = {}
        frame = ''
        for message in self._bag.messages(topic, []):
            values = values_of(message)
            frame = message.header.frame_id
            if values is not None and np.isfinite(values[:3]).all():
                rows.setdefault(stamp_ns(message.header.stamp), values)
        stamps = np.array(sorted(rows), np.int64)
        return stamps, np.array([rows[int(stamp)] for stamp in stamps]).reshape(-1, 6), frame

    def _mounting(self, topic: str, frame: str) -> Pose | None:
        """Return camera_from_frame of a frame that is fixed to the camera."""
        if frame_name(frame) in ('', self._camera):
            return Pose()
        with suppress(InputError):
            offset = self._tree.lookup(self._camera, frame)(NEVER_NS, DEFAULT_MAX_GAP_S)
            if offset:
                return offset
        self._say(f'{topic} is in the frame {frame!r}, and TF has no fixed way from it to the '
                  f'camera {self._camera!r}: it is left out')
        return None

    def _trajectory(self, name: str, poses: list[tuple[int, Pose]],
                    frame: str) -> Trajectory | None:
        if not self._overlaps(name, np.array([stamp for stamp, _ in poses], np.int64)):
            return None
        return Trajectory.from_poses(poses, frame, self._camera)

    def _overlaps(self, name: str, stamps_ns: NDArray[np.int64]) -> bool:
        """Return whether a sensor was recorded while images were taken; else say so."""
        images = self._stamps_ns
        if not len(stamps_ns):
            return False
        apart_s = max(int(stamps_ns.min()) - int(images.max()),
                      int(images.min()) - int(stamps_ns.max())) / 1e9
        if apart_s > 0:
            self._say(f'{name} and the images have no time in common, they are {apart_s:.0f} s '
                      'apart (another clock?): it is left out')
        return apart_s <= 0

    def _say(self, text: str) -> None:
        self.notes.append(f'{self._bag.path.name}: {text}')


def _vector(message: Any) -> Iterator[float]:  # noqa: ANN401 - a geometry_msgs/Vector3
    return (float(getattr(message, axis)) for axis in 'xyz')


def _imu_values(message: Message) -> Sequence[float] | None:
    """Return acceleration and turn rate; None where a covariance says that one is missing."""
    if -1 in (message.linear_acceleration_covariance[0], message.angular_velocity_covariance[0]):
        return None
    return [*_vector(message.linear_acceleration), *_vector(message.angular_velocity)]


def _fix_values(message: Message) -> Sequence[float] | None:
    """Return latitude, longitude, height, and sigmas to the east, north and up; None: no fix."""
    if message.status.status < 0:
        return None
    known = message.position_covariance_type != 0
    variances = np.asarray(message.position_covariance, np.float64)[[0, 4, 8]]
    sigmas = np.sqrt(np.maximum(variances, 0)) if known else np.full(3, np.nan)
    return [message.latitude, message.longitude, message.altitude, *sigmas.tolist()]
