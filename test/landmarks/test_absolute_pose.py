"""A camera's pose from points that it sees: exact, among outliers, and how sure."""

from __future__ import annotations

import numpy as np
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.lie import pose_error
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.absolute_pose import ENOUGH, FINE, resect
import pytest

TRUTH = Pose((3.0, -2.0, 1.0), np.array([0.2, -0.3, 0.5, 0.78])
             / np.linalg.norm([0.2, -0.3, 0.5, 0.78]))
TOLERANCE = 0.01


def seen(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return points in front of the camera, and the rays to them."""
    rng = np.random.default_rng(seed)
    points = np.c_[rng.uniform(-5, 5, (count, 2)), rng.uniform(6, 20, count)]
    return TRUTH.apply(points), points[:, :2] / points[:, 2:]


def test_exact_rays_give_the_exact_pose_although_a_third_is_wrong() -> None:
    points, rays = seen(90)
    rays[::3] += np.random.default_rng(1).uniform(0.1, 0.5, (30, 2))
    found = resect(points, rays, TOLERANCE)
    assert np.abs(pose_error(found.map_from_camera, TRUTH)).max() < 1e-6
    assert np.array_equal(np.sort(found.inliers), np.flatnonzero(np.arange(90) % 3))
    assert found.share == pytest.approx(60 / 90)


def test_landmarks_that_are_a_little_off_do_not_pull() -> None:
    points, rays = seen(90)
    rays[::3] += [0.4 * TOLERANCE, 0.3 * TOLERANCE]  # near enough to count as agreeing
    found = resect(points, rays, TOLERANCE)
    pulled = np.mean([0.4, 0.3]) * TOLERANCE / 3 * 10  # metres, by least squares at 10 m
    assert len(found.inliers) == 90
    assert np.linalg.norm(pose_error(found.map_from_camera, TRUTH)[:3]) < pulled / 10


def test_all_points_that_agree_have_a_say() -> None:
    points, rays = seen(90)
    rng, left_out = np.random.default_rng(5), 0
    for _ in range(30):
        off = rng.normal(0, 0.4 * TOLERANCE, rays.shape)
        agree = np.linalg.norm(off, axis=1) < 0.9 * TOLERANCE
        left_out += np.setdiff1d(np.flatnonzero(agree), resect(
            points, rays + off, TOLERANCE).inliers).size
    assert left_out < 0.01 * 30 * 90


def errors_and_covariances(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the errors of 300 poses from noisy rays, (300, 6), and their covariances."""
    points, rays = seen(ENOUGH)
    rng = np.random.default_rng(2)
    twice = np.concatenate([points, points]), np.concatenate([rays, rays])
    found = []
    for _ in range(300):
        off = rng.normal(0, FINE * TOLERANCE / 2, rays.shape)
        if kind == 'parts':  # the same in each of twelve parts of the image
            off = off[:12][4 * (np.argsort(np.argsort(rays[:, 1])) * 3 // ENOUGH)
                           + np.argsort(np.argsort(rays[:, 0])) * 4 // ENOUGH]
        said = (points, rays + off) if kind != 'twice' else (
            twice[0], twice[1] + np.tile(off, (2, 1)))
        found.append(resect(*said, 4 * TOLERANCE))
    return (np.array([pose_error(one.map_from_camera, TRUTH) for one in found]),
            np.array([one.covariance for one in found]))


@pytest.mark.parametrize('kind', ['once', 'twice'])
def test_covariance_is_that_of_the_errors(kind: str) -> None:
    errors, covariances = errors_and_covariances(kind)  # twice the same says nothing more
    assert np.allclose(np.sqrt(np.mean(covariances, axis=0).diagonal()), errors.std(axis=0),
                       rtol=0.15)
    nees = np.einsum('ni,nij,nj->n', errors, np.linalg.inv(covariances), errors)
    assert nees.mean() == pytest.approx(6, abs=2)


def test_covariance_grows_where_a_part_of_the_image_errs_alike() -> None:
    errors, covariances = errors_and_covariances('parts')
    nees = np.einsum('ni,nij,nj->n', errors, np.linalg.inv(covariances), errors)
    assert np.median(nees) < 6 * ENOUGH / 12 / 2  # if each erred for itself: 12.5 times 6


def test_exact_rays_have_a_covariance() -> None:
    found = resect(*seen(90), TOLERANCE)
    PoseEstimate(found.map_from_camera, found.covariance)  # raises where that is none
    assert 1e-9 < np.sqrt(found.covariance.diagonal()).min() < 1e-3


@pytest.mark.parametrize(('points', 'rays'), [
    (np.empty((0, 3)), np.empty((0, 2))),
    tuple(part[:5] for part in seen(10)),
    (np.ones((40, 3)), np.zeros((40, 2))),  # all of them one point
    (seen(40)[0], np.random.default_rng(3).uniform(-9, 9, (40, 2)))], ids=[
        'none', 'too few', 'one point', 'chance'])
def test_too_little_gives_no_pose(points: np.ndarray, rays: np.ndarray) -> None:
    found = resect(points, rays, TOLERANCE)
    assert found is None or found.share < 0.3


@pytest.mark.parametrize('kind', ['on one ray', 'on a line', 'far', 'of three', 'all but one'])
def test_points_that_say_too_little_raise_nothing(kind: str) -> None:
    rng = np.random.default_rng(4)
    for _ in range(60):
        x = rng.uniform(-1, 1, (30, 1))
        points = {'on one ray': (3 + x) * [0.1, 0.2, 1],
                  'on a line': x * [1, 0.3, 0.2] + [0, 0, 5],
                  'far': np.c_[rng.uniform(-1, 1, (30, 2)), np.ones(30)] * 1e6,
                  'of three': rng.uniform(1, 3, (3, 3))[rng.integers(0, 3, 30)],
                  'all but one': [1, 1, 4] + 1e-9 * rng.normal(size=(30, 3))}[kind]
        rays = points[:, :2] / points[:, 2:] + rng.normal(0, 1e-4, (30, 2))
        found = resect(points, rays, TOLERANCE)
        if found is not None:
            PoseEstimate(found.map_from_camera, found.covariance)  # raises where that is none
