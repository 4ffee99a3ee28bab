"""Dataclass fields with a description and allowed values, and their list for --help."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import Field, field, fields
from typing import Any

from posenet_ros.errors import InputError
from posenet_ros.utils.suggestions import did_you_mean


def described_field(
        default: str | bool | float | tuple[float, ...], description: str, *,
        choices: Iterable[str] = (), limits: tuple[float, float] | None = None,
        read_only: bool = False, live: bool = False) -> Any:  # noqa: ANN401
    """
    Make a described dataclass field.

    :param limits: smallest and largest number.
    :param read_only: set at start only.
    :param live: can be changed at any time.
    """
    return field(default=default, metadata={
        'description': description, 'choices': tuple(choices), 'limits': limits,
        'read_only': read_only, 'live': live})


def describe_allowed(item: Field[Any]) -> str:
    """Describe the allowed values of a field; empty where all of its type are."""
    if item.metadata['limits']:
        return '{:g} to {:g}'.format(*item.metadata['limits'])
    return ', '.join(item.metadata['choices'])


def describe_type(item: Field[Any]) -> str:
    """Describe the type of a field."""
    if isinstance(item.default, tuple):
        return f'{len(item.default)} decimal numbers'
    return {str: 'a string', bool: 'true or false', float: 'a decimal number',
            int: 'a whole number'}[type(item.default)]


def checked_value(item: Field[Any], value: Any) -> Any:  # noqa: ANN401
    """
    Return a parameter's value as its field has it: 3 is 3.0, and true may be a word.

    :raises InputError: when it is of another type, out of range, or not among the choices.
    """
    taken = _as_type_of(item, value)
    choices, limits = item.metadata['choices'], item.metadata['limits']
    if choices and taken not in choices:
        raise InputError(f'parameter {item.name} has to be one of {", ".join(choices)}. '
                         f'Received: {value!r}{did_you_mean(str(value), choices)}')
    if taken is None or (limits and not limits[0] <= taken <= limits[1]):
        allowed = f', {describe_allowed(item)}' if describe_allowed(item) else ''
        raise InputError(f'parameter {item.name} has to be {describe_type(item)}{allowed}. '
                         f'Received: {value!r}')
    return taken


def _as_type_of(item: Field[Any], value: Any) -> Any:  # noqa: ANN401
    """Return a value in the type of a field; None where it has another meaning."""
    example = item.default
    if isinstance(value, bool):
        word = str(value).lower()
        return value if isinstance(example, bool) else (
            word if word in item.metadata['choices'] else None)
    if isinstance(example, float) and isinstance(value, int | float):
        return float(value)
    if isinstance(example, tuple) and not isinstance(value, str) and hasattr(value, '__iter__'):
        numbers = tuple(value)
        right = len(numbers) == len(example) and all(
            isinstance(n, int | float) and not isinstance(n, bool) for n in numbers)
        return tuple(float(n) for n in numbers) if right else None
    return value if type(value) is type(example) else None


def as_list(value: Any) -> Any:  # noqa: ANN401 - any field's type
    """Turn tuples into lists, as YAML and ROS have them."""
    return list(value) if isinstance(value, tuple) else value


def help_lines(cls: type) -> str:
    """List the fields of a dataclass with defaults and descriptions."""
    return '\n'.join(
        f'  {item.name} ({as_list(item.default)!r})\n      {item.metadata["description"]}'
        for item in fields(cls))
