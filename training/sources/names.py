"""Names of walks: those of their files and folders, made unique."""

from __future__ import annotations

from collections.abc import Iterable


def unique_names(names: Iterable[str]) -> list[str]:
    """Return the names, with a number behind those that were there before."""
    found: list[str] = []
    for name in names:
        unique, number = name, 2
        while unique in found:
            unique, number = f'{name}-{number}', number + 1
        found.append(unique)
    return found
