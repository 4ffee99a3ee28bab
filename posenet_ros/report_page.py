"""The report for people: one HTML file that needs no network, and the same table as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
import json
from string import Template
from typing import Any

from posenet_ros.artifact import TrainIndex
from posenet_ros.metrics import RECALL_LIMITS
from posenet_ros.plots import (
    BASELINE_STYLES,
    cumulative,
    error_along_path,
    latency_histogram,
    path_views,
)
from posenet_ros.report import baseline_errors, frame_errors, FrameResult

Row = Sequence[str]

PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2937; background: #fff;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem; }
p { margin: .4rem 0; } .quiet { color: #64748b; font-size: .9rem; }
.tiles { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.2rem 0; }
.tile { flex: 1 1 10rem; border: 1px solid #e2e8f0; border-radius: .5rem; padding: .7rem 1rem; }
.tile b { display: block; font-size: 1.6rem; } .tile span { color: #64748b; font-size: .85rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid #e2e8f0; }
th:first-child, td:first-child { text-align: left; } thead th { border-bottom: 2px solid #94a3b8; }
tr.own td { font-weight: 600; color: #2563eb; }
svg { width: 100%; height: auto; } pre { overflow-x: auto; background: #f8fafc; padding: 1rem; }
</style></head><body>
$body
</body></html>
""")


def number(value: float | None, unit: str = '') -> str:
    """Return three significant digits, and a dash for nothing."""
    if value is None:
        return '-'
    text = f'{value:.0f}' if abs(value) >= 1000 else f'{value:#.3g}'.rstrip('.')
    return f'{text} {unit}'.strip()


def percent(share: float) -> str:
    """Return a share in per cent."""
    return f'{100 * share:.1f} %'


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
    for name, (_, _, words) in BASELINE_STYLES.items():
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
    rows: list[Row] = [('errors within the predicted', '1 sigma', '2 sigma', '3 sigma',
                        'mean NEES (3 degrees of freedom)')]
    for name in ('translation', 'rotation', 'expected'):
        rows.append((name, *map(percent, known[name]['coverage'].values()),
                     number(known[name]['nees_mean'])))
    return rows


def tables(report: Mapping[str, Any]) -> list[list[Row]]:
    """Return the report's tables that are not empty, each a head and rows."""
    makers = (method_rows, error_rows, recall_rows, latency_rows, calibration_rows)
    return [rows for rows in (make(report) for make in makers) if rows]


def _html_table(rows: Sequence[Row]) -> str:
    head = ''.join(f'<th>{escape(cell)}</th>' for cell in ('', *rows[0][1:]))
    lines = [f'<table><thead><tr>{head}</tr></thead><tbody>']
    for row in rows[1:]:
        own = ' class="own"' if row[0] == 'estimate' else ''
        lines.append(f'<tr{own}>' + ''.join(f'<td>{escape(c)}</td>' for c in row) + '</tr>')
    return '\n'.join([*lines, '</tbody></table>'])


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


def _interval(report: Mapping[str, Any], key: str) -> str:
    known = report['confidence_95']
    if known is None:
        return 'no accepted answer'
    low, high = (number(v) for v in known[key])
    return f'95 % interval {low} to {high}'


def _tiles(report: Mapping[str, Any]) -> str:
    frames = report['frames']
    own = [report[key] and report[key]['median'] for key in ('translation_m', 'rotation_deg')]
    tiles = [
        (number(own[0], 'm'), f'median error, {_interval(report, "translation_m")}'),
        (number(own[1], 'deg'), f'median error, {_interval(report, "rotation_deg")}'),
        (percent(frames['accepted'] / frames['total']),
         f'{frames["accepted"]} of {frames["total"]} frames answered and accepted'),
        (percent(report['recall']['5m_10deg']), 'of all frames within 5 m and 10 deg')]
    return '<div class="tiles">' + ''.join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(words)}</span></div>'
        for value, words in tiles) + '</div>'


def _sections(
        frames: Sequence[FrameResult],
        train: TrainIndex | None) -> Iterable[tuple[str, str, str]]:
    """Yield heading, explanation and content."""
    errors = frame_errors(frames)
    above, side = path_views(frames, train)
    yield ('The path from above', 'Each estimate is joined by a line to where the camera was. '
           'Estimates far outside the path are cut off.', above)
    yield 'The path from the side', '', side
    yield ('How many frames are how far off', 'Frames without an accepted answer count as '
           'infinitely far off: where there are any, the curve ends below 100 %.',
           cumulative(errors, baseline_errors(frames, train) if train else {}))
    yield ('Error along the path', 'A red cross at the upper edge is a frame without an accepted '
           'answer.', error_along_path(frames, errors))
    latency = latency_histogram(frames)
    if latency:
        yield 'Latency', '', latency


def html_page(
        report: Mapping[str, Any], frames: Sequence[FrameResult],
        train: TrainIndex | None) -> str:
    """Return report.html: everything inside one file."""
    name = str(report['data'].get('name', 'poses'))
    parts = [f'<h1>Relocalisation on {escape(name)}</h1>',
             f'<p class="quiet">{escape(summary_line(report))}</p>', _tiles(report)]
    sections = [f'<h2>{escape(heading)}</h2><p class="quiet">{escape(words)}</p>{content}'
                for heading, words, content in _sections(frames, train)]
    numbers = [f'<h2>{escape(rows[0][0].capitalize())}</h2>{_html_table(rows)}'
               for rows in tables(report)]
    parts += [sections[0], *numbers, *sections[1:]]
    about = {key: report[key] for key in ('model', 'data', 'versions')}
    parts.append(f'<h2>Where the numbers come from</h2><pre>'
                 f'{escape(json.dumps(about, indent=2))}</pre>')
    return PAGE.substitute(title=f'Relocalisation on {escape(name)}', body='\n'.join(parts))


def summary_line(report: Mapping[str, Any]) -> str:
    """Return one line that tells what was evaluated with what."""
    model = report['model'].get('name') or report['model'].get('folder') or 'poses from a file'
    frames = report['frames']
    return (f'{model}: {frames["total"]} frames with truth, {frames["estimated"]} answered, '
            f'{frames["accepted"]} accepted, {frames["dropped"]} without an answer. '
            f'{report["data"]["created"]}')


def markdown_page(report: Mapping[str, Any]) -> str:
    """Return report.md: the tables of the report."""
    name = str(report['data'].get('name', 'poses'))
    parts = [f'# Relocalisation on {name}', summary_line(report)]
    return '\n\n'.join([*parts, *(markdown_table(rows) for rows in tables(report))]) + '\n'
