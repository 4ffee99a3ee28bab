"""Truncated MCAP files: read the complete records of a file that was cut off."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO, cast

MAGIC = b'\x89MCAP0\r\n'
DATA_END = 0x0F
HEADER_AT = len(MAGIC) + 9  # of the content of the first record
PROFILE = b'ros2'
# an empty footer record: no summary, so a reader scans the file from its beginning
FOOTER = b'\x02' + (20).to_bytes(8, 'little') + bytes(20) + MAGIC


def complete_length(path: Path) -> int:
    """
    Return the length of the complete records of an MCAP file, magic included, bytes.

    Records are an opcode, the length in 8 bytes, and the content (mcap.dev/spec).
    """
    size = path.stat().st_size
    with path.open('rb') as file:
        if file.read(len(MAGIC)) != MAGIC:
            return 0
        end = len(MAGIC)
        while len(head := file.read(9)) == 9 and head[0] != DATA_END:
            after = end + 9 + int.from_bytes(head[1:], 'little')
            if after > size:
                break
            end = after
            file.seek(end)
    return end


def header_with_profile(path: Path) -> bytes:
    """
    Return the beginning of an MCAP file with the profile `ros2` in place of an empty one.

    The name of the library that wrote it is four letters shorter for that: the length stays.

    :returns: empty where there is nothing to change.
    """
    with path.open('rb') as file:
        head = file.read(HEADER_AT + 8)
    if not head.startswith(MAGIC) or len(head) < HEADER_AT + 8:
        return b''
    profile, library = (int.from_bytes(head[i:i + 4], 'little') for i in (
        HEADER_AT, HEADER_AT + 4))
    if profile or library < len(PROFILE):
        return b''
    return (head[:HEADER_AT] + len(PROFILE).to_bytes(4, 'little') + PROFILE
            + (library - len(PROFILE)).to_bytes(4, 'little'))


class Spliced(io.RawIOBase):
    """
    The beginning of a file, followed by other bytes.

    :param length: of the beginning, bytes.
    :param tail: the bytes that follow it.
    :param head: the bytes that replace the first ones.
    """

    def __init__(self, path: Path, length: int, tail: bytes, head: bytes = b'') -> None:
        self._file = path.open('rb')
        self._length, self._tail, self._position = length, tail, 0
        self._head = head

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position, and return it."""
        size = self._length + len(self._tail)
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: size}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        """Read into a buffer, and return the number of bytes."""
        if self._position < self._length:
            self._file.seek(self._position)
            data = self._file.read(min(len(buffer), self._length - self._position))
            head = self._head[self._position:self._position + len(data)]
            data = head + data[len(head):]
        else:
            start = self._position - self._length
            data = self._tail[start:start + len(buffer)]
        buffer[:len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


class TruncatedMcapPath:
    """
    A path for rosbags (its protocol RPath) whose truncated .mcap files get a footer.

    :param path: an .mcap file, or the folder of a bag.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def __truediv__(self, key: Any) -> TruncatedMcapPath:  # noqa: ANN401 - as RPath has it
        return TruncatedMcapPath(self._path / str(key))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a Path has
        return self._opened if name == 'open' else getattr(self._path, name)

    @property
    def suffix(self) -> str:
        """Return the suffix of a file; a folder has none, whatever its name."""
        return '' if self._path.is_dir() else self._path.suffix

    def _opened(self, *args: Any, **kwargs: Any) -> BinaryIO:  # noqa: ANN401 - as RPath has it
        """Open a file; an .mcap file as its complete records and a footer."""
        if self._path.suffix != '.mcap':
            return cast('BinaryIO', self._path.open(*args, **kwargs))
        spliced = Spliced(self._path, complete_length(self._path), FOOTER,
                          header_with_profile(self._path))
        return cast('BinaryIO', io.BufferedReader(spliced, 1 << 16))

    def describe_loss(self) -> str:
        """Describe how many bytes of the bag are lost."""
        files = [self._path] if self._path.is_file() else sorted(self._path.glob('*.mcap'))
        size = sum(file.stat().st_size for file in files)
        whole = sum(map(complete_length, files))
        return f'cut off: {whole} of {size} bytes are whole, {size - whole} are lost'
