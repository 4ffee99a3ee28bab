"""Reliability of a model's uncertainty, on cases with a known answer."""

from __future__ import annotations

from dataclasses import replace
import json

from helpers import REPORT_SCHEMA
from hypothesis import given, settings
from hypothesis import strategies as st
import jsonschema
import numpy as np
from posenet_ros.evaluation.metrics.pose_errors import ByUnit
from posenet_ros.evaluation.metrics.proportions import upper_bound
from posenet_ros.evaluation.metrics.ranks import auroc
from posenet_ros.evaluation.metrics.sparsification import sparsification
from posenet_ros.evaluation.reliability import (
    AmbiguousFrames,
    count_false_poses,
    separation,
)
from posenet_ros.evaluation.report.build import build_report, Evaluation
from posenet_ros.evaluation.report.page import html_page, markdown_page
from posenet_ros.evaluation.results import FrameResult, FrameTable
from posenet_ros.geometry.estimate import diagonal_covariance
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.quality import ImageFault
from posenet_ros.localisation.gate import Verdict
import pytest

RNG = np.random.default_rng(0)
SCORES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=20)


@settings(deadline=None)
@given(SCORES, SCORES)
def test_auroc_is_the_fraction_of_ordered_pairs(
        inside: list[float], outside: list[float]) -> None:
    pairs = [(b > a) + 0.5 * (b == a) for a in inside for b in outside]
    assert auroc(inside, outside) == pytest.approx(np.mean(pairs))


def test_separation_at_95_per_cent_true_positives() -> None:
    inside, outside = np.arange(100.0), np.array([50.0, 94.0, 95.5, 200.0])
    found = separation(inside, outside)
    assert np.mean(inside <= found.limit_for_95) == pytest.approx(0.96)  # the 95 %, and one
    assert found.out_of_place_at_95 == 0.5
    assert found.auroc == pytest.approx((50.5 + 94.5 + 96 + 100) / 400)


def test_sparsification_of_sigmas_proportional_to_the_errors() -> None:
    sigmas = RNG.uniform(0.1, 2, 400)
    errors = sigmas * 3
    found = sparsification(errors, sigmas)
    assert found.ause == pytest.approx(0)
    np.testing.assert_array_equal(found.mean, found.oracle_mean)
    assert found.mean[-1] == pytest.approx(errors.mean())
    assert found.p95[15] == pytest.approx(np.percentile(np.sort(errors)[:320], 95))


def test_sparsification_of_random_sigmas() -> None:
    errors, sigmas = RNG.exponential(size=(2, 4000))
    found = sparsification(errors, sigmas)
    # E[error] is 1 whatever is kept; of an exponential's smallest fraction q the mean is
    # 1 + (1 - q) ln(1 - q) / q, and its difference from 1 integrates to pi^2 / 6 - 1;
    # the curve begins at a twentieth, where the difference is 0.975
    assert found.ause == pytest.approx(np.pi ** 2 / 6 - 1 - 0.05 * 0.9875, abs=0.04)
    wrong = sparsification(errors, -errors + errors.max() + 1)
    assert wrong.ause > found.ause > 0


@pytest.mark.parametrize('times', [1.0, 2.0])
def test_errors_as_predicted_have_the_predicted_curves(times: float) -> None:
    sigmas = RNG.uniform(0.5, 1.5, 4000)
    errors = sigmas * times * np.linalg.norm(RNG.normal(size=(4000, 3)), axis=1) / np.sqrt(3)
    found = sparsification(errors, sigmas)
    for curve, predicted in ((found.mean, found.predicted_mean), (found.p95, found.predicted_p95)):
        # fractions from 40 %: 1600 errors
        assert np.allclose(curve[7:], times * predicted[7:], rtol=0.06)
    assert 0.8 < found.predicted_p95[15] / found.predicted_p95[-1] < 0.95


def test_the_interval_of_the_change_in_the_p95_holds_the_true_one() -> None:
    sigmas = np.repeat([0.5, 1.0], [3200, 800])  # the most certain 80 %, and the rest
    RNG.shuffle(sigmas)
    errors = sigmas * np.linalg.norm(RNG.normal(size=(40, 4000, 3)), axis=2) / np.sqrt(3)
    true = np.percentile(errors[:, sigmas < 1], 95) / np.percentile(errors, 95) - 1
    found = [sparsification(some[:200], sigmas[:200]) for some in errors]
    index = found[0].kept.tolist().index(0.8)
    low, high = np.array([one.p95_change_interval[index] for one in found]).T
    assert 0.8 < np.mean((low <= true) & (true <= high)) <= 1
    assert -1 < low.mean() < true < high.mean() < 0.05
    assert found[0].p95_change[index] == pytest.approx(
        found[0].p95[index] / found[0].p95[-1] - 1)


def test_no_order_no_sparsification() -> None:
    assert sparsification(RNG.exponential(size=100), np.full(100, 0.5)) is None
    assert sparsification(np.zeros(100), RNG.exponential(size=100)) is None


def walk(count: int = 400) -> list[FrameResult]:
    """Make frames whose errors are as predicted in x, twice that in y and half in z."""
    frames = []
    for i in range(count):
        sigma = 0.05 * (1 + i % 10)
        error = RNG.normal(0, sigma, 3) * (1, 2, 0.5)
        covariance = diagonal_covariance([sigma] * 3, [0.01 * (1 + i % 3)] * 3)
        frames.append(FrameResult(
            f'{i}', i + 1, Pose(np.array([i, 0, 0])), Pose(np.array([i, 0, 0]) + error),
            covariance, Verdict.ACCEPTED, place_score=float(RNG.uniform(0, 1))))
    return frames


def out_of_place() -> list[FrameResult]:
    """Make frames of two other places, of which one resembles the trained one."""
    return [FrameResult(f'{i}', i + 1, Pose(), Pose(), diagonal_covariance([5] * 3, [0.1] * 3),
                        Verdict.OUT_OF_PLACE if i % 2 else Verdict.ACCEPTED,
                        sequence='near' if i < 10 else 'far',
                        place_score=0.5 if i < 10 else 9.0) for i in range(30)]


def test_report_of_a_walk_and_of_other_places() -> None:
    frames = walk()
    frames[0] = replace(frames[0], estimate=Pose(np.array([9.0, 0, 0])))
    frames[1] = replace(frames[1], estimate=Pose(np.array([9.0, 0, 0])), verdict=Verdict.FROZEN,
                        fault=ImageFault.FROZEN)
    report = build_report(Evaluation(frames, out_of_place=out_of_place()))
    axes = report.calibration.translation.axes
    for axis, fraction in (('x', 0.683), ('y', 0.383), ('z', 0.954)):
        assert axes[axis]['1_sigma'] == pytest.approx(fraction, abs=0.08)
    found = report.false_poses
    assert (found.limit_m, found.limit_deg, found.metric) == (1.0, 10.0, True)
    assert found.accepted == found.estimated - 1 >= 1  # the frozen one
    assert report.image_faults == {'frozen': 1}
    sparse = report.sparsification
    assert sparse.translation_m.p95[9] < 0.8 * sparse.translation_m.p95[-1]
    assert sparse.rotation_deg is None  # no rotation is off
    other = report.out_of_place
    assert (other.frames, other.accepted) == (30, 15)
    assert other.sigma_m.auroc == 1.0
    assert other.place_score.out_of_place_within_limit == pytest.approx(1 / 3)
    assert other.place_score.in_place_within_limit == 1.0
    assert other.sources['far'].place_score.auroc == 1.0
    assert other.sources['near'].accepted == 5
    schema = json.loads(REPORT_SCHEMA.read_text())
    jsonschema.validate(json.loads(json.dumps(report.to_mapping(), allow_nan=False)), schema)


def test_the_page_shows_what_is_known() -> None:
    frames = walk()
    evaluation = Evaluation(frames, out_of_place=out_of_place())
    report = build_report(evaluation)
    page = html_page(report, evaluation)
    assert page.count('<svg') == 14
    for words in ('Is the covariance calibrated?', 'Sparsification', 'NEES',
                  'by an oracle', 'Out-of-place detection', 'of other places (30)'):
        assert words in page
    table = markdown_page(report, evaluation)
    oracle = report.sparsification.translation_m.oracle_p95
    assert 'AUROC' in table
    assert f'| translation, p95 by an oracle (m) | {oracle[-1]:.3g} |' in table
    plain = Evaluation([replace(frame, covariance=None) for frame in frames])
    assert 'Is the covariance' not in html_page(build_report(plain), plain)


def test_what_is_not_known_is_null() -> None:
    frames = [FrameResult('a', 1, Pose(), Pose()), FrameResult('b', 2, Pose())]
    report = build_report(Evaluation(frames, out_of_place=[FrameResult('c', 3, Pose())]))
    assert report.sparsification is None
    assert report.calibration is None
    assert report.out_of_place.place_score is None
    assert report.out_of_place.sigma_m is None
    assert build_report(Evaluation(frames)).out_of_place is None


def turned(deg: float) -> Pose:
    half = np.radians(deg) / 2
    return Pose(np.zeros(3), np.array([0, 0, np.sin(half), np.cos(half)]))


def test_a_false_pose_is_one_beyond_either_limit() -> None:
    frames = [FrameResult('near', 1, Pose(), Pose(np.array([0.9, 0, 0]))),
              FrameResult('far', 2, Pose(), Pose(np.array([1.1, 0, 0]))),
              FrameResult('turned', 3, Pose(), turned(11)),
              FrameResult('a little', 4, Pose(), turned(9)),
              FrameResult('withheld', 5, Pose(), turned(99), verdict=Verdict.JUMP),
              FrameResult('none', 6, Pose())]
    found = count_false_poses(FrameTable.from_frames(frames))
    assert (found.estimated, found.accepted) == (3, 2)
    assert found.per_1000 == pytest.approx(1000 * 2 / 6)
    assert (found.sigma_m, found.sigma_deg, found.beyond_3_sigma) == (None, None, 0)
    wide = count_false_poses(FrameTable.from_frames(frames), ByUnit(2.0, 95.0), metric=False)
    assert (wide.estimated, wide.accepted, wide.metric) == (1, 0, False)


def test_false_poses_count_estimates_only() -> None:
    found = count_false_poses(FrameTable.from_frames([FrameResult('a', 1, Pose())]))
    assert (found.estimated, found.accepted, found.per_1000) == (0, 0, 0.0)


def test_what_false_poses_claimed() -> None:
    """Their sigmas are roots of the traces; three of them hold an error, or they do not."""
    frames = [FrameResult(str(i), i + 1, Pose(), Pose(np.array([2.0, 0, 0])),
                          diagonal_covariance([sigma] * 3, [0.01] * 3))
              for i, sigma in enumerate((0.01, 0.25, 1.0))]
    good = FrameResult('good', 9, Pose(), Pose(), diagonal_covariance([7] * 3, [0.01] * 3))
    found = count_false_poses(FrameTable.from_frames([*frames, good]))
    assert found.sigma_m.smallest == pytest.approx(0.01 * 3 ** 0.5)
    assert found.sigma_m.median == pytest.approx(0.25 * 3 ** 0.5)
    assert found.sigma_m.largest == pytest.approx(3 ** 0.5)
    assert found.sigma_deg.largest == pytest.approx(np.degrees(0.01 * 3 ** 0.5))
    assert found.beyond_3_sigma == 2  # of 3 x 1.7 m the last is no surprise


@pytest.mark.parametrize(('events', 'trials', 'expected'), [
    (0, 3000, 0.000998), (0, 1, 0.95), (1, 100, 0.0466), (20, 105, 0.26462), (3, 3, 1.0)])
def test_the_upper_bound_of_a_rate(events: int, trials: int, expected: float) -> None:
    """As by the quantile of a beta distribution: scipy.stats.beta.ppf(0.95, k + 1, n - k)."""
    assert upper_bound(events, trials) == pytest.approx(expected, abs=1e-4)


def test_ambiguous_frames_and_those_that_name_the_truth() -> None:
    here, there = Pose(), Pose(np.array([5.0, 0, 0]))
    frames = [FrameResult('named', 1, here, there, verdict=Verdict.AMBIGUOUS,
                          ambiguous=(there, Pose(np.array([0.5, 0, 0])))),
              FrameResult('not named', 2, here, there, verdict=Verdict.AMBIGUOUS,
                          ambiguous=(there, turned(30))),
              FrameResult('not known', 3, here, there, verdict=Verdict.AMBIGUOUS),
              FrameResult('accepted', 4, here, here, verdict=Verdict.ACCEPTED,
                          ambiguous=(here, there))]
    evaluation = Evaluation(frames, data={'scale': 'not known'})
    report = build_report(evaluation)
    assert report.ambiguous == AmbiguousFrames(3, 2, 0.5)
    assert report.false_poses.accepted == 0
    assert report.outcomes == {'ambiguous': 3, 'accepted': 1}
    page = markdown_page(report, evaluation)
    assert '| the image fits several places | 3 | 75.0 % | 50.0 % |' in page
    assert 'units (no scale)' in page
    assert 'the map has no scale' in page
    jsonschema.validate(json.loads(json.dumps(report.to_mapping(), allow_nan=False)),
                        json.loads(REPORT_SCHEMA.read_text()))
    assert build_report(Evaluation([frames[3]])).ambiguous == AmbiguousFrames(0, 0, None)
