"""Render the report: one self-contained HTML file, and its tables in Markdown."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
import re
from string import Template
from typing import Any

import cv2
import numpy as np
from posenet_ros.evaluation.metrics.pose_errors import rotation_errors_deg
from posenet_ros.evaluation.report.build import Evaluation
from posenet_ros.evaluation.report.content import json_text, Report
from posenet_ros.evaluation.report.drawing import VARIABLES
from posenet_ros.evaluation.report.sections import (
    origin_line,
    Section,
    sections,
    summary_sentences,
    Table,
    tables,
)
from posenet_ros.evaluation.report.tables import (
    DEGREES,
    length,
    length_unit,
    markdown_table,
    markdown_text,
    number,
    percent,
    Row,
    Unit,
)
from posenet_ros.evaluation.results import FrameResult, WorstFrame

MAX_OPEN_ROWS = 8  # of a table; a longer one is folded
JPEG_QUALITY = 80
Headline = tuple[str, str]  # a number and what it is, on a tile

PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
$style</style></head><body>
$body
</body></html>
""")


@cache
def _style() -> str:
    """Return the style sheet, with the colours of the figures in light and dark mode."""
    light, dark = (' '.join(f'--{name}: {colour};' for name, colour in colours) for colours in (
        [(name, colour) for colour, (name, _) in VARIABLES.items()], VARIABLES.values()))
    text = (files('posenet_ros.evaluation.report') / 'page.css').read_text(encoding='utf-8')
    return Template(text).substitute(light=light, dark=dark)


def _html_table(rows: Table) -> str:
    """Render a table in a box that scrolls by itself where it is too wide."""
    head = ''.join(f'<th scope="col">{_unbroken(escape(cell))}</th>'
                   for cell in ('', *rows[0][1:]))
    title = escape(_title(rows))
    lines = [f'<div class="scroll" role="region" aria-label="{title}" tabindex="0"><table>'
             f'<caption>{title}</caption><thead><tr>{head}</tr></thead><tbody>']
    for i, row in enumerate(rows[1:]):
        own = ' class="own"' if i == 0 and rows[0][0] == 'median error' else ''
        lines.append(f'<tr{own}><th scope="row">{escape(row[0])}</th>' + ''.join(
            f'<td>{escape(cell)}</td>' for cell in row[1:]) + '</tr>')
    return '\n'.join([*lines, '</tbody></table></div>'])


def _unbroken(text: str) -> str:
    """Keep numbers and their units in one line."""
    return re.sub(r'(\d) (?=[a-z%])', '\\1&nbsp;', text)


def _title(rows: Table) -> str:
    return rows[0][0][:1].upper() + rows[0][0][1:]


def _fold(rows: Table) -> str:
    """Render a table; a long one is folded, and its first row says what is in it."""
    if len(rows) - 1 <= MAX_OPEN_ROWS:
        return _html_table(rows)
    cells = ', '.join(f'{head} {cell}' for head, cell in zip(rows[0][1:], rows[1][1:], strict=True)
                      if cell)
    return _details(f'{_title(rows)}: {len(rows) - 1} rows', f'{rows[1][0]}: {cells}',
                    _html_table(rows))


def _details(heading: str, summary: str, content: str) -> str:
    return (f'<details><summary>{escape(heading)}<br><span>{escape(summary)}</span></summary>'
            f'{content}</details>')


def _headlines(report: Report) -> list[Headline]:
    frames, (metres, degrees) = report.frames, report.medians
    ends_m, ends_deg = report.confidence_95 or (None, None)
    unit = length_unit([metres])
    return [(length(metres), f'median position error{_interval(ends_m, unit)}'),
            (number(degrees, 'deg'), f'median rotation error{_interval(ends_deg, DEGREES)}'),
            (length(report.translation_m.p95 if report.translation_m else None),
             'contain 95 % of the position errors'),
            (percent(frames.accepted / frames.total),
             f'{frames.accepted} of {frames.total} frames with an accepted estimate')]


def _tiles(headlines: Sequence[Headline]) -> str:
    return '<div class="tiles">' + ''.join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(text)}</span></div>'
        for value, text in headlines) + '</div>'


def _interval(ends: Sequence[float] | None, unit: Unit) -> str:
    if ends is None:
        return ''
    low, high = map(unit.number, ends)
    return f', 95 % interval {low} to {high} {unit.name}'


def _embedded_image(worst: WorstFrame) -> str:
    if worst.picture is None:
        return ''
    _, jpeg = cv2.imencode(
        '.jpg', worst.picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    height, width = worst.picture.shape[:2]
    data = base64.b64encode(jpeg.tobytes()).decode()
    text = f'{worst.frame.name}. {worst.caption}'.strip()
    return (f'<img alt="{escape(text)}" width="{width}" height="{height}" '
            f'src="data:image/jpeg;base64,{data}">')


def _frame_numbers(frame: FrameResult) -> str:
    """Say the error of a frame."""
    if frame.estimate is None:
        return 'no estimate'
    degrees = rotation_errors_deg(frame.estimate.quat_xyzw, frame.truth.quat_xyzw)[0]
    return f'{length(frame.error_m)}, {number(float(degrees), "deg")}'


def _card(worst: WorstFrame) -> str:
    frame = worst.frame
    facts = '; '.join(filter(None, (
        frame.outcome.replace('_', ' '), *frame.reasons, _predicted(frame),
        f'{frame.landmarks} landmarks' if frame.landmarks else '')))
    kind = 'card' if frame.accepted else 'card failed'
    return (f'<figure class="{kind}">{_embedded_image(worst)}<figcaption>'
            f'<b>{escape(_frame_numbers(frame))}</b> {escape(frame.name)}<br>{escape(facts)}'
            + (f'<br>{escape(worst.caption)}' if worst.caption else '') + '</figcaption></figure>')


def _predicted(frame: FrameResult) -> str:
    if frame.covariance is None or frame.estimate is None:
        return ''
    return f'sigma {length(float(np.sqrt(np.trace(frame.covariance[:3, :3]))))}'


def _anchor(heading: str) -> str:
    return re.sub('[^a-z0-9]+', '-', heading.lower()).strip('-')


def _contents(headings: Sequence[str]) -> str:
    return '<nav aria-label="Contents"><ul>' + ''.join(
        f'<li><a href="#{_anchor(heading)}">{escape(heading)}</a></li>'
        for heading in headings) + '</ul></nav>'


def _heading(text: str) -> str:
    return f'<h2 id="{_anchor(text)}">{escape(text)}</h2>'


def _html_section(section: Section) -> str:
    parts = [_heading(section.heading)]
    if section.text:
        parts.append(f'<p class="quiet">{escape(section.text)}</p>')
    if section.figures:
        figures = ''.join(f'<figure>{svg}</figure>' for svg in section.figures)
        parts.append(f'<div class="figures">{figures}</div>')
    parts += [_fold(rows) for rows in section.tables if rows]
    if section.frames:
        parts.append(f'<div class="cards">{"".join(map(_card, section.frames))}</div>')
    return '\n'.join(parts)


def _provenance(about: Mapping[str, Mapping[str, Any]]) -> str:
    """Fold what was evaluated by what, each part by itself."""
    return '\n'.join(_details(name.capitalize(), ', '.join(content), '<pre>' + escape(
        json_text(content)) + '</pre>') for name, content in about.items())


def comparison_page(all_rows: Sequence[Sequence[Row]], curves: Sequence[str]) -> str:
    """Render compare.html: tables and the cumulative errors of all reports."""
    parts = ['<h1>Reports side by side</h1>', *map(_html_table, all_rows),
             _html_section(Section('Cumulative errors', figures=curves))]
    return PAGE.substitute(title='Reports side by side', style=_style(), body='\n'.join(parts))


def html_page(report: Report, evaluation: Evaluation) -> str:
    """
    Render report.html: everything inside one file.

    :param evaluation: the results that the report was made from.
    """
    title = f'Relocalisation on {report.data.get("name", "poses")}'
    return page_of_sections(
        title, summary_sentences(report, evaluation), origin_line(report), _headlines(report),
        sections(report, evaluation),
        {'model': report.model, 'data': report.data, 'versions': report.versions},
        str(report.data.get('trained_on', '')))


def page_of_sections(title: str, summary: str, origin: str, headlines: Sequence[Headline],
                     shown: Sequence[Section], about: Mapping[str, Mapping[str, Any]],
                     warning: str = '') -> str:
    """
    Render a page of tiles and sections; all texts are escaped here.

    :param summary: sentences under the title; `origin` a quiet line below them.
    :param about: mappings that are folded at the end, as `Provenance`.
    :param warning: what people have to know before they believe the page; empty for nothing.
    """
    banner = f'<p class="banner" role="alert">{escape(warning)}</p>' if warning else ''
    parts = [f'<header>{banner}<h1>{escape(title)}</h1><p>{escape(summary)}</p>',
             f'<p class="quiet">{escape(origin)}</p></header>', _tiles(headlines),
             _contents([*(section.heading for section in shown), 'Provenance']),
             '<main>', *map(_html_section, shown), _heading('Provenance'),
             _provenance(about), '</main>']
    return PAGE.substitute(title=escape(title), style=_style(), body='\n'.join(parts))


def markdown_page(report: Report, evaluation: Evaluation) -> str:
    """Render report.md: the tables of the report."""
    name = str(report.data.get('name', 'poses'))
    warning = str(report.data.get('trained_on', ''))
    texts = filter(None, (warning, summary_sentences(report, evaluation), origin_line(report)))
    parts = [f'# Relocalisation on {markdown_text(name)}', *map(markdown_text, texts)]
    return '\n\n'.join([*parts, *map(markdown_table, tables(report, evaluation))]) + '\n'
