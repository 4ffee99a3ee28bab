"""
The columns of text files, whoever wrote them: separators, headers, numbers.

Spaces, tabs, commas and semicolons separate columns; a name in the first one may hold any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
import re

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.utils.files.text import is_comment

NUMBER = re.compile(r'[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)', re.ASCII)
DECIMAL_COMMA = re.compile(r'[+-]?\d+,\d+(e[+-]?\d+)?', re.IGNORECASE)
SEPARATORS = re.compile(r'\s+'), re.compile(r'[ ]*,[ ]*'), re.compile(r'[ ]*;[ ]*'), re.compile(
    r' *\t *')
IMAGE_SUFFIXES = '.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.ppm', '.pgm', '.webp'
MAX_HEADER_LINES = 10
FEW_NUMBERS = 3  # that a line of a header has at most, less than half of its words


def is_number(word: str) -> bool:
    """Return whether a word is a number, NaN and infinity among them; `1_0` is none."""
    return NUMBER.fullmatch(word.lower()) is not None


def _all_numbers(words: Sequence[str]) -> bool:
    return len(words) > 0 and all(map(is_number, words))


def split_columns(text: str) -> list[str]:
    """
    Split a line at the separator that leaves numbers behind the first column.

    Where none does, which a bad line or a header shows, words are separated by white space, after
    semicolons and commas; words before the last run of numbers are the first column, a name with
    spaces in it.
    """
    text = re.sub(r'\s#.*', '', text.strip()) or text.strip()
    for separator in SEPARATORS:
        words = [word.strip('"\'') for word in separator.split(text)]
        while len(words) > 1 and not words[-1]:
            del words[-1]  # of a separator at the end
        if _all_numbers(words[1:]):
            return words
    words = re.split(r'\s*;\s*|\s+' if ';' in text else r',?\s+|(?<!\d),|,(?!\d)', text)
    return _join_name([word for word in words if word])


def _join_name(words: list[str]) -> list[str]:
    """Join what stands before the last run of numbers, where that is long enough for a pose."""
    last = max((i for i, word in enumerate(words) if not is_number(word)), default=0)
    return [' '.join(words[:last + 1]), *words[last + 1:]] if len(words) - last > 7 else words


def numbers(words: Sequence[str], count: int, what: str) -> Floats:
    """
    Parse a number of each word.

    :param count: of the words.
    :param what: that they are, for the message.
    :raises InputError: on another count, a word that is no number, or a decimal comma.
    """
    if any(DECIMAL_COMMA.fullmatch(word) for word in words):
        raise InputError(f'expected {what} with decimal points. Received: decimal commas, '
                         f'{" ".join(words)[:80]!r}')
    if len(words) != count:
        raise InputError(f'expected {what}. Received: {len(words)} numbers')
    if not all(map(is_number, words)):
        raise InputError(f'expected {what}. Received: {" ".join(words)[:80]!r}')
    return np.array([float(word) for word in words])


def is_header(text: str) -> bool:
    """Return whether a line before the first row is none itself: words, and hardly a number."""
    words = re.split(r'[\s,;]+', text.strip())
    if any(word.lower().endswith(IMAGE_SUFFIXES) for word in words[:1]):
        return False
    count = sum(map(is_number, words))
    return count < FEW_NUMBERS and (2 * count <= len(words) or len(words) == 1)


def header_length(lines: Sequence[str]) -> int:
    """
    Return how many of the first lines are a header: those before the first row of numbers.

    Cambridge has three lines, the last of them blank; others have a line of column names, with
    or without `#`, or a count of what follows.
    """
    for number, text in enumerate(lines[:MAX_HEADER_LINES]):
        if not (is_comment(text) or is_header(text)):
            return number
    return min(len(lines), MAX_HEADER_LINES)


def column_names(lines: Iterable[str]) -> list[str]:
    """
    Return the column names in the last line of a header that has some, lower case.

    Units in brackets, `[m]`, are dropped, but for those of time.
    """
    found: list[str] = []
    for line in lines:
        text = line.strip().lstrip('#/% ').lower()
        words = [word for word in re.split(r'[\s,;\[\]()]+', text) if word]
        if len(words) >= FEW_NUMBERS:
            found = words
    return found
