"""The tables of what grows, and its picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from posenet_ros.evaluation.report.tables import text_table
from posenet_ros.training.bench.retrieval.benchmark import retrieval_rows
from posenet_ros.training.bench.scale.growth import Growth

COLUMNS = {
    'images': {
        'images': ('images', 'd'), 'cpu_s': ('CPU s', '.0f'), 'peak_mb': ('peak MB', '.0f'),
        'map_mb': ('files, MB', '.1f'), 'landmarks': ('landmarks', 'd'),
        'pose_ms': ('pose, CPU ms', '.1f'), 'answered': ('answered', '.1%'),
        'median_m': ('median, m', '.4f'), 'false': ('false', 'd')},
    'bags': {
        'bags': ('bags', 'd'), 'frames': ('frames', 'd'), 'cpu_s': ('CPU s', '.1f'),
        'peak_mb': ('peak MB', '.0f'), 'report_mb': ('report, MB', '.1f')}}
GROWING = {
    'images': {
        'cpu_s': 'mapping, CPU s', 'peak_mb': 'mapping, peak memory, MB',
        'map_mb': 'files of the map, MB', 'pose_ms': 'localising an image, CPU ms'},
    'views': {
        'exact_ms': 'exact search, CPU ms', 'index_ms': 'search by an index, CPU ms',
        'index_mb': 'index, MB'},
    'bags': {
        'cpu_s': 'evaluating bags, CPU s', 'peak_mb': 'evaluating bags, peak memory, MB',
        'report_mb': 'report of the bags, MB'}}
EXTRAPOLATED_TO = {'images': 10_000, 'views': 1_000_000, 'bags': 200}  # drawn dashed
MAX_COLUMNS = 4
DECADE = 10 ** 0.5  # shown on either side of the values at least: what hardly grows looks it


def scale_text(found: Mapping[str, Any]) -> str:
    """Return all tables as text: of each number that grows, then the exponents."""
    tables = [retrieval_rows({'rows': rows}) if name == 'views' else scale_rows(name, rows)
              for name, rows in found['tables'].items()]
    return '\n\n'.join(map(text_table, [*tables, growth_rows(found)]))


def scale_rows(name: str, rows: list[Mapping[str, Any]]) -> list[list[str]]:
    """Return a table of :data:`COLUMNS`: head, and a row for each size."""
    return [[head for head, _ in COLUMNS[name].values()],
            *([_text(row.get(key), form) for key, (_, form) in COLUMNS[name].items()]
              for row in rows)]


def _text(value: float | None, form: str) -> str:
    return '-' if value is None else f'{value:{form}}'


def _growing(found: Mapping[str, Any]) -> Iterator[tuple[str, str, list[Any], Growth]]:
    """Yield what grows: the number, the figure, the rows and the power law."""
    for number, laws in found['growth'].items():
        for figure, law in laws.items():
            yield number, figure, found['tables'][number], Growth(**law)


def growth_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of the exponents: measured, and what follows for more."""
    return [['grows as a power of', 'figure', 'exponent', '95 %', 'measured', 'extrapolated'],
            *([number, GROWING[number][figure], f'{law.exponent:.2f}',
               f'{law.low:.2f} to {law.high:.2f}', f'{rows[-1][figure]:.3g} at {last}',
               f'{law.at(end):.3g} at {end}' if last < end else '-']
              for number, figure, rows, law in _growing(found)
              for last, end in [(rows[-1][number], EXTRAPOLATED_TO[number])])]


def draw_growth(found: Mapping[str, Any], file: Path) -> None:
    """Draw the figures over the numbers, both logarithmic, with their power laws, as PNG."""
    from matplotlib.figure import Figure
    shown = list(_growing(found))
    columns = min(len(shown), MAX_COLUMNS)
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(3.6 * columns, 2.9 * rows), layout='constrained')
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis, (number, name, measured, law) in zip(axes, shown, strict=False):
        sizes, values = (np.array([row[key] for row in measured], np.float64)
                         for key in (number, name))
        axis.loglog(sizes, values, 'o', color='tab:blue')
        end = EXTRAPOLATED_TO[number]
        for ends, style in (((sizes[0], sizes[-1]), '-'), ((sizes[-1], end), '--')):
            if ends[0] < ends[1]:
                axis.loglog(ends, [law.at(one) for one in ends], style, color='tab:orange')
        middle = np.sqrt(values.min() * values.max())
        low, high = axis.get_ylim()
        axis.set_ylim(min(low, middle / DECADE), max(high, middle * DECADE))
        axis.set_title(f'{GROWING[number][name]}\nn^{law.exponent:.2f} '
                       f'({law.low:.2f} to {law.high:.2f})', fontsize=9)
        axis.set_xlabel(number)
        axis.grid(alpha=0.3)
    for axis in axes[len(shown):]:
        axis.set_axis_off()
    figure.savefig(file, format='png', dpi=80)
