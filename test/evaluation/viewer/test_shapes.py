"""Shapes and the first look: sizes and directions as the camera and the place have them."""

from __future__ import annotations

from itertools import product

import numpy as np
from posenet_ros.evaluation.viewer import shapes
from posenet_ros.evaluation.viewer.overview import (
    ASPECT,
    bounds,
    FIELD_OF_VIEW_DEG,
    overview,
    up_axis,
)
from posenet_ros.geometry.camera import Camera
import pytest
from training_helpers import MAP_FROM_CAMERA

CAMERA = Camera(64, 48, 50.0, 40.0, 30.0, 20.0)


def test_a_frustum_has_the_corners_of_the_image() -> None:
    apex, *corners = shapes.frustum(CAMERA).vertices
    assert not apex.any()
    pixels = CAMERA.project(corners)
    assert np.allclose(pixels, [(-0.5, -0.5), (63.5, -0.5), (63.5, 47.5), (-0.5, 47.5)])


def test_the_edges_of_a_frustum_are_thin_prisms_round_its_lines() -> None:
    ends, (vertices, faces) = shapes.frustum(CAMERA).vertices, shapes.frustum_edges(CAMERA, 0.01)
    assert vertices.shape == (48, 3)
    assert faces.max() == 47
    for (first, last), prism in zip(shapes.EDGES, vertices.reshape(8, 2, 3, 3), strict=True):
        for end, ring in zip((first, last), prism, strict=True):
            assert np.allclose(ring.mean(axis=0), ends[end], atol=1e-3)
            assert np.allclose(np.linalg.norm(ring - ends[end], axis=1), 0.01, rtol=0.02)
            assert np.allclose((ring - ends[end]) @ (ends[last] - ends[first]), 0, atol=1e-12)


def test_a_sphere_is_closed_and_its_faces_look_outwards() -> None:
    vertices, faces = shapes.unit_sphere()
    assert np.allclose(np.linalg.norm(vertices, axis=1), 1)
    a, b, c = vertices[faces].transpose(1, 0, 2)
    volume = (np.cross(a, b) * c).sum() / 6
    assert 0.9 * 4 / 3 * np.pi < volume < 4 / 3 * np.pi


def test_a_walk_is_joined_within_its_sequences() -> None:
    positions = np.arange(12.0).reshape(4, 3)
    lines = shapes.walk_segments(positions, ['a', 'a', 'b', 'b'])
    assert np.array_equal(lines, [positions[:2], positions[2:]])


def test_errors_grow_from_the_truth() -> None:
    lines = shapes.error_segments(np.ones((1, 3)), np.array([[1.0, 1, 2]]), 10)
    assert np.array_equal(lines, [[[1, 1, 1], [1, 1, 11]]])


def test_the_nearest_point_to_a_ray_is_ahead_of_it() -> None:
    points = np.array([[0.0, 0.0, -5.0], [1.0, 0.0, 5.0], [0.0, 0.5, 9.0]])
    assert shapes.nearest_to_ray(points, np.zeros(3), np.array([0.0, 0, 1])) == 2
    assert shapes.nearest_to_ray(points, np.zeros(3), np.array([0.0, 0, -1])) == 0


def test_thinning_keeps_the_order_and_no_row_twice() -> None:
    assert np.array_equal(shapes.thin(3, 3), [0, 1, 2])
    rows = shapes.thin(1000, 10)
    assert len(rows) == 10
    assert (np.diff(rows) > 0).all()
    assert np.array_equal(rows, shapes.thin(1000, 10))


def test_up_is_z_unless_the_cameras_are_upright_along_another_axis() -> None:
    along_y = np.array([MAP_FROM_CAMERA] * 3)
    assert np.array_equal(up_axis(along_y), [0, 0, 1])
    turned = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # the map's y becomes -z
    assert np.array_equal(up_axis(turned @ along_y), [0, -1, 0])
    looking_down = np.array([np.diag([1.0, -1, -1]), np.diag([-1.0, 1, -1])])
    assert np.array_equal(up_axis(looking_down), [0, 0, 1])


def test_bounds_leave_out_landmarks_far_away_but_no_camera() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (1000, 3))
    points[0] = 500
    box = bounds(points, np.array([[3.0, 0, 0]]))
    assert box[1, 0] == 3
    assert np.abs(box[:, 1:]).max() <= 1
    assert np.array_equal(bounds(np.empty((0, 3)), np.array([[0.0, 0, 0], [1, 2, 3]])),
                          [[0, 0, 0], [1, 2, 3]])


@pytest.mark.parametrize('up', [(0.0, 0.0, 1.0), (0.0, -1.0, 0.0)])
@pytest.mark.parametrize('heading', [(1.0, 0.0, 0.0), None])
def test_the_first_look_sees_the_whole_place_from_above(
        up: tuple[float, ...], heading: tuple[float, ...] | None) -> None:
    box = np.array([[-10.0, -4, 0], [30, 8, 12]])
    headings = np.array([heading] if heading else [(1.0, 0, 0), (-1.0, 0, 0)])
    look = overview(box, np.array(up), headings)
    forward = look.look_at_m - look.position_m
    forward /= np.linalg.norm(forward)
    assert -0.9 < forward @ up < -0.3, 'obliquely from above'
    if heading:
        assert forward @ heading > 0.5, 'from behind the cameras'
    right = np.cross(forward, up) / np.linalg.norm(np.cross(forward, up))
    down = np.cross(forward, right)
    corners = np.array(list(product(*box.T))) - look.position_m
    x, y, z = np.array([right, down, forward]) @ corners.T
    tangent = np.tan(np.radians(FIELD_OF_VIEW_DEG) / 2)
    reach = max(np.abs(x / z).max() / (tangent * ASPECT), np.abs(y / z).max() / tangent)
    assert (z > 0).all()
    assert 0.8 < reach <= 1, 'all of it, and no smaller than need be'
