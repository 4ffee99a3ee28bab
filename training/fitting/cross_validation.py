"""Which training images are held out, of all networks or of each one others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.networks.network import member_of
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.data.images import Images, with_depths
from posenet_ros.training.fitting.presets import Preset
from posenet_ros.training.fitting.trainer import run

Split = tuple[NDArray[np.intp], NDArray[np.intp]]

VALIDATION_BLOCKS = 5  # at least, of all folds together
FEWEST_IMAGES = 8
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


def hold_out(dataset: Dataset, share: float, fold: int = 0, folds: int = 1,
             ) -> Split:
    """
    Split off validation samples: the smallest whole sequences, else evenly spaced blocks.

    :param share: of the samples, about.
    :param fold: which of `folds` times this is done; no sample is split off twice.
    :returns: indices of what is left to train on, and of the validation samples.
    :raises InputError: on fewer than 8 samples.
    """
    count = len(dataset.samples)
    if count < FEWEST_IMAGES:
        raise InputError(f'{dataset.name}: training takes at least {FEWEST_IMAGES} images. '
                         f'Received: {count}')
    wanted = max(round(share * count), 1)
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


def splits_of(dataset: Dataset, preset: Preset) -> list[Split]:
    """Return the indices of each fold: of what it leaves to train on, and of what it holds out."""
    return [hold_out(dataset, preset.validation, fold, preset.folds)
            for fold in range(preset.folds)]


def said_of_split(dataset: Dataset, split: Split) -> str:
    """Return what is held out, for the terminal; where it is blocks, that a walk says more."""
    walks, held = ({dataset.samples[i].sequence for i in part} for part in split)
    words = (f'training on {len(split[0])} images, validation on {len(split[1])} '
             f'({", ".join(sorted(held))})')
    if not walks & held:
        return words
    return (f'{words}: blocks of them, for no walk is short enough to be held out whole; one of '
            f'its own would say better how sure to be (README.md, "Your own place")')


def held_out(splits: Sequence[Split]) -> NDArray[np.intp]:
    """Return the indices of all images that one fold or another holds out."""
    return np.concatenate([held for _, held in splits])


@dataclass(frozen=True, eq=False)
class Folds:
    """
    Images to train and to validate on.

    :param parts: of each fold those to train on, then those that it holds out; with depths where
        the preset moves the camera.
    :param splits: their indices.
    """

    parts: Sequence[tuple[Images, Images]]
    splits: Sequence[Split]

    @property
    def held(self) -> tuple[Images, ...]:
        """Those that each fold holds out."""
        return tuple(held for _, held in self.parts)

    def in_all(self) -> Images:
        """Return those that no fold holds out, with depths as `parts`."""
        images, (kept, _) = self.parts[0][0], self.splits[0]
        if len(self.parts) == 1:
            return images
        return images.take(np.flatnonzero(~np.isin(kept, held_out(self.splits))))


def folds_of(everything: Images, dataset: Dataset, splits: Sequence[Split], preset: Preset,
             work: Path) -> Folds:
    """
    Split the images of a dataset.

    :param splits: as :func:`splits_of` returned them.
    :param work: folder that keeps the depths for a resumed training.
    """
    parts = []
    for fold, (kept, held) in enumerate(splits):
        name = f'{fold}_{DEPTH_FILE}' if len(splits) > 1 else DEPTH_FILE
        parts.append((part_of(everything, dataset, kept, preset, work / name),
                      part_of(everything, dataset, held, preset, work / f'held_{name}')))
    return Folds(parts, splits)


def part_of(everything: Images, dataset: Dataset, chosen: NDArray[np.intp], preset: Preset,
            file: Path) -> Images:
    """
    Return the images of those indices, with depths where the preset moves the camera.

    :param file: keeps the depths for a resumed training.
    """
    part = everything.take(chosen)
    if not preset.shift:
        return part
    return with_depths(part, dataset.subset(chosen), preset.preprocess(), file)


def joined(parts: Sequence[Images]) -> Images:
    """Return the images of several as one, without depths."""
    return Images(np.concatenate([p.bases for p in parts]), sum((p.poses for p in parts), ()),
                  np.concatenate([p.positions_m for p in parts]),
                  np.concatenate([p.quats_xyzw for p in parts]),
                  np.concatenate([p.rows for p in parts]))


def answering(network: keras.Model, folds: int) -> list[keras.Model]:
    """Return what each fold was held out from: a network, or each of the members of one."""
    return [network] if folds == 1 else [member_of(network, i) for i in range(folds)]


def held_answers(network: keras.Model, inputs: NDArray[np.uint8], counts: Sequence[int],
                 ) -> dict[str, Any]:
    """
    Return the answers to held-out images, each of a network that was not trained on it.

    :param inputs: of all folds, of which each has so many.
    """
    parts = np.split(inputs, np.cumsum(counts)[:-1])
    said = [run(one, part) for one, part in zip(
        answering(network, len(counts)), parts, strict=True)]
    return {key: np.concatenate([one[key] for one in said]) for key in said[0]}
