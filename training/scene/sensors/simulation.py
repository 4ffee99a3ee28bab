"""Simulate odometry, inertial unit and satellite receiver along a motion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
import math

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import so3_exp, so3_log
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import Trajectory
from posenet_ros.training.data.walk import GnssFixes, ImuSamples
from posenet_ros.training.scene.sensors.options import GnssNoise, ImuNoise, OdometryNoise

NS_PER_S = 10**9
GRAVITY = np.array([0.0, 0.0, 9.80665])  # m/s^2, what an accelerometer at rest shows upwards
STENCIL_S = 0.04  # step of the derivatives: over the corners of a path that is a polyline
MARGIN_S = 3 * STENCIL_S


@dataclass(frozen=True, eq=False)
class Motion:
    """
    A motion at an even rate; it begins and ends MARGIN_S before and after the recording.

    :param times_s: (M,) seconds since the recording's start.
    :param positions_m: (M, 3) of the camera in the map.
    :param rotations: (M, 3, 3) map_from_camera.
    """

    times_s: Floats
    positions_m: Floats
    rotations: Floats

    @classmethod
    def from_poses(cls, pose_at: Callable[[float], Pose], duration_s: float,
                   rate_hz: float) -> Motion:
        """Sample a function from seconds to map_from_camera."""
        times_s = motion_times(duration_s, rate_hz)
        poses = [pose_at(time_s) for time_s in times_s.tolist()]
        return cls(times_s, np.array([pose.translation_m for pose in poses]),
                   np.array([pose.rotation for pose in poses]))

    @property
    def rate_hz(self) -> float:
        """Return the samples a second."""
        return float(1 / (self.times_s[1] - self.times_s[0]))

    @property
    def recorded(self) -> NDArray[np.intp]:
        """Return the indices of the samples within the recording."""
        margin = _margin(self.rate_hz)
        return np.arange(margin, len(self.times_s) - margin)

    def stamps_ns(self, chosen: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return the stamps of some samples since the recording's start, nanoseconds."""
        return np.round(self.times_s[chosen] * NS_PER_S).astype(np.int64)

    def every(self, rate_hz: float) -> NDArray[np.intp]:
        """Return the indices of recorded samples at a lower rate."""
        step = max(round(self.rate_hz / rate_hz), 1)
        return self.recorded[::step]


def motion_times(duration_s: float, rate_hz: float) -> Floats:
    """Return the times (M,) of a motion that is recorded for a while, seconds."""
    margin = _margin(rate_hz)
    return np.asarray(np.arange(-margin, int(duration_s * rate_hz) + margin + 1) / rate_hz)


def _margin(rate_hz: float) -> int:
    return math.ceil(MARGIN_S * rate_hz - 1e-6)


def noisy_step(step: Pose, sigma_m: float, turn: Floats, bias: float,
               random: np.random.Generator) -> Pose:
    """
    Return a measured step of odometry, before_from_after.

    :param sigma_m: standard deviation along each axis.
    :param turn: (3, 3) error of the rotation.
    :param bias: error of the length, a fraction.
    """
    return Pose.from_rotation(step.rotation @ turn, step.translation_m * (1 + bias)
                              + random.normal(0, sigma_m, 3))


def simulate_odometry(motion: Motion, noise: OdometryNoise,
                      random: np.random.Generator) -> Trajectory:
    """Add up noisy steps to poses odom_from_camera, the first of which is true."""
    chosen = motion.every(noise.rate_hz)
    poses = [Pose.from_rotation(motion.rotations[i], motion.positions_m[i]) for i in chosen]
    measured = [poses[0]]
    for before, after in pairwise(poses):
        step = before.inverse() @ after
        root = float(np.linalg.norm(step.translation_m)) ** 0.5
        turn = so3_exp(random.normal(0, np.radians(noise.sigma_deg) * root, 3))
        measured.append(measured[-1] @ noisy_step(
            step, noise.sigma_m * root, turn, noise.bias, random))
    return Trajectory.from_poses(
        zip(motion.stamps_ns(chosen).tolist(), measured, strict=True), 'odom')


def simulate_imu(motion: Motion, noise: ImuNoise, random: np.random.Generator) -> ImuSamples:
    """
    Differentiate the motion twice, by differences of fourth order, and add noise and bias.

    :param motion: of the unit's rate.
    """
    lever = np.asarray(noise.lever_m)
    way = motion.positions_m + motion.rotations @ lever
    step = round(STENCIL_S * motion.rate_hz)
    chosen = motion.recorded
    near, far = (way[chosen - k * step] + way[chosen + k * step] for k in (1, 2))
    accelerations = (16 * near - far - 30 * way[chosen]) / (12 * (step / motion.rate_hz) ** 2)
    before, at, after = (motion.rotations[chosen + shift] for shift in (-1, 0, 1))
    rates = so3_log(np.swapaxes(before, 1, 2) @ after) * motion.rate_hz / 2
    forces = np.einsum('nji,nj->ni', at, accelerations + GRAVITY)
    return ImuSamples(
        motion.stamps_ns(chosen),
        forces + _noise(forces, noise.acceleration_density, noise.acceleration_bias,
                        motion.rate_hz, random),
        rates + _noise(rates, noise.turn_rate_density, noise.turn_rate_bias, motion.rate_hz,
                       random))


def _noise(values: Floats, density: float, bias: float, rate_hz: float,
           random: np.random.Generator) -> Floats:
    """Return white noise (N, 3) of a density, which averages over a sample, and a bias."""
    return np.asarray(random.normal(0, bias, 3)
                      + random.normal(0, density * rate_hz ** 0.5, values.shape))


def simulate_gnss(motion: Motion, noise: GnssNoise, random: np.random.Generator) -> GnssFixes:
    """Add noise to the positions: east north up, from the first fix on."""
    chosen = motion.every(noise.rate_hz)
    sigmas = noise.sigma_m * np.array([1.0, 1.0, noise.vertical_factor])
    fixes = motion.positions_m[chosen] + random.normal(0, 1, (len(chosen), 3)) * sigmas
    return GnssFixes(motion.stamps_ns(chosen), fixes - fixes[0], np.tile(sigmas, (len(chosen), 1)))
