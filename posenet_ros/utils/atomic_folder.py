"""Write folders beside their place and rename them, so that none is ever half-written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path

from posenet_ros.errors import InputError

FINGERPRINT_FILE = '.fingerprint'


def check_new(path: Path, *, force: bool = False) -> None:
    """
    Refuse an output that exists, or whose parent cannot be written, before long work starts.

    :raises InputError: when `path` exists and `force` is False, or the parent is read-only.
    """
    if path.exists() and not force:
        raise InputError(f'{path} exists already: give another name, or --force to replace it')
    parent = path.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    if not os.access(parent, os.W_OK):
        raise InputError(f'{parent} has to be a folder that can be written')


@contextmanager
def new_folder(path: Path, *, force: bool = False) -> Iterator[Path]:
    """
    Yield a temporary folder beside `path` that takes its name when the block succeeds.

    On an error or an interrupt the temporary folder is removed and `path` is as it was.

    :param force: replace an existing `path`, only once the new one is complete.
    :raises InputError: as :func:`check_new`.
    """
    import shutil
    import tempfile

    path = path.absolute()
    check_new(path, force=force)
    temporary = Path(tempfile.mkdtemp(prefix=f'.{path.name}.', dir=path.parent))
    try:
        temporary.chmod(0o755)
        yield temporary
        _replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def resumable_folder(
        path: Path, unfinished: Path, fingerprint: str, *, force: bool = False) -> Iterator[Path]:
    """
    Yield a folder that takes the name `path` when the block succeeds, and is kept when it fails.

    The next block of the same fingerprint gets what was written until then, any other an empty
    folder.

    :param unfinished: the folder until then, beside `path`.
    :param fingerprint: of all that the content depends on.
    :param force: replace an existing `path`, only once the new one is complete.
    :raises InputError: as :func:`check_new`.
    """
    import shutil

    check_new(path, force=force)
    stamp = unfinished / FINGERPRINT_FILE
    if not (stamp.is_file() and stamp.read_text() == fingerprint):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        stamp.write_text(fingerprint)
    yield unfinished
    stamp.unlink()
    _replace(unfinished, path.absolute())


def _replace(new: Path, path: Path) -> None:
    """Rename `new` to `path`; what stood there is removed only after that."""
    if not path.exists():
        new.rename(path)
        return
    import shutil
    import tempfile

    old = Path(tempfile.mkdtemp(prefix=f'.{path.name}.old.', dir=path.parent)) / path.name
    path.rename(old)
    new.rename(path)
    shutil.rmtree(old.parent, ignore_errors=True)
