"""Localise images that are held out of a map in parts, by all parts joined without them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.training.landmarks.calibration import hold_walks_out
from posenet_ros.training.landmarks.feature_cache import KeptFeatures, KeptViews
from posenet_ros.training.landmarks.mapping import (
    assemble_map,
    budget,
    MappedDataset,
)
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.landmarks.validation import HeldOutPoses, of_views, validation_folds
from posenet_ros.training.pipelines.mapping.parts.join import Joined
from posenet_ros.training.pipelines.mapping.parts.part import Indices
from posenet_ros.training.pipelines.mapping.parts.split import Part


def folds_of_part(folds: Sequence[Indices], part: Part) -> list[Indices]:
    """Return the images that are held out together, by their indices within a part."""
    return [np.searchsorted(part.views, np.intersect1d(held, part.views)) for held in folds]


def hold_parts_out(mapped: MappedDataset, join_fold: Callable[[int], Joined],
                   options: MappingOptions, work: Path) -> HeldOutPoses:
    """
    Localise images by the joined map without their walk, as those of a map in one piece.

    At the edge of a part an image sees ground that only the neighbour has: the part alone would
    say little of the map of both.

    :param mapped: the joined map; its features are read one at a time.
    :param join_fold: joins the tracks of the parts without the images of a fold, by its number
        among those of :func:`posenet_ros.training.landmarks.validation.validation_folds`.
    :param work: folder of the features.
    """
    dataset = mapped.dataset
    folds = validation_folds(dataset, options.validation)

    def map_without_fold(held: Indices) -> LandmarkMap:
        number = next(i for i, fold in enumerate(folds) if np.array_equal(fold, held))
        joined = join_fold(number)
        kept = np.setdiff1d(np.arange(len(dataset.samples)), held)
        rest, found = dataset.subset(kept), of_views(joined.found, kept)
        chosen = budget(rest, found, options)
        return assemble_map(
            rest, KeptFeatures(KeptViews(rest, options.features, work)),
            [sample.path for sample in rest.samples], found.subset(chosen),
            joined.appearance.subset(chosen), options, mapped.landmark_map.vocabulary)

    return hold_walks_out(mapped, options, map_without_fold)
