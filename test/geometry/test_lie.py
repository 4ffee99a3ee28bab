"""Lie group of rotations: inverses, small angles, angles near pi, batches, and its monopoly."""

from __future__ import annotations

import ast
from pathlib import Path

from helpers import poses, ROOT, unit_quaternions
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
import numpy as np
from posenet_ros.geometry.lie import (
    angle_between_rad,
    interpolate,
    mean_quaternion,
    pose_difference,
    retract,
    rotation_angle_rad,
    rotation_matrices,
    rotation_vectors_rad,
    so3_exp,
    so3_log,
)
from posenet_ros.geometry.pose import Pose
import pytest
from transforms3d.axangles import axangle2mat

AXES = arrays(np.float64, 3, elements=st.floats(-1, 1)).filter(
    lambda v: np.linalg.norm(v) > 1e-2).map(lambda v: v / np.linalg.norm(v))
ANGLES_RAD = st.one_of(st.floats(0, 3.14), st.sampled_from(
    [0.0, 1e-300, 1e-160, 1e-12, 1e-8, 1e-4, np.pi - 1e-4, np.pi - 1e-8, np.pi - 1e-12]))


@settings(deadline=None)
@given(AXES, ANGLES_RAD)
def test_exp_is_the_rotation_about_the_axis(axis: np.ndarray, angle_rad: float) -> None:
    rotation = so3_exp(axis * angle_rad)
    np.testing.assert_allclose(rotation, axangle2mat(axis, angle_rad), atol=1e-15)
    np.testing.assert_allclose(rotation @ axis, axis, atol=1e-15)


@settings(deadline=None)
@given(AXES, ANGLES_RAD)
def test_log_inverts_exp(axis: np.ndarray, angle_rad: float) -> None:
    vector = so3_log(so3_exp(axis * angle_rad))
    np.testing.assert_allclose(vector, axis * angle_rad, rtol=1e-9, atol=4e-15)


@settings(deadline=None)
@given(poses())
def test_exp_inverts_log(pose: Pose) -> None:
    vector = so3_log(pose.rotation)
    assert np.linalg.norm(vector) <= np.pi + 1e-12
    np.testing.assert_allclose(so3_exp(vector), pose.rotation, atol=1e-13)


@settings(deadline=None)
@given(poses())
def test_matrices_of_quaternions_are_those_of_the_pose(pose: Pose) -> None:
    both = rotation_matrices([pose.quat_xyzw, -pose.quat_xyzw])
    np.testing.assert_allclose(both, [pose.rotation] * 2, atol=1e-12)


def test_half_a_turn_has_a_logarithm() -> None:
    for axis in np.eye(3):
        vector = so3_log(2 * np.outer(axis, axis) - np.eye(3))
        np.testing.assert_allclose(np.abs(vector), np.pi * axis, atol=1e-12)


def test_a_small_rotation_keeps_its_digits() -> None:
    small = np.array([3e-9, -4e-9, 0.0])
    rotated = Pose.from_rotation(so3_exp(small)).quat_xyzw
    np.testing.assert_allclose(so3_log(so3_exp(small)), small, rtol=1e-6)
    assert rotation_angle_rad(rotated, (0, 0, 0, 1)) == pytest.approx(5e-9, rel=1e-6)
    np.testing.assert_allclose(rotation_vectors_rad(rotated, (0, 0, 0, 1)), small, rtol=1e-6)


@settings(deadline=None)
@given(unit_quaternions(), unit_quaternions())
def test_angle_and_vector_agree_and_ignore_signs(a: np.ndarray, b: np.ndarray) -> None:
    angle = rotation_angle_rad(a, b)
    assert 0 <= angle <= np.pi + 1e-12
    assert np.linalg.norm(rotation_vectors_rad(a, b)) == pytest.approx(angle, abs=1e-7)
    assert rotation_angle_rad(-2 * a, b) == pytest.approx(angle, abs=1e-12)
    assert rotation_angle_rad(b, a) == pytest.approx(angle, abs=1e-12)


@settings(deadline=None)
@given(poses(), poses())
def test_the_vector_rotates_the_truth_into_the_estimate(estimate: Pose, truth: Pose) -> None:
    vector = rotation_vectors_rad(estimate.quat_xyzw, truth.quat_xyzw)
    np.testing.assert_allclose(so3_exp(vector) @ truth.rotation, estimate.rotation, atol=1e-12)


def test_batches_are_single_values_side_by_side() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(2, 5, 3))
    quats = rng.normal(size=(5, 4))
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    rotations = so3_exp(vectors)
    assert rotations.shape == (2, 5, 3, 3)
    assert so3_log(rotations).shape == (2, 5, 3)
    for i, j in np.ndindex(2, 5):
        np.testing.assert_allclose(rotations[i, j], so3_exp(vectors[i, j]), atol=1e-15)
        np.testing.assert_allclose(so3_log(rotations)[i, j], so3_log(rotations[i, j]), atol=1e-14)
    for function in (rotation_angle_rad, rotation_vectors_rad):
        batch, against_one = function(quats, quats[::-1]), function(quats, quats[0])
        for k in range(5):
            np.testing.assert_allclose(batch[k], function(quats[k], quats[4 - k]), atol=1e-14)
            np.testing.assert_allclose(against_one[k], function(quats[k], quats[0]), atol=1e-14)
    assert rotation_vectors_rad(np.empty((0, 4)), np.empty((0, 4))).shape == (0, 3)
    assert rotation_angle_rad(np.empty((0, 4)), np.empty((0, 4))).shape == (0,)


@settings(deadline=None)
@given(poses(), poses())
def test_retract_inverts_the_difference(start: Pose, end: Pose) -> None:
    np.testing.assert_allclose(
        retract(start, pose_difference(end, start)).matrix, end.matrix, atol=1e-12)


def test_increments_are_about_the_fixed_axes() -> None:
    start = Pose((1.0, 2.0, 3.0), np.array([0.0, 0, np.sqrt(0.5), np.sqrt(0.5)]))
    moved = retract(start, np.array([0.5, 0, 0, 0.2, 0, 0]))
    np.testing.assert_allclose(moved.translation_m, (1.5, 2, 3))
    np.testing.assert_allclose(
        moved.rotation, axangle2mat((1, 0, 0), 0.2) @ start.rotation, atol=1e-14)


@settings(deadline=None)
@given(poses(), poses(), st.floats(0, 1))
def test_interpolation_divides_the_angle(start: Pose, end: Pose, fraction: float) -> None:
    middle = interpolate(start, end, fraction)
    whole = rotation_angle_rad(end.quat_xyzw, start.quat_xyzw)
    assert rotation_angle_rad(middle.quat_xyzw, start.quat_xyzw) == pytest.approx(
        fraction * whole, abs=1e-12)
    assert rotation_angle_rad(end.quat_xyzw, middle.quat_xyzw) == pytest.approx(
        (1 - fraction) * whole, abs=1e-12)
    np.testing.assert_allclose(
        middle.translation_m,
        start.translation_m + fraction * (end.translation_m - start.translation_m), atol=1e-12)


@given(unit_quaternions(), st.lists(st.sampled_from([1, -1]), min_size=1, max_size=5))
def test_mean_of_one_rotation_with_any_signs_is_that_rotation(
        quat: np.ndarray, signs: list[int]) -> None:
    mean = mean_quaternion(np.outer(signs, quat))
    assert abs(mean @ quat) == pytest.approx(1, abs=1e-12)


def test_mean_of_rotations_about_one_axis_is_their_mean_angle() -> None:
    angles = np.radians([10, 20, 60, 70])
    quats = [Pose.from_rotation(so3_exp([0, 0, a])).quat_xyzw for a in angles]
    mean = mean_quaternion(np.array(quats) * [[1], [-1], [1], [-1]])
    expected = Pose.from_rotation(so3_exp([0, 0, np.radians(40)])).quat_xyzw
    assert rotation_angle_rad(mean, expected) < 1e-8


def axis_angle_calls(file: Path) -> list[str]:
    """Find the uses of other implementations of axes and angles."""
    names = {getattr(node, 'attr', getattr(node, 'id', getattr(node, 'module', None)))
             for node in ast.walk(ast.parse(file.read_text()))}
    imported = {alias.name for node in ast.walk(ast.parse(file.read_text()))
                if isinstance(node, ast.ImportFrom) for alias in node.names}
    return sorted((names | imported) & {
        'Rodrigues', 'arccos', 'acos', 'axangle2mat', 'mat2axangle', 'axangle2quat',
        'quat2axangle', 'transforms3d.axangles', 'Rotation'})


@settings(deadline=None)
@given(AXES, AXES, st.sampled_from([0.0, 1e-9, 1e-3, 1.0, np.pi - 1e-9]))
def test_angle_between_vectors(axis: np.ndarray, other: np.ndarray, angle_rad: float) -> None:
    across = np.cross(axis, other)
    if np.linalg.norm(across) < 1e-2:
        return
    turned = so3_exp(across / np.linalg.norm(across) * angle_rad) @ axis
    assert angle_between_rad(2 * axis, 3 * turned) == pytest.approx(angle_rad, rel=1e-6, abs=1e-15)


def test_no_other_module_computes_with_axes_and_angles() -> None:
    # of an arc in the plane, and of the roots of a cubic
    allowed = {'facade.py': ['arccos'], 'p3p.py': ['arccos']}
    files = [*(ROOT / 'posenet_ros').rglob('*.py'), *(ROOT / 'training').rglob('*.py')]
    assert len(files) > 100
    found = {file.name: calls for file in files if (calls := axis_angle_calls(file))}
    assert found == allowed


def test_the_check_of_axes_and_angles_can_fail(tmp_path: Path) -> None:
    file = tmp_path / 'wrong.py'
    file.write_text('import cv2\nfrom transforms3d.quaternions import axangle2quat\n'
                    'cv2.Rodrigues(1)\n')
    assert axis_angle_calls(file) == ['Rodrigues', 'axangle2quat']
