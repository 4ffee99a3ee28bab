"""Read the documents: their code blocks, code spans and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from helpers import ROOT
from markdown_it import MarkdownIt
from markdown_it.token import Token

BUILT = {'_build', '_generated'}
TOP = 'README.md', 'CONTRIBUTING.md', 'training/README.md'
DOCUMENTS = [*(ROOT / name for name in TOP), *sorted(
    file for file in (ROOT / 'doc').rglob('*.md') if not BUILT & set(file.parts))]
TROUBLESHOOTING = sorted((ROOT / 'doc' / 'troubleshooting').glob('*.md'))


class Block(NamedTuple):
    """A fenced block: its language, its text and the line where it begins."""

    language: str
    text: str
    line: int


def parse(text: str) -> list[Token]:
    """Return the tokens of a Markdown text."""
    return MarkdownIt('commonmark').enable('table').parse(text)


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a document; directives such as {toctree} are none."""
    return [Block(token.info.strip(), token.content, (token.map or [0])[0] + 1)
            for token in parse(text) if token.type == 'fence' and not token.info.startswith('{')]


def commands(text: str) -> Iterator[tuple[int, str]]:
    """Yield the commands of the shell blocks, without comments, with their lines."""
    for block in blocks(text):
        if block.language in ('sh', 'bash', 'shell'):
            joined = block.text.replace('\\\n', '  ')
            for i, line in enumerate(joined.splitlines(), block.line + 1):
                for part in line.split(' #')[0].split('&&'):
                    if part.strip() and not part.strip().startswith('#'):
                        yield i, part.strip()


def spans(tokens: Sequence[Token]) -> list[str]:
    """Return the code spans."""
    return [child.content.strip() for token in tokens for child in token.children or ()
            if child.type == 'code_inline']


def first_cells(tokens: Sequence[Token]) -> list[str]:
    """Return the code spans in the first cells of the rows of tables."""
    return [text for row, cell, token in zip(tokens, tokens[1:], tokens[2:], strict=False)
            if (row.type, cell.type) == ('tr_open', 'td_open') for text in spans([token])]


def read(file: Path) -> str:
    """Read a document."""
    return file.read_text(encoding='utf-8')
