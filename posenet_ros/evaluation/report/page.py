"""Render the report: one self-contained HTML file, and its tables in Markdown."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
import json
from string import Template

import cv2
import numpy as np
from posenet_ros.evaluation.report.build import Evaluation
from posenet_ros.evaluation.report.content import Report
from posenet_ros.evaluation.report.plots import (
    correlation_views,
    cumulative,
    error_along_path,
    latency_histogram,
    path_views,
)
from posenet_ros.evaluation.report.reliability_plots import (
    calibration_view,
    place_score_view,
    sparsification_view,
)
from posenet_ros.evaluation.report.tables import (
    markdown_table,
    number,
    percent,
    Row,
    summary_line,
    tables,
)
from posenet_ros.evaluation.results import FrameResult, FrameTable

WORST_SHOWN = 12

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
th:first-child, td:first-child { text-align: left; } td + td { white-space: nowrap; }
thead th { border-bottom: 2px solid #94a3b8; }
tr.own td { font-weight: 600; color: #2563eb; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: .8rem; }
.card { border: 1px solid #e2e8f0; border-radius: .5rem; overflow: hidden; font-size: .85rem; }
.card img { width: 100%; display: block; }
.card p { margin: .5rem .7rem; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; } pre { overflow-x: auto; background: #f8fafc; padding: 1rem; }
</style></head><body>
$body
</body></html>
""")


def _html_table(rows: Sequence[Row]) -> str:
    head = ''.join(f'<th>{escape(cell)}</th>' for cell in ('', *rows[0][1:]))
    lines = [f'<table><thead><tr>{head}</tr></thead><tbody>']
    for row in rows[1:]:
        own = ' class="own"' if row[0] == 'estimate' else ''
        lines.append(f'<tr{own}>' + ''.join(f'<td>{escape(c)}</td>' for c in row) + '</tr>')
    return '\n'.join([*lines, '</tbody></table>'])


def _interval_text(ends: Sequence[float] | None) -> str:
    if ends is None:
        return 'no accepted estimate'
    low, high = map(number, ends)
    return f'95 % interval {low} to {high}'


def _headline_tiles(report: Report) -> str:
    frames = report.frames
    tiles = [(number(median, unit), f'median error, {_interval_text(ends)}')
             for median, unit, ends in zip(
                 report.medians, ('m', 'deg'), report.confidence_95 or (None, None), strict=True)]
    tiles += [
        (percent(frames.accepted / frames.total),
         f'{frames.accepted} of {frames.total} frames with an accepted estimate'),
        (percent(report.recall['5m_10deg']), 'of all frames within 5 m and 10 deg')]
    return '<div class="tiles">' + ''.join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(text)}</span></div>'
        for value, text in tiles) + '</div>'


def _embedded_image(frame: FrameResult) -> str:
    if frame.image is None:
        return ''
    _, jpeg = cv2.imencode('.jpg', frame.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    data = base64.b64encode(jpeg.tobytes()).decode()
    return f'<img alt="{escape(frame.name)}" src="data:image/jpeg;base64,{data}">'


def _worst(table: FrameTable) -> str:
    """Make cards of the frames with the largest errors, rejected estimates among them."""
    frames = table.frames
    metres, degrees = (np.where(np.isfinite(e), e, -1.0) for e in table.errors)
    order = [i for i in np.argsort(-metres)[:WORST_SHOWN] if metres[i] >= 0]
    return '<div class="cards">' + ''.join(
        f'<div class="card">{_embedded_image(frames[i])}<p><b>{number(metres[i], "m")}, '
        f'{number(degrees[i], "deg")}</b><br>{escape(frames[i].name)}<br>'
        f'{escape("; ".join((frames[i].outcome, *frames[i].reasons)))}</p></div>'
        for i in order) + '</div>'


def _sections(
        report: Report, evaluation: Evaluation) -> Iterable[tuple[str, str, str]]:
    """Yield the heading, explanation and content of each section."""
    table = evaluation.table
    errors = table.accepted_errors
    above, side = path_views(table, evaluation.train)
    yield ('The trajectory from above', 'A line joins each estimate to the true position. '
           'Estimates far outside the trajectory are cut off.', above)
    yield 'The trajectory from the side', '', side
    yield ('Cumulative errors', 'Frames without an accepted estimate count as infinite errors: '
           'where there are any, the curve ends below 100 %.',
           cumulative(errors, evaluation.baselines))
    yield ('Error along the trajectory', 'A red cross at the upper edge is a frame without an '
           'accepted estimate.', error_along_path(table.frames, errors))
    if evaluation.quantities:
        yield ('Correlations of the error', 'A dot a frame; steps are medians of a fifth of the '
               'frames each.', correlation_views(errors.translation_m, evaluation.quantities))
    yield from _reliability_sections(report, evaluation)
    latency = latency_histogram(table.frames)
    if latency:
        yield 'Latency', '', latency
    yield ('The worst estimates', "The largest error first; the images are the network's input.",
           _worst(table))


def _reliability_sections(
        report: Report, evaluation: Evaluation) -> Iterable[tuple[str, str, str]]:
    """Yield the sections on reliability that have a figure."""
    sections = (
        ('Is the covariance calibrated?', 'Dashed: a calibrated covariance. Above it the errors '
         'are smaller than predicted, below it larger. NEES is the normalised estimation error '
         'squared.', calibration_view(evaluation.table)),
        ('Sparsification', 'The errors when only the most certain frames are kept, beside those '
         'of an oracle that sorts by error, and those expected of an exact covariance.',
         sparsification_view(report)),
        ('Out-of-place detection', 'Place scores of images of this and of other places, and '
         'their ROC curve. Dotted: 95 % of this place.',
         place_score_view(evaluation.table.place_scores,
                          evaluation.out_of_place_table.place_scores)))
    return ((heading, text, view) for heading, text, view in sections if view)


def comparison_page(all_rows: Sequence[Sequence[Row]], curves: str) -> str:
    """Render compare.html: tables and the cumulative errors of all reports."""
    parts = ['<h1>Reports side by side</h1>', *(
        f'<h2>{escape(rows[0][0].capitalize())}</h2>{_html_table(rows)}' for rows in all_rows),
        f'<h2>Cumulative errors</h2>{curves}']
    return PAGE.substitute(title='Reports side by side', body='\n'.join(parts))


def html_page(report: Report, evaluation: Evaluation) -> str:
    """
    Render report.html: everything inside one file.

    :param evaluation: the results that the report was made from.
    """
    name = str(report.data.get('name', 'poses'))
    parts = [f'<h1>Relocalisation on {escape(name)}</h1>',
             f'<p class="quiet">{escape(summary_line(report))}</p>', _headline_tiles(report)]
    sections = [f'<h2>{escape(heading)}</h2><p class="quiet">{escape(text)}</p>{content}'
                for heading, text, content in _sections(report, evaluation)]
    numbers = [f'<h2>{escape(rows[0][0].capitalize())}</h2>{_html_table(rows)}'
               for rows in tables(report)]
    parts += [sections[0], *numbers, *sections[1:]]
    about = {'model': report.model, 'data': report.data, 'versions': report.versions}
    parts.append(f'<h2>Provenance</h2><pre>'
                 f'{escape(json.dumps(about, indent=2))}</pre>')
    return PAGE.substitute(title=f'Relocalisation on {escape(name)}', body='\n'.join(parts))


def markdown_page(report: Report) -> str:
    """Render report.md: the tables of the report."""
    name = str(report.data.get('name', 'poses'))
    parts = [f'# Relocalisation on {name}', summary_line(report)]
    return '\n\n'.join([*parts, *(markdown_table(rows) for rows in tables(report))]) + '\n'
