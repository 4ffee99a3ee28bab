"""Write a file of results that several processes may write at once: whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """
    Yield a file beside another that takes its name, and its place, when the block succeeds.

    The last of several writers stays, which is as good where all write the same. On an error
    nothing is left.
    """
    unfinished = file.with_name(f'{file.stem}.{uuid4().hex}.tmp')
    try:
        yield unfinished
        unfinished.replace(file)
    except OSError as error:
        if error.errno and error.filename is None:  # such as of a disk that is full
            error.filename = str(file)
        raise
    finally:
        unfinished.unlink(missing_ok=True)
