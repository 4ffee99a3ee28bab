"""
The file of a landmark map, landmarks.npz: its arrays, their checks, reading without a copy.

They are mapped instead of read: a node starts without copying them, and several share one file.
A large map has its landmarks in further files, its tiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import AnyArray
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.inference.train_index import check_unit_rows
from posenet_ros.landmarks.features import DESCRIPTOR_SIZE
from posenet_ros.landmarks.landmark_map import (
    LANDMARK_ARRAYS,
    LandmarkMap,
    NO_PATCH,
    PATCH_SIZE,
    per_view_map,
    Views,
    Vocabulary,
)
from posenet_ros.landmarks.options import FeatureOptions
from posenet_ros.landmarks.tiles.order import in_tiles, TILE_LANDMARKS, TILED_FROM
from posenet_ros.landmarks.tiles.tile_files import (
    check_starts,
    Opened,
    read_tiles,
    remove_tiles,
    STARTS,
    TiledArrays,
    write_tiles,
)
from posenet_ros.landmarks.tiles.tile_memory import TileMemory
from posenet_ros.utils.files.npz import damaged, map_arrays
from posenet_ros.utils.files.typed_json import parse_typed

MAP_FORMAT = 4  # 1: each view has landmarks of its own; 2: no cameras, and no patches; 3: no tiles
UNTILED_FORMAT = 3  # of a map without tiles, and in the hash of any
ARRAYS = ('points_m', 'descriptors', 'colors', 'starts', 'seen', 'patches', 'patch_views',
          'patch_corners', 'tiles')
VIEW_ARRAYS = ('positions_m', 'quats_xyzw', 'global_descriptors', 'pose_residual_ratios')
WORDS = {'words': 'centres', 'vlad_mean': 'mean', 'vlad_projection': 'projection'}


class Column(NamedTuple):
    """
    What an array of the file has to be.

    :param kind: of its numbers, a NumPy dtype; '<U' any text.
    :param shape: its length along each axis; -1 any.
    :param low: smallest number; None any that is finite, NaN any at all.
    """

    kind: str
    shape: tuple[int, ...] = ()
    low: float | None = None


SCHEMA = {
    'format': Column('int32', (), 1), 'names': Column('<U', (-1,)),
    'sequences': Column('<U', (-1,)), 'positions_m': Column('float64', (-1, 3)),
    'quats_xyzw': Column('float64', (-1, 4)), 'global_descriptors': Column('float16', (-1, -1)),
    'pose_residual_ratios': Column('float32', (-1,), np.nan),
    'points_m': Column('float32', (-1, 3)),
    'descriptors': Column('uint8', (-1, DESCRIPTOR_SIZE)), 'colors': Column('uint8', (-1, 3)),
    'starts': Column('int32', (-1,), 0), 'seen': Column('int32', (-1,), 0),
    'patches': Column('uint8', (-1, PATCH_SIZE, PATCH_SIZE)),
    'patch_views': Column('int32', (-1,), NO_PATCH), 'patch_corners': Column('int16', (-1, 2), 0),
    'cameras': Column('<U', (-1,)), 'camera_indices': Column('int32', (-1,), 0),
    'tiles': Column('int32', (-1,), 0), 'metric': Column('bool'), 'complete': Column('bool'),
    'parent': Column('<U'), 'content': Column('<U'),
    'feature_width': Column('int32', (), 1), 'max_keypoints': Column('int32', (), 1),
    'contrast_threshold': Column('float64', (), 0)}
TILES_SCHEMA = {STARTS: Column('int32', (-1,), 0), 'starts': SCHEMA['starts'],
                'seen': SCHEMA['seen']}
WORDS_SCHEMA = {
    'words': Column('float32', (-1, DESCRIPTOR_SIZE)), 'vlad_mean': Column('float32', (-1,)),
    'vlad_projection': Column('float16', (-1, -1))}
NEW = {name: np.empty((0, *SCHEMA[name].shape[1:]), SCHEMA[name].kind)  # since format 3
       for name in ('patch_corners', 'cameras', 'camera_indices')}
OLD_SCHEMA = {'misfits': Column('float32', (-1,), np.nan)} | {
    name: SCHEMA[name]
    for name in ('positions_m', 'quats_xyzw', 'points_m', 'descriptors', 'starts')}


def save(landmark_map: LandmarkMap, file: Path) -> None:
    """
    Write landmarks.npz, with tiles beside it for a large map.

    A map that is not joined is written in the format of older folders.
    """
    tiled = landmark_map.joined and len(landmark_map.points_m) >= TILED_FROM
    if tiled:
        landmark_map, starts = in_tiles(landmark_map, TILE_LANDMARKS)
    arrays: dict[str, Any] = _to_arrays(landmark_map)
    remove_tiles(file.parent)
    if tiled:
        arrays = write_tiles(arrays, LANDMARK_ARRAYS, starts, file.parent) | {
            'format': np.int32(MAP_FORMAT)}
    np.savez(file, **arrays)


def load(file: Path, opened: Opened | None = None, max_memory_mb: float = 0) -> LandmarkMap:
    """
    Read landmarks.npz by mapping it into memory; pickled content is refused.

    :param opened: finds the tiles by their names, see :meth:`LoadedArtifact.opened`; None: they
        are beside the file.
    :param max_memory_mb: a map with tiles is copied into an unnamed file on a disk, and of that
        so much is in memory, 10^6 bytes; 0: all of it, and nothing on a disk.
    :raises InputError: when it is damaged, or of a newer format.
    """
    arrays: Mapping[str, AnyArray] = map_arrays(file)
    memory = None
    with damaged(file):
        version = int(arrays['format']) if 'format' in arrays else 1
        if version == MAP_FORMAT:
            _check(arrays, TILES_SCHEMA)
            check_starts(arrays[STARTS])
    if version == MAP_FORMAT:
        arrays, memory = _read_tiles(arrays, opened or _opened_in(file.parent), max_memory_mb)
    with damaged(file):
        if version <= MAP_FORMAT:
            return _from_arrays(arrays, version, memory) if version > 1 else (
                _from_old_arrays(arrays))
    raise InputError(f"{file}: 'format' is {version}, newer than the {MAP_FORMAT} that this "
                     'posenet_ros reads: update posenet_ros')


def _read_tiles(arrays: Mapping[str, AnyArray], opened: Opened,
                max_memory_mb: float) -> TiledArrays:
    """Read the tiles of a map into the arrays of one in a single file."""
    schema = {name: SCHEMA[name] for name in LANDMARK_ARRAYS if name not in arrays}
    shapes = {name: (column.shape[1:], np.dtype(column.kind)) for name, column in schema.items()}
    return read_tiles(arrays, shapes, partial(_check, schema=schema), opened,
                      round(max_memory_mb * 10**6))


def _opened_in(folder: Path) -> Opened:
    """Return what finds the tiles in a folder."""
    @contextmanager
    def opened(name: str) -> Iterator[Path]:
        yield folder / name
    return opened


def content_hash(landmark_map: LandmarkMap) -> str:
    """Compute the SHA-256 of a map's arrays, whatever file they lie in."""
    arrays = _to_arrays(landmark_map)
    return _hash({name: array for name, array in arrays.items() if name != 'content'})


def _check(arrays: Mapping[str, AnyArray], schema: Mapping[str, Column]) -> None:
    """
    Check each array of a file.

    :raises InputError: on the first that is missing, or of another type, shape or range.
    """
    for name, column in schema.items():
        if name not in arrays:
            raise InputError(f'the array {name!r} is missing')
        array = arrays[name]
        same = array.dtype.kind == 'U' if column.kind == '<U' else array.dtype == column.kind
        fits = len(array.shape) == len(column.shape) and all(
            wanted in (-1, given) for wanted, given in zip(column.shape, array.shape, strict=True))
        if not (same and fits):
            raise InputError(f'the array {name!r} has to be {column.kind} '
                             f'{column.shape}. Received: {array.dtype} {array.shape}')
        _check_range(name, array, column.low)


def _check_range(name: str, array: AnyArray, low: float | None) -> None:
    if array.dtype.kind == 'f' and (low is None or low == low) and not np.isfinite(array).all():
        raise InputError(f'the array {name!r} has to hold finite numbers')
    if low is not None and array.size and array.min() < low:
        raise InputError(f'the array {name!r} has to hold numbers from {low:g}. '
                         f'Received: {array.min()}')


def _to_arrays(landmark_map: LandmarkMap) -> dict[str, AnyArray]:
    """Return the arrays of the file, by their names there."""
    views, words, features = (
        landmark_map.views, landmark_map.vocabulary, landmark_map.features)
    given: dict[str, Any] = {name: getattr(landmark_map, name) for name in ARRAYS} | {
        name: getattr(views, name) for name in VIEW_ARRAYS}
    if not landmark_map.joined:
        given['misfits'] = views.pose_residual_ratios
        old = {name: _cast(given[name], column) for name, column in OLD_SCHEMA.items()}
        return old
    given |= {'format': UNTILED_FORMAT, 'names': views.names, 'sequences': views.sequences,
              'cameras': [json.dumps(one.to_mapping()) for one in views.cameras],
              'camera_indices': views.camera_indices,
              'metric': landmark_map.metric, 'parent': landmark_map.parent,
              'complete': landmark_map.complete,
              'feature_width': features.width, 'max_keypoints': features.max_keypoints,
              'contrast_threshold': features.contrast_threshold}
    schema = {name: column for name, column in SCHEMA.items() if name != 'content'}
    if words:
        schema |= WORDS_SCHEMA
        given |= {name: getattr(words, attribute) for name, attribute in WORDS.items()}
    arrays = {name: _cast(given[name], column) for name, column in schema.items()}
    return arrays | {'content': np.array(_hash(arrays))}


def _cast(value: Any, column: Column) -> AnyArray:  # noqa: ANN401 - whatever becomes an array
    kind = np.str_ if column.kind == '<U' else column.kind
    return np.array(value, kind, order='C')


def _hash(arrays: Mapping[str, AnyArray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f'{name} {array.dtype.str} {array.shape}\n'.encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _from_arrays(arrays: Mapping[str, AnyArray], version: int,
                 memory: TileMemory | None) -> LandmarkMap:
    arrays = {'complete': np.array(False), **arrays}  # as of a map before there was the mark
    if version == 2:
        arrays = {**arrays, **NEW}
    _check(arrays, SCHEMA | (WORDS_SCHEMA if 'words' in arrays else {}))
    check_unit_rows(arrays['quats_xyzw'])
    cameras = tuple(map(_parse_camera, arrays['cameras'].tolist()))
    of_views: dict[str, NDArray[Any]] = {
        name: arrays[name] for name in (*VIEW_ARRAYS, 'camera_indices')}
    views = Views(tuple(map(str, arrays['names'])), tuple(map(str, arrays['sequences'])),
                  cameras=cameras, **of_views)
    words = Vocabulary(*(arrays[name] for name in WORDS)) if 'words' in arrays else None
    features = FeatureOptions(int(arrays['feature_width']), int(arrays['max_keypoints']),
                              float(arrays['contrast_threshold']))
    named: dict[str, NDArray[Any]] = {name: arrays[name] for name in ARRAYS}
    return LandmarkMap(views, vocabulary=words, features=features,
                       metric=bool(arrays['metric']), parent=str(arrays['parent']),
                       complete=bool(arrays['complete']), memory=memory, **named)


def _parse_camera(text: str) -> Camera:
    parse_typed(Camera, text, "the array 'cameras'")
    return Camera.from_mapping(json.loads(text))  # whole numbers stay so: the hash is of the text


def _from_old_arrays(arrays: Mapping[str, AnyArray]) -> LandmarkMap:
    """Read format 1; the files of model folders of format 4 have no residual ratios."""
    unknown = np.full(len(arrays['positions_m']), np.nan, np.float32)
    known = {'misfits': unknown, **arrays}
    _check(known, OLD_SCHEMA)
    check_unit_rows(known['quats_xyzw'])
    return per_view_map(known['positions_m'], known['quats_xyzw'], known['points_m'],
                        known['descriptors'], known['starts'], known['misfits'])
