"""
Extend a map by the images of a walk that have poses in its frame.

Features near a projected landmark that look like it are further sightings of it; the others are
matched among the new images and triangulated as for a new map. Landmarks stay where they are: the
map keeps its frame, and no keypoint of the old images is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from posenet_ros.landmarks.features import Features, patch_camera
from posenet_ros.landmarks.landmark_map import LandmarkMap, Views
from posenet_ros.landmarks.retrieval.view_index import ViewIndex
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.feature_cache import ViewFeatures
from posenet_ros.training.landmarks.mapping import triangulate_matches
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.landmarks.patch_cutting import with_patches
from posenet_ros.training.landmarks.reconstruction.pairs import cameras_of, select_pairs
from posenet_ros.training.landmarks.reconstruction.triangulation import Triangulated
from posenet_ros.training.landmarks.reconstruction.verified_matches import match_pairs
from posenet_ros.training.landmarks.selection import (
    mean_colors,
    mean_descriptors,
    select_landmarks,
)
from posenet_ros.training.landmarks.vocabulary import global_descriptors
from posenet_ros.training.map_update.arrays import (
    join_landmarks,
    join_views,
    Landmarks,
    landmarks_of,
    observations_of,
    weighted_means,
    with_parts,
    without_patches,
)
from posenet_ros.training.map_update.observations import (
    half_extent,
    observe_landmarks,
    Observed,
)
from posenet_ros.training.map_update.options import UpdateOptions
from posenet_ros.training.map_update.pruning import vanished_landmarks
from posenet_ros.utils.parallel import ordered_map

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Extension:
    """
    An extended map, and what was done.

    :param landmark_map: its first views are those of the old map, in their order.
    :param joined: number of old landmarks that new images see, too.
    :param added: number of new landmarks; `vanished` of old ones that are left out.
    """

    landmark_map: LandmarkMap
    joined: int
    added: int
    vanished: int


def extend_map(landmark_map: LandmarkMap, dataset: Dataset, features: Sequence[ViewFeatures],
               options: UpdateOptions) -> Extension:
    """
    Extend a map by images with poses in its frame.

    :param features: of the images, by the map's own settings.
    """
    extent, index = half_extent(dataset.camera), ViewIndex(landmark_map)
    observed = list(ordered_map(lambda i: observe_landmarks(
        landmark_map, index, dataset.samples[i].map_from_camera, features[i].features, extent,
        options.joining), range(len(features))))
    vanished = vanished_landmarks(
        landmark_map, observed, extent, options.joining, options.pruning)
    old = _with_sightings(landmark_map, observed, features)
    room = _room(landmark_map, len(features), options.mapping)
    found = triangulate_rest(dataset, features, observed, options.mapping, room)
    new = without_patches(
        found.points_m.astype(np.float32), mean_descriptors(found.tracks, features),
        mean_colors(found.tracks, features))
    views = join_views(landmark_map.views, _views(landmark_map, dataset, features))
    observations = _observations(landmark_map, observed, found)
    observations = observations[~np.isin(observations[:, 1], vanished)]
    extended = with_parts(landmark_map, views, join_landmarks(old, new), observations)
    extended = with_patches(
        extended, [None] * len(landmark_map.views) + [one.path for one in features])
    joined = np.setdiff1d(np.concatenate([one.landmarks for one in observed]), vanished)
    return Extension(extended, len(joined), len(found.points_m), len(vanished))


def _with_sightings(landmark_map: LandmarkMap, observed: Sequence[Observed],
                    features: Sequence[ViewFeatures]) -> Landmarks:
    """Return the old landmarks with the means that the new sightings change."""
    seen = list(zip(observed, features, strict=True))
    return weighted_means(
        landmarks_of(landmark_map), landmark_map.track_lengths,
        np.concatenate([one.landmarks for one in observed]),
        np.concatenate([view.features.descriptors[one.keypoints] for one, view in seen]),
        np.concatenate([view.colors[one.keypoints] for one, view in seen]))


def _room(landmark_map: LandmarkMap, images: int, options: MappingOptions) -> int:
    """Return how many landmarks may be added: the budget of all views, or that of the new ones."""
    own = options.landmarks_of_view * images
    budget = max(options.landmarks_of_view * len(landmark_map.views) + own,
                 options.kept_landmarks)
    return max(budget - len(landmark_map.points_m), own)


def triangulate_rest(dataset: Dataset, features: Sequence[ViewFeatures],
                     observed: Sequence[Observed], options: MappingOptions,
                     most: int) -> Triangulated:
    """
    Triangulate tracks of the keypoints that show no landmark of the map.

    :param most: number of landmarks to keep, the longest tracks first.
    """
    rest = [np.setdiff1d(np.arange(len(view.features.descriptors)), one.keypoints)
            for view, one in zip(features, observed, strict=True)]
    local = [_subset(view.features, chosen) for view, chosen in zip(features, rest, strict=True)]
    cameras = cameras_of(dataset)
    pairs = select_pairs(dataset, options.pairs) if len(local) > 1 else np.empty((0, 2), np.intp)
    matches = match_pairs(local, cameras, pairs, options.matches)
    found = triangulate_matches(local, matches, cameras, options, wide=False)
    found = found.subset(select_landmarks(found, len(local), most))
    return _with_keypoints(found, rest)


def _subset(features: Features, chosen: Indices) -> Features:
    return features._replace(points_normalized=features.points_normalized[chosen],
                             descriptors=features.descriptors[chosen])


def _with_keypoints(found: Triangulated, rest: Sequence[Indices]) -> Triangulated:
    """Return tracks of the keypoints `rest` of each view as tracks of all its keypoints."""
    offsets = np.cumsum([0, *map(len, rest)])
    keypoints = np.concatenate(rest)[offsets[found.tracks.views] + found.tracks.keypoints]
    return replace(found, tracks=replace(found.tracks, keypoints=keypoints))


def _views(landmark_map: LandmarkMap, dataset: Dataset,
           features: Sequence[ViewFeatures]) -> Views:
    """Return the new images as views; their global descriptors are by the map's vocabulary."""
    count = len(dataset.samples)
    words = landmark_map.vocabulary
    described = np.empty((count, landmark_map.views.global_descriptors.shape[1]), np.float16)
    if words is not None:
        described = global_descriptors([one.features for one in features], words)
    return Views(tuple(s.name for s in dataset.samples),
                 tuple(s.sequence for s in dataset.samples), dataset.positions_m,
                 dataset.quats_xyzw, described, np.full(count, np.nan, np.float32),
                 (patch_camera(dataset.camera, landmark_map.features),),
                 np.zeros(count, np.int32))


def _observations(landmark_map: LandmarkMap, observed: Sequence[Observed],
                  found: Triangulated) -> Indices:
    """Return the observations of the old landmarks, old and new, and of the new ones."""
    first, landmarks = len(landmark_map.views), len(landmark_map.points_m)
    by = np.repeat(np.arange(len(observed)), [len(one.landmarks) for one in observed])
    sightings = np.column_stack([first + by, np.concatenate([one.landmarks for one in observed])])
    tracks = np.column_stack([first + found.tracks.views, landmarks + found.tracks.indices])
    return np.concatenate([observations_of(landmark_map), sightings, tracks])
