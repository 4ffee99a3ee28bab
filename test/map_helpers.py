"""Maps of joined landmarks for tests: of a textured wall, whose landmarks are where it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
import re
import shutil

import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.files import read_image
from posenet_ros.inference import artifact as artifacts
from posenet_ros.inference.map_artifact import make_map_artifact
from posenet_ros.inference.map_frame import Scale
from posenet_ros.landmarks.features import detect, Features
from posenet_ros.landmarks.landmark_file import load, save
from posenet_ros.landmarks.landmark_map import (
    LandmarkMap,
    PATCH_SIZE,
    per_view_map,
    Views,
    Vocabulary,
)
from posenet_ros.landmarks.matching import unit_rows
from posenet_ros.landmarks.vlad import global_descriptor
from training_helpers import LARGE_CAMERA, WALL_M, write_wall_dataset

CELL_M = 0.08  # features of one kind within it are one landmark
MIN_COSINE = 0.85
WORDS, DIMENSIONS = 16, 32
VIEWS, LANDMARKS = 40, 6000  # of a street


@dataclass(frozen=True, eq=False)
class Wall:
    """The views of a walk along the wall, with their features."""

    poses: dict[str, Pose]
    features: list[Features]

    @property
    def names(self) -> list[str]:
        """Return the names of the views."""
        return list(self.poses)


def spots_of(pose: Pose, features: Features) -> np.ndarray:
    """Return where on the wall the keypoints are, (N, 3)."""
    rays = np.column_stack([features.points_normalized, np.ones(len(features.descriptors))])
    rays = rays @ pose.rotation.T
    depth = (WALL_M - pose.translation_m[1]) / rays[:, 1]
    return pose.translation_m + depth[:, np.newaxis] * rays


def join(wall: Wall) -> list[list[tuple[int, int]]]:
    """Return the observations (view, keypoint) of each landmark that two views see."""
    groups: dict[tuple[int, int], list[list[tuple[int, int]]]] = {}
    for view, (pose, features) in enumerate(zip(wall.poses.values(), wall.features, strict=True)):
        rows = unit_rows(features.descriptors)
        for keypoint, spot in enumerate(spots_of(pose, features)):
            near = groups.setdefault(tuple(np.floor(spot[[0, 2]] / CELL_M).astype(int)), [])
            for track in near:
                other, there = track[0]
                alike = rows[keypoint] @ unit_rows(wall.features[other].descriptors[there])
                if alike > MIN_COSINE and view not in {each for each, _ in track}:
                    track.append((view, keypoint))
                    break
            else:
                near.append([(view, keypoint)])
    return [track for near in groups.values() for track in near if len(track) > 1]


def vocabulary_of(features: list[Features]) -> Vocabulary:
    """Return a vocabulary of words by chance, which is good enough for a wall."""
    rng = np.random.default_rng(0)
    rows = unit_rows(np.concatenate([each.descriptors for each in features]))
    size = WORDS * rows.shape[1]
    return Vocabulary(
        rows[rng.permutation(len(rows))[:WORDS]], np.zeros(size, np.float32),
        (rng.normal(size=(size, DIMENSIONS)) / np.sqrt(size)).astype(np.float16))


def make_wall_map(wall: Wall) -> LandmarkMap:
    """Return a map of joined landmarks."""
    tracks, poses = join(wall), list(wall.poses.values())
    points = [np.mean([spots_of(poses[v], wall.features[v])[k] for v, k in track], axis=0)
              for track in tracks]
    means = unit_rows([np.mean(unit_rows([wall.features[v].descriptors[k] for v, k in track]),
                               axis=0) for track in tracks])
    seen = [[i for i, track in enumerate(tracks) if view in {v for v, _ in track}]
            for view in range(len(poses))]
    words = vocabulary_of(wall.features)
    globals_ = np.array([global_descriptor(each.descriptors, words) for each in wall.features])
    views = Views(tuple(wall.names), tuple(name.split('/')[0] for name in wall.names),
                  np.array([pose.translation_m for pose in poses]),
                  np.array([pose.quat_xyzw for pose in poses]), globals_.astype(np.float16),
                  np.full(len(poses), np.nan, np.float32))
    colors = np.random.default_rng(1).integers(0, 256, (len(points), 3), np.uint8)
    return LandmarkMap(
        views, np.array(points, np.float32), np.round(means * 255).astype(np.uint8), colors,
        np.cumsum([0, *map(len, seen)]).astype(np.int32), np.concatenate(seen).astype(np.int32),
        words)


def make_wall_map_by_view(wall: Wall) -> LandmarkMap:
    """Return a map as older model folders have it: each view has landmarks of its own."""
    poses = list(wall.poses.values())
    return per_view_map(
        np.array([pose.translation_m for pose in poses]),
        np.array([pose.quat_xyzw for pose in poses]),
        np.concatenate([spots_of(pose, features) for pose, features in zip(
            poses, wall.features, strict=True)]).astype(np.float32),
        np.concatenate([features.descriptors for features in wall.features]),
        np.cumsum([0, *(len(features.descriptors) for features in wall.features)]).astype(
            np.int32), np.ones(len(poses), np.float32))


def read_wall(data: Path, poses: dict[str, Pose]) -> Wall:
    """Detect the features of the images of a dataset."""
    return Wall(poses, [detect(read_image(data / name), LARGE_CAMERA) for name in poses])


def write_map_model(model: Path, data: Path, scale: Scale | None = None,
                    ) -> tuple[Path, dict[str, Pose]]:
    """
    Write a model folder with a map of a wall and no network.

    :param data: is written, too: the dataset of the wall.
    :returns: the model folder, and the true poses of the test images by their names.
    """
    poses = write_wall_dataset(data, 2, camera=LARGE_CAMERA)
    train = {name: pose for name, pose in poses.items() if not name.startswith('seq3')}
    landmark_map = make_wall_map(read_wall(data, train))
    model.mkdir(parents=True)
    save(landmark_map, model / artifacts.LANDMARKS_FILE)
    views = landmark_map.views
    artifacts.save(make_map_artifact(
        LARGE_CAMERA, views.names, views.positions_m, views.quats_xyzw, (1.5,) * 6,
        provenance={'map': {'walks': 2}}, scale=scale), model)
    return model, {name: pose for name, pose in poses.items() if name.startswith('seq3')}


def twice(landmark_map: LandmarkMap, shift_m: float) -> LandmarkMap:
    """Return a map of two places that look the same: the second a shift further along x."""
    views, shift, count = landmark_map.views, np.array([shift_m, 0, 0]), len(landmark_map.points_m)
    both = Views(
        (*views.names, *(f'copy/{name}' for name in views.names)),
        (*views.sequences, *(f'copy/{name}' for name in views.sequences)),
        np.concatenate([views.positions_m, views.positions_m + shift]),
        np.tile(views.quats_xyzw, (2, 1)), np.tile(views.global_descriptors, (2, 1)),
        np.tile(views.pose_residual_ratios, 2))
    return replace(
        landmark_map, views=both,
        points_m=np.concatenate([landmark_map.points_m, landmark_map.points_m + shift]).astype(
            np.float32),
        descriptors=np.tile(landmark_map.descriptors, (2, 1)),
        colors=np.tile(landmark_map.colors, (2, 1)),
        starts=np.concatenate([landmark_map.starts,
                               landmark_map.starts[1:] + landmark_map.starts[-1]]),
        seen=np.concatenate([landmark_map.seen, landmark_map.seen + count]))


def write_twin_model(model: Path, data: Path, shift_m: float) -> tuple[Path, dict[str, Pose]]:
    """Write a model folder of two walls that look the same; parameters as of write_map_model."""
    _, poses = write_map_model(model, data)
    landmark_map = twice(load(model / artifacts.LANDMARKS_FILE), shift_m)
    views = landmark_map.views
    shutil.rmtree(model)
    model.mkdir()
    save(landmark_map, model / artifacts.LANDMARKS_FILE)
    artifacts.save(make_map_artifact(
        LARGE_CAMERA, views.names, views.positions_m, views.quats_xyzw, (1.5,) * 6,
        provenance={'map': {'walks': 4}}), model)
    return model, poses


def walk_map(seed: int = 0) -> LandmarkMap:
    """Return a map of views along a street, 10 m apart, each of which sees 300 landmarks near."""
    rng = np.random.default_rng(seed)
    positions = np.column_stack([10.0 * np.arange(VIEWS), rng.normal(size=(VIEWS, 2))])
    views = Views(tuple(map(str, range(VIEWS))), ('a',) * VIEWS, positions,
                  np.tile([0, 0, 0, 1.0], (VIEWS, 1)), np.zeros((VIEWS, 0), np.float16),
                  np.ones(VIEWS, np.float32))
    first = np.sort(rng.integers(0, VIEWS - 1, LANDMARKS))
    name = rng.permutation(LANDMARKS)  # a map's landmarks are in no order of place
    seen = [name[(first == view) | (first == view - 1)] for view in range(VIEWS)]
    return LandmarkMap(
        views, rng.normal(size=(LANDMARKS, 3)).astype(np.float32),
        rng.integers(0, 256, (LANDMARKS, 128), np.uint8),
        rng.integers(0, 256, (LANDMARKS, 3), np.uint8),
        np.cumsum([0, *map(len, seen)]).astype(np.int32), np.concatenate(seen).astype(np.int32),
        patches=rng.integers(0, 256, (LANDMARKS, PATCH_SIZE, PATCH_SIZE), np.uint8),
        patch_views=rng.integers(0, VIEWS, LANDMARKS).astype(np.int32),
        patch_corners=rng.integers(0, 99, (LANDMARKS, 2)).astype(np.int16))


def resident_bytes(folder: Path) -> int:
    """Return how much of the unnamed files of a folder this process has in memory."""
    text = Path('/proc/self/smaps').read_text()
    return 1024 * sum(int(size) for size in re.findall(
        rf'{re.escape(str(folder))}/\S* \(deleted\)\nSize:.*?\nRss: +(\d+) kB', text, re.DOTALL))
