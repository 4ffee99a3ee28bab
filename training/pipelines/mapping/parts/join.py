"""Join the parts of a map by the observations that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.landmarks.features import Features, QUANTISATION_LEVELS
from posenet_ros.landmarks.matching import unit_rows
from posenet_ros.training.landmarks.mapping import Appearance
from posenet_ros.training.landmarks.options import TriangulationOptions
from posenet_ros.training.landmarks.reconstruction.pairs import Cameras
from posenet_ros.training.landmarks.reconstruction.tracks import (
    connected_components,
    join,
    Tracks,
)
from posenet_ros.training.landmarks.reconstruction.triangulation import triangulate, Triangulated
from posenet_ros.training.pipelines.mapping.parts.part import PartTracks
from posenet_ros.training.pipelines.mapping.parts.split import Part

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Joined:
    """
    The landmarks of all parts, whose views are numbered as those of the whole.

    :param found: the tracks; those that parts share are triangulated anew.
    :param common: (P,) number of tracks of each part that another part has, too.
    """

    found: Triangulated
    appearance: Appearance
    common: Indices


@dataclass(frozen=True, eq=False)
class _Observations:
    """
    The observations of the tracks of all parts, track by track.

    :param keypoints: (O,) index of each one's keypoint, of which `points` (K, 2), `views` (K,) and
        `numbers` (K,) are normalised image coordinates, views, rising, and indices within these.
    :param tracks: (O,) index of each one's track, rising.
    """

    keypoints: Indices
    points: Floats
    views: Indices
    numbers: Indices
    tracks: Indices


def join_parts(parts: Sequence[PartTracks], split: Sequence[Part], cameras: Cameras,
               options: TriangulationOptions, moved: NDArray[np.bool_] | None = None) -> Joined:
    """
    Join the landmarks of parts in one frame.

    Tracks of two parts are one where they have a keypoint of an image in common: the features of
    an image are the same in all parts that have it.

    :param split: the views of each part; `cameras` the poses of all V views.
    :param moved: (V,) mask of views that no part has there: what they see is triangulated anew,
        too. None: none.
    """
    all_tracks = _in_the_whole(parts, split)
    seen = _observations(all_tracks, np.concatenate([part.observed for part in parts]))
    labels = _components(seen, len(all_tracks))
    part_of = np.repeat(np.arange(len(parts)), [len(part.found.points_m) for part in parts])
    alone = np.bincount(labels, minlength=len(labels))[labels] == 1
    as_it_is = alone.copy()
    if moved is not None:
        as_it_is[all_tracks.indices[moved[all_tracks.views]]] = False
    merged, component = _merge(seen, labels, ~as_it_is, cameras, options)
    single = Triangulated(np.concatenate([part.found.points_m for part in parts]), all_tracks,
                          np.concatenate([part.found.errors for part in parts]))
    single = single.subset(np.flatnonzero(as_it_is))
    appearance = _appearance(parts)
    means = _means(appearance, all_tracks.lengths, labels, component)
    return Joined(
        _one_after_another(single, merged),
        Appearance(*(np.concatenate(both) for both in zip(
            appearance.subset(np.flatnonzero(as_it_is)), means, strict=True))),
        np.bincount(part_of[~alone], minlength=len(parts)))


def _in_the_whole(parts: Sequence[PartTracks], split: Sequence[Part]) -> Tracks:
    """Return the tracks of all parts, whose views are numbered as those of the whole."""
    return join([replace(part.found.tracks, views=one.views[part.found.tracks.views])
                 for part, one in zip(parts, split, strict=True)])


def _observations(tracks: Tracks, observed: Floats) -> _Observations:
    own = tracks.views * (int(tracks.keypoints.max(initial=0)) + 1) + tracks.keypoints
    _, first, inverse = np.unique(own, return_index=True, return_inverse=True)
    return _Observations(inverse.ravel(), observed[first], tracks.views[first],
                         tracks.keypoints[first], tracks.indices)


def _components(seen: _Observations, count: int) -> Indices:
    """Label the `count` tracks that have keypoints in common, directly or by way of others."""
    order = np.argsort(seen.keypoints, kind='stable')
    same = np.flatnonzero(np.diff(seen.keypoints[order]) == 0)
    return connected_components(count, seen.tracks[order[same]], seen.tracks[order[same + 1]])


def _merge(seen: _Observations, labels: Indices, chosen: NDArray[np.bool_], cameras: Cameras,
           options: TriangulationOptions) -> tuple[Triangulated, Indices]:
    """
    Triangulate the tracks (T,) that are chosen, those of one label as one.

    :returns: the tracks, and the label of each.
    """
    kept = chosen[seen.tracks]
    pairs = np.unique(np.column_stack([labels[seen.tracks[kept]], seen.keypoints[kept]]), axis=0)
    starts = np.append(np.flatnonzero(np.diff(pairs[:, 0], prepend=-1)), len(pairs))
    first = np.searchsorted(seen.views, np.arange(len(cameras.positions_m) + 1))
    views = seen.views[pairs[:, 1]]
    tracks = Tracks(views, pairs[:, 1] - first[views], starts)
    features = [Features(seen.points[low:high], np.empty((high - low, 0), np.uint8))
                for low, high in pairwise(first.tolist())]
    found = triangulate(tracks, features, cameras, options)
    label_of = np.full(len(seen.points), -1)
    label_of[pairs[:, 1]] = pairs[:, 0]
    rows = first[found.tracks.views] + found.tracks.keypoints
    numbered = replace(found.tracks, keypoints=seen.numbers[rows])
    return replace(found, tracks=numbered), label_of[rows[found.tracks.starts[:-1]]]


def _appearance(parts: Sequence[PartTracks]) -> Appearance:
    return Appearance(*(np.concatenate(all_) for all_ in zip(
        *(part.appearance for part in parts), strict=True)))


def _means(appearance: Appearance, lengths: Indices, labels: Indices,
           wanted: Indices) -> Appearance:
    """Average what the tracks of each wanted label (K,) look like, by their lengths."""
    order = np.argsort(labels, kind='stable')
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    weights = lengths[order, np.newaxis].astype(np.float64)
    row_of = np.searchsorted(labels[order][starts], wanted)
    rows = np.add.reduceat(unit_rows(appearance.descriptors[order]) * weights, starts)[row_of]
    shades = np.add.reduceat(appearance.colors[order] * weights, starts)[row_of]
    totals = np.add.reduceat(weights, starts)[row_of]
    levels = np.minimum(np.round(unit_rows(rows) * QUANTISATION_LEVELS), 255)
    return Appearance(levels.astype(np.uint8), np.round(shades / totals).astype(np.uint8))


def _one_after_another(first: Triangulated, second: Triangulated) -> Triangulated:
    """Put tracks one after another; what is needed of their keypoints is done."""
    return Triangulated(np.concatenate([first.points_m, second.points_m]),
                        join([first.tracks, second.tracks]),
                        np.concatenate([first.errors, second.errors]))
