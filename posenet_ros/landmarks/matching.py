"""Matching of descriptors, and of an image's features with landmarks of one view each."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.options import LandmarkLocaliserOptions


def unit_rows(descriptors: ArrayLike) -> NDArray[np.float32]:
    """Normalise descriptors (N, D) to length 1: their scalar products are cosines."""
    rows = np.asarray(descriptors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)


def match_mutual(ours: NDArray[np.float32], theirs: NDArray[np.float32],
                 max_ratio: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """
    Match mutual nearest neighbours that pass the ratio test (Lowe 2004, section 7.1).

    :param ours: (N, D) descriptors of length 1.
    :param theirs: (M, D) descriptors of length 1.
    :param max_ratio: of the distances to the nearest and the second nearest of `theirs`.
    :returns: indices (K,) into `ours` and into `theirs`.
    """
    if not len(ours) or len(theirs) < 2:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    cosines = ours @ theirs.T
    rows, back = np.arange(len(ours)), cosines.argmax(axis=0)
    best = cosines.argmax(axis=1)
    nearest = cosines[rows, best]
    cosines[rows, best] = -1
    second = cosines.max(axis=1)
    # squared distances are 2 - 2 cos
    chosen = np.flatnonzero((1 - nearest < max_ratio ** 2 * (1 - second)) & (back[best] == rows))
    return chosen, best[chosen]


def match_near(points: Floats, expected: Floats, ours: NDArray[np.float32],
               theirs: NDArray[np.float32], radius: float, min_cosine: float,
               ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """
    Match mutual nearest neighbours among those that lie where they are expected.

    There is no ratio test: within a window the second nearest is mostly another spot.

    :param points: (N, 2) keypoints; `ours` (N, D) their descriptors of length 1.
    :param expected: (M, 2) where landmarks are expected; `theirs` (M, D) likewise.
    :param radius: half the width of the square window, in the unit of the points.
    :param min_cosine: of the descriptors of a match.
    :returns: indices (K,) into `ours` and into `theirs`.
    """
    own, other = _pairs_near(points, expected, radius)
    cosines = np.einsum('ij,ij->i', ours[own], theirs[other])
    best, back = np.full((2, max(len(ours), len(theirs))), min_cosine, np.float32)
    np.maximum.at(best, own, cosines)
    np.maximum.at(back, other, cosines)
    chosen = (cosines >= best[own]) & (cosines >= back[other])
    return own[chosen], other[chosen]


def _pairs_near(points: Floats, others: Floats,
                radius: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs of points whose coordinates differ by `radius` at most, in either axis."""
    order = np.argsort(others[:, 0], kind='stable')
    ordered = others[order]
    first, last = (np.searchsorted(ordered[:, 0], points[:, 0] + offset)
                   for offset in (-radius, radius))
    counts = last - first
    own = np.repeat(np.arange(len(points)), counts)
    rank = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    other = np.repeat(first, counts) + rank
    near = np.abs(points[own, 1] - ordered[other, 1]) <= radius
    return own[near], order[other[near]]


def match_by_view(features: Features, landmark_map: LandmarkMap, views: NDArray[np.intp],
                  options: LandmarkLocaliserOptions) -> LandmarkMatches:
    """
    Match features with the own landmarks of each view in turn; no inliers yet.

    A spot is a landmark of each view that sees it, so that all at once would fail the ratio test.
    """
    descriptors = unit_rows(features.descriptors)
    points, rays, counts = [np.empty((0, 3))], [np.empty((0, 2))], []
    for view in views:
        seen = landmark_map.seen_by(view)
        ours, theirs = match_mutual(
            descriptors, unit_rows(landmark_map.descriptors[seen]), options.max_ratio)
        points.append(landmark_map.points_m[seen[theirs]].astype(np.float64))
        rays.append(features.points_normalized[ours])
        counts.append(len(ours))
    view_of_match = np.repeat(np.asarray(views, np.intp), counts)
    return LandmarkMatches(np.concatenate(points), np.concatenate(rays), view_of_match,
                           np.zeros(len(view_of_match), np.bool_))
