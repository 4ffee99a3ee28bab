"""Comparison of reports: paired differences and their p-values."""

from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path
import re

import numpy as np
from posenet_ros import evaluate
from posenet_ros.errors import InputError
from posenet_ros.evaluation.metrics.pose_errors import ByUnit
from posenet_ros.evaluation.metrics.resampling import signed_rank_p_value
from posenet_ros.evaluation.report import comparison as compare
from posenet_ros.evaluation.report import folder as report_files
from posenet_ros.evaluation.report.build import build_report, Evaluation
from posenet_ros.evaluation.report.comparison import differences, pair, read_report
from posenet_ros.evaluation.report.error_tables import error_rows
from posenet_ros.evaluation.report.folder import write_report
from posenet_ros.evaluation.results import FrameResult
from posenet_ros.geometry.pose import Pose
from posenet_ros.utils.arguments import run_cli
import pytest

COUNT = 60


def make(folder: Path, errors_m: np.ndarray) -> Path:
    """Write the report of frames with these errors; infinite ones were not answered."""
    frames = [FrameResult(
        f'{i}.png', i + 1, Pose(),
        Pose(np.array([error, 0, 0])) if np.isfinite(error) else None)
        for i, error in enumerate(errors_m)]
    evaluation = Evaluation(frames)
    write_report(folder, build_report(evaluation), evaluation)
    return folder


@pytest.fixture(autouse=True)
def _no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_files, 'html_page', lambda *arguments: '<html>')


def test_failures_count_in_differences() -> None:
    result = differences(np.array([1, np.inf, 1, np.inf, 5]),
                         np.array([3, 1, np.inf, np.inf, 5 + 1e-8]))
    np.testing.assert_array_equal(result, [2, -np.inf, np.inf, 0, 0])


def test_p_value_is_large_without_a_difference() -> None:
    assert signed_rank_p_value(np.zeros(50)) == 1
    assert signed_rank_p_value(np.array([])) == 1
    rng = np.random.default_rng(0)
    values = [signed_rank_p_value(rng.normal(size=200), seed) for seed in range(40)]
    assert np.mean(np.array(values) < 0.05) < 0.2
    assert 0.3 < np.mean(values) < 0.7


def test_p_value_is_small_where_one_is_better() -> None:
    rng = np.random.default_rng(1)
    assert signed_rank_p_value(rng.normal(0.5, 1, 200)) < 0.001
    assert signed_rank_p_value(-rng.normal(0.5, 1, 200)) < 0.001


def test_one_bad_stretch_of_a_walk_is_no_proof() -> None:
    difference = np.random.default_rng(2).normal(0, 1, 1000)
    difference[100:110] = np.inf
    assert signed_rank_p_value(difference) > 0.01


def test_reports_are_compared_frame_by_frame(tmp_path: Path) -> None:
    errors = np.random.default_rng(3).uniform(1, 3, COUNT)
    worse = errors + 0.5
    worse[:3] = np.inf
    a, b = (read_report(make(tmp_path / name, e)) for name, e in (('a', errors), ('b', worse)))
    result = pair(a, b)
    assert result['frames'] == COUNT
    assert result['translation_m']['median_difference'] == pytest.approx(0.5)
    assert result['translation_m']['second_better'] == 0
    assert result['translation_m']['p_value'] < 0.001
    assert pair(b, a)['translation_m']['second_better'] == 1


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    errors = np.random.default_rng(4).uniform(1, 3, COUNT)
    folders = [make(tmp_path / name, errors * factor) for name, factor in
               (('base', 1.0), ('half', 0.5), ('double', 2.0))]
    assert evaluate.main(['compare', *map(str, folders), '--published', 'KingsCollege',
                          '--out', str(tmp_path / 'out')]) == 0
    printed = capsys.readouterr().out
    assert 'half against base' in printed
    assert 'double against base' in printed
    assert 'published: PoseNet (2015)' in printed
    content = json.loads((tmp_path / 'out' / 'compare.json').read_text())
    assert set(content['reports']) == {'base', 'half', 'double'}
    assert [p['translation_m']['second_better'] for p in content['pairs']] == [1, 0]
    page = (tmp_path / 'out' / 'compare.html').read_text()
    assert page.count('<svg') == 2
    assert 'double against base' in page
    assert '| half |' in (tmp_path / 'out' / 'compare.md').read_text()


def test_reports_without_a_common_frame(tmp_path: Path) -> None:
    a, b = (read_report(make(tmp_path / name, np.ones(3))) for name in 'ab')
    with pytest.raises(InputError, match='none with the same name'):
        pair(a, replace(b, errors={'other': (1.0, 1.0)}))


@pytest.mark.parametrize(('name', 'text', 'why'), [
    ('report.json', None, 'is missing'), ('frames.csv', None, 'is missing'),
    ('report.json', '{"frames": 3, "recall": {}, "translation_m": null, "rotation_deg": null}',
     'report.json: frames has to hold a mapping'),
    ('report.json', json.dumps({'frames': {
        'total': 1, 'estimated': 1, 'accepted': 1, 'dropped': 0}, 'recall': {}}),
     "report.json: the key 'translation_m' is missing"),
    ('report.json', '{', 'report.json is damaged'),
    ('report.json', '{}', "key 'frames' is missing"),
    ('report.json', json.dumps({'frames': {
        'total': 1, 'estimated': 1, 'accepted': 1, 'dropped': 0}, 'recall': {'1m': 0.5},
        'translation_m': None, 'rotation_deg': None}), 'recall has to hold 0.25m_2deg'),
    ('frames.csv', 'name\nx\n', "no column 'sequence'")])
def test_damaged_report_is_refused(
        tmp_path: Path, capsys: pytest.CaptureFixture, name: str, text: str | None,
        why: str) -> None:
    folder = make(tmp_path / 'a', np.ones(3))
    (folder / name).unlink()
    if text is not None:
        (folder / name).write_text(text)
    assert run_cli(lambda: evaluate.main(['compare', str(folder)])) == 2
    assert why in capsys.readouterr().err


def test_a_report_of_an_earlier_version_is_compared(tmp_path: Path) -> None:
    folder = make(tmp_path / 'a', np.arange(1.0, 4.0))
    report = json.loads((folder / 'report.json').read_text())
    for key in ('relations', 'sparsification', 'out_of_place', 'false_poses', 'image_faults'):
        del report[key]
    for key in ('rmse', 'std', 'min', 'sse'):
        del report['translation_m'][key]
    (folder / 'report.json').write_text(json.dumps(report))
    found = read_report(folder)
    assert found.statistics.medians == ByUnit(2.0, 0.0)
    assert (found.statistics.frames.total, found.statistics.translation_m.largest) == (3, 3.0)
    assert found.statistics.translation_m.rmse is None
    assert found.content == report


def test_error_statistics_are_compared_where_they_are_known(
        tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    old, new = (make(tmp_path / name, np.array([0.03, 0.04])) for name in ('old', 'new'))
    content = json.loads((old / 'report.json').read_text())
    del content['translation_m']['rmse']
    (old / 'report.json').write_text(json.dumps(content))
    assert evaluate.main(['compare', str(new), str(old), '--published', 'KingsCollege']) == 0
    rows = [re.split('  +', line) for line in capsys.readouterr().out.splitlines()]
    cells = {row[0]: row[1:] for row in rows[::-1]}  # the first of a name
    assert cells['translation (mm), new'][:4] == ['35.0', '35.0', '35.4', '5.00']
    assert cells['translation (mm), old'][:4] == ['35.0', '35.0', '-', '5.00']
    assert cells['published: PoseNet (2015)'][0] == '1920'  # in the unit of its column


def test_reports_of_one_name_have_a_row_each(tmp_path: Path) -> None:
    both = [read_report(make(tmp_path / name / 'report', np.array([error])))
            for name, error in (('a', 1.0), ('b', 2.0))]
    rows = error_rows([(report.name, report.statistics) for report in both])
    assert [row[1] for row in rows if row[0] == 'translation (m), report'] == ['1.00', '2.00']


def test_published_rows_have_a_source() -> None:
    for rows in json.loads(compare.PUBLISHED.read_text()).values():
        for row in rows:
            assert set(row) == {'method', 'translation_m', 'rotation_deg', 'year', 'source'}
