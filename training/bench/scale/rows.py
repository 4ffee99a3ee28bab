"""The tables of how a map grows, and its picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from posenet_ros.training.bench.scale.growth import Growth

COLUMNS = {'images': ('images', 'd'), 'cpu_s': ('CPU s', '.0f'), 'peak_mb': ('peak MB', '.0f'),
           'map_mb': ('files, MB', '.1f'), 'landmarks': ('landmarks', 'd'),
           'pose_ms': ('pose, CPU ms', '.1f'), 'answered': ('answered', '.1%'),
           'median_m': ('median, m', '.4f'), 'false': ('false', 'd')}
FIGURES = {'cpu_s': 'mapping, CPU s', 'peak_mb': 'mapping, peak memory, MB',
           'map_mb': 'files of the map, MB', 'pose_ms': 'localising an image, CPU ms'}
EXTRAPOLATED_TO = 10_000  # images, drawn dashed beyond what was measured


def scale_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of the sizes: head, and a row for each."""
    return [[name for name, _ in COLUMNS.values()],
            *([_text(row.get(key), form) for key, (_, form) in COLUMNS.items()]
              for row in found['rows'])]


def _text(value: float | None, form: str) -> str:
    return '-' if value is None else f'{value:{form}}'


def growth_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of the exponents: measured, and what follows for more images."""
    last = found['rows'][-1]['images']
    head = ['grows as n to the', 'exponent', '95 %', f'measured at {last}',
            f'extrapolated to {EXTRAPOLATED_TO}']
    return [head, *([FIGURES[name], f'{one["exponent"]:.2f}',
                     f'{one["low"]:.2f} to {one["high"]:.2f}',
                     f'{found["rows"][-1][name]:.3g}',
                     f'{Growth(**one).at(EXTRAPOLATED_TO):.3g}' if last < EXTRAPOLATED_TO else '-']
                    for name, one in found['growth'].items())]


def draw_growth(found: Mapping[str, Any], file: Path) -> None:
    """Draw the figures over the images, both logarithmic, with their power laws, as PNG."""
    from matplotlib.figure import Figure
    figure = Figure(figsize=(9, 6), layout='constrained')
    sizes = np.array([row['images'] for row in found['rows']], np.float64)
    for axis, (name, growth) in zip(
            figure.subplots(2, 2).flat, found['growth'].items(), strict=False):
        axis.loglog(sizes, [row[name] for row in found['rows']], 'o', color='tab:blue')
        law = Growth(**growth)
        for ends, style in (((sizes[0], sizes[-1]), '-'), ((sizes[-1], EXTRAPOLATED_TO), '--')):
            if ends[0] < ends[1]:
                axis.loglog(ends, [law.at(end) for end in ends], style, color='tab:orange')
        axis.set_title(f'{FIGURES[name]}: n^{law.exponent:.2f} '
                       f'({law.low:.2f} to {law.high:.2f})', fontsize=9)
        axis.set_xlabel('images')
        axis.grid(which='both', alpha=0.3)
    figure.savefig(file, format='png', dpi=110)
