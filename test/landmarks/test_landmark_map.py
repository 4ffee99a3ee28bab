"""Maps of joined landmarks: their arrays, their file, and localising by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
import json
from pathlib import Path
import zipfile

import cv2
from map_helpers import make_wall_map, read_wall, vocabulary_of, Wall
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.features import detect, Features
from posenet_ros.landmarks.landmark_map import (
    LandmarkMap,
    NO_PATCH,
    PATCH_SIZE,
    per_view_map,
    Views,
)
from posenet_ros.landmarks.localisation import Refusal
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.landmarks.matching import match_near, unit_rows
from posenet_ros.landmarks.options import DEFAULT_LOCALISER as OPTIONS
from posenet_ros.landmarks.options import FeatureOptions
from posenet_ros.landmarks.retrieval.view_index import ViewIndex
from posenet_ros.landmarks.tiles.tile_memory import TileMemory
from posenet_ros.landmarks.vlad import global_descriptor
import pytest
from training_helpers import LARGE_CAMERA, write_wall_dataset

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Pose]]:
    folder = tmp_path_factory.mktemp('map') / 'wall'
    return folder, write_wall_dataset(folder, 2, camera=LARGE_CAMERA)


@pytest.fixture(scope='module')
def wall(data: tuple[Path, dict[str, Pose]]) -> Wall:
    folder, poses = data
    return read_wall(folder, {n: p for n, p in poses.items() if not n.startswith('seq3')})


@pytest.fixture(scope='module')
def queries(data: tuple[Path, dict[str, Pose]]) -> Wall:
    folder, poses = data
    return read_wall(folder, {n: p for n, p in poses.items() if n.startswith('seq3')})


@pytest.fixture(scope='module')
def joined(wall: Wall) -> LandmarkMap:
    return make_wall_map(wall)


def small_map() -> LandmarkMap:
    """Return a map of three views of two walks and four landmarks."""
    views = Views(('a/0', 'a/1', 'b/0'), ('a', 'a', 'b'), np.arange(9.0).reshape(3, 3),
                  np.tile([0, 0, 0, 1.0], (3, 1)), np.eye(3, dtype=np.float16),
                  np.array([1, np.nan, 2], np.float32),
                  (LARGE_CAMERA, Camera(320, 240, 200, 201, 160, 120, (0.1, 0, 0, 0))),
                  np.array([0, 0, 1], np.int32))
    rng = np.random.default_rng(0)
    return LandmarkMap(
        views, rng.normal(size=(4, 3)).astype(np.float32),
        rng.integers(0, 256, (4, 128), np.uint8), rng.integers(0, 256, (4, 3), np.uint8),
        np.array([0, 3, 6, 8], np.int32), np.array([0, 1, 2, 0, 1, 3, 2, 3], np.int32),
        vocabulary_of([Features(np.zeros((40, 2)), rng.integers(0, 256, (40, 128), np.uint8))]),
        rng.integers(0, 256, (4, PATCH_SIZE, PATCH_SIZE), np.uint8),
        np.array([0, 1, 0, 2], np.int32), np.array([0, 0, 1], np.int32),
        FeatureOptions(640, 1000, 0.01), metric=False, parent='a' * 64,
        complete=True,
        patch_corners=np.arange(8, dtype=np.int16).reshape(4, 2))


def error_m(found: Pose, truth: Pose) -> float:
    return float(np.linalg.norm(found.translation_m - truth.translation_m))


def test_images_are_localised_by_their_features_alone(joined: LandmarkMap, queries: Wall) -> None:
    localiser, errors = LandmarkLocaliser(joined), []
    for truth, features in zip(queries.poses.values(), queries.features, strict=True):
        found = localiser.search(features)
        assert found.pose is not None
        assert found.landmarks == len(found.pose.inliers) == found.pose.matches.inlier.sum()
        assert found.hypotheses[0].evidence >= OPTIONS.decision.min_evidence
        errors.append(error_m(found.pose.map_from_camera, truth))
    assert np.median(errors) < 0.02
    assert max(errors) < 0.1


def test_a_match_knows_a_view_that_sees_its_landmark(joined: LandmarkMap, queries: Wall) -> None:
    matches = LandmarkLocaliser(joined).localise(queries.features[0]).matches
    for point, view in zip(matches.points_m, matches.views, strict=True):
        seen = joined.points_m[joined.seen_by(view)]
        assert np.abs(seen - point).max(axis=1).min() < 1e-6


def test_an_image_of_another_place_is_not_localised(joined: LandmarkMap) -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    other = detect(cv2.resize(image, LARGE_CAMERA.size), LARGE_CAMERA)
    assert len(other.descriptors) > 100
    found = LandmarkLocaliser(joined).search(other)
    assert found.pose is None
    assert found.refusal in (Refusal.EVIDENCE, Refusal.NO_HYPOTHESIS)


def test_no_features_match_nothing(joined: LandmarkMap) -> None:
    nothing = detect(np.zeros((240, 320, 3), np.uint8), LARGE_CAMERA)
    localiser = LandmarkLocaliser(joined)
    found = localiser.search(nothing)
    assert (found.pose, found.landmarks, found.matched) == (None, 0, 0)
    guess, spread = localiser.most_similar(nothing)
    assert np.isfinite(guess.translation_m).all()
    assert np.linalg.eigvalsh(spread).min() > -1e-9


def test_an_image_is_likely_where_the_most_similar_views_are(
        joined: LandmarkMap, queries: Wall) -> None:
    localiser, errors = LandmarkLocaliser(joined), []
    for truth, features in zip(queries.poses.values(), queries.features, strict=True):
        guess, spread = localiser.most_similar(features)
        views = localiser.index.by_features(features)[:OPTIONS.spread_views]
        assert np.array_equal(guess.translation_m, joined.views.positions_m[views[0]])
        offsets = joined.views.positions_m[views] - guess.translation_m
        assert np.allclose(spread[:3, :3], offsets.T @ offsets / len(views))
        errors.append(error_m(guess, truth))
    assert np.median(errors) < 1


def test_left_out_views_and_what_only_they_see_do_not_exist(
        joined: LandmarkMap, queries: Wall) -> None:
    walk = joined.views.of_sequence('seq1')
    assert len(walk) == 12
    left, rest = joined.without_views(walk), np.setdiff1d(np.arange(24), walk)
    counts = sum(np.isin(np.arange(len(joined.points_m)), joined.seen_by(view))
                 for view in rest)
    assert np.array_equal(left.points_m, joined.points_m[counts >= 2])
    assert left.views.names == tuple(np.array(joined.views.names)[rest])
    for view, before in enumerate(rest):
        own = joined.seen_by(before)
        assert np.array_equal(left.points_m[left.seen_by(view)],
                              joined.points_m[own[counts[own] >= 2]])
    assert np.array_equal(joined.landmarks_of(rest, walk), np.flatnonzero(counts >= 2))
    assert len(joined.landmarks_of(rest)) > len(left.points_m)
    whole, part = LandmarkLocaliser(joined), LandmarkLocaliser(left)
    for features in queries.features[:4]:
        found, same = whole.localise(features, exclude=walk), part.localise(features)
        assert not np.isin(found.matches.views, walk).any()
        assert np.allclose(found.map_from_camera.translation_m,
                           same.map_from_camera.translation_m, atol=1e-9)


def test_a_part_of_a_map_has_the_arrays_of_its_views() -> None:
    part = small_map().select_views(np.array([2, 0]))
    assert part.views.names == ('b/0', 'a/0')
    assert np.array_equal(part.views.positions_m, [[6, 7, 8], [0, 1, 2]])
    assert np.array_equal(part.points_m, small_map().points_m[[2]]), 'seen by a/0 and b/0'
    assert part.seen.tolist() == [0, 0]
    assert part.starts.tolist() == [0, 1, 2]
    assert part.patch_views.tolist() == [1], 'a/0'
    assert np.array_equal(part.patches, small_map().patches[[2]])
    assert part.patch_corners.tolist() == [[4, 5]]
    assert part.views.camera_indices.tolist() == [1, 0]
    assert part.views.cameras == small_map().views.cameras
    assert part.tiles.tolist() == [1, 0]
    assert np.array_equal(part.colors, small_map().colors[[2]])


def test_a_patch_of_a_view_that_is_left_out_is_left_out() -> None:
    part = small_map().select_views(np.array([1, 0]))
    assert part.patch_views.tolist() == [1, 0]
    part = small_map().select_views(np.array([1, 2]))
    assert part.seen.tolist() == [0, 0], 'landmark 3, of whom b/0 has the patch'
    assert part.patch_views.tolist() == [1]
    moved = replace(small_map(), patch_views=np.zeros(4, np.int32)).select_views(np.array([1, 2]))
    assert moved.patch_views.tolist() == [NO_PATCH]
    assert len(moved.patches) == 1, 'the landmark stays'
    again = moved.select_views(np.array([1, 0]))
    assert again.patch_views.tolist() == [NO_PATCH]


def test_a_map_of_before_the_patches_is_read(file: Path) -> None:
    changed(file, lambda arrays: {
        **{name: array for name, array in arrays.items() if name not in landmark_file.NEW},
        'format': np.int32(2), 'patches': np.empty((0, PATCH_SIZE, PATCH_SIZE), np.uint8),
        'patch_views': np.empty(0, np.int32)})
    found = landmark_file.load(file)
    assert found.views.cameras == ()
    assert found.patches.shape == (0, PATCH_SIZE, PATCH_SIZE)
    assert found.patch_corners.shape == (0, 2)
    assert np.array_equal(found.seen, small_map().seen)
    assert found.select_views(np.array([2, 0])).views.cameras == ()


def test_joined_landmarks_are_told_from_those_of_each_view(joined: LandmarkMap) -> None:
    assert joined.joined
    assert small_map().joined
    old = per_view_map(np.zeros((2, 3)), np.tile([0, 0, 0, 1.0], (2, 1)),
                       np.zeros((3, 3), np.float32), np.zeros((3, 128), np.uint8),
                       np.array([0, 1, 3], np.int32), np.ones(2, np.float32))
    assert not old.joined
    assert len(old.without_views([0]).points_m) == 2, 'one view is enough for these'


def test_matches_near_are_the_best_on_both_sides() -> None:
    rng = np.random.default_rng(3)
    points, expected = rng.uniform(0, 1, (60, 2)), rng.uniform(0, 1, (90, 2))
    ours, theirs = (unit_rows(rng.uniform(0, 1, (n, 8))) for n in (60, 90))
    own, other = match_near(points, expected, ours, theirs, 0.2, 0.8)
    near = (np.abs(points[:, None] - expected) <= 0.2).all(axis=2)
    cosines = np.where(near, ours @ theirs.T, 0.0)
    wanted = [(i, cosines[i].argmax()) for i in range(60)
              if cosines[i].max() > 0.8 and cosines[:, cosines[i].argmax()].argmax() == i]
    assert len(wanted) > 5
    assert sorted(zip(own.tolist(), other.tolist(), strict=True)) == wanted
    assert not len(match_near(points, expected + 5, ours, theirs, 0.2, 0.8)[0])


def test_a_window_is_so_many_pixels_of_the_image_of_the_features() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    camera = LARGE_CAMERA.scaled(640, 480)
    small = detect(image, camera, FeatureOptions(320))
    assert small.focal_length_px == pytest.approx(LARGE_CAMERA.fx)
    large = detect(image, camera, FeatureOptions(10000))
    assert large.focal_length_px == pytest.approx(2 * LARGE_CAMERA.fx)


def test_a_global_descriptor_tells_images_apart(wall: Wall) -> None:
    words = vocabulary_of(wall.features)
    rows = np.array([global_descriptor(each.descriptors, words) for each in wall.features])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    likeness = rows @ rows.T
    assert likeness[0, 1] > likeness[0, 11]
    assert np.isfinite(global_descriptor(np.empty((0, 128), np.uint8), words)).all()


# --- the file

@pytest.fixture
def file(tmp_path: Path) -> Path:
    landmark_file.save(small_map(), tmp_path / 'landmarks.npz')
    return tmp_path / 'landmarks.npz'


def same_arrays(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=(
            one.dtype.kind == 'f'))
    names = getattr(type(one), '__dataclass_fields__', None)
    if names is None:
        return one == other
    return all(same_arrays(getattr(one, name), getattr(other, name)) for name in names)


def test_what_is_saved_is_loaded(file: Path) -> None:
    assert same_arrays(landmark_file.load(file), small_map())
    assert landmark_file.content_hash(landmark_file.load(file)) == (
        landmark_file.content_hash(small_map()))


def test_the_file_has_no_needless_arrays(file: Path) -> None:
    with np.load(file) as arrays:
        assert set(arrays) == set(landmark_file.SCHEMA) | set(landmark_file.WORDS_SCHEMA)
        assert str(arrays['content']) == landmark_file.content_hash(small_map())


def test_a_hash_is_of_the_content() -> None:
    one = small_map()
    other = replace(one, points_m=one.points_m + np.float32(0.1))
    hashes = {landmark_file.content_hash(each) for each in (one, other, replace(one, parent=''))}
    assert len(hashes) == 3


def test_descriptors_are_mapped_from_the_file_and_cannot_be_written(file: Path) -> None:
    found = landmark_file.load(file)
    for array in (found.descriptors, found.patches):
        assert not array.flags.owndata
        assert not array.flags.writeable
    assert all(array.flags.aligned for array in (found.points_m, found.views.positions_m))


def changed(file: Path, change: Callable[[Arrays], Arrays]) -> Path:
    with np.load(file) as arrays:
        content = dict(arrays)
    np.savez(file, **change(content))
    return file


@pytest.mark.parametrize('name', [*landmark_file.SCHEMA, *landmark_file.WORDS_SCHEMA])
def test_each_missing_array_is_named(file: Path, name: str) -> None:
    changed(file, lambda arrays: {key: a for key, a in arrays.items() if key != name})
    if name == 'complete':  # as of a map before there was the mark
        assert not landmark_file.load(file).complete
        return
    if name in ('words', 'format'):  # a map without a vocabulary; an old one without its arrays
        name = 'misfits'
    if name == 'misfits':
        return
    with pytest.raises(InputError, match=rf'landmarks.npz is damaged: .*{name}.* is missing'):
        landmark_file.load(file)


@pytest.mark.parametrize('name', [*landmark_file.SCHEMA, *landmark_file.WORDS_SCHEMA])
def test_each_array_of_another_type_or_shape_is_named(file: Path, name: str) -> None:
    original = file.read_bytes()
    for change in (lambda a: a.astype(np.complex64) if a.dtype.kind != 'U' else np.zeros(a.shape),
                   lambda a: a[np.newaxis]):
        file.write_bytes(original)
        changed(file, lambda arrays, change=change: {**arrays, name: change(arrays[name])})
        with pytest.raises(InputError, match=r'landmarks.npz is damaged: .*') as error:
            landmark_file.load(file)
        assert name in str(error.value) or name == 'format'
        assert '\n' not in str(error.value)


@pytest.mark.parametrize(('name', 'value', 'text'), [
    ('points_m', np.nan, 'finite'), ('positions_m', np.inf, 'finite'),
    ('quats_xyzw', 2.0, 'length 1'), ('seen', -1, 'numbers from 0'), ('seen', 4, 'below 4'),
    ('starts', 9, 'have to rise'), ('patch_views', 3, 'below 3'),
    ('patch_views', -2, 'numbers from -1'), ('camera_indices', 2, 'below 2'),
    ('tiles', -1, 'numbers from 0'),
    ('vlad_projection', np.nan, 'finite'), ('global_descriptors', np.inf, 'finite'),
    ('feature_width', 0, 'numbers from 1')])
def test_values_out_of_range_are_named(file: Path, name: str, value: float, text: str) -> None:
    def spoilt(arrays: Arrays) -> Arrays:
        array = arrays[name].copy()
        array[(0,) * array.ndim] = value
        return {**arrays, name: array}

    changed(file, spoilt)
    with pytest.raises(InputError, match=rf'damaged: .*{name}.*{text}'):
        landmark_file.load(file)


@pytest.mark.parametrize('name', ['words', 'vlad_mean', 'vlad_projection'])
@pytest.mark.parametrize('change', [lambda a: a[:-1], lambda a: np.concatenate([a, a])])
def test_a_vocabulary_whose_arrays_do_not_fit_is_refused(
        file: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    changed(file, lambda arrays: {**arrays, name: change(arrays[name])})
    with pytest.raises(InputError, match='damaged: vlad_mean and vlad_projection of the map'):
        landmark_file.load(file)


def test_a_vocabulary_gives_the_descriptors_of_the_views() -> None:
    with pytest.raises(InputError, match='has to give the global descriptors of the views, 3'):
        ViewIndex(small_map())


@pytest.mark.parametrize('name', ['descriptors', 'colors', 'positions_m', 'sequences', 'patches',
                                  'pose_residual_ratios', 'global_descriptors', 'patch_corners',
                                  'camera_indices'])
def test_arrays_of_other_lengths_are_refused(file: Path, name: str) -> None:
    changed(file, lambda arrays: {**arrays, name: arrays[name][:-1]})
    with pytest.raises(InputError, match=f'damaged: {name} of the map'):
        landmark_file.load(file)


def test_unknown_residual_ratios_are_allowed(file: Path) -> None:
    assert np.isnan(landmark_file.load(file).views.pose_residual_ratios[1])


def test_a_newer_format_says_to_update(file: Path) -> None:
    newer = landmark_file.MAP_FORMAT + 1
    changed(file, lambda arrays: {'format': np.int32(newer), 'other': np.zeros(2)})
    with pytest.raises(InputError, match=rf"'format' is {newer}, newer than .*update posenet_ros"):
        landmark_file.load(file)


def test_compressed_damaged_and_foreign_files_are_refused(file: Path) -> None:
    with np.load(file) as arrays:
        content = dict(arrays)
    whole = file.read_bytes()
    np.savez_compressed(file, **content)
    with pytest.raises(InputError, match='is compressed'):
        landmark_file.load(file)
    for text in (whole[:-100], whole[:3000], b'', b'text', json.dumps({}).encode()):
        file.write_bytes(text)
        with pytest.raises(InputError, match='is damaged'):
            landmark_file.load(file)
    at = whole.index(content['descriptors'].tobytes()) + 5
    file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
    with pytest.raises(InputError, match='checksum of descriptors'):
        landmark_file.load(file)
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('format.npy', b'\x93NUMPY\x09\x00')
    with pytest.raises(InputError, match='is damaged'):
        landmark_file.load(file)


def test_arrays_in_any_order_of_memory_are_read(file: Path) -> None:
    changed(file, lambda arrays: {**arrays, 'positions_m': np.asfortranarray(
        arrays['positions_m'])})
    assert np.array_equal(
        landmark_file.load(file).views.positions_m, small_map().views.positions_m)


def test_a_map_has_at_least_one_view() -> None:
    with pytest.raises(InputError, match='have to rise'):
        small_map().without_views([0, 1, 2])


@pytest.fixture
def in_tiles(joined: LandmarkMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(landmark_file, 'TILED_FROM', 1)
    monkeypatch.setattr(landmark_file, 'TILE_LANDMARKS', 20)
    landmark_file.save(joined, tmp_path / 'landmarks.npz')
    return tmp_path / 'landmarks.npz'


def test_a_map_in_tiles_localises_as_the_whole_one(
        in_tiles: Path, joined: LandmarkMap, queries: Wall) -> None:
    most_mb = 0.7e-6 * sum(
        getattr(joined, name).nbytes for name in landmark_file.LANDMARK_ARRAYS)
    whole, few = landmark_file.load(in_tiles), landmark_file.load(in_tiles, max_memory_mb=most_mb)
    ours, theirs = LandmarkLocaliser(few), LandmarkLocaliser(whole)
    few.memory.release()
    for features in queries.features:
        found, expected = ours.localise(features), theirs.localise(features)
        assert np.array_equal(found.map_from_camera.translation_m,
                              expected.map_from_camera.translation_m)
        assert np.array_equal(found.covariance, expected.covariance)
        used = few.memory.in_use()
        assert 0 < used.tiles < used.of
        assert used.size <= most_mb * 1e6
    assert whole.memory is None


def test_what_is_near_a_pose_is_read_ahead(
        in_tiles: Path, queries: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    place, asked = landmark_file.load(in_tiles, max_memory_mb=0.01), []
    monkeypatch.setattr(TileMemory, 'expect', lambda self, views: asked.append(list(views)))
    localiser = LandmarkLocaliser(place)
    assert localiser.localise(detect(
        np.zeros((240, 320, 3), np.uint8), LARGE_CAMERA)) is None
    assert asked == []
    found = localiser.localise(queries.features[0])
    views = localiser.index.by_pose(found.map_from_camera, OPTIONS.expected_views)
    assert asked.pop() == views.tolist()
    localiser.make_tracker().make_keyframe(
        found.map_from_camera, found.covariance, np.zeros((240, 320), np.uint8), LARGE_CAMERA)
    assert asked.pop()[0] == views[0]
