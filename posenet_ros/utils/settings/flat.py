"""Read frozen dataclasses of settings from mappings; unknown keys are errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, MISSING
import math
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints, TypeVar, Union

from posenet_ros.errors import InputError
from posenet_ros.utils.suggestions import did_you_mean

T = TypeVar('T')
MAX_INT = 2**31 - 1
WORDS = {int: 'a whole number', float: 'a number', bool: 'true or false', str: 'a text',
         tuple: 'a list of numbers'}


def from_mapping(cls: type[T], mapping: Mapping[str, Any], where: str) -> T:
    """
    Build a flat settings dataclass; lists become tuples.

    :param where: the file (and key) that the mapping came from, for the message.
    :raises InputError: on a key that is unknown or missing, or a value of another type or out of
        range, naming it and the file.
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
    types = get_type_hints(cls)
    values = {key: typed_value(value, types[key], f'{where}: {key}')
              for key, value in mapping.items()}
    try:
        return cls(**values)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise InputError(f'{where}: {error}') from error


def typed_value(value: Any, kind: Any, where: str) -> Any:  # noqa: ANN401
    """
    Bring a value of JSON or YAML to the type of a field.

    A whole number fits a decimal one and the other way round, as long as nothing is lost; a list
    becomes a tuple.

    :param kind: int, float, bool, str, a tuple of these, or one of them or None.
    :param where: the file and the key, for the message.
    :raises InputError: when it does not fit.
    """
    if get_origin(kind) in (Union, UnionType):
        if value is None and type(None) in get_args(kind):
            return None
        kind = next(one for one in get_args(kind) if one is not type(None))
    if get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise _wrong(value, tuple, where)
        return tuple(typed_value(item, get_args(kind)[0], where) for item in value)
    if kind is str and isinstance(value, str):
        return value
    if kind is bool and (isinstance(value, bool) or value in (0.0, 1.0)):
        return bool(value)
    if kind in (int, float) and _is_number(value):
        if kind is float:
            return float(value)
        if value == int(value) and abs(value) <= MAX_INT:
            return int(value)
    raise _wrong(value, kind, where)


def _is_number(value: object) -> bool:
    """Return whether a value is a finite number; true and false are none."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the floats
        return False


def _wrong(value: object, kind: type, where: str) -> InputError:
    return InputError(f'{where} has to be {WORDS.get(kind, kind)}. '
                      f'Received: {str(value)[:80]!r}')
