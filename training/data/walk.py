"""A walk: the images that a camera took in order, with what else was recorded beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import Trajectory


@dataclass(frozen=True)
class WalkImage:
    """
    An image of a walk.

    :param path: of the image file.
    :param name: unique among all walks, relative to their common folder.
    :param stamp_ns: when it was taken, nanoseconds; None where nothing says it.
    :param map_from_camera: its pose where poses are given.
    :param right: of a stereo pair, the right image's file.
    :param depth: file of its depth image, 16-bit millimetres.
    """

    path: Path
    name: str
    stamp_ns: int | None = None
    map_from_camera: Pose | None = None
    right: Path | None = None
    depth: Path | None = None


@dataclass(frozen=True, eq=False)
class ImuSamples:
    """
    Accelerations and turn rates of an inertial unit, in the camera's optical axes.

    :param stamps_ns: (N,) nanoseconds, rising.
    :param accelerations: (N, 3) metres per second squared, gravity included (upwards at rest).
    :param turn_rates: (N, 3) radians per second.
    """

    stamps_ns: NDArray[np.int64]
    accelerations: Floats
    turn_rates: Floats


@dataclass(frozen=True, eq=False)
class GnssFixes:
    """
    Positions by satellites, east north up of the first fix.

    :param stamps_ns: (N,) nanoseconds, rising.
    :param positions_m: (N, 3) metres.
    :param sigmas_m: (N, 3) standard deviations, metres.
    """

    stamps_ns: NDArray[np.int64]
    positions_m: Floats
    sigmas_m: Floats


@dataclass(frozen=True, eq=False)
class Walk:
    """
    Images in the order in which they were taken, and the sensors beside them.

    :param name: of the walk; its images' names begin with it.
    :param camera: of all its images; None where it is not known.
    :param odometry: poses odom_from_camera.
    :param tf: poses of the camera in a metric fixed frame, from TF.
    :param stereo_baseline_m: distance of the right camera, along x of the left one.
    :param notes: what is to be told about the walk, a line each: left out, counted, not found.
    """

    name: str
    images: tuple[WalkImage, ...]
    camera: Camera | None = None
    odometry: Trajectory | None = None
    tf: Trajectory | None = None
    imu: ImuSamples | None = None
    gnss: GnssFixes | None = None
    stereo_baseline_m: float | None = None
    notes: tuple[str, ...] = ()
