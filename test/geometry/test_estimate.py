"""Estimates: their covariance in other frames and of other points."""

from __future__ import annotations

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.estimate import (
    PoseEstimate,
    rotate_covariance,
    shift_covariance,
    symmetrise,
    Verification,
)
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import Pose
import pytest

TURN = np.array([0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)])  # x becomes y
TURN_MATRIX = Pose(np.zeros(3), TURN).rotation


def test_the_worst_direction_need_not_be_an_axis() -> None:
    along = np.array([[5.0, 4.0, 0.0], [4.0, 5.0, 0.0], [0.0, 0.0, 2.0]])  # 9, 2 and 1 m^2
    covariance = np.block([[along, np.zeros((3, 3))], [np.zeros((3, 3)), along / 100]])
    assert PoseEstimate(Pose(), covariance).max_sigmas() == pytest.approx((3.0, 0.3))


def test_a_covariance_may_be_off_by_rounding_and_no_more() -> None:
    def with_corner(value: float, scale: float = 1.0) -> PoseEstimate:
        return PoseEstimate(Pose(), np.diag([scale, 1, 1, 1, 1, value]))

    assert with_corner(-9e-10).covariance[5, 5] == -9e-10
    assert with_corner(-0.5, 1e9).covariance[0, 0] == 1e9
    for value, scale in ((-2e-9, 1.0), (-2e-9, 0.1), (-2.0, 1e9)):
        with pytest.raises(InputError, match=f'Received a smallest eigenvalue of {value:.3g}'):
            with_corner(value, scale)
    askew = np.eye(6)
    askew[0, 1] = 0.1
    with pytest.raises(InputError, match='symmetric'):
        PoseEstimate(Pose(), askew)
    with pytest.raises(InputError, match=r'covariance has to have the shape \(6, 6\)'):
        PoseEstimate(Pose(), np.eye(3))


def test_another_point_of_the_body_is_displaced_by_the_rotation() -> None:
    covariance = np.diag([1.0, 1.0, 1.0, 0.0, 0.0, 0.01])  # of the heading alone
    moved = shift_covariance(covariance, np.array([3.0, 0.0, 0.0]))
    np.testing.assert_allclose(np.diag(moved), [1, 1 + 9 * 0.01, 1, 0, 0, 0.01])
    assert moved[1, 5] == moved[5, 1] == pytest.approx(0.03)  # turned left: further to y


def test_both_halves_of_a_covariance_rotate() -> None:
    covariance = np.diag([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    covariance[0, 3] = covariance[3, 0] = 0.5
    turned = rotate_covariance(covariance, TURN_MATRIX)
    np.testing.assert_allclose(np.diag(turned), [2, 1, 3, 5, 4, 6])
    assert turned[1, 4] == turned[4, 1] == pytest.approx(0.5)


def test_the_mean_of_a_matrix_and_its_transpose_is_symmetric() -> None:
    np.testing.assert_array_equal(symmetrise(np.array([[1.0, 2.0], [4.0, 8.0]])), [[1, 3], [3, 8]])


def test_the_estimate_of_the_base_keeps_what_is_known_of_the_image() -> None:
    one = np.zeros(1, np.intp)
    matches = LandmarkMatches(np.ones((1, 3)), np.ones((1, 2)), one, one == 0)
    told = Verification(3, 20.0, 0.5, 0)
    base = Pose(np.array([0.0, 0.0, 1.0]))
    others = (Pose(np.array([9.0, 0, 0])), Pose(np.array([0, 0, 0]), TURN))
    moved = PoseEstimate(Pose(np.array([1.0, 0, 0]), TURN), np.eye(6), 0.7, 12, matches, 'no map',
                         others, told).moved_to(base)
    assert (moved.place_score, moved.landmarks, moved.not_localised) == (0.7, 12, 'no map')
    assert moved.matches is matches
    assert moved.verification is told
    np.testing.assert_allclose(moved.map_from_camera.translation_m, [1, 0, 1])
    np.testing.assert_allclose([pose.translation_m for pose in moved.ambiguous],
                               [[9, 0, 1], [0, 0, 1]], atol=1e-12)
    plain = PoseEstimate(Pose(), np.eye(6))
    assert (plain.landmarks, plain.not_localised, plain.ambiguous) == (0, '', ())
