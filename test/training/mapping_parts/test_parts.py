"""A map in parts is as good as one of one piece, goes on where it was, and tells what is apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import numpy as np
from posenet_ros.inference.artifact import LANDMARKS_FILE, load
from posenet_ros.landmarks import landmark_file
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.feature_cache import ViewFeatures
from posenet_ros.training.landmarks.mapping import (
    check_poses,
    match_dataset,
    triangulate_matches,
)
from posenet_ros.training.landmarks.options import MappingOptions, ValidationOptions
from posenet_ros.training.landmarks.reconstruction.pairs import cameras_of
from posenet_ros.training.landmarks.reconstruction.triangulation import Triangulated
from posenet_ros.training.map import main
from posenet_ros.training.pipelines.mapping.parts import build, part
from posenet_ros.training.pipelines.mapping.parts.build import describe_parts, draw_apart
from posenet_ros.training.pipelines.mapping.parts.held_out import join_held_out
from posenet_ros.training.pipelines.mapping.parts.join import join_parts, Joined
from posenet_ros.training.pipelines.mapping.parts.part import (
    load_part,
    map_features,
    map_part,
    MappedPart,
    PartTask,
    save_part,
)
from posenet_ros.training.pipelines.mapping.parts.split import Part, split_views, SplitOptions
import pytest
from training_helpers import LARGE_CAMERA, write_wall_dataset

from ..landmarks.scene import make_dataset, observe, scene_points

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


def mapped_parts(dataset: Dataset, features: Sequence[ViewFeatures],
                 split: Sequence[Part]) -> list[MappedPart]:
    """Map parts by their features."""
    return [map_features(
        PartTask(dataset.subset(part.views.tolist()), OPTIONS, complete=False, work=Path()),
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
    return join_parts(parts, split, cameras_of(dataset), OPTIONS.triangulation)


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


def test_each_image_that_was_held_out_counts_in_its_own_part(
        dataset: Dataset, parts: list[MappedPart], split: list[Part]) -> None:
    joined = join_held_out([part.held_out for part in parts], split)
    shared = [(~one.own[part.held_out.views]).sum() for part, one in zip(
        parts, split, strict=True)]
    assert sum(shared) > 0  # some are held out of a part that they are not the own images of
    assert len(joined.views) == sum(len(part.held_out.views) for part in parts) - sum(shared)
    assert len(np.unique(joined.views)) == len(joined.views)
    assert joined.names.images == tuple(dataset.samples[view].name for view in joined.views)
    assert joined.names.folds == tuple(joined.folds.tolist())
    own = [set(joined.folds[np.isin(joined.views, one.views[one.own])].tolist()) for one in split]
    assert not own[0] & own[1]  # maps of different parts have different numbers


def test_a_part_is_written_and_read_to_the_last_digit(
        parts: list[MappedPart], tmp_path: Path) -> None:
    save_part(parts[0], tmp_path / 'part.npz')
    again = load_part(tmp_path)
    np.testing.assert_array_equal(again.found.points_m, parts[0].found.points_m)
    np.testing.assert_array_equal(again.found.tracks.keypoints, parts[0].found.tracks.keypoints)
    np.testing.assert_array_equal(again.held_out.rows, parts[0].held_out.rows)
    assert again.held_out.names == parts[0].held_out.names
    assert again.check == parts[0].check


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
    words = ['--data', str(wall), '--out', str(out), '--parts', '2']
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
    assert np.median(np.abs(landmark_map.points_m[:, 1] - 6)) < 0.05  # the wall
    assert (landmark_map.patch_views >= 0).all()
    assert np.isfinite(landmark_map.views.global_descriptors.astype(float)).all()
    assert '2 parts of 1' in load(out).provenance['map']['notes'][-1]
    assert '2 parts of 1' in capsys.readouterr().out


@pytest.mark.parametrize(('words', 'text'), [
    (['--parts', '2', '--refine-poses'], 'leave --refine-poses out'),
    (['--parts', '0'], 'at least 1'), (['--parts', 'many'], 'many')])
def test_options_that_do_not_go_together(
        wall: Path, tmp_path: Path, words: list[str], text: str,
        capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['--data', str(wall), '--out', str(tmp_path / 'out'), *words])
    assert text in capsys.readouterr().err
