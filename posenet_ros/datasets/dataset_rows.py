"""Rows of a dataset: an image each, with its pose or its error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
import os
from pathlib import Path

from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.utils.files import text
from posenet_ros.utils.files.text import is_content

FOLLOW_LINKS = 'POSENET_FOLLOW_LINKS'  # environment variable
MAX_SHOWN = 80  # characters of a name in a message


@dataclass(frozen=True)
class DatasetRow:
    """
    One image of a dataset.

    :param where: file and line number, for messages.
    :param pose: map_from_camera in the dataset's frame; None where it is missing or invalid.
    :param error: why the row cannot be used; empty for a good one.
    :param unmatched: whether no pose was recorded at the image's time, which is no error.
    """

    where: str
    path: Path
    name: str
    sequence: str
    pose: Pose | None = None
    error: str = ''
    unmatched: bool = False


def validate_row(line: DatasetRow, seen: dict[str, str]) -> Pose:
    """
    Check a row and return its pose.

    :param seen: name -> where of the rows before; this one is added.
    :raises InputError: when the row has an error, or its image a row before.
    """
    if line.pose is None:
        raise InputError(line.error)
    if line.name in seen:
        raise InputError(f'{line.name} is a duplicate of {seen[line.name]}')
    seen[line.name] = line.where
    return line.pose


def numbered_lines(file: Path) -> Iterator[tuple[str, str]]:
    """Yield (file:number, text) of each line that is neither empty nor a comment."""
    if not file.exists():
        raise InputError(f'{file} is missing')
    for number, line in text.numbered_lines(file):
        if is_content(line):
            yield f'{file}:{number}', line.strip()


def make_row(folder: Path, where: str, name: str, sequence: str, pose: Pose | None,
             error: str = '') -> DatasetRow:
    """
    Make a row; an image outside the dataset's folder is an error and is never opened.

    :param name: of the image; that of the row is relative to the folder, and leads nowhere else.
    """
    try:
        path = image_path(folder, name)
        return DatasetRow(where, path, name_within(folder, name), sequence, pose, error)
    except InputError as outside:
        return DatasetRow(where, folder, name, sequence, error=str(outside))


def name_within(folder: Path, name: str) -> str:
    """Return the name of an image in the folder without `..`, so that it names a copy, too."""
    if '..' not in Path(name).parts and not Path(name).is_absolute():
        return Path(name).as_posix()
    inner = os.path.relpath(os.path.normpath(folder.absolute() / name), folder.absolute())
    if inner.startswith('..'):
        return (folder / name).resolve().relative_to(folder.resolve()).as_posix()
    return Path(inner).as_posix()


def image_path(folder: Path, name: str) -> Path:
    """
    Return the path of an image that a dataset's file names.

    The folder may be a link itself, and hold links to what lies in it. Where FOLLOW_LINKS is set,
    links may lead anywhere; `..` and absolute names may not.

    :raises InputError: when it leads out of the dataset's folder.
    """
    path, link = folder / name, ''
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass  # for who opens it to say
    except (OSError, ValueError) as error:  # too long, or of what no path can have
        raise InputError('the name of an image has to be a path. '
                         f'Received: {name[:MAX_SHOWN]!r}') from error
    target = os.path.realpath(path)
    if target.startswith(os.path.join(os.path.realpath(folder), '')):
        return path
    if '..' not in Path(name).parts and not Path(name).is_absolute():
        if os.environ.get(FOLLOW_LINKS):
            return path
        link = f' (a link to {target}), or set {FOLLOW_LINKS}=1 where its links are yours'
    raise InputError("an image has to lie in the dataset's folder. "
                     f'Received: {name!r}; copy it there{link}')


def image_file(folder: Path, name: str) -> Path | None:
    """Return the path of an image file in a dataset; None where there is none that may be read."""
    try:
        path = image_path(folder, name)
        return path if path.is_file() else None
    except (InputError, OSError):
        return None
