"""The parts of a landmark map that an update changes, and a map of such parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import AnyArray
from posenet_ros.landmarks.features import QUANTISATION_LEVELS
from posenet_ros.landmarks.landmark_map import (
    LandmarkMap,
    MIN_VIEWS,
    NO_PATCH,
    PATCH_SIZE,
    Views,
)
from posenet_ros.landmarks.matching import unit_rows

Indices = NDArray[np.intp]


class Landmarks(NamedTuple):
    """
    Landmarks without the views that see them.

    :param points_m: (L, 3) float32; `descriptors` (L, DESCRIPTOR_SIZE) and `colors` (L, 3) uint8.
    :param patches: (L, PATCH_SIZE, PATCH_SIZE) uint8, with `patch_views` (L,) and
        `patch_corners` (L, 2) as of a LandmarkMap; NO_PATCH for none.
    """

    points_m: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    colors: NDArray[np.uint8]
    patches: NDArray[np.uint8]
    patch_views: NDArray[np.int32]
    patch_corners: NDArray[np.int16]

    def select(self, chosen: Indices | NDArray[np.bool_]) -> Landmarks:
        """Return some of the landmarks."""
        return Landmarks(*(array[chosen] for array in tuple[AnyArray, ...](self)))


def without_patches(points_m: NDArray[np.float32], descriptors: NDArray[np.uint8],
                    colors: NDArray[np.uint8]) -> Landmarks:
    """Return landmarks that have no patch."""
    count = len(points_m)
    return Landmarks(points_m, descriptors, colors,
                     np.zeros((count, PATCH_SIZE, PATCH_SIZE), np.uint8),
                     np.full(count, NO_PATCH, np.int32), np.zeros((count, 2), np.int16))


def landmarks_of(landmark_map: LandmarkMap) -> Landmarks:
    """Return the landmarks of a map; black where their colours are not known."""
    colors = landmark_map.colors
    if not len(colors):
        colors = np.zeros((len(landmark_map.points_m), 3), np.uint8)
    landmarks = without_patches(landmark_map.points_m, landmark_map.descriptors, colors)
    if not len(landmark_map.patches):
        return landmarks
    return landmarks._replace(patches=landmark_map.patches, patch_views=landmark_map.patch_views,
                              patch_corners=landmark_map.patch_corners)


def join_landmarks(first: Landmarks, second: Landmarks) -> Landmarks:
    """Put landmarks one after another."""
    parts: Sequence[tuple[AnyArray, AnyArray]] = list(zip(first, second, strict=True))
    return Landmarks(*(np.concatenate(both) for both in parts))


def observations_of(landmark_map: LandmarkMap) -> Indices:
    """Return the (O, 2) observations of a map: view and landmark."""
    views = np.repeat(np.arange(len(landmark_map.views)), np.diff(landmark_map.starts))
    return np.column_stack([views, landmark_map.seen]).astype(np.intp)


def join_views(first: Views, second: Views) -> Views:
    """Put views one after another."""
    def both(name: str) -> AnyArray:
        return np.concatenate([getattr(first, name), getattr(second, name)])

    joined = Views(first.names + second.names, first.sequences + second.sequences,
                   both('positions_m'), both('quats_xyzw'), both('global_descriptors'),
                   both('pose_residual_ratios'))
    if not (first.cameras and second.cameras):
        return joined
    cameras = tuple(dict.fromkeys(first.cameras + second.cameras))
    theirs = np.array([cameras.index(camera) for camera in second.cameras], np.int32)
    return replace(joined, cameras=cameras, camera_indices=np.concatenate(
        [first.camera_indices, theirs[second.camera_indices]]))


def with_parts(base: LandmarkMap, views: Views, landmarks: Landmarks,
               observations: Indices) -> LandmarkMap:
    """
    Make a map of new parts; what it is beside them is of `base`.

    :param observations: (O, 2) view and landmark, repeats allowed; landmarks that fewer than two
        views see are left out.
    """
    observations = np.unique(observations, axis=0)
    lengths = np.bincount(observations[:, 1], minlength=len(landmarks.points_m))
    kept = lengths >= MIN_VIEWS
    observations = observations[kept[observations[:, 1]]]
    new = np.cumsum(kept) - 1
    counts = np.bincount(observations[:, 0], minlength=len(views))
    landmarks = landmarks.select(kept)
    if not views.cameras or (landmarks.patch_views == NO_PATCH).all():
        landmarks = landmarks._replace(patches=landmarks.patches[:0], patch_views=(
            landmarks.patch_views[:0]), patch_corners=landmarks.patch_corners[:0])
    return replace(
        base, views=views, **landmarks._asdict(),
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        seen=new[observations[:, 1]].astype(np.int32), tiles=np.empty(0, np.int32))


def with_views_from(landmarks: Landmarks, first: int) -> Landmarks:
    """Return landmarks whose patches are of views that begin at the index `first`."""
    moved = np.where(landmarks.patch_views == NO_PATCH, NO_PATCH, landmarks.patch_views + first)
    return landmarks._replace(patch_views=moved.astype(np.int32))


def with_patches_of(landmarks: Landmarks, other: Landmarks, theirs: Indices,
                    ours: Indices) -> Landmarks:
    """Give the landmarks `ours` (K,) that have no patch those of `theirs` (K,) of others."""
    bare = landmarks.patch_views[ours] == NO_PATCH
    theirs, ours = theirs[bare], ours[bare]
    copies = {name: getattr(landmarks, name).copy()
              for name in ('patches', 'patch_views', 'patch_corners')}
    for name, array in copies.items():
        array[ours] = getattr(other, name)[theirs]
    return landmarks._replace(**copies)


def weighted_means(landmarks: Landmarks, weights: NDArray[np.intp], rows: Indices,
                   descriptors: NDArray[np.uint8], colors: NDArray[np.uint8],
                   counts: NDArray[np.intp] | None = None) -> Landmarks:
    """
    Average the descriptors and colours of landmarks with those of further observations.

    :param weights: (L,) number of views that the descriptors are the means of.
    :param rows: (K,) landmark of each observation, with its `descriptors` (K, DESCRIPTOR_SIZE)
        and `colors` (K, 3).
    :param counts: (K,) number of views that these are the means of; None means one each.
    """
    changed, inverse = np.unique(rows, return_inverse=True)
    extra = np.ones(len(rows)) if counts is None else counts.astype(np.float64)
    old = weights[changed].astype(np.float64)[:, np.newaxis]
    sums = unit_rows(landmarks.descriptors[changed]) * old
    np.add.at(sums, inverse, unit_rows(descriptors) * extra[:, np.newaxis])
    shades = landmarks.colors[changed] * old
    np.add.at(shades, inverse, colors * extra[:, np.newaxis])
    totals = old[:, 0] + np.bincount(inverse, extra, minlength=len(changed))
    means, mean_colors = landmarks.descriptors.copy(), landmarks.colors.copy()
    levels = np.round(unit_rows(sums) * QUANTISATION_LEVELS)
    means[changed] = np.minimum(levels, 255).astype(np.uint8)
    mean_colors[changed] = np.round(shades / totals[:, np.newaxis]).astype(np.uint8)
    return landmarks._replace(descriptors=means, colors=mean_colors)
