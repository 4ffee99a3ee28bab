"""Poses that an image may have: one of each place that its most similar views show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.landmarks.hypotheses.matching import match_place, PlaceMatches
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.options import LandmarkLocaliserOptions
from posenet_ros.landmarks.pnp.matrix_pose import inlier_mask, MatrixPose, refine_by_inliers
from posenet_ros.landmarks.pnp.ransac import MatchSet, ransac
from posenet_ros.landmarks.verification.place_radius import PlaceRadius
from posenet_ros.landmarks.verification.query import Query
from posenet_ros.landmarks.verification.similarities import Similarities


class Place(NamedTuple):
    """
    Landmarks that may be seen together.

    :param source: what proposed them, as of a Hypothesis.
    :param landmarks: (M,) of the map.
    """

    source: str
    landmarks: NDArray[np.integer]


class Proposal(NamedTuple):
    """A pose before it is verified, with what proposed it and how many matches agree."""

    pose: MatrixPose
    source: str
    inliers: int


class _Task(NamedTuple):
    source: str
    matches: PlaceMatches


def propose_poses(query: Query, similarities: Similarities, landmark_map: LandmarkMap,
                  places: Sequence[Place], radius: PlaceRadius,
                  options: LandmarkLocaliserOptions) -> list[Proposal]:
    """
    Estimate a pose of each place by P3P within RANSAC, and another of what does not agree.

    :param places: whose landmarks are known to `similarities`.
    :param radius: of one place; poses within it are merged.
    :returns: the strongest, by falling number of inliers.
    """
    settings = options.hypotheses
    matched = [_Task(place.source, match_place(similarities, place.landmarks, settings))
               for place in places]
    tasks = [task for task in matched if len(task.matches.landmarks) >= settings.min_inliers]
    proposals: list[Proposal] = []
    for _ in range(2):
        found, tasks = _estimate(query, landmark_map, tasks, options)
        proposals += found
    return _merge(proposals, radius)[:settings.most]


def _estimate(query: Query, landmark_map: LandmarkMap, tasks: list[_Task],
              options: LandmarkLocaliserOptions) -> tuple[list[Proposal], list[_Task]]:
    """Return the poses of sets of matches, and the sets of those that do not agree with them."""
    settings = options.hypotheses
    max_error = settings.max_error_px * query.pixel
    sets = [MatchSet(
        landmark_map.points_m[task.matches.landmarks].astype(np.float64),
        query.rays[task.matches.features],
        np.exp(settings.cosine_weight * (task.matches.cosines - task.matches.cosines.max())))
        for task in tasks]
    proposals, rest = [], []
    for task, one, first in zip(tasks, sets, ransac(sets, max_error, options.ransac),
                                strict=True):
        pose = first and refine_by_inliers(
            one.points_m, one.points_normalized, first, max_error)
        if pose is None:
            continue
        agree = inlier_mask(one.points_m, one.points_normalized, pose, max_error)
        if agree.sum() < settings.min_inliers:
            continue
        proposals.append(Proposal(pose, task.source, int(agree.sum())))
        if len(agree) - agree.sum() >= settings.min_outliers:
            rest.append(_Task(task.source, task.matches.select(~agree)))
    return proposals, rest


def _merge(proposals: list[Proposal], radius: PlaceRadius) -> list[Proposal]:
    """Keep the strongest proposal of each pose, by falling number of inliers."""
    kept: list[Proposal] = []
    for one in sorted(proposals, key=lambda each: -each.inliers):
        if not any(radius.same(one.pose, other.pose) for other in kept):
            kept.append(one)
    return kept
