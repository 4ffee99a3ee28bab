"""Distortion as OpenCV's, and the angle beyond which a polynomial is no lens."""

from __future__ import annotations

import cv2
import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import (
    angle_of_radius,
    EQUIDISTANT,
    max_angle_rad,
    radius_of_angle,
    RATIONAL,
)
import pytest

LENSES = [
    (RATIONAL, ()), (RATIONAL, (-0.2, 0.05, 0.0, 0.0)), (RATIONAL, (0.1, -0.02, 0.0, 0.0, 0.003)),
    (RATIONAL, (0.3, 0.1, 0.0, 0.0, 0.01, 0.2, 0.05, 0.004)),
    (EQUIDISTANT, (-0.02, 0.01, -0.005, 0.001))]
ANGLES = np.linspace(0.0, 0.7, 8)


@pytest.mark.parametrize(('model', 'coefficients'), LENSES)
def test_the_radius_is_that_of_opencv(model: str, coefficients: tuple[float, ...]) -> None:
    points = np.column_stack([np.tan(ANGLES), np.zeros(8), np.ones(8)])[:, np.newaxis]
    project = cv2.fisheye.projectPoints if model == EQUIDISTANT else cv2.projectPoints
    expected = project(points, np.zeros(3), np.zeros(3), np.eye(3), np.array(coefficients))[0]
    radii = radius_of_angle(ANGLES, model, coefficients)
    np.testing.assert_allclose(radii, expected.reshape(8, 2)[:, 0], atol=1e-9)
    found = angle_of_radius(radii, model, coefficients)
    np.testing.assert_allclose(found, ANGLES, rtol=0, atol=1e-12)


@pytest.mark.parametrize('coefficients', [(-0.4, 0.0, 0.0, 0.0), (-0.3, 0.0, 0.0, 0.0)])
@pytest.mark.parametrize('model', [RATIONAL, EQUIDISTANT])
def test_angles_close_to_the_last_ray_are_found(
        model: str, coefficients: tuple[float, ...]) -> None:
    """There the radius hardly grows, and a table alone is off by a ten-thousandth."""
    angles = max_angle_rad(model, coefficients) * np.array([0.9, 0.99, 0.999])
    radii = radius_of_angle(angles, model, coefficients)
    errors = np.abs(angle_of_radius(radii, model, coefficients) - angles)
    assert (errors < (1e-12, 1e-12, 1e-8)).all()


@pytest.mark.parametrize(('model', 'coefficients', 'expected'), [
    (RATIONAL, (), np.pi / 2), (EQUIDISTANT, (0.0, 0.0, 0.0, 0.0), np.pi),
    # r - 0.4 r^3 grows until 1 = 1.2 r^2; a - 0.3 a^3 until 1 = 0.9 a^2
    (RATIONAL, (-0.4, 0.0, 0.0, 0.0), np.arctan(1 / np.sqrt(1.2))),
    (EQUIDISTANT, (-0.3, 0.0, 0.0, 0.0), 1 / np.sqrt(0.9))])
def test_the_last_ray_is_where_the_radius_ceases_to_grow(
        model: str, coefficients: tuple[float, ...], expected: float) -> None:
    assert max_angle_rad(model, coefficients) == pytest.approx(expected, abs=1e-3)


def test_beyond_the_last_ray_there_is_no_angle() -> None:
    coefficients = (-0.4, 0.0, 0.0, 0.0)
    furthest = 1 / np.sqrt(1.2) * (1 - 0.4 / 1.2)
    found = angle_of_radius(np.array([0.0, 0.99, 1.01]) * furthest, RATIONAL, coefficients)
    assert found[0] == 0
    assert found[1] < max_angle_rad(RATIONAL, coefficients)
    assert np.isnan(found[2])


@pytest.mark.parametrize(('centre', 'expected'), [
    ((31.5, 23.5), (2 * 32 / 40, 2 * 24 / 50)), ((-10.5, 23.5), (64 / 40, 2 * 24 / 50)),
    ((73.5, 57.5), (64 / 40, 48 / 50)), ((31.5, -24.5), (2 * 32 / 40, 48 / 50)),
    ((-0.5, 47.5), (64 / 40, 48 / 50))])
def test_the_angles_of_a_fisheye_whose_axis_is_beside_the_image_are_subtracted(
        centre: tuple[float, float], expected: tuple[float, float]) -> None:
    camera = Camera(64, 48, 40.0, 50.0, *centre, (0.0,) * 4, EQUIDISTANT)
    assert camera.field_of_view_deg() == pytest.approx(np.degrees(expected), abs=1e-6)
