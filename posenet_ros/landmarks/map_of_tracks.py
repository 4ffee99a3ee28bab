"""
Landmark map of a place: one landmark a spot, joined over all images and walks, and its file.

A landmark is a triangulated feature track: a position, the mean of its local descriptors, and the
views that see it. A view is an image that the map was made from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
import zipfile

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import DESCRIPTOR_SIZE
from posenet_ros.landmarks.options import FeatureOptions

MAP_FORMAT = 2  # 1: each view has landmarks of its own
PATCH_SIZE = 16  # pixels
ARRAYS = ('points_m', 'descriptors', 'colors', 'starts', 'seen', 'patches', 'patch_views', 'tiles')


@dataclass(frozen=True, eq=False)
class Views:
    """
    The images that a map was made from.

    :param names: of the V images, relative to their data set.
    :param sequences: of the V images, the name of the walk that each is of.
    :param positions_m: (V, 3) camera centres in the map, metres.
    :param quats_xyzw: (V, 4) orientations, map_from_camera.
    :param global_descriptors: (V, D) float16, of length 1, for retrieval; D may be 0.
    :param pose_residual_ratios: (V,) residual of each view's pose, estimated from the other
        views, divided by its expected residual, with a median of 1; NaN where unknown.
    """

    names: tuple[str, ...]
    sequences: tuple[str, ...]
    positions_m: Floats
    quats_xyzw: Floats
    global_descriptors: NDArray[np.float16]
    pose_residual_ratios: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.names)

    def pose(self, view: int) -> Pose:
        """Return map_from_camera of a view."""
        return Pose(self.positions_m[view], self.quats_xyzw[view])


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """
    What turns the local features of an image into a global descriptor: VLAD and its PCA.

    :param centres: (K, DESCRIPTOR_SIZE) visual words, float32.
    :param mean: (K * DESCRIPTOR_SIZE,) of the VLADs of the map's views, float32.
    :param projection: (K * DESCRIPTOR_SIZE, D) principal axes, float16.
    """

    centres: NDArray[np.float32]
    mean: NDArray[np.float32]
    projection: NDArray[np.float16]


@dataclass(frozen=True, eq=False)
class LandmarkMap:
    """
    Landmarks of a place, with the views that see them, in one frame.

    :param points_m: (L, 3) landmarks, metres.
    :param descriptors: (L, DESCRIPTOR_SIZE) mean RootSIFT of each landmark, uint8.
    :param colors: (L, 3) RGB, uint8, to be shown.
    :param starts: (V + 1,) index into `seen` of the first landmark of each view, and O.
    :param seen: (O,) the landmarks that each view sees, view by view.
    :param vocabulary: of the global descriptors; None where the views have none.
    :param patches: (L, PATCH_SIZE, PATCH_SIZE) grey values round the projected landmark in the
        view `patch_views` (L,); both empty in a map without.
    :param tiles: (V,) part of the map that each view belongs to; 0 in a map of one piece.
    :param features: of the detector by which the map was made; a query has to use the same.
    :param metric: whether lengths are metres; False: the scale is not known.
    :param parent: content hash of the map that this one extends; empty for a new one.
    :raises InputError: on shapes that do not fit.
    """

    views: Views
    points_m: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    colors: NDArray[np.uint8]
    starts: NDArray[np.int32]
    seen: NDArray[np.int32]
    vocabulary: Vocabulary | None = None
    patches: NDArray[np.uint8] = field(
        default_factory=lambda: np.empty((0, PATCH_SIZE, PATCH_SIZE), np.uint8))
    patch_views: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    tiles: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    features: FeatureOptions = field(default_factory=FeatureOptions)
    metric: bool = True
    parent: str = ''

    def __post_init__(self) -> None:
        views, count = len(self.views), len(self.points_m)
        shapes = {'points_m': (count, 3), 'descriptors': (count, DESCRIPTOR_SIZE),
                  'colors': (count, 3), 'starts': (views + 1,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise InputError(f'{name} of the map has to have the shape {shape}. '
                                 f'Received: {getattr(self, name).shape}')
        if not views or self.starts[0] != 0 or self.starts[-1] != len(self.seen) or (
                np.diff(self.starts) < 0).any():
            raise InputError('starts of the map have to rise from 0 to the length of seen. '
                             f'Received: {self.starts[:1]} to {self.starts[-1:]}, '
                             f'{len(self.seen)}')
        if len(self.seen) and not 0 <= self.seen.min() <= self.seen.max() < count:
            raise InputError(f'seen of the map has to hold indices below {count}. '
                             f'Received: {self.seen.min()} to {self.seen.max()}')

    def landmarks_of(self, views: NDArray[np.integer]) -> NDArray[np.int32]:
        """Return the distinct landmarks that any of some views (K,) sees, rising."""
        parts = [self.seen[self.starts[view]:self.starts[view + 1]] for view in views]
        return np.unique(np.concatenate([np.empty(0, np.int32), *parts]))


def save(landmark_map: LandmarkMap, file: Path) -> None:
    """Write landmarks.npz."""
    views, words = landmark_map.views, landmark_map.vocabulary
    arrays: dict[str, Any] = {
        'format': np.int32(MAP_FORMAT), 'names': np.array(views.names, np.str_),
        'sequences': np.array(views.sequences, np.str_), 'positions_m': views.positions_m,
        'quats_xyzw': views.quats_xyzw, 'global_descriptors': views.global_descriptors,
        'pose_residual_ratios': views.pose_residual_ratios,
        'metric': np.bool_(landmark_map.metric), 'parent': np.str_(landmark_map.parent),
        'feature_width': np.int32(landmark_map.features.width),
        'max_keypoints': np.int32(landmark_map.features.max_keypoints),
        'contrast_threshold': np.float64(landmark_map.features.contrast_threshold)}
    for name in ARRAYS:
        arrays[name] = getattr(landmark_map, name)
    if words:
        arrays |= {'words': words.centres, 'vlad_mean': words.mean,
                   'vlad_projection': words.projection}
    np.savez(file, **arrays)


def load(file: Path) -> LandmarkMap:
    """
    Read landmarks.npz; pickled content is refused.

    :raises InputError: when it is damaged, or of a newer format.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return _from_arrays(dict(arrays))
    except (KeyError, ValueError, zipfile.BadZipFile, InputError) as error:
        raise InputError(f'{file} is damaged: {error}') from error


def _from_arrays(arrays: Mapping[str, Any]) -> LandmarkMap:
    views = Views(
        tuple(map(str, arrays['names'])), tuple(map(str, arrays['sequences'])),
        arrays['positions_m'], arrays['quats_xyzw'], arrays['global_descriptors'],
        arrays['pose_residual_ratios'])
    words = Vocabulary(arrays['words'], arrays['vlad_mean'],
                       arrays['vlad_projection']) if 'words' in arrays else None
    features = FeatureOptions(int(arrays['feature_width']), int(arrays['max_keypoints']),
                              float(arrays['contrast_threshold']))
    named = {name: arrays[name] for name in ARRAYS}
    return LandmarkMap(views, vocabulary=words, features=features,
                       metric=bool(arrays['metric']), parent=str(arrays['parent']), **named)
