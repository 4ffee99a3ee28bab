"""The report's numbers on frames of known errors, and its files."""

from __future__ import annotations

import csv
from dataclasses import replace
import json
from pathlib import Path

from helpers import REPORT_SCHEMA, tiny_artifact
import jsonschema
import numpy as np
from posenet_ros.datasets.pose_files import read_poses
from posenet_ros.errors import InputError
from posenet_ros.evaluation.baselines import BASELINES
from posenet_ros.evaluation.correlations import motion
from posenet_ros.evaluation.report.build import build_report, Evaluation, table_coverage
from posenet_ros.evaluation.report.content import Report
from posenet_ros.evaluation.report.drawing import NOT_DRAWN
from posenet_ros.evaluation.report.figures.errors import latency_histogram
from posenet_ros.evaluation.report.figures.trajectory import up_axis
from posenet_ros.evaluation.report.folder import write_report
from posenet_ros.evaluation.report.page import html_page
from posenet_ros.evaluation.report.reliability_tables import calibration_rows
from posenet_ros.evaluation.results import FrameResult, FrameTable
from posenet_ros.geometry.estimate import diagonal_covariance
from posenet_ros.geometry.pose import Pose, xyzw_from_wxyz
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.localisation.gate import Verdict
import pytest
from transforms3d.quaternions import axangle2quat

STATISTICS = {'median', 'mean', 'p75', 'p90', 'p95', 'max', 'rmse', 'std', 'min', 'sse'}


def pose(x: float, angle_deg: float = 0.0) -> Pose:
    return Pose(np.array([x, 0, 0]),
                xyzw_from_wxyz(axangle2quat((0, 0, 1), np.radians(angle_deg))))


def walk(count: int = 20) -> list[FrameResult]:
    """Return frames of which number i is i/10 m and i degrees off, in two sequences."""
    covariance = diagonal_covariance((1, 1, 1), (0.1, 0.1, 0.1))
    return [FrameResult(
        f'seq{1 + i // 10}/{i:03}.png', (i + 1) * 10**9, pose(i), pose(1.1 * i, i), covariance,
        Verdict.ACCEPTED, sequence=f'seq{1 + i // 10}', latency_ms={'infer': i, 'total': 2.0 * i})
        for i in range(count)]


def train_index(count: int = 5) -> TrainIndex:
    return tiny_artifact(count).train


def evaluation_of(frames: list[FrameResult]) -> Evaluation:
    return Evaluation(frames, train_index(), {'name': 'tiny'}, {'name': 'walk'})


def report_of(frames: list[FrameResult]) -> dict:
    """Return the content of report.json."""
    return build_report(evaluation_of(frames)).to_mapping()


def write(folder: Path, frames: list[FrameResult], *, force: bool = False) -> Report:
    evaluation = evaluation_of(frames)
    report = build_report(evaluation)
    write_report(folder, report, evaluation, force=force)
    return report


def test_numbers_of_a_known_walk() -> None:
    report = report_of(walk())
    assert report['frames'] == {'total': 20, 'estimated': 20, 'accepted': 20, 'dropped': 0}
    assert report['translation_m']['median'] == pytest.approx(0.95)
    assert report['rotation_deg']['max'] == pytest.approx(19)
    assert report['recall'] == {'0.25m_2deg': 0.15, '0.5m_5deg': 0.3, '5m_10deg': 0.55}
    assert set(report['translation_m']) == STATISTICS
    assert report['latency_ms']['total'] == {
        'p50': pytest.approx(19), 'p95': pytest.approx(36.1), 'p99': pytest.approx(37.62)}
    assert set(report['baselines']) == set(BASELINES)
    assert report['baselines']['nearest_train_image'] is None
    assert report['calibration']['translation']['coverage']['1_sigma'] == pytest.approx(51 / 60)


def test_coverage_is_printed_with_its_confidence_interval() -> None:
    report = build_report(evaluation_of(walk()))
    rows = {row[0]: row for row in calibration_rows(report)}
    known = report.calibration.translation
    low, high = known.interval['1_sigma']
    assert 0 < low < known.coverage['1_sigma'] < high <= 1
    assert rows['translation'][1] == f'85.0 % ({100 * low:.0f} to {100 * high:.0f})'
    assert rows['expected'][1] == '68.3 %'
    assert list(rows)[1] == 'pose'


def schema() -> dict:
    return json.loads(REPORT_SCHEMA.read_text())


@pytest.mark.parametrize('frames', [
    walk(), walk(1), [FrameResult('a', 1, pose(0))],
    [FrameResult('a', 1, pose(0), pose(9), verdict=Verdict.STALE)]])
def test_report_fits_its_schema(frames: list[FrameResult]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(json.loads(json.dumps(report_of(frames), allow_nan=False)), schema())


def test_schema_can_fail() -> None:
    report = report_of(walk())
    del report['recall']['5m_10deg']
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, schema())


def test_design_keys_are_all_there() -> None:
    assert {'frames', 'translation_m', 'rotation_deg', 'recall', 'baselines', 'latency_ms',
            'calibration', 'model', 'data', 'versions'} <= set(report_of(walk()))


def test_sequences_are_scored_apart() -> None:
    sequences = report_of(walk())['sequences']
    assert sequences['seq1']['translation_m']['median'] == pytest.approx(0.45)
    assert sequences['seq2']['translation_m']['median'] == pytest.approx(1.45)


def test_dropped_and_rejected_frames_fail_in_recall_and_not_in_the_median() -> None:
    frames = walk(4)
    frames[2] = FrameResult('dropped', 3, pose(2), reasons=('bad image',))
    frames[3] = FrameResult('rejected', 4, pose(3), pose(500), verdict=Verdict.OUT_OF_BOUNDS)
    report = report_of(frames)
    assert report['frames'] == {'total': 4, 'estimated': 3, 'accepted': 2, 'dropped': 1}
    assert report['outcomes'] == {'accepted': 2, 'dropped': 1, 'out_of_bounds': 1}
    assert report['translation_m']['max'] == pytest.approx(0.1)
    assert report['recall']['5m_10deg'] == 0.5


def test_rejected_estimates_count_in_no_statistics_but_the_false_poses() -> None:
    frames = [replace(frame, covariance=diagonal_covariance((1 + i,) * 3, (0.1 + i,) * 3))
              for i, frame in enumerate(walk(30))]
    rejected = [replace(frame, name=f'{i}', verdict=Verdict.STALE, estimate=pose(i))
                for i, frame in enumerate(frames)]  # exact, but rejected
    some = build_report(evaluation_of(frames))
    report = build_report(evaluation_of([*frames, *rejected]))
    assert report.calibration.frames == 30
    assert report.calibration == some.calibration
    np.testing.assert_array_equal(
        report.sparsification.translation_m.p95, some.sparsification.translation_m.p95)
    assert report.recall == {name: value / 2 for name, value in some.recall.items()}
    assert report.confidence_95 == some.confidence_95


def test_a_covariance_without_an_estimate_has_no_coverage() -> None:
    covariance = diagonal_covariance((1, 1, 1), (0.1, 0.1, 0.1))
    table = FrameTable.from_frames([FrameResult('a', 1, pose(0), covariance=covariance)])
    assert table_coverage(table) is None


def test_statistics_without_estimates_are_null() -> None:
    report = report_of([FrameResult('a', 1, pose(0)), FrameResult('b', 2, pose(1))])
    assert report['translation_m'] is None
    assert report['confidence_95'] is None
    assert set(report['recall'].values()) == {0.0}


def test_no_frames_are_refused() -> None:
    with pytest.raises(InputError, match='at least one frame'):
        report_of([])


def test_nearest_image_baseline_is_over_the_images_that_could_be_read() -> None:
    train = train_index()
    known = Pose(train.positions_m[2] + (0.4, 0, 0), train.quats_xyzw[2])
    frames = [FrameResult('a', 1, known, nearest_image=2), FrameResult('b', 2, pose(0))]
    medians = build_report(Evaluation(frames, train)).baselines['nearest_train_image']
    assert medians.translation_m == pytest.approx(0.4)
    assert medians.rotation_deg == pytest.approx(0, abs=1e-9)


def test_files_of_a_report(tmp_path: Path) -> None:
    frames = walk()
    frames[5] = FrameResult('seq1/bad.png', 6 * 10**9, pose(5), reasons=('no "image", <sorry>',))
    report = write(tmp_path / 'report', frames)
    folder = tmp_path / 'report'
    assert sorted(p.name for p in folder.iterdir()) == [
        'estimate.tum', 'frames.csv', 'report.html', 'report.json', 'report.md', 'truth.tum']
    assert json.loads((folder / 'report.json').read_text()) == report.to_mapping()
    rows = list(csv.DictReader((folder / 'frames.csv').open()))
    assert len(rows) == 20
    assert float(rows[7]['translation_error_m']) == pytest.approx(0.7)
    assert (rows[5]['outcome'], rows[5]['x']) == ('dropped', '')
    assert (rows[5]['sigma_x_m'], rows[5]['place_score']) == ('', '')
    assert float(rows[7]['sigma_about_z_deg']) == pytest.approx(np.degrees(0.1))
    estimates, truths = (read_poses(folder / f'{n}.tum') for n in ('estimate', 'truth'))
    assert [e.stamp_ns for e in estimates] == [t.stamp_ns for t in truths]
    assert len(estimates) == 19


@pytest.mark.parametrize('frames', [
    [FrameResult('a', 1, pose(0))],
    [FrameResult('a', 1, pose(0), pose(1e7)), FrameResult('b', 2, pose(1), pose(1))]])
@pytest.mark.filterwarnings('error')
def test_page_of_few_frames(frames: list[FrameResult]) -> None:
    evaluation = evaluation_of(frames)
    page = html_page(build_report(evaluation), evaluation)
    assert '</html>' in page
    assert NOT_DRAWN not in page


def test_what_cannot_be_drawn_is_said_and_the_report_is_kept(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("'outside' is not a <valid> value")

    monkeypatch.setattr('matplotlib.figure.Figure.savefig', fail)
    write(tmp_path / 'report', walk())
    page = (tmp_path / 'report' / 'report.html').read_text()
    assert page.count(f'{NOT_DRAWN}: ') > 5
    assert '(ValueError: &#x27;outside&#x27; is not a &lt;valid&gt; value)' in page
    assert '<svg' not in page
    assert len(list((tmp_path / 'report').iterdir())) == 6


def test_report_that_exists_is_kept_unless_forced(tmp_path: Path) -> None:
    frames = walk(3)
    write(tmp_path / 'report', frames)
    (tmp_path / 'report' / 'mine').touch()
    with pytest.raises(InputError, match='--force'):
        write(tmp_path / 'report', frames)
    assert (tmp_path / 'report' / 'mine').exists()
    write(tmp_path / 'report', frames, force=True)
    assert not (tmp_path / 'report' / 'mine').exists()


def test_up_is_z_unless_another_axis_is_clearly_flatter() -> None:
    ground = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    assert up_axis(ground * (10, 10, 0.3)) == 2
    assert up_axis(ground * (10, 0.3, 10)) == 1
    assert up_axis(ground * (10, 0.8, 1)) == 2


def test_correlations_of_a_walk_whose_error_grows_with_its_speed() -> None:
    x = np.cumsum(np.arange(40.0) / 10)
    frames = [FrameResult(f'{i}', (i + 1) * 10**8, pose(x[i]), pose(x[i] + i))
              for i in range(40)]
    report = report_of(frames)['relations']
    speed = report['speed_m_s']
    assert speed['rank_correlation']['translation_m'] == pytest.approx(1)
    assert speed['bins'][0]['from'] == pytest.approx(1)
    assert speed['bins'][-1]['to'] == pytest.approx(39)
    assert [b['frames'] for b in speed['bins']] == [8, 8, 8, 8, 7]
    assert report['turning_deg_s'] is None
    assert report['sigma_m'] is None
    assert report['distance_m'] is not None
    rows = build_report(Evaluation(frames, train_index(), data={'stamps': 'rows'}))
    assert rows.correlations['speed_m_s'] is None


def test_speed_stops_at_the_end_of_a_sequence() -> None:
    speed, turning = motion(FrameTable.from_frames(walk()))
    assert np.isnan(speed[[0, 10]]).all()
    np.testing.assert_allclose(np.delete(speed, [0, 10]), 1)
    assert np.nanmax(turning) == 0


def test_correlation_with_the_predicted_sigma() -> None:
    frames = [replace(frame, covariance=diagonal_covariance((i + 1,) * 3, (1,) * 3))
              for i, frame in enumerate(walk())]
    sigma = report_of(frames)['relations']['sigma_m']
    assert sigma['rank_correlation']['translation_m'] == pytest.approx(1)
    assert sigma['bins'][0]['from'] == pytest.approx(np.sqrt(3))


def test_nothing_timed_draws_no_histogram() -> None:
    assert latency_histogram([FrameResult('a', 1, pose(0))]) is None
