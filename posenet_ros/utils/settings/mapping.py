"""Convert dataclasses to mappings that JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

# metadata of a field that the mapping leaves out where it is None
OMIT_NONE: Mapping[str, Any] = {'omit_none': True}


def key(name: str) -> dict[str, str]:
    """Make the metadata of a field that has another key in the mapping than its name."""
    return {'key': name}


def to_mapping(instance: Any) -> dict[str, Any]:  # noqa: ANN401
    """
    Convert a dataclass to a dictionary; arrays and tuples become lists, at any depth.

    :param instance: of a dataclass.
    """
    values = {f: getattr(instance, f.name) for f in fields(instance)}
    return {f.metadata.get('key', f.name): _plain(value) for f, value in values.items()
            if not (value is None and f.metadata.get('omit_none'))}


def _plain(value: object) -> object:
    if hasattr(value, '__dataclass_fields__'):
        return to_mapping(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
