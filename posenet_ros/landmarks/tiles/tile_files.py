"""The files of a large map's tiles: written beside landmarks.npz, read one by one into arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path
import shutil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import AnyArray
from posenet_ros.errors import InputError
from posenet_ros.inference.artifact import LANDMARKS_FILE, tile_files, TILES_FOLDER
from posenet_ros.landmarks.tiles.array_file import ArrayFile, disk_folder, Shapes
from posenet_ros.landmarks.tiles.tile_memory import Spans, TileMemory
from posenet_ros.utils.files.npz import damaged, map_arrays

STARTS = 'tile_starts'  # the first landmark of each tile and their number, (T + 1,)
SEEN = 'seen'
VIEWS_PER_BLOCK = 256  # of which SEEN is read at once
Opened = Callable[[str], AbstractContextManager[Path]]
Check = Callable[[Mapping[str, AnyArray]], None]


class TiledArrays(NamedTuple):
    """The arrays of a map, and which part of them is in memory; None: all is, for ever."""

    arrays: dict[str, AnyArray]
    memory: TileMemory | None


def tile_name(number: int) -> str:
    """Return the name of a tile's file in a model folder."""
    return f'{TILES_FOLDER}/{number:04d}.npz'


def write_tiles(arrays: Mapping[str, AnyArray], names: tuple[str, ...],
                starts: NDArray[np.int32], folder: Path) -> dict[str, Any]:
    """
    Write the tiles of a map into its model folder.

    :param names: of the arrays with a row for each landmark, or none.
    :param starts: of the tiles, as STARTS.
    :returns: the arrays that belong into landmarks.npz.
    """
    names = tuple(name for name in names if len(arrays[name]))
    (folder / TILES_FOLDER).mkdir()
    for number, (first, last) in enumerate(pairwise(starts)):
        rows: dict[str, Any] = {name: arrays[name][first:last] for name in names}
        np.savez(folder / tile_name(number), **rows)
    return {STARTS: starts, **{name: array for name, array in arrays.items()
                               if name not in names}}


def remove_tiles(folder: Path) -> None:
    """Remove the tiles of the map that a folder had."""
    for name in tile_files(folder):
        (folder / name).unlink()
    if (folder / TILES_FOLDER).is_dir() and not any((folder / TILES_FOLDER).iterdir()):
        (folder / TILES_FOLDER).rmdir()


def copy_map(source: Path, folder: Path) -> None:
    """Copy the map of a model folder into another, in place of what map that has."""
    remove_tiles(folder)
    for name in (LANDMARKS_FILE, *tile_files(source)):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(source / name, folder / name)


def map_size(folder: Path) -> int:
    """Return the size of a model folder's map, bytes."""
    return sum((folder / name).stat().st_size for name in (LANDMARKS_FILE, *tile_files(folder)))


def read_tiles(arrays: Mapping[str, AnyArray], shapes: Shapes, check: Check, opened: Opened,
               max_bytes: int) -> TiledArrays:
    """
    Read the tiles of a map into arrays that go on from one tile to the next.

    :param arrays: of landmarks.npz, with STARTS and SEEN.
    :param shapes: of one landmark in the arrays of the tiles, with their types.
    :param check: raises InputError on arrays of a tile that are missing, or of another shape.
    :param max_bytes: of the arrays in memory; the others are on a disk. 0: all are in memory.
    :raises InputError: on a tile that is missing, damaged or of another map, naming it.
    """
    starts = arrays[STARTS]
    count, seen = int(starts[-1]), arrays[SEEN]
    whole = {name: ((count, *shape), kind) for name, (shape, kind) in shapes.items()} | {
        SEEN: (seen.shape, seen.dtype)}
    file, problem = _make_file(whole, max_bytes)
    file.write(SEEN, 0, seen)
    for number, (first, last) in enumerate(pairwise(starts)):
        with opened(tile_name(number)) as path:
            rows = _read_tile(path, check, int(last - first))
            for name in shapes:
                file.write(name, int(first), rows[name])
            del rows
    kept = {name: array.copy() for name, array in arrays.items() if name not in (STARTS, SEEN)}
    memory = None
    if file.on_disk or problem:
        memory = TileMemory(
            file if file.on_disk else None, _spans(file, [*shapes], starts, arrays['starts']),
            _tiles_of_views(seen, arrays['starts'], starts), len(starts) - 1, max_bytes, problem)
    return TiledArrays(kept | file.arrays(), memory)


def check_starts(starts: AnyArray) -> None:
    """
    Check the first landmarks of tiles, as STARTS.

    :raises InputError: where they do not rise from 0.
    """
    if len(starts) < 2 or starts[0] != 0 or (np.diff(starts) <= 0).any():
        raise InputError(f'tile_starts of the map has to rise from 0. Received: {starts[:4]}')


def _make_file(shapes: Shapes, max_bytes: int) -> tuple[ArrayFile, str]:
    """Make the file of the arrays, on a disk if they are larger; or say why that cannot be."""
    size = sum(int(np.prod(shape)) * kind.itemsize for shape, kind in shapes.values())
    if not 0 < max_bytes < size:
        return _in_memory(shapes, size), ''
    folder = disk_folder(size)
    try:
        if folder:
            return ArrayFile(shapes, folder), ''
    except OSError:  # it has filled up meanwhile
        pass
    return _in_memory(shapes, size), (
        f'no folder for temporary files is on a disk with room for {size / 1e6:.0f} MB, so the '
        'whole map is in memory: set TMPDIR to one that is')


def _in_memory(shapes: Shapes, size: int) -> ArrayFile:
    try:
        return ArrayFile(shapes, None)
    except (OSError, OverflowError) as error:
        raise InputError('landmarks.npz has to name no more landmarks than there is memory for. '
                         f'Received: {size / 1e6:.0f} MB of them') from error


def _read_tile(file: Path, check: Check, count: int) -> Mapping[str, AnyArray]:
    if not file.is_file():
        raise InputError(f'{file} is missing, a tile of the map: copy the model folder again, '
                         'as a whole')
    rows = map_arrays(file)
    with damaged(file):
        check(rows)
        for name, array in rows.items():
            if len(array) != count:
                raise InputError(f'the array {name!r} has to hold {count} landmarks: the tile is '
                                 f'of another map. Received: {len(array)}')
    return rows


def _tiles_of_views(seen: AnyArray, view_starts: AnyArray,
                    starts: NDArray[np.int32]) -> list[NDArray[np.intp]]:
    """Return the tiles of what each view sees, then the block of SEEN that it is in."""
    return [np.append(
        np.unique(np.searchsorted(starts, seen[first:last], side='right') - 1),
        len(starts) - 1 + view // VIEWS_PER_BLOCK)
        for view, (first, last) in enumerate(pairwise(view_starts))]


def _spans(file: ArrayFile, names: list[str], starts: NDArray[np.int32],
           view_starts: AnyArray) -> list[Spans]:
    """Return where the tiles of landmarks are in a file, then what blocks of views see."""
    spans: list[Spans] = [[file.span(name, int(first), int(last)) for name in names]
                          for first, last in pairwise(starts)]
    limits = [*view_starts[:-1:VIEWS_PER_BLOCK], view_starts[-1]]
    return spans + [[file.span(SEEN, int(first), int(last))]
                    for first, last in pairwise(limits)]
