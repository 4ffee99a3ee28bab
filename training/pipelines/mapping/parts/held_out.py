"""Localise images that are held out of a map in parts, as tasks: by all parts without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
import hashlib
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.training.landmarks.calibration import hold_walks_out
from posenet_ros.training.landmarks.held_out.poses import (
    FoldPoses,
    HeldOutPoses,
    join_batches,
    join_folds,
)
from posenet_ros.training.landmarks.validation import (
    choose_images,
    localise_fold,
    validation_folds,
)
from posenet_ros.training.pipelines.mapping.parts.part import HASH_LENGTH, Indices
from posenet_ros.training.pipelines.mapping.parts.split import Part
from posenet_ros.training.pipelines.mapping.parts.whole import (
    make_whole,
    make_without,
    MappedParts,
    WholeMap,
)
from posenet_ros.utils.files.npz import read_arrays
from posenet_ros.utils.files.whole import whole_file
from posenet_ros.utils.progress import progress
from posenet_ros.utils.tasks.run import run_tasks
from posenet_ros.utils.tasks.worker import SharedPaths

FOLDER = 'held_out'
IMAGES_OF_A_TASK = 20
MAX_VIEWS = 2000  # of a map that takes less time than to localise a batch; else a fold is a task


def folds_of_part(folds: Sequence[Indices], part: Part) -> list[Indices]:
    """Return the images that are held out together, by their indices within a part."""
    return [np.searchsorted(part.views, np.intersect1d(held, part.views)) for held in folds]


@dataclass(frozen=True)
class Fold:
    """
    Images that are held out together.

    :param key: hash of the parts and of the images: folds with the same are equal.
    :param number: among those of :func:`.validation.validation_folds`; `held` the images.
    :param chosen: those that are localised.
    """

    key: str
    parts: MappedParts = field(compare=False)
    number: int = field(compare=False)
    held: Indices = field(compare=False)
    chosen: Indices = field(compare=False)


class BatchTask(NamedTuple):
    """A batch of the images of a fold: of those that are localised the first, and the last."""

    fold: Fold
    first: int
    last: int

    @property
    def file(self) -> Path:
        """Return the file of the result."""
        return (self.fold.parts.work / FOLDER
                / f'{self.fold.key}-{self.first}-{self.last}.npz')


def make_fold(parts: MappedParts, number: int, held: Indices, chosen: Indices) -> Fold:
    """Describe a fold; all else that goes in is in the names of the parts' folders."""
    inputs = ([folder.name for folder in parts.folders], number, chosen.tolist(),
              parts.complete)
    key = hashlib.sha256(repr(inputs).encode()).hexdigest()[:HASH_LENGTH]
    return Fold(key, parts, number, held, chosen)


def batches_of(fold: Fold) -> list[BatchTask]:
    """Return the tasks of a fold: batches of its images, or of a large map all at once."""
    count = len(fold.chosen)
    size = IMAGES_OF_A_TASK if len(fold.parts.dataset.samples) <= MAX_VIEWS else max(count, 1)
    return [BatchTask(fold, first, min(first + size, count))
            for first in range(0, max(count, 1), size)]


def localise_batch(task: BatchTask) -> FoldPoses | None:
    """
    Localise images of a fold, unless it is done: by the joined map without the fold.

    At the edge of a part an image sees ground that only the neighbour has: the part alone would
    say little of the map of both.

    :returns: None where the other images have too few landmarks.
    """
    if task.file.is_file():
        return _load(task.file)
    fold = task.fold
    landmark_map = _map_of(fold)
    if landmark_map is None:
        return None
    found = localise_fold(
        fold.parts.with_map(landmark_map), landmark_map, fold.held, fold.chosen,
        fold.parts.options.validation, slice(task.first, task.last))
    _save(found, task.file)
    return found


@lru_cache(maxsize=1)
def _map_of(fold: Fold) -> LandmarkMap | None:
    """Make the map without a fold, once for all batches that a process does one after another."""
    try:
        return make_without(fold.parts, fold.number, fold.held)
    except InputError:  # the other images have too few landmarks
        return None


def _save(found: FoldPoses, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    values = asdict(found)
    values['missing'] = np.array(found.missing, np.str_)
    with whole_file(file) as new, new.open('wb') as stream:
        np.savez(stream, **values)


def _load(file: Path) -> FoldPoses:
    values = read_arrays(file)
    names = tuple(values.pop('missing').tolist())
    return FoldPoses(**values, missing=names)


def _done(task: BatchTask | MappedParts) -> FoldPoses | WholeMap | None:
    """Do a task: localise a batch, or make the map of all parts."""
    return make_whole(task) if isinstance(task, MappedParts) else localise_batch(task)


def map_and_hold_out(parts: MappedParts, jobs: int,
                     scheduler: str | None) -> tuple[WholeMap, HeldOutPoses]:
    """
    Make the map of all parts, and localise images by maps of all parts without their walk.

    :param jobs: processes; `scheduler` of a cluster, as of :func:`run_tasks`.
    :raises InputError: on too few landmarks.
    """
    folds = validation_folds(parts.dataset, parts.options.validation)
    whole: list[WholeMap] = []

    def localise(held_out: Sequence[Indices]) -> HeldOutPoses:
        tasks = [batches_of(make_fold(
            parts, _number(folds, held), held,
            choose_images(held, held_out, parts.options.validation))) for held in held_out]
        first: list[Any] = [] if whole else [parts]
        found = _run([*first, *chain(*tasks)], parts, jobs, scheduler)
        whole.extend(found[:len(first)])
        rest = iter(found[len(first):])
        return join_folds(parts.dataset, [join_batches([*islice(rest, len(batches))])
                                          for batches in tasks])

    held_out = hold_walks_out(parts.dataset, parts.options.validation, localise)
    return whole[0], held_out


def _number(folds: Sequence[Indices], held: Indices) -> int:
    return next(i for i, fold in enumerate(folds) if np.array_equal(fold, held))


def _run(tasks: Sequence[BatchTask | MappedParts], parts: MappedParts, jobs: int,
         scheduler: str | None) -> list[Any]:
    paths = SharedPaths([sample.path for sample in parts.dataset.samples], parts.work)
    try:
        return list(progress(run_tasks(_done, tasks, jobs, scheduler, paths), len(tasks), 'task',
                             'joined map and images held out'))
    finally:
        _map_of.cache_clear()
