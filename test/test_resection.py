"""A camera's pose from points that it sees: exact, among outliers, and how sure."""

from __future__ import annotations

import numpy as np
from posenet_ros.pose import Pose, PoseEstimate
from posenet_ros.resection import ENOUGH, NOISE, resect
from posenet_ros.smoothing import pose_error
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


def test_covariance_is_that_of_the_errors() -> None:
    points, rays = seen(80)
    rng = np.random.default_rng(2)
    noise = NOISE * TOLERANCE * np.sqrt(ENOUGH / 80)
    twice = np.concatenate([points, points]), np.concatenate([rays, rays])  # says nothing more
    found = []
    for _ in range(300):
        off = rng.normal(0, noise, rays.shape)
        found.append(resect(twice[0], twice[1] + np.tile(off, (2, 1)), 4 * TOLERANCE))
    off = np.array([pose_error(one.map_from_camera, TRUTH) for one in found])
    covariance = np.mean([one.covariance for one in found], axis=0) / 4 ** 2
    nees = np.einsum('ni,ij,nj->n', off, np.linalg.inv(covariance), off)
    assert nees.mean() == pytest.approx(6, abs=0.8)
    assert np.allclose(np.sqrt(np.diag(covariance)), off.std(axis=0), rtol=0.15)


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
