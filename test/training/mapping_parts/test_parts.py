"""A map in parts is as good as one of one piece, goes on where it was, and tells what is apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
import pickle
from typing import Any
from unittest import mock

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import so3_log
from posenet_ros.inference.artifact import LANDMARKS_FILE, load
from posenet_ros.landmarks import landmark_file
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks import validation
from posenet_ros.training.landmarks.calibration import calibrate_map
from posenet_ros.training.landmarks.feature_cache import ViewFeatures
from posenet_ros.training.landmarks.held_out.tracked import track_held_out
from posenet_ros.training.landmarks.mapping import (
    assemble_map,
    check_poses,
    map_dataset,
    match_dataset,
    triangulate_dataset,
    triangulate_matches,
)
from posenet_ros.training.landmarks.options import (
    AdjustmentOptions,
    MappingOptions,
    ValidationOptions,
)
from posenet_ros.training.landmarks.reconstruction.bundle_adjustment import PoseChange
from posenet_ros.training.landmarks.reconstruction.pairs import cameras_of
from posenet_ros.training.landmarks.reconstruction.projection import observed_points, rays_of
from posenet_ros.training.landmarks.reconstruction.triangulation import Triangulated
from posenet_ros.training.landmarks.validation import localise_fold, validation_folds
from posenet_ros.training.landmarks.vocabulary import describe_images
from posenet_ros.training.map import main
from posenet_ros.training.pipelines.mapping.parts import build, held_out, part
from posenet_ros.training.pipelines.mapping.parts import whole as whole_map
from posenet_ros.training.pipelines.mapping.parts.budget import within_budget
from posenet_ros.training.pipelines.mapping.parts.build import describe_parts, draw_apart
from posenet_ros.training.pipelines.mapping.parts.cameras import join_cameras
from posenet_ros.training.pipelines.mapping.parts.held_out import folds_of_part, map_and_hold_out
from posenet_ros.training.pipelines.mapping.parts.join import join_parts, Joined
from posenet_ros.training.pipelines.mapping.parts.part import (
    load_fold,
    load_part,
    map_features,
    map_part,
    MappedPart,
    PartTask,
    save_part,
)
from posenet_ros.training.pipelines.mapping.parts.split import Part, split_views, SplitOptions
from posenet_ros.training.pipelines.mapping.parts.whole import (
    make_whole,
    make_without,
    MappedParts,
)
import pytest
from training_helpers import LARGE_CAMERA, write_wall_dataset

from ..landmarks.scene import disturbed, make_dataset, observe, scene_points

OPTIONS = MappingOptions(min_landmarks=20, validation=ValidationOptions(
    max_walks=1, max_images=20, min_localised=3))
POINTS = scene_points(400)


@pytest.fixture(scope='module')
def dataset() -> Dataset:
    """Return the dataset of a room."""
    return make_dataset(2, 14)


@pytest.fixture(scope='module')
def features(dataset: Dataset) -> list[ViewFeatures]:
    """Return what its images see."""
    return observe(dataset, POINTS)


def mapped_parts(dataset: Dataset, features: Sequence[ViewFeatures], split: Sequence[Part],
                 options: MappingOptions = OPTIONS, folds: Sequence[np.ndarray] = (),
                 ) -> list[MappedPart]:
    """Map parts by their features."""
    return [map_features(
        PartTask(dataset.subset(part.views.tolist()), options, folds_of_part(folds, part), Path()),
        [features[view] for view in part.views]) for part in split]


@pytest.fixture(scope='module')
def split(dataset: Dataset) -> list[Part]:
    """Return two parts that overlap."""
    return split_views(dataset.positions_m, 2, SplitOptions(overlap=0.4))


@pytest.fixture(scope='module')
def parts(dataset: Dataset, features: list[ViewFeatures], split: list[Part]) -> list[MappedPart]:
    """Return both parts, mapped."""
    return mapped_parts(dataset, features, split)


def joined_of(dataset: Dataset, parts: list[MappedPart], split: Sequence[Part]) -> Joined:
    """Join parts."""
    return join_parts([part.tracks for part in parts], split, cameras_of(dataset),
                      OPTIONS.triangulation)


def whole(dataset: Dataset, features: list[ViewFeatures]) -> Triangulated:
    """Return the tracks of the map in one piece."""
    local = [one.features for one in features]
    matches = match_dataset(dataset, local, OPTIONS)
    assert check_poses(dataset, local, matches, OPTIONS).consistent
    return triangulate_matches(local, matches, cameras_of(dataset), OPTIONS, wide=False)


def error_m(found: Triangulated) -> float:
    """Return the median distance of the landmarks to the nearest true point."""
    distances = np.linalg.norm(found.points_m[:, np.newaxis] - POINTS, axis=2)
    return float(np.median(distances.min(axis=1)))


def spots(found: Triangulated) -> int:
    """Return how many true points have a landmark."""
    distances = np.linalg.norm(found.points_m[:, np.newaxis] - POINTS, axis=2)
    return len(np.unique(distances.argmin(axis=1)))


def test_joined_parts_are_as_good_as_one_piece(
        dataset: Dataset, features: list[ViewFeatures], parts: list[MappedPart],
        split: list[Part]) -> None:
    expected, joined = whole(dataset, features), joined_of(dataset, parts, split)
    assert spots(joined.found) >= 0.97 * spots(expected)
    assert len(joined.found.points_m) <= 1.03 * len(expected.points_m)  # none stands twice
    assert len(joined.found.errors) >= 0.95 * len(expected.errors)
    assert error_m(joined.found) < 1.05 * error_m(expected)
    assert joined.common.min() > 50


def test_what_parts_share_is_seen_by_the_views_of_both(
        dataset: Dataset, parts: list[MappedPart], split: list[Part]) -> None:
    tracks = joined_of(dataset, parts, split).found.tracks
    only = [np.setdiff1d(one.views, other.views) for one, other in (split, split[::-1])]
    sides = np.array([np.isin(tracks.views, views) for views in only])
    both = [np.bincount(tracks.indices[side], minlength=len(tracks)) > 0 for side in sides]
    assert (both[0] & both[1]).sum() > 50
    track_and_view = np.column_stack([tracks.indices, tracks.views])
    assert len(np.unique(track_and_view, axis=0)) == len(track_and_view)  # a view sees it once


def test_a_landmark_looks_as_its_keypoints_do(
        dataset: Dataset, parts: list[MappedPart], split: list[Part]) -> None:
    joined = joined_of(dataset, parts, split)
    nearest = np.linalg.norm(
        joined.found.points_m[:, np.newaxis] - POINTS, axis=2).argmin(axis=1)
    numbers = joined.appearance.colors[:, 0].astype(int) * 256 + joined.appearance.colors[:, 1]
    assert (numbers == nearest).mean() > 0.98
    norms = np.linalg.norm(joined.appearance.descriptors.astype(float), axis=1)
    np.testing.assert_allclose(norms, 255, rtol=0.02)


def mapped_in_folders(dataset: Dataset, features: list[ViewFeatures], split: list[Part],
                      work: Path) -> MappedParts:
    """Write parts to folders, as their tasks do."""
    folds = validation_folds(dataset, OPTIONS.validation)
    folders = []
    for number, each in enumerate(mapped_parts(dataset, features, split, OPTIONS, folds)):
        folders.append(work / f'part{number}')
        folders[-1].mkdir()
        save_part(each, folders[-1])
        again = load_fold(folders[-1], 0)
        np.testing.assert_array_equal(again.found.points_m, each.folds[0].found.points_m)
    local = [one.features for one in features]
    return MappedParts(
        dataset, OPTIONS, folders, split, work, cameras_of(dataset),
        np.zeros(len(local), np.bool_), load_part(folders[0]).check,
        describe_images(local, OPTIONS.vocabulary))


@pytest.fixture
def in_folders(dataset: Dataset, features: list[ViewFeatures], split: list[Part], tmp_path: Path,
               monkeypatch: pytest.MonkeyPatch) -> MappedParts:
    """Return parts in folders, of images without files."""
    monkeypatch.setattr(MappedParts, 'features', features)
    monkeypatch.setattr(whole_map, 'assemble_map', lambda rest, paths, *others: assemble_map(
        rest, [None] * len(paths), *others))
    monkeypatch.setattr(held_out, 'IMAGES_OF_A_TASK', 5)
    return mapped_in_folders(dataset, features, split, tmp_path)


def in_turn(function: Callable[[Any], Any], tasks: Sequence[Any], *_: object) -> Iterator[Any]:
    """Do tasks as another process does: what it has, and what it returns, is pickled."""
    return (pickle.loads(pickle.dumps(function(pickle.loads(pickle.dumps(task)))))
            for task in tasks)


def test_held_out_images_are_localised_by_what_both_parts_have(
        dataset: Dataset, features: list[ViewFeatures], in_folders: MappedParts) -> None:
    with mock.patch.object(held_out, 'make_without', wraps=make_without) as made, \
            mock.patch.object(validation, 'track_held_out', wraps=track_held_out) as tracked:
        whole_of_all, found = map_and_hold_out(in_folders, 1, None)
    mapped = map_dataset(dataset, OPTIONS, features)
    expected = calibrate_map(mapped, OPTIONS).held_out
    assert len(whole_of_all.landmark_map.views) == len(features)
    assert made.call_count == tracked.call_count == 1  # for all batches
    assert held_out._map_of.cache_info().currsize == 0  # a large map is not kept
    np.testing.assert_array_equal(found.views, expected.views)
    assert found.names == expected.names
    assert found.localised.sum() >= expected.localised.sum() > 10
    errors = [float(np.median(np.linalg.norm(each.rows[each.localised, 0, :3], axis=1)))
              for each in (found, expected)]
    assert errors[0] < 1.25 * errors[1]
    held = validation_folds(dataset, OPTIONS.validation)[0]
    tracks = whole_map._join(in_folders, 0).found.tracks
    np.testing.assert_array_equal(
        np.unique(tracks.views), np.setdiff1d(np.arange(len(features)), held))
    rest = make_without(in_folders, 0, held).views
    assert rest.names == tuple(s.name for i, s in enumerate(dataset.samples) if i not in held)
    np.testing.assert_array_equal(
        rest.global_descriptors, np.delete(in_folders.retrieval.descriptors, held, axis=0))


def test_batches_are_the_same_to_the_last_byte_whatever_runs_them(
        in_folders: MappedParts, monkeypatch: pytest.MonkeyPatch) -> None:
    of_one, one = map_and_hold_out(in_folders, 1, None)
    batches = sorted((in_folders.work / held_out.FOLDER).iterdir())
    assert len(batches) == 3  # 14 images
    kept = [file.read_bytes() for file in batches]
    batches[1].unlink()
    monkeypatch.setattr(held_out, 'run_tasks', in_turn)
    with mock.patch.object(held_out, 'localise_fold', wraps=localise_fold) as again:
        of_other, other = map_and_hold_out(in_folders, 2, None)
    assert [call.args[-1] for call in again.call_args_list] == [slice(10, 14)]  # the rest kept
    assert [file.read_bytes() for file in batches] == kept
    monkeypatch.setattr(held_out, 'MAX_VIEWS', 1)
    _, at_once = map_and_hold_out(in_folders, 2, None)
    assert len(list((in_folders.work / held_out.FOLDER).iterdir())) == 4
    for each in (other, at_once):
        for name in ('views', 'folds', 'rows', 'scores', 'far', 'tracked'):
            np.testing.assert_equal(getattr(each, name), getattr(one, name))
        assert each.names == one.names
    for name in ('points_m', 'descriptors', 'starts', 'seen'):
        np.testing.assert_array_equal(getattr(of_other.landmark_map, name),
                                      getattr(of_one.landmark_map, name))


def test_folds_of_other_parts_are_localised_anew(in_folders: MappedParts) -> None:
    held = np.arange(3)
    keys = {held_out.make_fold(parts, number, held, held[:last]).key
            for parts in (in_folders, replace(in_folders, complete=True),
                          replace(in_folders, folders=in_folders.folders[:1]))
            for number in (0, 1) for last in (2, 3)}
    assert len(keys) == 3 * 2 * 2


def test_blocks_follow_where_walks_tell_too_little(in_folders: MappedParts) -> None:
    few = replace(in_folders, options=replace(OPTIONS, validation=replace(
        OPTIONS.validation, min_localised=100)))
    with mock.patch.object(held_out, 'make_whole', wraps=make_whole) as made:
        _, found = map_and_hold_out(few, 1, None)
    assert made.call_count == 1
    np.testing.assert_array_equal(
        found.views, validation_folds(few.dataset, few.options.validation)[-1])


def test_a_fold_whose_rest_has_too_few_landmarks_is_passed_over(
        in_folders: MappedParts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_out, 'make_without', mock.Mock(side_effect=InputError('few')))
    whole_of_all, found = map_and_hold_out(replace(in_folders, complete=True), 1, None)
    assert len(found.views) == 0
    assert whole_of_all.landmark_map.complete


def test_a_part_hands_over_what_the_budget_may_choose(parts: list[MappedPart]) -> None:
    small = replace(OPTIONS, kept_landmarks=1, landmarks_of_view=1)
    whole_part, shared = parts[0].tracks, np.arange(len(parts[0].cameras.positions_m)) == 3
    found = within_budget(whole_part, shared, small)
    tracks, kept = whole_part.found.tracks, found.found.tracks
    seen = [np.unique(each.indices[each.views == 3]) for each in (tracks, kept)]
    assert len(seen[0]) == len(seen[1])  # another part may see these, too
    private = [np.setdiff1d(each.indices, own)
               for each, own in zip((tracks, kept), seen, strict=True)]
    assert len(private[1]) == 2 * len(shared) < len(private[0])
    assert np.mean(kept.lengths[private[1]]) > 1.1 * np.mean(tracks.lengths[private[0]])
    places = [np.flatnonzero((whole_part.found.points_m == point).all(axis=1))[0]
              for point in found.found.points_m]
    np.testing.assert_array_equal(found.appearance.colors, whole_part.appearance.colors[places])
    for track, place in enumerate(places):
        np.testing.assert_array_equal(
            found.observed[slice(*kept.starts[track:track + 2])],
            whole_part.observed[slice(*tracks.starts[place:place + 2])])


def test_poses_that_err_are_moved_part_by_part(
        dataset: Dataset, features: list[ViewFeatures], split: list[Part]) -> None:
    given, local = disturbed(dataset, 0.03, 0.3), [one.features for one in features]
    options = replace(OPTIONS, refine_poses=True, adjustment=AdjustmentOptions(rounds=3))
    one_piece = triangulate_dataset(given, local, match_dataset(given, local, options), options)
    parts = mapped_parts(given, features, split, options)
    cameras, shared = join_cameras(parts, split, cameras_of(given))
    errors_m = [float(np.median(np.linalg.norm(positions - dataset.positions_m, axis=1)))
                for positions in (given.positions_m, one_piece[1].positions_m,
                                  cameras.positions_m)]
    assert errors_m[1] < 0.6 * errors_m[0]
    assert errors_m[2] < 1.15 * errors_m[1]
    both = np.flatnonzero(shared)
    np.testing.assert_array_equal(both, np.intersect1d(*(one.views for one in split)))
    own = [np.searchsorted(one.views, both) for one in split]
    np.testing.assert_allclose(cameras.positions_m[both], np.mean(
        [each.cameras.positions_m[i] for each, i in zip(parts, own, strict=True)], axis=0))
    for view, *of_parts in zip(both, *own, strict=True):
        turns = [so3_log(cameras.rotations[view].T @ each.cameras.rotations[i])
                 for each, i in zip(parts, of_parts, strict=True)]
        np.testing.assert_allclose(turns[0], -turns[1], atol=1e-6)  # half way
    joined = join_parts([each.tracks for each in parts], split, cameras, OPTIONS.triangulation,
                        shared)
    tracks = joined.found.tracks
    residuals = rays_of(tracks.views, observed_points(tracks, local), cameras).errors(
        joined.found.points_m[tracks.indices])
    np.testing.assert_allclose(residuals, joined.found.errors, atol=1e-9)
    assert joined.common.min() > 20


def test_the_map_has_the_poses_that_were_moved(
        dataset: Dataset, parts: list[MappedPart], split: list[Part]) -> None:
    moved = [replace(each, cameras=each.cameras._replace(
        positions_m=each.cameras.positions_m + np.array([0.01 * i, 0, 0])),
        check=replace(each.check, change=PoseChange(0.0, 0.0, 0.0, 0.0)))
        for i, each in enumerate(parts)]
    describe = mock.Mock(side_effect=StopIteration)
    with mock.patch.multiple(
            build, load_part=moved.__getitem__, describe_images=describe), mock.patch.object(
            build, 'KeptViews') as views, pytest.raises(StopIteration):
        build.join_poses(dataset, OPTIONS, Path(), split, [0, 1])
    steps = views.call_args.args[0].positions_m[:, 0] - dataset.positions_m[:, 0]
    assert {round(step, 6) for step in steps} == {0.0, 0.005, 0.01}


def test_a_part_is_written_and_read_to_the_last_digit(
        parts: list[MappedPart], tmp_path: Path) -> None:
    save_part(parts[0], tmp_path)
    again = load_part(tmp_path)
    tracks = parts[0].tracks.found
    np.testing.assert_array_equal(again.tracks.found.points_m, tracks.points_m)
    np.testing.assert_array_equal(again.tracks.found.tracks.keypoints, tracks.tracks.keypoints)
    np.testing.assert_array_equal(again.tracks.observed, parts[0].tracks.observed)
    assert again.check == parts[0].check
    np.testing.assert_array_equal(again.cameras.rotations, parts[0].cameras.rotations)
    change = replace(parts[0].check, change=PoseChange(0.1, 0.2, 0.3, 0.4))
    save_part(replace(parts[0], check=change), tmp_path)
    assert load_part(tmp_path).check == change


def test_a_part_that_joins_nothing_is_named(
        dataset: Dataset, features: list[ViewFeatures]) -> None:
    order = np.argsort(dataset.positions_m[:, 0])
    ends = [Part(np.sort(chosen), np.ones(len(chosen), bool)) for chosen in (
        order[:12], order[-12:])]
    joined = joined_of(dataset, mapped_parts(dataset, features, ends), ends)
    assert joined.common.tolist() == [0, 0]
    lines = describe_parts(dataset, ends, joined.common)
    assert [line.split(',')[0] for line in lines[1:]] == ['part 1', 'part 2']
    assert 'within x 0.0 to 1.' in lines[1]
    assert 'has no landmark in common' in lines[2]
    assert len(describe_parts(dataset, ends, [5, 5])) == 1
    assert describe_parts(dataset, ends[:1], [0]) == ()
    plans = [draw_apart(dataset, ends, common) for common in ([0, 0], [5, 0], [5, 5])]
    assert plans[0] is not None
    assert plans[1] is not None
    assert plans[2] is None
    red = [(plan[..., 0] > 200) & (plan[..., 1] < 60) for plan in plans[:2]]
    assert red[0][:, :400].any()
    assert not red[1][:, :300].any()  # arrows where the second part is alone
    assert red[1][:, 400:].any()


@pytest.fixture(scope='module')
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of two walks past the wall."""
    folder = tmp_path_factory.mktemp('data') / 'wall'
    write_wall_dataset(folder, 2, 10, camera=LARGE_CAMERA)
    return folder


def test_an_interrupted_map_in_parts_does_no_part_twice(
        wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / 'place'
    words = ['--data', str(wall), '--out', str(out), '--parts', '2', '--complete']
    done: list[str] = []

    def stopped(task: PartTask) -> Path:
        if done:
            raise KeyboardInterrupt
        done.append(task.folder.name)
        folder = map_part(task)
        with mock.patch.object(part, 'map_features', side_effect=AssertionError):
            assert map_part(task) == folder  # a task that was sent twice
        return folder

    with mock.patch.object(build, 'map_part', stopped), pytest.raises(
            KeyboardInterrupt, match='--resume'):
        main(words)
    assert [one.name for one in (tmp_path / 'place.mapping' / 'parts').iterdir()] == done
    mapped: list[str] = []

    def counted(task: PartTask) -> Path:
        mapped.append(task.folder.name)
        return map_part(task)

    with mock.patch.object(build, 'map_part', counted):
        assert main([*words, '--resume']) == 0
    assert len(mapped) == 1
    assert mapped != done
    landmark_map = landmark_file.load(out / LANDMARKS_FILE)
    assert len(landmark_map.views) == 20
    assert landmark_map.complete
    assert np.median(np.abs(landmark_map.points_m[:, 1] - 6)) < 0.05  # the wall
    assert (landmark_map.patch_views >= 0).all()
    assert np.isfinite(landmark_map.views.global_descriptors.astype(float)).all()
    assert '2 parts of 1' in load(out).provenance['map']['notes'][-1]
    assert '2 parts of 1' in capsys.readouterr().out


@pytest.mark.parametrize(('words', 'text'), [
    (['--parts', '0'], 'at least 1'), (['--parts', 'many'], 'many')])
def test_options_that_do_not_go_together(
        wall: Path, tmp_path: Path, words: list[str], text: str,
        capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['--data', str(wall), '--out', str(tmp_path / 'out'), *words])
    assert text in capsys.readouterr().err
