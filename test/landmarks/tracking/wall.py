"""A textured wall that a camera sees, and the map of its landmarks: exact and quick to draw."""

from __future__ import annotations

import cv2
import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.landmark_map import LandmarkMap, Views

DEPTH_M = 5.0  # of the wall, along z
HALF_SIZE_M = 10.0
PIXELS_PER_M = 80
CAMERA = Camera(320, 240, 230.0, 230.0, 159.5, 119.5)
DISTORTED = Camera(320, 240, 230.0, 230.0, 159.5, 119.5, (-0.25, 0.06, 0.001, -0.001))


def texture(seed: int = 0) -> np.ndarray:
    """Return a random texture with structure at several scales, uint8."""
    rng = np.random.default_rng(seed)
    side = int(2 * HALF_SIZE_M * PIXELS_PER_M)
    total = np.zeros((side, side), np.float32)
    for cells, weight in ((50, 1.0), (150, 0.8), (400, 0.6)):
        coarse = rng.normal(size=(cells, cells)).astype(np.float32)
        total += weight * cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 40 * total, 0, 255).astype(np.uint8)


def draw(wall: np.ndarray, pose: Pose, camera: Camera = CAMERA) -> np.ndarray:
    """Return what a camera at map_from_camera sees, (H, W) uint8."""
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = camera.undistort_points(np.column_stack([columns.ravel(), rows.ravel()]))
    directions = np.column_stack([rays, np.ones(len(rays))]) @ pose.rotation.T
    scale = (DEPTH_M - pose.translation_m[2]) / directions[:, 2]
    spots = pose.translation_m[:2] + scale[:, np.newaxis] * directions[:, :2]
    places = ((spots + HALF_SIZE_M) * PIXELS_PER_M).astype(np.float32)
    image = cv2.remap(wall, *(places[:, axis].reshape(camera.height, camera.width)
                              for axis in (0, 1)), cv2.INTER_LINEAR)
    return cv2.GaussianBlur(image, (0, 0), 0.7)


def pose_at(x: float, y: float = 0.0, z: float = 0.0, yaw_deg: float = 0.0,
            roll_deg: float = 0.0) -> Pose:
    """Return map_from_camera; `yaw_deg` to the right."""
    rotation = so3_exp(np.radians([0, yaw_deg, 0])) @ so3_exp(np.radians([0, 0, roll_deg]))
    return Pose.from_rotation(rotation, (x, y, z))


def wall_map(landmarks: int = 3000, seed: int = 1) -> LandmarkMap:
    """Return a map of random spots of the wall, seen by views in front of it."""
    rng = np.random.default_rng(seed)
    points = np.column_stack([rng.uniform(-9, 9, (landmarks, 2)), np.full(landmarks, DEPTH_M)])
    positions = np.array([(x, y, 0.0) for x in np.arange(-7, 7.1, 1.0) for y in (-1.0, 1.0)])
    parts = [np.flatnonzero(np.abs(points[:, :2] - position[:2]).max(axis=1) < 4)
             for position in positions]
    count = len(positions)
    views = Views(('',) * count, ('walk',) * count, positions, np.tile((0., 0, 0, 1), (count, 1)),
                  np.empty((count, 0), np.float16), np.full(count, np.nan, np.float32))
    starts = np.append(0, np.cumsum([len(part) for part in parts])).astype(np.int32)
    return LandmarkMap(
        views, points.astype(np.float32), np.zeros((landmarks, 128), np.uint8),
        np.empty((0, 3), np.uint8), starts, np.concatenate(parts).astype(np.int32))
