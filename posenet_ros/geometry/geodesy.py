"""Positions on the Earth: latitude, longitude and height to metres east, north and up."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import Floats

SEMI_MAJOR_AXIS_M, FLATTENING = 6378137.0, 1 / 298.257223563  # WGS 84
ECCENTRICITY_SQUARED = FLATTENING * (2 - FLATTENING)


def ecef_from_geodetic(geodetic: ArrayLike) -> Floats:
    """
    Convert to Earth-centred coordinates (WGS 84, NIMA TR8350.2, equation 4-14).

    :param geodetic: (..., 3) latitude and longitude, degrees, and height over the ellipsoid,
        metres.
    :returns: (..., 3) metres.
    """
    values = np.asarray(geodetic, np.float64)
    latitude, longitude = np.radians(values[..., 0]), np.radians(values[..., 1])
    height = values[..., 2]
    normal = SEMI_MAJOR_AXIS_M / np.sqrt(1 - ECCENTRICITY_SQUARED * np.sin(latitude) ** 2)
    across = (normal + height) * np.cos(latitude)
    return np.stack([across * np.cos(longitude), across * np.sin(longitude),
                     (normal * (1 - ECCENTRICITY_SQUARED) + height) * np.sin(latitude)], axis=-1)


def enu_from_geodetic(geodetic: ArrayLike, origin: ArrayLike) -> Floats:
    """
    Convert to metres east, north and up of an origin.

    :param geodetic: (N, 3) as of :func:`ecef_from_geodetic`.
    :param origin: (3,) likewise.
    :returns: (N, 3).
    """
    latitude, longitude = np.radians(np.asarray(origin, np.float64)[:2])
    sin_lat, cos_lat = np.sin(latitude), np.cos(latitude)
    sin_lon, cos_lon = np.sin(longitude), np.cos(longitude)
    enu_from_ecef = np.array([
        [-sin_lon, cos_lon, 0], [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
        [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat]])
    offsets = ecef_from_geodetic(geodetic) - ecef_from_geodetic(origin)
    return np.asarray(offsets @ enu_from_ecef.T)


def geodetic_from_enu(enu_m: ArrayLike, origin: ArrayLike) -> Floats:
    """
    Convert metres east, north and up of an origin to geodetic coordinates: the inverse.

    By Newton's method with the radii of curvature at the origin, which over a few kilometres is
    exact to the micrometre after three steps.

    :param enu_m: (N, 3).
    :param origin: (3,) latitude and longitude, degrees, and height, metres.
    :returns: (N, 3) likewise.
    """
    enu, start = np.asarray(enu_m, np.float64), np.asarray(origin, np.float64)
    latitude = np.radians(start[0])
    root = np.sqrt(1 - ECCENTRICITY_SQUARED * np.sin(latitude) ** 2)
    meridian = SEMI_MAJOR_AXIS_M * (1 - ECCENTRICITY_SQUARED) / root ** 3
    parallel = SEMI_MAJOR_AXIS_M / root * np.cos(latitude)
    steps = np.array([np.degrees(1 / meridian), np.degrees(1 / parallel), 1.0])
    found = np.tile(start, (len(enu), 1))
    for _ in range(3):
        rest = enu - enu_from_geodetic(found, start)
        found = found + rest[:, [1, 0, 2]] * steps
    return found
