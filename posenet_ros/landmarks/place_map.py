"""What a model folder knows of its place, to be shown: the landmarks and the training images."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import quat_product
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import LANDMARKS_FILE, LoadedArtifact
from posenet_ros.landmarks.landmark_file import load
from posenet_ros.landmarks.landmark_map import LandmarkMap


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
    :param observations: (O, 2) view and landmark of each observation, by views; None where each
        landmark is of its first view alone, or where they were not asked for.
    :param model_hash: of the model folder, by which a pose can be traced to its map.
    """

    points_m: Floats
    point_views: NDArray[np.intp]
    views: tuple[View, ...]
    colors: NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, 3), np.uint8))
    observations: NDArray[np.intp] | None = None
    model_hash: str = ''

    def seen_by(self, view: int) -> NDArray[np.intp]:
        """Return the landmarks that a view sees."""
        if self.observations is None:
            return np.flatnonzero(self.point_views == view)
        first, last = np.searchsorted(self.observations[:, 0], (view, view + 1))
        return self.observations[first:last, 1]

    def select(self, rows: NDArray[np.intp]) -> PlaceMap:
        """Return the place with some of its landmarks."""
        observations = self.observations
        if observations is not None:
            new = np.full(len(self.points_m), -1)
            new[rows] = np.arange(len(rows))
            kept = new[observations[:, 1]] >= 0
            observations = np.column_stack([observations[kept, 0], new[observations[kept, 1]]])
        return replace(self, points_m=self.points_m[rows], point_views=self.point_views[rows],
                       colors=self.colors[rows] if len(self.colors) else self.colors,
                       observations=observations)


def load_place_map(artifact: LoadedArtifact, map_from_dataset: Pose | None = None, *,
                   landmarks: LandmarkMap | None = None,
                   observations: bool = True) -> PlaceMap:
    """
    Read the landmarks and the training images of a model folder.

    :param map_from_dataset: moves all of it into the map.
    :param landmarks: of that folder, where they are read already.
    :param observations: of a large map they take much memory.
    :raises InputError: when the file of the landmarks is damaged.
    """
    to_map, train = map_from_dataset or Pose(), artifact.train
    quats_xyzw = quat_product(to_map.quat_xyzw, train.quats_xyzw)  # at once: a node starts here
    views = tuple(View(name, Pose(position, quat)) for name, position, quat in zip(
        train.names, to_map.apply(train.positions_m), quats_xyzw, strict=True))
    if not artifact.file(LANDMARKS_FILE).is_file():
        return PlaceMap(np.empty((0, 3)), np.empty(0, np.intp), views,
                        model_hash=artifact.digest)
    landmarks = landmarks or load(artifact.file(LANDMARKS_FILE), artifact.opened)
    points_m = artifact.scene.dataset_from_model.apply(landmarks.points_m)
    return PlaceMap(
        to_map.apply(points_m), landmarks.first_views, views, landmarks.colors,
        np.column_stack([landmarks.observers, landmarks.seen])
        if landmarks.joined and observations else None,
        artifact.digest)
