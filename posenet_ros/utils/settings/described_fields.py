"""Dataclass fields with a description and allowed values, and their tables for README and help."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import Field, field, fields
from typing import Any


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


def as_list(value: Any) -> Any:  # noqa: ANN401 - any field's type
    """Turn tuples into lists, as YAML and ROS have them."""
    return list(value) if isinstance(value, tuple) else value


def markdown_rows(cls: type) -> str:
    """Make a Markdown table of the fields of a dataclass; an asterisk marks the live ones."""
    lines = ['| parameter | default | meaning |', '| --- | --- | --- |']
    for item in fields(cls):
        allowed = f' ({describe_allowed(item)})' if describe_allowed(item) else ''
        allowed += ' \\*' if item.metadata['live'] else ''
        default = str(as_list(item.default)).lower() if item.default != '' else "''"
        lines.append(f'| `{item.name}` | `{default}` | {item.metadata["description"]}{allowed} |')
    return '\n'.join(lines)


def help_lines(cls: type) -> str:
    """List the fields of a dataclass with defaults and descriptions."""
    return '\n'.join(
        f'  {item.name} ({as_list(item.default)!r})\n      {item.metadata["description"]}'
        for item in fields(cls))
