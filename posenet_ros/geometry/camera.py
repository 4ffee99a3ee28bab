"""Pinhole camera: intrinsics, image size, distortion, and their change by resizing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError

DISTORTION_LENGTHS = (0, 4, 5, 8, 12, 14)


@dataclass(frozen=True)
class Camera:
    """
    A pinhole camera, optionally with the distortion of OpenCV's rational model.

    Pixel centres are at integer coordinates: the upper left pixel's centre is (0, 0).

    :param width: image width, pixels.
    :param height: image height, pixels.
    :param fx: focal length along x, pixels.
    :param fy: focal length along y, pixels.
    :param cx: principal point x, pixels.
    :param cy: principal point y, pixels.
    :param distortion: k1 k2 p1 p2 [k3 [k4 k5 k6 ...]] as OpenCV orders them (ROS: plumb_bob and
        rational_polynomial); empty means none.
    :raises InputError: on a size or focal length that is not positive, or a value not finite.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        values = (self.fx, self.fy, self.cx, self.cy, *self.distortion)
        if self.width < 1 or self.height < 1:
            raise InputError('a camera has to have a width and a height of at least 1 pixel. '
                             f'Received: {self.width}x{self.height}')
        if not np.isfinite(values).all() or self.fx <= 0 or self.fy <= 0:
            raise InputError('fx and fy have to be positive and all intrinsics finite. Received: '
                             f'fx={self.fx} fy={self.fy} cx={self.cx} cy={self.cy} '
                             f'distortion={self.distortion}')
        if len(self.distortion) not in DISTORTION_LENGTHS:
            raise InputError(f'distortion has to have {DISTORTION_LENGTHS} coefficients. '
                             f'Received: {len(self.distortion)}')

    @classmethod
    def from_matrix(
            cls, matrix: ArrayLike, width: int, height: int,
            distortion: ArrayLike = ()) -> Camera:
        """
        Build from the 3x3 camera matrix K.

        :param matrix: (3, 3) or 9 values row by row, pixels.
        :param distortion: coefficients in OpenCV's order; all zero counts as none.
        :raises InputError: when the values are not those of a camera.
        """
        k = np.asarray(matrix, dtype=np.float64).reshape(3, 3)
        coefficients = tuple(float(d) for d in np.ravel(np.asarray(distortion)))
        if not any(coefficients):
            coefficients = ()
        return cls(int(width), int(height), float(k[0, 0]), float(k[1, 1]),
                   float(k[0, 2]), float(k[1, 2]), coefficients)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Camera:
        """Build from what :meth:`to_mapping` returned."""
        values = dict(mapping)
        values['distortion'] = tuple(values.get('distortion', ()))
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return {'width': self.width, 'height': self.height, 'fx': self.fx, 'fy': self.fy,
                'cx': self.cx, 'cy': self.cy, 'distortion': list(self.distortion)}

    @property
    def matrix(self) -> Floats:
        """(3, 3) camera matrix K, pixels."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], np.float64)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), pixels."""
        return self.width, self.height

    def scaled(self, width: int, height: int) -> Camera:
        """
        Return the camera for images resized to width x height.

        The half pixel matters: cv2.resize keeps the image's outer borders in place.
        """
        x, y = width / self.width, height / self.height
        return replace(
            self, width=width, height=height, fx=self.fx * x, fy=self.fy * y,
            cx=(self.cx + 0.5) * x - 0.5, cy=(self.cy + 0.5) * y - 0.5)

    def cropped(self, left: int, top: int, width: int, height: int) -> Camera:
        """Return the camera for a window of the image; the window may reach beyond its borders."""
        return replace(
            self, width=width, height=height, cx=self.cx - left, cy=self.cy - top)

    def undistorted(self) -> Camera:
        """Return the camera without distortion."""
        return replace(self, distortion=())

    def project(self, points: ArrayLike) -> Floats:
        """
        Project points in front of the camera.

        :param points: (N, 3) in the camera's optical frame, metres, z > 0.
        :returns: (N, 2) pixels, distortion applied.
        """
        array = np.asarray(points, dtype=np.float64).reshape(-1, 1, 3)
        pixels, _ = cv2.projectPoints(
            array, np.zeros(3), np.zeros(3), self.matrix, np.array(self.distortion))
        return np.asarray(pixels, dtype=np.float64).reshape(-1, 2)

    def field_of_view_deg(self) -> tuple[float, float]:
        """Return the horizontal and vertical angle of view, degrees, without distortion."""
        x = np.arctan((self.cx + 0.5) / self.fx) + np.arctan(
            (self.width - 0.5 - self.cx) / self.fx)
        y = np.arctan((self.cy + 0.5) / self.fy) + np.arctan(
            (self.height - 0.5 - self.cy) / self.fy)
        return float(np.degrees(x)), float(np.degrees(y))
