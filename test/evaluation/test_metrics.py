"""Metrics on cases with a known answer, and their properties."""

from __future__ import annotations

from helpers import unit_quaternions
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.evaluation.baselines import (
    constant_pose,
    errors_of_training_poses,
    nearest_images,
    nearest_positions,
)
from posenet_ros.evaluation.metrics.coverage import (
    ComponentCoverage,
    pose_coverage,
    pose_differences,
)
from posenet_ros.evaluation.metrics.pose_errors import (
    ErrorStatistics,
    recall,
    rotation_errors_deg,
    translation_errors_m,
)
from posenet_ros.evaluation.metrics.ranks import ranks
from posenet_ros.evaluation.metrics.resampling import median_interval
from posenet_ros.geometry.pose import xyzw_from_wxyz
from posenet_ros.inference.train_index import TrainIndex
import pytest
from transforms3d.quaternions import axangle2quat

IDENTITY = np.array([0.0, 0, 0, 1])


def turned(angle_deg: float, axis: tuple[float, float, float] = (0, 0, 1)) -> np.ndarray:
    return xyzw_from_wxyz(axangle2quat(axis, np.radians(angle_deg)))


def test_translation_error_is_a_distance() -> None:
    errors = translation_errors_m([[1, 2, 3], [0, 0, 0]], [[1, 2, 3], [3, 4, 0]])
    np.testing.assert_allclose(errors, [0, 5])


@pytest.mark.parametrize('angle', [0, 1e-9, 1e-6, 0.001, 1, 90, 179.9, 180])
def test_rotation_error_keeps_its_digits_at_every_size(angle: float) -> None:
    error = rotation_errors_deg([turned(angle, (0.6, 0, 0.8))], [IDENTITY])
    np.testing.assert_allclose(error, angle, rtol=1e-6, atol=1e-12)


def test_rotation_error_is_twice_the_arc_cosine() -> None:
    # printed before February 2016 without the factor 2, this would be 45 degrees
    np.testing.assert_allclose(rotation_errors_deg([turned(90)], [IDENTITY]), 90)


@settings(deadline=None)
@given(unit_quaternions(), unit_quaternions(), unit_quaternions())
def test_rotation_error_is_a_metric(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    ab, ba = rotation_errors_deg([a], [b])[0], rotation_errors_deg([b], [a])[0]
    assert 0 <= ab <= 180 + 1e-9
    assert ab == pytest.approx(ba)
    assert rotation_errors_deg([-a], [b])[0] == pytest.approx(ab)
    assert rotation_errors_deg([3 * a], [b])[0] == pytest.approx(ab)
    dot = min(abs(float(a @ b)), 1.0)
    assert ab == pytest.approx(np.degrees(2 * np.arccos(dot)), abs=1e-5)
    assert ab <= rotation_errors_deg([a], [c])[0] + rotation_errors_deg([c], [b])[0] + 1e-9


def test_statistics_of_known_errors() -> None:
    summary = ErrorStatistics.from_errors(np.arange(101))
    assert summary == ErrorStatistics(
        50, 50, 75, 90, 95, 100, rmse=pytest.approx(3350 ** 0.5), std=pytest.approx(850 ** 0.5),
        smallest=0, sse=338350)


@pytest.mark.parametrize('errors', [[], [1, np.inf], [np.nan]])
def test_statistics_refuse_infinite_and_no_errors(errors: list[float]) -> None:
    with pytest.raises(InputError, match='at least one error'):
        ErrorStatistics.from_errors(errors)


def test_recall_counts_failures_as_infinitely_far() -> None:
    result = recall([0.1, 0.4, 3, np.inf], [1, 4, 9, np.inf])
    assert result == {'0.25m_2deg': 0.25, '0.5m_5deg': 0.5, '5m_10deg': 0.75}
    assert set(recall([], []).values()) == {0.0}


def test_recall_needs_both_limits() -> None:
    assert recall([0.1, 100], [90, 0.1])['5m_10deg'] == 0


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_interval_encloses_no_more_than_the_errors(errors: list[float]) -> None:
    low, high = median_interval(errors, resamples=50)
    assert min(errors) <= low <= high <= max(errors)


def test_interval_is_repeatable_and_covers_the_median() -> None:
    errors = np.random.default_rng(3).exponential(size=343)
    low, high = median_interval(errors)
    assert low < np.median(errors) < high
    assert high - low < 0.5
    assert median_interval(errors) == [low, high]


def test_interval_is_wider_for_correlated_neighbours() -> None:
    alone = np.random.default_rng(4).exponential(size=1000)
    alike = np.sort(alone)
    assert np.ptp(median_interval(alike)) > np.ptp(median_interval(alone))


def test_ties_get_the_mean_rank() -> None:
    np.testing.assert_array_equal(ranks(np.array([3.0, 1, 3, 7])), [2.5, 1, 2.5, 4])
    np.testing.assert_array_equal(ranks(np.array([np.inf, 1, np.inf])), [2.5, 1, 2.5])


def test_calibration_of_errors_that_are_as_predicted() -> None:
    rng = np.random.default_rng(5)
    n, sigma = 4000, np.array([0.5, 0.2, 0.1, 0.02, 0.03, 0.01])
    noise = rng.normal(size=(n, 6)) * sigma
    angles = np.linalg.norm(noise[:, 3:], axis=1)
    quats = np.array([turned(np.degrees(a), tuple(v / a)) for v, a in
                      zip(noise[:, 3:], angles, strict=True)])
    errors = pose_differences(noise[:, :3], quats, np.zeros((n, 3)), np.tile(IDENTITY, (n, 1)))
    np.testing.assert_allclose(errors, noise, atol=1e-12)
    result = pose_coverage(errors, np.tile(np.diag(sigma**2), (n, 1, 1)))
    for part in (result.pose, result.translation, result.rotation):
        for key, fraction in result.expected.coverage.items():
            assert part.coverage[key] == pytest.approx(fraction, abs=0.01)
            low, high = part.interval[key]
            assert low - 0.005 <= fraction <= high + 0.005
            assert high - low < 0.03
    for part in (result.translation, result.rotation):
        assert part.nees_mean == pytest.approx(3, abs=0.15)
        assert part.nees_median == pytest.approx(2.366, abs=0.15)
        assert set(part.axes) == set('xyz')
    assert result.pose.nees_mean == pytest.approx(6, abs=0.2)
    assert (result.expected.nees_mean, result.expected.nees_median) == (3.0, 2.366)


def of_positions(errors_m: Floats) -> ComponentCoverage:
    """Return the coverage of errors, (N, 3), of which a variance of 1 is predicted."""
    errors = np.hstack([errors_m, np.zeros_like(errors_m)])
    return pose_coverage(errors, np.tile(np.eye(6), (len(errors), 1, 1))).translation


def test_the_interval_of_the_coverage_has_the_true_one_in_95_of_100_sets() -> None:
    intervals = np.array([of_positions(np.random.default_rng(seed).normal(size=(150, 3)))
                          .interval['1_sigma'] for seed in range(60)])
    assert 0.85 <= np.mean((intervals[:, 0] <= 0.6827) & (intervals[:, 1] >= 0.6827)) <= 0.99


def test_coverage_interval_is_wider_for_correlated_neighbours() -> None:
    noise = np.random.default_rng(2).normal(size=(400, 3))
    alike = np.repeat(noise[:50], 8, axis=0)
    widths = []
    for errors in (noise, alike):
        found = of_positions(errors)
        low, high = found.interval['1_sigma']
        assert low < found.coverage['1_sigma'] < high
        widths.append(high - low)
    assert widths[1] > 1.5 * widths[0]


def train_index() -> TrainIndex:
    quats = np.array([turned(a) for a in (0, 10, 20, 90)])
    positions = np.array([[0.0, 0, 0], [1, 0, 0], [2, 1, 0], [9, 9, 9]])
    return TrainIndex(('a', 'b', 'c', 'd'), positions, quats,
                      np.array([[1, 0], [0, 2], [-1, 0], [3, 3]], np.float16))


def test_constant_pose_is_the_middle_of_the_training_poses() -> None:
    position, quat = constant_pose(train_index())
    np.testing.assert_allclose(position, [1.5, 0.5, 0])
    np.testing.assert_allclose(quat, turned(10))


def test_constant_pose_of_many_does_not_take_for_ever() -> None:
    rng = np.random.default_rng(6)
    quats = rng.normal(size=(20000, 4))
    train = TrainIndex(('x',) * 20000, rng.normal(size=(20000, 3)),
                       quats / np.linalg.norm(quats, axis=1, keepdims=True),
                       np.zeros((20000, 0), np.float16))
    assert np.abs(constant_pose(train)[0]).max() < 0.1


def test_nearest_position_and_image() -> None:
    train = train_index()
    np.testing.assert_array_equal(nearest_positions(train, [[1.1, 0, 0], [8, 8, 8]]), [1, 3])
    # similarity is by angle: the length of a descriptor says nothing
    np.testing.assert_array_equal(nearest_images(train, [[0.1, 5], [5, 4], [-9, 1]]), [1, 3, 2])
    assert nearest_images(train, np.zeros((0, 2))).size == 0
    metres, degrees = errors_of_training_poses(
        train, np.array([1, 2]), [[1, 0, 0], [2, 0, 0]], [IDENTITY, IDENTITY])
    np.testing.assert_allclose(metres, [0, 1], atol=1e-12)
    np.testing.assert_allclose(degrees, [10, 20])
