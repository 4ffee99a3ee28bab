"""The report's tables as rows of text, for a terminal, HTML and Markdown alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from posenet_ros.arrays import Floats
from posenet_ros.evaluation.correlations import LABELS
from posenet_ros.evaluation.metrics.coverage import ComponentCoverage
from posenet_ros.evaluation.metrics.pose_errors import ErrorStatistics, RECALL_LIMITS
from posenet_ros.evaluation.metrics.sparsification import KEPT_FRACTIONS, Sparsification
from posenet_ros.evaluation.reliability import PlaceScoreSeparation
from posenet_ros.evaluation.report.content import Report

Row = Sequence[str]
UNITS = (('translation', 'm'), ('rotation', 'deg'))

BASELINE_LABELS: Mapping[str, str] = {
    'nearest_train_image': 'nearest training image',
    'nearest_train_position': 'nearest training position (oracle)',
    'constant': 'constant pose'}
SHOWN_FRACTIONS = (1.0, 0.9, 0.8, 0.5)  # of the frames, the most certain


def number(value: float | None, unit: str = '') -> str:
    """Format a number with three significant digits; a dash for None."""
    if value is None:
        return '-'
    text = f'{value:.0f}' if abs(value) >= 1000 else f'{value:#.3g}'.rstrip('.')
    return f'{text} {unit}'.strip()


def percent(fraction: float, digits: int = 1) -> str:
    """Format a fraction as a percentage, never -0."""
    return f'{round(100 * fraction, digits) + 0.0:.{digits}f} %'


def error_rows(report: Report) -> list[Row]:
    """Make the table of error statistics, a row a unit."""
    rows: list[Row] = [
        ('error of accepted estimates', 'median', 'mean', 'p75', 'p90', 'p95', 'max')]
    statistics = (report.translation_m, report.rotation_deg)
    return rows + [(f'{label} ({unit})', *_statistics_cells(values))
                   for (label, unit), values in zip(UNITS, statistics, strict=True)]


def _statistics_cells(values: ErrorStatistics | None) -> list[str]:
    return [number(value) for value in (
        (None,) * 6 if values is None else
        (values.median, values.mean, values.p75, values.p90, values.p95, values.largest))]


def method_rows(report: Report) -> list[Row]:
    """Make the table of the median errors of estimate and baselines."""
    rows: list[Row] = [('median error', 'translation (m)', 'rotation (deg)')]
    rows.append(('estimate', *map(number, report.medians)))
    return rows + [(label, *map(number, report.baselines[name] or (None, None)))
                   for name, label in BASELINE_LABELS.items()]


def recall_rows(report: Report) -> list[Row]:
    """Make the table of recalls, of all frames and of each sequence."""
    limits = [f'{m:g} m, {d:g} deg' for m, d in RECALL_LIMITS.values()]
    rows: list[Row] = [('recall of all frames within', *limits, 'median (m)', 'median (deg)',
                        'frames')]
    parts = report.sequences if len(report.sequences) > 1 else {}
    return rows + [(name or '(no name)', *map(percent, part.recall.values()),
                    *map(number, part.medians), str(part.frames.total))
                   for name, part in (('all', report), *parts.items())]


def latency_rows(report: Report) -> list[Row]:
    """Make the table of latencies, empty when nothing was timed."""
    stages = report.latency_ms
    if not stages:
        return []
    return [('latency (ms)', 'p50', 'p95', 'p99'),
            *((stage, *map(number, (latency.p50, latency.p95, latency.p99)))
              for stage, latency in stages.items())]


def calibration_rows(report: Report) -> list[Row]:
    """Make the table of coverage and NEES, empty when no covariance was predicted."""
    known = report.calibration
    if known is None:
        return []
    rows: list[Row] = [('errors within the predicted (95 % interval)', '1 sigma', '2 sigma',
                        '3 sigma', 'mean NEES')]
    for name, part in (('pose', known.pose), ('translation', known.translation),
                       ('rotation', known.rotation)):
        rows.append((name, *_coverage_cells(part), number(part.nees_mean)))
        preposition = 'about' if name == 'rotation' else 'along'
        rows += [(f'{name} {preposition} {axis}', *map(percent, coverage.values()), '')
                 for axis, coverage in (part.axes or {}).items()]
    nees = known.expected.nees_mean
    return [*rows, ('expected', *_coverage_cells(known.expected),
                    f'{number(nees)}, pose {number(2 * nees)}')]


def _coverage_cells(part: ComponentCoverage) -> list[str]:
    """Format coverages, with their confidence intervals where known."""
    return [_with_interval(fraction, (part.interval or {}).get(key))
            for key, fraction in part.coverage.items()]


def _with_interval(fraction: float, ends: Sequence[float] | None, digits: int = 1) -> str:
    """Format a fraction as a percentage, with the ends of its interval where known."""
    return percent(fraction, digits) + (
        '' if ends is None else f' ({round(100 * ends[0])} to {round(100 * ends[1])})')


def sparsification_rows(report: Report) -> list[Row]:
    """Make the table of the errors of the most certain frames, empty without an order."""
    shown = [i for i, kept in enumerate(KEPT_FRACTIONS) if kept in SHOWN_FRACTIONS][::-1]
    rows: list[Row] = []
    for (label, unit), curves in zip(UNITS, report.sparsification or (None, None), strict=True):
        if curves is not None:
            rows += _most_certain_rows(curves, label, unit, shown)
    head = ('sparsification: the most certain', *(f'{KEPT_FRACTIONS[i]:.0%}' for i in shown),
            'AUSE')
    return [head, *rows] if rows else []


def _most_certain_rows(
        curves: Sparsification, label: str, unit: str, shown: Sequence[int]) -> list[Row]:
    """Make the rows of one unit at these indices of the curves, the first that of all frames."""
    changes = [
        _with_interval(float(curves.p95_change[i]), curves.p95_change_interval[i].tolist(), 0)
        for i in shown[1:]]
    return [
        (f'{label}, mean ({unit})', *_curve_cells(curves.mean, shown), number(curves.ause)),
        (f'{label}, p95 ({unit})', *_curve_cells(curves.p95, shown), ''),
        (f'{label}, p95 against all (95 % interval)', '', *changes, ''),
        (f'{label}, p95 as predicted ({unit})', *_curve_cells(curves.predicted_p95, shown), ''),
        (f'{label}, p95 by an oracle ({unit})', *_curve_cells(curves.oracle_p95, shown), '')]


def _curve_cells(curve: Floats, shown: Sequence[int]) -> list[str]:
    return [number(float(curve[i])) for i in shown]


def place_rows(report: Report) -> list[Row]:
    """Make the table of out-of-place detection, empty when no such images were given."""
    found = report.out_of_place
    if found is None:
        return []
    rows: list[Row] = [('images of other places', 'frames', 'accepted', 'AUROC of the place score',
                        'within its limit', 'FPR at 95 % TPR')]
    sources = found.sources if len(found.sources) > 1 else {}
    return rows + [(name, str(part.frames), str(part.accepted),
                    *_separation_cells(part.place_score))
                   for name, part in (('all', found), *sources.items())]


def _separation_cells(score: PlaceScoreSeparation | None) -> list[str]:
    if score is None:
        return ['-'] * 3
    return [f'{score.auroc:.4f}', percent(score.out_of_place_within_limit),
            percent(score.out_of_place_at_95)]


def false_pose_rows(report: Report) -> list[Row]:
    """Make the table of false poses, empty when there are none."""
    found = report.false_poses
    if not found.estimated:
        return []
    return [('false poses', 'frames', 'accepted'), (f'further off than {found.limit_m:g} m',
            str(found.estimated), str(found.accepted))]


def fault_rows(report: Report) -> list[Row]:
    """Make the table of image faults, empty when there are none."""
    found, total = report.image_faults, report.frames.total
    return [('image fault', 'frames', 'fraction'), *(
        (name, str(count), percent(count / total)) for name, count in found.items())
        ] if found else []


def outcome_rows(report: Report) -> list[Row]:
    """Make the table of the frames' outcomes, empty when all were accepted."""
    outcomes, total = report.outcomes, report.frames.total
    if outcomes == {'accepted': total}:
        return []
    rows: list[Row] = [('outcome', 'frames', 'fraction')]
    return rows + [(name.replace('_', ' '), str(count), percent(count / total))
                   for name, count in sorted(outcomes.items(), key=lambda item: -item[1])]


def correlation_rows(report: Report) -> list[Row]:
    """Make the table of rank correlations, empty when nothing is known."""
    known = {key: value for key, value in report.correlations.items() if value}
    if not known:
        return []
    rows: list[Row] = [('rank correlation of the error with', 'translation', 'rotation')]
    return rows + [(LABELS[key], *(f'{value:+.2f}' for value in correlation.rank_correlation))
                   for key, correlation in known.items()]


def tables(report: Report) -> list[list[Row]]:
    """Make the report's tables that are not empty, each a head and rows."""
    makers = (method_rows, error_rows, recall_rows, outcome_rows, correlation_rows, latency_rows,
              calibration_rows, sparsification_rows, false_pose_rows, place_rows, fault_rows)
    return [rows for rows in (make(report) for make in makers) if rows]


def text_table(rows: Sequence[Row]) -> str:
    """Format a table for a terminal: the first column aligned left, the others right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ['  '.join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width)
                       in enumerate(zip(row, widths, strict=True))) for row in rows]
    return '\n'.join([lines[0], '-' * len(lines[0]), *lines[1:]])


def markdown_table(rows: Sequence[Row]) -> str:
    """Format a table in Markdown."""
    rule = ['---', *['---:'] * (len(rows[0]) - 1)]
    return '\n'.join('| ' + ' | '.join(row) + ' |' for row in (rows[0], rule, *rows[1:]))


def summary_line(report: Report) -> str:
    """Summarise the evaluation in one line: the model, the counts and the date."""
    model = report.model.get('name') or report.model.get('folder') or 'poses from a file'
    frames, refined = report.frames, report.model.get('refined')
    landmarks = f' ({refined} refined by landmarks)' if refined else ''
    return (f'{model}: {frames.total} frames with truth, {frames.estimated} answered'
            f'{landmarks}, {frames.accepted} accepted, {frames.dropped} without an answer. '
            f'{report.data["created"]}')
