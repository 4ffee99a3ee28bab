"""
Write outputs beside their place and rename them, so that none is ever half-written.

Nothing that a person made is lost: only a finished output of the same kind is replaced
(:mod:`posenet_ros.utils.files.kinds`), and what appeared meanwhile is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import sys

from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.utils.files.kinds import (
    check_place,
    check_replaceable,
    check_unfinished,
    folder_kind,
    FolderKind,
    Kind,
)
from posenet_ros.utils.files.lock import lock, LockedError, LockFile, remove_abandoned
from posenet_ros.utils.signals import without_interrupts

OWNER_FILE, REPLACED, OUTDATED = 'owner.json', 'replaced', 'outdated'
FINGERPRINT_FILE = '.fingerprint'

Identity = tuple[int, int]  # device and inode
# what stood at each output when its command first looked: it alone may be replaced in the end
_found: dict[Path, Identity | None] = {}


def check_new(path: Path, kind: Kind | None = None, *, force: bool = False,
              inputs: Iterable[Path] = ()) -> None:
    """
    Refuse an output that must not be written, before long work starts.

    An empty folder is as good as none. What a killed run left beside it is removed.

    :param kind: of the output; None takes any folder that posenet makes.
    :param force: an existing output of this kind may be replaced.
    :param inputs: files and folders that the command reads; none of them is ever replaced.
    :raises InputError: when `path` exists and may not be replaced, or its parent is read-only.
    """
    path = path.resolve()
    check_place(path)
    _clean_up(path)
    found = _identity(path)
    if found:
        check_replaceable(path, kind, inputs)
        if not force:
            raise InputError(f'{path} exists already: give another name, or --force to replace it')
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):
        raise InputError(f'{path.parent} has to be a folder that can be written')
    _found[path] = found


def _identity(path: Path) -> Identity | None:
    """Return the identity of what stands at a path; None for nothing and an empty folder."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if path.is_dir() and not any(path.iterdir()):
        return None
    return status.st_dev, status.st_ino


@contextmanager
def new_folder(path: Path, *, force: bool = False) -> Iterator[Path]:
    """
    Yield a temporary folder beside `path` that takes its name when the block succeeds.

    On an error or an interrupt the temporary folder is removed and `path` is as it was.

    :param force: replace an existing folder of the same kind, only once the new one is complete.
    :raises InputError: as :func:`check_new`.
    :raises PoseNetError: when another process writes `path`, or something appeared there
        meanwhile; the new folder then has another name, which the message says.
    """
    path = path.resolve()
    with lock(path):
        found = _take_found(path, None, force=force)
        with _beside(path) as hidden:
            new = hidden / path.name
            new.mkdir()
            yield new
            with without_interrupts():
                _place(new, path, found, hidden)


@contextmanager
def resumable_folder(path: Path, unfinished: Path, fingerprint: str, kind: FolderKind, *,
                     force: bool = False) -> Iterator[Path]:
    """
    Yield a folder that takes the name `path` when the block succeeds, and is kept when it fails.

    The next block of the same fingerprint gets what was written until then, any other an empty
    folder.

    :param unfinished: the folder until then, beside `path`.
    :param fingerprint: of all that the content depends on.
    :param force: replace an existing folder of the same kind, only once the new one is complete.
    :raises InputError: as :func:`check_new`, or when `unfinished` holds anything else.
    :raises PoseNetError: as :func:`new_folder`.
    """
    path = path.resolve()
    with lock(path):
        found = _take_found(path, kind, force=force)
        _prepare_unfinished(unfinished, path, fingerprint, kind)
        yield unfinished
        with _beside(path) as hidden, without_interrupts():
            (unfinished / FINGERPRINT_FILE).unlink()
            _place(unfinished, path, found, hidden)


def _prepare_unfinished(
        unfinished: Path, path: Path, fingerprint: str, kind: FolderKind) -> None:
    """Make the folder, and empty it where it is of another fingerprint."""
    stamp = unfinished / FINGERPRINT_FILE
    check_unfinished(unfinished, ours=stamp.is_file() or kind.fits(unfinished))
    if stamp.is_file() and stamp.read_text() == fingerprint:
        return
    if unfinished.exists():
        with _beside(path) as hidden:
            unfinished.rename(hidden / OUTDATED)
    unfinished.mkdir()
    stamp.write_text(fingerprint)


def _take_found(path: Path, kind: Kind | None, *, force: bool) -> Identity | None:
    """Return what stood at a path when its command first looked; look now where it did not."""
    if path not in _found:
        check_new(path, kind, force=force)
    return _found.pop(path)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """
    Yield a temporary file beside `path` that takes its name when the block succeeds.

    Call :func:`check_new` before.

    :raises PoseNetError: when something appeared at `path` meanwhile, as :func:`new_folder`.
    """
    path = path.resolve()
    found = _found.pop(path, None)
    with lock(path), _beside(path) as hidden:
        new = hidden / path.name
        yield new
        with without_interrupts():
            if _identity(path) != found:
                _keep_both(new, path)
            new.replace(path)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Yield a hidden folder beside `path`, which names its process; it is removed at the end."""
    import tempfile

    hidden, owner = None, None
    try:
        with without_interrupts():
            hidden = Path(tempfile.mkdtemp(prefix=_prefix(path), dir=path.parent))
            owner = LockFile(hidden / OWNER_FILE)
        yield hidden
    finally:
        with without_interrupts():
            if hidden:
                _dissolve(hidden, path)
            if owner:
                owner.release()


def _prefix(path: Path) -> str:
    return f'.{path.name}.posenet-'


def _place(new: Path, path: Path, found: Identity | None, hidden: Path) -> None:
    """
    Rename the new folder to `path`, unless something appeared there.

    :param found: what stood there when the command began.
    :param hidden: where to put what is replaced.
    """
    now = _identity(path)
    if now != found or (now and folder_kind(path) is not folder_kind(new)):
        _keep_both(new, path)
    if now:
        path.rename(hidden / REPLACED)
    new.rename(path)


def _keep_both(new: Path, path: Path) -> None:
    number = 2
    while os.path.lexists(other := path.with_name(f'{path.name}.{number}')):
        number += 1
    new.rename(other)
    raise PoseNetError(f'{path} was made or changed by another program meanwhile, and is left as '
                       f'it is: the result is {other}')


def _dissolve(hidden: Path, path: Path) -> None:
    """Remove a hidden folder; what was about to be replaced goes back to its place."""
    import shutil

    old = hidden / REPLACED
    if old.exists() and not _identity(path):
        old.rename(path)
    shutil.rmtree(hidden, ignore_errors=True)


def _clean_up(path: Path) -> None:
    """Remove hidden folders and the lock of killed runs; those of live ones stay."""
    if not path.parent.is_dir():
        return
    remove_abandoned(path)
    start = _prefix(path)
    for hidden in [entry for entry in path.parent.iterdir() if entry.name.startswith(start)]:
        if not (hidden / OWNER_FILE).is_file():
            continue
        try:
            owner = LockFile(hidden / OWNER_FILE)
        except (LockedError, OSError):
            continue
        with without_interrupts():
            _dissolve(hidden, path)
            owner.release()
        pid = f' (process {owner.before.pid})' if owner.before else ''
        sys.stderr.write(f'{hidden} was left by a run that was killed{pid}: removed\n')
