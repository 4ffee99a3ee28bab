"""
Landmark map of a place: one landmark a spot, joined over all images and walks.

A landmark is a triangulated feature track: a position, the mean of its local descriptors, and the
views that see it. A view is an image that the map was made from. In maps of older model folders
each landmark is of a single view; :attr:`LandmarkMap.joined` tells them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import rotation_matrices
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import DESCRIPTOR_SIZE
from posenet_ros.landmarks.options import FeatureOptions
from posenet_ros.landmarks.tiles.tile_memory import TileMemory

PATCH_SIZE = 16  # pixels
NO_PATCH = -1  # view of a landmark that has none
Indices = Sequence[int] | NDArray[np.integer]
MIN_VIEWS = 2  # that have to see a landmark: one ray has no depth
COUNTED_AT_ONCE = 1 << 20  # observations, to bound the memory
# with a row for each landmark, or none
LANDMARK_ARRAYS = ('points_m', 'descriptors', 'colors', 'patches', 'patch_views',
                   'patch_corners')


@dataclass(frozen=True, eq=False)
class Views:
    """
    The images that a map was made from.

    :param names: of the V images, relative to their data set; empty texts in older folders.
    :param sequences: of the V images, the name of the walk that each is of.
    :param positions_m: (V, 3) camera centres in the map, metres.
    :param quats_xyzw: (V, 4) orientations, map_from_camera.
    :param global_descriptors: (V, D) float16, of length 1, for retrieval; D may be 0.
    :param pose_residual_ratios: (V,) residual of each view's pose, estimated from the other
        views, divided by its expected residual, with a median of 1; NaN where unknown.
    :param cameras: of the images at the size at which features were detected; empty where they
        are not known.
    :param camera_indices: (V,) which of them took each view; empty where they are not known.
    """

    names: tuple[str, ...]
    sequences: tuple[str, ...]
    positions_m: Floats
    quats_xyzw: Floats
    global_descriptors: NDArray[np.float16]
    pose_residual_ratios: NDArray[np.float32]
    cameras: tuple[Camera, ...] = ()
    camera_indices: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))

    def __post_init__(self) -> None:
        count = len(self.names)
        lengths = {'sequences': len(self.sequences), 'positions_m': len(self.positions_m),
                   'quats_xyzw': len(self.quats_xyzw),
                   'global_descriptors': len(self.global_descriptors),
                   'pose_residual_ratios': len(self.pose_residual_ratios),
                   'camera_indices': len(self.camera_indices) if self.cameras else count}
        for name, length in lengths.items():
            if length != count:
                raise InputError(f'{name} of the map has to have a row for each of {count} '
                                 f'views. Received: {length}')
        _check_indices('camera_indices', self.camera_indices, 0, len(self.cameras))

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def rotations(self) -> Floats:
        """Return the rotation matrices of map_from_camera, (V, 3, 3)."""
        return rotation_matrices(self.quats_xyzw)

    def pose(self, view: int) -> Pose:
        """Return map_from_camera of a view."""
        return Pose(self.positions_m[view], self.quats_xyzw[view])

    def of_sequence(self, name: str) -> NDArray[np.intp]:
        """Return the indices of the views of a walk."""
        return np.flatnonzero(np.array(self.sequences) == name)

    def select(self, views: NDArray[np.integer]) -> Views:
        """Return some of the views (K,), in that order."""
        return Views(tuple(self.names[i] for i in views), tuple(self.sequences[i] for i in views),
                     self.positions_m[views], self.quats_xyzw[views],
                     self.global_descriptors[views], self.pose_residual_ratios[views],
                     self.cameras, self.camera_indices[views] if self.cameras else
                     self.camera_indices)


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """
    What turns the local features of an image into a global descriptor: VLAD and its PCA.

    :param centres: (K, DESCRIPTOR_SIZE) visual words, float32.
    :param mean: (K * DESCRIPTOR_SIZE,) of the VLADs of the map's views, float32.
    :param projection: (K * DESCRIPTOR_SIZE, D) principal axes, float16.
    :raises InputError: on shapes that do not fit.
    """

    centres: NDArray[np.float32]
    mean: NDArray[np.float32]
    projection: NDArray[np.float16]

    def __post_init__(self) -> None:
        size = self.centres.size
        if self.mean.shape != (size,) or self.projection.shape[:1] != (size,):
            raise InputError(f'vlad_mean and vlad_projection of the map have to have {size} rows, '
                             f'as words has numbers. Received: {len(self.mean)}, '
                             f'{len(self.projection)}')


@dataclass(frozen=True, eq=False)
class LandmarkMap:
    """
    Landmarks of a place, with the views that see them, in one frame.

    :param points_m: (L, 3) landmarks, metres.
    :param descriptors: (L, DESCRIPTOR_SIZE) mean RootSIFT of each landmark, uint8.
    :param colors: (L, 3) RGB, uint8, to be shown; (0, 3) in older folders.
    :param starts: (V + 1,) index into `seen` of the first landmark of each view, and O.
    :param seen: (O,) the landmarks that each view sees, view by view.
    :param vocabulary: of the global descriptors; None where the views have none.
    :param patches: (L, PATCH_SIZE, PATCH_SIZE) grey values round the projected landmark in the
        slightly blurred image of the view `patch_views` (L,), NO_PATCH for none.
    :param patch_corners: (L, 2) column and row there of each patch's first pixel. All three are
        empty in a map without patches.
    :param tiles: (V,) part of the map that each view belongs to; empty in a map of one piece.
    :param features: of the detector by which the map was made; a query has to use the same.
    :param metric: whether lengths are metres; False: the scale is not known.
    :param complete: whether it shows all places there are, as of a room or a closed yard.
    :param parent: content hash of the map that this one extends; empty for a new one.
    :param memory: which part of the arrays is in memory, where they lie in a file; None: all is.
    :raises InputError: on shapes or indices that do not fit.
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
    complete: bool = False
    patch_corners: NDArray[np.int16] = field(default_factory=lambda: np.empty((0, 2), np.int16))
    memory: TileMemory | None = None

    def __post_init__(self) -> None:
        views, count = len(self.views), len(self.points_m)
        shapes: dict[str, set[tuple[int, ...]]] = {
            'points_m': {(count, 3)}, 'descriptors': {(count, DESCRIPTOR_SIZE)},
            'colors': {(count, 3), (0, 3)}, 'starts': {(views + 1,)},
            'patches': {(count, PATCH_SIZE, PATCH_SIZE), (0, PATCH_SIZE, PATCH_SIZE)},
            'patch_views': {(len(self.patches),)},
            'patch_corners': {(len(self.patches), 2)}, 'tiles': {(views,), (0,)}}
        for name, allowed in shapes.items():
            if getattr(self, name).shape not in allowed:
                raise InputError(f'{name} of the map has to have the shape {max(allowed)}. '
                                 f'Received: {getattr(self, name).shape}')
        if not views or self.starts[0] != 0 or self.starts[-1] != len(self.seen) or (
                np.diff(self.starts) < 0).any():
            raise InputError('starts of the map have to rise from 0 to the length of seen. '
                             f'Received: {self.starts[:1]} to {self.starts[-1:]}, '
                             f'{len(self.seen)}')
        _check_indices('seen', self.seen, 0, count)
        _check_indices('patch_views', self.patch_views, NO_PATCH, views)

    @cached_property
    def joined(self) -> bool:
        """Whether a landmark is joined over all views that see it; False in older folders."""
        return not (len(self.seen) == len(self.points_m)
                    and np.array_equal(self.seen, np.arange(len(self.seen))))

    @cached_property
    def track_lengths(self) -> NDArray[np.intp]:
        """Return the number of views that see each landmark, (L,)."""
        lengths = np.zeros(len(self.points_m), np.intp)
        for start in range(0, len(self.seen), COUNTED_AT_ONCE):
            lengths += np.bincount(self.seen[start:start + COUNTED_AT_ONCE],
                                   minlength=len(lengths))
        return lengths

    @property
    def observers(self) -> NDArray[np.intp]:
        """Return the view of each observation, (O,), rising."""
        return np.repeat(np.arange(len(self.views)), np.diff(self.starts))

    @property
    def first_views(self) -> NDArray[np.intp]:
        """Return the first of the views that see each landmark, (L,)."""
        first = np.zeros(len(self.points_m), np.intp)
        first[self.seen[::-1]] = self.observers[::-1]  # the first of each is written last
        return first

    def seen_by(self, view: int | np.integer) -> NDArray[np.int32]:
        """Return the landmarks that a view sees."""
        seen = self.seen[self.starts[view]:self.starts[view + 1]]
        if self.memory:
            self.memory.use(int(view))
        return seen

    def expect(self, views: Indices) -> None:
        """Read ahead what views near the camera (K,) see, the nearest first; do not wait."""
        if self.memory:
            self.memory.expect(views)

    def landmarks_of(self, views: Indices, exclude: Indices = ()) -> NDArray[np.int32]:
        """
        Return the distinct landmarks that any of some views (K,) sees, rising.

        :param exclude: views that are taken not to exist, nor do the landmarks that fewer than
            two others see.
        """
        return self.landmarks_with_views_of(views, exclude)[0]

    def landmarks_with_views_of(
            self, views: Indices, exclude: Indices = (),
            ) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
        """Return :meth:`landmarks_of` some views, and the first of the views that sees each."""
        parts = [self.seen_by(view) for view in views]
        found, first = np.unique(
            np.concatenate([np.empty(0, np.int32), *parts]), return_index=True)
        by = np.repeat(np.asarray(views, np.intp), [len(part) for part in parts])[first]
        if not (self.joined and len(exclude)):
            return found, by
        kept = ~self.hidden(exclude)[found]
        return found[kept], by[kept]

    def hidden(self, exclude: Indices) -> NDArray[np.bool_]:
        """Mark the landmarks (L,) that fewer than two views see but for these (K,), K > 0."""
        of_excluded = np.concatenate([self.seen_by(view) for view in exclude])
        return np.asarray(self.track_lengths - np.bincount(
            of_excluded, minlength=len(self.points_m)) < MIN_VIEWS)

    def select_views(self, views: NDArray[np.integer]) -> LandmarkMap:
        """
        Return the map of some views (K,), in that order, with the landmarks that they see.

        A patch that was cut from another view is left out.
        """
        parts = [self.seen_by(view) for view in views]
        seen = np.concatenate([np.empty(0, np.int32), *parts])
        lengths = np.bincount(seen, minlength=len(self.points_m))
        kept = lengths >= (MIN_VIEWS if self.joined else 1)
        patch_views = _renumbered(self.patch_views, views, len(self.views))
        has_patches = kept if len(self.patches) else np.empty(0, np.bool_)
        new, own = np.cumsum(kept) - 1, kept[seen]
        counts = [int(kept[part].sum()) for part in parts]
        return replace(
            self, memory=None, views=self.views.select(views), points_m=self.points_m[kept],
            descriptors=self.descriptors[kept],
            colors=self.colors[kept] if len(self.colors) else self.colors,
            starts=np.cumsum([0, *counts]).astype(np.int32), seen=new[seen[own]].astype(np.int32),
            patches=self.patches[has_patches], patch_views=patch_views[has_patches],
            patch_corners=self.patch_corners[has_patches],
            tiles=self.tiles[views] if len(self.tiles) else self.tiles)

    def without_views(self, views: Indices) -> LandmarkMap:
        """Return the map without some views, and the landmarks that fewer than two others see."""
        return self.select_views(np.setdiff1d(np.arange(len(self.views)), views))


def _check_indices(name: str, indices: NDArray[np.int32], low: int, bound: int) -> None:
    if len(indices) and not low <= indices.min() <= indices.max() < bound:
        raise InputError(f'{name} of the map has to hold indices below {bound}. '
                         f'Received: {indices.min()} to {indices.max()}')


def _renumbered(patch_views: NDArray[np.int32], views: NDArray[np.integer],
                count: int) -> NDArray[np.int32]:
    """Return where among `views` the patches are from; NO_PATCH where their view is not."""
    new = np.full(count + 1, NO_PATCH, np.int32)  # the last one stands for NO_PATCH
    new[views[::-1]] = np.arange(len(views), dtype=np.int32)[::-1]
    return new[patch_views]


def per_view_map(positions_m: Floats, quats_xyzw: Floats, points_m: NDArray[np.float32],
                 descriptors: NDArray[np.uint8], starts: NDArray[np.int32],
                 pose_residual_ratios: NDArray[np.float32]) -> LandmarkMap:
    """
    Return a map whose landmarks are of one view each, as older model folders have them.

    :param points_m: (L, 3), view by view, `starts` (V + 1,) with the first of each and L.
    """
    count = len(positions_m)
    views = Views(('',) * count, ('',) * count, positions_m, quats_xyzw,
                  np.empty((count, 0), np.float16), pose_residual_ratios)
    return LandmarkMap(views, points_m, descriptors, np.empty((0, 3), np.uint8), starts,
                       np.arange(len(points_m), dtype=np.int32))
