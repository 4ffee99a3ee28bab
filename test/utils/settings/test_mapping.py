"""Dataclasses as mappings that JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import json

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.utils.settings.mapping import key, OMIT_NONE, to_mapping


@dataclass(frozen=True, eq=False)
class Inner:
    """A part with a key that is no name, and one that may be missing."""

    start: float = field(metadata=key('from'))
    extra: float | None = field(default=None, metadata=OMIT_NONE)


@dataclass(frozen=True, eq=False)
class Outer:
    """Everything that a report may hold."""

    parts: Mapping[str, Inner | None]
    curve: Floats
    ends: tuple[float, float]
    rows: list[Inner]
    name: str
    unknown: float | None = None


def test_dataclasses_become_dictionaries_at_any_depth() -> None:
    value = Outer({'a': Inner(1.0), 'b': None}, np.array([[1.0, 2.0]]), (3.0, 4.0),
                  [Inner(5.0, 6.0)], 'name')
    mapping = to_mapping(value)
    assert mapping == {
        'parts': {'a': {'from': 1.0}, 'b': None}, 'curve': [[1.0, 2.0]], 'ends': [3.0, 4.0],
        'rows': [{'from': 5.0, 'extra': 6.0}], 'name': 'name', 'unknown': None}
    assert list(mapping) == ['parts', 'curve', 'ends', 'rows', 'name', 'unknown']
    assert json.loads(json.dumps(mapping)) == mapping
