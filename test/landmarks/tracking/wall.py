"""A textured wall that a camera sees, and the map of its landmarks: exact and quick to draw."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.landmark_map import LandmarkMap, NO_PATCH, PATCH_SIZE, Views
from posenet_ros.landmarks.options import FeatureOptions
from posenet_ros.landmarks.patches.alignment import smooth_image

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


def with_patches(landmark_map: LandmarkMap, wall: np.ndarray) -> LandmarkMap:
    """Return the map with a patch of each landmark, cut from the first view that sees it."""
    views, count = landmark_map.views, len(landmark_map.points_m)
    patches = np.zeros((count, PATCH_SIZE, PATCH_SIZE), np.uint8)
    patch_views, corners = np.full(count, NO_PATCH, np.int32), np.zeros((count, 2), np.int16)
    for view in range(len(views)):
        image = smooth_image(draw(wall, views.pose(view)))
        seen = landmark_map.seen_by(view)
        pixels = CAMERA.project(views.pose(view).inverse().apply(landmark_map.points_m[seen]))
        corner = np.round(pixels).astype(int) - PATCH_SIZE // 2
        inside = ((corner >= 0) & (corner < (320 - PATCH_SIZE, 240 - PATCH_SIZE))).all(axis=1)
        for landmark, (x, y) in zip(seen[inside], corner[inside], strict=True):
            if patch_views[landmark] == NO_PATCH:
                patch_views[landmark], corners[landmark] = view, (x, y)
                patches[landmark] = np.round(image[y:y + PATCH_SIZE, x:x + PATCH_SIZE])
    cameras = replace(views, cameras=(CAMERA,), camera_indices=np.zeros(len(views), np.int32))
    return replace(landmark_map, views=cameras, patches=patches, patch_views=patch_views,
                   patch_corners=corners, features=FeatureOptions(320))
