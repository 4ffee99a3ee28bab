"""Random edits of files: bytes, values of JSON, arrays of npz files, each by a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
import io
import json
from pathlib import Path
import random
import struct
from typing import Any, NamedTuple
import zipfile

import numpy as np

VALUES = (None, True, False, -1, 0, 1.5, 10**400, float('nan'), float('inf'), 1e308, 2**40, 2**62,
          'x', '', '\0', '\n<img src=x onerror=alert(1)>', [], [1], {}, {'a': 1}, [[1, 2]], [None],
          ['x', 1, 2], [[[[[]]]]])
DEEP = 100_000  # brackets
DIGITS = 10_000
TEXTS = (b'', b'\0' * 100, b'null', b'[]', b'"x"', b'1', b'{', b'{}', b'\xff\xfe', b'\xef\xbb\xbf',
         b'[' * DEEP, b'{"a":' * DEEP, b'9' * DIGITS, b'NaN', b'{"format_version": NaN}',
         b'PK\x05\x06' + b'\0' * 18, b'\x93NUMPY\x01\x00', b'\x80\x04\x95')
KINDS = ('int8', 'int64', 'uint8', 'float16', 'float64', 'complex128', 'bool', '<U3', '>f4',
         '<M8[s]', '|S5', 'int32')
NUMBERS = (np.nan, np.inf, -np.inf, -1, 0, 1e30, 2**31 - 1, -2**31, 65504, 255)
HEADERS = (
    "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
    "{'descr': '<f8', 'fortran_order': True, 'shape': (0, 1000000000000000000000), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '<U1000000000', 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '<f8', 'fortran_order': False}", '(' * 5000, '-' * 5000 + '1', '[]', '\0')


class Edit(NamedTuple):
    """
    What was done to a file.

    :param key: of JSON, or the array, that was changed; '' where the change was elsewhere.
    """

    text: str
    key: str = ''


def json_paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    """Yield the path of each value of a JSON mapping."""
    items = value.items() if isinstance(value, dict) else (
        enumerate(value) if isinstance(value, list) else ())
    for key, item in items:
        yield (*above, key)
        yield from json_paths(item, (*above, key))


def edited_json(content: dict[str, Any], rng: random.Random) -> tuple[dict[str, Any], Edit]:
    """Return a copy with one value changed, or one key taken out or added."""
    copy = deepcopy(content)
    paths = list(json_paths(copy))
    *above, last = rng.choice(paths)
    inner = copy
    for key in above:
        inner = inner[key]
    chance = rng.random()
    if chance < 0.1:
        del inner[last]
        return copy, Edit('taken out', str(last))
    if chance < 0.15 and isinstance(inner, dict):
        inner['new\n"'] = rng.choice(VALUES)
        return copy, Edit('added', 'new')
    inner[last] = rng.choice(VALUES)
    return copy, Edit(f'{inner[last]!r}'[:40], str(last))


def edit_json(file: Path, rng: random.Random) -> Edit:
    """Change a value of a JSON file, or write a key twice."""
    content = json.loads(file.read_text())
    if rng.random() < 0.05:
        key = rng.choice(list(content))
        file.write_text(json.dumps(content)[:-1] + f', {json.dumps(key)}: {{}}}}')
        return Edit('written twice', key)
    changed, edit = edited_json(content, rng)
    file.write_text(json.dumps(changed))
    return edit


def edit_bytes(file: Path, rng: random.Random) -> Edit:
    """Exchange, take out, put in or cut off bytes, or replace all of them."""
    data = bytearray(file.read_bytes())
    at, count = rng.randrange(len(data)), rng.choice((1, 1, 2, 8, 100))
    what = rng.choice(('exchanged', 'taken out', 'put in', 'cut off', 'replaced', 'repeated'))
    if what == 'exchanged':
        for place in range(at, min(at + count, len(data))):
            data[place] = rng.randrange(256)
    elif what == 'taken out':
        del data[at:at + count]
    elif what == 'put in':
        data[at:at] = rng.randbytes(count)
    elif what == 'cut off':
        del data[at:]
    elif what == 'repeated':
        data = data * 2
    else:
        data = bytearray(rng.choice(TEXTS))
    file.write_bytes(data)
    return Edit(f'{count} bytes at {at} {what}')


def npy(array: np.ndarray) -> bytes:
    """Return the bytes of an npy file; of objects with a pickle."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=True)
    return stream.getvalue()


def npy_of_header(header: str) -> bytes:
    """Return an npy file of eight bytes of numbers whose header says anything."""
    text = header.encode()
    return b'\x93NUMPY\x01\x00' + struct.pack('<H', len(text)) + text + b'\0' * 8


def _cast(array: np.ndarray, rng: random.Random) -> np.ndarray:
    with np.errstate(all='ignore'):
        try:
            return array.astype(rng.choice(KINDS))
        except (ValueError, TypeError):
            return np.zeros(array.shape, rng.choice(KINDS))


def _spoilt(array: np.ndarray, rng: random.Random) -> np.ndarray:
    """Return the array with one number changed, to what its type can hold."""
    if array.dtype.kind not in 'fiu' or not array.size:
        return array.astype('<U9') if array.dtype.kind == 'U' else np.zeros_like(array)
    copy = array.copy()
    value = rng.choice(NUMBERS)
    if array.dtype.kind != 'f':
        info = np.iinfo(array.dtype)
        value = int(min(max(value, info.min), info.max)) if np.isfinite(value) else info.max
    with np.errstate(all='ignore'):
        copy.flat[rng.randrange(copy.size)] = value
    return copy


ARRAY_EDITS: dict[str, Callable[[np.ndarray, random.Random], np.ndarray]] = {
    'of another type': _cast, 'of another value': _spoilt,
    'shorter': lambda array, rng: array[:len(array) // 2] if array.ndim else array[None],
    'longer': lambda array, rng: np.concatenate([array, array]) if array.ndim else array[None],
    'empty': lambda array, rng: np.zeros(0, array.dtype),
    'of more dimensions': lambda array, rng: array[np.newaxis],
    'flat': lambda array, rng: array.ravel(),
    'turned': lambda array, rng: np.asfortranarray(array.T),
    'of objects': lambda array, rng: np.array([{}, 1], object)}


def edit_npz(file: Path, rng: random.Random) -> Edit:
    """Change an array of an npz file and write it anew, with the right checksums."""
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(list(content))
    what = rng.choice((*ARRAY_EDITS, 'taken out', 'of another name', 'of another header',
                       'compressed', 'of other bytes'))
    method = zipfile.ZIP_STORED
    if what in ARRAY_EDITS:
        array = np.lib.format.read_array(io.BytesIO(content[name]))
        content[name] = npy(ARRAY_EDITS[what](array, rng))
    elif what == 'taken out':
        del content[name]
    elif what == 'of another name':
        content[rng.choice(('x.npy', '../x.npy', '.npy', 'x\n.npy'))] = content.pop(name)
    elif what == 'of another header':
        content[name] = npy_of_header(rng.choice(HEADERS))
    elif what == 'compressed':
        method, content[name] = zipfile.ZIP_DEFLATED, npy(np.zeros(1 << 20))
    else:
        content[name] = content[name][:rng.randrange(len(content[name]))]
    with zipfile.ZipFile(file, 'w', method) as archive:
        for each, data in content.items():
            archive.writestr(each, data)
    return Edit(f'{what}', name.removesuffix('.npy'))


def edit_lines(file: Path, rng: random.Random) -> Edit:
    """Change a cell of a table of text."""
    lines = file.read_bytes().split(b'\n')
    at = rng.randrange(len(lines))
    for separator in (b',', b' '):
        cells = lines[at].split(separator)
        if len(cells) > 1:
            cells[rng.randrange(len(cells))] = rng.choice((
                b'nan', b'inf', b'1e999', b'x', b'', b'9' * DIGITS, b'"', b'\0', b'-', b'1;2'))
            lines[at] = separator.join(cells)
            break
    file.write_bytes(b'\n'.join(lines))
    return Edit(f'line {at + 1}')


def edit_file(file: Path, rng: random.Random) -> Edit:
    """Edit a file by its kind, or its bytes whatever it is."""
    by_kind = {'.json': edit_json, '.npz': edit_npz, '.csv': edit_lines, '.txt': edit_lines}
    edit = edit_bytes if rng.random() < 0.4 else by_kind.get(file.suffix, edit_bytes)
    return edit(file, rng)
