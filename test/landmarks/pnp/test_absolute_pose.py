"""Absolute pose: exact without noise, robust to outliers, with the covariance of its errors."""

from __future__ import annotations

import numpy as np
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.lie import pose_difference
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.options import AbsolutePoseOptions
from posenet_ros.landmarks.pnp.absolute_pose import estimate_absolute_pose, find_inliers
from posenet_ros.landmarks.pnp.pose_covariance import pose_covariance
from posenet_ros.landmarks.pnp.pose_refinement import refine_pose
import pytest

TRUTH = Pose((3.0, -2.0, 1.0), np.array([0.2, -0.3, 0.5, 0.78])
             / np.linalg.norm([0.2, -0.3, 0.5, 0.78]))
OPTIONS = AbsolutePoseOptions()
MAX_ERROR = OPTIONS.max_error
WIDE = AbsolutePoseOptions(max_error=0.04, loss_scale=0.004, min_step=4e-6, min_sigma=4e-4)
RAYS = OPTIONS.reference_rays


def seen(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw points in front of the camera; return them in the map and as the camera sees them."""
    rng = np.random.default_rng(seed)
    points = np.c_[rng.uniform(-5, 5, (count, 2)), rng.uniform(6, 20, count)]
    return TRUTH.apply(points), points[:, :2] / points[:, 2:]


def test_the_pose_is_exact_with_a_third_of_outliers() -> None:
    points, normalized = seen(90)
    normalized[::3] += np.random.default_rng(1).uniform(0.1, 0.5, (30, 2))
    found = estimate_absolute_pose(points, normalized)
    assert np.abs(pose_difference(found.map_from_camera, TRUTH)).max() < 1e-6
    assert np.array_equal(np.sort(found.inliers), np.flatnonzero(np.arange(90) % 3))
    assert found.inlier_ratio == pytest.approx(60 / 90)


def test_inliers_that_are_slightly_off_do_not_bias_the_pose() -> None:
    points, normalized = seen(90)
    normalized[::3] += [0.4 * MAX_ERROR, 0.3 * MAX_ERROR]  # still inliers
    found = estimate_absolute_pose(points, normalized)
    pulled = np.mean([0.4, 0.3]) * MAX_ERROR / 3 * 10  # metres, by least squares at 10 m
    assert len(found.inliers) == 90
    assert np.linalg.norm(pose_difference(found.map_from_camera, TRUTH)[:3]) < pulled / 10


def test_no_inlier_is_missed() -> None:
    points, normalized = seen(90)
    rng, left_out = np.random.default_rng(5), 0
    for _ in range(30):
        off = rng.normal(0, 0.4 * MAX_ERROR, normalized.shape)
        agree = np.linalg.norm(off, axis=1) < 0.9 * MAX_ERROR
        left_out += np.setdiff1d(np.flatnonzero(agree), estimate_absolute_pose(
            points, normalized + off).inliers).size
    assert left_out < 0.01 * 30 * 90


def errors_and_covariances(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Estimate 300 poses from noisy points; return their errors (300, 6) and covariances."""
    points, normalized = seen(RAYS)
    rng = np.random.default_rng(2)
    doubled = np.concatenate([points, points]), np.concatenate([normalized, normalized])
    found = []
    for _ in range(300):
        off = rng.normal(0, OPTIONS.loss_scale / 2, normalized.shape)
        if kind == 'cells':  # the same in each of twelve cells of the image
            off = off[:12][4 * (np.argsort(np.argsort(normalized[:, 1])) * 3 // RAYS)
                           + np.argsort(np.argsort(normalized[:, 0])) * 4 // RAYS]
        observed = (points, normalized + off) if kind != 'duplicated' else (
            doubled[0], doubled[1] + np.tile(off, (2, 1)))
        found.append(estimate_absolute_pose(*observed, WIDE))
    return (np.array([pose_difference(one.map_from_camera, TRUTH) for one in found]),
            np.array([one.covariance for one in found]))


@pytest.mark.parametrize('kind', ['distinct', 'duplicated'])
def test_covariance_is_that_of_the_errors(kind: str) -> None:
    errors, covariances = errors_and_covariances(kind)  # duplicates add no information
    assert np.allclose(np.sqrt(np.mean(covariances, axis=0).diagonal()), errors.std(axis=0),
                       rtol=0.15)
    nees = np.einsum('ni,nij,nj->n', errors, np.linalg.inv(covariances), errors)
    assert nees.mean() == pytest.approx(6, abs=2)


def test_covariance_grows_where_errors_correlate_within_cells_of_the_image() -> None:
    errors, covariances = errors_and_covariances('cells')
    nees = np.einsum('ni,nij,nj->n', errors, np.linalg.inv(covariances), errors)
    assert np.median(nees) < 6 * RAYS / 12 / 2  # if each erred for itself: 12.5 times 6


def test_exact_points_have_a_positive_covariance() -> None:
    found = estimate_absolute_pose(*seen(90))
    PoseEstimate(found.map_from_camera, found.covariance)  # raises where that is none
    assert 1e-9 < np.sqrt(found.covariance.diagonal()).min() < 1e-3


@pytest.mark.parametrize(('points', 'normalized'), [
    (np.empty((0, 3)), np.empty((0, 2))),
    tuple(part[:5] for part in seen(10)),
    (np.ones((40, 3)), np.zeros((40, 2))),  # all of them one point
    (seen(40)[0], np.random.default_rng(3).uniform(-9, 9, (40, 2)))], ids=[
        'none', 'too few', 'one point', 'chance'])
def test_too_few_matches_give_no_pose(points: np.ndarray, normalized: np.ndarray) -> None:
    found = estimate_absolute_pose(points, normalized)
    assert found is None or found.inlier_ratio < 0.3


@pytest.mark.parametrize('kind', ['on one ray', 'on a line', 'far', 'of three', 'all but one'])
def test_degenerate_points_raise_nothing(kind: str) -> None:
    rng = np.random.default_rng(4)
    for _ in range(60):
        x = rng.uniform(-1, 1, (30, 1))
        points = {'on one ray': (3 + x) * [0.1, 0.2, 1],
                  'on a line': x * [1, 0.3, 0.2] + [0, 0, 5],
                  'far': np.c_[rng.uniform(-1, 1, (30, 2)), np.ones(30)] * 1e6,
                  'of three': rng.uniform(1, 3, (3, 3))[rng.integers(0, 3, 30)],
                  'all but one': [1, 1, 4] + 1e-9 * rng.normal(size=(30, 3))}[kind]
        normalized = points[:, :2] / points[:, 2:] + rng.normal(0, 1e-4, (30, 2))
        found = estimate_absolute_pose(points, normalized)
        if found is not None:
            PoseEstimate(found.map_from_camera, found.covariance)  # raises where that is none


def test_points_behind_the_camera_are_no_inliers() -> None:
    points, normalized = seen(90)
    points[:5] = 2 * TRUTH.translation_m - points[:5]  # project to the same coordinates
    assert np.array_equal(find_inliers(points, normalized, TRUTH, MAX_ERROR), np.arange(5, 90))
    rays = np.arange(90)
    assert refine_pose(points, normalized, TRUTH, rays, OPTIONS) is None
    assert refine_pose(points[5:], normalized[5:], TRUTH, rays[:85], OPTIONS) is not None


def outer_products(scores: np.ndarray) -> np.ndarray:
    return np.sum([np.outer(score, score) for score in scores], axis=0)


def test_covariance_is_that_of_the_formula() -> None:
    points, normalized = seen(40)
    normalized += np.random.default_rng(6).normal(0, 5e-4, normalized.shape)
    duplicated = np.r_[0:40, 0:10, 0:10]  # the first ten rays have three points
    points, normalized = points[duplicated], normalized[duplicated]
    options = AbsolutePoseOptions(columns=1, rows=1)
    rays = duplicated
    fit = refine_pose(points, normalized, TRUTH, rays, options)
    scores = [sum(fit.weights[i] * fit.jacobian[i].T @ fit.residuals[i]
                  for i in np.flatnonzero(rays == ray)) for ray in range(40)]
    information = sum(w * j.T @ j for w, j in zip(fit.weights, fit.jacobian, strict=True))
    own = fit.weights / np.sqrt(np.where(rays < 10, 3, 1))  # a ray is one observation
    variance = np.sum(own * np.sum(fit.residuals ** 2, axis=1)) / (2 * np.sum(own))
    homoscedastic = variance * np.linalg.inv(
        sum(w * j.T @ j for w, j in zip(own, fit.jacobian, strict=True)))
    by_ray = np.linalg.inv(information) @ outer_products(scores) @ np.linalg.inv(
        information) * 40 / 39
    assert np.abs(np.sum(scores, axis=0)).max() < 0.01 * np.abs(scores).max()  # one cell: 0
    expected = (homoscedastic + by_ray) / 3 * np.sqrt(options.reference_rays / (0.8 * 40))
    found = pose_covariance(fit, normalized, rays, 0.8, options)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_outliers_enlarge_the_covariance_by_the_root_of_the_inlier_ratio() -> None:
    points, normalized = seen(90)
    normalized += np.random.default_rng(7).normal(0, 5e-4, normalized.shape)
    alone = estimate_absolute_pose(points, normalized)
    outliers = np.random.default_rng(8).uniform(1, 2, (30, 2))
    among = estimate_absolute_pose(np.r_[points, points[:30]], np.r_[normalized, outliers])
    assert among.inlier_ratio == pytest.approx(0.75)
    np.testing.assert_allclose(among.covariance, alone.covariance / np.sqrt(0.75), rtol=1e-3)
