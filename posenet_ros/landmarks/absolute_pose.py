"""The pose of a camera from points that it sees (perspective-n-point), and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.estimate import symmetric
from posenet_ros.geometry.lie import pose_moved, rotation_from_vector
from posenet_ros.geometry.pose import Pose

FEWEST_POINTS = 6
ROUNDS = 300  # of random sampling, at most
CONFIDENCE = 0.999
FINE = 0.1  # of the tolerance: rays that are further off count less than half (Cauchy)
STEPS = 10  # of least squares with these weights, at most
SETTLED = 1e-3  # of a fine ray: smaller steps end it
LEAST_NOISE = 0.1  # of a fine ray, which no feature is found better than
ENOUGH = 150  # rays that agree: fewer make more than chance of each
COLUMNS, ROWS = 4, 3  # parts of an image, in which rays err alike
LEAST_KNOWN = 1e-10  # of a motion of the camera, as a share of what is known of any other


@dataclass(frozen=True, eq=False)
class Resection:
    """
    A camera's pose, and what it is from.

    :param map_from_camera: the pose that the inliers agree on.
    :param inliers: (K,) indices of the points that agree with it, a `share` of all.
    :param covariance: (6, 6) in the map, as a PoseEstimate's, but for factors that calibration
        finds: it knows nothing of errors that all points share. Larger the fewer rays agree, and
        the smaller their share (doc/experiments.md).
    """

    map_from_camera: Pose
    inliers: NDArray[np.intp]
    share: float
    covariance: Floats


def resect(points_m: Floats, rays: Floats, tolerance: float) -> Resection | None:
    """
    Return the camera's pose, by P3P on random samples (RANSAC), then robust least squares.

    Points that agree are chosen again once all of the first have had their say. Of them, those
    that agree best decide: landmarks that are a little off, or of
    the spot beside, would pull the pose away. Cauchy's loss, by iterated weights (Holland and
    Welsch 1977); of several points on one ray each counts less.

    :param points_m: (N, 3) in the map.
    :param rays: (N, 2) where the camera sees them: x / z and y / z in the camera.
    :param tolerance: how far a ray may be off, in units of `rays`.
    :returns: None when no pose was found.
    """
    if len(points_m) < FEWEST_POINTS:
        return None
    try:
        solved = _solve(points_m, rays, tolerance)
    except cv2.error:  # points that it cannot work with, as all but one of them being the same
        solved = None
    if solved is None:
        return None
    pose, chosen = solved
    share = len(chosen) / len(points_m)
    spots = np.unique(rays[chosen], axis=0, return_inverse=True)[1].ravel()
    once = 1 / np.sqrt(np.bincount(spots)[spots])
    fit = _settled(points_m[chosen], rays[chosen], pose, FINE * tolerance, once)
    if fit is None:
        return None
    own = _covariance(fit, spots, _parts(rays[chosen]), FINE * tolerance)
    return Resection(fit.pose, chosen, share, own * np.sqrt(ENOUGH / (share * (1 + spots.max()))))


def _solve(points_m: Floats, rays: Floats,
           tolerance: float) -> tuple[Pose, NDArray[np.intp]] | None:
    """Return map_from_camera and the points that agree with it."""
    found, turn, shift, inliers = cv2.solvePnPRansac(
        points_m, rays, np.eye(3), None, iterationsCount=ROUNDS, reprojectionError=tolerance,
        confidence=CONFIDENCE, flags=cv2.SOLVEPNP_P3P)
    if not found or inliers is None or len(inliers) < FEWEST_POINTS:
        return None
    first = inliers[:, 0]
    turn, shift = cv2.solvePnPRefineLM(
        points_m[first], rays[first], np.eye(3), None, turn, shift)
    rotation = np.asarray(cv2.Rodrigues(turn)[0].T, np.float64)
    if not (np.isfinite(rotation).all() and np.isfinite(shift).all()):
        return None
    pose = Pose.from_rotation(rotation, -rotation @ shift[:, 0])
    chosen = _agreeing(points_m, rays, pose, tolerance)
    return (pose, chosen) if len(chosen) >= FEWEST_POINTS else None


def _agreeing(points_m: Floats, rays: Floats, pose: Pose, tolerance: float) -> NDArray[np.intp]:
    """Return which points are in front of a camera and within the tolerance, indices."""
    seen = (points_m - pose.translation_m) @ pose.rotation
    front = np.flatnonzero(seen[:, 2] > 0)
    off = np.linalg.norm(seen[front, :2] / seen[front, 2:] - rays[front], axis=1)
    return np.asarray(front[off < tolerance], np.intp)


class _Fit(NamedTuple):
    """
    Least squares at a pose.

    :param jacobian: (N, 2, 6) how the rays move with the pose's translation and rotation.
    :param errors: (N, 2) of the rays.
    :param once: (N,) what the points count, whatever they say: those on one ray count less.
    :param weights: (N,) what they count as they agree.
    :param inverse: (6, 6) of the information: the covariance where the rays' noise is 1.
    """

    pose: Pose
    jacobian: Floats
    errors: Floats
    once: Floats
    weights: Floats
    inverse: Floats

    @property
    def pulls(self) -> Floats:
        """Return (N, 6) where to the points pull the pose; their sum is about 0."""
        moved = self.weights[:, np.newaxis] * self.errors
        return np.asarray((moved[:, np.newaxis] @ self.jacobian)[:, 0], np.float64)


def _settled(points_m: Floats, rays: Floats, pose: Pose, fine: float, once: Floats) -> _Fit | None:
    """
    Return the fit by Cauchy's loss of that width, from a pose on.

    :param once: as of the fit.
    :returns: None where the rays hold too little.
    """
    fit = _fit(points_m, rays, pose, fine, once)
    for _ in range(STEPS):
        if fit is None:
            return None
        step = -fit.inverse @ fit.pulls.sum(axis=0)
        moved = pose_moved(fit.pose, rotation_from_vector(step[3:]), step[:3])
        after = _fit(points_m, rays, moved, fine, once)
        if after is None:
            break
        fit = after
        if np.sqrt(np.mean(np.square(fit.jacobian @ step))) < SETTLED * fine:
            break
    return fit


def _fit(points_m: Floats, rays: Floats, pose: Pose, fine: float, once: Floats) -> _Fit | None:
    """Return the fit at a pose; None where a point is behind it or the rays hold too little."""
    rotation = pose.rotation
    seen = (points_m - pose.translation_m) @ rotation
    depth = seen[:, 2]
    if not depth.min() > 0:
        return None
    # a ray moves by P d, d the point's motion in the camera (Hartley and Zisserman, section 6.2)
    project = np.zeros((len(seen), 2, 3))
    project[:, 0, 0] = project[:, 1, 1] = 1 / depth
    project[:, :, 2] = -seen[:, :2] / (depth ** 2)[:, np.newaxis]
    project = project @ rotation.T  # of a motion in the map
    lever = points_m - pose.translation_m
    jacobian = np.concatenate([-project, np.cross(project, lever[:, np.newaxis])], axis=2)
    errors = seen[:, :2] / depth[:, np.newaxis] - rays
    weights = once / (1 + np.sum(np.square(errors / fine), axis=1))
    information = _information(jacobian, weights)
    known = np.linalg.eigvalsh(information)
    if not known[0] > LEAST_KNOWN * known[-1]:
        return None
    inverse = np.asarray(np.linalg.inv(information), np.float64)
    return _Fit(pose, jacobian, errors, once, weights, inverse)


def _information(jacobian: Floats, weights: Floats) -> Floats:
    """Return what points of those weights, whose rays have a noise of 1, know of the pose."""
    flat = jacobian.reshape(-1, 6)
    return np.asarray(flat.T @ (flat * np.repeat(weights, 2)[:, np.newaxis]), np.float64)


def _parts(rays: Floats) -> NDArray[np.intp]:
    """Return in which part of the image rays are, (N,): each row and column has as many."""
    columns, rows = (np.searchsorted(np.quantile(values, np.arange(1, parts) / parts), values)
                     for values, parts in zip(rays.T, (COLUMNS, ROWS), strict=True))
    return np.asarray(columns * ROWS + rows)


def _covariance(fit: _Fit, spots: NDArray[np.intp], parts: NDArray[np.intp],
                fine: float) -> Floats:
    """
    Return how sure a fit is: the mean of three answers, which differ in what errs alike.

    The points of a spot together, by as much as those of all spots do; those of a spot together,
    by as much as these do; those in a part of the image together (White 1980, and Liang and Zeger
    1986 for groups).

    :param spots: (N,) the ray that each point is on, and `parts` (N,) its part of the image.
    """
    answers = [_alike(fit, LEAST_NOISE * fine), _grouped(fit, spots), _grouped(fit, parts)]
    return symmetric(np.mean(answers, axis=0))


def _alike(fit: _Fit, least: float) -> Floats:
    """Return the covariance where each spot errs for itself, all by as much, at least so much."""
    weights = fit.weights * fit.once  # all on a spot are one
    variance = np.sum(weights * np.sum(np.square(fit.errors), axis=1)) / (2 * np.sum(weights))
    return np.asarray(np.linalg.inv(_information(fit.jacobian, weights))
                      * max(variance, least ** 2), np.float64)


def _grouped(fit: _Fit, groups: NDArray[np.intp]) -> Floats:
    """Return the covariance where the points of a group err alike, and groups do not."""
    names, which = np.unique(groups, return_inverse=True)
    pulls = np.zeros((len(names), 6))
    np.add.at(pulls, which, fit.pulls)
    few = len(names) / max(len(names) - 1, 1)
    return np.asarray(fit.inverse @ (pulls.T @ pulls) @ fit.inverse * few, np.float64)
