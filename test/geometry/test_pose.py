"""Poses: group laws, conventions, and invalid input."""

from __future__ import annotations

import re

from helpers import poses, unit_quaternions
from hypothesis import given
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.estimate import diagonal_covariance, PoseEstimate
from posenet_ros.geometry.lie import pose_difference, retract
from posenet_ros.geometry.pose import check_position, Pose, wxyz_from_xyzw, xyzw_from_wxyz
import pytest

QUARTER_TURN_Z = Pose(np.array([1.0, 2.0, 3.0]), np.array([0, 0, np.sqrt(0.5), np.sqrt(0.5)]))


def same(a: Pose, b: Pose, tolerance: float = 1e-9) -> bool:
    """Compare matrices, since q and -q are one rotation."""
    return bool(np.allclose(a.matrix, b.matrix, atol=tolerance))


@given(poses())
def test_a_pose_times_its_inverse_is_the_identity(pose: Pose) -> None:
    assert same(pose @ pose.inverse(), Pose())
    assert same(pose.inverse().inverse(), pose)


@given(poses(), poses(), poses())
def test_composition_is_associative(a: Pose, b: Pose, c: Pose) -> None:
    assert same((a @ b) @ c, a @ (b @ c))


@given(poses(), poses())
def test_composition_is_the_product_of_matrices(a: Pose, b: Pose) -> None:
    assert np.allclose((a @ b).matrix, a.matrix @ b.matrix, atol=1e-9)


@given(poses())
def test_matrix_round_trip(pose: Pose) -> None:
    assert same(Pose.from_matrix(pose.matrix), pose)


@given(unit_quaternions())
def test_reordering_is_inverted(quat: np.ndarray) -> None:
    assert np.array_equal(wxyz_from_xyzw(xyzw_from_wxyz(quat)), quat)


@given(unit_quaternions())
def test_opposite_quaternions_are_stored_alike_with_w_not_negative(quat: np.ndarray) -> None:
    a, b = Pose(np.zeros(3), quat), Pose(np.zeros(3), -quat)
    assert a.quat_xyzw[3] >= 0
    assert same(a, b)


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    assert np.allclose(QUARTER_TURN_Z.apply([1, 0, 0]), [1, 3, 3])
    assert np.allclose(QUARTER_TURN_Z.apply([[0, 1, 0], [0, 0, 1]]), [[0, 2, 3], [1, 2, 4]])


def test_a_pose_cannot_be_changed_from_outside() -> None:
    translation = np.array([1.0, 2.0, 3.0])
    pose = Pose(translation)
    translation[0] = 9
    assert pose.translation_m[0] == 1
    for array in (pose.translation_m, pose.quat_xyzw, pose.rotation):
        with pytest.raises(ValueError, match='read-only'):
            array[0] = 5
    pose.matrix[0, 0] = 5  # a new one each time
    assert pose.matrix[0, 0] == 1


@pytest.mark.parametrize(('translation', 'quat', 'message'), [
    ([0, 0], [0, 0, 0, 1], 'shape'),
    ([0, 0, float('nan')], [0, 0, 0, 1], 'finite'),
    ([0, 0, 0], [0, 0, 0, 2], 'length 1'),
    ([0, 0, 0], [0, 0, 0, 0], 'length 1'),
    ([0, 0, 0], [0, 0, 0, 1.1], 'length 1'),
    ([0, 0, 0], [0, 0, 0, 0.99], 'length 1'),
    ([0, 0, 0], [0, 0, float('inf'), 1], 'finite'),
])
def test_what_is_no_pose_is_refused(
        translation: list[float], quat: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Pose(np.array(translation), np.array(quat))


def test_a_reflection_is_refused() -> None:
    with pytest.raises(InputError, match='orthonormal'):
        Pose.from_rotation(np.diag([1, 1, -1]))


def test_a_matrix_with_a_wrong_last_row_is_refused() -> None:
    with pytest.raises(InputError, match='last row'):
        Pose.from_matrix(np.ones((4, 4)))


def test_diagonal_covariance_squares_its_sigmas() -> None:
    covariance = diagonal_covariance((1, 2, 3), (0.1, 0.2, 0.3))
    assert np.allclose(np.diag(covariance), [1, 4, 9, 0.01, 0.04, 0.09])
    assert PoseEstimate(Pose(), covariance).covariance.shape == (6, 6)


def test_a_covariance_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match='positive semi-definite'):
        PoseEstimate(Pose(), -np.eye(6))


@given(poses(), poses())
def test_a_covariance_that_says_not_known_can_be_moved(pose: Pose, camera_from_base: Pose) -> None:
    """As other nodes write it: 1e9 for what they do not know, small numbers beside it."""
    covariance = np.diag([0.01, 0.01, 1e9, 1e9, 1e9, 0.001])
    moved = PoseEstimate(pose, covariance).moved_to(camera_from_base)
    assert np.isfinite(moved.covariance).all()


@pytest.mark.parametrize('seed', range(3))
def test_the_covariance_of_the_base_is_that_of_samples(seed: int) -> None:
    random = np.random.default_rng(seed)
    quats = random.normal(size=(2, 4))
    map_from_camera, camera_from_base = (
        Pose(random.normal(0, 3, 3), quat / np.linalg.norm(quat)) for quat in quats)
    root = random.normal(size=(6, 6)) * ([[0.1]] * 3 + [[0.01]] * 3)
    moved = PoseEstimate(map_from_camera, root @ root.T, 0.5).moved_to(camera_from_base)
    assert same(moved.map_from_camera, map_from_camera @ camera_from_base)
    assert moved.place_score == 0.5
    samples = []
    for error in random.normal(size=(4000, 6)) @ root.T:
        sampled = retract(map_from_camera, error) @ camera_from_base
        samples.append(pose_difference(sampled, moved.map_from_camera))
    scale = np.sqrt(np.diag(moved.covariance))
    difference = (np.cov(np.array(samples).T) - moved.covariance) / np.outer(scale, scale)
    assert np.abs(difference).max() < 0.08  # 4000 samples: a standard deviation is 0.02


def test_known_rotations_are_taken_within_a_thousandth_and_stored_exactly() -> None:
    slightly_off = np.array([0.0, 0.0, 0.0, 1.0009])
    np.testing.assert_array_equal(Pose(np.zeros(3), slightly_off).quat_xyzw, [0, 0, 0, 1])
    np.testing.assert_array_equal(
        Pose(np.zeros(3), np.array([0, 0, 0.6, -0.8])).quat_xyzw, [0, 0, -0.6, 0.8])
    for stretch, taken in ((1.0004, True), (1.0006, False), (0.9996, True), (0.9994, False)):
        if taken:
            assert same(Pose.from_rotation(stretch * np.eye(3)), Pose())
        else:
            with pytest.raises(InputError, match='orthonormal'):
                Pose.from_rotation(stretch * np.eye(3))
    row = np.eye(4)
    row[3, 0] = 5e-7
    assert same(Pose.from_matrix(row), Pose())
    for column, value in ((0, 2e-6), (3, 1 - 2e-6), (3, 0.0)):
        wrong = np.eye(4)
        wrong[3, column] = value
        expected = f'rigid transform has to be 0 0 0 1. Received: {wrong[3].tolist()}'
        with pytest.raises(InputError, match=re.escape(expected)):
            Pose.from_matrix(wrong)


def test_quaternions_are_reordered_to_either_convention() -> None:
    assert wxyz_from_xyzw([[1, 2, 3, 4]]).tolist() == [[4, 1, 2, 3]]
    assert xyzw_from_wxyz([[4, 1, 2, 3]]).tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize(('position', 'taken'), [
    ([1e8, -1e8, 0], True), ([1.1e8, 0, 0], False), ([0, -1.1e8, 0], False),
    ([0, 0, float('nan')], False), ([float('-inf'), 0, 0], False)])
def test_a_position_from_outside_is_within_the_limit(position: list[float], taken: bool) -> None:
    if taken:
        check_position(position)
    else:
        with pytest.raises(InputError, match=r'within 1e\+08 m'):
            check_position(position)


def test_quaternions_that_tf2_takes_are_normalised() -> None:
    pose = Pose(quat_xyzw=np.array([0, 0, 0.71, 0.71]))  # as people write 90 degrees
    np.testing.assert_allclose(pose.rotation @ (1, 0, 0), (0, 1, 0), atol=1e-12)
    for component in (0.70, 0.72):
        with pytest.raises(InputError, match='length 1'):
            Pose(quat_xyzw=np.array([0, 0, component, component]))
