"""Compare reports: medians, paired differences and their p-values."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
import json
from pathlib import Path
from typing import Any

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.evaluation.estimates.frame_rows import (
    ERRORS,
    FrameRow,
    FRAMES_FILE,
    numbers,
    read_frame_rows,
)
from posenet_ros.evaluation.metrics.pose_errors import ByUnit, Errors, RECALL_LIMITS
from posenet_ros.evaluation.metrics.resampling import signed_rank_p_value
from posenet_ros.evaluation.report.content import FrameStatistics, REPORT_FILE
from posenet_ros.evaluation.report.error_tables import error_rows, median_unit
from posenet_ros.evaluation.report.figures.errors import cumulative_curves
from posenet_ros.evaluation.report.page import comparison_page
from posenet_ros.evaluation.report.tables import (
    length,
    markdown_table,
    METRES,
    number,
    percent,
    Row,
    text_table,
    Unit,
)
from posenet_ros.utils.atomic_folder import new_folder
from posenet_ros.utils.files.typed_json import read_mapping
from posenet_ros.utils.settings.schema import from_mapping

PUBLISHED = Path(__file__).with_name('published.json')
TOLERANCE = 1e-6  # metres and degrees: the rounding of frames.csv
UNITS = {'translation_m': 'm', 'rotation_deg': 'deg'}


@dataclass(frozen=True, eq=False)
class StoredReport:
    """
    A report read from its folder.

    :param statistics: of all frames.
    :param content: of its report.json, whichever version wrote it.
    :param errors: frame name -> metres and degrees, infinite without an accepted estimate.
    """

    name: str
    statistics: FrameStatistics
    content: Mapping[str, Any]
    errors: Mapping[str, tuple[float, float]]


def read_report(folder: Path) -> StoredReport:
    """
    Read report.json and frames.csv of a report folder.

    :raises InputError: naming the file that is missing or damaged.
    """
    for name in (REPORT_FILE, FRAMES_FILE):
        if not (folder / name).is_file():
            raise InputError(f'{folder / name} is missing: a folder made by evaluate is expected')
    content = read_mapping(folder / REPORT_FILE)
    statistics = from_mapping(
        FrameStatistics, content, str(folder / REPORT_FILE), ignore_unknown=True)
    if set(statistics.recall) != set(RECALL_LIMITS):
        raise InputError(f'{folder / REPORT_FILE}: recall has to hold {", ".join(RECALL_LIMITS)}. '
                         f'Received: {list(statistics.recall)!r}')
    statistics = replace(statistics, recall={
        name: statistics.recall[name] for name in RECALL_LIMITS})  # in the order of the table
    errors = {row['name']: _errors(row) for row in read_frame_rows(folder / FRAMES_FILE)}
    return StoredReport(folder.resolve().name, statistics, content, errors)


def _errors(row: FrameRow) -> tuple[float, float]:
    if row['outcome'] != 'accepted':
        return np.inf, np.inf
    metres, degrees = numbers(row, ERRORS)
    return metres, degrees


def differences(first: Floats, second: Floats) -> Floats:
    """Subtract first from second; 0 where both failed or are equal, infinite where one failed."""
    failed = np.isinf(first) & np.isinf(second)
    with np.errstate(invalid='ignore'):
        equal = np.abs(second - first) < TOLERANCE
        return np.where(failed | equal, 0.0, second - first)


def pair(first: StoredReport, second: StoredReport) -> dict[str, Any]:
    """
    Compare two reports frame by frame.

    :raises InputError: when they have no frame in common.
    """
    common = [name for name in first.errors if name in second.errors]
    if not common:
        raise InputError(f'expected frames that {first.name} and {second.name} both have. '
                         f'Received: {len(first.errors)} and {len(second.errors)} frames, '
                         'none with the same name')
    result: dict[str, Any] = {'first': first.name, 'second': second.name, 'frames': len(common)}
    for i, key in enumerate(UNITS):
        a, b = (np.array([report.errors[name][i] for name in common])
                for report in (first, second))
        difference = differences(a, b)
        both = difference[np.isfinite(a) & np.isfinite(b)]
        result[key] = {
            'median_difference': float(np.median(both)) if both.size else None,
            'second_better': float(np.mean(difference < 0)),
            'p_value': signed_rank_p_value(difference)}
    return result


def read_published(scene: str) -> list[dict[str, Any]]:
    """Read the published results of a scene."""
    rows: list[dict[str, Any]] = json.loads(PUBLISHED.read_text(encoding='utf-8'))[scene]
    return rows


def _label(row: Mapping[str, Any]) -> str:
    return f'published: {row["method"]} ({row["year"]})'


def published_rows(
        published: Sequence[Mapping[str, Any]], unit: Unit = METRES) -> list[Row]:
    """
    Format published results, with their own digits, as rows of :func:`side_by_side`.

    :param unit: of the positions.
    """
    unknown = ['-'] * (1 + len(RECALL_LIMITS))
    return [(_label(row), f'{unit.factor * row["translation_m"]:g}', f'{row["rotation_deg"]:g}',
             *unknown) for row in published]


def source_rows(published: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Make the table of the sources of published results."""
    return [('published figures, not measured here', 'source'),
            *((_label(row), row['source']) for row in published)]


def unit_of(reports: Sequence[StoredReport]) -> Unit:
    """Choose one unit for the positions of all reports."""
    return median_unit([(report.name, report.statistics) for report in reports])


def side_by_side(reports: Sequence[StoredReport]) -> list[Row]:
    """Make the table of medians and recalls, a row a report."""
    limits = [f'{m:g} m, {d:g} deg' for m, d in RECALL_LIMITS.values()]
    unit = unit_of(reports)
    rows: list[Row] = [('report', f'median ({unit.name})', 'median (deg)', 'frames', *limits)]
    return rows + [(report.name, unit.number(report.statistics.medians.translation_m),
                    number(report.statistics.medians.rotation_deg),
                    str(report.statistics.frames.total),
                    *map(percent, report.statistics.recall.values())) for report in reports]


def paired_rows(pairs: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Make the table of paired differences, two rows a pair."""
    rows: list[Row] = [('frame by frame', 'frames', 'median difference', 'better in', 'p-value')]
    for item in pairs:
        for key, unit in UNITS.items():
            values = item[key]
            rows.append((f'{item["second"]} against {item["first"]}', str(item['frames']),
                         length(values['median_difference']) if unit == 'm' else
                         number(values['median_difference'], unit),
                         percent(values['second_better']), f'{values["p_value"]:.4f}'))
    return rows


def _curves(reports: Sequence[StoredReport]) -> list[str]:
    """Draw the cumulative errors of all reports."""
    curves: list[tuple[Errors, dict[str, str | float]]] = []
    for i, report in enumerate(reports):
        metres, degrees = np.array(list(report.errors.values())).T
        curves.append((ByUnit(metres, degrees), {'label': report.name, 'color': f'C{i}'}))
    return cumulative_curves(curves)


def compare(options: argparse.Namespace) -> None:
    """
    Compare reports with the first one, print the tables and write them where asked.

    :param options: of `posenet compare`.
    """
    reports = [read_report(folder) for folder in options.reports]
    pairs = [pair(reports[0], other) for other in reports[1:]]
    published = read_published(options.published) if options.published else []
    tables = [[*side_by_side(reports), *published_rows(published, unit_of(reports))],
              error_rows([(report.name, report.statistics) for report in reports]),
              *([paired_rows(pairs)] if pairs else []),
              *([source_rows(published)] if published else [])]
    print('\n\n'.join(map(text_table, tables)))
    if options.out:
        page = comparison_page(tables, _curves(reports))
        with new_folder(options.out, force=options.force) as folder:
            (folder / 'compare.html').write_text(page, encoding='utf-8')
            (folder / 'compare.md').write_text('\n\n'.join(map(markdown_table, tables)) + '\n')
            (folder / 'compare.json').write_text(json.dumps({
                'reports': {r.name: r.content for r in reports}, 'pairs': pairs}, indent=2) + '\n')
