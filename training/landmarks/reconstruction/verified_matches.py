"""Match the features of view pairs, and verify the matches by the epipolar geometry."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats, Floats32
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.matching import unit_rows
from posenet_ros.training.data import epipolar
from posenet_ros.training.landmarks.options import MatchOptions
from posenet_ros.training.landmarks.reconstruction.pairs import Cameras
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import progress

Indices = NDArray[np.intp]


class PairMatches(NamedTuple):
    """
    Verified matches of two views.

    :param first: index of a view; `second` of the other.
    :param keypoints: (M, 2) indices of keypoints of the first and of the second view.
    """

    first: int
    second: int
    keypoints: Indices


def match_pairs(features: Sequence[Features], cameras: Cameras, pairs: Indices,
                options: MatchOptions) -> list[PairMatches]:
    """
    Match the features of all pairs, with a progress bar.

    :param features: of the views, `cameras` their poses.
    :param pairs: (P, 2) indices of views, rising; each first view's descriptors are prepared
        once.
    :returns: the pairs with at least `min_matches`.
    """
    firsts, starts = np.unique(pairs[:, 0], return_index=True)
    seconds = np.split(pairs[:, 1], starts[1:])

    def of_view(item: tuple[int, Indices]) -> list[PairMatches]:
        first, others = item
        ours = unit_rows(features[first].descriptors)
        return [PairMatches(first, int(second), match_views(
            ours, features[first].points_normalized, features[second],
            essential_matrix(cameras, first, int(second)), options)) for second in others]

    items = zip(firsts.tolist(), seconds, strict=False)  # no pair: one empty part of none
    found = chain.from_iterable(progress(
        ordered_map(of_view, items), len(firsts), 'image', 'matches'))
    return [one for one in found if len(one.keypoints) >= options.min_matches]


def verify(matches: Sequence[PairMatches], features: Sequence[Features], cameras: Cameras,
           options: MatchOptions) -> list[PairMatches]:
    """
    Verify matches anew: by other poses, or within another tolerance.

    :returns: the pairs with at least `min_matches` near their epipolar lines.
    """
    kept = []
    for one in matches:
        ours, theirs = one.keypoints.T
        errors = epipolar_errors(
            features[one.first].points_normalized[ours],
            features[one.second].points_normalized[theirs],
            essential_matrix(cameras, one.first, one.second))
        kept.append(one._replace(keypoints=one.keypoints[errors < options.max_epipolar_error]))
    return [one for one in kept if len(one.keypoints) >= options.min_matches]


def matches_without(matches: Sequence[PairMatches], held: Indices) -> list[PairMatches]:
    """Return the matches of the pairs of views without one of those held out."""
    out = set(held.tolist())
    return [one for one in matches if one.first not in out and one.second not in out]


def match_views(ours: Floats32, points_normalized: Floats, theirs: Features, essential: Floats,
                options: MatchOptions) -> Indices:
    """
    Match mutual nearest neighbours near their epipolar lines that pass the ratio test.

    The second nearest neighbour, which costs most, is looked for last.

    :param ours: (N, D) descriptors of length 1, at `points_normalized` (N, 2).
    :param essential: (3, 3) of the two views, see :func:`essential_matrix`.
    :returns: (M, 2) indices of keypoints of the first and of the second view.
    """
    if not len(ours) or len(theirs.descriptors) < 2:
        return np.empty((0, 2), np.intp)
    cosines = ours @ unit_rows(theirs.descriptors).T
    best = cosines.argmax(axis=1)
    nearest = cosines[np.arange(len(ours)), best]
    mutual = np.flatnonzero(nearest == cosines.max(axis=0)[best])
    errors = epipolar_errors(points_normalized[mutual], theirs.points_normalized[best[mutual]],
                             essential)
    chosen = mutual[errors < options.max_epipolar_error]
    others = cosines[chosen]
    others[np.arange(len(chosen)), best[chosen]] = -1
    second = others.max(axis=1, initial=-1)
    # squared distances are 2 - 2 cos
    passed = chosen[1 - nearest[chosen] < options.max_ratio ** 2 * (1 - second)]
    return np.column_stack([passed, best[passed]])


def essential_matrix(cameras: Cameras, first: int, second: int) -> Floats:
    """
    Compute the essential matrix E of two views: y^T E x = 0 for x of the first, y of the second.

    :returns: (3, 3); zeros for views in one place, whose matches it cannot verify.
    """
    rotation = cameras.rotations[second].T @ cameras.rotations[first]
    step = cameras.positions_m[first] - cameras.positions_m[second]
    length = np.linalg.norm(step)
    direction = cameras.rotations[second].T @ (step / length if length else step)
    return epipolar.essential_matrix(rotation, direction)


def epipolar_errors(points: Floats, others: Floats, essential: Floats) -> Floats:
    """
    Compute the larger distance of two matched keypoints to each other's epipolar line.

    :param points: (M, 2) normalised image coordinates in the first view, `others` in the second.
    :returns: (M,) normalised image coordinates.
    """
    return np.abs(epipolar.epipolar_residuals(points, others, essential))
