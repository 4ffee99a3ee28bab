"""README is short and in its order; every figure stands beside the command that makes it."""

from __future__ import annotations

import re

from helpers import ROOT
import pytest

MAX_BYTES, MIN_BYTES, MAX_WORDS, MAX_TABLES, MAX_NUMBERS = 8192, 7000, 1300, 3, 60
ORDER = ['What it does', 'Try it', 'Your own place', 'On the robot', 'How good is it',
         'As a library', 'How it works', 'Limits', 'Help, citing, licence']
# A figure that was measured: a number with one of these units.
MEASURED = re.compile(r'\d ?(?:(?:km|mm|cm|ms|m|deg|MB|s|minutes)\b|%)')
COMMAND = re.compile(r'`(?:posenet|make) [^`]+`|^(?:posenet|make) ', re.MULTILINE)


def readme() -> str:
    return (ROOT / 'README.md').read_text()


def numbers(text: str) -> list[str]:
    """Return the numbers of a text, without those in names and addresses."""
    text = re.sub(r'\(\S+\)|https?://\S+', '', text)
    return re.findall(r'(?<![\w.])\d+(?:[.,]\d+)*', text)


def tables(text: str) -> int:
    return len(re.findall(r'^\| *-{3}', text, re.MULTILINE))


def sections(text: str) -> dict[str, str]:
    """Return title -> text of the sections; that before the first has the title ''."""
    parts = re.split(r'^## (.+)$', text, flags=re.MULTILINE)
    return dict(zip(['', *parts[1::2]], [parts[0], *parts[2::2]], strict=True))


def figures_without_command(text: str) -> list[str]:
    """Return the sections that have measured figures and name no command that makes them."""
    return [title for title, part in sections(text).items()
            if MEASURED.search(part) and not COMMAND.search(part)]


def test_it_is_short() -> None:
    text = readme()
    assert MIN_BYTES <= len(text.encode()) <= MAX_BYTES
    assert len(text.split()) <= MAX_WORDS
    assert tables(text) <= MAX_TABLES
    assert len(numbers(text)) <= MAX_NUMBERS


def test_its_sections_stand_in_order() -> None:
    titles = list(sections(readme()))[1:]
    assert [next((word for word in ORDER if title.startswith(word)), title)
            for title in titles] == ORDER


def test_every_figure_has_its_command() -> None:
    assert figures_without_command(readme()) == []


@pytest.mark.parametrize(('text', 'found'), [
    ('## A\n0.95 m in the median\n', ['A']),
    ('## A\nthe p95 is 3 mm\n## B\n`make demo`\n', ['A']),
    ('## A\n`make demo`: 0.95 m\n', []),
    ('## A\n```sh\nposenet evaluate --data D\n```\n97 % are answered\n', []),
    ('## A\nPython 3.12, Ubuntu 24.04\n', [])])
def test_the_check_finds_figures_without_a_command(text: str, found: list[str]) -> None:
    assert figures_without_command(text) == found


def test_numbers_are_counted() -> None:
    assert numbers('0.68 to 0.95 m, 1,200 images, ICCV 2015, int8, [x](a/2.md)') == [
        '0.68', '0.95', '1,200', '2015']
    assert tables('| a |\n| --- |\n| b |\n\n| a |\n| --- |\n') == 2
