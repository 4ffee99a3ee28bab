"""The report's numbers as tables of text, for a terminal, HTML and Markdown alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from posenet_ros.evaluation.correlations import WORDS
from posenet_ros.evaluation.metrics.pose_errors import RECALL_LIMITS
from posenet_ros.evaluation.metrics.sparsification import KEPT

Row = Sequence[str]

BASELINE_WORDS: Mapping[str, str] = {
    'nearest_train_image': 'nearest training image',
    'nearest_train_position': 'nearest training position (oracle)',
    'constant': 'constant pose'}
SHOWN_KEPT = (1.0, 0.9, 0.8, 0.5)  # shares of the frames, the surest


def number(value: float | None, unit: str = '') -> str:
    """Return three significant digits, and a dash for nothing."""
    if value is None:
        return '-'
    text = f'{value:.0f}' if abs(value) >= 1000 else f'{value:#.3g}'.rstrip('.')
    return f'{text} {unit}'.strip()


def percent(share: float, digits: int = 1) -> str:
    """Return a share in per cent, never -0."""
    return f'{round(100 * share, digits) + 0.0:.{digits}f} %'


def error_rows(report: Mapping[str, Any]) -> list[Row]:
    """Return the table of error statistics: head, then one row a unit."""
    names = ('median', 'mean', 'p75', 'p90', 'p95', 'max')
    rows: list[Row] = [('error of accepted answers', *names)]
    for key, words, unit in (('translation_m', 'translation', 'm'),
                             ('rotation_deg', 'rotation', 'deg')):
        values = report[key] or {}
        rows.append((f'{words} ({unit})', *(number(values.get(name)) for name in names)))
    return rows


def method_rows(report: Mapping[str, Any]) -> list[Row]:
    """Return the table that sets the estimate beside the baselines."""
    rows: list[Row] = [('median error', 'translation (m)', 'rotation (deg)')]
    own = [report[key] and report[key]['median'] for key in ('translation_m', 'rotation_deg')]
    rows.append(('estimate', number(own[0]), number(own[1])))
    for name, words in BASELINE_WORDS.items():
        medians = report['baselines'][name] or {}
        rows.append((words, number(medians.get('translation_m')),
                     number(medians.get('rotation_deg'))))
    return rows


def recall_rows(report: Mapping[str, Any]) -> list[Row]:
    """Return the table of recalls, over all and for each sequence."""
    words = [f'{m:g} m, {d:g} deg' for m, d in RECALL_LIMITS.values()]
    rows: list[Row] = [('recall of all frames within', *words, 'median (m)', 'median (deg)',
                        'frames')]
    groups = {'all': report, **report['sequences']} if len(report['sequences']) > 1 else {
        'all': report}
    for name, group in groups.items():
        own = [group[key] and group[key]['median'] for key in ('translation_m', 'rotation_deg')]
        rows.append((name or '(no name)', *map(percent, group['recall'].values()),
                     *map(number, own), str(group['frames']['total'])))
    return rows


def latency_rows(report: Mapping[str, Any]) -> list[Row]:
    """Return the table of latencies, empty when nothing was timed."""
    stages = report['latency_ms']
    if not stages:
        return []
    return [('latency (ms)', 'p50', 'p95', 'p99'),
            *((stage, *map(number, values.values())) for stage, values in stages.items())]


def calibration_rows(report: Mapping[str, Any]) -> list[Row]:
    """Return the table of coverages, empty when no covariance was predicted."""
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
                  *map(percent, shares.values()), '')
                 for axis, shares in known[name].get('axes', {}).items()]
    return rows


def _coverage_cells(part: Mapping[str, Any]) -> list[str]:
    """Return shares and, where they are known, between what they may be by chance."""
    return [_with_interval(share, part.get('interval', {}).get(key))
            for key, share in part['coverage'].items()]


def _with_interval(share: float, ends: Sequence[float] | None, digits: int = 1) -> str:
    """Return a share in per cent with the ends of its interval, where there is one."""
    return percent(share, digits) + (
        f' ({round(100 * ends[0])} to {round(100 * ends[1])})' if ends else '')


def sparsification_rows(report: Mapping[str, Any]) -> list[Row]:
    """Return the table of errors of the surest frames, empty when none is surer."""
    known = {key: value for key, value in (report['sparsification'] or {}).items() if value}
    if not known:
        return []
    shown = [(i, share) for i, share in enumerate(KEPT) if share in SHOWN_KEPT][::-1]
    rows: list[Row] = [('keeping the surest', *(f'{share:.0%}' for _, share in shown), 'AUSE')]
    for key, words, unit in (('translation_m', 'translation', 'm'),
                             ('rotation_deg', 'rotation', 'deg')):
        if key in known:
            rows += _surest_rows(known[key], words, unit, [i for i, _ in shown])
    return rows


def _surest_rows(
        found: Mapping[str, Any], words: str, unit: str, shown: Sequence[int]) -> list[Row]:
    """Return the rows of one unit, at these places of the curves, of which the first is all."""
    rows: list[Row] = [
        (f'{words}, {name} ({unit})', *(number(found[statistic][i]) for i in shown),
         number(found['ause']) if statistic == 'mean' else '')
        for name, statistic in (
            ('mean', 'mean'), ('p95', 'p95'), ('p95 as predicted', 'predicted_p95'),
            ('p95 by an oracle', 'oracle_p95')) if statistic in found]
    if 'p95_change' in found:
        cells = (_with_interval(found['p95_change'][i], found['p95_change_interval'][i], 0)
                 for i in shown[1:])
        rows.insert(2, (f'{words}, p95 against all (95 % interval)', '', *cells, ''))
    return rows


def place_rows(report: Mapping[str, Any]) -> list[Row]:
    """Return the table of the images of other places, empty when none were given."""
    found = report['out_of_place']
    if not found:
        return []
    rows: list[Row] = [('images of other places', 'frames', 'accepted', 'AUROC of the place score',
                        'within its limit', 'accepted where 95 % of the good are')]
    groups = {'all': found, **found['sources']} if len(found['sources']) > 1 else {'all': found}
    for name, group in groups.items():
        score = group['place_score']
        words = ['-'] * 3 if score is None else [
            f'{score["auroc"]:.4f}', percent(score['out_of_place_within_limit']),
            percent(score['out_of_place_at_95'])]
        rows.append((name, str(group['frames']), str(group['accepted']), *words))
    return rows


def false_pose_rows(report: Mapping[str, Any]) -> list[Row]:
    """Return the table of answers that are far off, empty when there are none."""
    found = report['false_poses']
    if not found['estimated']:
        return []
    return [('false poses', 'frames', 'accepted'), (f'further off than {found["limit_m"]:g} m',
            str(found['estimated']), str(found['accepted']))]


def fault_rows(report: Mapping[str, Any]) -> list[Row]:
    """Return the table of images in which something is wrong, empty when there are none."""
    found, total = report['image_faults'], report['frames']['total']
    return [('what is wrong with images', 'frames', 'share'), *(
        (name, str(count), percent(count / total)) for name, count in found.items())
        ] if found else []


def outcome_rows(report: Mapping[str, Any]) -> list[Row]:
    """Return the table of what became of the frames, empty when all were accepted."""
    outcomes, total = report['outcomes'], report['frames']['total']
    if outcomes == {'accepted': total}:
        return []
    rows: list[Row] = [('what the gate said', 'frames', 'share')]
    return rows + [(name.replace('_', ' '), str(count), percent(count / total))
                   for name, count in sorted(outcomes.items(), key=lambda item: -item[1])]


def relation_rows(report: Mapping[str, Any]) -> list[Row]:
    """Return the table of what the error goes with, empty when nothing is known."""
    known = {key: value for key, value in report['relations'].items() if value}
    if not known:
        return []
    rows: list[Row] = [('the error goes with (rank correlation)', 'translation', 'rotation')]
    return rows + [(WORDS[key], *(f'{value:+.2f}' for value in relation[
        'rank_correlation'].values())) for key, relation in known.items()]


def tables(report: Mapping[str, Any]) -> list[list[Row]]:
    """Return the report's tables that are not empty, each a head and rows."""
    makers = (method_rows, error_rows, recall_rows, outcome_rows, relation_rows, latency_rows,
              calibration_rows, sparsification_rows, false_pose_rows, place_rows, fault_rows)
    return [rows for rows in (make(report) for make in makers) if rows]


def text_table(rows: Sequence[Row]) -> str:
    """Return a table for a terminal: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ['  '.join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width)
                       in enumerate(zip(row, widths, strict=True))) for row in rows]
    return '\n'.join([lines[0], '-' * len(lines[0]), *lines[1:]])


def markdown_table(rows: Sequence[Row]) -> str:
    """Return a table in Markdown."""
    rule = ['---', *['---:'] * (len(rows[0]) - 1)]
    return '\n'.join('| ' + ' | '.join(row) + ' |' for row in (rows[0], rule, *rows[1:]))


def summary_line(report: Mapping[str, Any]) -> str:
    """Return one line that tells what was evaluated with what."""
    model = report['model'].get('name') or report['model'].get('folder') or 'poses from a file'
    frames, refined = report['frames'], report['model'].get('refined')
    landmarks = f' ({refined} refined by landmarks)' if refined else ''
    return (f'{model}: {frames["total"]} frames with truth, {frames["estimated"]} answered'
            f'{landmarks}, {frames["accepted"]} accepted, {frames["dropped"]} without an answer. '
            f'{report["data"]["created"]}')
