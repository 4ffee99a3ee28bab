"""Verify a hypothesis: refine it on the image, and count the votes that did not know it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.landmarks.landmark_map import Indices, LandmarkMap
from posenet_ros.landmarks.options import VerificationOptions
from posenet_ros.landmarks.pnp.matrix_pose import fit_pose, MatrixPose
from posenet_ros.landmarks.verification.evidence import evidence
from posenet_ros.landmarks.verification.query import Query
from posenet_ros.landmarks.verification.similarities import Similarities
from posenet_ros.landmarks.verification.visibility import (
    MapGeometry,
    Observations,
    VisibleLandmarks,
)

MIN_MATCHES = 6  # that a pose is refined by
REFINEMENT_STEPS = 6


class Votes(NamedTuple):
    """
    Landmarks that are recognised in the image, whatever the pose.

    :param landmarks: (N,) with the feature that each is most similar to, (N,).
    :param residuals_px: (N,) distance of that feature from where the pose puts the landmark.
    :param cells: (N,) image cells of the features.
    """

    landmarks: NDArray[np.integer]
    features: NDArray[np.integer]
    residuals_px: NDArray[np.float32]
    cells: NDArray[np.int64]


class VerifiedPose(NamedTuple):
    """
    A refined pose with what the image says for it.

    :param inliers: number of matches that proposed it.
    :param seen: observations of the views around the pose.
    :param cells: distinct image cells whose voters agree; `voting` their number in all.
    :param visible: number of landmarks that an image there has to show.
    :param patch_cells: distinct image cells whose patches agree.
    """

    pose: MatrixPose
    source: str
    inliers: int
    seen: Observations
    votes: Votes
    evidence: float
    cells: NDArray[np.int64]
    voting: int
    visible: int
    patch_cells: NDArray[np.int64] = np.empty(0, np.int64)

    @property
    def inlier_ratio(self) -> float:
        """Return the part of the voting cells that agrees."""
        return len(self.cells) / max(self.voting, 1)

    @property
    def found_ratio(self) -> float:
        """Return the image cells that agree by the landmarks that have to be visible."""
        return len(self.cells) / max(self.visible, 1)


class Verifier:
    """
    Verify hypotheses of one image.

    :param exclude: views that are not used.
    """

    def __init__(self, landmark_map: LandmarkMap, geometry: MapGeometry, query: Query,
                 similarities: Similarities, options: VerificationOptions,
                 exclude: Indices = ()) -> None:
        self._map, self._geometry, self._query = landmark_map, geometry, query
        self._similarities, self._options, self._exclude = similarities, options, exclude
        self._hidden = landmark_map.hidden(exclude) if len(exclude) else None

    def observations(self, views: NDArray[np.intp]) -> Observations:
        """Return what views see, without what only excluded ones see as well."""
        return self._geometry.observations(views, self._hidden)

    def near(self, pose: MatrixPose, count: int) -> NDArray[np.intp]:
        """Return the views nearest to a pose."""
        return self._geometry.near(pose, count, self._exclude)

    def verify(self, pose: MatrixPose, source: str, inliers: int) -> VerifiedPose:
        """Refine a pose by guided matches, then let the landmarks around it vote."""
        views = self.near(pose, self._options.views)
        seen = self.observations(views)
        for window_px in self._options.windows_px:
            pose = self._refine(pose, seen, window_px)
        again = self.near(pose, self._options.views)
        if not np.array_equal(np.sort(views), np.sort(again)):
            seen = self.observations(again)
        visible = self._geometry.visible(seen, pose, self._query, self._options.landmarks)
        votes, chance = self._vote(visible)
        agree = votes.residuals_px <= self._options.vote_px
        return VerifiedPose(
            pose, source, inliers, seen, votes,
            evidence(votes.cells, votes.residuals_px, chance, self._options),
            np.unique(votes.cells[agree]), len(np.unique(votes.cells)), len(visible.landmarks))

    def guided_matches(self, pose: MatrixPose, seen: Observations, window_px: float,
                       ) -> tuple[Floats, Floats]:
        """
        Match the landmarks of some views near where a pose puts them, one to one.

        :returns: (K, 3) landmarks and (K, 2) normalised image coordinates.
        """
        options, similarities = self._options, self._similarities
        visible = self._geometry.visible(seen, pose, self._query, options.landmarks)
        similarities.add(visible.landmarks)
        rows, features, _ = self._query.grid.pairs(visible.expected_px, window_px)
        cosines = similarities.cosines(visible.landmarks[rows], features)
        order = np.argsort(-cosines, kind='stable')
        order = order[cosines[order] > options.min_window_cosine]
        for part in (rows, features):  # the best of each landmark, then of each feature
            order = order[np.sort(np.unique(part[order], return_index=True)[1])]
        points = self._map.points_m[visible.landmarks[rows[order]]].astype(np.float64)
        return points, self._query.rays[features[order]]

    def _refine(self, pose: MatrixPose, seen: Observations, window_px: float) -> MatrixPose:
        """Fit a pose to its guided matches; it stays where they are too few."""
        points, rays = self.guided_matches(pose, seen, window_px)
        if len(points) < MIN_MATCHES:
            return pose
        fitted = fit_pose(points, rays, pose, self._options.loss_px * self._query.pixel,
                          REFINEMENT_STEPS)
        return fitted if np.isfinite(fitted.translation_m).all() else pose

    def _vote(self, visible: VisibleLandmarks) -> tuple[Votes, float]:
        """
        Find landmarks that have to be visible by appearance alone, in the whole image.

        A landmark votes if it and its best feature are mutual, and if it passes the ratio test
        against features elsewhere.

        :returns: the votes, and the probability that one agrees by chance.
        """
        options, query = self._options, self._query
        self._similarities.add(visible.landmarks)
        best, cosine, second = self._similarities.best(visible.landmarks)
        rows = np.flatnonzero(1 - cosine < options.max_ratio ** 2 * (1 - second))
        if len(rows):
            rivals = self._similarities.cosines(visible.landmarks[:, np.newaxis], best[rows])
            rows = rows[cosine[rows] >= rivals.max(axis=0)]
        features, expected = best[rows], visible.expected_px[rows]
        offsets = query.points[features] - expected
        votes = Votes(visible.landmarks[rows], features, np.sqrt(
            np.einsum('ij,ij->i', offsets, offsets)), query.cells[features])
        return votes, self._chance(expected)

    def _chance(self, expected: NDArray[np.float32]) -> float:
        """Return the probability that a feature by chance is within `vote_px` of these."""
        if not len(expected):
            return 0.0
        options = self._options
        own = self._query.grid.pairs(expected, options.density_px)[0]
        counts = np.bincount(own, minlength=len(expected))
        by_area = (options.vote_px / options.density_px) ** 2
        return float(np.maximum(counts * by_area, by_area).mean()) / len(self._query)
