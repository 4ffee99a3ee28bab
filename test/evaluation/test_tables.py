"""Numbers and tables: three digits, units that fit, one unit a column."""

from __future__ import annotations

import numpy as np
from posenet_ros.evaluation.report.build import build_report, Evaluation, frame_statistics
from posenet_ros.evaluation.report.error_tables import error_rows, method_rows, recall_rows
from posenet_ros.evaluation.report.sections import summary_sentences, tables
from posenet_ros.evaluation.report.tables import (
    length,
    length_unit,
    markdown_table,
    number,
    text_table,
)
from posenet_ros.evaluation.results import FrameResult, FrameTable
from posenet_ros.geometry.pose import Pose
import pytest


def frames(*errors_m: float, landmarks: int = 0) -> list[FrameResult]:
    return [FrameResult(f'{i}', i + 1, Pose(), Pose(np.array([error, 0, 0])), sequence=f'{i % 2}',
                        landmarks=landmarks) for i, error in enumerate(errors_m)]


@pytest.mark.parametrize(('value', 'text'), [
    (2.2592, '2.26'), (0.0123, '0.0123'), (12.345, '12.3'), (123.4, '123'), (12345.6, '12346'),
    (0.0, '0.00'), (None, '-')])
def test_numbers_have_three_digits(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(('value_m', 'text'), [
    (0.00682, '6.82 mm'), (0.0999, '99.9 mm'), (0.1, '0.100 m'), (5.51, '5.51 m'),
    (-0.02, '-20.0 mm'), (0.0, '0.00 mm'), (None, '-')])
def test_a_length_has_the_unit_that_fits_it(value_m: float | None, text: str) -> None:
    assert length(value_m) == text


@pytest.mark.parametrize(('value_m', 'text'), [
    (0.0004, '0.4 mm'), (0.0068, '7 mm'), (0.0994, '99 mm'), (0.1, '0.10 m'), (5.514, '5.51 m'),
    (None, '-')])
def test_a_length_of_a_summary_is_rounded(value_m: float | None, text: str) -> None:
    assert length(value_m, rounded=True) == text


def test_lengths_that_are_compared_have_the_unit_of_the_smallest() -> None:
    assert length_unit([5.5, 0.007, None, np.inf]).number(5.5) == '5500'
    assert length_unit([5.5, 0.7]).name == 'm'
    assert length_unit([None]).name == 'm'


def test_tables_as_text() -> None:
    rows = [('what', 'm'), ('estimate', '1.00')]
    assert text_table(rows) == 'what         m\n--------------\nestimate  1.00'
    assert markdown_table(rows) == '| what | m |\n| --- | ---: |\n| estimate | 1.00 |'


def test_the_error_table_has_the_statistics_in_one_unit() -> None:
    head, metres, degrees = error_rows(
        [('one', frame_statistics(FrameTable.from_frames(frames(0.01, 0.02, 0.06))))])
    assert head[1:] == ('median', 'mean', 'rmse', 'std', 'p75', 'p90', 'p95', 'max')
    assert (metres[0], degrees[0]) == ('translation (mm)', 'rotation (deg)')
    assert list(metres[1:5]) == ['20.0', '30.0', '37.0', '21.6']
    assert metres[-1] == '60.0'


def test_a_method_beside_is_a_row_in_the_same_unit() -> None:
    alone = Evaluation(frames(0.9, 1.1))
    refined = Evaluation(frames(0.005, 0.007, landmarks=40), beside={'network alone': alone})
    report = build_report(refined)
    of_methods = [(name, one.statistics) for name, one in refined.methods.items()]
    rows = method_rows(report, of_methods)
    assert list(rows[0]) == ['median error', 'translation (mm)', 'rotation (deg)']
    assert [tuple(row[:2]) for row in rows[1:3]] == [
        ('refined by landmarks', '6.00'), ('network alone', '1000')]
    assert [row[:2] for row in tables(report, refined)[1][1:3]] == [
        ('translation (mm), refined by landmarks', '6.00'),
        ('translation (mm), network alone', '1000')]
    assert 'network alone: 1.00 m' in summary_sentences(report, refined)


def test_a_method_has_the_name_that_it_is_given() -> None:
    assert Evaluation(frames(1)).name == 'estimate'
    assert Evaluation(frames(1, landmarks=9), method='live node').name == 'live node'


def test_sequences_are_in_the_unit_of_the_best() -> None:
    rows = recall_rows(build_report(Evaluation(frames(0.02, 2.0, 0.02, 2.0))))
    assert rows[0][4] == 'median (mm)'
    assert [row[4] for row in rows[2:]] == ['20.0', '2000']


def test_the_summary_says_how_many_were_answered_accepted_and_refined() -> None:
    some = [*frames(0.02, 0.02, landmarks=30), *frames(0.5), FrameResult('none', 9, Pose())]
    evaluation = Evaluation(some)
    assert summary_sentences(build_report(evaluation), evaluation) == (
        'Of 4 images, 3 were answered and 3 accepted; 2 poses are refined by landmarks. Half of '
        'the accepted poses are within 20.0 mm and 0.00 deg of the truth, 95 % within 0.452 m; '
        '0 are false, off by more than 1 m or 10 deg.')
    nothing = Evaluation(some[-1:])
    assert 'no accepted estimate' in summary_sentences(build_report(nothing), nothing)
