"""The work folder of a training: its checkpoints and its log, beside the model, until it ends."""

from __future__ import annotations

from pathlib import Path
import shutil

from posenet_ros.errors import InputError
from posenet_ros.training.fitting.callbacks import CHECKPOINT_FILE, CURVES_FILE, LOG_FILE
from posenet_ros.training.fitting.cross_validation import DEPTH_FILE
from posenet_ros.utils.files.kinds import check_unfinished, MODEL, TRAINING, write_mark

OWN_FILES = CHECKPOINT_FILE, LOG_FILE, CURVES_FILE, DEPTH_FILE, TRAINING.mark


def work_folder(out: Path) -> Path:
    """Return the work folder of the model folder `out`."""
    out = out.resolve()
    return out.with_name(f'{out.name}.training')


def has_checkpoint(work: Path) -> bool:
    """Return whether at least one epoch is done, of one member at least."""
    return any(work.rglob(CHECKPOINT_FILE))


def _is_all_ours(work: Path) -> bool:
    """Return whether a training has written all that is there; earlier versions left no mark."""
    return work.is_dir() and all(
        file.is_dir() or file.name.endswith(OWN_FILES) for file in work.rglob('*'))


def prepare_work(out: Path, *, resume: bool, force: bool, resume_command: str) -> Path:
    """
    Make the work folder; an interrupted training is not lost unasked.

    :param out: the model folder.
    :param resume_command: goes on with the training.
    :raises InputError: when there is nothing to resume, or something that `force` may not remove.
    """
    work = work_folder(out)
    found = has_checkpoint(work)
    if resume and not found:
        finished = f'{out} is trained to its end, and ' if MODEL.fits(out) else ''
        raise InputError(f'{finished}{work} has no checkpoint: there is nothing to resume; start '
                         'without --resume')
    check_unfinished(work, ours=found or TRAINING.fits(work) or _is_all_ours(work))
    if found and not resume and not force:
        raise InputError(f'{work} holds a training that was stopped: --resume goes on, --force '
                         f'starts anew: {resume_command}')
    if work.exists() and not resume:
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    write_mark(work, TRAINING)
    return work


def stop(work: Path, resume_command: str) -> str:
    """
    Leave a training that was interrupted; without a checkpoint nothing of it stays.

    :returns: a line about how to go on.
    """
    if has_checkpoint(work):
        return f'stopped; {work} has the last whole epoch. To go on: {resume_command}'
    shutil.rmtree(work)
    return 'stopped before an epoch was done: the same command starts anew'
