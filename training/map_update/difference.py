"""What differs between two maps: views and landmarks that came, went, or moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.geometry.similarity import Similarity, umeyama
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.matching import match_mutual, unit_rows

MIN_COMMON = 3  # views by which frames are compared
MAX_RATIO = 0.9  # of descriptors of one landmark in two maps, within a view
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Correspondences:
    """
    What two maps have in common, and what one of them has alone.

    :param pairs: (C, 2) indices of what is common, in the first and in the second.
    :param removed: of the first alone, (R,); `added` of the second alone, (A,).
    :param moved: (C,) by how much, map units.
    """

    pairs: Indices
    removed: Indices
    added: Indices
    moved: Floats = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, eq=False)
class MapDifference:
    """
    What differs between two maps.

    :param views: matched by name; `turned_deg` (C,) by how much the common ones turned.
    :param landmarks: matched by their descriptors within common views.
    :param second_from_first: by the common views; None where they are too few, or at one place.
        Movements are not relative to it: they are those of the frames as they are.
    """

    views: Correspondences
    turned_deg: Floats
    landmarks: Correspondences
    second_from_first: Similarity | None


def compare_contents(first: LandmarkMap, second: LandmarkMap,
                     offset_m: tuple[float, ...] = (0.0, 0.0, 0.0)) -> MapDifference:
    """
    Compare two maps, the second mostly made from the first.

    :param offset_m: of the second one's origin from that of the first.
    """
    pairs = _common_names(first.views.names, second.views.names)
    ours, theirs = pairs.T
    moved = second.views.positions_m + offset_m
    turned = np.degrees(rotation_angle_rad(
        first.views.quats_xyzw[ours], second.views.quats_xyzw[theirs]))
    return MapDifference(
        _parts(pairs, first.views.positions_m, moved), np.asarray(turned),
        _parts(_common_landmarks(first, second, pairs), first.points_m,
               second.points_m + np.array(offset_m)),
        _transform(first.views.positions_m[ours], moved[theirs]))


def _common_names(ours: Sequence[str], theirs: Sequence[str]) -> Indices:
    row_of = {name: row for row, name in enumerate(theirs) if name}
    return np.array([(row, row_of[name]) for row, name in enumerate(ours) if name in row_of],
                    np.intp).reshape(-1, 2)


def _common_landmarks(first: LandmarkMap, second: LandmarkMap, views: Indices) -> Indices:
    """Return the landmarks (C, 2) that most common views pair, one to one."""
    found = [np.empty((0, 2), np.intp)]
    for ours, theirs in views.tolist():
        a, b = first.seen_by(ours), second.seen_by(theirs)
        i, j = match_mutual(unit_rows(first.descriptors[a]), unit_rows(second.descriptors[b]),
                            MAX_RATIO)
        found.append(np.column_stack([a[i], b[j]]).astype(np.intp))
    pairs, counts = np.unique(np.concatenate(found), axis=0, return_counts=True)
    pairs = pairs[np.argsort(-counts, kind='stable')]
    for side in (0, 1):  # of several partners, the one of most views
        pairs = pairs[np.sort(np.unique(pairs[:, side], return_index=True)[1])]
    return pairs[np.argsort(pairs[:, 0])]


def _parts(pairs: Indices, before: Floats | NDArray[np.float32], after: Floats) -> Correspondences:
    ours, theirs = pairs.T
    moved = np.linalg.norm(after[theirs] - before[ours], axis=1)
    return Correspondences(pairs, np.setdiff1d(np.arange(len(before)), ours),
                           np.setdiff1d(np.arange(len(after)), theirs), moved)


def _transform(before: Floats, after: Floats) -> Similarity | None:
    """Return second_from_first by positions of common views, which have to span a plane."""
    if len(before) < MIN_COMMON:
        return None
    spread = np.linalg.svd(before - before.mean(axis=0), compute_uv=False)
    return umeyama(before, after) if spread[1] > 1e-3 * max(spread[0], 1e-12) else None
