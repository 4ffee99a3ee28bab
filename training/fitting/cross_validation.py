"""Cross-validation: hold out training images, one fold for all members or one fold each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.networks.ensemble import extract_member
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.data.images import Images, with_depths
from posenet_ros.training.fitting.presets import Preset
from posenet_ros.training.fitting.trainer import predict_all

Split = tuple[NDArray[np.intp], NDArray[np.intp]]

VALIDATION_BLOCKS = 5  # at least, over all folds
MIN_IMAGES = 8
DEPTH_FILE = 'depth.npy'


def _smallest_sequences(sequences: NDArray[np.str_], wanted: int, folds: int) -> list[list[str]]:
    """Return the sequences of each fold; those of the last are the largest."""
    found, counts = np.unique(sequences, return_counts=True)
    chosen: list[list[str]] = [[] for _ in range(folds)]
    fold = 0
    for i in np.argsort(counts, kind='stable'):
        fold += int(np.isin(sequences, chosen[fold]).sum() >= wanted)
        if fold == folds:
            break
        chosen[fold].append(str(found[i]))
    return chosen


def hold_out(dataset: Dataset, validation: float, fold: int = 0, folds: int = 1) -> Split:
    """
    Split off validation samples: the smallest whole sequences, else evenly spaced blocks.

    :param validation: proportion of the samples, about.
    :param fold: index within `folds`; no sample is in the validation of two.
    :returns: indices of the training and of the validation samples.
    :raises InputError: on fewer than 8 samples.
    """
    count = len(dataset.samples)
    if count < MIN_IMAGES:
        raise InputError(f'{dataset.name}: training takes at least {MIN_IMAGES} images. '
                         f'Received: {count}')
    wanted = max(round(validation * count), 1)
    sequences = np.array([s.sequence for s in dataset.samples])
    chosen = _smallest_sequences(sequences, wanted, folds)
    held = np.isin(sequences, chosen[fold])
    largest = max(int(np.isin(sequences, one).sum()) for one in chosen)
    most = (1 + folds / 2) * wanted + 1  # later folds are left the larger sequences
    if len(np.unique(sequences)) < 2 + folds or largest > most:
        blocks = min(-(-VALIDATION_BLOCKS // folds), wanted)
        place = (np.arange(count) * blocks / count) % 1  # within its part, 0..1
        held = np.abs(place - (fold + 0.5) / folds) < wanted / count / 2
    return np.flatnonzero(~held), np.flatnonzero(held)


def make_splits(dataset: Dataset, preset: Preset) -> list[Split]:
    """Split the samples of a dataset: training and validation indices of each fold."""
    return [hold_out(dataset, preset.validation.proportion, fold, preset.folds)
            for fold in range(preset.folds)]


def describe_split(dataset: Dataset, split: Split) -> str:
    """Describe what is held out, for the terminal; advise a walk of its own where it is blocks."""
    training, held = ({dataset.samples[i].sequence for i in part} for part in split)
    text = (f'training on {len(split[0])} images, validation on {len(split[1])} '
            f'({", ".join(sorted(held))})')
    if not training & held:
        return text
    return (f'{text}: blocks of them, as no sequence is short enough to be held out whole; a walk '
            f'of its own would calibrate the uncertainty better (README.md, "Your own place")')


def validation_indices(splits: Sequence[Split]) -> NDArray[np.intp]:
    """Return the indices of the validation images of all folds."""
    return np.concatenate([held for _, held in splits])


@dataclass(frozen=True, eq=False)
class Folds:
    """
    Training and validation images of each fold.

    :param parts: (training, validation) images of each fold, with depths where the preset moves
        the camera.
    :param splits: their indices.
    """

    parts: Sequence[tuple[Images, Images]]
    splits: Sequence[Split]

    @property
    def validation(self) -> tuple[Images, ...]:
        """Return the validation images of each fold."""
        return tuple(held for _, held in self.parts)

    def in_every_fold(self) -> Images:
        """Return the training images of every fold, with depths as in `parts`."""
        images, (kept, _) = self.parts[0][0], self.splits[0]
        if len(self.parts) == 1:
            return images
        return images.take(np.flatnonzero(~np.isin(kept, validation_indices(self.splits))))


def make_folds(images: Images, dataset: Dataset, splits: Sequence[Split], preset: Preset,
               work: Path) -> Folds:
    """
    Split the images of a dataset into folds.

    :param splits: from :func:`make_splits`.
    :param work: folder that keeps the depths for a resumed training.
    """
    parts = []
    for fold, (kept, held) in enumerate(splits):
        name = f'{fold}_{DEPTH_FILE}' if len(splits) > 1 else DEPTH_FILE
        parts.append((select_images(images, dataset, kept, preset, work / name),
                      select_images(images, dataset, held, preset, work / f'held_{name}')))
    return Folds(parts, splits)


def select_images(images: Images, dataset: Dataset, chosen: NDArray[np.intp], preset: Preset,
                  file: Path) -> Images:
    """
    Select images by their indices, with depths where the preset moves the camera.

    :param file: keeps the depths for a resumed training.
    """
    part = images.take(chosen)
    if not preset.augmentation.shift:
        return part
    return with_depths(part, dataset.subset(chosen), preset.preprocess(), file)


def concatenate_images(parts: Sequence[Images]) -> Images:
    """Concatenate images, without their depths."""
    return Images(np.concatenate([p.bases for p in parts]), sum((p.poses for p in parts), ()),
                  np.concatenate([p.positions_m for p in parts]),
                  np.concatenate([p.quats_xyzw for p in parts]),
                  np.concatenate([p.rows for p in parts]))


def fold_models(network: keras.Model, folds: int) -> list[keras.Model]:
    """Return, for each fold, the network that was not trained on it."""
    return [network] if folds == 1 else [extract_member(network, i) for i in range(folds)]


def cross_val_predict(network: keras.Model, inputs: NDArray[np.uint8], counts: Sequence[int],
                      ) -> dict[str, Any]:
    """
    Predict the poses of validation images, each by a network that was not trained on it.

    :param inputs: (N, height, width, 3) of all folds, in their order.
    :param counts: number of images of each fold.
    """
    parts = np.split(inputs, np.cumsum(counts)[:-1])
    outputs = [predict_all(model, part) for model, part in zip(
        fold_models(network, len(counts)), parts, strict=True)]
    return {key: np.concatenate([one[key] for one in outputs]) for key in outputs[0]}
