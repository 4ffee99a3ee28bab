"""Truncated MCAP files: read the complete records of a file that was cut off."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO, cast

MAGIC = b'\x89MCAP0\r\n'
DATA_END = 0x0F
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


class _Spliced(io.RawIOBase):
    """The beginning of a file, followed by other bytes."""

    def __init__(self, path: Path, length: int, tail: bytes) -> None:
        self._file = path.open('rb')
        self._length, self._tail, self._position = length, tail, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        size = self._length + len(self._tail)
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: size}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        if self._position < self._length:
            self._file.seek(self._position)
            data = self._file.read(min(len(buffer), self._length - self._position))
        else:
            start = self._position - self._length
            data = self._tail[start:start + len(buffer)]
        buffer[:len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
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
        spliced = _Spliced(self._path, complete_length(self._path), FOOTER)
        return cast('BinaryIO', io.BufferedReader(spliced, 1 << 16))

    def describe_loss(self) -> str:
        """Describe how many bytes of the bag are lost."""
        files = [self._path] if self._path.is_file() else sorted(self._path.glob('*.mcap'))
        size = sum(file.stat().st_size for file in files)
        whole = sum(map(complete_length, files))
        return f'cut off: {whole} of {size} bytes are whole, {size - whole} are lost'
