"""Compare an updated map with the old one, on images that it does not know, and on old views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import pose_difference
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.training.map_update.observations import project
from posenet_ros.training.map_update.options import ComparisonOptions
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import progress

Indices = NDArray[np.intp]


class Query(NamedTuple):
    """
    An image to localise in both maps.

    :param truth: its pose; None: errors are those that the poses' covariances expect.
    :param walk: views of this walk are not used; '' uses all.
    """

    features: Features
    truth: Pose | None = None
    walk: str = ''


@dataclass(frozen=True, eq=False)
class Comparison:
    """
    Position errors of the same images in the old and in the updated map.

    :param old_m: (N,) metres, NaN where the image is not found; `new_m` likewise.
    """

    old_m: Floats
    new_m: Floats

    def is_worse(self, options: ComparisonOptions) -> bool:
        """Return whether the updated map is worse by more than chance."""
        lost = int((np.isfinite(self.old_m) & ~np.isfinite(self.new_m)).sum())
        won = int((~np.isfinite(self.old_m) & np.isfinite(self.new_m)).sum())
        # McNemar 1947: of the images that one map alone finds, either has half by chance
        if lost - won > options.standard_errors * np.sqrt(lost + won):
            return True
        both = np.isfinite(self.old_m) & np.isfinite(self.new_m)
        tiny = 1e-4 * max(float(np.median(self.old_m[both])), 1e-9) if both.any() else 1.0
        ratios = np.log((self.new_m[both] + tiny) / (self.old_m[both] + tiny))
        if len(ratios) < 2:
            return False
        error = options.standard_errors * ratios.std(ddof=1) / np.sqrt(len(ratios))
        return bool(ratios.mean() - error > np.log(options.harmless_ratio))

    def describe(self, unit: str, what: str) -> str:
        """Describe it for the terminal: the figures of both maps."""
        def figures(errors: Floats) -> str:
            found = errors[np.isfinite(errors)]
            median = f', {np.median(found):.3g} {unit}' if len(found) else ''
            return f'{len(found)} of {len(errors)} found{median}'

        return f'{what}: {figures(self.old_m)} in the old map, {figures(self.new_m)} in the new'


def compare_maps(old: LandmarkMap, new: LandmarkMap, queries: Sequence[Query],
                 what: str) -> Comparison:
    """Localise images in two maps, with a progress bar named `what`."""
    pairs = [(LandmarkLocaliser(each), each) for each in (old, new)]

    def one(query: Query) -> list[float]:
        return [_error(localiser, landmark_map, query) for localiser, landmark_map in pairs]

    errors = np.reshape(list(progress(
        ordered_map(one, queries), len(queries), 'image', what)), (-1, 2))
    return Comparison(errors[:, 0], errors[:, 1])


def _error(localiser: LandmarkLocaliser, landmark_map: LandmarkMap, query: Query) -> float:
    exclude = landmark_map.views.of_sequence(query.walk) if query.walk else ()
    found = localiser.localise(query.features, exclude=exclude)
    if found is None:
        return float('nan')
    if query.truth is None:
        return float(np.sqrt(np.trace(found.covariance[:3, :3])))
    difference = pose_difference(found.map_from_camera, query.truth)
    return float(np.linalg.norm(difference[:3]))


def features_of_view(landmark_map: LandmarkMap, view: int, focal_length_px: float,
                     noise_px: float = 0.0) -> Features:
    """
    Return the features of a view as the map knows them: its landmarks, projected into it.

    :param noise_px: standard deviation of a keypoint; their descriptors are mean ones.
    """
    seen = landmark_map.seen_by(view)
    points, front = project(landmark_map.points_m[seen].astype(np.float64),
                            landmark_map.views.pose(view))
    noise = np.random.default_rng(view).normal(0, noise_px / focal_length_px, points.shape)
    return Features((points + noise)[front], landmark_map.descriptors[seen[front]],
                    focal_length_px)


def old_view_queries(landmark_map: LandmarkMap, focal_length_px: float,
                     options: ComparisonOptions) -> list[Query]:
    """Return evenly spread views of a map as queries that leave their own walk out."""
    count = len(landmark_map.views)
    chosen = np.unique(np.linspace(0, count - 1, min(count, options.old_views)).round())
    several = len(set(landmark_map.views.sequences)) > 1
    return [Query(features_of_view(landmark_map, view, focal_length_px, options.noise_px),
                  landmark_map.views.pose(view),
                  landmark_map.views.sequences[view] if several else '')
            for view in chosen.astype(int).tolist()]


def held_out(count: int, options: ComparisonOptions) -> NDArray[np.bool_]:
    """Return the mask (count,) of the images that are left out for the check, evenly spread."""
    wanted = max(count // options.held_out_every, min(options.min_held_out, count // 2))
    mask = np.zeros(count, bool)
    if wanted:
        mask[((np.arange(wanted) + 0.5) * count / wanted).astype(int)] = True
    return mask
