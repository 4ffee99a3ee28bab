"""The work folder of a map: extracted images, features and poses, beside it until it is whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
import json
from pathlib import Path
import shutil
from typing import Any

from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.utils.files.kinds import check_unfinished, MADE_BY, MAPPING, MODEL
from posenet_ros.utils.files.typed_json import read_typed


@dataclass(frozen=True)
class _Mark:
    """The mark of a work folder: what the walks are read from."""

    made_by: str = MADE_BY
    source: Mapping[str, Any] = field(default_factory=dict)


def work_folder(out: Path) -> Path:
    """Return the work folder of the model folder `out`."""
    out = out.resolve()
    return out.with_name(f'{out.name}.mapping')


def has_results(work: Path) -> bool:
    """Return whether an earlier run has left anything that would have to be made again."""
    return MAPPING.fits(work) and any(
        entry.is_dir() and any(file.is_file() for file in entry.rglob('*'))
        for entry in work.iterdir())


def prepare_work(out: Path, source: Mapping[str, Any], *, resume: bool, force: bool,
                 resume_command: str) -> Path:
    """
    Make the work folder; what an interrupted run has done is not lost unasked.

    :param out: the model folder.
    :param source: of the walks, as JSON: another one cannot go on with these results.
    :param resume_command: goes on with the map.
    :raises InputError: when there is nothing to resume, the results are of another walk, or
        something stands there that `force` may not remove.
    """
    work = work_folder(out)
    found = has_results(work)
    if resume and not found:
        finished = f'{out} is finished, and ' if MODEL.fits(out) else ''
        raise InputError(f'{finished}{work} has no results: there is nothing to resume; start '
                         'without --resume')
    check_unfinished(work, ours=MAPPING.fits(work))
    if found and not resume and not force:
        raise InputError(f'{work} holds a map that was not finished: --resume goes on, --force '
                         f'starts anew: {resume_command}')
    if resume:
        _check_source(work, source)
        return work
    if work.exists():
        shutil.rmtree(work)
    work.mkdir(parents=True)
    (work / MAPPING.mark).write_text(json.dumps(asdict(_Mark(source=source))) + '\n')
    return work


def _check_source(work: Path, source: Mapping[str, Any]) -> None:
    before = read_typed(_Mark, work / MAPPING.mark).source
    for key in sorted({*before, *source}):
        if before.get(key) != source.get(key):
            name = repr(key)[1:-1]  # of what may not be printed
            raise InputError(f'{work} is of another walk: {name} was {before.get(key)!r}. '
                             f'Received: {source.get(key)!r}; give the same, or start anew with '
                             '--force')


@contextmanager
def kept_for_resume(work: Path, resume_command: str) -> Iterator[None]:
    """
    Say how to go on when a block is interrupted or fails; remove the work folder when it succeeds.

    A work folder without results is removed too.

    :raises KeyboardInterrupt: when interrupted, with the way to go on.
    :raises PoseNetError: that of the block.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(_stop(work, resume_command)) from interrupt
    except PoseNetError:
        if not has_results(work):
            shutil.rmtree(work, ignore_errors=True)
        raise
    shutil.rmtree(work)


def _stop(work: Path, resume_command: str) -> str:
    if has_results(work):
        return f'stopped; {work} has what is done. To go on: {resume_command}'
    shutil.rmtree(work, ignore_errors=True)
    return 'stopped before anything was done: the same command starts anew'
