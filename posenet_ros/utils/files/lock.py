"""
Locks beside an output: one process writes it at a time, and killed ones leave none behind.

A lock is a file that names its owner. On one machine the system itself frees it when the owner
ends (flock); that of another machine, on a shared disk, is respected.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import errno
import fcntl
import json
import os
from pathlib import Path
import sys
import time
from typing import get_type_hints, NamedTuple

from posenet_ros.errors import PoseNetError
from posenet_ros.utils.signals import without_interrupts

UNSUPPORTED = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_held: set[Path] = set()  # locks of this process


class LockedError(PoseNetError):
    """Another process has the lock."""


class Owner(NamedTuple):
    """
    The process that has a lock.

    :param host: name of its machine.
    :param namespace: in which its number counts: a container has its own.
    :param pid: its number.
    :param since: when it took the lock, local time.
    """

    host: str
    namespace: str
    pid: int
    since: str

    @classmethod
    def of_this_process(cls) -> Owner:
        """Describe this process, now."""
        namespace = ''
        with suppress(OSError):
            namespace = os.readlink('/proc/self/ns/pid')
        return cls(os.uname().nodename, namespace, os.getpid(),
                   time.strftime('%Y-%m-%d %H:%M:%S'))

    @property
    def is_here(self) -> bool:
        """Whether it runs, or ran, on this machine."""
        own = Owner.of_this_process()
        return (self.host, self.namespace) == (own.host, own.namespace)

    @property
    def is_alive(self) -> bool:
        """Whether a process of this machine has its number."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True


def read_owner(file: Path) -> Owner | None:
    """Read the owner of a lock; None when the file is missing, empty or not ours."""
    # not by `--help`, which would take half as long again
    from posenet_ros.utils.files.typed_json import read_mapping
    from posenet_ros.utils.settings.schema import typed_value
    try:
        kinds, content = get_type_hints(Owner), read_mapping(file)
        owner = Owner(**{name: typed_value(content.pop(name), kind, name)
                         for name, kind in kinds.items()})
    except (OSError, ValueError, KeyError):
        return None
    return owner if owner.pid > 0 and not content else None


class LockFile:
    """
    A lock that this process has, until :meth:`release` or its end.

    :param file: made where it is missing.
    :raises LockedError: when another process has it.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._descriptor, supported = _open_locked(file)
        self.before = read_owner(file)  # who had it, and ended without releasing it
        if self.before and (not self.before.is_here or (
                not supported and self.before.is_alive)):
            os.close(self._descriptor)
            raise _locked(file, self.before)
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(Owner.of_this_process()._asdict()).encode(), 0)
        except OSError as error:  # a full disk
            self.release()
            raise OSError(error.errno, error.strerror, str(file)) from error

    def release(self) -> None:
        """Remove the file, and give the lock back."""
        with suppress(FileNotFoundError):
            self.file.unlink()
        os.close(self._descriptor)


def _open_locked(file: Path) -> tuple[int, bool]:
    """Open and lock a file; also return whether the file system has locks."""
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        supported = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            supported = error.errno not in UNSUPPORTED
            if supported:
                os.close(descriptor)
                raise _locked(file, read_owner(file)) from error
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), file.stat()):
                return descriptor, supported
        os.close(descriptor)  # its owner has removed it meanwhile


def _locked(file: Path, owner: Owner | None) -> LockedError:
    if owner is None:
        return LockedError(f'another process has just taken {file}: wait for it to end')
    if owner.is_here:
        return LockedError(f'process {owner.pid} has been writing there since {owner.since}: wait '
                           f'for it to end, or stop it (kill {owner.pid}). Received: {file}')
    return LockedError(f'process {owner.pid} of the machine {owner.host} has been writing there '
                       f'since {owner.since}: wait for it to end; if it is gone, remove {file}')


def lock_file(path: Path) -> Path:
    """Return the file of the lock of an output."""
    return path.with_name(f'.{path.name}.lock')


def remove_abandoned(path: Path) -> None:
    """Remove the lock that a killed process has left of an output; that of a live one stays."""
    file = lock_file(path)
    if file not in _held and file.is_file():
        with suppress(LockedError, OSError):
            LockFile(file).release()


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """
    Keep other processes from writing `path` for the length of a block.

    This process may take it again within the block. A lock whose owner was killed is taken over,
    and that is said.

    :raises LockedError: when another process writes it: which, and since when.
    """
    file = lock_file(path)
    if file in _held:
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    held = None
    try:
        with without_interrupts():
            held = LockFile(file)
            _held.add(file)
        if held.before:
            sys.stderr.write(f'{path}: process {held.before.pid}, which wrote there since '
                             f'{held.before.since}, is gone; its lock is taken over\n')
        yield
    finally:
        with without_interrupts():
            if held:
                _held.discard(file)
                held.release()
