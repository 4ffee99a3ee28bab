"""
A model folder that is read once, into memory that nobody else can write.

A robot's model may be overwritten or deleted while its node runs (rsync, a shared disk): the
network would then answer with half of a new one, under the hash of the old one. So the node
copies each file that it needs into a sealed memory file (`memfd_create`, Linux), the hash of the
copy is checked, and the folder is not read again.
"""

from __future__ import annotations

from collections.abc import Callable
import fcntl
import hashlib
import os
from pathlib import Path
from types import TracebackType

from posenet_ros.errors import InputError

CHUNK_BYTES = 1 << 20
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class PrivateCopy:
    """
    The files of a folder, each copied when it is asked for the first time.

    A context: at its end the copies are closed. What has mapped one keeps it.

    :param folder: is read until the end of the context.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptors: dict[str, int] = {}
        self._missing = Path(os.devnull)  # nothing is below it
        self._open = True
        self.check: Callable[[str, str], None] | None = None  # called with name and SHA-256

    def __enter__(self) -> PrivateCopy:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._open = False
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    def file(self, name: str) -> Path:
        """
        Return where this process can read the copy of a file.

        :returns: a path where nothing is, for a file that is missing or after the end.
        :raises InputError: when the file vanishes meanwhile, or `check` says so.
        """
        source = self._folder / name
        if self._open and name not in self._descriptors and source.is_file():
            self._descriptors[name] = os.memfd_create(
                name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            digest = _fill(self._descriptors[name], source)
            if self.check:
                self.check(name, digest)
        return (_path(self._descriptors[name]) if name in self._descriptors
                else self._missing / name)

    def release(self, name: str) -> None:
        """Free the copy of a file that is not needed any more; what has mapped it keeps it."""
        os.close(self._descriptors.pop(name))

    def with_names(self, text: str) -> str:
        """Replace the paths of copies in a text by the names of the files that they are of."""
        for name, descriptor in self._descriptors.items():
            text = text.replace(f'{_path(descriptor)} ', f'{self._folder / name} ')
        return text


def sha256(path: Path) -> str:
    """Compute the SHA-256 of a file, hexadecimal."""
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def _path(descriptor: int) -> Path:
    return Path(f'/proc/self/fd/{descriptor}')


def _fill(descriptor: int, source: Path) -> str:
    """Copy a file into an empty memory file and seal that. Returns the copy's SHA-256."""
    digest = hashlib.sha256()
    try:
        with source.open('rb') as file, open(descriptor, 'wb', closefd=False) as copy:
            while chunk := file.read(CHUNK_BYTES):
                copy.write(chunk)
                digest.update(chunk)
    except FileNotFoundError as error:
        raise InputError(f'{source} is missing: copy or train the model again') from error
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
    return digest.hexdigest()
