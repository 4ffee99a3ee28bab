"""Suggestions for mistyped words."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return '; did you mean X?' with the most similar known word, or '' where none is."""
    found = get_close_matches(word, list(known), n=1)
    return f'; did you mean {found[0]}?' if found else ''
