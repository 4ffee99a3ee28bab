"""The sections of the report page, and its tables for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from posenet_ros.evaluation.report.build import Evaluation
from posenet_ros.evaluation.report.content import Report
from posenet_ros.evaluation.report.drawing import not_drawn
from posenet_ros.evaluation.report.error_tables import (
    correlation_rows,
    error_rows,
    latency_rows,
    method_rows,
    Methods,
    outcome_rows,
    recall_rows,
    trajectory_rows,
)
from posenet_ros.evaluation.report.figures.errors import (
    correlation_views,
    cumulative,
    error_along_path,
    latency_histogram,
)
from posenet_ros.evaluation.report.figures.reliability import (
    calibration_views,
    place_score_views,
    sparsification_views,
)
from posenet_ros.evaluation.report.figures.trajectory import error_view, path_views
from posenet_ros.evaluation.report.reliability_tables import (
    ambiguous_rows,
    calibration_rows,
    false_pose_rows,
    fault_rows,
    place_rows,
    sparsification_rows,
)
from posenet_ros.evaluation.report.tables import length, number, Row
from posenet_ros.evaluation.results import WorstFrame

Table = Sequence[Row]


@dataclass(frozen=True, eq=False)
class Section:
    """
    A section of the page; one without figures, tables and frames is left out.

    :param heading: as in the contents list.
    :param text: explains the figures.
    :param figures: SVG.
    :param tables: each a head and rows; empty ones are left out.
    :param frames: shown as cards.
    """

    heading: str
    text: str = ''
    figures: Sequence[str] = ()
    tables: Sequence[Table] = ()
    frames: Sequence[WorstFrame] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.figures or any(self.tables) or self.frames)


def _methods(evaluation: Evaluation) -> Methods:
    return [(name, one.statistics) for name, one in evaluation.methods.items()]


def tables(report: Report, evaluation: Evaluation) -> list[Table]:
    """Make the report's tables that are not empty, each a head and rows."""
    methods = _methods(evaluation)
    makers = (trajectory_rows, recall_rows, outcome_rows, correlation_rows, latency_rows,
              calibration_rows, sparsification_rows, false_pose_rows, ambiguous_rows, place_rows,
              fault_rows)
    all_tables = (method_rows(report, methods), error_rows(methods),
                  *(make(report) for make in makers))
    return [rows for rows in all_tables if rows]


def _model_name(report: Report) -> str:
    return str(report.model.get('name') or report.model.get('folder') or 'poses from a file')


def origin_line(report: Report) -> str:
    """Say which model was evaluated, on what and when."""
    return (f'Model: {_model_name(report)}. Data: {report.data.get("name", "poses")}. '
            f'Evaluated {report.data["created"]}.')


def summary_line(report: Report) -> str:
    """Summarise the evaluation in one line: the model, the counts and the date."""
    model = _model_name(report)
    frames, refined = report.frames, report.model.get('refined')
    landmarks = f' ({refined} refined by landmarks)' if refined else ''
    return (f'{model}: {frames.total} frames with truth, {frames.estimated} answered'
            f'{landmarks}, {frames.accepted} accepted, {frames.dropped} without an answer. '
            f'{report.data["created"]}')


def summary_sentences(report: Report, evaluation: Evaluation) -> str:
    """Say the result in two sentences, and that of each method beside it in one more."""
    frames, (metres, degrees) = report.frames, report.medians
    refined = sum(frame.landmarks > 0 for frame in evaluation.frames)
    counts = (f'Of {frames.total} images, {frames.estimated} were answered and '
              f'{frames.accepted} accepted'
              + (f'; {refined} poses are refined by landmarks.' if refined else '.'))
    if report.translation_m is None:
        return f'{counts} There is no accepted estimate to compute errors of.'
    beside = ''.join(_beside_sentence(name, *one.statistics.medians)
                     for name, one in evaluation.beside.items())
    return (f'{counts} Half of the accepted poses are within {length(metres)} and '
            f'{number(degrees, "deg")} of the truth, 95 % within '
            f'{length(report.translation_m.p95)}; {_false_poses(report)}.{beside}')


def _false_poses(report: Report) -> str:
    """Say how many poses mislead a robot."""
    found = report.false_poses
    scale = '' if found.metric else ' (in units: the map has no scale)'
    return (f'{found.accepted} are false, off by more than {found.limit_m:g} m{scale} or '
            f'{found.limit_deg:g} deg')


def _beside_sentence(name: str, metres: float | None, degrees: float | None) -> str:
    return f' For comparison, {name}: {length(metres)} and {number(degrees, "deg")}.'


def _figures(title: str, draw: Callable[..., Sequence[str]],
             *arguments: Any) -> Sequence[str]:  # noqa: ANN401
    """Draw figures; where that fails, it is said in their place, and the rest is shown."""
    try:
        return draw(*arguments)
    except Exception as error:  # of Matplotlib, or of numbers that nobody foresaw
        return [not_drawn(title, error)]


def _all_sections(report: Report, evaluation: Evaluation) -> Iterator[Section]:
    """Yield all sections, from the answer to the details."""
    table, methods = evaluation.table, _methods(evaluation)
    errors = table.accepted_errors
    yield Section('Errors', 'Errors of accepted estimates; recall counts all frames.', tables=[
        method_rows(report, methods), error_rows(methods), trajectory_rows(report),
        recall_rows(report), outcome_rows(report), false_pose_rows(report),
        ambiguous_rows(report), fault_rows(report)])
    yield Section(
        'Errors over the floor plan', 'First the true positions, in the colour of their error; '
        'then truth and estimates, joined by lines. Estimates far outside are cut off.',
        [*_figures('true positions', lambda: [error_view(table, evaluation.train)]),
         *_figures('paths', path_views, table, evaluation.train)])
    yield Section(
        'Cumulative errors', 'Frames without an accepted estimate count as infinite errors: '
        'where there are any, the curve ends below 100 %.',
        _figures('cumulative errors', cumulative, {
            name: one.table.accepted_errors for name, one in evaluation.methods.items()},
            evaluation.baselines))
    yield Section(
        'The worst frames', 'The accepted estimates with the largest errors, then frames without '
        'an accepted estimate. Lines join what image and training image show of one landmark.',
        frames=evaluation.worst)
    yield Section('Errors along the recording', 'A red cross at the upper edge is a frame without '
                  'an accepted estimate.',
                  _figures('errors along the recording', error_along_path, table.frames, errors))
    yield Section('Correlations of the error', 'A dot a frame; steps are medians of a fifth of '
                  'the frames each.', _figures(
                      'correlations', correlation_views, errors.translation_m,
                      evaluation.quantities), [correlation_rows(report)])
    yield from _reliability_sections(report, evaluation)
    histogram = _figures('latency', lambda: list(filter(None, [latency_histogram(table.frames)])))
    yield Section('Latency', '', histogram, [latency_rows(report)])


def _reliability_sections(report: Report, evaluation: Evaluation) -> Iterator[Section]:
    yield Section(
        'Is the covariance calibrated?', 'Dashed: a calibrated covariance. Above it the errors '
        'are smaller than predicted, below it larger. NEES is the normalised estimation error '
        'squared.', _figures('calibration', calibration_views, evaluation.table),
        [calibration_rows(report)])
    yield Section(
        'Sparsification', 'The errors when only the most certain frames are kept, beside those '
        'of an oracle that sorts by error, and those expected of an exact covariance.',
        _figures('sparsification', sparsification_views, report), [sparsification_rows(report)])
    yield Section(
        'Out-of-place detection', 'Place scores of images of this and of other places, and '
        'their ROC curve. Dotted: 95 % of this place.',
        _figures('place scores', place_score_views, evaluation.table.place_scores,
                 evaluation.out_of_place_table.place_scores), [place_rows(report)])


def sections(report: Report, evaluation: Evaluation) -> list[Section]:
    """Make the sections of the page that have something to show."""
    return [section for section in _all_sections(report, evaluation) if not section.empty]
