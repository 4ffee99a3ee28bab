"""Map a part of the views by itself: a task, from files and settings to a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros import __version__
from posenet_ros.arrays import Floats
from posenet_ros.inference.calibration import HeldOut
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.calibration import hold_walks_out
from posenet_ros.training.landmarks.feature_cache import detect_dataset, ViewFeatures
from posenet_ros.training.landmarks.mapping import (
    Appearance,
    assemble_map,
    budget,
    check_poses,
    MappedDataset,
    match_dataset,
    PoseCheck,
    triangulate_matches,
)
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.landmarks.reconstruction.pairs import cameras_of
from posenet_ros.training.landmarks.reconstruction.projection import observed_points
from posenet_ros.training.landmarks.reconstruction.tracks import Tracks
from posenet_ros.training.landmarks.reconstruction.triangulation import Triangulated
from posenet_ros.training.landmarks.selection import mean_colors, mean_descriptors
from posenet_ros.training.landmarks.tracked_poses import TrackedRows
from posenet_ros.training.landmarks.validation import HeldOutPoses
from posenet_ros.utils.files.npz import read_arrays
from posenet_ros.utils.files.whole import whole_file

FOLDER, FILE = 'parts', 'part.npz'
HASH_LENGTH = 16
ROWS = 'views', 'folds', 'rows', 'scores', 'far'  # of HeldOutPoses, one for each image
NAMES = tuple(field.name for field in fields(HeldOut))


@dataclass(frozen=True, eq=False)
class PartTask:
    """
    What a part is mapped from.

    :param dataset: its images, with their poses.
    :param complete: of the whole map, as of a LandmarkMap.
    :param work: folder of the features and of the parts.
    """

    dataset: Dataset
    options: MappingOptions
    complete: bool
    work: Path

    @cached_property
    def folder(self) -> Path:
        """Return the folder of the result, named by a hash of all that goes in."""
        inputs = (self.dataset.digest(), self.dataset.camera.to_mapping(), self.options,
                  self.complete, __version__, cv2.__version__)
        digest = hashlib.sha256(repr(inputs).encode()).hexdigest()[:HASH_LENGTH]
        return self.work / FOLDER / digest


@dataclass(frozen=True, eq=False)
class MappedPart:
    """
    The landmarks of a part, whose views are numbered within it.

    :param found: its tracks; `observed` (O, 2) their keypoints, normalised image coordinates.
    :param held_out: poses of its images by maps without their walk.
    """

    found: Triangulated
    observed: Floats
    appearance: Appearance
    check: PoseCheck
    held_out: HeldOutPoses


def map_part(task: PartTask) -> Path:
    """
    Map a part, unless it is done, and return its folder.

    :raises InputError: on an image that cannot be read, or too few landmarks.
    """
    folder = task.folder
    if (folder / FILE).is_file():
        return folder
    features = detect_dataset(task.dataset, task.options.features, task.work)
    part = map_features(task, features)
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / FILE) as file:
        save_part(part, file)
    return folder


def map_features(task: PartTask, features: Sequence[ViewFeatures]) -> MappedPart:
    """
    Map the features of a part's images.

    :raises InputError: on too few landmarks.
    """
    dataset, options = task.dataset, task.options
    local = [one.features for one in features]
    matches = match_dataset(dataset, local, options)
    check = check_poses(dataset, local, matches, options)
    found = triangulate_matches(local, matches, cameras_of(dataset), options,
                                wide=not check.consistent)
    appearance = Appearance(mean_descriptors(found.tracks, features),
                            mean_colors(found.tracks, features))
    mapped = MappedDataset(_map_of(task, local, found, appearance), features, matches, dataset,
                           check)
    held_out = hold_walks_out(mapped, options)
    return MappedPart(found, observed_points(found.tracks, local), appearance, check, held_out)


def _map_of(task: PartTask, features: Sequence[Features], found: Triangulated,
            appearance: Appearance) -> LandmarkMap:
    """Return the map of the part alone, without patches: what it answers is not told."""
    chosen = budget(task.dataset, found, task.options)
    landmark_map = assemble_map(
        task.dataset, features, [None] * len(features), found.subset(chosen),
        appearance.subset(chosen), task.options)
    return replace(landmark_map, complete=task.complete)


def save_part(part: MappedPart, file: Path) -> None:
    """Write a part."""
    tracks, held = part.found.tracks, part.held_out
    arrays: dict[str, Any] = {
        'points_m': part.found.points_m, 'errors': part.found.errors,
        'track_views': tracks.views.astype(np.int32),
        'track_keypoints': tracks.keypoints.astype(np.int32), 'track_starts': tracks.starts,
        'observed': part.observed, **part.appearance._asdict(),
        'check': np.array([part.check.residual_px, part.check.consistent]),
        **{name: getattr(held, name) for name in ROWS},
        **{f'tracked_{name}': value for name, value in held.tracked._asdict().items()},
        **{f'names_{name}': _column(getattr(held.names, name)) for name in NAMES}}
    with file.open('wb') as stream:
        np.savez(stream, **arrays)


def _column(values: tuple[Any, ...]) -> NDArray[Any]:
    return np.array(values) if values else np.empty(0, np.str_)


def load_part(folder: Path) -> MappedPart:
    """Read a part."""
    values = read_arrays(folder / FILE)
    tracks = Tracks(*(values[f'track_{name}'].astype(np.intp)
                      for name in ('views', 'keypoints', 'starts')))
    residual_px, consistent = values['check'].tolist()
    held_out = HeldOutPoses(
        names=HeldOut(**{name: tuple(values[f'names_{name}'].tolist()) for name in NAMES}),
        tracked=TrackedRows(*(values[f'tracked_{name}'] for name in TrackedRows._fields)),
        **{name: values[name] for name in ROWS})
    return MappedPart(
        Triangulated(values['points_m'], tracks, values['errors']), values['observed'],
        Appearance(values['descriptors'], values['colors']),
        PoseCheck(residual_px, bool(consistent)), held_out)
