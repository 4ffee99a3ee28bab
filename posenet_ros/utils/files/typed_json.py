"""Read JSON files by their schemas, which are dataclasses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from posenet_ros.errors import InputError
from posenet_ros.utils.files.text import read_json
from posenet_ros.utils.settings.schema import from_mapping

T = TypeVar('T')
MAX_BYTES = 1 << 26  # of a file: more than any that posenet writes


def read_mapping(file: Path) -> dict[str, Any]:
    """
    Read a JSON file that holds a mapping.

    :raises InputError: when it is missing, no file, too large, damaged, or holds anything else.
    """
    if file.exists() and not file.is_file():
        raise InputError(f'{file}: expected a JSON file. Received: a folder or a device')
    if file.is_file() and (size := file.stat().st_size) > MAX_BYTES:
        raise InputError(f'{file} has to be of at most {MAX_BYTES >> 20} MB. '
                         f'Received: {size >> 20} MB')
    content = read_json(file)
    if not isinstance(content, dict):
        raise InputError(f'{file} has to hold a mapping. Received: {type(content).__name__}')
    return content


def read_typed(cls: type[T], file: Path, *, ignore_unknown: bool = False) -> T:
    """
    Read a JSON file into a dataclass, as :func:`posenet_ros.utils.settings.schema.from_mapping`.

    :raises InputError: naming the file, and the key where there is one.
    """
    return from_mapping(cls, read_mapping(file), str(file), ignore_unknown=ignore_unknown)


def parse_typed(cls: type[T], text: str, where: str) -> T:
    """
    Read JSON text into a dataclass; unknown keys are errors.

    :param where: what holds the text, for the message.
    :raises InputError: naming `where`, and the key where there is one.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f'{where} has to hold JSON. Received: {error}') from error
    return from_mapping(cls, content, where)
