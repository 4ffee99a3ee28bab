"""Which views of a map are near a pose, and which of their landmarks an image there shows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import angle_between_rad
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.landmark_map import Indices, LandmarkMap
from posenet_ros.landmarks.options import VerificationOptions
from posenet_ros.landmarks.pnp.matrix_pose import MatrixPose
from posenet_ros.landmarks.verification.query import Query

DEPTH_SAMPLE = 200_000  # observations that the median depth is taken of
AnyPose = Pose | MatrixPose


class Observations(NamedTuple):
    """
    Landmarks that some views see.

    :param landmarks: (K,) distinct, rising.
    :param rows: (O,) the landmark of each observation, as an index into `landmarks`.
    :param views: (O,) the view of each.
    """

    landmarks: NDArray[np.int32]
    rows: NDArray[np.intp]
    views: NDArray[np.intp]


class VisibleLandmarks(NamedTuple):
    """
    Landmarks that an image has to show.

    :param landmarks: (K,).
    :param expected_px: (K, 2) where, in pixels of a query.
    """

    landmarks: NDArray[np.int32]
    expected_px: NDArray[np.float32]


class MapGeometry:
    """
    The arrays of a map that verification needs, made once.

    :param landmark_map: of joined landmarks.
    """

    def __init__(self, landmark_map: LandmarkMap, options: VerificationOptions) -> None:
        self._map, self._options = landmark_map, options
        self._centres = landmark_map.views.positions_m
        self._axes = landmark_map.views.rotations[:, :, 2]
        self.median_depth_m = self._median_depth()
        self._min_cosine = np.float32(np.cos(np.radians(options.max_view_angle_deg)))

    def near(self, pose: AnyPose, count: int, exclude: Indices = ()) -> NDArray[np.intp]:
        """Return the views nearest to a pose, by distance and direction together."""
        scores = self._distances(pose, exclude)
        chosen = np.argpartition(scores, count)[:count] if count < len(scores) else (
            np.arange(len(scores)))
        chosen = chosen[np.isfinite(scores[chosen])]
        return np.asarray(chosen[np.argsort(scores[chosen], kind='stable')])

    def distance(self, pose: AnyPose, exclude: Indices = ()) -> float:
        """Return how far a pose is from the nearest view: 1 stands for `distance_scale` of it."""
        return float(self._distances(pose, exclude).min())

    def within(self, pose: AnyPose, distance: float) -> NDArray[np.intp]:
        """Return the views nearer to a pose than that, in units of :meth:`distance`."""
        return np.flatnonzero(self._distances(pose, ()) < distance)

    def _distances(self, pose: AnyPose, exclude: Indices) -> Floats:
        """Return how far a pose is from each view (V,), infinite from excluded ones."""
        options = self._options
        distances = np.linalg.norm(self._centres - pose.translation_m, axis=1)
        scores = (distances / (options.distance_scale * self.median_depth_m)
                  + np.degrees(angle_between_rad(self._axes, pose.rotation[:, 2]))
                  / options.angle_scale_deg)
        if len(exclude):
            scores[np.asarray(exclude, np.intp)] = np.inf
        return np.asarray(scores, np.float64)

    def groups(self, views: NDArray[np.intp], max_distance: float,
               max_angle_deg: float) -> list[NDArray[np.intp]]:
        """
        Group views by pose: each joins the first group whose first view is near it.

        :param views: (K,), the most promising first.
        :param max_distance: by the median depth of the map.
        """
        centres, axes = self._centres[views], self._axes[views]
        near = np.linalg.norm(centres[:, np.newaxis] - centres, axis=2) < (
            max_distance * self.median_depth_m)
        near &= axes @ axes.T > np.cos(np.radians(max_angle_deg))
        groups, left = [], np.ones(len(views), np.bool_)
        for first in range(len(views)):
            if left[first]:
                members = left & near[first]
                groups.append(np.asarray(views[members]))
                left &= ~members
        return groups

    def observations(self, views: NDArray[np.intp],
                     hidden: NDArray[np.bool_] | None = None) -> Observations:
        """
        Return the landmarks that some views see.

        :param hidden: (L,) landmarks that are taken not to exist; None for none.
        """
        parts = [self._map.seen_by(view) for view in views]
        seen = np.concatenate([np.empty(0, np.int32), *parts])
        by = np.repeat(np.asarray(views, np.intp), [len(part) for part in parts])
        if hidden is not None:
            kept = ~hidden[seen]
            seen, by = seen[kept], by[kept]
        landmarks, rows = np.unique(seen, return_inverse=True)
        return Observations(landmarks, rows.ravel(), by)

    def visible(self, seen: Observations, pose: AnyPose, query: Query,
                most: int | None = None) -> VisibleLandmarks:
        """
        Return which landmarks an image at a pose has to show.

        They are those in the image that some view sees from a similar angle and distance.

        :param most: of them, those that the most views see.
        """
        points = self._map.points_m[seen.landmarks]
        offsets = points - pose.translation_m.astype(np.float32)
        inside = offsets @ pose.rotation.astype(np.float32)
        front = inside[:, 2] > 1e-6
        normalized = inside[:, :2] / np.where(front, inside[:, 2], np.float32(1))[:, np.newaxis]
        shown = front & query.is_inside(normalized)
        kept = self._seen_alike(seen, shown, points, offsets)
        if most is not None and len(kept) > most:
            lengths = self._map.track_lengths[seen.landmarks[kept]]
            kept = np.sort(kept[np.argsort(-lengths, kind='stable')[:most]])
        return VisibleLandmarks(seen.landmarks[kept], query.to_pixels(normalized[kept]))

    def _seen_alike(self, seen: Observations, shown: NDArray[np.bool_],
                    points: NDArray[np.float32],
                    offsets: NDArray[np.float32]) -> NDArray[np.intp]:
        """Return the rows of shown landmarks with a view of a similar angle and distance."""
        of_shown = shown[seen.rows]
        rows, views = seen.rows[of_shown], seen.views[of_shown]
        ours = offsets[rows]
        theirs = points[rows] - self._centres[views].astype(np.float32)
        our_length = np.sqrt(np.einsum('ij,ij->i', ours, ours))
        their_length = np.sqrt(np.einsum('ij,ij->i', theirs, theirs))
        scale = np.float32(self._options.max_scale)
        alike = (np.einsum('ij,ij->i', ours, theirs)
                 > self._min_cosine * our_length * their_length)
        alike &= (our_length < scale * their_length) & (scale * our_length > their_length)
        found = np.zeros(len(shown), np.bool_)
        found[rows[alike]] = True
        return np.flatnonzero(found)

    def _median_depth(self) -> float:
        """Return the median depth of the landmarks in the views that see them, metres."""
        step = max(len(self._map.seen) // DEPTH_SAMPLE, 1)
        some = np.arange(0, len(self._map.seen), step)
        views = np.searchsorted(self._map.starts, some, side='right') - 1
        offsets = self._map.points_m[self._map.seen[some]] - self._centres[views]
        depths: Floats = np.einsum('ij,ij->i', offsets, self._axes[views])
        return float(np.median(depths)) if len(depths) else 1.0
