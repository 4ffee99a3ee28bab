"""What is mapped and what is localised: the two splits, or parts of the training images."""

from __future__ import annotations

from pathlib import Path

from posenet_ros.errors import InputError
from posenet_ros.training.bench.localisation.arguments import EACH, SOME
from posenet_ros.training.bench.mapping.splits import (
    leave_each_walk_out,
    leave_every_out,
    leave_walks_out,
)
from posenet_ros.training.data.datasets import Dataset, read_dataset

Fold = tuple[Dataset, Dataset]  # images to map, images to localise
CAMERA_SEPARATOR = '='


def read_folds(data: Path, camera: str | None, left_out: str | None, every: int) -> list[Fold]:
    """
    Read a dataset, and choose what is mapped and what is localised.

    :param left_out: None for the test split; else which of the training images are localised.
    :param every: take each Nth image of either.
    :raises InputError: on another `left_out`.
    """
    train = read_dataset(data, 'train', camera).near_origin()
    folds = _leave_out(train, left_out) if left_out is not None else [
        (train, read_dataset(data, 'test', train.camera).relative_to(train.origin_m))]
    return [(_thinned(mapped, every), _thinned(queries, every)) for mapped, queries in folds]


def _leave_out(train: Dataset, how: str) -> list[Fold]:
    if how == SOME:
        return [leave_walks_out(train)]
    if how == EACH:
        return leave_each_walk_out(train)
    if how.isdigit() and int(how) > 1:
        return [leave_every_out(train, int(how))]
    raise InputError(f'--leave-walks-out has to be {SOME}, {EACH} or a number from 2. Received: '
                     f'{how}')


def _thinned(dataset: Dataset, every: int) -> Dataset:
    return dataset.subset(range(0, len(dataset.samples), every))


def read_other_place(text: str, every: int) -> Dataset:
    """Read the test images of another place, DIR or DIR=CAMERA."""
    folder, _, camera = text.partition(CAMERA_SEPARATOR)
    return _thinned(read_dataset(Path(folder).resolve(), 'test', camera or None), every)
