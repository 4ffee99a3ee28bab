"""Which files a bag has: of a path that somebody gives, whatever its metadata.yaml says."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from io import BufferedReader
import os
from pathlib import Path
import re
import shutil
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from posenet_ros.errors import InputError
from posenet_ros.ros_data.files.truncated_mcap import header_with_profile, MAGIC, Spliced
from rosbags.rosbag2 import reader

METADATA = 'metadata.yaml'
SUFFIXES = '.mcap', '.db3', '.bag'
COMPRESSED = '.zstd', '.zst'
# the first bytes of a file say what it is, whatever its name
STARTS = {MAGIC: '.mcap', b'SQLite format 3\0': '.db3', b'#ROSBAG V': '.bag'}
ZSTD_START = b'\x28\xb5\x2f\xfd'
zstd: Any = vars(reader)['zstd']  # Python's from 3.14 on, before that of a package
SHOWN = 8  # names in a message


class BagPath(type(Path())):  # type: ignore[misc]
    """
    A path as rosbags takes it: its text is that of a URI, its suffix says what the file is.

    rosbags puts the text into the URI of an sqlite3 file, where `#`, `?` and `%` mean something
    else. Files are opened by their real name all the same. An MCAP file whose writer did not say
    that it is of ROS 2 is opened as one that did.
    """

    def __str__(self) -> str:
        return quote(os.fsencode(super().__str__()))

    def __fspath__(self) -> str:
        return str(super().__str__())

    @property
    def suffix(self) -> str:
        """Return the kind of a file; a folder has none, whatever its name."""
        return '' if self.is_dir() else file_kind(Path(os.fspath(self)))


def _opened(path: BagPath, mode: str = 'r', *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
    """Open a file as `Path.open`, or an MCAP file without a profile as one of ROS 2."""
    real = Path(os.fspath(path))
    head = header_with_profile(real) if mode == 'rb' else b''
    return BufferedReader(Spliced(real, real.stat().st_size, b'', head)) if head else (
        real.open(mode, *args, **kwargs))


BagPath.open = _opened


def _start(path: Path, count: int) -> bytes:
    try:
        with path.open('rb') as file:
            return file.read(count)
    except OSError:
        return b''


def file_kind(path: Path) -> str:
    """Return the suffix that a file's first bytes say; its own where they say nothing."""
    start = _start(path, 16) if path.is_file() else b''
    return next((kind for magic, kind in STARTS.items() if start.startswith(magic)),
                Path(path.name).suffix.lower())


def _bare_suffix(file: Path) -> str:
    """Return the suffix of a bag file's name, that of compression left out; else nothing."""
    name = file.with_suffix('') if file.suffix.lower() in COMPRESSED else file
    return name.suffix.lower() if name.suffix.lower() in SUFFIXES else ''


def _recording(file: Path) -> tuple[str, str]:
    """Return what the files of one recording have in common: the name without `_2`, the kind."""
    return re.sub(r'_\d+$', '', file.name.split('.')[0]), _bare_suffix(file)


def bag_files(folder: Path) -> list[Path]:
    """
    Find the files of the bag in a folder by their suffixes; a reader brings them into order.

    :raises InputError: when there are none, or those of several bags; it names them.
    """
    files = sorted(file for file in folder.iterdir() if file.is_file() and _bare_suffix(file))
    plain = {file.name for file in files}
    files = [file for file in files if file.suffix.lower() not in COMPRESSED
             or file.stem not in plain]
    recordings = {_recording(file) for file in files}
    if len(recordings) == 1:
        return files
    inner = sorted(entry.name for entry in folder.iterdir()
                   if entry.is_dir() and is_bag_folder(entry))
    names = [file.name for file in files] if files else inner
    if not names:
        raise InputError(f'{folder}: a bag folder has to hold {METADATA}, or .mcap, .db3 or .bag '
                         'files. Received: none of them')
    more = f' and {len(names) - SHOWN} more' if len(names) > SHOWN else ''
    raise InputError(f'{folder}: expected one bag. Received: a folder of several, '
                     f'{", ".join(names[:SHOWN])}{more}; give one of them')


def is_bag_folder(folder: Path) -> bool:
    """Return whether a folder has metadata.yaml, or files of bags."""
    try:
        return (folder / METADATA).is_file() or any(map(_bare_suffix, folder.iterdir()))
    except OSError:
        return False


def decompressed(files: Sequence[Path], scratch: ExitStack) -> list[Path]:
    """
    Return files that are not compressed: those given, or their content in a temporary folder.

    :param scratch: removes it.
    :raises Exception: when one is damaged.
    """
    result = []
    for file in files:
        if _start(file, 4) != ZSTD_START:
            result.append(file)
            continue
        folder = Path(scratch.enter_context(TemporaryDirectory()))
        result.append(folder / file.name.removesuffix(file.suffix))
        with zstd.open(file, 'rb') as content, result[-1].open('wb') as plain:
            shutil.copyfileobj(content, plain)
    return result


def decompressed_message(data: bytes) -> bytes:
    """Return a message that a recorder may have compressed by itself."""
    if bytes(data[:4]) != ZSTD_START:
        return data
    return bytes(zstd.decompress(data))


def unwritten(files: Sequence[Path]) -> str:
    """Say that a recorder left messages beside an sqlite3 file; empty where it did not."""
    logs = [file.name + '-wal' for file in files if _size(file.with_name(file.name + '-wal'))]
    return (f'messages in {", ".join(logs)} are not read, as the recorder was killed: "sqlite3 '
            f'{files[0].name} VACUUM" saves them') if logs else ''


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0
