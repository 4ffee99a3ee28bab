"""Dataclasses as schemas: values of the right types are taken, others named with their key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posenet_ros.errors import InputError
from posenet_ros.utils.files.typed_json import MAX_BYTES, parse_typed, read_typed
from posenet_ros.utils.settings.schema import from_mapping
import pytest


@dataclass(frozen=True)
class Inner:
    """A section."""

    count: int
    name: str = ''


@dataclass(frozen=True)
class Outer:
    """A file."""

    inner: Inner
    largest: float | None = field(default=None, metadata={'key': 'max'})
    flags: tuple[bool, ...] = ()
    pair: tuple[int, str] = (0, '')
    by_name: Mapping[str, float] = field(default_factory=dict)
    rows: tuple[Inner, ...] = ()
    anything: Any = None


GOOD = {'inner': {'count': 3.0, 'name': 'x'}, 'max': 2, 'flags': [True, 0], 'pair': [1, 'a'],
        'by_name': {'a': 1}, 'rows': [{'count': 1}], 'anything': [None]}


def test_values_are_brought_to_their_types() -> None:
    found = from_mapping(Outer, GOOD, 'file')
    assert found == Outer(Inner(3, 'x'), 2.0, (True, False), (1, 'a'), {'a': 1.0}, (Inner(1),),
                          [None])
    assert isinstance(found.inner.count, int)
    assert isinstance(found.largest, float)


@pytest.mark.parametrize(('key', 'value', 'why'), [
    ('inner', [], 'file: inner has to hold a mapping. Received'),
    ('inner', {'count': 1, 'nmae': ''}, "file: inner: unknown key 'nmae'"),
    ('inner', {'name': ''}, "file: inner: the key 'count' is missing"),
    ('inner', {'count': 1.5}, 'file: inner: count has to be a whole number'),
    ('inner', {'count': True}, 'file: inner: count has to be a whole number'),
    ('inner', {'count': 2**31}, 'file: inner: count has to be a whole number'),
    ('inner', {'count': 1, 'name': 7}, 'file: inner: name has to be a text'),
    ('max', 'x', 'file: max has to be a number'), ('max', float('nan'), 'max has to be a number'),
    ('max', float('inf'), 'max has to be a number'), ('max', 10**400, 'max has to be a number'),
    ('flags', ['x'], 'flags has to be true or false'), ('flags', 'ab', 'flags has to be a list'),
    ('flags', [2], 'flags has to be true or false'),
    ('pair', [1], 'pair has to be a list of numbers of 2'),
    ('pair', ['a', 1], 'pair has to be a whole number'),
    ('by_name', {'b\n': 'x'}, r"by_name: 'b\\n' has to be a number"),
    ('by_name', [], 'by_name has to hold a mapping'),
    ('rows', [{'count': 1}, {}], "rows: the key 'count' is missing"),
    ('rows', {}, 'rows has to be a list'), ('new', 1, "file: unknown key 'new'")])
def test_a_wrong_value_is_named_with_its_key(key: str, value: object, why: str) -> None:
    with pytest.raises(InputError) as caught:
        from_mapping(Outer, {**GOOD, key: value}, 'file')
    assert why.replace('\\\\', '\\') in str(caught.value)
    assert '\n' not in str(caught.value)


def test_keys_of_other_versions_are_left_out_where_that_is_asked_for() -> None:
    new = {**GOOD, 'new': 1, 'inner': {'count': 1, 'newer': 2}}
    assert from_mapping(Outer, new, 'file', ignore_unknown=True).inner == Inner(1)


@pytest.mark.parametrize(('text', 'why'), [
    ('[' * 100_000, 'nested too deeply'), ('{"inner": ' * 100_000, 'nested too deeply'),
    ('{"inner": {"count": ' + '9' * 5000 + '}}', 'is damaged'), ('[]', 'has to hold a mapping'),
    ('null', 'has to hold a mapping'), ('{"inner": 1, ', 'is damaged'), ('', 'is damaged'),
    ('{"inner": ' + '[' * 500 + ']' * 500 + '}', 'inner has to hold a mapping')])
def test_a_damaged_file_is_one_line(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / 'a.json'
    file.write_text(text)
    with pytest.raises(InputError, match=why) as caught:
        read_typed(Outer, file)
    assert str(file) in str(caught.value)
    assert '\n' not in str(caught.value)


def test_what_is_no_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='a folder or a device'):
        read_typed(Outer, tmp_path)
    with pytest.raises(InputError, match='a folder or a device'):
        read_typed(Outer, Path('/dev/zero'))
    with (tmp_path / 'large.json').open('wb') as file:
        file.truncate(MAX_BYTES + (1 << 20))
    with pytest.raises(InputError, match=r'at most 64 MB\. Received: 65 MB'):
        read_typed(Outer, tmp_path / 'large.json')
    with pytest.raises(InputError, match='no such file'):
        read_typed(Outer, tmp_path / 'none.json')


def test_text_is_parsed_likewise() -> None:
    assert parse_typed(Inner, '{"count": 2}', 'here') == Inner(2)
    for text in ('{', '[' * 100_000):
        with pytest.raises(InputError, match='here has to hold JSON'):
            parse_typed(Inner, text, 'here')
