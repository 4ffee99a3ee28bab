"""Poses of images that were held out of maps: of a batch, of a fold, and of all folds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.inference.calibration import HeldOut
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.held_out.tracked import NO_TRACKED, TrackedRows

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class HeldOutPoses:
    """
    Poses of images by maps without their walk.

    :param views: (N,) index of each image; `folds` (N,) of the map that did not know it.
    :param rows: (N, 2, 6) as of :func:`.validation.residual_and_sigma`, NaN without a pose.
    :param scores: (N, 3) PoseScores of each pose; the residual ratio is not known yet, 1.
    :param far: (N, 3, 6) error, sigmas and scores of images that were localised once more without
        the views nearby; NaN for the others.
    :param names: of the images, and what the maps were made without.
    :param tracked: poses of images of the same walks, tracked from localised ones.
    """

    views: Indices
    folds: Indices
    rows: Floats
    scores: Floats
    far: Floats
    names: HeldOut = field(default_factory=HeldOut)
    tracked: TrackedRows = NO_TRACKED

    @property
    def localised(self) -> NDArray[np.bool_]:
        """(N,) mask of the images that have a pose."""
        return np.asarray(np.isfinite(self.rows[:, 0, 0]))

    def select(self, chosen: NDArray[np.bool_]) -> HeldOutPoses:
        """Return the poses of some of the images, by a mask (N,): without names and tracked."""
        return HeldOutPoses(self.views[chosen], self.folds[chosen], self.rows[chosen],
                            self.scores[chosen], self.far[chosen])

    def summary(self) -> dict[str, Any]:
        """Summarise them for the provenance."""
        sizes_m = np.linalg.norm(self.rows[self.localised, 0, :3], axis=1)
        return {'held_out': len(self.views), 'held_out_localised': int(self.localised.sum()),
                'held_out_position_m': float(np.median(sizes_m)) if len(sizes_m) else None}


@dataclass(frozen=True, eq=False)
class FoldPoses:
    """
    Poses of images of one fold, by the map without it.

    :param views: (N,) index of each image.
    :param rows: (N, 2, 3, 6) errors, sigmas and scores, with and without the views nearby.
    :param tracked_views: (T,) index of each tracked image; `tracked_rows` (T, 2, 6) errors and
        sigmas.
    :param missing: walks that the map lacks whole, and images of others that it lacks.
    """

    views: Indices
    rows: Floats
    tracked_views: Indices
    tracked_rows: Floats
    missing: tuple[str, ...]


def join_folds(dataset: Dataset, found: Iterable[FoldPoses | None]) -> HeldOutPoses:
    """
    Join the poses of all folds, in their order.

    :raises InputError: where a map knows an image that it localised.
    """
    folds = {number: fold for number, fold in enumerate(found) if fold is not None}
    views, numbers = _numbered({number: fold.views for number, fold in folds.items()})
    tracked = _numbered({number: fold.tracked_views for number, fold in folds.items()})
    rows = np.concatenate([np.empty((0, 2, 3, 6)), *(fold.rows for fold in folds.values())])
    samples = [dataset.samples[view] for view in views]
    names = HeldOut(
        tuple(s.name for s in samples), tuple(s.sequence for s in samples),
        tuple(numbers.tolist()), tuple(name for fold in folds.values() for name in fold.missing),
        tuple(number for number, fold in folds.items() for _ in fold.missing))
    return HeldOutPoses(
        views, numbers, rows[:, 0, :2], rows[:, 0, 2, :3], rows[:, 1], names,
        TrackedRows(*tracked, np.concatenate(
            [NO_TRACKED.rows, *(fold.tracked_rows for fold in folds.values())])))


def _numbered(views: Mapping[int, Indices]) -> tuple[Indices, Indices]:
    """Return the views of all folds, and the number of the fold of each."""
    lengths = np.array([len(one) for one in views.values()], np.intp)
    return (np.concatenate([NO_TRACKED.views, *views.values()]),
            np.repeat(np.array([*views], np.intp), lengths))


def join_batches(batches: Sequence[FoldPoses | None]) -> FoldPoses | None:
    """Join the batches of one fold, in their order; None where it has no map."""
    known = [batch for batch in batches if batch is not None]
    return replace(
        known[0], views=np.concatenate([batch.views for batch in known]),
        rows=np.concatenate([batch.rows for batch in known])) if known else None
