"""
Make a row of a results table of each report: `python doc/results_table.py NAME=REPORT ...`.

A report is a folder of `posenet evaluate`; the table is Markdown, for the pages below
`doc/results/`. Rows in the order given; medians with their 95 % intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import json
from pathlib import Path
import sys
from typing import Any

HEAD = ('data', 'median (m)', 'median (deg)', 'p95 (m)', 'within one, two sigma', 'accepted',
        'nearest training image', 'constant pose')


def rounded(value: float) -> str:
    """Format a length or an angle to about two digits that matter."""
    return f'{value:.3f}' if value < 0.1 else f'{value:.2f}'


def _with_interval(report: Mapping[str, Any], key: str) -> str:
    ends = (report.get('confidence_95') or {}).get(key)
    shown = f' ({rounded(ends[0])} to {rounded(ends[1])})' if ends else ''
    return f'{rounded(report[key]["median"])}{shown}'


def _baseline(report: Mapping[str, Any], key: str) -> str:
    found = report['baselines'].get(key)
    return f'{found["translation_m"]:.2f} m, {found["rotation_deg"]:.1f} deg' if found else '-'


def row(name: str, report: Mapping[str, Any]) -> tuple[str, ...]:
    """Make the row of a report, as report.json holds it."""
    frames, calibration = report['frames'], report.get('calibration')
    sigma = '-'
    if calibration:
        coverage = calibration['pose']['coverage']
        sigma = f'{coverage["1_sigma"]:.0%}, {coverage["2_sigma"]:.0%}'.replace('%', ' %')
    return (name, _with_interval(report, 'translation_m'), _with_interval(report, 'rotation_deg'),
            rounded(report['translation_m']['p95']), sigma,
            f'{frames["accepted"]} of {frames["total"]}',
            _baseline(report, 'nearest_train_image'), _baseline(report, 'constant'))


def table(named: Sequence[str]) -> str:
    """Make the table of NAME=REPORT pairs; the name of a bare folder is the folder's."""
    rows: list[tuple[str, ...]] = [HEAD, ('---', *['---:'] * (len(HEAD) - 1))]
    for item in named:
        name, _, folder = item.rpartition('=')
        report = json.loads((Path(folder) / 'report.json').read_text(encoding='utf-8'))
        rows.append(row(name or Path(folder).name, report))
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in rows)


if __name__ == '__main__':
    sys.stdout.write(f'{table(sys.argv[1:]) if sys.argv[1:] else __doc__}\n')
