"""Suggestions for mistyped words."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """
    Return the end of a message that names the known word nearest to a misspelt one.

    :param word: as it was given.
    :param known: the words that would be right.
    :returns: `; did you mean WORD?`, or nothing where no word is near.
    """
    from difflib import get_close_matches  # for errors only

    found = get_close_matches(word, list(known), n=1)
    return f'; did you mean {found[0]}?' if found else ''
