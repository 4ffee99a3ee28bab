"""Take out of an evaluation what a report that is passed on must not show: pictures and paths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
import getpass
from pathlib import Path, PurePosixPath, PureWindowsPath
import platform
import re
from typing import Any

from posenet_ros.evaluation.report.build import Evaluation
from posenet_ros.evaluation.results import FrameResult, WorstFrame

# folders of a root directory in which people keep files, on this machine or on another
ROOTS = {'home', 'Users', 'root', 'mnt', 'media', 'Volumes', 'tmp', 'var', 'opt', 'srv'}
WINDOWS_PATH = re.compile(r'[A-Za-z]:[\\/][^\s:;,\'"()<>|]*')
POSIX_PATH = re.compile(r'(?<![\w.\-])/[^\s:;,\'"()<>|]+')
MIN_NAME = 3  # letters: a shorter name of a user or machine is also a part of words
PARTS_OF_NAME = 2  # of an image that has an absolute path: its folder and its file
NOT_PRIVATE = {'root', 'localhost', 'user'}


class Redaction:
    """
    Replaces paths, and the names of user and machine, in texts.

    :param paths: that the command was given: they are known even where they have blanks.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        known = {form for path in paths for form in (path, path.absolute(), path.resolve())}
        known |= {Path.cwd()}
        self._paths = sorted(known, key=lambda path: -len(str(path)))
        self._names = [name for name in (_user(), platform.node().split('.')[0])
                       if len(name) >= MIN_NAME and name not in NOT_PRIVATE]

    def text(self, text: str) -> str:
        """Return a text in which each path is the name of its file or folder alone."""
        for path in self._paths:
            if len(path.parts) > 1:
                text = text.replace(str(path), path.name)
            if path.is_absolute() and path.parent.name:
                text = text.replace(f'{path.parent}/', '')
        text = WINDOWS_PATH.sub(lambda found: PureWindowsPath(found[0]).name, text)
        text = POSIX_PATH.sub(lambda found: _last_part(found[0]), text)
        for name in self._names:
            text = re.sub(rf'\b{re.escape(name)}\b', '(withheld)', text)
        return text

    def value(self, value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
        """Return a value of a report, the texts at any depth without paths."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.value(item) for name, item in value.items()}
        if isinstance(value, Sequence):
            return [self.value(item) for item in value]
        return value

    def frame(self, frame: FrameResult) -> FrameResult:
        """Return a frame whose name and reasons have no path but that inside its dataset."""
        return replace(frame, name=self._name(frame.name), sequence=self.text(frame.sequence),
                       reasons=tuple(map(self.text, frame.reasons)))

    def _name(self, name: str) -> str:
        absolute = PureWindowsPath(name).drive or PurePosixPath(name).is_absolute()
        parts = re.split(r'[\\/]', name)
        if absolute or '..' in parts:
            name = '/'.join([part for part in parts if part not in ('', '..')][-PARTS_OF_NAME:])
        return self.text(name)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a number without an entry, as in a container
        return ''


def _last_part(path: str) -> str:
    """Return the name of a path's file or folder; topics and frames, as `/camera`, stay."""
    first = PurePosixPath(path).parts[1] if len(PurePosixPath(path).parts) > 1 else ''
    is_path = first in ROOTS or (first and Path('/', first).exists())
    return PurePosixPath(path).name if is_path else path


def without_private_data(evaluation: Evaluation, paths: Iterable[Path]) -> Evaluation:
    """
    Return an evaluation without pictures, absolute paths, and names of user and machine.

    :param paths: that the command was given.
    """
    hide = Redaction(paths)
    worst = [WorstFrame(hide.frame(one.frame)) for one in evaluation.worst]
    return replace(
        evaluation, frames=[hide.frame(frame) for frame in evaluation.frames],
        out_of_place=[hide.frame(frame) for frame in evaluation.out_of_place], worst=worst,
        model=hide.value(evaluation.model), data=hide.value(evaluation.data))
