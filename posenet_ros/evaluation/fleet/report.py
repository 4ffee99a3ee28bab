"""The report of many bags: fleet.json, its page, its tables and its plan."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.fleet.frames import BagFrames
from posenet_ros.evaluation.fleet.plan import Cell, draw_plan, plan_cells, worst_cells
from posenet_ros.evaluation.fleet.summary import GroupStatistics
from posenet_ros.evaluation.metrics.resampling import MIN_CLUSTERS
from posenet_ros.evaluation.report.content import json_text
from posenet_ros.evaluation.report.folder import write_text
from posenet_ros.evaluation.report.page import page_of_sections
from posenet_ros.evaluation.report.sections import Section
from posenet_ros.evaluation.report.tables import (
    length,
    length_unit,
    markdown_table,
    number,
    percent,
    Row,
)

BAGS_FOLDER = 'bags'  # each bag's own report, by its name
PLAN_FILE = 'plan.png'
COLUMNS = ('bags', 'frames', 'answered', 'false of 1000', 'at most', 'position', '95 %',
           'rotation', '95 %')


@dataclass(frozen=True, eq=False)
class FleetReport:
    """
    What is known of a model on many bags.

    :param model: folder, hash and the like, as of a report.
    :param whole: of all bags; `groups` by label, then by its value; `bags` by name.
    :param warnings: what to know before the numbers are believed.
    :param rejected: why each bag that could not be evaluated was left out.
    """

    model: Mapping[str, Any]
    whole: GroupStatistics
    groups: Mapping[str, Mapping[str, GroupStatistics]]
    bags: Mapping[str, GroupStatistics]
    frames: Sequence[BagFrames]
    warnings: Sequence[str] = ()
    rejected: Sequence[str] = ()

    @property
    def summary(self) -> str:
        """Return the report in a sentence."""
        whole = self.whole
        medians = whole.medians
        errors = ', no pose' if medians is None else (
            f', medians {length(medians.translation_m)} and '
            f'{number(medians.rotation_deg, "deg")}')
        return (f'{whole.bags} bags, {whole.frames} frames: {percent(whole.answered)} answered'
                f'{errors}, {number(whole.false_per_1000)} false of 1000')


def tables(report: FleetReport, worst: Sequence[Cell]) -> list[list[Row]]:
    """Return the tables of the report: by label, by bag, the worst cells of the plan."""
    found = [_group_rows('all', {'all bags': report.whole})]
    found += [_group_rows(f'by {label}', groups) for label, groups in report.groups.items()]
    found.append(_group_rows('by bag', report.bags))
    if worst:
        found.append([('where it is worst', 'frames', 'answered', 'median', 'bags'), *(
            (f'x {cell.x_m:.1f}, y {cell.y_m:.1f} m', str(cell.frames), percent(cell.answered),
             _median(cell), str(len(cell.bags))) for cell in worst)])
    return found


def _median(cell: Cell) -> str:
    return length(cell.median_m) if cell.median_m < float('inf') else 'mostly unanswered'


def _group_rows(title: str, groups: Mapping[str, GroupStatistics]) -> list[Row]:
    return [(title, *COLUMNS), *((name or '-', *_cells(one)) for name, one in groups.items())]


def _cells(one: GroupStatistics) -> list[str]:
    errors = ['-'] * 4
    if one.medians and one.confidence_95:
        (low_m, high_m), (low_deg, high_deg) = one.confidence_95
        unit = length_unit([one.medians.translation_m])
        errors = [length(one.medians.translation_m),
                  f'{unit.number(low_m)} to {unit.number(high_m)}',
                  number(one.medians.rotation_deg, 'deg'),
                  f'{number(low_deg)} to {number(high_deg)}']
    return [str(one.bags), str(one.frames), percent(one.answered), number(one.false_per_1000),
            number(one.false_per_1000_at_most), *errors]


def write_fleet_report(report: FleetReport, folder: Path, map_views_m: Floats) -> None:
    """
    Write plan.png, fleet.md, fleet.html and, as the last, fleet.json into a folder.

    :param map_views_m: as of :func:`draw_plan`.
    """
    cells = plan_cells(report.frames)
    worst = worst_cells(cells)
    cv2.imwrite(str(folder / PLAN_FILE), draw_plan(cells, map_views_m)[..., ::-1])
    rows = tables(report, worst)
    lines = [*report.warnings, *(f'left out: {text}' for text in report.rejected)]
    write_text(folder / 'fleet.md', '\n\n'.join(
        ['# A fleet', report.summary, *lines, *map(markdown_table, rows)]) + '\n')
    write_text(folder / 'fleet.html', _page(report, rows, (folder / PLAN_FILE).read_bytes()))
    write_text(folder / 'fleet.json', json_text(_content(report, worst)))


def _page(report: FleetReport, rows: Sequence[Sequence[Row]], plan: bytes) -> str:
    picture = (f'<img alt="plan" src="data:image/png;base64,{base64.b64encode(plan).decode()}" '
               'style="max-width:100%">')
    links = '<ul>' + ''.join(
        f'<li><a href="{quote(f"{BAGS_FOLDER}/{name}/report.html")}">{escape(name)}</a></li>'
        for name in report.bags) + '</ul>'
    shown = [
        Section('Numbers', 'Medians are of answered frames. Their intervals are by the bootstrap '
                f'over whole bags, or, of fewer than {MIN_CLUSTERS} bags, over blocks of frames, '
                'which says nothing of other days. False poses are of all frames.', tables=rows),
        Section('Where it is worst', 'The plan from above: blue cells have a median error of a '
                'millimetre, dark red ones of a metre and more, magenta ones are mostly '
                'unanswered; dots are views of the map.', figures=[picture]),
        Section("Each bag's own report", figures=[links])]
    whole = report.whole
    return page_of_sections(
        'Relocalisation of a fleet', report.summary,
        '; '.join(f'left out: {text}' for text in report.rejected),
        [(percent(whole.answered), f'answered of {whole.frames} frames'),
         (number(whole.false_per_1000), 'false of 1000 frames')], shown,
        {'model': report.model}, '; '.join(report.warnings))


def _content(report: FleetReport, worst: Sequence[Cell]) -> dict[str, Any]:
    return {'bags': {name: asdict(one) for name, one in report.bags.items()},
            'all': asdict(report.whole),
            'groups': {label: {value: asdict(one) for value, one in groups.items()}
                       for label, groups in report.groups.items()},
            'worst': [asdict(cell) for cell in worst], 'warnings': list(report.warnings),
            'rejected': list(report.rejected), 'model': report.model}
