"""Triangulate tracks: pairs of rays as hypotheses, then robust least squares on all that agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.landmarks.features import Features
from posenet_ros.training.landmarks.options import TriangulationOptions
from posenet_ros.training.landmarks.reconstruction.pairs import Cameras
from posenet_ros.training.landmarks.reconstruction.rays import (
    MIN_DEPTH,
    observed_points,
    projection_jacobian,
    Rays,
    rays_of,
)
from posenet_ros.training.landmarks.reconstruction.tracks import join, Tracks
from posenet_ros.utils.parallel import ordered_map

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Triangulated:
    """
    Triangulated tracks.

    :param points_m: (L, 3) metres in the map.
    :param tracks: the L tracks, at most one observation of each view.
    :param errors: (O,) reprojection errors, normalised image coordinates.
    """

    points_m: Floats
    tracks: Tracks
    errors: Floats

    def subset(self, chosen: NDArray[np.intp]) -> Triangulated:
        """Return some of the tracks (K,), as ordered there."""
        numbered = Tracks(np.arange(len(self.errors)), self.tracks.keypoints, self.tracks.starts)
        return Triangulated(self.points_m[chosen], self.tracks.subset(chosen),
                            self.errors[numbered.subset(chosen).views])


def triangulate(tracks: Tracks, features: Sequence[Features], cameras: Cameras,
                options: TriangulationOptions) -> Triangulated:
    """
    Triangulate tracks; observations that do not agree are left out.

    A track may be of two spots that one wrong match joined: what the first round leaves out of a
    track is tried once more, as a track of its own.

    :param features: of the views, `cameras` their poses.
    """
    parts: list[Triangulated] = []
    for number in range(options.rounds):
        part, tracks = _triangulate_round(tracks, features, cameras, options, number)
        parts.append(part)
    return Triangulated(np.concatenate([part.points_m for part in parts]),
                        join([part.tracks for part in parts]),
                        np.concatenate([part.errors for part in parts]))


def _triangulate_round(tracks: Tracks, features: Sequence[Features], cameras: Cameras,
                       options: TriangulationOptions, number: int,
                       ) -> tuple[Triangulated, Tracks]:
    """Triangulate tracks, and return what is left of those that were found, too."""
    observed = observed_points(tracks, features)

    def of_chunk(first: int) -> tuple[Floats, Mask, Floats]:
        chosen = slice(*tracks.starts[[first, min(first + options.chunk, len(tracks))]])
        part = Tracks(tracks.views[chosen], tracks.keypoints[chosen],
                      tracks.starts[first:first + options.chunk + 1] - tracks.starts[first])
        rays = rays_of(part.views, observed[chosen], cameras)
        rng = np.random.default_rng([options.seed, number, first])
        return _triangulate_chunk(part, rays, options, rng)

    chunks = list(ordered_map(of_chunk, range(0, len(tracks), options.chunk)))
    points = np.concatenate([np.empty((0, 3)), *(chunk[0] for chunk in chunks)])
    inliers = np.concatenate([np.empty(0, bool), *(chunk[1] for chunk in chunks)])
    errors = np.concatenate([np.empty(0), *(chunk[2] for chunk in chunks)])
    kept, chosen = tracks.where(inliers, min_length=2)
    found = np.isin(tracks.indices, chosen)
    left, _ = tracks.where(found & ~inliers, min_length=2)
    return Triangulated(points[chosen], kept, errors[inliers]), left


def _triangulate_chunk(tracks: Tracks, rays: Rays, options: TriangulationOptions,
                       rng: np.random.Generator) -> tuple[Floats, Mask, Floats]:
    """
    Triangulate tracks by their rays.

    :returns: (T, 3) points; the mask (O,) of the inliers, none of a track that is not found; the
        reprojection errors (O,).
    """
    points, scores = _best_hypotheses(tracks, rays, options, rng)
    indices = tracks.indices
    found = scores > options.min_score
    inliers = found[indices] & (rays.errors(points[indices]) < options.max_error)
    for iteration in range(options.iterations):
        points = points - gauss_newton_step(points, tracks, rays, inliers, options.loss_scale)
        if iteration == options.iterations // 2:
            inliers = found[indices] & (rays.errors(points[indices]) < options.max_error)
    errors = rays.errors(points[indices])
    inliers = found[indices] & (errors < options.max_error)
    inliers &= _best_of_view(tracks, errors)
    found &= np.add.reduceat(inliers, tracks.starts[:-1], dtype=np.intp) >= 2
    found &= _are_wide(points, tracks, rays, inliers, options.min_angle_deg)
    return points, inliers & found[indices], errors


def _best_hypotheses(tracks: Tracks, rays: Rays, options: TriangulationOptions,
                     rng: np.random.Generator) -> tuple[Floats, Floats]:
    """
    Intersect random pairs of rays of each track, and keep the point that most rays agree with.

    A ray's part of the score falls from 1 to 0 at the largest error (MSAC: Torr and Zisserman
    2000).

    :returns: (T, 3) points and (T,) scores, -1 where no pair meets.
    """
    starts, lengths = tracks.starts[:-1], tracks.lengths
    points, best = np.zeros((len(tracks), 3)), np.full(len(tracks), -1.0)
    for _ in range(options.hypotheses):
        first = (rng.random(len(tracks)) * lengths).astype(np.intp)
        step = 1 + (rng.random(len(tracks)) * (lengths - 1)).astype(np.intp)
        second = (first + step) % lengths
        candidates, meet = intersect(rays, starts + first, starts + second,
                                     options.min_angle_deg)
        meet &= tracks.views[starts + first] != tracks.views[starts + second]
        errors = rays.errors(candidates[tracks.indices])
        scores = np.add.reduceat(np.maximum(1 - (errors / options.max_error) ** 2, 0), starts)
        better = meet & (scores > best)
        points[better], best[better] = candidates[better], scores[better]
    return points, best


def intersect(rays: Rays, first: NDArray[np.intp], second: NDArray[np.intp],
              min_angle_deg: float) -> tuple[Floats, Mask]:
    """
    Intersect pairs of rays: the middle of their closest points.

    :param first: (T,) indices of rays, and `second` (T,) of the others.
    :returns: (T, 3) points, and whether they are in front of both cameras and the rays are not
        nearly parallel.
    """
    ours, theirs = rays.directions(first), rays.directions(second)
    between = rays.centres_m[first] - rays.centres_m[second]
    cosines, along, across = (np.sum(a * b, axis=1) for a, b in (
        (ours, theirs), (ours, between), (theirs, between)))
    squared_sines = 1 - cosines ** 2
    wide = squared_sines > np.sin(np.radians(min_angle_deg)) ** 2 / 2
    divisor = np.where(wide, squared_sines, 1.0)
    depth = (cosines * across - along) / divisor
    other_depth = (across - cosines * along) / divisor
    points = (rays.centres_m[first] + depth[:, np.newaxis] * ours
              + rays.centres_m[second] + other_depth[:, np.newaxis] * theirs) / 2
    return points, wide & (depth > 0) & (other_depth > 0)


def gauss_newton_step(points_m: Floats, tracks: Tracks, rays: Rays, inliers: Mask,
                      loss_scale: float) -> Floats:
    """
    Compute a step of Gauss-Newton for each point, under Cauchy's loss of its reprojection errors.

    :param points_m: (T, 3) metres in the map; `tracks` and `rays` of their observations.
    :param inliers: (O,) mask of the observations that count.
    :returns: (T, 3) to be subtracted.
    """
    jacobian, residuals = projection_jacobian(points_m[tracks.indices], rays, loss_scale)
    weights = inliers / (1 + np.sum(residuals ** 2, axis=1))
    weighted = jacobian * weights[:, np.newaxis, np.newaxis]
    information = np.add.reduceat(
        np.einsum('nki,nkj->nij', weighted, jacobian), tracks.starts[:-1])
    gradient = np.add.reduceat(np.einsum('nki,nk->ni', weighted, residuals), tracks.starts[:-1])
    # a little damping: points far away are hardly determined along their rays
    damping = 1e-6 * np.trace(information, axis1=1, axis2=2) + 1e-9
    information += damping[:, np.newaxis, np.newaxis] * np.eye(3)
    return np.asarray(np.linalg.solve(information, gradient[..., np.newaxis])[..., 0], np.float64)


def _best_of_view(tracks: Tracks, errors: Floats) -> Mask:
    """Return a mask (O,) of the observation with the smallest error of each view and track."""
    order = np.lexsort((errors, tracks.views, tracks.indices))
    track, view = tracks.indices[order], tracks.views[order]
    best = np.ones(len(order), bool)
    best[order[1:]] = (np.diff(track) != 0) | (np.diff(view) != 0)
    return best


def _are_wide(points_m: Floats, tracks: Tracks, rays: Rays, inliers: Mask,
              min_angle_deg: float) -> Mask:
    """
    Return whether the inlier rays of each track meet at a wide enough angle.

    The middle eigenvalue of the sum of d d^T over two directions d at the angle a is 1 - cos a.
    """
    away = rays.centres_m - points_m[tracks.indices]
    away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), MIN_DEPTH)
    outer = np.einsum('ni,nj->nij', away * inliers[:, np.newaxis], away)
    sums = np.add.reduceat(outer, tracks.starts[:-1])
    counts = np.maximum(np.trace(sums, axis1=1, axis2=2), 1)
    middle = np.linalg.eigvalsh(sums)[:, 1]
    return np.asarray(middle * 2 / counts > 1 - np.cos(np.radians(min_angle_deg)))
