"""Read text files, whoever wrote them: UTF-8, with or without a byte-order mark."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any

from posenet_ros.errors import InputError

COMMENTS = '#', '//', '%'  # that a line begins with
UTF16_MARKS = codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE  # editors on Windows write them


def decode_text(data: bytes) -> str:
    """
    Decode the bytes of a text file; a byte-order mark at their beginning is no text.

    :raises UnicodeDecodeError: when they are neither UTF-8 nor marked as UTF-16.
    """
    return data.decode('utf-16' if data.startswith(UTF16_MARKS) else 'utf-8-sig')


def read_text(path: Path, what: str = 'a text file') -> str:
    """
    Read a text file.

    :param what: the file that is expected, for the message.
    :raises InputError: when it is missing, or no text.
    """
    try:
        return decode_text(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(f'{path}: no such file. Expected {what}') from error
    except IsADirectoryError as error:
        raise InputError(f'{path}: expected {what}. Received: a folder') from error
    except UnicodeDecodeError as error:
        raise InputError(f'{path}: expected {what} in UTF-8. Received: {error}') from error


def numbered_lines(path: Path, what: str = 'a text file') -> Iterator[tuple[int, str]]:
    """
    Yield (number from 1, text) of each line, whatever ends the lines: LF, CRLF or CR.

    :raises InputError: as :func:`read_text`; on bytes of zero, which no text has.
    """
    text = read_text(path, what)
    if '\0' in text:
        raise InputError(f'{path}: expected {what} in UTF-8. Received: bytes of zero, as a binary '
                         'file has them, or UTF-16 without a byte-order mark')
    yield from enumerate(text.replace('\r\n', '\n').replace('\r', '\n').split('\n'), 1)


def is_comment(text: str) -> bool:
    """Return whether a line is a comment of any of the usual kinds."""
    return text.lstrip().startswith(COMMENTS)


def is_content(text: str) -> bool:
    """Return whether a line is neither blank nor a comment."""
    return bool(text.strip()) and not is_comment(text)


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever it holds
    """
    Read a JSON file.

    :raises InputError: when it is missing, damaged, or nested too deeply.
    """
    text = read_text(path, 'a JSON file')
    try:
        return json.loads(text)
    except RecursionError as error:
        raise InputError(f'{path} is damaged: its brackets are nested too deeply') from error
    except ValueError as error:
        raise InputError(f'{path} is damaged: {error}') from error
