"""Walks left out of the training split, and noise on poses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import retract
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.options import ValidationOptions
from posenet_ros.training.landmarks.validation import blocks

SEED = 0


def leave_walks_out(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """
    Split a dataset into images to map and images to localise.

    Left out is every second walk from the third on, by name; of two walks the second; of one,
    blocks of its images.
    """
    sequences = np.array([sample.sequence for sample in dataset.samples])
    names = np.unique(sequences)
    if len(names) == 1:
        held = blocks(len(sequences), ValidationOptions())
    else:
        chosen = names[2::2] if len(names) > 2 else names[1:]
        held = np.flatnonzero(np.isin(sequences, chosen))
    kept: NDArray[np.intp] = np.setdiff1d(np.arange(len(sequences)), held)
    return dataset.subset(kept.tolist()), dataset.subset(held.tolist())


def leave_each_walk_out(dataset: Dataset) -> list[tuple[Dataset, Dataset]]:
    """Split a dataset into images to map and images to localise, each walk left out in turn."""
    sequences = np.array([sample.sequence for sample in dataset.samples])
    return [(dataset.subset(np.flatnonzero(sequences != name).tolist()),
             dataset.subset(np.flatnonzero(sequences == name).tolist()))
            for name in np.unique(sequences)]


def leave_every_out(dataset: Dataset, number: int) -> tuple[Dataset, Dataset]:
    """Split a dataset into images to map and every `number`th image, to localise."""
    held = set(range(0, len(dataset.samples), number))
    return (dataset.subset(sorted(set(range(len(dataset.samples))) - held)),
            dataset.subset(sorted(held)))


def parse_noise(text: str) -> tuple[float, float]:
    """
    Parse metres and degrees, such as 0.05,0.3.

    :raises InputError: on anything else.
    """
    try:
        metres, degrees = (float(part) for part in text.split(','))
    except ValueError:
        metres = degrees = -1.0
    if not (metres >= 0 and degrees >= 0):
        raise InputError(f'--pose-noise has to be METRES,DEGREES, such as 0.05,0.3. Received: '
                         f'{text}')
    return metres, degrees


def disturb_poses(dataset: Dataset, rms_m: float, rms_deg: float) -> Dataset:
    """
    Add independent noise to all poses.

    :param rms_m: root mean square of the distances, metres; `rms_deg` of the angles, degrees.
    """
    rng = np.random.default_rng(SEED)
    sigmas = np.repeat([rms_m, np.radians(rms_deg)], 3) / np.sqrt(3)
    return replace(dataset, samples=tuple(
        replace(sample, map_from_camera=retract(
            sample.map_from_camera, rng.normal(0, 1, 6) * sigmas))
        for sample in dataset.samples))
