"""A room of points with descriptors of their own, and the walks that see them: no image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import retract, so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.training.data.datasets import Dataset, Sample
from posenet_ros.training.landmarks.feature_cache import ViewFeatures

CAMERA = Camera(640, 480, 400.0, 400.0, 319.5, 239.5)
AHEAD = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # looks along y, z is up
DEPTH_M = 6.0
PIXEL = 1 / CAMERA.fx


def scene_points(count: int, seed: int = 0) -> np.ndarray:
    """Draw points on an uneven wall, (N, 3) metres."""
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(-4, 8, count), DEPTH_M + rng.uniform(-1, 1, count),
                            rng.uniform(-3, 3, count)])


def walk_poses(count: int, height_m: float, seed: int) -> list[Pose]:
    """Return the poses of a walk along the wall, which turns a little."""
    rng = np.random.default_rng(seed)
    turns = np.cumsum(rng.normal(0, 0.02, count))
    return [Pose.from_rotation(so3_exp([0, 0, turn]) @ AHEAD, (x, 0.1 * np.sin(x), height_m))
            for turn, x in zip(turns, np.linspace(0, 4, count), strict=True)]


def make_dataset(walks: int = 2, images: int = 12) -> Dataset:
    """Make the dataset of some walks; its images do not exist."""
    samples = [Sample(Path(f'seq{walk}/{i:03}.png'), f'seq{walk}/{i:03}.png', pose, f'seq{walk}')
               for walk in range(walks)
               for i, pose in enumerate(walk_poses(images, 0.4 * walk, walk))]
    return Dataset('room', tuple(samples), CAMERA)


def observe(dataset: Dataset, points_m: np.ndarray, noise_px: float = 0.3,
            seed: int = 0) -> list[ViewFeatures]:
    """
    Observe the points of a scene in all images, each with noise and a descriptor that varies.

    The colour of a keypoint is that of its point: its index in two bytes.
    """
    rng = np.random.default_rng(seed)
    own = np.random.default_rng(99).gamma(0.3, 1.0, (len(points_m), 128))  # in every walk
    colors = np.column_stack([np.arange(len(points_m)) // 256, np.arange(len(points_m)) % 256,
                              np.zeros(len(points_m), int)]).astype(np.uint8)
    views = []
    for sample in dataset.samples:
        seen = (points_m - sample.map_from_camera.translation_m) @ sample.map_from_camera.rotation
        rays = seen[:, :2] / seen[:, 2:]
        inside = np.flatnonzero((seen[:, 2] > 0) & (np.abs(rays) < (0.8, 0.6)).all(axis=1))
        inside = rng.permutation(inside)
        noisy = rays[inside] + rng.normal(0, noise_px * PIXEL, (len(inside), 2))
        histograms = own[inside] * rng.uniform(0.7, 1.3, (len(inside), 128))
        roots = np.sqrt(histograms / histograms.sum(axis=1, keepdims=True))
        views.append(ViewFeatures(Features(noisy, np.round(255 * roots).astype(np.uint8)),
                                  colors[inside]))
    return views


def disturbed(dataset: Dataset, sigma_m: float, sigma_deg: float, seed: int = 0) -> Dataset:
    """Disturb the poses of a dataset."""
    rng = np.random.default_rng(seed)
    samples = tuple(replace(sample, map_from_camera=retract(
        sample.map_from_camera, np.concatenate([
            rng.normal(0, sigma_m, 3), rng.normal(0, np.radians(sigma_deg), 3)])))
        for sample in dataset.samples)
    return replace(dataset, samples=samples)
