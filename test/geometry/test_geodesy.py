"""Positions on the Earth, by known places and by the size of a degree."""

from __future__ import annotations

import numpy as np
from posenet_ros.geometry.geodesy import (
    ecef_from_geodetic,
    enu_from_geodetic,
    geodetic_from_enu,
)
import pytest

POLE_M = 6356752.314245  # WGS 84's semi-minor axis
ORIGINS = [(48.1, 11.6, 520.0), (-33.9, 151.2, 20.0), (0.0, 0.0, 0.0), (69.6, -18.9, -30.0)]


@pytest.mark.parametrize(('geodetic', 'expected'), [
    ((0, 0, 0), (6378137, 0, 0)), ((0, 90, 10), (0, 6378147, 0)), ((90, 30, 0), (0, 0, POLE_M)),
    ((-90, 0, 100), (0, 0, -POLE_M - 100)),
    # 45 degrees: the normal is a / sqrt(1 - e^2 / 2) = 6388838.2901 m long
    ((45, 0, 0), (4517590.8788, 0, 4487348.4088)),
    ((45, 45, 1000), (3194419.1451 + 500, 3194419.1451 + 500, 4487348.4088 + 707.1068))])
def test_known_places(geodetic: tuple[float, ...], expected: tuple[float, ...]) -> None:
    np.testing.assert_allclose(ecef_from_geodetic(geodetic), expected, atol=1e-3)


@pytest.mark.parametrize('origin', ORIGINS)
def test_east_north_and_up_are_at_right_angles_and_keep_distances(
        origin: tuple[float, float, float]) -> None:
    near = np.array(origin) + np.array([(0, 0, 0), (1e-4, 0, 0), (0, 1e-4, 0), (0, 0, 7)])
    east_north_up = enu_from_geodetic(near, origin)
    np.testing.assert_allclose(east_north_up[0], 0, atol=1e-8)
    assert 11.0 < east_north_up[1, 1] < 11.2  # metres of a ten-thousandth of a degree
    np.testing.assert_allclose(
        east_north_up[2, 0], 11.132 * np.cos(np.radians(origin[0])), rtol=0.005)
    np.testing.assert_allclose(east_north_up[1, [0, 2]], 0, atol=1e-4)
    np.testing.assert_allclose(east_north_up[2, [1, 2]], 0, atol=1e-4)
    np.testing.assert_allclose(east_north_up[3], [0, 0, 7], atol=1e-6)
    lengths = np.linalg.norm(ecef_from_geodetic(near) - ecef_from_geodetic(origin), axis=1)
    np.testing.assert_allclose(np.linalg.norm(east_north_up, axis=1), lengths, atol=1e-6)


@pytest.mark.parametrize('origin', ORIGINS)
def test_the_inverse_is_exact_over_kilometres(origin: tuple[float, float, float]) -> None:
    enu = np.array([(0, 0, 0), (3000, 0, 0), (0, -3000, 0), (-2000, 2500, 150.0)])
    np.testing.assert_allclose(
        enu_from_geodetic(geodetic_from_enu(enu, origin), origin), enu, atol=5e-6)
