"""Join mapped parts into the map of all images, or of all but those that are held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.feature_cache import KeptViews
from posenet_ros.training.landmarks.mapping import (
    assemble_map,
    budget,
    MappedDataset,
    PoseCheck,
)
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.landmarks.reconstruction.pairs import Cameras
from posenet_ros.training.landmarks.validation import of_views
from posenet_ros.training.landmarks.vocabulary import Retrieval
from posenet_ros.training.pipelines.mapping.parts.budget import within_budget
from posenet_ros.training.pipelines.mapping.parts.join import join_parts, Joined
from posenet_ros.training.pipelines.mapping.parts.part import Indices, load_fold, load_part
from posenet_ros.training.pipelines.mapping.parts.split import Part, views_of_several


@dataclass(frozen=True, eq=False)
class MappedParts:
    """
    Parts that are mapped, and all that it takes to join them: tasks carry it.

    :param dataset: all images, with the poses moved where they were refined.
    :param folders: of the parts; `split` their views.
    :param work: folder of the features.
    :param cameras: the poses of all views; `moved` mask of those that no part has exactly there.
    :param retrieval: what all images are found by; that of the images of each map is of it.
    """

    dataset: Dataset
    options: MappingOptions
    folders: Sequence[Path]
    split: Sequence[Part]
    work: Path
    cameras: Cameras
    moved: NDArray[np.bool_]
    check: PoseCheck
    retrieval: Retrieval
    complete: bool = False

    @property
    def features(self) -> KeptViews:
        """Return the features of all images, read anew each time."""
        return KeptViews(self.dataset, self.options.features, self.work)

    def with_map(self, landmark_map: LandmarkMap) -> MappedDataset:
        """Return all images, with a map of them or of most."""
        return MappedDataset(landmark_map, self.features, (), self.dataset, self.check)


@dataclass(frozen=True, eq=False)
class WholeMap:
    """
    The map of all parts.

    :param common: (P,) as of :class:`.join.Joined`.
    """

    landmark_map: LandmarkMap
    common: Indices


def make_whole(parts: MappedParts) -> WholeMap:
    """
    Make the map of all images.

    :raises InputError: on too few landmarks.
    """
    joined = _join(parts, None)
    return WholeMap(_assemble(parts, joined, np.arange(len(parts.dataset.samples))),
                    joined.common)


def make_without(parts: MappedParts, fold: int, held: Indices) -> LandmarkMap:
    """
    Make the map of all images but those that are held out.

    :param fold: their number among those of
        :func:`posenet_ros.training.landmarks.validation.validation_folds`.
    :raises InputError: on too few landmarks.
    """
    return _assemble(parts, _join(parts, fold),
                     np.setdiff1d(np.arange(len(parts.dataset.samples)), held))


def _assemble(parts: MappedParts, joined: Joined, kept: Indices) -> LandmarkMap:
    """Make the map of the images that are kept, from tracks that know these alone."""
    retrieval = parts.retrieval
    dataset, found = parts.dataset.subset(kept.tolist()), of_views(joined.found, kept)
    chosen = budget(dataset, found, parts.options)
    return replace(assemble_map(
        dataset, [sample.path for sample in dataset.samples], found.subset(chosen),
        joined.appearance.subset(chosen), parts.options,
        retrieval._replace(descriptors=retrieval.descriptors[kept])), complete=parts.complete)


def _join(parts: MappedParts, fold: int | None) -> Joined:
    """Join the tracks of parts, one of which at a time is in memory whole."""
    options, split = parts.options, parts.split
    shared = views_of_several(split, len(parts.cameras.positions_m))
    own = replace(options, kept_landmarks=-(-options.kept_landmarks // len(split)))
    handed = [within_budget(
        load_part(folder).tracks if fold is None else load_fold(folder, fold),
        shared[part.views], own) for folder, part in zip(parts.folders, split, strict=True)]
    triangulation = options.triangulation
    if parts.check.wide:
        triangulation = replace(triangulation, max_error=options.wide_tolerance)
    return join_parts(handed, split, parts.cameras, triangulation, parts.moved)
