"""Read frozen dataclasses of settings from mappings; unknown keys are errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, MISSING
from typing import Any, TypeVar

from posenet_ros.errors import InputError
from posenet_ros.utils.suggestions import did_you_mean

T = TypeVar('T')


def from_mapping(cls: type[T], mapping: Mapping[str, Any], where: str) -> T:
    """
    Build a flat settings dataclass; lists become tuples.

    :param where: the file (and key) that the mapping came from, for the message.
    :raises InputError: on a key that is unknown or missing, naming it and the file.
    """
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(mapping) - set(known))
    if unknown:
        raise InputError(f'{where}: unknown key {unknown[0]!r}. Known keys: {", ".join(known)}'
                         + did_you_mean(unknown[0], known))
    missing = [name for name, f in known.items() if name not in mapping
               and f.default is MISSING and f.default_factory is MISSING]
    if missing:
        raise InputError(f'{where}: the key {missing[0]!r} is missing')
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in mapping.items()}
    try:
        return cls(**values)
    except (TypeError, InputError) as error:
        raise InputError(f'{where}: {error}') from error
