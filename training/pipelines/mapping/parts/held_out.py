"""Choose which images are held out of parts of a map, and join what the parts found about them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from posenet_ros.inference.calibration import HeldOut
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.landmarks.reconstruction.pairs import search_of
from posenet_ros.training.landmarks.tracked_poses import NO_TRACKED, TrackedRows
from posenet_ros.training.landmarks.validation import HeldOutPoses
from posenet_ros.training.pipelines.mapping.parts.part import NAMES, ROWS
from posenet_ros.training.pipelines.mapping.parts.split import Part


def choose_candidates(dataset: Dataset, split: Sequence[Part],
                      options: MappingOptions) -> list[NDArray[np.bool_]]:
    """
    Choose the images that may be held out of each part, as the joined map would see them.

    At the edge of a part an image sees ground that its part has not, and its neighbour has: it
    says nothing of the map of both. Chosen are the part's own images whose nearest usable views,
    those that they are matched with, are all in the part; where these are few, those with the
    fewest elsewhere, too.

    :returns: for each part a mask of its views.
    """
    views = np.arange(len(dataset.samples))
    near = search_of(dataset, options.pairs).nearest(views, views, max(options.pairs.ranks) + 1)
    return [_interior(part, near, options.validation.max_images) for part in split]


def _interior(part: Part, near: NDArray[np.intp], least: int) -> NDArray[np.bool_]:
    """Return a mask of a part's own views (N,) that have the fewest of `near` (V, K) elsewhere."""
    around = near[part.views]
    elsewhere = np.sum((around >= 0) & ~np.isin(around, part.views), axis=1)
    own = np.sort(elsewhere[part.own])
    most = own[min(least, len(own)) - 1] if len(own) else 0
    return np.asarray(part.own & (elsewhere <= most))


def join_held_out(parts: Sequence[HeldOutPoses], split: Sequence[Part]) -> HeldOutPoses:
    """
    Join the poses of images that were held out of parts: each image counts in its own part.

    The maps without their walks are numbered on from part to part.
    """
    found, folds = [], 0
    for part, one in zip(parts, split, strict=True):
        found.append(_of_own(part, one, folds))
        folds += 1 + max((*part.names.excluded_folds, -1))
    tracked = [NO_TRACKED, *(part.tracked for part in found)]
    return HeldOutPoses(
        names=_join_names([part.names for part in found]),
        tracked=TrackedRows(*map(np.concatenate, zip(*tracked, strict=True))),
        **{name: np.concatenate([getattr(part, name) for part in found]) for name in ROWS})


def _of_own(part: HeldOutPoses, one: Part, first_fold: int) -> HeldOutPoses:
    """Return the poses of a part's own images, with their views and folds in the whole."""
    kept, tracked = one.own[part.views], one.own[part.tracked.views]
    return HeldOutPoses(
        one.views[part.views[kept]], part.folds[kept] + first_fold, part.rows[kept],
        part.scores[kept], part.far[kept], _own_names(part.names, kept, first_fold),
        TrackedRows(one.views[part.tracked.views[tracked]],
                    part.tracked.folds[tracked] + first_fold, part.tracked.rows[tracked]))


def _own_names(names: HeldOut, kept: NDArray[np.bool_], first_fold: int) -> HeldOut:
    chosen = np.flatnonzero(kept).tolist()
    return HeldOut(
        tuple(names.images[i] for i in chosen), tuple(names.walks[i] for i in chosen),
        tuple(names.folds[i] + first_fold for i in chosen), names.excluded,
        tuple(fold + first_fold for fold in names.excluded_folds))


def _join_names(parts: Sequence[HeldOut]) -> HeldOut:
    return HeldOut(*(tuple(value for part in parts for value in getattr(part, name))
                     for name in NAMES))
