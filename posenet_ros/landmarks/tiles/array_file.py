"""Arrays of a node's map in a file of its own, which has no name and is mapped into memory."""

from __future__ import annotations

from collections.abc import Mapping
import mmap
import os
from pathlib import Path
import shutil
import tempfile

import numpy as np
from posenet_ros.arrays import AnyArray

ALIGNMENT = 64  # bytes
NEIGHBOURHOOD = 1 << 16  # bytes round a page that the kernel maps with it
MOUNTS = Path('/proc/self/mountinfo')
IN_MEMORY = {'tmpfs', 'ramfs', 'devtmpfs'}  # file systems
SPARE_BYTES = 64 << 20  # that are left free on a disk
Shapes = Mapping[str, tuple[tuple[int, ...], 'np.dtype[np.generic]']]


class ArrayFile:
    """
    Write arrays in parts, then map them, read-only.

    Nobody else can open the file, and it goes when nothing uses it any more, as by a crash.

    :param shapes: of each array, with its type.
    :param folder: on whose disk the file is; None keeps the arrays in memory.
    :raises OSError: when the disk has no room for it.
    """

    def __init__(self, shapes: Shapes, folder: Path | None) -> None:
        self._shapes = shapes
        self._offsets, size = {}, 0
        for name, (shape, kind) in shapes.items():
            self._offsets[name] = size
            size += -(-int(np.prod(shape)) * kind.itemsize // ALIGNMENT) * ALIGNMENT
        self._file = tempfile.TemporaryFile(dir=folder) if folder else None  # noqa: SIM115
        self.on_disk, size = folder is not None, max(size, ALIGNMENT)
        if self._file:
            os.posix_fallocate(self._file.fileno(), 0, size)  # now, not at some later write
        self.data = mmap.mmap(-1, size) if self._file is None else mmap.mmap(
            self._file.fileno(), size, access=mmap.ACCESS_READ)

    def write(self, name: str, first: int, rows: AnyArray) -> None:
        """Write rows (N, ...) of an array, from row `first` on."""
        start, content = self.span(name, first, first)[0], np.ascontiguousarray(rows).tobytes()
        if self._file is None:
            self.data[start:start + len(content)] = content
        else:
            self._file.seek(start)
            self._file.write(content)

    def read_ahead(self, first: int, last: int) -> None:
        """Read bytes of the file that will be needed, without a wait for them."""
        if self._file:
            os.posix_fadvise(self._file.fileno(), first, last - first, os.POSIX_FADV_WILLNEED)

    def give_back(self, first: int, last: int) -> None:
        """Let bytes of the file take no memory of this process; what is there stays right."""
        start = first // NEIGHBOURHOOD * NEIGHBOURHOOD
        end = min(-(-last // NEIGHBOURHOOD) * NEIGHBOURHOOD, len(self.data))
        if end > start:
            self.data.madvise(mmap.MADV_DONTNEED, start, end - start)

    def arrays(self) -> dict[str, AnyArray]:
        """Return the arrays; call it once all is written."""
        if self._file:
            self._file.flush()
        arrays = {}
        for name, (shape, kind) in self._shapes.items():
            array = np.frombuffer(self.data, kind, int(np.prod(shape)), self._offsets[name])
            array.setflags(write=False)
            arrays[name] = array.reshape(shape)
        return arrays

    def span(self, name: str, first: int, last: int) -> tuple[int, int]:
        """Return where rows of an array begin and end in the file, bytes."""
        shape, kind = self._shapes[name]
        row = int(np.prod(shape[1:])) * kind.itemsize
        return self._offsets[name] + first * row, self._offsets[name] + last * row


def disk_folder(size: int) -> Path | None:
    """Return a folder for temporary files on a disk with room for `size` bytes, if any."""
    cache = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    for folder in map(Path, (tempfile.gettempdir(), '/var/tmp', cache)):
        if (os.access(folder, os.W_OK) and not _is_memory(folder)
                and shutil.disk_usage(folder).free > size + SPARE_BYTES):
            return folder
    return None


def _is_memory(folder: Path) -> bool:
    """Return whether a folder is of a file system that lives in memory."""
    device = os.stat(folder).st_dev
    name = f'{os.major(device)}:{os.minor(device)}'
    for line in MOUNTS.read_text().splitlines():
        left, _, right = line.partition(' - ')
        if left.split()[2] == name:
            return right.split()[0] in IN_MEMORY
    return False
