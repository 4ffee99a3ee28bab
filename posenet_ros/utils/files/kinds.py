"""The kinds of output: how a finished one is known, so that no other thing is ever replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterable
import json
import os
from pathlib import Path
from typing import NamedTuple

from posenet_ros.errors import InputError

MADE_BY = 'posenet_ros'
# bags that earlier versions made begin at this time and have no other mark
OLD_BAG_START = '1700000000000000000'
OLD_DATASET_FILES = {'camera.json', 'dataset_train.txt', 'dataset_test.txt'}
CAMERA_KEYS = ['width', 'height', 'fx', 'fy', 'cx', 'cy', 'distortion']
SHOWN = 3  # names in a message
START_BYTES = 4096


class FolderKind(NamedTuple):
    """
    A kind of folder that a command writes.

    :param name: in messages.
    :param mark: the file that a finished one has.
    :param marked_by: one of these texts stands in that file.
    :param is_old: recognises one that an earlier version made without a mark.
    """

    name: str
    mark: str
    marked_by: tuple[str, ...]
    is_old: Callable[[Path], bool] | None = None

    def fits(self, path: Path) -> bool:
        """Return whether a path is a finished folder of this kind."""
        return (_holds(path / self.mark, [word.encode() for word in self.marked_by])
                or (self.is_old is not None and self.is_old(path)))


class FileKind(NamedTuple):
    """
    A kind of file that a command writes.

    :param name: in messages.
    :param starts: its first bytes, one of these.
    """

    name: str
    starts: tuple[bytes, ...]

    def fits(self, path: Path) -> bool:
        """Return whether a path is a file of this kind."""
        try:
            return path.is_file() and _start(path).startswith(self.starts)
        except OSError:
            return False


def _is_old_dataset(path: Path) -> bool:
    """Return whether nothing but a dataset stands there, with a camera.json as we write it."""
    try:
        names = {entry.name for entry in path.iterdir() if not entry.is_dir()}
        text = (path / 'camera.json').read_text(encoding='utf-8')
        camera = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return False
    return (len(names) > 1 and names <= OLD_DATASET_FILES and isinstance(camera, dict)
            and list(camera)[:len(CAMERA_KEYS)] == CAMERA_KEYS
            and text in (json.dumps(camera), json.dumps(camera, indent=1) + '\n'))


MODEL = FolderKind('model folder', 'artifact.json', ('"format_version"',))
REPORT = FolderKind('report', 'report.json', ('"frames"',))
COMPARISON = FolderKind('comparison of reports', 'compare.json', ('"pairs"',))
FLEET = FolderKind('report of many bags', 'fleet.json', ('"bags"',))
BAG = FolderKind('bag made by posenet', 'metadata.yaml', (MADE_BY, OLD_BAG_START))
DATASET = FolderKind('dataset made by posenet', 'dataset.json', (MADE_BY,), _is_old_dataset)
SCENE = FolderKind('synthetic scene', 'scene.json', ('"digest"',))
TRAINING = FolderKind('interrupted training', 'training.json', (MADE_BY,))
MAPPING = FolderKind('interrupted map', 'mapping.json', (MADE_BY,))
EXPORT = FolderKind('export of a map', 'export.json', (MADE_BY,))
FOLDER_KINDS = (MODEL, REPORT, COMPARISON, FLEET, BAG, DATASET, SCENE, TRAINING, MAPPING, EXPORT)

TABLE = FileKind('table in Markdown', (b'|',))
WEIGHTS = FileKind('file of weights', (b'\x89HDF',))
BENCHMARK = FileKind('file of a benchmark', (b'{\n  "machine"',))
FIGURES = FileKind('file of figures in JSON', (b'{',))
MOVING_PICTURE = FileKind('moving picture in WebP or GIF', (b'RIFF', b'GIF8'))
POINT_CLOUD = FileKind('point cloud in PLY', (b'ply\n',))
POSES = FileKind('file of poses', (b'Visual Landmark Dataset',))
PICTURE = FileKind('picture in PNG', (b'\x89PNG',))
SENDING_LOG = FileKind('log of a replay', (b'stamp_ns,sent_monotonic_ns',))

Kind = FolderKind | FileKind


def write_mark(folder: Path, kind: FolderKind) -> None:
    """Write the mark of a folder whose files do not tell by themselves who made them."""
    (folder / kind.mark).write_text(json.dumps({'made_by': MADE_BY}) + '\n')


def _start(path: Path) -> bytes:
    with path.open('rb') as file:
        return file.read(START_BYTES)


def _holds(file: Path, texts: Iterable[bytes]) -> bool:
    try:
        content = file.read_bytes() if file.is_file() else b''
    except OSError:
        return False
    return any(text in content for text in texts)


def folder_kind(path: Path) -> FolderKind | None:
    """Return the kind of a finished folder; None when it is no output of ours."""
    return next((kind for kind in FOLDER_KINDS if kind.fits(path)), None)


def describe_content(path: Path) -> str:
    """Describe in a few words what stands at a path."""
    if not path.is_dir():
        return 'it is a file'
    names = sorted(entry.name for entry in path.iterdir())
    more = f' and {len(names) - SHOWN} more' if len(names) > SHOWN else ''
    return f'it holds {", ".join(names[:SHOWN]) or "nothing"}{more}'


def check_replaceable(path: Path, kind: Kind | None, inputs: Iterable[Path]) -> None:
    """
    Refuse to replace anything but a finished output of the same kind that nobody reads.

    :param kind: None takes any folder of :data:`FOLDER_KINDS`.
    :param inputs: files and folders that the same command reads.
    :raises InputError: saying what stands there, and what to do.
    """
    for read in inputs:
        if _overlap(path, read):
            raise InputError(f'{path} cannot be replaced: this command reads {read}; '
                             'give another --out')
    if not (kind.fits(path) if kind else folder_kind(path)):
        raise InputError(f'{path} exists already and is no {kind.name if kind else "output"}: '
                         f'{describe_content(path)}; give another name, or move it away')


def _overlap(path: Path, read: Path) -> bool:
    """Return whether two paths are the same, or one lies within the other; links are followed."""
    one, other = path.resolve(), read.resolve()
    return one == other or one in other.parents or other in one.parents


def check_unfinished(folder: Path, *, ours: bool) -> None:
    """
    Refuse to write what is unfinished where anything of another's stands.

    :param ours: whether the folder was evidently made by an earlier run.
    :raises InputError: saying what stands there, and what to do.
    """
    if os.path.lexists(folder) and not ours and (
            not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f'{folder} is needed for what is unfinished, but '
                         f'{describe_content(folder)}: give another --out, or move it away')


def check_place(path: Path) -> None:
    """
    Refuse to write a folder in the place of the current one, the home or a disk.

    :raises InputError: naming the place.
    """
    real = path.resolve()
    here = Path.cwd().resolve()
    places = {'the current folder': real == here, 'above the current folder': real in here.parents,
              'the home folder or above it': _is_home(real), 'a mounted disk': real.is_mount()}
    for name, found in places.items():
        if found:
            raise InputError(f'the output has to be a folder of its own. Received: {path}, which '
                             f'is {name}; give the name of a new folder')


def _is_home(path: Path) -> bool:
    try:
        home = Path.home().resolve()
    except RuntimeError:  # a user without one
        return False
    return path == home or path in home.parents
