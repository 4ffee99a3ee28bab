"""Folders of images as walks: each folder with images in it is one, in natural order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
import re

from posenet_ros.datasets.pose_files import is_number, parse_stamp
from posenet_ros.datasets.tolerance import check_rejected
from posenet_ros.errors import InputError
from posenet_ros.imaging.files import try_image
from posenet_ros.training.data.walk import Walk, WalkImage
from posenet_ros.training.sources.exif import Exif, read_exif
from posenet_ros.training.sources.names import unique_names
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import progress

SUFFIXES = '.jpg', '.jpeg', '.png'
FIRST_STAMP_S = 1e8  # of 1973: a smaller number in a name counts images
SHOWN = 3  # sizes in a message


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts `frame9` before `frame10`."""
    return [(0, int(part), '') if part.isdigit() else (1, 0, part)
            for part in re.split(r'(\d+)', text) if part]


def read_image_folders(folders: Sequence[Path], every: int | None = None,
                       prefixes: Sequence[str] | None = None) -> list[Walk]:
    """
    Return the walks of some folders; their sub-folders are walks too.

    :param every: take each Nth image; None takes all.
    :param prefixes: what the names of each folder's walks begin with; None: its own name, where
        there are several.
    :raises InputError: when a folder is missing or without images, the images have several sizes,
        or over a tenth of them is damaged.
    """
    walks, sizes = [], Counter[tuple[int, int]]()
    for prefix, top in zip(prefixes or _prefixes(folders), folders, strict=True):
        found = list(_image_files(top))
        if not found:
            raise InputError(f'{top}: expected a folder with images ({", ".join(SUFFIXES)}). '
                             f'Received: {"none" if top.is_dir() else "no such folder"}')
        for folder, files in found:
            inner = folder.relative_to(top).as_posix()
            name = '/'.join(filter(None, (prefix, '' if inner == '.' else inner)))
            walk, of_walk = _read_walk(name or top.resolve().name, files[::every or 1])
            walks.append(walk)
            sizes += of_walk
    _check_one_size(sizes)
    return walks


def _prefixes(folders: Sequence[Path]) -> list[str]:
    """Return what the names of each folder's walks begin with: its own name, made unique."""
    return [''] if len(folders) == 1 else unique_names(
        folder.resolve().name for folder in folders)


def _image_files(top: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield each folder that has images, the topmost first, and the images."""
    inner = [path for path in top.rglob('*') if path.is_dir()] if top.is_dir() else []
    for folder in [top, *sorted(inner, key=lambda path: natural_key(path.as_posix()))]:
        files = [path for path in folder.glob('*') if path.suffix.lower() in SUFFIXES
                 and path.is_file() and not path.name.startswith('.')]
        if files:
            yield folder, sorted(files, key=lambda path: natural_key(path.name))


def _read_walk(name: str, files: Sequence[Path]) -> tuple[Walk, Counter[tuple[int, int]]]:
    """Check the images of a walk; return it, and how many images have each size."""
    images, rejected = [], []
    sizes = Counter[tuple[int, int]]()
    found = progress(ordered_map(_look, files), len(files), 'image', name)
    for file, (size, exif) in zip(files, found, strict=True):
        if isinstance(size, InputError):
            rejected.append(str(size))
            continue
        sizes[size] += 1
        stamp_ns = stamp_of_name(file.stem)
        images.append(WalkImage(file, f'{name}/{file.name}',
                                exif.stamp_ns if stamp_ns is None else stamp_ns))
    check_rejected(rejected, len(files))
    notes = [f'{name}: {rejected[0]} ({len(rejected)} of {len(files)} images left out)'
             ] if rejected else []
    return Walk(name, tuple(images), notes=tuple(notes)), sizes


def _look(file: Path) -> tuple[tuple[int, int] | InputError, Exif]:
    return try_image(file), read_exif(file)


def stamp_of_name(stem: str) -> int | None:
    """Return the stamp that a file is named by, as those of TUM and EuRoC; else None."""
    if not is_number(stem) or not float(stem) >= FIRST_STAMP_S:
        return None
    try:
        return parse_stamp(stem)
    except InputError:
        return None


def describe_rotated(walks: Sequence[Walk]) -> str:
    """Say how many images EXIF would turn: those with poses are taken as they are stored."""
    paths = [image.path for walk in walks for image in walk.images]
    rotated = sum(exif.rotated for exif in ordered_map(read_exif, paths))
    return (f'EXIF turns {rotated} of {len(paths)} images: their pixels are taken as they are '
            'stored, and their poses have to be of these') if rotated else ''


def _check_one_size(sizes: Counter[tuple[int, int]]) -> None:
    if len(sizes) > 1:
        listed = ', '.join(f'{width}x{height} ({count} images)'
                           for (width, height), count in sizes.most_common(SHOWN))
        raise InputError(f'all images have to be of one camera and size. Received: {listed}'
                         f'{" and others" if len(sizes) > SHOWN else ""}; map those of each size '
                         'by themselves')
