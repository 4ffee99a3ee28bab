"""What a model folder knows of its place, to be shown: the landmarks and the training images."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import quat_product
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import LANDMARKS_FILE, LoadedArtifact
from posenet_ros.landmarks.landmark_file import load


@dataclass(frozen=True, eq=False)
class View:
    """A training image: its name, relative to the dataset, and its pose."""

    name: str
    map_from_camera: Pose


@dataclass(frozen=True, eq=False)
class PlaceMap:
    """
    Landmarks and training images of a place, in the map frame.

    :param points_m: (L, 3) the landmarks, metres; L is 0 where the model folder has none.
    :param point_views: (L,) index of the first view that sees each landmark.
    :param views: the V training images.
    :param colors: (L, 3) RGB of the landmarks, 0 to 255; (0, 3) where they are not known.
    """

    points_m: Floats
    point_views: NDArray[np.intp]
    views: tuple[View, ...]
    colors: NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, 3), np.uint8))


def load_place_map(artifact: LoadedArtifact, map_from_dataset: Pose | None = None) -> PlaceMap:
    """
    Read the landmarks and the training images of a model folder.

    :param map_from_dataset: moves all of it into the map.
    :raises InputError: when the file of the landmarks is damaged.
    """
    to_map, train = map_from_dataset or Pose(), artifact.train
    quats_xyzw = quat_product(to_map.quat_xyzw, train.quats_xyzw)  # at once: a node starts here
    views = tuple(View(name, Pose(position, quat)) for name, position, quat in zip(
        train.names, to_map.apply(train.positions_m), quats_xyzw, strict=True))
    if not artifact.file(LANDMARKS_FILE).is_file():
        return PlaceMap(np.empty((0, 3)), np.empty(0, np.intp), views)
    landmarks = load(artifact.file(LANDMARKS_FILE))
    seen_by = np.repeat(np.arange(len(landmarks.views)), np.diff(landmarks.starts))
    point_views = np.zeros(len(landmarks.points_m), np.intp)
    point_views[landmarks.seen[::-1]] = seen_by[::-1]  # the first of each is written last
    return PlaceMap(to_map.apply(landmarks.points_m.astype(np.float64)), point_views, views,
                    landmarks.colors)
