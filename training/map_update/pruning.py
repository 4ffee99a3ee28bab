"""Prune a map: landmarks that have vanished, and views that others make redundant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.retrieval.view_index import ViewIndex
from posenet_ros.training.map_update.arrays import observations_of
from posenet_ros.training.map_update.observations import expected_landmarks, Observed
from posenet_ros.training.map_update.options import JoinOptions, PruningOptions

Indices = NDArray[np.intp]


def vanished_landmarks(landmark_map: LandmarkMap, observed: Sequence[Observed], extent: Floats,
                       joining: JoinOptions, options: PruningOptions) -> Indices:
    """
    Find the landmarks that new images should see, and do not.

    How often a landmark is seen where it is expected is a property of its own: the old views
    tell it, and with it how many sightings are to be expected of the new ones.

    :param observed: what each new image sees of the map.
    :param extent: (2,) half width and height of the images, normalised image coordinates.
    :returns: (K,) indices, rising.
    """
    count = len(landmark_map.points_m)
    expected, seen = (np.bincount(np.concatenate([np.empty(0, np.intp), *parts]), minlength=count)
                      for parts in ([one.expected for one in observed],
                                    [one.landmarks for one in observed]))
    asked = np.flatnonzero(expected >= options.min_expected)
    if not len(asked):
        return asked
    sightings = expected * detection_rates(landmark_map, extent, joining)
    return np.flatnonzero((sightings >= options.min_expected)
                          & (seen < options.min_proportion * sightings))


def detection_rates(landmark_map: LandmarkMap, extent: Floats, options: JoinOptions) -> Floats:
    """
    Estimate how often each landmark is seen by the views that should see it, (L,) 0 to 1.

    A view should see what other views near it see, within its frame.
    """
    count, index = len(landmark_map.points_m), ViewIndex(landmark_map)
    expected, seen = np.zeros((2, count))
    for view in range(len(landmark_map.views)):
        there = expected_landmarks(landmark_map, index, landmark_map.views.pose(view), extent,
                                   options, exclude=(view,))
        expected[there] += 1
        own = landmark_map.seen_by(view)
        seen[own[np.isin(own, there)]] += 1
    return np.asarray(seen / np.maximum(expected, 1), np.float64)


def redundant_views(landmark_map: LandmarkMap, most: int) -> Indices:
    """
    Find the views to drop, so that at most `most` are left: the most redundant one after another.

    A view is redundant where many others see its landmarks: the mean of 1 / (number of other
    views) over them is small. (ORB-SLAM drops keyframes by the proportion that three others see:
    Mur-Artal et al. 2015.) Of equal ones the older goes first.

    :returns: (K,) indices, rising.
    """
    observations = observations_of(landmark_map)
    views, landmarks = observations.T
    lengths = landmark_map.track_lengths.astype(np.float64)
    counts = np.maximum(np.diff(landmark_map.starts), 1)
    dropped: list[int] = []
    left = np.ones(len(landmark_map.views), bool)
    while left.sum() > most:
        parts = 1 / np.maximum(lengths[landmarks] - 1, 0.5)
        scores = np.bincount(views, parts, minlength=len(left)) / counts
        scores[~left] = np.inf
        view = int(scores.argmin())
        left[view] = False
        dropped.append(view)
        lengths[landmark_map.seen_by(view)] -= 1
    return np.sort(np.array(dropped, np.intp))
