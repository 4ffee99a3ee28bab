"""Map a part of the views by itself: a task, from files and settings to a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros import __version__
from posenet_ros.arrays import Floats
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.feature_cache import detect_dataset, ViewFeatures
from posenet_ros.training.landmarks.mapping import (
    Appearance,
    match_dataset,
    PoseCheck,
    triangulate_dataset,
    triangulate_matches,
)
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.landmarks.reconstruction.bundle_adjustment import PoseChange
from posenet_ros.training.landmarks.reconstruction.pairs import Cameras, cameras_of
from posenet_ros.training.landmarks.reconstruction.projection import observed_points
from posenet_ros.training.landmarks.reconstruction.tracks import Tracks
from posenet_ros.training.landmarks.reconstruction.triangulation import Triangulated
from posenet_ros.training.landmarks.reconstruction.verified_matches import matches_without
from posenet_ros.training.landmarks.selection import mean_colors, mean_descriptors
from posenet_ros.utils.files.npz import read_arrays
from posenet_ros.utils.files.whole import whole_file

Indices = NDArray[np.intp]
FOLDER, FILE = 'parts', 'part.npz'
HASH_LENGTH = 16


@dataclass(frozen=True, eq=False)
class PartTask:
    """
    What a part is mapped from.

    :param dataset: its images, with their poses.
    :param folds: indices of the images that are held out together: the part is triangulated
        without them, too.
    :param work: folder of the features and of the parts.
    """

    dataset: Dataset
    options: MappingOptions
    folds: Sequence[Indices]
    work: Path

    @cached_property
    def folder(self) -> Path:
        """Return the folder of the result, named by a hash of all that goes in."""
        inputs = (self.dataset.digest(), self.dataset.camera.to_mapping(), self.options,
                  [fold.tolist() for fold in self.folds], __version__, cv2.__version__)
        digest = hashlib.sha256(repr(inputs).encode()).hexdigest()[:HASH_LENGTH]
        return self.work / FOLDER / digest


@dataclass(frozen=True, eq=False)
class PartTracks:
    """
    The tracks of a part, whose views are numbered within it.

    :param found: the tracks; `observed` (O, 2) their keypoints, normalised image coordinates.
    """

    found: Triangulated
    observed: Floats
    appearance: Appearance


@dataclass(frozen=True, eq=False)
class MappedPart:
    """
    The landmarks of a part.

    :param tracks: of all its images; `folds` those without the images of each fold.
    :param cameras: the poses of its views, moved where they were refined.
    """

    tracks: PartTracks
    cameras: Cameras
    check: PoseCheck
    folds: Sequence[PartTracks] = ()


def map_part(task: PartTask) -> Path:
    """
    Map a part, unless it is done, and return its folder.

    :raises InputError: on an image that cannot be read.
    """
    folder = task.folder
    if (folder / FILE).is_file():
        return folder
    features = detect_dataset(task.dataset, task.options.features, task.work)
    part = map_features(task, features)
    folder.mkdir(parents=True, exist_ok=True)
    save_part(part, folder)
    return folder


def map_features(task: PartTask, features: Sequence[ViewFeatures]) -> MappedPart:
    """Map the features of a part's images."""
    options, local = task.options, [one.features for one in features]
    matches = match_dataset(task.dataset, local, options)
    found, dataset, check = triangulate_dataset(task.dataset, local, matches, options)
    cameras = cameras_of(dataset)

    def tracks_without(held: Indices) -> PartTracks:
        return _describe(triangulate_matches(
            local, matches_without(matches, held), cameras, options, wide=check.wide), features)

    return MappedPart(_describe(found, features), cameras, check,
                      [tracks_without(held) for held in task.folds])


def _describe(found: Triangulated, features: Sequence[ViewFeatures]) -> PartTracks:
    return PartTracks(found, observed_points(found.tracks, [one.features for one in features]),
                      Appearance(mean_descriptors(found.tracks, features),
                                 mean_colors(found.tracks, features)))


def save_part(part: MappedPart, folder: Path) -> None:
    """Write a part: a file for each fold, and as the last one that of all its tracks."""
    check = part.check
    for number, tracks in enumerate(part.folds):
        _save(folder / f'fold{number}.npz', _arrays(tracks))
    _save(folder / FILE, {
        **_arrays(part.tracks), **part.cameras._asdict(),
        'check': np.array([check.residual_px, check.consistent]),
        'change': np.array(astuple(check.change) if check.change else ())})


def _arrays(part: PartTracks) -> dict[str, Any]:
    tracks = part.found.tracks
    return {'points_m': part.found.points_m, 'errors': part.found.errors,
            'track_views': tracks.views.astype(np.int32),
            'track_keypoints': tracks.keypoints.astype(np.int32), 'track_starts': tracks.starts,
            'observed': part.observed, **part.appearance._asdict()}


def _save(file: Path, arrays: dict[str, Any]) -> None:
    with whole_file(file) as new, new.open('wb') as stream:
        np.savez(stream, **arrays)


def load_part(folder: Path) -> MappedPart:
    """Read a part, without its folds."""
    values = read_arrays(folder / FILE)
    residual_px, consistent = values['check'].tolist()
    change = values['change'].tolist()
    return MappedPart(
        _tracks(values), Cameras(values['positions_m'], values['rotations']),
        PoseCheck(residual_px, bool(consistent), PoseChange(*change) if change else None))


def load_fold(folder: Path, number: int) -> PartTracks:
    """Read the tracks of a part without the images of a fold."""
    return _tracks(read_arrays(folder / f'fold{number}.npz'))


def _tracks(values: dict[str, Any]) -> PartTracks:
    tracks = Tracks(*(values[f'track_{name}'].astype(np.intp)
                      for name in ('views', 'keypoints', 'starts')))
    return PartTracks(Triangulated(values['points_m'], tracks, values['errors']),
                      values['observed'], Appearance(values['descriptors'], values['colors']))
