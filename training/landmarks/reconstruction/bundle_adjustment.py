"""Bundle adjustment by turns: cameras by their landmarks, then landmarks by their cameras."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import so3_exp, so3_log
from posenet_ros.training.landmarks.options import AdjustmentOptions
from posenet_ros.training.landmarks.reconstruction.pairs import Cameras
from posenet_ros.training.landmarks.reconstruction.rays import projection_jacobian, rays_of
from posenet_ros.training.landmarks.reconstruction.tracks import Tracks
from posenet_ros.training.landmarks.reconstruction.triangulation import (
    gauss_newton_step,
    Triangulated,
)
from posenet_ros.utils.progress import progress

VIEWS = 256  # cameras at a time
TRACKS = 4096  # landmarks at a time


@dataclass(frozen=True)
class PoseChange:
    """How far bundle adjustment moved the cameras: metres and degrees."""

    median_m: float
    max_m: float
    median_deg: float
    max_deg: float


def refine_poses(found: Triangulated, observed: Floats, cameras: Cameras, given: Cameras,
                 options: AdjustmentOptions) -> tuple[Triangulated, Cameras]:
    """
    Move cameras and landmarks so that the reprojection errors shrink, with a progress bar.

    Cauchy's loss of the errors is minimised together with the squared distance of each pose to
    the given one; the given poses hold the frame and the scale.

    :param found: triangulated tracks; `observed` (O, 2) the keypoints of their observations,
        normalised image coordinates.
    :param cameras: the poses to start at; `given` those to stay near.
    :returns: the landmarks with their new errors, and the new poses.
    """
    points = found.points_m
    for _ in progress(range(options.rounds), options.rounds, 'round', 'poses refined'):
        for _ in range(options.iterations):
            cameras = _move_cameras(points, found.tracks, observed, cameras, given, options)
        for _ in range(options.iterations):
            points = _move_points(points, found.tracks, observed, cameras, options)
    rays = rays_of(found.tracks.views, observed, cameras)
    errors = rays.errors(points[found.tracks.indices])
    return replace(found, points_m=points, errors=errors), cameras


def pose_change(given: Cameras, moved: Cameras) -> PoseChange:
    """Summarise how far cameras were moved."""
    metres = np.linalg.norm(moved.positions_m - given.positions_m, axis=1)
    turns = so3_log(moved.rotations @ np.swapaxes(given.rotations, 1, 2))
    degrees = np.degrees(np.linalg.norm(turns, axis=1))
    return PoseChange(float(np.median(metres)), float(metres.max()), float(np.median(degrees)),
                      float(degrees.max()))


def describe_change(change: PoseChange) -> str:
    """Describe the change in one line for the terminal."""
    return (f'poses moved by {change.median_m:.3f} m and {change.median_deg:.2f} deg in the '
            f'median, {change.max_m:.3f} m and {change.max_deg:.2f} deg at most')


def _move_points(points_m: Floats, tracks: Tracks, observed: Floats, cameras: Cameras,
                 options: AdjustmentOptions) -> Floats:
    """Make a step of Gauss-Newton for each landmark."""
    moved = points_m.copy()
    for first in range(0, len(tracks), TRACKS):
        starts = tracks.starts[first:first + TRACKS + 1]
        chosen = slice(starts[0], starts[-1])
        part = Tracks(tracks.views[chosen], tracks.keypoints[chosen], starts - starts[0])
        rays = rays_of(part.views, observed[chosen], cameras)
        moved[first:first + TRACKS] -= gauss_newton_step(
            points_m[first:first + TRACKS], part, rays, np.ones(len(part.views), bool),
            options.sigma)
    return moved


def _move_cameras(points_m: Floats, tracks: Tracks, observed: Floats, cameras: Cameras,
                  given: Cameras, options: AdjustmentOptions) -> Cameras:
    """Make a step of Gauss-Newton for each camera."""
    order = np.argsort(tracks.views, kind='stable')
    views, point_of = tracks.views[order], tracks.indices[order]
    steps = np.zeros((len(cameras.positions_m), 6))
    for first in range(0, len(steps), VIEWS):
        chosen = slice(*np.searchsorted(views, [first, first + VIEWS]))
        if chosen.start < chosen.stop:
            own, numbers = np.unique(views[chosen], return_inverse=True)
            steps[own] = _camera_steps(points_m[point_of[chosen]], observed[order[chosen]],
                                       own, numbers.ravel(), (cameras, given), options)
    return Cameras(cameras.positions_m + steps[:, :3], so3_exp(steps[:, 3:]) @ cameras.rotations)


def _camera_steps(points_m: Floats, observed: Floats, views: NDArray[np.intp],
                  numbers: NDArray[np.intp], poses: tuple[Cameras, Cameras],
                  options: AdjustmentOptions) -> Floats:
    """
    Compute the steps of some cameras.

    :param points_m: (O, 3) the landmark of each observation, `observed` (O, 2).
    :param views: (K,) the cameras; `numbers` (O,) which of them each observation is of, rising.
    :param poses: of all cameras, the present and the given ones.
    :returns: (K, 6) translation, metres, and rotation about the map's fixed axes, radians; zeros
        for a camera with few observations.
    """
    cameras, given = poses
    rays = rays_of(views[numbers], observed, cameras)
    by_point, residuals = projection_jacobian(points_m, rays, options.sigma)
    # the camera at C turned by w sees R^T (v - w x v), v = X - C
    turned = np.cross(by_point, (points_m - rays.centres_m)[:, np.newaxis])
    jacobian = np.concatenate([-by_point, turned], axis=2)  # (O, 2, 6)
    weighted = jacobian / (1 + np.sum(residuals ** 2, axis=1))[:, np.newaxis, np.newaxis]
    starts = np.searchsorted(numbers, np.arange(len(views)))
    information = np.add.reduceat(np.einsum('nki,nkj->nij', weighted, jacobian), starts)
    gradient = np.add.reduceat(np.einsum('nki,nk->ni', weighted, residuals), starts)
    prior = np.repeat([options.sigma_m, np.radians(options.sigma_deg)], 3) ** -2.0
    information += np.diag(prior)
    gradient += prior * _differences(cameras, given, views)
    steps = -np.linalg.solve(information, gradient[..., np.newaxis])[..., 0]
    enough = np.bincount(numbers) >= options.min_observations
    return np.asarray(np.where(enough[:, np.newaxis], steps, 0), np.float64)


def _differences(cameras: Cameras, given: Cameras, views: NDArray[np.intp]) -> Floats:
    """Return the differences (K, 6) of some cameras to the given ones, metres and radians."""
    turns = so3_log(cameras.rotations[views] @ np.swapaxes(given.rotations[views], 1, 2))
    return np.hstack([cameras.positions_m[views] - given.positions_m[views], turns])
