"""Landmark map of a place: the triangulated features of each training image, and its file."""

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
from posenet_ros.landmarks.features import DESCRIPTOR_SIZE


@dataclass(frozen=True, eq=False)
class Landmarks:
    """
    Landmarks of a place by the training images that see them, in the dataset's frame.

    :param positions_m: (V, 3) positions of the V cameras, metres.
    :param quats_xyzw: (V, 4) their orientations, map_from_camera.
    :param points_m: (L, 3) landmarks, metres; each belongs to one view.
    :param descriptors: (L, DESCRIPTOR_SIZE) their local features there, uint8.
    :param starts: (V + 1,) index of the first landmark of each view, and L.
    :param pose_residual_ratios: (V,) residual of each view's pose, estimated from the other
        views, divided by its expected residual, with a median of 1; larger where the data set's
        poses contradict each other, NaN where unknown. The array `misfits` of the file.
    :raises InputError: on shapes that do not fit.
    """

    positions_m: Floats
    quats_xyzw: Floats
    points_m: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    starts: NDArray[np.int32]
    pose_residual_ratios: NDArray[np.float32]

    def __post_init__(self) -> None:
        views, count = len(self.positions_m), len(self.points_m)
        shapes = {'positions_m': (views, 3), 'quats_xyzw': (views, 4), 'points_m': (count, 3),
                  'descriptors': (count, DESCRIPTOR_SIZE), 'starts': (views + 1,),
                  'pose_residual_ratios': (views,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise InputError(f'{name} of the landmarks has to have the shape {shape}. '
                                 f'Received: {getattr(self, name).shape}')
        if not views or self.starts[0] != 0 or self.starts[-1] != count or (
                np.diff(self.starts) < 0).any():
            raise InputError('starts of the landmarks have to rise from 0 to their number. '
                             f'Received: {self.starts[:1]} to {self.starts[-1:]} of {count}')

    def pose(self, view: int) -> Pose:
        """Return map_from_camera of a view, in the dataset's frame."""
        return Pose(self.positions_m[view], self.quats_xyzw[view])

    def subset(self, views: NDArray[np.intp]) -> Landmarks:
        """Return the landmarks of some views (K,) alone."""
        counts = np.diff(self.starts)[views]
        each = [np.arange(self.starts[i], self.starts[i + 1]) for i in views]
        chosen = np.concatenate([np.empty(0, np.intp), *each])
        return Landmarks(self.positions_m[views], self.quats_xyzw[views], self.points_m[chosen],
                         self.descriptors[chosen], np.cumsum([0, *counts]).astype(np.int32),
                         self.pose_residual_ratios[views])

    def with_views(self, seen: Mapping[int, tuple[NDArray[np.float32], NDArray[np.uint8]]],
                   ) -> Landmarks:
        """
        Replace the landmarks of some views.

        :param seen: index of the view -> its landmarks (K, 3), metres, and their descriptors.
        """
        points, descriptors = zip(*(
            seen.get(i, (self.points_m[start:end], self.descriptors[start:end]))
            for i, (start, end) in enumerate(pairwise(self.starts))), strict=True)
        starts = np.cumsum([0, *map(len, points)]).astype(np.int32)
        return replace(self, points_m=np.concatenate(points),
                       descriptors=np.concatenate(descriptors), starts=starts)


# the file's names of the fields
ARRAY_NAMES = {name: name for name in Landmarks.__dataclass_fields__} | {
    'pose_residual_ratios': 'misfits'}


def load(file: Path) -> Landmarks:
    """
    Read landmarks.npz; pickled content is refused.

    :raises InputError: when it is damaged.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            # model folders of format 4 have no residual ratios
            known = {'misfits': np.full(len(arrays['positions_m']), np.nan, np.float32), **arrays}
            return Landmarks(**{name: known[key] for name, key in ARRAY_NAMES.items()})
    except (KeyError, ValueError, zipfile.BadZipFile, InputError) as error:
        raise InputError(f'{file} is damaged: {error}') from error


def save(landmarks: Landmarks, file: Path) -> None:
    """Write landmarks.npz."""
    np.savez(file, **{key: getattr(landmarks, name) for name, key in ARRAY_NAMES.items()})
