"""Absolute poses by P3P within RANSAC, of many sets of matches in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.landmarks.options import RansacOptions
from posenet_ros.landmarks.pnp.matrix_pose import MatrixPose
from posenet_ros.landmarks.pnp.p3p import solve_p3p


class MatchSet(NamedTuple):
    """
    2D-3D matches of one hypothesis.

    :param points_m: (N, 3) in the map.
    :param points_normalized: (N, 2) normalised image coordinates.
    :param weights: (N,) a match is drawn in proportion to it.
    """

    points_m: Floats
    points_normalized: Floats
    weights: Floats


class _Samples(NamedTuple):
    """Samples (B, 3, 3) of centred points and of unit rays, with the set that each is of (B,)."""

    points: Floats
    directions: Floats
    sets: NDArray[np.intp]


def ransac(sets: Sequence[MatchSet], max_error: float,
           options: RansacOptions) -> list[MatrixPose | None]:
    """
    Estimate a pose of each set of matches: the sample whose pose scores best by all of them.

    The score is MSAC's (Torr and Zisserman 2000), the sum of max(0, 1 - (error / max_error)^2).
    The samples are as many for each set, drawn at once and solved in one call.

    :param max_error: reprojection error of an inlier, normalised image coordinates.
    :returns: a pose a set, not yet refined; None where no sample has a solution.
    """
    rng = np.random.default_rng(options.seed)
    centres = [one.points_m.mean(axis=0) if len(one.points_m) else np.zeros(3) for one in sets]
    parts = [_draw(one, centre, index, rng, options.samples)
             for index, (one, centre) in enumerate(zip(sets, centres, strict=True))]
    if not parts:
        return []
    drawn = _Samples(*map(np.concatenate, zip(*parts, strict=True)))
    solutions = solve_p3p(drawn.points, drawn.directions)
    own = drawn.sets[solutions.samples]
    order = np.argsort(own, kind='stable')
    bounds = np.searchsorted(own[order], np.arange(len(sets) + 1))
    return [_best(one, centre, solutions.rotations[order[first:last]],
                  solutions.translations[order[first:last]], max_error, options)
            for one, centre, first, last in zip(sets, centres, bounds, bounds[1:], strict=False)]


def _draw(one: MatchSet, centre: Floats, index: int, rng: np.random.Generator,
          count: int) -> _Samples:
    """Draw samples of three different matches, by their weights."""
    total = np.cumsum(one.weights)
    drawn = np.zeros((0, 3), np.intp)
    if len(total) >= 3:
        drawn = np.searchsorted(total, rng.random((count, 3)) * total[-1])
        drawn = np.minimum(drawn, len(total) - 1)
    first, second, third = drawn.T
    drawn = drawn[(first != second) & (first != third) & (second != third)]
    rays = np.column_stack([one.points_normalized, np.ones(len(total))])
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    return _Samples((one.points_m - centre)[drawn], rays[drawn], np.full(len(drawn), index))


def _best(one: MatchSet, centre: Floats, rotations: Floats, translations: Floats,
          max_error: float, options: RansacOptions) -> MatrixPose | None:
    """Return the best of some poses: scored by some of the matches, the best again by all."""
    if not len(rotations):
        return None
    points = (one.points_m - centre).astype(np.float32)
    scored = np.arange(len(rotations))
    if len(points) > options.scored_matches and len(scored) > options.scored_poses:
        some = np.argpartition(-one.weights, options.scored_matches)[:options.scored_matches]
        few = _scores(points[some], one.points_normalized[some], rotations, translations,
                      max_error)
        scored = np.argpartition(-few, options.scored_poses)[:options.scored_poses]
    scores = _scores(points, one.points_normalized, rotations[scored], translations[scored],
                     max_error)
    best = scored[scores.argmax()]
    if scores.max() <= 0:
        return None
    rotation = rotations[best].T
    return MatrixPose(rotation, centre - rotation @ translations[best])


def _scores(points: NDArray[np.float32], points_normalized: Floats, rotations: Floats,
            translations: Floats, max_error: float) -> NDArray[np.float32]:
    """Compute the MSAC score of each of (S,) poses, camera_from_map."""
    count = len(points)
    inside = (rotations.reshape(-1, 3).astype(np.float32) @ points.T).reshape(-1, 3, count)
    inside += translations[:, :, np.newaxis].astype(np.float32)
    observed = points_normalized.T.astype(np.float32)
    with np.errstate(all='ignore'):  # points in the camera's plane
        error = np.square(inside[:, 0] / inside[:, 2] - observed[0])
        error += np.square(inside[:, 1] / inside[:, 2] - observed[1])
        error *= np.float32(-1 / max_error ** 2)
    error += 1
    support = np.where((inside[:, 2] > 0) & (error > 0), error, np.float32(0))
    return np.asarray(support.sum(axis=1), np.float32)
