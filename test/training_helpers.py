"""Tiny datasets for the tests of the training: a textured wall, walked past."""

from __future__ import annotations

from collections.abc import Callable, Iterable
import csv
import json
from pathlib import Path

import cv2
import numpy as np
from posenet_ros.datasets import pose_files
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
import pytest

CAMERA = Camera(96, 72, 80.0, 80.0, 47.5, 35.5)
LARGE_CAMERA = Camera(320, 240, 266.0, 266.0, 159.5, 119.5)  # sees enough for landmarks
WALL_M = 6.0  # its distance from the path
PIXELS_PER_M = 24.0
# x right, y down, z forward in a map with z up, looking along +y
MAP_FROM_CAMERA = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


def wall_texture() -> np.ndarray:
    """Return the wall's picture, 24 m wide and 12 m high: blobs of random colour."""
    coarse = np.random.default_rng(5).integers(0, 256, (24, 48, 3), np.uint8)
    size = int(24 * PIXELS_PER_M), int(12 * PIXELS_PER_M)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)


def wall_view(map_from_camera: Pose, camera: Camera = CAMERA) -> np.ndarray:
    """Return the picture of the wall, exact to the interpolation."""
    # texture (u, v) -> wall point x = u / p - 12, y = WALL_M, z = 6 - v / p
    wall = np.array([[1 / PIXELS_PER_M, 0, -12], [0, 0, WALL_M], [0, -1 / PIXELS_PER_M, 6],
                     [0, 0, 1]])
    homography = camera.matrix @ map_from_camera.inverse().matrix[:3] @ wall
    return cv2.warpPerspective(wall_texture(), homography, camera.size, flags=cv2.INTER_AREA)


def walk(count: int, seed: int) -> list[Pose]:
    """Return poses along the wall that look at it, give or take a few degrees."""
    rng = np.random.default_rng(seed)
    poses = []
    for x in np.linspace(-4, 4, count):
        turn, _ = cv2.Rodrigues(np.radians(rng.uniform(-4, 4, 3)))
        position = np.array([x, 0.3 * np.sin(x), 0]) + rng.uniform(-0.1, 0.1, 3)
        poses.append(Pose.from_rotation(MAP_FROM_CAMERA @ turn, position))
    return poses


def write_wall_dataset(folder: Path, sequences: int = 3, count: int = 12,
                       with_camera: bool = True, camera: Camera = CAMERA) -> dict[str, Pose]:
    """
    Write a dataset in Cambridge layout; the last walk is the test split.

    :returns: the pose of each image by its name.
    """
    poses, rows = {}, {'train': [], 'test': []}
    for s in range(sequences + 1):
        split = 'test' if s == sequences else 'train'
        (folder / f'seq{s + 1}').mkdir(parents=True)
        for i, pose in enumerate(walk(count, s)):
            name = f'seq{s + 1}/frame{i:05}.png'
            cv2.imwrite(str(folder / name), wall_view(pose, camera)[..., ::-1])
            rows[split].append((name, pose))
            poses[name] = pose
    for split, part in rows.items():
        pose_files.write_cambridge(folder / f'dataset_{split}.txt', part)
    if with_camera:
        (folder / 'camera.json').write_text(json.dumps(camera.to_mapping()))
    return poses


class MeanColour:
    """Stands in for the pretrained features."""

    def predict(self, images: np.ndarray, **_: object) -> np.ndarray:
        """Return (N, 3)."""
        return images.mean(axis=(1, 2))


def use_tiny_backbone(replace: Callable[[object, str, object], None] = setattr) -> None:
    """
    Replace the networks by tiny ones, so that training takes seconds; they are not tried in int8.

    :param replace: `setattr`, or monkeypatch's for the length of a test.
    """
    import keras
    from posenet_ros.networks import backbones
    from posenet_ros.training.fitting import model_folder as result
    from posenet_ros.training.pipelines import training_run

    def features(config: object, images: object) -> tuple[object, tuple[()]]:
        x = keras.layers.Rescaling(1 / 64, -2)(images)
        for filters in (8, 16):
            x = keras.layers.Conv2D(filters, 5, 4, padding='same', activation='relu',
                                    name=f'conv{filters}')(x)
        return keras.layers.BatchNormalization(momentum=0.5)(x), ()

    replace(backbones, 'features', features)
    replace(result, 'feature_extractor', lambda *_: MeanColour())
    replace(training_run, 'may_be_faster', lambda _: False)


def train_arguments(data: Path, out: Path, settings: Iterable[str],
                    more: Iterable[str] = ()) -> list[str]:
    """Return the command line of a training with the preset `smoke`, changed."""
    pairs = [part for setting in settings for part in ('--set', setting)]
    return ['--preset', 'smoke', '--data', str(data), '--out', str(out), *pairs, *more]


def train_tiny(data: Path, out: Path, settings: Iterable[str]) -> Path:
    """Train a model folder with tiny networks; returns it."""
    from posenet_ros.training import train
    with pytest.MonkeyPatch.context() as patch:
        use_tiny_backbone(patch.setattr)
        assert train.main(train_arguments(data, out, settings)) == 0
    return out


def read_log(file: Path) -> list[dict[str, str]]:
    """Return the rows of a training's log without the seconds, which differ each time."""
    with file.open() as stream:
        return [{k: v for k, v in row.items() if k != 'seconds'} for row in csv.DictReader(stream)]
