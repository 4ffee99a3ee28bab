"""Write the sensors of a scene's walks into a bag: odometry, IMU, GNSS, right and depth images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
import heapq
from pathlib import Path
from typing import NamedTuple

import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.geodesy import geodetic_from_enu
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import Trajectory
from posenet_ros.imaging.decoding import Frame
from posenet_ros.imaging.files import read_depth, read_image
from posenet_ros.ros_data.bag_writer import (
    BagWriter,
    camera_message,
    header,
    image_message,
    make,
    pose_message,
)
from posenet_ros.ros_data.messages import Message, NS_PER_S
from posenet_ros.training.data.datasets import Sample
from posenet_ros.training.data.walk import GnssFixes, ImuSamples, Walk, WalkImage
from posenet_ros.training.scene.sensors.files import read_walk, SensorFiles
from posenet_ros.training.scene.sensors.options import ImuNoise

ODOMETRY_TOPIC, IMU_TOPIC, GNSS_TOPIC = '/odom', '/imu/data_raw', '/fix'
RIGHT_TOPIC, RIGHT_CAMERA_TOPIC = '/camera/right/image_raw', '/camera/right/camera_info'
DEPTH_TOPIC = '/camera/depth_registered/image_raw'
ODOM_FRAME, BASE_FRAME, CAMERA_FRAME = 'odom', 'base_link', 'camera_optical_frame'
IMU_FRAME, GNSS_FRAME = 'imu_link', 'gnss_link'
# REP-103: from x right, y down, z forward to x forward, y left, z up
BASE_FROM_CAMERA = Pose(np.zeros(3), np.array([-0.5, 0.5, -0.5, 0.5]))
# the unit has the axes of the base, and stands beside the camera
BASE_FROM_IMU = Pose(BASE_FROM_CAMERA.apply(np.array(ImuNoise().lever_m)))
ORIGIN = 52.2043, 0.1165, 20.0  # degrees and metres: the court of King's College in Cambridge
AFTER_LAST = 2 ** 62  # a time that no message has, nanoseconds


class Event(NamedTuple):
    """A message of a sensor, and when it was recorded."""

    time_ns: int
    topic: str
    message: Message


class BagSensors:
    """
    The sensors of some walks, to be written beside their images.

    :param scene: folder of the dataset, rendered with sensors.
    :param samples: the images, walk by walk.
    :param start_ns: of the first walk.
    :param pause_s: between two walks, seconds.
    :raises InputError: when the scene has none.
    """

    def __init__(self, scene: Path, samples: Sequence[Sample], camera: Camera, start_ns: int,
                 pause_s: float) -> None:
        names = dict.fromkeys(sample.sequence for sample in samples)
        self._walks = {name: read_walk(SensorFiles(scene, name)) for name in names}
        lengths = [walk.images[-1].stamp_ns or 0 for walk in self._walks.values()]
        starts = start_ns + np.cumsum([0, *(end + round(pause_s * NS_PER_S) for end in lengths)])
        self._starts: dict[str, int] = dict(zip(names, starts.tolist(), strict=False))
        self._images = {image.name: image for walk in self._walks.values()
                        for image in walk.images}
        self._camera = camera
        self._events = self._all_events()
        self._next = next(self._events, None)

    @property
    def stereo(self) -> bool:
        """Whether there are right images."""
        return any(image.right for image in self._images.values())

    def stamp_ns(self, sample: Sample) -> int:
        """Return the stamp of an image, nanoseconds."""
        return self._starts[sample.sequence] + (self._images[sample.name].stamp_ns or 0)

    def write_until(self, bag: BagWriter, time_ns: int = AFTER_LAST) -> None:
        """Write what was recorded before a time and is not written."""
        while self._next and self._next.time_ns < time_ns:
            bag.write(self._next.topic, self._next.message, self._next.time_ns)
            self._next = next(self._events, None)

    def write_beside(self, bag: BagWriter, sample: Sample, time_ns: int) -> None:
        """Write the right image and the depth image of an image."""
        image = self._images[sample.name]
        baseline_m = self._walks[sample.sequence].stereo_baseline_m
        if image.right and baseline_m:
            info = camera_message(self._camera, time_ns, CAMERA_FRAME)
            info.p[3] = -self._camera.fx * baseline_m
            bag.write(RIGHT_CAMERA_TOPIC, info, time_ns)
            frame = Frame(read_image(image.right), time_ns, CAMERA_FRAME)
            bag.write(RIGHT_TOPIC, image_message(frame), time_ns)
        if image.depth:
            bag.write(DEPTH_TOPIC, depth_message(image, time_ns), time_ns)

    def _all_events(self) -> Iterator[Event]:
        for name, walk in self._walks.items():
            yield from heapq.merge(*_events(walk, self._starts[name]), key=lambda e: e.time_ns)


def _events(walk: Walk, start_ns: int) -> Iterator[Iterable[Event]]:
    """Yield the messages of each sensor of a walk, rising in time."""
    if walk.odometry:
        yield _odometry_events(walk.odometry, start_ns)
    if walk.imu:
        yield _imu_events(walk.imu, start_ns)
    if walk.gnss:
        yield _gnss_events(walk.gnss, start_ns)


def _odometry_events(odometry: Trajectory, start_ns: int) -> Iterator[Event]:
    camera_from_base = BASE_FROM_CAMERA.inverse()
    for i, stamp in enumerate((odometry.stamps_ns + start_ns).tolist()):
        pose = odometry.pose(i) @ camera_from_base
        inner = pose_message(pose, stamp, ODOM_FRAME).pose
        still = make('geometry_msgs/msg/Twist', *(
            make('geometry_msgs/msg/Vector3', 0.0, 0.0, 0.0) for _ in range(2)))
        yield Event(stamp, ODOMETRY_TOPIC, make(
            'nav_msgs/msg/Odometry', header(stamp, ODOM_FRAME), BASE_FRAME,
            make('geometry_msgs/msg/PoseWithCovariance', inner, np.zeros(36)),
            make('geometry_msgs/msg/TwistWithCovariance', still, np.zeros(36))))


def _imu_events(imu: ImuSamples, start_ns: int) -> Iterator[Event]:
    rotation = (BASE_FROM_IMU.inverse() @ BASE_FROM_CAMERA).rotation
    rates, forces = imu.turn_rates @ rotation.T, imu.accelerations @ rotation.T
    no_attitude = np.array([-1.0, *[0.0] * 8])  # as sensor_msgs/Imu says: there is none
    unknown = np.zeros(9)
    for stamp, rate, force in zip((imu.stamps_ns + start_ns).tolist(), rates.tolist(),
                                  forces.tolist(), strict=True):
        yield Event(stamp, IMU_TOPIC, make(
            'sensor_msgs/msg/Imu', header(stamp, IMU_FRAME),
            make('geometry_msgs/msg/Quaternion', 0.0, 0.0, 0.0, 1.0), no_attitude,
            make('geometry_msgs/msg/Vector3', *rate), unknown,
            make('geometry_msgs/msg/Vector3', *force), unknown))


def _gnss_events(gnss: GnssFixes, start_ns: int) -> Iterator[Event]:
    status = make('sensor_msgs/msg/NavSatStatus', 0, 1)  # a fix, by GPS
    places = geodetic_from_enu(gnss.positions_m, ORIGIN)
    for stamp, place, sigmas in zip((gnss.stamps_ns + start_ns).tolist(), places.tolist(),
                                    gnss.sigmas_m, strict=True):
        yield Event(stamp, GNSS_TOPIC, make(
            'sensor_msgs/msg/NavSatFix', header(stamp, GNSS_FRAME), status, *place,
            np.diag(sigmas ** 2).ravel(), 2))  # a known diagonal


def depth_message(image: WalkImage, time_ns: int) -> Message:
    """Return the sensor_msgs/Image of an image's depth, 16UC1, millimetres (REP-118)."""
    assert image.depth is not None
    depth = read_depth(image.depth)
    height, width = depth.shape
    return make('sensor_msgs/msg/Image', header(time_ns, CAMERA_FRAME), height, width, '16UC1', 0,
                2 * width, np.ascontiguousarray(depth).astype('<u2').view(np.uint8).ravel())


def mountings() -> list[tuple[Pose, str]]:
    """Return base_from_child and the name of each sensor's frame."""
    return [(BASE_FROM_IMU, IMU_FRAME), (Pose(), GNSS_FRAME)]
