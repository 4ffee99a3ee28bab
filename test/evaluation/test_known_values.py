"""Metrics of a few numbers, by values that are computed by hand."""

from __future__ import annotations

import math

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.metrics.coverage import (
    EXPECTED,
    normalised_squared_errors,
    pose_coverage,
)
from posenet_ros.evaluation.metrics.largest_errors import WorstFrames
from posenet_ros.evaluation.metrics.proportions import upper_bound
from posenet_ros.evaluation.metrics.ranks import auroc, rank_correlation
from posenet_ros.evaluation.metrics.resampling import (
    block_bootstrap,
    block_length,
    mean_intervals,
    median_interval,
    signed_rank_p_value,
)
from posenet_ros.evaluation.metrics.sparsification import KEPT_FRACTIONS, sparsification
from posenet_ros.evaluation.metrics.trajectory_errors import (
    align,
    Alignment,
    DistanceUnit,
    Path,
    pose_pairs,
    RelativeOptions,
)
from posenet_ros.evaluation.results import FrameResult
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.gate import Verdict
import pytest


@pytest.mark.parametrize(('events', 'trials', 'confidence', 'expected'), [
    (0, 100, 0.95, 1 - 0.05 ** (1 / 100)), (0, 10, 0.99, 1 - 0.01 ** (1 / 10)),
    (9, 10, 0.95, 0.95 ** (1 / 10)), (10, 10, 0.95, 1.0), (12, 10, 0.95, 1.0),
    (1, 2, 0.75, math.sqrt(0.75)),  # 1 - p^2 = 0.25
    (2, 4, 0.5, 0.6142724)])  # the median of Beta(3, 2)
def test_the_bound_of_a_proportion(
        events: int, trials: int, confidence: float, expected: float) -> None:
    assert upper_bound(events, trials, confidence) == pytest.approx(expected, abs=1e-7)


def test_the_bound_is_of_95_percent_unless_another_is_asked_for() -> None:
    assert upper_bound(3, 50) == upper_bound(3, 50, 0.95) != upper_bound(3, 50, 0.9)


def test_rank_correlation_and_area_under_the_curve() -> None:
    values = np.array([1.0, 2, 3, 4])
    assert rank_correlation(values, values ** 3) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)
    assert rank_correlation(values, np.array([2.0, 1, 4, 3])) == pytest.approx(0.6)
    assert rank_correlation(values, np.ones(4)) == rank_correlation(np.ones(4), values) == 0
    assert auroc([1, 2], [3, 4]) == 1
    assert auroc([3, 4], [1, 2, 0]) == 0
    assert auroc([1, 2, 3], [2]) == 0.5
    assert auroc([1, 2, 3, 4], [2.5, 9, 9]) == pytest.approx(10 / 12)


@pytest.mark.parametrize(('count', 'length'), [(0, 1), (1, 1), (27, 3), (100, 5), (1000, 10)])
def test_blocks_are_as_long_as_the_cube_root(count: int, length: int) -> None:
    assert block_length(count) == length


@pytest.mark.parametrize('count', [1, 7, 27, 100])
def test_a_resample_is_of_whole_blocks_in_a_circle(count: int) -> None:
    block = block_length(count)
    samples = list(block_bootstrap(count, 40, 5))
    assert len(samples) == 40
    assert not all(np.array_equal(samples[0], sample) for sample in samples) or count == 1
    seen: set[int] = set()
    for sample in samples:
        assert sample.shape == (count,)
        steps = np.diff(sample) % count
        inside = np.arange(1, count) % block != 0  # the steps within a block
        assert (steps[inside] == 1 % count).all()
        seen |= set(sample.tolist())
    assert seen == set(range(count))
    assert len(list(block_bootstrap(count))) == 1000


def test_intervals_are_the_percentiles_of_the_resamples() -> None:
    values = np.random.default_rng(0).normal(size=(50, 2))
    means = np.array([values[index].mean(axis=0) for index in block_bootstrap(50)])
    np.testing.assert_allclose(mean_intervals(values), np.percentile(means, (2.5, 97.5), 0).T)
    medians = [np.median(values[index, 0]) for index in block_bootstrap(50, 100, 7)]
    assert median_interval(values[:, 0], 100, 7) == np.percentile(medians, (2.5, 97.5)).tolist()


def test_a_p_value_is_of_flipped_blocks() -> None:
    assert signed_rank_p_value(np.zeros(5)) == 1
    assert signed_rank_p_value(np.array([0.0, 3.0, 0.0])) == 1  # one block: both signs as extreme
    assert signed_rank_p_value(np.ones(2000)) == 1 / 10001  # 154 blocks: no draw is as extreme
    # blocks of 2 whose rank sums are 3, 7 and -11: 2 * 3 of the 8 flips are as extreme as 1
    assert signed_rank_p_value(np.array([1.0, 2, 3, 4, -5, -6])) == 1
    # 1 + 2, 3 + 4 and 5 + 6: only all of one sign, 2 of 8
    assert signed_rank_p_value(np.arange(1.0, 7)) == pytest.approx(0.25, abs=0.02)
    infinite = signed_rank_p_value(np.array([1.0, 2, 3, 4, np.inf, np.inf]))
    assert infinite == signed_rank_p_value(np.arange(1.0, 7))


def test_what_is_expected_is_of_the_normal_distribution() -> None:
    for k, value in enumerate(EXPECTED.coverage.values(), 1):
        assert value == pytest.approx(math.erf(k / math.sqrt(2)), abs=5e-5)
    assert EXPECTED.nees_mean == 3  # chi squared of three degrees of freedom
    r = EXPECTED.nees_median  # of which half is below r: erf(sqrt(r/2)) - sqrt(2r/pi) exp(-r/2)
    below = math.erf(math.sqrt(r / 2)) - math.sqrt(2 * r / math.pi) * math.exp(-r / 2)
    assert below == pytest.approx(0.5, abs=1e-4)


def test_coverage_of_errors_of_known_size() -> None:
    errors = np.array([[0.5, 1.5, 2.5, 3.5, 1.0, 0.0], [-1.5, 0.5, -0.5, 0.1, -2.0, -3.0]])
    found = pose_coverage(errors, np.tile(np.eye(6), (2, 1, 1)))
    assert found.frames == 2
    assert found.translation.coverage == pytest.approx(
        {'1_sigma': 3 / 6, '2_sigma': 5 / 6, '3_sigma': 1.0})
    assert found.rotation.coverage == pytest.approx(
        {'1_sigma': 3 / 6, '2_sigma': 4 / 6, '3_sigma': 5 / 6})
    assert found.pose.coverage['1_sigma'] == pytest.approx(6 / 12)
    assert found.pose.axes is None
    assert found.translation.axes is not None
    assert found.translation.axes['y'] == {'1_sigma': 0.5, '2_sigma': 1.0, '3_sigma': 1.0}
    assert found.translation.nees_mean == pytest.approx((8.75 + 2.75) / 2)
    assert found.translation.nees_median == pytest.approx((8.75 + 2.75) / 2)
    correlated = np.array([[[2.0, 1.0], [1.0, 2.0]]])
    along = np.array([[1.0, 1.0]])
    np.testing.assert_allclose(normalised_squared_errors(along, correlated), 2 / 3)


def test_sparsification_of_known_errors() -> None:
    errors = np.arange(1.0, 41)
    found = sparsification(errors, errors)  # in the order of the errors: an oracle
    assert found is not None
    np.testing.assert_allclose(found.kept, np.arange(1, 21) / 20)
    assert KEPT_FRACTIONS[0] == 0.05
    np.testing.assert_allclose(found.mean, (np.arange(2, 41, 2) + 1) / 2)
    np.testing.assert_allclose(found.oracle_mean, found.mean)
    np.testing.assert_allclose(found.p95, [1 + 0.95 * (n - 1) for n in range(2, 41, 2)])
    np.testing.assert_allclose(found.p95_change, found.p95 / found.p95[-1] - 1)
    assert found.ause == pytest.approx(0)
    assert (found.p95_change_interval[:-1, 0] < found.p95_change_interval[:-1, 1]).all()
    np.testing.assert_allclose(found.p95_change_interval[-1], 0)
    np.testing.assert_allclose(  # the mean length of a normal vector: sqrt(8 / (3 pi)) sigma
        found.predicted_mean, found.mean * math.sqrt(8 / (3 * math.pi)), rtol=0.02)
    assert (np.diff(found.predicted_p95) > 0).all()
    worst = sparsification(errors, -errors + 41)
    assert worst is not None
    np.testing.assert_allclose(worst.mean, (81 - np.arange(2, 41, 2)) / 2)
    gaps = (worst.mean - worst.oracle_mean) / errors.mean()
    assert worst.ause == pytest.approx(np.sum((gaps[1:] + gaps[:-1]) / 2) * 0.05)


@pytest.mark.parametrize(('errors', 'sigmas'), [
    (np.arange(1.0, 20), np.arange(1.0, 20)), (np.arange(1.0, 41), np.full(40, 2.0)),
    (np.zeros(40), np.arange(1.0, 41))])
def test_no_curve_of_few_frames_or_of_no_order(errors: np.ndarray, sigmas: np.ndarray) -> None:
    assert sparsification(errors, sigmas) is None
    assert sparsification(np.arange(1.0, 21), np.arange(1.0, 21)) is not None


def frame(error_m: float, accepted: bool = True, name: str = '') -> FrameResult:
    """Return a frame whose estimate is so far off; infinity is none."""
    estimate = None if math.isinf(error_m) else Pose(np.array([error_m, 0, 0]))
    return FrameResult(name or f'{error_m:g}', 1, Pose(), estimate,
                       verdict=Verdict.ACCEPTED if accepted else Verdict.JUMP)


def test_the_largest_errors_are_kept_and_of_equal_ones_the_first() -> None:
    worst = WorstFrames()
    assert worst.frames == []
    for error in (3.0, 1.0, 7.0, 2.0, 5.0, 4.0):
        worst.add(frame(error))
        worst.add(frame(error, accepted=False), matches=None)
    assert [kept.frame.name for kept in worst.frames] == ['7', '5', '4', '3', '7', '5']
    few = WorstFrames(accepted=2, failed=1)
    for name in 'abc':
        few.add(frame(1.0, name=name), load=lambda: np.zeros((1, 1, 3), np.uint8))
        few.add(frame(math.inf, False, name=f'no {name}'))
    assert [kept.frame.name for kept in few.frames] == ['a', 'b', 'no a']
    assert few.frames[0].load is not None
    final = WorstFrames(final=lambda one: None if one.name == '2' else frame(9.0, name=one.name))
    for error in (1.0, 2.0, 3.0):
        final.add(frame(error))
    assert [kept.frame.name for kept in final.frames] == ['1', '3']
    assert {kept.frame.error_m for kept in final.frames} == {9.0}


def pose_path(xs: list[float], degrees: list[float] | None = None) -> Path:
    """Return poses along x that are turned about z."""
    half = np.radians(degrees or [0.0] * len(xs)) / 2
    zeros = np.zeros(len(xs))
    return Path(np.column_stack([xs, zeros, zeros]),
                np.column_stack([zeros, zeros, np.sin(half), np.cos(half)]))


@pytest.mark.parametrize(('options', 'expected'), [
    (RelativeOptions(2.0), [(0, 2), (2, 4)]),
    (RelativeOptions(2.0, all_pairs=True), [(0, 2), (1, 3), (2, 4), (3, 5)]),
    (RelativeOptions(5.0, all_pairs=True), [(0, 5)]), (RelativeOptions(6.0, all_pairs=True), []),
    (RelativeOptions(2.0, DistanceUnit.METRES), [(0, 2), (2, 3), (3, 4)]),
    (RelativeOptions(2.0, DistanceUnit.METRES, True), [(0, 2), (2, 3), (3, 4)]),
    (RelativeOptions(20.0, DistanceUnit.DEGREES), [(0, 2), (2, 4)]),
    (RelativeOptions(20.0, DistanceUnit.DEGREES, True), [(0, 2), (1, 3), (2, 4), (3, 5)]),
    (RelativeOptions(np.radians(50), DistanceUnit.RADIANS, True), [(0, 5)])])
def test_pairs_of_poses_that_are_a_distance_apart(
        options: RelativeOptions, expected: list[tuple[int, int]]) -> None:
    path = pose_path([0.0, 1.0, 2.0, 4.1, 6.2, 7.0], [0.0, 10.001, 20.002, 30.003, 40.004, 50.005])
    assert pose_pairs(path, options).tolist() == [list(pair) for pair in expected]


@pytest.mark.parametrize(('off', 'found'), [(0.0999, True), (0.1001, False)])
def test_a_pair_may_be_off_by_a_tenth_of_its_distance(off: float, found: bool) -> None:
    for unit in (DistanceUnit.METRES, DistanceUnit.DEGREES):
        for sign in (1, -1):
            far = 10 * (1 + sign * off)
            path = pose_path([0.0, far], [0.0, far])
            pairs = pose_pairs(path, RelativeOptions(10.0, unit, all_pairs=True))
            assert pairs.tolist() == ([[0, 1]] if found else [])


@pytest.mark.parametrize(('delta', 'unit', 'taken'), [
    (1.0, DistanceUnit.FRAMES, True), (1.5, DistanceUnit.FRAMES, False),
    (0.0, DistanceUnit.METRES, False), (-0.5, DistanceUnit.METRES, False),
    (0.01, DistanceUnit.METRES, True), (np.inf, DistanceUnit.METRES, False),
    (np.nan, DistanceUnit.METRES, False), (180.0, DistanceUnit.DEGREES, True),
    (180.5, DistanceUnit.DEGREES, False), (np.pi, DistanceUnit.RADIANS, True),
    (3.2, DistanceUnit.RADIANS, False), (500.0, DistanceUnit.METRES, True)])
def test_the_distance_of_a_pair_is_above_nought_and_at_most_half_a_turn(
        delta: float, unit: DistanceUnit, taken: bool) -> None:
    if taken:
        assert RelativeOptions(delta, unit).delta == delta
    else:
        with pytest.raises(InputError, match=rf'Received: {delta:g} {unit.word}'):
            RelativeOptions(delta, unit)


@pytest.mark.parametrize(('width', 'taken'), [(1e-6, True), (1e-8, False)])
def test_an_alignment_needs_three_positions_that_are_not_on_a_line(
        width: float, taken: bool) -> None:
    path = pose_path([0.0, 1.0, 2.0, 3.0])
    path.positions_m[2, 1] = width
    other = pose_path([0.0, 1.0, 3.0, 2.0])
    other.positions_m[1, 2] = 0.5
    for one, two in ((path, other), (other, path)):
        if taken:
            align(one, two, Alignment.SE3)
        else:
            with pytest.raises(InputError, match='Received: 4, on a line or too few'):
                align(one, two, Alignment.SE3)
    three = Path(other.positions_m[:3], other.quats_xyzw[:3])
    assert align(three, three, Alignment.SIM3).scale == pytest.approx(1)
    with pytest.raises(InputError, match=r'--align sim3 .*Received: 2, on a line'):
        align(Path(three.positions_m[:2], three.quats_xyzw[:2]),
              Path(three.positions_m[:2], three.quats_xyzw[:2]), Alignment.SIM3)
