"""Folders of intermediate results, each named by a hash of what it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import hashlib
from pathlib import Path
import shutil

HASH_LENGTH = 16


def step_folder(work: Path, name: str, *inputs: object) -> Path:
    """
    Return the folder of a step of the work; that of the same step with other inputs is removed.

    :param inputs: all that the step depends on; their `repr` is hashed.
    """
    digest = hashlib.sha256(repr(inputs).encode()).hexdigest()[:HASH_LENGTH]
    folder = work / f'{name}-{digest}'
    for other in work.glob(f'{name}-' + '?' * HASH_LENGTH):
        if other != folder:
            shutil.rmtree(other)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def write_whole(file: Path) -> Iterator[Path]:
    """Yield another name for a file, which takes its own when the block succeeds."""
    new = file.with_name(f'new-{file.name}')
    try:
        yield new
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)
