"""Poses with their covariances, in a filter with odometry on the demo's walk."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from helpers import ROOT
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.report.folder import write_csv
from posenet_ros.evaluation.results import FrameResult, FrameTable
from posenet_ros.geometry.estimate import diagonal_covariance, PoseEstimate
from posenet_ros.geometry.lie import so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.gate import Verdict
from posenet_ros.training import fuse
from posenet_ros.training.pipelines.fusion import (
    compare_fusions,
    Errors,
    Odometry,
    pose_errors,
    read_walks,
    run_filter,
    unfused_errors,
    WalkStep,
)
from posenet_ros.training.scene.walks import walks
from posenet_ros.utils.arguments import run_cli
import pytest

# real answers: golden/make_court_answers.py
ANSWERS = ROOT / 'test' / 'golden' / 'court_answers.csv'
FRAMES = 300
BAD = (range(60, 100), range(180, 230))  # stretches in which the camera sees little


def estimate(truth: Pose, sigma_m: float, random: np.random.Generator,
             off: float = 1.0) -> PoseEstimate:
    """Return a pose with an error as large as said, times `off`."""
    sigmas = np.array([sigma_m, sigma_m, 0.2 * sigma_m, *[0.03 * sigma_m] * 3])
    error = off * random.normal(0, sigmas)
    return PoseEstimate(
        Pose.from_rotation(so3_exp(error[3:]) @ truth.rotation,
                           truth.translation_m + error[:3]),
        diagonal_covariance(sigmas[:3].tolist(), sigmas[3:].tolist()))


def court_walk(seed: int, off: float = 1.0) -> list[WalkStep]:
    """Return the demo's test walk, its poses eight times as far off in the bad stretches."""
    random = np.random.default_rng(seed)
    walk = walks(4 * FRAMES, 0)[-1]
    truths = [walk.pose(walk.time_s(i)) for i in range(FRAMES)]
    bad = {i for stretch in BAD for i in stretch}
    return [WalkStep(truth, None if i % 17 == 0 else estimate(
        truth, 4.0 if i in bad else 0.5, random, off)) for i, truth in enumerate(truths)]


def rms(errors: Errors) -> float:
    return float(np.sqrt(np.mean(np.sum(errors.values[:, :3] ** 2, axis=1))))


@pytest.mark.parametrize('seed', range(3))
def test_the_covariance_of_each_pose_beats_one_for_all_and_odometry(seed: int) -> None:
    walk = court_walk(seed)
    errors = {name: rms(values) for name, values in compare_fusions(walk, seed).items()}
    assert errors['the covariance of each'] < 0.8 * errors['one covariance for all']
    assert errors['the covariance of each'] < 0.5 * errors['odometry alone']
    assert errors['the covariance of each'] < 0.3 * rms(unfused_errors(walk))


def test_the_networks_own_covariances_beat_one_for_all_and_odometry() -> None:
    (walk,) = read_walks(ANSWERS)
    found = {name: rms(errors) for name, errors in compare_fusions(walk).items()}
    assert found['the covariance of each'] < 0.7 * found['one covariance for all']
    assert found['the covariance of each'] < 0.2 * found['odometry alone']
    assert found['the covariance of each'] < 0.3 * rms(unfused_errors(walk))


def test_a_covariance_that_lies_is_worse() -> None:
    true, false = (rms(compare_fusions(court_walk(1, off))['the covariance of each'])
                   for off in (1.0, 4.0))
    assert false > 2 * true


def test_the_filter_knows_how_far_off_it_is() -> None:
    settings, squares = Odometry(bias=0.0), []
    for seed in range(4):
        walk, random = court_walk(seed), np.random.default_rng(seed + 10)
        steps = [settings.step(a.truth, b.truth, random)
                 for a, b in pairwise(walk)]
        # without a bias the steps are twice as good as the filter is told
        steps = [PoseEstimate(s.map_from_camera, s.covariance / 4) for s in steps]
        states = run_filter(walk, steps, lambda e: e.covariance)
        squares.append(pose_errors(states, [step.truth for step in walk]).nees)
        assert unfused_errors(walk).nees.mean() == pytest.approx(6, abs=1)
    assert 4.5 < np.mean(squares) < 8.0  # chi squared of 6 degrees of freedom has the mean 6


def test_the_poses_of_a_report(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    frames = [FrameResult(
        f'{i}', i + 1, step.truth, step.estimate.map_from_camera if step.estimate else None,
        step.estimate.covariance if step.estimate else None, Verdict.ACCEPTED, sequence='walk')
        for i, step in enumerate(court_walk(0))]
    write_csv(tmp_path / 'frames.csv', FrameTable.from_frames(frames))
    assert run_cli(lambda: fuse.main(['--frames', str(tmp_path / 'frames.csv')])) == 0
    lines = capsys.readouterr().out.splitlines()
    rms_of = {line[:24].strip(): float(line.split()[-4]) for line in lines[2:]}
    expected = rms(compare_fusions(court_walk(0))['the covariance of each'])
    assert rms_of['the covariance of each'] == pytest.approx(expected, rel=0.01)
    assert len(rms_of) == 4


def test_a_report_without_covariances_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'frames.csv').write_text(
        'name,sequence,stamp_ns,outcome,true_x,x\na,seq1,1,accepted,0,0\n')
    with pytest.raises(InputError, match='sigma_x_m'):
        list(read_walks(tmp_path / 'frames.csv'))
    with pytest.raises(InputError, match='accepted poses'):
        compare_fusions([WalkStep(Pose(), None)] * 5)


def test_columns_of_earlier_reports_are_read(tmp_path: Path) -> None:
    (walk,) = read_walks(ANSWERS)
    text, column = ANSWERS.read_text(), 'sigma_{}_deg'
    for axis, old in zip('xyz', ('roll', 'pitch', 'yaw'), strict=True):
        assert column.format(old) in text
        text = text.replace(column.format(old), column.format(f'about_{axis}'))
    (tmp_path / 'frames.csv').write_text(text)
    (renamed,) = read_walks(tmp_path / 'frames.csv')
    for step, same in zip(walk, renamed, strict=True):
        assert (step.estimate is None) == (same.estimate is None)
        if step.estimate is not None and same.estimate is not None:
            np.testing.assert_array_equal(step.estimate.covariance, same.estimate.covariance)
            variances = np.diag(step.estimate.covariance)
            assert len(set(variances)) == 6  # each column has its place
