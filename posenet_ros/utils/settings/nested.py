"""Settings in sections: frozen dataclasses within one, read from nested or flat mappings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, is_dataclass, MISSING
from functools import cached_property
from math import inf
from typing import Any, Generic, TypeVar

from posenet_ros.errors import InputError
from posenet_ros.utils.suggestions import did_you_mean

T = TypeVar('T')


@dataclass(frozen=True)
class Sections(Generic[T]):
    """
    The keys of a dataclass of settings, whose fields are values or sections.

    A key within a section is known by `section.key`, and by `key` alone, so no key may be in two
    sections. The main key of a section is known by the section's name.

    :param cls: the dataclass; a section's type is its field's default factory.
    :param example: an instance, for the types of the values.
    :param main_keys: the main keys by section.
    """

    cls: type[T]
    example: T
    main_keys: Mapping[str, str]

    @cached_property
    def sections(self) -> dict[str, Any]:
        """Return the types of the sections, by name."""
        return {f.name: f.default_factory for f in fields(self.cls)  # type: ignore[arg-type]
                if is_dataclass(f.default_factory)}

    @cached_property
    def keys(self) -> dict[str, tuple[str, str]]:
        """Section and field of each flat key; '' is the section of what is in none."""
        found: dict[str, tuple[str, str]] = {}
        for top in fields(self.cls):  # type: ignore[arg-type]
            names = [f.name for f in fields(self.sections[top.name])] if (
                top.name in self.sections) else ['']
            for name in names:
                main = name in ('', self.main_keys.get(top.name))
                found[top.name if main else name] = (top.name, name) if name else ('', top.name)
        return found

    @property
    def _required(self) -> set[str]:
        return {f.name for f in fields(self.cls)  # type: ignore[arg-type]
                if f.default is MISSING and f.default_factory is MISSING}

    def flatten(self, settings: T) -> dict[str, Any]:
        """Return the values by their flat keys."""
        values = asdict(settings)  # type: ignore[call-overload]
        return {key: values[section][name] if section else values[name]
                for key, (section, name) in self.keys.items()}

    def check(self, mapping: Mapping[str, Any], where: str) -> dict[str, Any]:
        """
        Check the keys and types of a nested or flat mapping, and return it flat.

        :param where: the file or option that it came from, for the message.
        :raises InputError: on an unknown key or a wrong type.
        """
        keys, examples = self.keys, self.flatten(self.example)
        dotted = {f'{section}.{name}': key for key, (section, name) in keys.items() if section}
        values = {}
        for key, value in self._dotted(mapping):
            flat = dotted.get(key, key)
            if flat not in keys:
                raise InputError(f'{where}: unknown key {key!r}{_hint(key, keys, dotted)}')
            if flat in values:
                raise InputError(f'{where}: {key} is set twice')
            values[flat] = typed(value, examples[flat], f'{where}: {key}')
        return values

    def _dotted(self, mapping: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for key, value in mapping.items():
            if key in self.sections and isinstance(value, dict):
                yield from ((f'{key}.{name}', one) for name, one in value.items())
            else:
                yield key, value

    def build(self, values: Mapping[str, Any], where: str) -> T:
        """
        Build the settings from flat keys.

        :param values: as :meth:`check` returned them.
        :raises InputError: on a missing key or a value out of range.
        """
        parts: dict[str, dict[str, Any]] = {section: {} for section in ('', *self.sections)}
        for key, value in values.items():
            section, name = self.keys[key]
            parts[section][name] = value
        missing = self._required - set(parts[''])
        if missing:
            raise InputError(f'{where}: the key {min(missing)!r} is missing')
        try:
            return self.cls(**parts.pop(''), **{
                section: self.sections[section](**part) for section, part in parts.items()})
        except InputError as error:
            raise InputError(f'{where}: {error}') from error


def _hint(key: str, keys: Mapping[str, tuple[str, str]], dotted: Mapping[str, str]) -> str:
    """End the message: with the right section of a known key, a similar key, or all keys."""
    tail = keys.get(key.rpartition('.')[2])
    if tail:
        return f'; did you mean {".".join(filter(None, tail))}?'
    return did_you_mean(key, [*keys, *dotted]) or f'. Known keys: {", ".join(keys)}'


def typed(value: Any, example: Any, where: str) -> Any:  # noqa: ANN401
    """
    Check that a value has the type of an example; 1 is also 1.0, and 1e-3, text to YAML, 0.001.

    :raises InputError: on another type.
    """
    if isinstance(example, float) and not isinstance(value, bool):
        with suppress(TypeError, ValueError, OverflowError):
            value = float(value)
    if type(value) is not type(example) or value in (inf, -inf) or value != value:
        raise InputError(f'{where} has to be of the type {type(example).__name__}. '
                         f'Received: {value!r}')
    return value
