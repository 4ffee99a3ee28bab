"""Cut the patches of a map's landmarks from the images that it was made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import angle_between_rad
from posenet_ros.imaging.files import read_image
from posenet_ros.landmarks.features import patch_image
from posenet_ros.landmarks.landmark_map import LandmarkMap, NO_PATCH, PATCH_SIZE, Views
from posenet_ros.landmarks.options import FeatureOptions
from posenet_ros.landmarks.patches.alignment import smooth_image
from posenet_ros.landmarks.patches.projection import project_into_views
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import progress

Indices = NDArray[np.intp]
ANGLE_SCALE_DEG = 20.0  # costs as much as four times the distance of the nearest view
DOUBLE_DISTANCE_COST = 0.5
CUT_OFF_COST = 100.0  # of a patch that the border of the image cuts off: the last choice


def with_patches(landmark_map: LandmarkMap, paths: Sequence[Path | None]) -> LandmarkMap:
    """
    Give each landmark without a patch one of a view that sees it, with a progress bar.

    A patch is cut round the projection of the landmark, which is the mean of many views, never
    round that view's own keypoint.

    :param paths: of the images of all V views; None where there is none.
    :returns: the same map where no view that has a file is of a known camera.
    :raises InputError: on an image that cannot be read.
    """
    landmarks, views, corners = _choose_references(landmark_map, paths)
    if not len(landmarks):
        return landmark_map
    count = len(landmark_map.points_m)
    patches, patch_views, patch_corners = _arrays(landmark_map, count)
    patch_views[landmarks], patch_corners[landmarks] = views, corners
    used = np.unique(views)

    def cut(view: int) -> None:
        rows = landmarks[views == view]
        path = paths[view]
        assert path
        patches[rows] = cut_patches(path, patch_corners[rows], landmark_map.features)

    for _ in progress(ordered_map(cut, used.tolist()), len(used), 'image', 'patches'):
        pass
    return replace(landmark_map, patches=patches, patch_views=patch_views,
                   patch_corners=patch_corners)


def cut_patches(path: Path, corners: NDArray[np.int16],
                options: FeatureOptions) -> NDArray[np.uint8]:
    """
    Cut patches (K, PATCH_SIZE, PATCH_SIZE) from an image, slightly blurred.

    :param corners: (K, 2) column and row of the first pixel of each.
    """
    image = smooth_image(patch_image(read_image(path), options))
    line = np.arange(PATCH_SIZE)
    columns, rows = (corners.astype(np.intp)[..., np.newaxis] + line).swapaxes(0, 1)
    found = image[rows[:, :, np.newaxis], columns[:, np.newaxis, :]]
    return np.asarray(np.round(found), np.uint8)


def _arrays(landmark_map: LandmarkMap, count: int) -> tuple[
        NDArray[np.uint8], NDArray[np.int32], NDArray[np.int16]]:
    """Return copies of the arrays of patches, which are complete even in a map without."""
    if len(landmark_map.patches):
        return (landmark_map.patches.copy(), landmark_map.patch_views.copy(),
                landmark_map.patch_corners.copy())
    return (np.zeros((count, PATCH_SIZE, PATCH_SIZE), np.uint8),
            np.full(count, NO_PATCH, np.int32), np.zeros((count, 2), np.int16))


def _choose_references(landmark_map: LandmarkMap, paths: Sequence[Path | None],
                       ) -> tuple[Indices, Indices, NDArray[np.int16]]:
    """
    Choose the view that shows each landmark best, of those that have a file.

    :returns: (K,) landmarks that have no patch yet, (K,) the view of each, and (K, 2) the column
        and row of the first pixel of its patch there.
    """
    views = np.repeat(np.arange(len(landmark_map.views)), np.diff(landmark_map.starts))
    landmarks = landmark_map.seen.astype(np.intp)
    kept = _readable(landmark_map.views, paths)[views]
    if len(landmark_map.patches):
        kept &= landmark_map.patch_views[landmarks] == NO_PATCH
    views, landmarks = views[kept], landmarks[kept]
    if not len(views):
        return landmarks, views, np.empty((0, 2), np.int16)
    order = np.argsort(landmarks, kind='stable')
    views, landmarks = views[order], landmarks[order]
    points = landmark_map.points_m[landmarks].astype(np.float64)
    pixels = np.nan_to_num(project_into_views(landmark_map.views, views, points))
    centred = np.floor(pixels) - (PATCH_SIZE // 2 - 1)
    sizes = np.array([camera.size for camera in landmark_map.views.cameras])
    limits = sizes[landmark_map.views.camera_indices[views]] - PATCH_SIZE
    corners = np.clip(centred, 0, limits)
    costs = _costs(landmarks, points, landmark_map.views.positions_m[views])
    costs += CUT_OFF_COST * (corners != centred).any(axis=1)
    best = np.lexsort((costs, landmarks))
    best = best[np.flatnonzero(np.diff(landmarks[best], prepend=-1))]
    return landmarks[best], views[best], corners[best].astype(np.int16)


def _readable(views: Views, paths: Sequence[Path | None]) -> NDArray[np.bool_]:
    """(V,) mask of the views that have a file and a known camera of a sufficient size."""
    if not views.cameras:
        return np.zeros(len(views), np.bool_)
    large = np.array([min(camera.size) >= PATCH_SIZE for camera in views.cameras])
    known = np.array([path is not None for path in paths])
    return np.asarray(known & large[views.camera_indices])


def _costs(landmarks: Indices, points_m: Floats, positions_m: Floats) -> Floats:
    """
    Return how unlike the others each observation (O,) of a landmark is: in its angle, and far.

    :param landmarks: (O,) rising.
    """
    starts = np.flatnonzero(np.diff(landmarks, prepend=-1))
    lengths = np.diff(np.append(starts, len(landmarks)))
    rays = positions_m - points_m
    distances = np.linalg.norm(rays, axis=1)
    rays /= distances[:, np.newaxis]
    means = np.repeat(np.add.reduceat(rays, starts), lengths, axis=0)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    angles = np.degrees(angle_between_rad(rays, means))
    nearest = np.repeat(np.minimum.reduceat(distances, starts), lengths)
    further = np.log2(distances / nearest)
    return np.asarray(angles / ANGLE_SCALE_DEG + DOUBLE_DISTANCE_COST * further, np.float64)
