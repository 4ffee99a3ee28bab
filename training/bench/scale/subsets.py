"""Smaller data sets of a large one: the first part of each walk, and the test images there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from posenet_ros.datasets.cameras import write_camera
from posenet_ros.datasets.layout_writers import link_image
from posenet_ros.datasets.pose_files import write_cambridge
from posenet_ros.training.data.datasets import Dataset

MIN_QUERIES = 8


def first_images(dataset: Dataset, count: int) -> Dataset:
    """
    Take about `count` images: as large a part of each walk, from its start.

    A larger subset holds the smaller one, and reaches further.
    """
    fraction = min(count / len(dataset.samples), 1.0)
    sequences = np.array([sample.sequence for sample in dataset.samples])
    chosen = [np.flatnonzero(sequences == name) for name in dict.fromkeys(sequences.tolist())]
    kept: list[NDArray[np.intp]] = [part[:round(fraction * len(part))] for part in chosen]
    return dataset.subset(np.sort(np.concatenate(kept)).tolist())


def queries_of(queries: Dataset, fraction: float, most: int | None) -> Dataset:
    """
    Take the test images on the ground of a subset, evenly.

    :param fraction: of the training images that the subset has.
    :param most: number of images; None: all.
    """
    part = first_images(queries, max(round(fraction * len(queries.samples)), MIN_QUERIES))
    count = len(part.samples)
    chosen = np.unique(np.linspace(0, count - 1, min(most or count, count)).round().astype(int))
    return part.subset(chosen.tolist())


def write_subset(dataset: Dataset, folder: Path, split: str = 'train') -> Path:
    """Write a split of a dataset, images as links where they can be; return its folder."""
    folder.mkdir(parents=True)
    for sample in dataset.samples:
        link_image(sample.path, folder / sample.name)
    write_cambridge(folder / f'dataset_{split}.txt', (
        (sample.name, sample.map_from_camera) for sample in dataset.samples))
    write_camera(folder, dataset.camera)
    return folder
