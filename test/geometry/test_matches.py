"""2D-3D matches: where the image shows them, and how many keypoints they are of."""

from __future__ import annotations

from helpers import CAMERA, with_distortion
import numpy as np
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import Pose

POINTS = np.array([[0.2, 0.1, 2.0], [0.4, 0.2, 4.0], [-0.3, 0.2, 1.0], [0.0, 0.5, 2.0]])


def matches() -> LandmarkMatches:
    """Return matches of which the first two are of one keypoint, and the last is an outlier."""
    return LandmarkMatches(POINTS, POINTS[:, :2] / POINTS[:, 2:], np.array([3, 1, 4, 1]),
                           np.array([True, True, True, False]))


def test_the_pixels_are_those_of_the_landmarks() -> None:
    for camera in (CAMERA, with_distortion(CAMERA)):
        np.testing.assert_allclose(matches().pixels(camera), camera.project(POINTS), atol=1e-9)
    nothing = matches().select(np.zeros(4, bool))
    assert len(nothing) == 0
    assert nothing.pixels(CAMERA).shape == (0, 2)
    assert nothing.inlier_keypoints() == 0


def test_a_keypoint_that_several_views_know_counts_once_and_an_outlier_not_at_all() -> None:
    assert len(matches()) == 4
    assert matches().inlier_keypoints() == 2


def test_some_are_kept_with_all_that_belongs_to_them() -> None:
    some = matches().select(np.array([False, True, False, True]))
    np.testing.assert_array_equal(some.points_m, POINTS[[1, 3]])
    np.testing.assert_allclose(some.points_normalized, [[0.1, 0.05], [0.0, 0.25]])
    assert some.views.tolist() == [1, 1]
    assert some.inlier.tolist() == [True, False]


def test_the_landmarks_alone_are_moved() -> None:
    moved = matches().moved(Pose(np.array([1.0, 2.0, 3.0])))
    np.testing.assert_allclose(moved.points_m, POINTS + np.array([1, 2, 3]))
    np.testing.assert_array_equal(moved.points_normalized, matches().points_normalized)
