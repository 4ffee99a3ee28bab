"""Walks along a route: somebody follows its corners and looks about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.training.scene.area import Point
from posenet_ros.training.scene.walks import lengths_of, Walk

STEP_M = 0.1  # between the points of the path
SMOOTHING_M = 1.2  # deviation by which corners are rounded
HEADING_M = 2.5  # deviation over which the direction of the gaze follows the path


@dataclass(frozen=True)
class RouteWalk(Walk):
    """
    A walk along a route; its gaze wanders about the direction of the path.

    :param route: corners of the path, metres.
    :param stray_m: how far it strays to either side of the route.
    """

    route: tuple[Point, ...] = ()
    stray_m: float = 0.0

    @cached_property
    def _track(self) -> tuple[Floats, Floats]:
        """Return the length walked and the (N, 2) path."""
        points = _smoothed(along(self.route, STEP_M), SMOOTHING_M)
        ahead = np.gradient(points, axis=0)
        left = np.column_stack([-ahead[:, 1], ahead[:, 0]]) / np.linalg.norm(
            ahead, axis=1, keepdims=True)
        metres = STEP_M * np.arange(len(points))
        side = np.sin(metres / 11 + self._phases[0]) + np.sin(metres / 5.3 + self._phases[5])
        points = points + self.stray_m / 2 * side[:, np.newaxis] * left
        return lengths_of(points), points

    @cached_property
    def lap_m(self) -> float:
        """Return the length of the path."""
        return float(self._track[0][-1])

    @cached_property
    def _headings_deg(self) -> Floats:
        """Return the direction of the path at each of its points, without jumps."""
        angles = np.unwrap(np.arctan2(*np.gradient(self._track[1], axis=0).T[::-1]))
        return np.degrees(_smoothed(angles[:, np.newaxis], HEADING_M)[:, 0])

    def _facing_deg(self, length_m: float) -> float:
        return float(np.interp(length_m, self._track[0], self._headings_deg))


def along(corners: tuple[Point, ...], step_m: float) -> Floats:
    """Return points (N, 2) along a polyline, about `step_m` apart."""
    lengths = lengths_of(np.array(corners))
    places = np.linspace(0, lengths[-1], max(round(lengths[-1] / step_m), 2))
    return np.column_stack([np.interp(places, lengths, axis) for axis in np.array(corners).T])


def _smoothed(rows: Floats, sigma_m: float) -> Floats:
    """Smooth rows (N, D) along a path by a Gaussian."""
    return np.asarray(cv2.GaussianBlur(rows, (1, 0), sigmaX=1, sigmaY=sigma_m / STEP_M,
                                       borderType=cv2.BORDER_REPLICATE), np.float64)
