"""The report's tables as rows of text, for a terminal, HTML and Markdown alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from posenet_ros.evaluation.correlations import LABELS
from posenet_ros.evaluation.metrics.pose_errors import RECALL_LIMITS
from posenet_ros.evaluation.metrics.sparsification import KEPT_FRACTIONS

Row = Sequence[str]

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


def error_rows(report: Mapping[str, Any]) -> list[Row]:
    """Make the table of error statistics, a row a unit."""
    names = ('median', 'mean', 'p75', 'p90', 'p95', 'max')
    rows: list[Row] = [('error of accepted estimates', *names)]
    for key, label, unit in (('translation_m', 'translation', 'm'),
                             ('rotation_deg', 'rotation', 'deg')):
        values = report[key] or {}
        rows.append((f'{label} ({unit})', *(number(values.get(name)) for name in names)))
    return rows


def method_rows(report: Mapping[str, Any]) -> list[Row]:
    """Make the table of the median errors of estimate and baselines."""
    rows: list[Row] = [('median error', 'translation (m)', 'rotation (deg)')]
    own = [report[key] and report[key]['median'] for key in ('translation_m', 'rotation_deg')]
    rows.append(('estimate', number(own[0]), number(own[1])))
    for name, label in BASELINE_LABELS.items():
        medians = report['baselines'][name] or {}
        rows.append((label, number(medians.get('translation_m')),
                     number(medians.get('rotation_deg'))))
    return rows


def recall_rows(report: Mapping[str, Any]) -> list[Row]:
    """Make the table of recalls, of all frames and of each sequence."""
    limits = [f'{m:g} m, {d:g} deg' for m, d in RECALL_LIMITS.values()]
    rows: list[Row] = [('recall of all frames within', *limits, 'median (m)', 'median (deg)',
                        'frames')]
    groups = {'all': report, **report['sequences']} if len(report['sequences']) > 1 else {
        'all': report}
    for name, group in groups.items():
        own = [group[key] and group[key]['median'] for key in ('translation_m', 'rotation_deg')]
        rows.append((name or '(no name)', *map(percent, group['recall'].values()),
                     *map(number, own), str(group['frames']['total'])))
    return rows


def latency_rows(report: Mapping[str, Any]) -> list[Row]:
    """Make the table of latencies, empty when nothing was timed."""
    stages = report['latency_ms']
    if not stages:
        return []
    return [('latency (ms)', 'p50', 'p95', 'p99'),
            *((stage, *map(number, values.values())) for stage, values in stages.items())]


def calibration_rows(report: Mapping[str, Any]) -> list[Row]:
    """Make the table of coverage and NEES, empty when no covariance was predicted."""
    known = report['calibration']
    if not known:
        return []
    rows: list[Row] = [('errors within the predicted (95 % interval)', '1 sigma', '2 sigma',
                        '3 sigma', 'mean NEES')]
    for name in ('pose', 'translation', 'rotation', 'expected'):
        nees = known[name]['nees_mean']
        rows.append((name, *_coverage_cells(known[name]), number(nees) + (
            f', pose {number(2 * nees)}' if name == 'expected' else '')))
        rows += [(f'{name} {"about" if name == "rotation" else "along"} {axis}',
                  *map(percent, coverage.values()), '')
                 for axis, coverage in known[name].get('axes', {}).items()]
    return rows


def _coverage_cells(part: Mapping[str, Any]) -> list[str]:
    """Format coverages, with their confidence intervals where known."""
    return [_with_interval(fraction, part.get('interval', {}).get(key))
            for key, fraction in part['coverage'].items()]


def _with_interval(fraction: float, ends: Sequence[float] | None, digits: int = 1) -> str:
    """Format a fraction as a percentage, with the ends of its interval where known."""
    return percent(fraction, digits) + (
        f' ({round(100 * ends[0])} to {round(100 * ends[1])})' if ends else '')


def sparsification_rows(report: Mapping[str, Any]) -> list[Row]:
    """Make the table of the errors of the most certain frames, empty without an order."""
    known = {key: value for key, value in (report['sparsification'] or {}).items() if value}
    if not known:
        return []
    shown = [(i, kept) for i, kept in enumerate(KEPT_FRACTIONS) if kept in SHOWN_FRACTIONS][::-1]
    rows: list[Row] = [
        ('sparsification: the most certain', *(f'{kept:.0%}' for _, kept in shown), 'AUSE')]
    for key, label, unit in (('translation_m', 'translation', 'm'),
                             ('rotation_deg', 'rotation', 'deg')):
        if key in known:
            rows += _most_certain_rows(known[key], label, unit, [i for i, _ in shown])
    return rows


def _most_certain_rows(
        found: Mapping[str, Any], label: str, unit: str, shown: Sequence[int]) -> list[Row]:
    """Make the rows of one unit at these indices of the curves, the first that of all frames."""
    rows: list[Row] = [
        (f'{label}, {name} ({unit})', *(number(found[statistic][i]) for i in shown),
         number(found['ause']) if statistic == 'mean' else '')
        for name, statistic in (
            ('mean', 'mean'), ('p95', 'p95'), ('p95 as predicted', 'predicted_p95'),
            ('p95 by an oracle', 'oracle_p95')) if statistic in found]
    if 'p95_change' in found:
        cells = (_with_interval(found['p95_change'][i], found['p95_change_interval'][i], 0)
                 for i in shown[1:])
        rows.insert(2, (f'{label}, p95 against all (95 % interval)', '', *cells, ''))
    return rows


def place_rows(report: Mapping[str, Any]) -> list[Row]:
    """Make the table of out-of-place detection, empty when no such images were given."""
    found = report['out_of_place']
    if not found:
        return []
    rows: list[Row] = [('images of other places', 'frames', 'accepted', 'AUROC of the place score',
                        'within its limit', 'FPR at 95 % TPR')]
    groups = {'all': found, **found['sources']} if len(found['sources']) > 1 else {'all': found}
    for name, group in groups.items():
        score = group['place_score']
        cells = ['-'] * 3 if score is None else [
            f'{score["auroc"]:.4f}', percent(score['out_of_place_within_limit']),
            percent(score['out_of_place_at_95'])]
        rows.append((name, str(group['frames']), str(group['accepted']), *cells))
    return rows


def false_pose_rows(report: Mapping[str, Any]) -> list[Row]:
    """Make the table of false poses, empty when there are none."""
    found = report['false_poses']
    if not found['estimated']:
        return []
    return [('false poses', 'frames', 'accepted'), (f'further off than {found["limit_m"]:g} m',
            str(found['estimated']), str(found['accepted']))]


def fault_rows(report: Mapping[str, Any]) -> list[Row]:
    """Make the table of image faults, empty when there are none."""
    found, total = report['image_faults'], report['frames']['total']
    return [('image fault', 'frames', 'fraction'), *(
        (name, str(count), percent(count / total)) for name, count in found.items())
        ] if found else []


def outcome_rows(report: Mapping[str, Any]) -> list[Row]:
    """Make the table of the frames' outcomes, empty when all were accepted."""
    outcomes, total = report['outcomes'], report['frames']['total']
    if outcomes == {'accepted': total}:
        return []
    rows: list[Row] = [('outcome', 'frames', 'fraction')]
    return rows + [(name.replace('_', ' '), str(count), percent(count / total))
                   for name, count in sorted(outcomes.items(), key=lambda item: -item[1])]


def correlation_rows(report: Mapping[str, Any]) -> list[Row]:
    """Make the table of rank correlations, empty when nothing is known."""
    known = {key: value for key, value in report['relations'].items() if value}
    if not known:
        return []
    rows: list[Row] = [('rank correlation of the error with', 'translation', 'rotation')]
    return rows + [(LABELS[key], *(f'{value:+.2f}' for value in correlation[
        'rank_correlation'].values())) for key, correlation in known.items()]


def tables(report: Mapping[str, Any]) -> list[list[Row]]:
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


def summary_line(report: Mapping[str, Any]) -> str:
    """Summarise the evaluation in one line: the model, the counts and the date."""
    model = report['model'].get('name') or report['model'].get('folder') or 'poses from a file'
    frames, refined = report['frames'], report['model'].get('refined')
    landmarks = f' ({refined} refined by landmarks)' if refined else ''
    return (f'{model}: {frames["total"]} frames with truth, {frames["estimated"]} answered'
            f'{landmarks}, {frames["accepted"]} accepted, {frames["dropped"]} without an answer. '
            f'{report["data"]["created"]}')
