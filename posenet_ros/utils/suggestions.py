"""Suggestions for misspelt names."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """
    Return a question that names the known word nearest to a misspelt one.

    :param word: as it was given.
    :param known: the words that would be right.
    :returns: `Did you mean 'WORD'?`, or nothing where no word is near.
    """
    close = get_close_matches(word, list(known), n=1)
    return f'Did you mean {close[0]!r}?' if close else ''
