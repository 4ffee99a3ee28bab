"""
Draw architecture.svg from the tables of architecture.md: `python doc/make_architecture.py`.

A box a folder, in the order of the tables: its name, its subject, and the modules and folders in
it. It stands on a light card of its own, so that it can be read on a dark page, too.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
import re

HERE = Path(__file__).parent
WIDTH, HEIGHT, GAP, TOP, LEFT = 640, 48, 16, 56, 20
LETTERS = 94  # of the modules' line that a box is wide enough for
CORE = ('arrays', 'errors')  # modules beside the commands that every folder may import
COLUMNS = (('the library: posenet_ros/', 'posenet_ros', '#dbeafe'),
           ('offline: training/, imported as posenet_ros.training', 'training', '#dcfce7'))
STYLE = ('.h{font-size:17px;font-weight:bold}.n{font-size:15px;font-weight:bold}'
         '.m{font-size:11.5px;fill:#374151}.c{font-size:12px;fill:#4b5563;font-style:italic}')
ARROW = ('<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
         'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#4a5568"/></marker>'
         '</defs>')


def folders(text: str) -> list[list[tuple[str, str]]]:
    """Return name and subject of each row of the two tables of the document."""
    return [re.findall(r'^\| `(\w+)` \| ([^|]*) \|', part, re.MULTILINE)
            for part in text.split('folder of training')]


def modules(folder: Path) -> list[str]:
    """Return the names of the modules right in a folder."""
    return [one.stem for one in sorted(folder.glob('*.py')) if not one.stem.startswith('__')]


def contents(folder: Path) -> list[str]:
    """Return the names of the folders and of the modules in a folder."""
    return [f'{one.parent.name}/' for one in sorted(folder.glob('*/__init__.py'))] + modules(
        folder)


def one_line(names: list[str]) -> str:
    """Return as many names as fit into a box."""
    line = ''
    for name in names:
        longer = f'{line} · {name}' if line else name
        if len(longer) > LETTERS:
            return f'{line} · …'
        line = longer
    return line


def box(left: int, top: int, colour: str, name: str, subject: str, line: str) -> str:
    """Return the SVG of a folder."""
    return (f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" rx="6" '
            f'fill="{colour}" stroke="#4a5568"/>'
            f'<text x="{left + 12}" y="{top + 20}" class="n">{escape(name)}</text>'
            f'<text x="{left + WIDTH - 12}" y="{top + 20}" class="c" text-anchor="end">'
            f'{escape(subject)}</text>'
            f'<text x="{left + 12}" y="{top + 38}" class="m">{escape(line)}</text>')


def column(left: int, title: str, package: Path, colour: str,
           rows: list[tuple[str, str]]) -> str:
    """Return the SVG of a package: its commands, and its folders below each other."""
    commands = [name for name in modules(package) if name not in CORE]
    boxes = [('commands', 'what a user starts', commands, '#fde68a')]
    boxes += [(name, subject, contents(package / name), colour) for name, subject in rows]
    parts = [f'<text x="{left}" y="38" class="h">{escape(title)}</text>']
    for i, (name, subject, names, fill) in enumerate(boxes):
        top = TOP + i * (HEIGHT + GAP)
        parts.append(box(left, top, fill, name, subject, one_line(names)))
        if i:
            parts.append(f'<path d="M{left + WIDTH // 2} {top - GAP}v{GAP - 4}" '
                         'stroke="#4a5568" marker-end="url(#a)"/>')
    return '\n'.join(parts)


def draw(root: Path) -> str:
    """Return the SVG of a source tree."""
    tables = folders((root / 'doc' / 'architecture.md').read_text())
    rows = max(map(len, tables)) + 1
    width, height = 3 * LEFT + 2 * WIDTH, TOP + rows * (HEIGHT + GAP)
    parts = [column(LEFT + i * (WIDTH + LEFT), title, root / package, colour, tables[i])
             for i, (title, package, colour) in enumerate(COLUMNS)]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'font-family="sans-serif">{ARROW}<style>{STYLE}</style>'
            f'<rect width="{width}" height="{height}" rx="12" fill="#fff"/>\n'
            + '\n'.join(parts) + '\n</svg>\n')


if __name__ == '__main__':
    (HERE / 'architecture.svg').write_text(draw(HERE.parent))
