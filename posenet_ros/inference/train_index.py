"""The training index of a model folder: poses and descriptors of the training images."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import AnyArray
from posenet_ros.errors import InputError
from posenet_ros.utils.files.npz import Arrays, damaged, read_arrays

UNIT_TOLERANCE = 1e-3  # of the length of a quaternion
# the kind of an array's numbers, and how many dimensions it has
TYPES = {'names': ('U', 1), 'positions_m': ('f', 2), 'quats_xyzw': ('f', 2),
         'descriptors': ('f', 2), 'places': ('f', 2), 'place_images': ('i', 1)}
KINDS = {'U': 'texts', 'f': 'decimal numbers', 'i': 'whole numbers'}
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
    arrays = read_arrays(file)
    with damaged(file):
        _check_types(arrays)
        optional = {field_name: arrays[key] for key, field_name in OPTIONAL_KEYS.items()
                    if key in arrays}
        return TrainIndex(
            tuple(str(name) for name in arrays['names']), arrays['positions_m'],
            arrays['quats_xyzw'], arrays['descriptors'], **optional)


def _check_types(arrays: Arrays) -> None:
    """
    Check the types of the arrays, and the numbers of the poses.

    :raises InputError: on the first that is missing or wrong, naming it.
    """
    for name, (kind, axes) in TYPES.items():
        if name in OPTIONAL_KEYS and name not in arrays:
            continue
        array = arrays[name]
        if array.dtype.kind != kind or array.ndim != axes:
            raise InputError(f'the array {name!r} has to be of {KINDS[kind]}, in {axes} '
                             f'dimensions. Received: {array.dtype} {array.shape}')
        if kind == 'f' and not np.isfinite(array).all():
            raise InputError(f'the array {name!r} has to hold finite numbers')
    check_unit_rows(arrays['quats_xyzw'])


def check_unit_rows(quats_xyzw: AnyArray) -> None:
    """
    Check that quaternions (N, 4) are of length 1.

    :raises InputError: naming the array.
    """
    lengths = np.linalg.norm(quats_xyzw, axis=-1)
    if not (np.abs(lengths - 1) < UNIT_TOLERANCE).all():
        raise InputError("the array 'quats_xyzw' has to hold rows of length 1. "
                         f'Received: {lengths.min():.3g} to {lengths.max():.3g}')
