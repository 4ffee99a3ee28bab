"""The landmarks of a place: what each training image sees, and its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
import zipfile

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import SIZE


@dataclass(frozen=True, eq=False)
class Landmarks:
    """
    What training images see of a place, in the dataset's frame.

    :param positions_m: (V, 3) of the cameras, metres; `quats_xyzw` (V, 4).
    :param points_m: (L, 3) landmarks, metres; each belongs to one image.
    :param descriptors: (L, SIZE) what they look like there, uint8.
    :param starts: (V + 1,) where the landmarks of each image begin.
    :param misfits: (V,) how far off each image's pose is when found by what the others see, in
        what was expected, 1 being usual: where poses of the data set contradict each other, many
        are larger. NaN where that is not known.
    :raises InputError: on shapes that do not fit.
    """

    positions_m: Floats
    quats_xyzw: Floats
    points_m: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    starts: NDArray[np.int32]
    misfits: NDArray[np.float32]

    def __post_init__(self) -> None:
        views, count = len(self.positions_m), len(self.points_m)
        shapes = {'positions_m': (views, 3), 'quats_xyzw': (views, 4), 'points_m': (count, 3),
                  'descriptors': (count, SIZE), 'starts': (views + 1,), 'misfits': (views,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise InputError(f'{name} of the landmarks has to have the shape {shape}. '
                                 f'Received: {getattr(self, name).shape}')
        if not views or self.starts[0] != 0 or self.starts[-1] != count or (
                np.diff(self.starts) < 0).any():
            raise InputError('starts of the landmarks have to rise from 0 to their number. '
                             f'Received: {self.starts[:1]} to {self.starts[-1:]} of {count}')

    def pose(self, view: int) -> Pose:
        """Return where an image was taken, map_from_camera in the dataset's frame."""
        return Pose(self.positions_m[view], self.quats_xyzw[view])

    def only(self, views: NDArray[np.intp]) -> Landmarks:
        """Return what those images see, given by their indices."""
        counts = np.diff(self.starts)[views]
        each = [np.arange(self.starts[i], self.starts[i + 1]) for i in views]
        chosen = np.concatenate([np.empty(0, np.intp), *each])
        return Landmarks(self.positions_m[views], self.quats_xyzw[views], self.points_m[chosen],
                         self.descriptors[chosen], np.cumsum([0, *counts]).astype(np.int32),
                         self.misfits[views])

    def instead(self, seen: Mapping[int, tuple[NDArray[np.float32], NDArray[np.uint8]]],
                ) -> Landmarks:
        """
        Return the same, but for what some images see.

        :param seen: by the images' indices, the landmarks and their descriptors.
        """
        points, descriptors = zip(*(
            seen.get(i, (self.points_m[start:end], self.descriptors[start:end]))
            for i, (start, end) in enumerate(pairwise(self.starts))), strict=True)
        starts = np.cumsum([0, *map(len, points)]).astype(np.int32)
        return replace(self, points_m=np.concatenate(points),
                       descriptors=np.concatenate(descriptors), starts=starts)


def load(file: Path) -> Landmarks:
    """
    Read landmarks.npz; pickled content is refused. The first ones had no misfits.

    :raises InputError: when it is damaged.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            known = {'misfits': np.full(len(arrays['positions_m']), np.nan, np.float32), **arrays}
            return Landmarks(**{name: known[name] for name in Landmarks.__dataclass_fields__})
    except (KeyError, ValueError, zipfile.BadZipFile, InputError) as error:
        raise InputError(f'{file} is damaged: {error}') from error


def save(landmarks: Landmarks, file: Path) -> None:
    """Write landmarks.npz."""
    np.savez(file, **{name: getattr(landmarks, name)
                      for name in Landmarks.__dataclass_fields__})
