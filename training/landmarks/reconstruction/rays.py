"""Rays of observations: projections of points, their errors and their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.landmarks.features import Features
from posenet_ros.training.landmarks.reconstruction.pairs import Cameras
from posenet_ros.training.landmarks.reconstruction.tracks import Tracks

BEHIND = 1e3  # error of a point behind the camera, normalised image coordinates
MIN_DEPTH = 1e-9


class Rays(NamedTuple):
    """
    The rays of O observations.

    :param points_normalized: (O, 2) observed, normalised image coordinates.
    :param centres_m: (O, 3) of their cameras; `rotations` (O, 3, 3) map_from_camera.
    """

    points_normalized: Floats
    centres_m: Floats
    rotations: Floats

    def directions(self, chosen: NDArray[np.intp]) -> Floats:
        """Return the unit directions (K, 3) of some rays in the map."""
        points = self.points_normalized[chosen]
        rays = np.einsum('nij,nj->ni', self.rotations[chosen],
                         np.column_stack([points, np.ones(len(points))]))
        return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True), np.float64)

    def in_camera(self, points_m: Floats) -> Floats:
        """Return points (O, 3) of the map in the cameras' frames."""
        return np.asarray(np.einsum(
            'nji,nj->ni', self.rotations, points_m - self.centres_m), np.float64)

    def errors(self, points_m: Floats) -> Floats:
        """Return the reprojection errors (O,) of points (O, 3), normalised image coordinates."""
        seen = self.in_camera(points_m)
        front = seen[:, 2] > MIN_DEPTH
        depths = np.where(front, seen[:, 2], 1.0)[:, np.newaxis]
        errors = np.linalg.norm(seen[:, :2] / depths - self.points_normalized, axis=1)
        return np.where(front, errors, BEHIND)


def observed_points(tracks: Tracks, features: Sequence[Features]) -> Floats:
    """Return the keypoints (O, 2) of all observations, normalised image coordinates."""
    offsets = np.cumsum([0, *(len(one.descriptors) for one in features)])
    points = np.concatenate([one.points_normalized for one in features])
    return np.asarray(points[offsets[tracks.views] + tracks.keypoints], np.float64)


def rays_of(views: NDArray[np.intp], points_normalized: Floats, cameras: Cameras) -> Rays:
    """Return the rays of observations (O,) by the index of their view."""
    return Rays(points_normalized, cameras.positions_m[views], cameras.rotations[views])


def projection_jacobian(points_m: Floats, rays: Rays, scale: float) -> tuple[Floats, Floats]:
    """
    Linearise the projections of points.

    :param points_m: (O, 3) the point of each ray.
    :param scale: by which both results are divided.
    :returns: the derivative (O, 2, 3) of the projection by the point, and the residuals (O, 2):
        projected minus observed.
    """
    seen = rays.in_camera(points_m)
    depths = np.where(np.abs(seen[:, 2:]) < MIN_DEPTH, MIN_DEPTH, seen[:, 2:])
    projected = seen[:, :2] / depths
    by_camera = np.swapaxes(rays.rotations, 1, 2)  # (O, 3, 3) camera_from_map
    jacobian = (by_camera[:, :2] - projected[:, :, np.newaxis] * by_camera[:, 2:]) / (
        depths[:, :, np.newaxis] * scale)
    return jacobian, (projected - rays.points_normalized) / scale
