"""Evidence, the grid of points, and when poses are of one place."""

from __future__ import annotations

import math

import numpy as np
from posenet_ros.landmarks.options import DecisionOptions, VerificationOptions
from posenet_ros.landmarks.pnp.matrix_pose import MatrixPose, rotation_of_vector
from posenet_ros.landmarks.verification.evidence import evidence, log10_binomial_tail
from posenet_ros.landmarks.verification.place_radius import PlaceRadius
from posenet_ros.landmarks.verification.point_grid import PointGrid
import pytest

OPTIONS = VerificationOptions()


@pytest.mark.parametrize(('successes', 'trials', 'probability'), [
    (3, 10, 0.2), (10, 10, 0.5), (1, 40, 0.01), (0, 5, 0.3), (25, 60, 0.02)])
def test_the_tail_is_the_sum_of_the_binomial(
        successes: int, trials: int, probability: float) -> None:
    exact = sum(math.comb(trials, k) * probability ** k * (1 - probability) ** (trials - k)
                for k in range(successes, trials + 1))
    assert log10_binomial_tail(successes, trials, probability) == pytest.approx(
        math.log10(exact), abs=1e-9)


def test_a_tail_of_very_many_trials_is_finite() -> None:
    assert log10_binomial_tail(3000, 6000, 0.01) < -1000


def votes(agree: int, others: int, off_px: float = 1.5) -> float:
    """Return the evidence of votes in cells of their own, of which some agree."""
    residuals = np.r_[np.full(agree, off_px), np.full(others, 100.0)]
    return evidence(np.arange(len(residuals)), residuals, 0.01, OPTIONS)


def test_evidence_grows_with_votes_that_agree_and_falls_with_others() -> None:
    assert votes(20, 30) > votes(19, 30) > votes(19, 60) > 0
    assert votes(20, 30, 1.5) > votes(20, 30, 3.5), 'nearer is less likely by chance'
    assert votes(4, 30) == 0, 'as many numbers were fitted'
    assert votes(0, 30) == 0


def test_evidence_is_that_of_its_definition() -> None:
    tail = log10_binomial_tail(20 - 4, 50 - 4, 0.01 * 1.5 ** 2 / 16)
    assert votes(20, 30, 1.5) == pytest.approx(-tail - math.log10(6))


def test_votes_in_one_cell_count_once() -> None:
    cells, residuals = np.repeat(np.arange(10), 5), np.ones(50)
    assert evidence(cells, residuals, 0.01, OPTIONS) == pytest.approx(
        evidence(np.arange(10), residuals[:10], 0.01, OPTIONS))


@pytest.mark.parametrize('far', [0.0, 1e7])
def test_the_grid_finds_all_pairs_within_the_radius(far: float) -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-50, 400, (300, 2)).astype(np.float32)
    others = rng.uniform(-80, 430, (200, 2)).astype(np.float32)
    points[:3] += np.float32(far)
    grid = PointGrid(points, 10.0)
    for radius in (10.0, 4.0):
        first, second, squares = grid.pairs(others, radius)
        distances = np.linalg.norm(others[:, None] - points, axis=2)
        wanted = np.argwhere(distances <= radius).tolist()
        assert len(wanted) > 10
        assert sorted(map(list, zip(first.tolist(), second.tolist(), strict=True))) == wanted
        assert np.allclose(np.sqrt(squares), distances[first, second], atol=1e-2)


def test_a_grid_of_no_points_has_no_pairs() -> None:
    nothing = np.empty((0, 2), np.float32)
    assert len(PointGrid(nothing, 5.0).pairs(np.zeros((3, 2), np.float32), 5.0)[0]) == 0
    assert len(PointGrid(np.zeros((3, 2), np.float32), 5.0).pairs(nothing, 5.0)[0]) == 0


def test_a_place_is_a_metre_and_ten_degrees_or_a_part_of_the_depth() -> None:
    options = DecisionOptions()
    here = MatrixPose(np.eye(3), np.zeros(3))

    def same(radius: PlaceRadius, metres: float, degrees: float) -> bool:
        turn = rotation_of_vector(0, math.radians(degrees), 0)
        return radius.same(here, MatrixPose(turn, np.array([metres, 0, 0])))

    metric = PlaceRadius.of_map(True, 40.0, options)
    assert same(metric, 0.99, 9.9)
    assert not same(metric, 1.01, 0)
    assert not same(metric, 0, 10.1)
    unscaled = PlaceRadius.of_map(False, 40.0, options)
    assert same(unscaled, 1.99, 9.9)
    assert not same(unscaled, 2.01, 0)
