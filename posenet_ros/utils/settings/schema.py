"""
Read frozen dataclasses from the mappings of JSON and YAML: a dataclass is the schema of a file.

No library does it: those that read JSON by types are in no release of Ubuntu 24.04's apt, or there
in a version with other names, and their messages lack the value that was received.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass, MISSING
import math
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints, TypeVar, Union

from posenet_ros.errors import InputError
from posenet_ros.utils.suggestions import did_you_mean

T = TypeVar('T')
MAX_INT = 2**31 - 1
MAX_SHOWN = 80  # characters of a value in a message
WORDS = {int: 'a whole number', float: 'a number', bool: 'true or false', str: 'a text',
         tuple: 'a list'}
ITEMS = {int: 'a list of numbers', float: 'a list of numbers', str: 'a list of texts'}


def from_mapping(cls: type[T], mapping: object, where: str, *, ignore_unknown: bool = False) -> T:
    """
    Build a dataclass; lists become tuples, and a field of a dataclass is built likewise.

    :param where: the file (and key) that the mapping came from, for the message.
    :param ignore_unknown: keys that are no fields are left out, at any depth, as those of files of
        other versions; else they are errors.
    :raises InputError: on a key that is unknown or missing, or a value of another type or out of
        range, naming it and the file.
    """
    if not isinstance(mapping, Mapping):
        raise _no_mapping(mapping, where)
    known = {_key(f): f for f in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(str(key) for key in mapping if key not in known)
    if unknown and not ignore_unknown:
        raise InputError(f'{where}: unknown key {unknown[0]!r}. Known keys: {", ".join(known)}'
                         + did_you_mean(unknown[0], known))
    missing = [name for name, f in known.items() if name not in mapping
               and f.default is MISSING and f.default_factory is MISSING]
    if missing:
        raise InputError(f'{where}: the key {missing[0]!r} is missing')
    types = get_type_hints(cls)
    values = {f.name: typed_value(mapping[key], types[f.name], f'{where}: {key}',
                                  ignore_unknown=ignore_unknown)
              for key, f in known.items() if key in mapping}
    try:
        return cls(**values)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise InputError(f'{where}: {error}') from error


def _key(item: Field[Any]) -> str:
    return str(item.metadata.get('key', item.name))


def typed_value(value: Any, kind: Any, where: str, *,  # noqa: ANN401
                ignore_unknown: bool = False) -> Any:  # noqa: ANN401
    """
    Bring a value of JSON or YAML to the type of a field.

    A whole number fits a decimal one and the other way round, as long as nothing is lost; a list
    becomes a tuple.

    :param kind: int, float, bool, str, a dataclass, a tuple or a mapping by text of these, one of
        them or None, or Any.
    :param where: the file and the key, for the message.
    :raises InputError: when it does not fit.
    """
    if kind is Any:
        return value
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if value is None and type(None) in inner:
            return None
        kind = next(one for one in inner if one is not type(None))
        return typed_value(value, kind, where, ignore_unknown=ignore_unknown)
    if origin is tuple:
        return _typed_items(value, inner, where, ignore_unknown=ignore_unknown)
    if origin in (Mapping, dict):
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise _no_mapping(value, where)
        return {key: typed_value(item, inner[1], f'{where}: {key[:MAX_SHOWN]!r}',
                                 ignore_unknown=ignore_unknown) for key, item in value.items()}
    if is_dataclass(kind):
        return from_mapping(kind, value, where,  # type: ignore[arg-type]
                            ignore_unknown=ignore_unknown)
    return _plain_value(value, kind, where)


def _typed_items(value: object, kinds: tuple[Any, ...], where: str, *,
                 ignore_unknown: bool) -> tuple[Any, ...]:
    """Return a list as a tuple: of one type (`kinds` ends in ...), or of one type each."""
    several = kinds[-1] is not Ellipsis
    if not isinstance(value, list | tuple) or (several and len(value) != len(kinds)):
        of = '' if not several else f' of {len(kinds)}'
        raise _wrong(value, ITEMS.get(kinds[0], WORDS[tuple]) + of, where)
    each = kinds if several else kinds[:1] * len(value)
    return tuple(typed_value(item, kind, where, ignore_unknown=ignore_unknown)
                 for item, kind in zip(value, each, strict=True))


def _plain_value(value: Any, kind: Any, where: str) -> Any:  # noqa: ANN401
    if kind is str and isinstance(value, str):
        return value
    if kind is bool and (isinstance(value, bool) or (_is_number(value) and value in (0.0, 1.0))):
        return bool(value)
    if kind in (int, float) and _is_number(value):
        if kind is float:
            return float(value)
        if value == int(value) and abs(value) <= MAX_INT:
            return int(value)
    raise _wrong(value, WORDS.get(kind, str(kind)), where)


def _is_number(value: object) -> bool:
    """Return whether a value is a finite number; true and false are none."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the floats
        return False


def _wrong(value: object, expected: str, where: str) -> InputError:
    return InputError(f'{where} has to be {expected}. Received: {_shown(value)!r}')


def _no_mapping(value: object, where: str) -> InputError:
    return InputError(f'{where} has to hold a mapping. Received: {_shown(value)!r}')


def _shown(value: object) -> str:
    """Return the beginning of a value as text; whole numbers of any length, too."""
    try:
        return str(value)[:MAX_SHOWN]
    except ValueError:  # more digits than Python converts
        return 'a number of thousands of digits'
    except RecursionError:
        return 'brackets within brackets'
