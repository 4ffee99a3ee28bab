"""How a landmark's patch appears in an image: by the cameras of both, and a plane between them."""

from __future__ import annotations

import numpy as np
from patch_helpers import DISTORTED, FISHEYE, make_map, PINHOLE, tilted, VIEWS
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.landmark_map import Views
from posenet_ros.landmarks.patches.projection import appearances, project_into_views
import pytest

CAMERAS = (PINHOLE, DISTORTED, FISHEYE)


def test_each_point_is_projected_by_the_camera_of_its_view() -> None:
    place = make_map(CAMERAS)
    points = place.points_m[:9].astype(float)
    indices = np.array([0, 1, 2, 2, 1, 0, 1, 2, 0])
    pixels = project_into_views(place.views, indices, points)
    for view, point, pixel in zip(indices, points, pixels, strict=True):
        expected = CAMERAS[view].project(VIEWS[view].inverse().apply(point))[0]
        assert np.allclose(pixel, expected, equal_nan=True)
    stacked = project_into_views(place.views, indices, np.stack([points, points + 0.1]))
    assert np.array_equal(stacked[0], pixels, equal_nan=True)


def cross_plane(camera: Camera, pose: Pose, pixel: np.ndarray, point: np.ndarray,
                normal: np.ndarray) -> np.ndarray:
    """Return where the ray of a pixel meets a plane."""
    ray = pose.rotation @ np.append(camera.undistort_points(pixel)[0], 1.0)
    return pose.translation_m + ray * (
        ((point - pose.translation_m) @ normal) / (ray @ normal))


@pytest.mark.parametrize('camera', CAMERAS, ids=['pinhole', 'distorted', 'fisheye'])
def test_a_patch_is_warped_as_a_plane_that_faces_both_cameras(camera: Camera) -> None:
    reference, image = tilted((-1.2, 0.1, 0), 0, 15, 0), tilted((1.0, -0.2, 0.5), 3, -20, 5)
    point = np.array([0.2, 0.1, 3.0])
    views = Views(('0',), ('a',), reference.translation_m[np.newaxis],
                  reference.quat_xyzw[np.newaxis], np.empty((1, 0), np.float16),
                  np.ones(1, np.float32), (camera,), np.zeros(1, np.int32))
    seen = appearances(views, np.zeros(1, int), point[np.newaxis], image, PINHOLE)
    rays = [pose.translation_m - point for pose in (reference, image)]
    rays = [ray / np.linalg.norm(ray) for ray in rays]
    normal = (rays[0] + rays[1]) / np.linalg.norm(rays[0] + rays[1])
    assert np.allclose(seen.facing, [normal @ rays[0]])
    assert np.allclose(seen.facing, [normal @ rays[1]])
    assert np.allclose(seen.reference[0], camera.project(reference.inverse().apply(point))[0])
    for axis in (0, 1):
        step = np.eye(2)[axis] * 0.5
        ends = [camera.project(reference.inverse().apply(cross_plane(
            PINHOLE, image, seen.expected[0] + shift, point, normal)))[0]
            for shift in (-step, step)]
        assert np.allclose(seen.affine[0][:, axis], ends[1] - ends[0], atol=0.02)
    assert not np.allclose(seen.affine[0], np.eye(2), atol=0.1)


def test_a_point_behind_either_camera_has_no_affine_map() -> None:
    place = make_map(CAMERAS)
    behind = np.array([[0.0, 0.0, -3.0]])
    seen = appearances(place.views, np.zeros(1, int), behind, VIEWS[0], PINHOLE)
    assert np.isnan(seen.expected).all()
    assert not np.isfinite(seen.affine).any()
