"""Numbers, lengths and tables as text, for a terminal, HTML and Markdown alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

Row = Sequence[str]

BASELINE_LABELS: Mapping[str, str] = {
    'nearest_train_image': 'nearest training image',
    'nearest_train_position': 'nearest training position (oracle)',
    'constant': 'constant pose'}
MILLIMETRES_BELOW_M = 0.1


def number(value: float | None, unit: str = '') -> str:
    """Format a number with three significant digits; a dash for None."""
    if value is None:
        return '-'
    text = f'{value:.0f}' if abs(value) >= 1000 else f'{value:#.3g}'.rstrip('.')
    return f'{text} {unit}'.strip()


def percent(fraction: float, digits: int = 1) -> str:
    """Format a fraction as a percentage, never -0."""
    return f'{round(100 * fraction, digits) + 0.0:.{digits}f} %'


@dataclass(frozen=True)
class Unit:
    """A unit to show errors in: its name, and its number in a metre (or in a degree)."""

    name: str
    factor: float = 1.0
    decimals: int = 2

    def number(self, value: float | None) -> str:
        """Format a value that is given in metres (or degrees), without the unit's name."""
        return number(None if value is None else value * self.factor)

    def rounded(self, value: float) -> str:
        """Format a value as `number` does, to whole centimetres (or 0.01 deg) or millimetres."""
        scaled = value * self.factor
        decimals = self.decimals if abs(scaled) >= 1 else max(self.decimals, 1)
        return f'{scaled:.{decimals}f}'


METRES, MILLIMETRES, DEGREES = Unit('m'), Unit('mm', 1000.0, 0), Unit('deg')


def length_unit(values_m: Iterable[float | None]) -> Unit:
    """
    Choose one unit for lengths, so that they compare: millimetres if the smallest is below 0.1 m.

    :param values_m: metres; None and what is not finite count for nothing.
    """
    known = [abs(value) for value in values_m if value is not None and np.isfinite(value)]
    return MILLIMETRES if known and min(known) < MILLIMETRES_BELOW_M else METRES


def length(value_m: float | None, *, rounded: bool = False) -> str:
    """
    Format one length with the unit that fits it, millimetres below 0.1 m.

    :param rounded: to whole centimetres or millimetres; else to three significant digits.
    """
    if value_m is None:
        return '-'
    unit = length_unit([value_m])
    return f'{unit.rounded(value_m) if rounded else unit.number(value_m)} {unit.name}'


def text_table(rows: Sequence[Row]) -> str:
    """Format a table for a terminal: the first column aligned left, the others right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ['  '.join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width)
                       in enumerate(zip(row, widths, strict=True))) for row in rows]
    text = '\n'.join([lines[0], '-' * len(lines[0]), *lines[1:]])
    return text.encode(errors='backslashreplace').decode()  # names of files are no text, at times


def markdown_text(text: str) -> str:
    """Escape a text for Markdown: what is HTML, and what would end a cell or begin another row."""
    return escape(' '.join(text.split()), quote=False).replace('|', '\\|')


def markdown_table(rows: Sequence[Row]) -> str:
    """Format a table in Markdown."""
    rule = ['---', *['---:'] * (len(rows[0]) - 1)]
    return '\n'.join('| ' + ' | '.join(map(markdown_text, row)) + ' |'
                     for row in (rows[0], rule, *rows[1:]))
