"""The bags of a fleet: found in folders, and labelled by the folders that they lie in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from posenet_ros.errors import InputError
from posenet_ros.ros_data.files.bag_layout import METADATA, SUFFIXES


@dataclass(frozen=True)
class FleetBag:
    """
    A bag of a fleet.

    :param path: of the bag.
    :param name: its path from the folder that was given, with that folder's name before it.
    :param labels: such as its place and its robot, by the names of the folders above it.
    """

    path: Path
    name: str
    labels: Mapping[str, str]


def find_bags(folders: Sequence[Path], levels: Sequence[str]) -> list[FleetBag]:
    """
    Find the bags in folders, at any depth, in the order of their names.

    :param levels: what the folders above a bag stand for, the nearest last, as place and robot; a
        folder above the given one stands for nothing.
    :raises InputError: when a folder is missing or has no bag, or two bags have one name.
    """
    found: dict[str, FleetBag] = {}
    for folder in map(Path.resolve, folders):
        paths = sorted(_bags_in(folder))
        if not paths:
            raise InputError(f'--bags has to name folders with bags in them. Received: {folder}')
        for path in paths:
            bag = _label(path, folder, levels)
            if bag.name in found and found[bag.name].path != path:
                raise InputError('bags of --bags have to have names of their own. Received: '
                                 f'{found[bag.name].path} and {path}; give the folder above both')
            found[bag.name] = bag
    return [found[name] for name in sorted(found)]


def _bags_in(path: Path) -> Iterator[Path]:
    if (path / METADATA).is_file() or (path.is_file() and path.suffix in SUFFIXES):
        yield path
    elif path.is_dir():
        for inner in path.iterdir():
            if not inner.name.startswith('.') and not (inner.is_symlink() and inner.is_dir()):
                yield from _bags_in(inner)


def list_files(bag: Path) -> list[tuple[str, int, int]]:
    """Return the files of a bag, with their sizes and times of change: another bag has others."""
    files = sorted(bag.rglob('*')) if bag.is_dir() else [bag]
    return [(str(file.relative_to(bag)), status.st_size, status.st_mtime_ns)
            for file in files if file.is_file() for status in [file.stat()]]


def _label(path: Path, folder: Path, levels: Sequence[str]) -> FleetBag:
    parts = path.relative_to(folder.parent).parts
    above = parts[:-1] or (folder.parent.name,)  # of a bag that was given itself
    names = [''] * max(len(levels) - len(above), 0) + [*above[-len(levels):]]
    return FleetBag(path, '/'.join(parts), dict(zip(levels, names, strict=True)))
