"""Value types cannot be changed, and are compared by value where that is defined."""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses
from importlib import import_module
import inspect
import itertools

from mutants import modules, TESTS
import pytest

ARRAYS = 'Floats', 'NDArray', 'AnyArray'  # of which == gives no single answer
COMPOSED = 'Pose', 'Estimate', 'Matches', 'Image'  # types that hold arrays


def value_types() -> Iterator[type]:
    """Yield the dataclasses of the modules that `make mutants` changes."""
    for path in itertools.chain(*map(modules, TESTS)):
        name = path.removesuffix('.py').replace('/', '.')
        for _, found in inspect.getmembers(import_module(name), inspect.isclass):
            if found.__module__ == name and dataclasses.is_dataclass(found):
                yield found


@pytest.mark.parametrize('kind', {found.__qualname__: found for found in value_types()}.values())
def test_a_value_type_is_frozen_and_compared_where_it_can_be(kind: type) -> None:
    parameters = kind.__dataclass_params__  # type: ignore[attr-defined]
    assert parameters.frozen
    types = ' '.join(str(field.type) for field in dataclasses.fields(kind))
    if any(name in types for name in ARRAYS):
        assert not parameters.eq
    elif not any(name in types for name in COMPOSED):
        assert parameters.eq
