"""A camera: intrinsics, image size, lens distortion, and their change by resizing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.distortion import (
    angle_of_radius,
    COEFFICIENTS,
    EQUIDISTANT,
    max_angle_rad,
    NAMES,
    radius_of_angle,
    RATIONAL,
)

UNDISTORTION_STEPS = 8  # of the fixed-point iteration that undoes the rational model
UNDISTORTION_ERROR = 1e-7  # focal lengths: good enough
MAX_UNDISTORTION_ERROR = 1e-3  # focal lengths: half a pixel of a 640 pixel image


@dataclass(frozen=True)
class Camera:
    """
    A camera with one centre, optionally with the distortion of one of OpenCV's two models.

    Pixel centres are at integer coordinates: the upper left pixel's centre is (0, 0).

    :param width: image width, pixels.
    :param height: image height, pixels.
    :param fx: focal length along x, pixels.
    :param fy: focal length along y, pixels.
    :param cx: principal point x, pixels.
    :param cy: principal point y, pixels.
    :param distortion: k1 k2 p1 p2 [k3 [k4 k5 k6 ...]] as OpenCV orders them, or k1 k2 k3 k4 of a
        fisheye lens; empty means none.
    :param distortion_model: `rational_polynomial` (ROS: also plumb_bob) or `equidistant`
        (cv2.fisheye), whose coefficients may all be zero and are a distortion all the same.
    :raises InputError: on a size or focal length that is not positive, a value not finite, or
        another distortion.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()
    distortion_model: str = RATIONAL

    def __post_init__(self) -> None:
        values = (self.fx, self.fy, self.cx, self.cy, *self.distortion)
        if self.width < 1 or self.height < 1:
            raise InputError('a camera has to have a width and a height of at least 1 pixel. '
                             f'Received: {self.width}x{self.height}')
        if not np.isfinite(values).all() or self.fx <= 0 or self.fy <= 0:
            raise InputError('fx and fy have to be positive and all intrinsics finite. Received: '
                             f'fx={self.fx} fy={self.fy} cx={self.cx} cy={self.cy} '
                             f'distortion={self.distortion}')
        if self.distortion_model not in COEFFICIENTS:
            raise InputError(f'distortion_model has to be one of {", ".join(COEFFICIENTS)}. '
                             f'Received: {self.distortion_model!r}')
        counts = COEFFICIENTS[self.distortion_model]
        if len(self.distortion) not in counts:
            raise InputError(f'distortion has to have {" or ".join(map(str, counts))} '
                             f'coefficients ({self.distortion_model}). '
                             f'Received: {len(self.distortion)}')

    @classmethod
    def from_matrix(
            cls, matrix: ArrayLike, width: int, height: int,
            distortion: ArrayLike = (), distortion_model: str = RATIONAL) -> Camera:
        """
        Build from the 3x3 camera matrix K.

        :param matrix: (3, 3) or 9 values row by row, pixels.
        :param distortion: as of :meth:`from_intrinsics`.
        :raises InputError: when the values are not those of a camera.
        """
        k = np.asarray(matrix, dtype=np.float64).reshape(3, 3)
        return cls.from_intrinsics((k[0, 0], k[1, 1], k[0, 2], k[1, 2]), width, height,
                                   distortion, distortion_model)

    @classmethod
    def from_intrinsics(
            cls, intrinsics: Sequence[float], width: int, height: int,
            distortion: ArrayLike = (), distortion_model: str = RATIONAL) -> Camera:
        """
        Build from fx, fy, cx and cy, pixels.

        :param distortion: coefficients in OpenCV's order; all zero counts as none in the
            rational model.
        :raises InputError: when the values are not those of a camera.
        """
        fx, fy, cx, cy = map(float, intrinsics)
        coefficients = tuple(float(d) for d in np.ravel(np.asarray(distortion)))
        if distortion_model == RATIONAL and not any(coefficients):
            coefficients = ()
        return cls(int(width), int(height), fx, fy, cx, cy, coefficients, distortion_model)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Camera:
        """Build from what :meth:`to_mapping` returned; all names of the models are known."""
        values = dict(mapping)
        values['distortion'] = tuple(values.get('distortion', ()))
        if 'distortion_model' in values:
            name = str(values['distortion_model'])
            values['distortion_model'] = NAMES.get(name, name)
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """Return the fields as JSON types; the model of the distortion only where it is needed."""
        values = {'width': self.width, 'height': self.height, 'fx': self.fx, 'fy': self.fy,
                  'cx': self.cx, 'cy': self.cy, 'distortion': list(self.distortion)}
        if self.distortion_model != RATIONAL:
            values['distortion_model'] = self.distortion_model
        return values

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
        """Return the pinhole camera of the same focal length, without distortion."""
        return replace(self, distortion=(), distortion_model=RATIONAL)

    @property
    def max_angle_rad(self) -> float:
        """Angle to the optical axis up to which each ray has a pixel of its own, radians."""
        return max_angle_rad(self.distortion_model, self.distortion)

    def project(self, points: ArrayLike) -> Floats:
        """
        Project points.

        :param points: (N, 3) in the camera's optical frame, metres.
        :returns: (N, 2) pixels, distortion applied; NaN where the lens does not see the point:
            it is behind the camera, or further from the axis than :attr:`max_angle_rad`.
        """
        array = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        across = np.hypot(array[:, 0], array[:, 1])
        angles = np.arctan2(across, array[:, 2])
        seen = angles <= self.max_angle_rad
        pixels = np.full((len(array), 2), np.nan)
        if self.distortion_model == EQUIDISTANT:
            radii = radius_of_angle(angles[seen], self.distortion_model, self.distortion)
            scale = radii / np.maximum(across[seen], 1e-12)
            pixels[seen] = (array[seen, :2] * scale[:, np.newaxis] * (self.fx, self.fy)
                            + (self.cx, self.cy))
        elif seen.any():
            pixels[seen] = cv2.projectPoints(
                array[seen, np.newaxis], np.zeros(3), np.zeros(3), self.matrix,
                np.array(self.distortion))[0][:, 0]
        return pixels

    def undistort_points(self, pixels: ArrayLike) -> Floats:
        """
        Return the rays of pixels: the inverse of :meth:`project`.

        :param pixels: (N, 2).
        :returns: (N, 2) normalised image coordinates, x / z and y / z in the camera's optical
            frame; NaN where the ray is not in front of the camera, or none arrives there.
        """
        array = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
        distorted = (array - (self.cx, self.cy)) / (self.fx, self.fy)
        if not self.distortion:
            return distorted
        points = self._undistort_radially(distorted)
        if self.distortion_model == EQUIDISTANT:
            return points
        unit = replace(self, fx=1.0, fy=1.0, cx=0.0, cy=0.0)
        target, errors = distorted.copy(), np.zeros_like(distorted)
        for _ in range(UNDISTORTION_STEPS):  # what is not radial is small: a few steps suffice
            errors = distorted - unit.project(np.column_stack([points, np.ones(len(points))]))
            if not (np.abs(errors) > UNDISTORTION_ERROR).any():
                break
            target += errors
            points = self._undistort_radially(target)
        points[~(np.hypot(*errors.T) < MAX_UNDISTORTION_ERROR)] = np.nan
        return points

    def _undistort_radially(self, distorted: Floats) -> Floats:
        """Undo the radial part of the distortion of (N, 2) points in focal lengths."""
        radii = np.hypot(*distorted.T)
        angles = angle_of_radius(radii, self.distortion_model, self.distortion)
        with np.errstate(invalid='ignore'):
            angles[angles >= np.pi / 2] = np.nan
        scale = np.where(radii > 0, np.tan(angles) / np.maximum(radii, 1e-12), 1.0)
        return distorted * scale[:, np.newaxis]

    def _angles(self, pixels: Floats) -> Floats:
        """Return the angles of the rays of (N, 2) pixels to the optical axis, radians."""
        if self.distortion_model == EQUIDISTANT:
            radii = np.hypot(*((pixels - (self.cx, self.cy)) / (self.fx, self.fy)).T)
            return angle_of_radius(radii, self.distortion_model, self.distortion)
        return np.asarray(np.arctan(np.hypot(*self.undistort_points(pixels).T)))

    def field_of_view_deg(self) -> tuple[float, float]:
        """Return the horizontal and vertical angle of view, degrees, along the middle lines."""
        right, bottom = self.width - 0.5, self.height - 0.5
        borders = np.array([(-0.5, self.cy), (right, self.cy), (self.cx, -0.5), (self.cx, bottom)])
        angles = np.degrees(np.nan_to_num(self._angles(borders), nan=self.max_angle_rad))
        beyond = [self.cx < -0.5, self.cx > right, self.cy < -0.5, self.cy > bottom]
        left, right, top, bottom = np.where(beyond, -angles, angles).tolist()
        return left + right, top + bottom
