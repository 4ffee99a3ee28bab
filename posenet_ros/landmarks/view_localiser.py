"""
Localise an image by landmarks of one view each, as the maps of older model folders have them.

The image's local features are matched with the landmarks of some views, and the matches give a
pose. A low inlier ratio is checked by the views around the pose.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import Indices, LandmarkMap
from posenet_ros.landmarks.localisation import Localisation, Outcome
from posenet_ros.landmarks.matching import match_by_view
from posenet_ros.landmarks.options import LandmarkLocaliserOptions
from posenet_ros.landmarks.pnp.absolute_pose import AbsolutePose, estimate_absolute_pose
from posenet_ros.landmarks.retrieval.view_index import ViewIndex


class ViewLocaliser:
    """
    Localise images by landmarks of one view each.

    :param index: of the map's views.
    """

    def __init__(self, landmark_map: LandmarkMap, index: ViewIndex,
                 options: LandmarkLocaliserOptions) -> None:
        self._map, self._index, self._options = landmark_map, index, options

    def search(self, features: Features, guess: Pose | None = None,
               descriptor: NDArray[np.floating] | None = None,
               exclude: Indices = ()) -> Localisation:
        """Localise an image; the parameters are those of LandmarkLocaliser.search."""
        most = Localisation(Outcome.NOT_LOCALISED)
        for views in self._candidate_views(features, guess, descriptor, exclude):
            first = self._estimate(features, views)
            if first is None:
                continue
            found = self._check(features, first, exclude)
            if found:
                return _localisation(found, found)
            most = max(most, _localisation(None, first), key=lambda one: one.landmarks)
        return most

    def _candidate_views(
            self, features: Features, guess: Pose | None,
            descriptor: NDArray[np.floating] | None,
            exclude: Indices) -> Iterator[NDArray[np.intp]]:
        """Yield sets of views to match with, most promising first."""
        near = np.empty(0, np.intp) if guess is None else self._index.by_pose(
            guess, self._options.more_views, exclude)
        yield near[:self._options.views]
        yield self._index.by_features(features, exclude)
        yield self._index.by_network_descriptor(descriptor, exclude)
        yield near[self._options.views:]

    def _estimate(self, features: Features, views: NDArray[np.intp]) -> AbsolutePose | None:
        """Match the landmarks of some views and estimate the pose; None without one."""
        if not len(views):
            return None
        matches = match_by_view(features, self._map, views, self._options)
        found = estimate_absolute_pose(
            matches.points_m, matches.points_normalized, self._options.absolute_pose)
        if found is None:
            return None
        matches.inlier[found.inliers] = True
        return replace(found, matches=matches)

    def _check(self, features: Features, first: AbsolutePose,
               exclude: Indices) -> AbsolutePose | None:
        """Return a pose that is believed: of a low inlier ratio, checked by the views around."""
        options = self._options
        if len(first.inliers) < options.min_inliers_by_view:
            return None
        if first.inlier_ratio >= options.sure_inlier_ratio:
            return first
        second = self._estimate(features, self._index.by_pose(
            first.map_from_camera, options.views, exclude))
        if (second is None or len(second.inliers) < options.min_inliers_by_view
                or second.inlier_ratio < options.min_inlier_ratio_by_view):
            return None
        return max(second, first, key=lambda found: len(found.inliers))


def _localisation(pose: AbsolutePose | None, found: AbsolutePose) -> Localisation:
    outcome = Outcome.LOCALISED if pose else Outcome.NOT_LOCALISED
    return Localisation(outcome, pose, len(found.inliers), len(found.matches or ()))
