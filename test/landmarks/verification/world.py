"""A facade of bays that look alike or not, its map, and images of it: points, not pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import LandmarkMap, Views

CAMERA = Camera(480, 360, 400.0, 400.0, 239.5, 179.5)
BAY_M, DEPTH_M = 6.0, 6.0
POINTS = 160  # of a bay


class Facade:
    """
    Bays side by side along x, seen along z from `DEPTH_M` away.

    :param kinds: of the bays; those of one kind are copies of each other.
    """

    def __init__(self, kinds: Sequence[int], own: float = 0.0) -> None:
        points, descriptors = [], []
        for index, kind in enumerate(kinds):
            rng = np.random.default_rng(kind)
            where = rng.uniform((-BAY_M / 2, -2.2, 0), (BAY_M / 2, 2.2, 1.5), (POINTS, 3))
            points.append(where + np.array([index * BAY_M, 0, DEPTH_M]))
            look = rng.integers(0, 256, (POINTS, 128))
            alone = np.random.default_rng(1000 + index)
            unique = np.arange(POINTS) < own * POINTS
            look[unique] = alone.integers(0, 256, (unique.sum(), 128))
            descriptors.append(look)
        self.points_m = np.concatenate(points)
        self.descriptors = np.concatenate(descriptors).astype(np.uint8)

    def seen_from(self, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
        """Return the points that a camera sees, and where, normalised image coordinates."""
        inside = pose.inverse().apply(self.points_m)
        normalized = inside[:, :2] / inside[:, 2:]
        pixels = normalized * CAMERA.fx + (CAMERA.cx, CAMERA.cy)
        seen = np.flatnonzero((inside[:, 2] > 0.1) & (pixels >= 3).all(axis=1)
                              & (pixels < np.array(CAMERA.size) - 4).all(axis=1))
        return seen, normalized[seen]

    def photograph(self, pose: Pose, seed: int = 0, found: float = 0.7,
                   others: int = 150) -> Features:
        """Return the features of an image: some of the points, half a pixel off, and others."""
        rng = np.random.default_rng(seed)
        seen, normalized = self.seen_from(pose)
        kept = rng.random(len(seen)) < found
        seen, normalized = seen[kept], normalized[kept]
        descriptors = self.descriptors[seen] + rng.normal(0, 12, (len(seen), 128))
        chance = (rng.uniform((5, 5), (474, 354), (others, 2)) - (CAMERA.cx, CAMERA.cy))
        return Features(
            np.concatenate([normalized + rng.normal(0, 0.5 / CAMERA.fx, normalized.shape),
                            chance / CAMERA.fx]),
            np.clip(np.concatenate([descriptors, rng.integers(0, 256, (others, 128))]), 0,
                    255).astype(np.uint8), CAMERA.fx, None, CAMERA)

    def make_map(self, positions_m: Sequence[float], metric: bool = True) -> LandmarkMap:
        """Return the map of views at positions along the facade, of what two of them see."""
        poses = [Pose((x, 0.0, 0.0)) for x in positions_m]
        seen = [self.seen_from(pose)[0] for pose in poses]
        count = np.bincount(np.concatenate(seen), minlength=len(self.points_m))
        new = np.cumsum(count >= 2) - 1
        parts = [new[each[count[each] >= 2]] for each in seen]
        kept, views = count >= 2, len(poses)
        return LandmarkMap(
            Views(tuple(f'{x}' for x in positions_m), ('a',) * views,
                  np.array([pose.translation_m for pose in poses]),
                  np.array([pose.quat_xyzw for pose in poses]),
                  np.zeros((views, 0), np.float16), np.full(views, np.nan, np.float32)),
            self.points_m[kept].astype(np.float32), self.descriptors[kept],
            np.zeros((int(kept.sum()), 3), np.uint8),
            np.cumsum([0, *map(len, parts)]).astype(np.int32),
            np.concatenate(parts).astype(np.int32), metric=metric)
