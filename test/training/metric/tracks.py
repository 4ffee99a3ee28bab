"""Walks without images: a path, a reconstruction of it, and what sensors recorded along it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.similarity import Similarity
from posenet_ros.training.data.datasets import Dataset, Sample
from posenet_ros.training.data.walk import GnssFixes, ImuSamples, Walk, WalkImage
from posenet_ros.training.scene.sensors.options import GnssNoise, ImuNoise, OdometryNoise
from posenet_ros.training.scene.sensors.simulation import (
    Motion,
    motion_times,
    NS_PER_S,
    simulate_gnss,
    simulate_imu,
    simulate_odometry,
)

CAMERA = Camera(640, 480, 460.0, 460.0, 319.5, 239.5)
START_NS = 1_700_000_000 * NS_PER_S
UNITS_PER_M = 0.37  # of the reconstructions here


def walk_about(seed: int, duration_s: float = 90.0, rate_hz: float = 200.0,
               half_size_m: tuple[float, float] = (9.0, 6.0)) -> Motion:
    """Walk about a lawn as people do: bobbing, swaying, looking round."""
    random = np.random.default_rng(seed)
    t = motion_times(duration_s, rate_hz)
    a, b, c, d, e = random.uniform(0, 2 * np.pi, 5)
    periods = 1.35 / (4 * np.array(half_size_m)) * random.uniform(0.8, 1.2, 2)  # 1.35 m/s
    step = 2 * np.pi * 0.95 * t
    positions = np.column_stack([
        half_size_m[0] * np.sin(2 * np.pi * periods[0] * t + a),
        half_size_m[1] * np.sin(2 * np.pi * periods[1] * t + b),
        1.65 + 0.025 * np.sin(2 * step + c) + 0.03 * np.sin(0.8 * t + d)])
    yaw = np.pi / 2 + np.sin(2 * np.pi * t / 13 + a) + 0.25 * np.sin(2 * np.pi * t / 5 + e)
    pitch = np.radians(6.5 + 3 * np.sin(0.9 * t + b))
    roll = np.radians(np.sin(step + c) + 0.8 * np.sin(0.7 * t + d))
    return Motion(t, positions, optical_rotations(yaw, pitch, roll))


def optical_rotations(yaw: Floats, pitch: Floats, roll: Floats) -> Floats:
    """Return rotations (M, 3, 3) map_from_camera of headings, upward pitch and roll, radians."""
    level = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # x ahead, z up
    zero = np.zeros_like(yaw)
    turns = [so3_exp(np.column_stack(axis)) for axis in (
        (zero, zero, yaw), (zero, -pitch, zero), (roll, zero, zero))]
    return np.asarray(turns[0] @ turns[1] @ turns[2] @ level)


def reconstruct(motion: Motion, seed: int = 0, rate_hz: float = 2.5, name: str = 'walk1',
                sigma_m: float = 0.011, sigma_deg: float = 0.06,
                reconstruction_from_map: Similarity | None = None) -> tuple[Dataset, Walk]:
    """Return what structure from motion makes of a motion, and its walk without sensors."""
    random = np.random.default_rng((seed, 1))
    similarity = reconstruction_from_map or any_similarity(seed)
    samples, images = [], []
    for number, index in enumerate(motion.every(rate_hz)):
        turn = so3_exp(random.normal(0, np.radians(sigma_deg) / 3 ** 0.5, 3))
        pose = Pose.from_rotation(
            motion.rotations[index] @ turn,
            motion.positions_m[index] + random.normal(0, sigma_m / 3 ** 0.5, 3))
        image = f'{name}/{number:05d}.jpg'
        stamp_ns = START_NS + round(motion.times_s[index] * NS_PER_S)
        samples.append(Sample(Path(image), image, similarity.apply_to_pose(pose), name))
        images.append(WalkImage(Path(image), image, stamp_ns))
    return Dataset('test', tuple(samples), CAMERA), Walk(name, tuple(images), CAMERA)


def any_similarity(seed: int) -> Similarity:
    """Return a frame as structure from motion leaves it."""
    random = np.random.default_rng((seed, 2))
    return Similarity(UNITS_PER_M, Pose.from_rotation(
        so3_exp(random.uniform(-1.5, 1.5, 3)), random.normal(size=3)))


def with_odometry(walk: Walk, motion: Motion, seed: int, noise: OdometryNoise) -> Walk:
    """Add simulated odometry."""
    found = simulate_odometry(motion, noise, np.random.default_rng((seed, 3)))
    return replace(walk, odometry=replace(found, stamps_ns=found.stamps_ns + START_NS))


def with_imu(walk: Walk, motion: Motion, seed: int, noise: ImuNoise | None = None) -> Walk:
    """Add a simulated inertial unit."""
    found = simulate_imu(motion, noise or ImuNoise(), np.random.default_rng((seed, 4)))
    return replace(walk, imu=ImuSamples(
        found.stamps_ns + START_NS, found.accelerations, found.turn_rates))


def with_gnss(walk: Walk, motion: Motion, seed: int, noise: GnssNoise | None = None) -> Walk:
    """Add a simulated satellite receiver."""
    found = simulate_gnss(motion, noise or GnssNoise(), np.random.default_rng((seed, 5)))
    return replace(walk, gnss=GnssFixes(
        found.stamps_ns + START_NS, found.positions_m, found.sigmas_m))
