"""A textured wall, rendered through any lens, and a map of spots on it with patches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import EQUIDISTANT
from posenet_ros.geometry.lie import so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.landmark_map import LandmarkMap, Views
from posenet_ros.landmarks.options import FeatureOptions

PINHOLE = Camera(200, 150, 150.0, 152.0, 99.0, 76.0)
DISTORTED = Camera(200, 150, 150.0, 152.0, 99.0, 76.0, (-0.2, 0.05, 0.001, -0.002))
FISHEYE = Camera(200, 150, 150.0, 151.0, 99.0, 76.0, (0.02, -0.01, 0.0, 0.0), EQUIDISTANT)
DISTANCE_M, TEXEL_M = 3.0, 0.01
SPOTS = 200


def make_texture(seed: int = 0) -> np.ndarray:
    """Return the grey values of a wall of 8 x 6 m, (600, 800) float32."""
    rng = np.random.default_rng(seed)
    layers = [cv2.GaussianBlur(rng.normal(size=(600, 800)).astype(np.float32), (0, 0), sigma)
              for sigma in (1.5, 3, 8)]
    return sum(layer / layer.std() for layer in layers) * 22 + 128


@cache
def rays_of(camera: Camera) -> list[np.ndarray]:
    """Return four rays of each pixel, in four arrays (H * W, 3)."""
    rows, columns = np.mgrid[:camera.height, :camera.width]
    pixels = np.column_stack([columns.ravel(), rows.ravel()])
    return [np.column_stack([camera.undistort_points(pixels + shift), np.ones(len(pixels))])
            for shift in ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25))]


def render(texture: np.ndarray, pose: Pose, camera: Camera) -> np.ndarray:
    """Render the wall, which stands at z = DISTANCE_M, in four rays a pixel: (H, W) uint8."""
    total = np.zeros((camera.height, camera.width), np.float32)
    for straight in rays_of(camera):
        rays = straight @ pose.rotation.T
        spots = pose.translation_m + rays * (
            (DISTANCE_M - pose.translation_m[2]) / rays[:, 2])[:, np.newaxis]
        at = np.nan_to_num(spots[:, :2] / TEXEL_M + (400, 300)).astype(np.float32)
        total += cv2.remap(texture, *at.reshape(*total.shape, 2).transpose(2, 0, 1).copy(),
                           cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT) / 4
    return np.clip(np.round(total), 0, 255).astype(np.uint8)


def tilted(position_m: Sequence[float], *degrees: float) -> Pose:
    """Return a pose that looks at the wall, turned about x, y and z."""
    return Pose.from_rotation(so3_exp(np.radians(degrees or (0, 0, 0))), position_m)


VIEWS = (tilted((0, 0, 0)), tilted((-0.5, 0.1, 0.2), 2, 6, 0),
         tilted((0.5, -0.1, -0.1), -3, -6, 4))
QUERY = tilted((0.2, 0.15, 0.3), 3, -4, 8)
WALKED = Pose((0.215, 0.14, 0.31), QUERY.quat_xyzw)  # a pixel off


def write_views(folder: Path, texture: np.ndarray, cameras: Sequence[Camera]) -> list[Path]:
    """Write the images of the views."""
    paths = [folder / f'{i}.png' for i in range(len(VIEWS))]
    for path, pose, camera in zip(paths, VIEWS, cameras, strict=True):
        cv2.imwrite(str(path), render(texture, pose, camera))
    return paths


def make_map(cameras: Sequence[Camera], spots: int = SPOTS) -> LandmarkMap:
    """Return a map, without patches, of spots on the wall that each view within reach sees."""
    rng = np.random.default_rng(1)
    points = np.column_stack([rng.uniform((-2.6, -1.2), (2.6, 1.2), (spots, 2)),
                              np.full(spots, DISTANCE_M)])
    seen = []
    for pose, camera in zip(VIEWS, cameras, strict=True):
        pixels = camera.project(pose.inverse().apply(points))
        seen.append(np.flatnonzero(((pixels > 1) & (pixels < np.array(camera.size) - 2)).all(1)))
    kinds = tuple(dict.fromkeys(cameras))
    views = Views(('0', '1', '2'), ('a', 'a', 'b'), np.array([p.translation_m for p in VIEWS]),
                  np.array([p.quat_xyzw for p in VIEWS]), np.empty((3, 0), np.float16),
                  np.full(3, np.nan, np.float32), kinds,
                  np.array([kinds.index(camera) for camera in cameras], np.int32))
    return LandmarkMap(
        views, points.astype(np.float32), np.zeros((spots, 128), np.uint8),
        np.zeros((spots, 3), np.uint8), np.cumsum([0, *map(len, seen)]).astype(np.int32),
        np.concatenate(seen).astype(np.int32), features=FeatureOptions(200, patch_width=200))
