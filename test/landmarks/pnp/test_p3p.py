"""Perspective-three-point and its RANSAC: exact, robust, the same every time."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from posenet_ros.geometry.lie import pose_difference, so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.options import RansacOptions
from posenet_ros.landmarks.pnp.matrix_pose import (
    fit_pose,
    inlier_mask,
    MatrixPose,
    refine_by_inliers,
    rotation_of_vector,
)
from posenet_ros.landmarks.pnp.p3p import solve_p3p
from posenet_ros.landmarks.pnp.ransac import _scores, MatchSet, ransac
import pytest

OPTIONS = RansacOptions()
MAX_ERROR = 0.01


def samples(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw poses that see three points each: rotations, translations, points and rays."""
    rng = np.random.default_rng(0)
    rotations, translations = so3_exp(rng.normal(size=(count, 3))), rng.normal(size=(count, 3))
    ends = rng.uniform((-0.6, -0.5, 1), (0.6, 0.5, 1), (count, 3, 3))
    rays = ends / np.linalg.norm(ends, axis=2, keepdims=True)
    ends *= rng.uniform(2, 30, (count, 3, 1))
    points = np.einsum('bji,bkj->bki', rotations, ends - translations[:, np.newaxis])
    return rotations, translations, points, rays


def test_one_solution_of_each_sample_is_the_true_pose() -> None:
    rotations, translations, points, rays = samples(2000)
    found = solve_p3p(points, rays)
    errors = (np.abs(found.rotations - rotations[found.samples]).max(axis=(1, 2))
              + np.abs(found.translations - translations[found.samples]).max(axis=1))
    best = np.full(2000, np.inf)
    np.minimum.at(best, found.samples, errors)
    assert np.quantile(best, 0.99) < 1e-8
    assert best.max() < 1e-4
    assert np.bincount(found.samples, minlength=2000).max() <= 4


def test_each_solution_sees_its_points_along_the_rays() -> None:
    _, _, points, rays = samples(500)
    found = solve_p3p(points, rays)
    inside = np.einsum('sij,skj->ski', found.rotations, points[found.samples])
    inside += found.translations[:, np.newaxis]
    lengths = np.linalg.norm(inside, axis=2)
    along = np.einsum('ski,ski->sk', inside, rays[found.samples]) / lengths
    assert np.quantile(1 - along.min(axis=1), 0.99) < 1e-9, 'in front, on the ray'
    products = found.rotations @ found.rotations.transpose(0, 2, 1)
    assert np.abs(products - np.eye(3)).max() < 1e-2
    assert (np.linalg.det(found.rotations) > 0.9).all()


def test_the_solutions_are_those_of_opencv() -> None:
    _, _, points, rays = samples(100)
    found = solve_p3p(points, rays)
    agree = 0
    for index in range(100):
        count, vectors, _ = cv2.solveP3P(
            points[index], rays[index, :, :2] / rays[index, :, 2:], np.eye(3), None,
            flags=cv2.SOLVEPNP_P3P)
        ours = found.rotations[found.samples == index]
        theirs = np.array([cv2.Rodrigues(vector)[0] for vector in vectors]).reshape(-1, 3, 3)
        agree += len(ours) == count and all(
            np.abs(ours - one).max(axis=(1, 2)).min() < 1e-5 for one in theirs)
    assert agree >= 97


@pytest.mark.parametrize('kind', ['one point', 'a line', 'one ray'])
def test_degenerate_samples_raise_nothing(kind: str) -> None:
    rng = np.random.default_rng(1)
    _, _, points, rays = samples(50)
    if kind == 'one point':
        points[:, 1:] = points[:, :1]
    elif kind == 'a line':
        points = points[:, :1] + rng.uniform(0, 1, (50, 3, 1)) * [[[1.0, 2.0, 0.5]]]
    else:
        rays[:, 1:] = rays[:, :1]
    found = solve_p3p(points, rays)
    assert np.isfinite(found.rotations).all()
    squares = np.sum(np.square(found.rotations), axis=(1, 2))
    assert np.abs(squares - 3).max(initial=0) < 1e-3, 'only rotations'


def matches(count: int, wrong: int, seed: int = 0) -> tuple[Pose, MatchSet]:
    """Draw matches of which the first `wrong` are by chance."""
    rng = np.random.default_rng(seed)
    truth = Pose.from_rotation(so3_exp(rng.normal(size=3)), rng.normal(size=3))
    points = rng.uniform((-5, -4, 6), (5, 4, 20), (count, 3))
    seen = points[:, :2] / points[:, 2:]
    seen[:wrong] = rng.uniform(-0.5, 0.5, (wrong, 2))
    return truth, MatchSet(truth.apply(points), seen, np.ones(count))


def test_all_sets_are_solved_at_once_in_spite_of_outliers() -> None:
    drawn = [matches(90, 50, seed) for seed in range(12)]
    found = ransac([one for _, one in drawn], MAX_ERROR, OPTIONS)
    for (truth, one), first in zip(drawn, found, strict=True):
        pose = refine_by_inliers(one.points_m, one.points_normalized, first, MAX_ERROR)
        assert np.abs(pose_difference(pose.to_pose(), truth)).max() < 1e-4
        agree = inlier_mask(one.points_m, one.points_normalized, pose, MAX_ERROR)
        assert agree[50:].all()


def test_weights_choose_the_samples() -> None:
    truth, one = matches(300, 285)
    one = MatchSet(one.points_m[::-1], one.points_normalized[::-1], one.weights)
    weights = np.where(np.arange(300) < 15, 1.0, 0.001)
    for scale in (1.0, 0.01):
        found = ransac([one, one._replace(weights=scale * weights)], MAX_ERROR, OPTIONS)
        errors = [np.inf if each is None else np.linalg.norm(
            each.translation_m - truth.translation_m) for each in found]
        assert errors[1] < 0.05 < errors[0], 'one sample in 8000 is right by chance'


def test_many_matches_are_scored_by_the_likeliest_first() -> None:
    truth, one = matches(400, 100)
    wrong_first = np.where(np.arange(400) < 100, 1.0, 0.5)
    few = replace(OPTIONS, scored_matches=150, scored_poses=8)
    for options in (few, replace(few, scored_matches=1000)):
        found = ransac([one._replace(weights=wrong_first)], MAX_ERROR, options)[0]
        assert np.linalg.norm(found.translation_m - truth.translation_m) < 0.05


def test_the_same_matches_have_the_same_pose() -> None:
    _, one = matches(60, 30)
    first, second = (ransac([one], MAX_ERROR, OPTIONS)[0] for _ in range(2))
    assert np.array_equal(first.translation_m, second.translation_m)
    other = ransac([one], MAX_ERROR, replace(OPTIONS, seed=1))[0]
    assert not np.array_equal(first.translation_m, other.translation_m)


def test_too_few_matches_have_no_pose() -> None:
    _, one = matches(2, 0)
    assert ransac([one], MAX_ERROR, OPTIONS) == [None]
    assert ransac([], MAX_ERROR, OPTIONS) == []
    same = MatchSet(np.ones((9, 3)), np.zeros((9, 2)), np.ones(9))
    assert ransac([same], MAX_ERROR, OPTIONS) == [None]


def test_points_behind_the_camera_do_not_support_a_pose() -> None:
    truth, one = matches(60, 0)
    mirrored = one.points_m.copy()
    mirrored[:45] = 2 * truth.translation_m - mirrored[:45]  # the same image coordinates
    agree = inlier_mask(mirrored, one.points_normalized, MatrixPose.of(truth), MAX_ERROR)
    assert agree.sum() == 15
    inverse = truth.inverse()
    score = _scores(mirrored.astype(np.float32), one.points_normalized,
                    inverse.rotation[np.newaxis], inverse.translation_m[np.newaxis], MAX_ERROR)
    assert score[0] == pytest.approx(15, abs=0.1)


def test_a_fit_ends_at_the_truth_and_ignores_what_is_off() -> None:
    truth, one = matches(80, 0)
    seen = one.points_normalized.copy()
    seen[::8] += 0.02
    start = MatrixPose(truth.rotation @ rotation_of_vector(0.01, -0.02, 0.01),
                       truth.translation_m + 0.1)
    pose = fit_pose(one.points_m, seen, start, 0.0005, 12)
    assert np.linalg.norm(pose.translation_m - truth.translation_m) < 2e-3


def test_a_rotation_of_a_vector_is_that_of_the_exponential() -> None:
    for vector in ((0, 0, 0), (1e-9, 0, 0), (0.3, -0.2, 1.5), (0, 3.1, 0)):
        assert np.allclose(rotation_of_vector(*vector), so3_exp(np.array(vector)), atol=1e-12)
