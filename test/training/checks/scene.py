"""Walks among points, and their matches without any image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import so3_exp
from posenet_ros.landmarks.features import Features
from posenet_ros.training.checks.epipolar import Poses
from posenet_ros.training.checks.matched_pairs import MatchedPair, MatchSample

CAMERA = Camera(320, 240, 200.0, 200.0, 159.5, 119.5)
IMAGES = 16  # of each of two walks
NOISE_PX = 0.3
AHEAD = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # looks along y, z is up


def walk_poses(seed: int) -> Poses:
    """Return a walk along x whose camera turns and climbs, never evenly."""
    rng = np.random.default_rng(seed)
    steps = rng.uniform([0.2, -0.15, -0.1], [0.4, 0.15, 0.1], (IMAGES, 3))
    turns = np.cumsum(rng.normal(0, 0.06, (IMAGES, 3)), axis=0)
    start = np.array([0, 0.3 * seed, 0.2 * seed])
    return Poses(so3_exp(turns) @ AHEAD, start + np.cumsum(steps, axis=0))


def two_walks() -> Poses:
    """Return the poses of both walks."""
    walks = walk_poses(0), walk_poses(1)
    return Poses(*(np.concatenate(parts) for parts in zip(*walks, strict=True)))


def observe(poses: Poses, seed: int = 0) -> MatchSample:
    """Match what images see of some points: neighbours, and each image with the other walk's."""
    rng = np.random.default_rng(seed)
    points = rng.uniform([-3, 3, -3], [9, 9, 3], (160, 3))
    in_camera = np.einsum('nji,npj->npi', poses.rotations, points - poses.positions_m[:, None])
    rays = in_camera[..., :2] / in_camera[..., 2:] + rng.normal(
        0, NOISE_PX / CAMERA.fx, (len(poses.rotations), len(points), 2))
    visible = (in_camera[..., 2] > 0.5) & (np.abs(rays) < (0.8, 0.6)).all(axis=2)
    features = {i: Features(one, np.zeros((len(points), 128), np.uint8), CAMERA.fx)
                for i, one in enumerate(rays)}
    wanted = [(w * IMAGES + i, w * IMAGES + i + step, True) for w in (0, 1) for step in (1, 2)
              for i in range(IMAGES - step)]
    wanted += [(i, IMAGES + i, False) for i in range(IMAGES)]
    pairs = []
    for first, second, neighbours in wanted:
        both = np.flatnonzero(visible[first] & visible[second])
        if len(both) >= 8:
            pairs.append(MatchedPair(first, second, np.column_stack([both, both]), neighbours))
    return MatchSample(pairs, features, np.repeat([0, 1], IMAGES))


def moved(sample: MatchSample, move: Callable[[Floats], Floats],
          images: Callable[[int], bool] = lambda _: True) -> MatchSample:
    """Return a sample whose keypoints of some images are moved, as by another camera."""
    return replace(sample, features={
        i: one._replace(points_normalized=move(one.points_normalized)) if images(i) else one
        for i, one in sample.features.items()})
