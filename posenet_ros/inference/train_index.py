"""The training index of a model folder: poses and descriptors of the training images."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
import zipfile

import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError

OPTIONAL_KEYS = {'places': 'global_descriptors', 'place_images': 'place_images'}


@dataclass(frozen=True, eq=False)
class TrainIndex:
    """
    Poses and descriptors of the training images, for retrieval and for baselines.

    :param names: N image names.
    :param positions_m: (N, 3) camera positions in the dataset's frame, metres.
    :param quats_xyzw: (N, 4) `map_from_camera` rotations.
    :param descriptors: (N, D) pretrained features of the images, float16; D may be 0.
    :param global_descriptors: (M, D') the network's own descriptors of these images and of
        augmented versions; the key `places` of the file.
    :param place_images: (M,) index of the image that each of them is of; empty in folders of
        format 5 and older, whose descriptors are of the images that no training held out, in
        whole rounds over them.
    """

    names: tuple[str, ...]
    positions_m: NDArray[np.float64]
    quats_xyzw: NDArray[np.float64]
    descriptors: NDArray[np.float16]
    global_descriptors: NDArray[np.float16] = field(
        default_factory=lambda: np.empty((0, 0), np.float16))
    place_images: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))

    def __post_init__(self) -> None:
        n = len(self.names)
        if (self.positions_m.shape != (n, 3) or self.quats_xyzw.shape != (n, 4)
                or self.descriptors.ndim != 2 or len(self.descriptors) != n):
            raise InputError(f'the arrays have to hold {n} rows each. Received: '
                             f'{self.positions_m.shape}, {self.quats_xyzw.shape}, '
                             f'{self.descriptors.shape}')
        if len(self.place_images) not in (0, len(self.global_descriptors)) or not (
                (self.place_images >= 0) & (self.place_images < n)).all():
            raise InputError('place_images has to name the image of each global descriptor. '
                             f'Received: {len(self.place_images)} for '
                             f'{len(self.global_descriptors)} rows')


def save(train: TrainIndex, file: Path) -> None:
    """Write train.npz."""
    np.savez(file, names=np.array(train.names, dtype=np.str_),
             positions_m=train.positions_m, quats_xyzw=train.quats_xyzw,
             descriptors=train.descriptors.astype(np.float16),
             places=train.global_descriptors.astype(np.float16),
             place_images=train.place_images.astype(np.int32))


def load(file: Path) -> TrainIndex:
    """
    Read train.npz; pickled content is refused.

    :raises InputError: when it is damaged.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            optional = {field_name: arrays[key] for key, field_name in OPTIONAL_KEYS.items()
                        if key in arrays}
            return TrainIndex(
                tuple(str(name) for name in arrays['names']), arrays['positions_m'],
                arrays['quats_xyzw'], arrays['descriptors'], **optional)
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f'{file} is damaged: {error}') from error
