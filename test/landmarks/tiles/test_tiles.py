"""Large maps in tiles: their order, their files, and which of them are in memory."""

from __future__ import annotations

from itertools import pairwise
import json
import os
from pathlib import Path
import re
from threading import Event

from helpers import tiny_artifact
from map_helpers import LANDMARKS, resident_bytes, VIEWS, walk_map
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.inference import artifact as artifacts
from posenet_ros.inference.artifact import LANDMARKS_FILE, tile_files
from posenet_ros.inference.private_copy import PrivateCopy, sha256
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.tiles import array_file
from posenet_ros.landmarks.tiles import tile_files as files
from posenet_ros.landmarks.tiles.order import in_tiles
from posenet_ros.landmarks.tiles.tile_memory import TileMemory
import pytest

ARRAYS = ('points_m', 'descriptors', 'colors', 'patches', 'patch_views', 'patch_corners', 'seen',
          'starts')
MOST = 500
SAVED = np.savez


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landmark_file, 'TILED_FROM', LANDMARKS)
    monkeypatch.setattr(landmark_file, 'TILE_LANDMARKS', MOST)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a map in tiles."""
    (tmp_path / 'place').mkdir()
    landmark_file.save(walk_map(), tmp_path / 'place' / LANDMARKS_FILE)
    return tmp_path / 'place'


@pytest.fixture
def model(folder: Path) -> Path:
    """Return a model folder with that map."""
    artifacts.save(tiny_artifact(), folder, lambda target: [
        (target / name).write_bytes(b'x') for name in artifacts.NETWORK_FILES[:2]])
    return folder


def assert_same(one: LandmarkMap, other: LandmarkMap) -> None:
    for name in ARRAYS:
        ours, theirs = getattr(one, name), getattr(other, name)
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs), name


def seen_points(place: LandmarkMap) -> list[list[tuple[float, ...]]]:
    """Return the points that each view sees, with a pixel of their patches and the like."""
    rows = np.column_stack([place.points_m, place.descriptors[:, 0], place.patches[:, 3, 5],
                            place.colors[:, 1], place.patch_views, place.patch_corners])
    return [list(map(tuple, rows[place.seen_by(view)])) for view in range(VIEWS)]


def test_a_view_sees_the_same_landmarks_in_tiles() -> None:
    place, starts = in_tiles(walk_map(), MOST)
    assert seen_points(place) == seen_points(walk_map())
    assert starts[0] == 0
    assert starts[-1] == LANDMARKS
    assert np.diff(starts).min() > MOST / 4
    assert np.diff(starts).max() <= MOST


def test_the_landmarks_of_a_tile_are_seen_at_one_place() -> None:
    place, starts = in_tiles(walk_map(), MOST)
    by = np.repeat(np.arange(VIEWS), np.diff(place.starts))
    for first, last in pairwise(starts):
        inside = (place.seen >= first) & (place.seen < last)
        x = place.views.positions_m[by[inside], 0]
        assert np.ptp(x) <= VIEWS * 10 / (len(starts) - 1) + 20


def test_a_map_in_tiles_keeps_its_order() -> None:
    place, starts = in_tiles(walk_map(), MOST)
    again, same = in_tiles(place, MOST)
    assert_same(again, place)
    assert np.array_equal(starts, same)


@pytest.mark.parametrize('max_memory_mb', [0, 1, 1000])
def test_what_is_saved_in_tiles_is_loaded(folder: Path, max_memory_mb: int) -> None:
    place = landmark_file.load(folder / LANDMARKS_FILE, max_memory_mb=max_memory_mb)
    assert_same(place, in_tiles(walk_map(), MOST)[0])
    assert (place.memory is not None) == (max_memory_mb == 1)
    assert len(tile_files(folder)) == 16
    with np.load(folder / LANDMARKS_FILE) as arrays:
        assert not {*landmark_file.LANDMARK_ARRAYS} & {*arrays}
        assert int(arrays['format']) == landmark_file.MAP_FORMAT
        assert str(arrays['content']) == landmark_file.content_hash(place)


def test_tiles_do_not_alter_the_content_hash(
        folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = landmark_file.load(folder / LANDMARKS_FILE)
    monkeypatch.setattr(landmark_file, 'TILED_FROM', LANDMARKS + 1)
    landmark_file.save(place, tmp_path / LANDMARKS_FILE)
    with np.load(tmp_path / LANDMARKS_FILE) as arrays:
        assert int(arrays['format']) == landmark_file.UNTILED_FORMAT
        assert str(arrays['content']) == landmark_file.content_hash(place)
    assert not (tmp_path / 'tiles').exists()
    assert_same(landmark_file.load(tmp_path / LANDMARKS_FILE), place)


def test_a_map_without_patches_has_tiles(tmp_path: Path) -> None:
    place = walk_map()
    bare = LandmarkMap(place.views, place.points_m, place.descriptors, place.colors[:0],
                       place.starts, place.seen)
    landmark_file.save(bare, tmp_path / LANDMARKS_FILE)
    found = landmark_file.load(tmp_path / LANDMARKS_FILE, max_memory_mb=1)
    assert_same(found, in_tiles(bare, MOST)[0])
    assert len(found.patches) == len(found.colors) == 0


def test_tiles_of_the_map_before_are_removed(
        folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / 'tiles' / 'notes.txt').write_text('mine')
    monkeypatch.setattr(landmark_file, 'TILED_FROM', LANDMARKS + 1)
    landmark_file.save(walk_map(), folder / LANDMARKS_FILE)
    assert tile_files(folder) == []
    assert [file.name for file in (folder / 'tiles').iterdir()] == ['notes.txt']


def test_a_map_is_copied_with_its_tiles(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    (out / 'tiles').mkdir(parents=True)
    (out / 'tiles' / '0099.npz').write_bytes(b'old')
    files.copy_map(folder, out)
    assert tile_files(out) == tile_files(folder)
    assert_same(landmark_file.load(out / LANDMARKS_FILE), landmark_file.load(
        folder / LANDMARKS_FILE))
    assert files.map_size(out) == sum(
        file.stat().st_size for file in out.rglob('*') if file.is_file())


def of_another_map(tile: Path) -> None:
    arrays = dict(np.load(tile))
    SAVED(tile, **{name: array[:-1] for name, array in arrays.items()})


def of_too_small_patches(tile: Path) -> None:
    arrays = dict(np.load(tile))
    SAVED(tile, **arrays | {'patches': arrays['patches'][:, 1:]})


def not_finite(tile: Path) -> None:
    arrays = dict(np.load(tile))
    SAVED(tile, **arrays | {'points_m': arrays['points_m'] * np.float32(np.nan)})


def with_a_wrong_byte(tile: Path) -> None:
    content = bytearray(tile.read_bytes())
    content[len(content) // 2] ^= 1
    tile.write_bytes(content)


@pytest.mark.parametrize(('change', 'message'), [
    (Path.unlink, r'is missing, a tile of the map: copy the model folder again, as a whole'),
    (of_another_map, r'is damaged: .* 375 landmarks: the tile is of another map. Received: 374'),
    (of_too_small_patches, r"is damaged: the array 'patches' has to be uint8"),
    (not_finite, r"is damaged: the array 'points_m' has to hold finite numbers"),
    (with_a_wrong_byte, r'is damaged: the checksum of')])
@pytest.mark.parametrize('max_memory_mb', [0, 1])
def test_a_bad_tile_is_named(folder: Path, change: object, message: str,
                             max_memory_mb: int) -> None:
    change(folder / 'tiles' / '0003.npz')
    named = re.escape(f'{folder}/tiles/0003.npz ')
    with pytest.raises(InputError, match=named + message):
        landmark_file.load(folder / LANDMARKS_FILE, max_memory_mb=max_memory_mb)


@pytest.mark.parametrize('starts', [[], [0], [0, 375, 300], [1, 2], [0, 0, 5]])
def test_starts_of_tiles_have_to_rise(folder: Path, starts: list[int]) -> None:
    with np.load(folder / LANDMARKS_FILE) as file:
        arrays = {**file, 'tile_starts': np.array(starts, np.int32)}
    SAVED(folder / LANDMARKS_FILE, **arrays)
    with pytest.raises(InputError, match=r'landmarks.npz is damaged: tile_starts of the map has'):
        landmark_file.load(folder / LANDMARKS_FILE)


@pytest.mark.parametrize('max_memory_mb', [0, 1])
def test_a_map_that_claims_to_be_huge_is_refused(folder: Path, max_memory_mb: int) -> None:
    with np.load(folder / LANDMARKS_FILE) as file:
        arrays = {**file, 'tile_starts': np.array([0, 375, 2**31 - 1], np.int32)}
    SAVED(folder / LANDMARKS_FILE, **arrays)
    with pytest.raises(InputError, match=r'no more landmarks than|the tile is of another map'):
        landmark_file.load(folder / LANDMARKS_FILE, max_memory_mb=max_memory_mb)


def test_a_model_folder_knows_its_tiles(model: Path) -> None:
    artifacts.load(model)
    (model / 'tiles' / '0005.npz').unlink()
    with pytest.raises(InputError, match=r'tiles/0005.npz is missing: copy'):
        artifacts.load(model)


def test_a_tile_of_another_model_is_named(model: Path, tmp_path: Path) -> None:
    other = tmp_path / 'other'
    other.mkdir()
    landmark_file.save(walk_map(1), other / LANDMARKS_FILE)
    (model / 'tiles' / '0002.npz').write_bytes((other / 'tiles' / '0002.npz').read_bytes())
    with pytest.raises(InputError, match=r'tiles/0002.npz is damaged, or of another model: its'):
        artifacts.load(model)
    with PrivateCopy(model) as copy:
        loaded = artifacts.load(model, copy)
        with pytest.raises(InputError, match=r'tiles/0002.npz is damaged, or of another model'):
            landmark_file.load(loaded.file(LANDMARKS_FILE), loaded.opened)


def test_a_tile_that_no_hash_is_of_is_refused(model: Path) -> None:
    (model / 'tiles' / '0016.npz').write_bytes(b'x')
    with pytest.raises(InputError, match=r"the key 'sha256.tiles/0016.npz' is missing"):
        artifacts.load(model)


def test_a_name_that_leads_elsewhere_is_no_tile() -> None:
    for name in ('tiles/../0001.npz', 'tiles/a.npz', '/tiles/0001.npz', 'tiles/0001.npz/x'):
        assert not artifacts.TILE_FILE.fullmatch(name)


def test_copies_of_tiles_are_freed_one_by_one(model: Path) -> None:
    with PrivateCopy(model) as copy:
        loaded = artifacts.load(model, copy)
        before = len(os.listdir('/proc/self/fd'))
        place = landmark_file.load(loaded.file(LANDMARKS_FILE), loaded.opened, 1)
        assert len(os.listdir('/proc/self/fd')) <= before + 4  # landmarks.npz, and the map's file
    assert_same(place, in_tiles(walk_map(), MOST)[0])


def test_the_file_of_a_map_has_no_name_and_is_read_only(
        folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'disk').mkdir()
    monkeypatch.setattr(files, 'disk_folder', lambda size: tmp_path / 'disk')
    place = landmark_file.load(folder / LANDMARKS_FILE, max_memory_mb=1)
    assert list((tmp_path / 'disk').iterdir()) == []
    assert str(tmp_path / 'disk') in Path('/proc/self/maps').read_text()
    whole = landmark_file.load(folder / LANDMARKS_FILE)
    for name in (*landmark_file.LANDMARK_ARRAYS, 'seen'):
        for each in (place, whole):
            with pytest.raises(ValueError, match='read-only'):
                getattr(each, name)[0] = 0


def test_a_disk_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / 'mounts'
    device = tmp_path.stat().st_dev
    line = f'1 1 {os.major(device)}:{os.minor(device)} / /x rw shared:1 - {{}} none rw\n'
    monkeypatch.setattr(array_file, 'MOUNTS', mounts)
    monkeypatch.setattr(array_file.tempfile, 'gettempdir', lambda: str(tmp_path))
    mounts.write_text(line.format('ext4'))
    assert array_file.disk_folder(1) == tmp_path
    assert array_file.disk_folder(1 << 60) is None
    mounts.write_text(line.format('tmpfs'))
    assert array_file.disk_folder(1) != tmp_path


@pytest.mark.parametrize('full', [False, True])
def test_without_a_disk_the_map_is_in_memory_and_says_so(
        folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: bool) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(files, 'disk_folder', lambda size: tmp_path if full else None)
    monkeypatch.setattr(array_file.os, 'posix_fallocate', fail)
    place = landmark_file.load(folder / LANDMARKS_FILE, max_memory_mb=1)
    assert_same(place, in_tiles(walk_map(), MOST)[0])
    assert place.memory.problem.startswith('no folder for temporary files is on a disk with room')
    assert place.memory.in_use().tiles == place.memory.in_use().of == 16


@pytest.fixture
def on_disk(folder: Path) -> LandmarkMap:
    return landmark_file.load(folder / LANDMARKS_FILE, max_memory_mb=1)


def test_a_walk_through_a_map_stays_within_its_memory(on_disk: LandmarkMap) -> None:
    assert on_disk.patches.sum() + on_disk.descriptors.sum() > 0
    before = resident_bytes(array_file.disk_folder(1))
    on_disk.memory.release()
    empty, most = resident_bytes(array_file.disk_folder(1)), 0
    assert before - empty > 2_000_000
    for view in range(VIEWS):
        seen = on_disk.seen_by(view)
        assert on_disk.patches[seen].any()
        assert on_disk.descriptors[seen].any()
        most = max(most, resident_bytes(array_file.disk_folder(1)) - empty)
        used = on_disk.memory.in_use()
        assert used.size <= 1_000_000
        assert 0 < used.tiles < used.of == 16
    assert 200_000 < most < 1_000_000 + 16 * 7 * (1 << 16) / 2


def test_selected_views_are_in_memory(on_disk: LandmarkMap) -> None:
    assert on_disk.select_views(np.arange(3)).memory is None


class NotingFile:
    """A file that notes which of its spans of 1 MiB are read and given back."""

    def __init__(self) -> None:
        self.read: list[int] = []
        self.freed: list[int] = []

    def read_ahead(self, first: int, last: int) -> None:
        """Note what is read."""
        assert last - first == 1 << 20
        self.read.append(first >> 20)

    def give_back(self, first: int, last: int) -> None:
        """Note what is given back."""
        assert last - first == 1 << 20
        self.freed.append(first >> 20)


def memory_of(tiles: int, most: int) -> tuple[TileMemory, NotingFile]:
    """Return a memory for `most` of tiles of 1 MiB, of which each view sees one."""
    file = NotingFile()
    spans = [[(tile << 20, tile + 1 << 20)] for tile in range(tiles)]
    return TileMemory(file, spans, np.arange(tiles)[:, np.newaxis], tiles, most << 20), file


def test_what_was_used_longest_ago_is_given_back() -> None:
    memory, file = memory_of(8, 2)
    for tile in (0, 1, 0, 2, 0, 3):
        memory.use(tile)
    assert file.read == [0, 1, 2, 3]  # and not what is in memory
    assert file.freed == [1, 2]
    assert memory.in_use() == (2, 8, 2 << 20)
    memory.release()
    assert file.freed[2:] == [*range(8)]
    assert memory.in_use() == (0, 8, 0)


def test_what_is_expected_fills_half_of_the_memory_nearest_last() -> None:
    memory, file = memory_of(8, 4)
    memory.use(7)
    memory.expect(range(8)).result(10)
    assert memory.in_use().tiles == 4  # the one in use, and three
    for tile in (4, 5):
        memory.use(tile)
    assert file.freed == [7, 2]


def test_what_a_view_sees_is_in_its_tiles(
        folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, 'VIEWS_PER_BLOCK', 16)
    place = landmark_file.load(folder / LANDMARKS_FILE, max_memory_mb=1)
    starts = in_tiles(walk_map(), MOST)[1]
    limits = [*place.starts[:-1:16], place.starts[-1]]
    for view in range(VIEWS):
        *tiles, block = place.memory._tiles_of_views[view]
        seen = place.seen_by(view)
        assert tiles == sorted({int(np.flatnonzero(starts <= one)[-1]) for one in seen})
        (first, last), = place.memory._spans[block]
        assert block - 16 == view // 16
        assert (last - first) / 4 == limits[view // 16 + 1] - limits[view // 16]


def test_reading_ahead_delays_nobody() -> None:
    memory, file = memory_of(8, 4)
    go = Event()
    file.read_ahead = lambda first, last: go.wait(10)
    ahead = memory.expect([1])
    assert memory.expect([2]) is None  # one at a time
    while not memory.in_use().tiles:
        assert not ahead.done()
    memory.use(1)  # does not wait for the lock of the reading
    assert not ahead.done()
    go.set()
    ahead.result(10)


def test_the_hash_of_a_tile_is_that_of_its_file(model: Path) -> None:
    hashes = json.loads((model / 'artifact.json').read_text())['sha256']
    assert [hashes[name] for name in tile_files(model)] == [
        sha256(model / name) for name in tile_files(model)]
