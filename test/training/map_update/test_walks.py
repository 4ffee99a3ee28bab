"""Many walks join a map: each by itself, in the order of their names, and a run goes on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
import shutil
from types import SimpleNamespace
from unittest import mock

import cv2
import numpy as np
from posenet_ros.datasets.tolerance import too_many_left_out
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import LANDMARKS_FILE, load
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.data.walk import Walk, WalkImage
from posenet_ros.training.landmarks.feature_cache import ViewFeatures
from posenet_ros.training.landmarks.mapping import map_dataset
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.map import main, parser
from posenet_ros.training.map_update.registration import NotRegisteredError
from posenet_ros.training.pipelines.mapping.walks import join, state
from posenet_ros.training.pipelines.mapping.walks.join import Extended, join_walks
from posenet_ros.training.pipelines.mapping.walks.read import NewWalks, read_new_walks
from posenet_ros.training.pipelines.mapping.walks.state import (
    ExtensionState,
    load_state,
    save_state,
)
import pytest
from training_helpers import LARGE_CAMERA, write_wall_dataset

from .room import observe, scene_points, three_walks, walk

CAMERA_TEXT = '266,266,159.5,119.5'


@pytest.fixture(scope='module')
def old() -> LandmarkMap:
    """Return a small map."""
    data = walk(three_walks(), 'seq0')
    return map_dataset(data, MappingOptions(min_landmarks=20),
                       observe(data, scene_points(60))).landmark_map


def detect_nothing(_: Dataset) -> list[ViewFeatures]:
    """Return no features."""
    return []


class Place:
    """
    A place in which a walk joins when another one is there.

    :param needs: for each walk the one that has to be in the map before; '' for none.
    """

    def __init__(self, needs: dict[str, str], interrupted_at: str = '') -> None:
        self.needs, self.interrupted_at = needs, interrupted_at
        self.tried: list[str] = []

    def update(self, artifact: object, landmark_map: LandmarkMap, one: Walk, detect: object,
               views: int | None) -> SimpleNamespace:
        """Stand for the update: the last view's walk says which walks the map has."""
        self.tried.append(one.name)
        if one.name == self.interrupted_at:
            raise KeyboardInterrupt
        if one.name.startswith('worse'):
            raise PoseNetError('the extended map is worse')
        known = landmark_map.views.sequences[-1].split('+')
        if self.needs[one.name] not in ('', *known):
            raise NotRegisteredError('has to see the mapped place')
        names = '+'.join([*known, one.name])
        changed = replace(landmark_map, views=replace(
            landmark_map.views, sequences=(*landmark_map.views.sequences[:-1], names)))
        return SimpleNamespace(landmark_map=changed, images=3, found=2, joined=1, added=4,
                               vanished=0, dropped=0)

    def join(self, monkeypatch: pytest.MonkeyPatch, old: LandmarkMap, work: Path,
             names: Sequence[str], *, alone: bool = False) -> Extended:
        """Join walks of these names."""
        monkeypatch.setattr(join, 'update', self.update)
        walks = [Walk(name, ()) for name in names]
        return join_walks(None, old, walks, detect_nothing, work, None, alone=alone)


def test_a_state_that_is_cut_off_leaves_the_one_before_whole(
        monkeypatch: pytest.MonkeyPatch, old: LandmarkMap, tmp_path: Path) -> None:
    """The tiles of a large map, too, are of one state alone."""
    monkeypatch.setattr(landmark_file, 'TILED_FROM', 1)
    start = ExtensionState('parent', None, ('a', 'b'))
    first = replace(start, pending=('b',)).joined_by({'walk': 'a'})
    save_state(first, old, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(state, 'whole_file', mock.Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            save_state(replace(first, pending=()).joined_by({'walk': 'b'}),
                       old.without_views([0]), tmp_path)
    found, kept = load_state(tmp_path, start)
    assert found == first
    assert kept
    assert kept.views.names == old.views.names
    np.testing.assert_array_equal(np.sort(kept.points_m, axis=0), np.sort(old.points_m, axis=0))


def test_a_walk_joins_by_way_of_another(
        monkeypatch: pytest.MonkeyPatch, old: LandmarkMap, tmp_path: Path) -> None:
    place = Place({'a': 'c', 'b': 'x', 'c': '', 'd': 'a'})
    found = place.join(monkeypatch, old, tmp_path, ['a', 'b', 'c', 'd', 'worse'])
    assert place.tried == ['a', 'b', 'c', 'd', 'worse', 'a', 'b', 'd', 'b']
    assert [one['walk'] for one in found.updates] == ['c', 'a', 'd']
    assert found.landmark_map.views.sequences[-1] == 'seq0+c+a+d'
    assert found.landmark_map.parent == landmark_file.content_hash(old)
    assert found.rejected == {'b': 'b: has to see the mapped place',
                              'worse': 'worse: the extended map is worse'}


def test_the_only_walk_raises_its_error(
        monkeypatch: pytest.MonkeyPatch, old: LandmarkMap, tmp_path: Path) -> None:
    with pytest.raises(NotRegisteredError):
        Place({'a': 'x'}).join(monkeypatch, old, tmp_path, ['a'], alone=True)


@pytest.mark.parametrize('stopped_at', ['b', 'd', 'e'])
def test_an_interrupted_run_goes_on_to_the_same_map(
        stopped_at: str, monkeypatch: pytest.MonkeyPatch, old: LandmarkMap,
        tmp_path: Path) -> None:
    needs, names = {'a': 'b', 'b': '', 'c': 'x', 'd': '', 'e': 'd'}, list('abcde')
    whole = Place(needs).join(monkeypatch, old, tmp_path / 'none', names) if (
        (tmp_path / 'none').mkdir() is None) else None
    work = tmp_path / 'work'
    work.mkdir()
    first = Place(needs, stopped_at)
    with pytest.raises(KeyboardInterrupt):
        first.join(monkeypatch, old, work, names)
    second = Place(needs)
    found = second.join(monkeypatch, old, work, names)
    assert whole is not None
    drop = [{**one, 'seconds': 0} for one in found.updates]
    assert drop == [{**one, 'seconds': 0} for one in whole.updates]
    assert found.landmark_map.views.sequences == whole.landmark_map.views.sequences
    assert found.rejected == whole.rejected
    joined = [name for name in ('b', 'd') if name in first.tried and name != stopped_at]
    assert not set(joined) & set(second.tried)  # not joined twice
    assert len(list((work / 'joined').rglob('*.npz'))) == 1
    other = Place(needs)
    other.join(monkeypatch, old, work, names[:-1])  # other walks: nothing of these is taken
    assert other.tried[:2] == ['a', 'b']


@pytest.mark.parametrize(('count', 'total', 'too_many'), [
    (0, 3, False), (1, 3, False), (1, 1, True), (2, 19, True), (2, 20, False), (3, 29, True),
    (2, 2, True)])
def test_one_may_always_be_left_out_or_a_tenth(count: int, total: int, too_many: bool) -> None:
    assert too_many_left_out(count, total) is too_many


def write_images(folder: Path, count: int = 2, value: int = 90) -> Path:
    """Write a folder of plain images."""
    folder.mkdir(parents=True)
    for i in range(count):
        cv2.imwrite(str(folder / f'{i}.png'), np.full((24, 32, 3), value, np.uint8))
    return folder


def read(work: Path, paths: Sequence[Path], kind: str = 'images',
         known: Sequence[str] = ()) -> NewWalks:
    """Read walks as the command does."""
    options = parser().parse_args(
        ['--extend', 'place', f'--{kind}', *map(str, paths), '--camera', '30'])
    return read_new_walks(argparse.Namespace(**vars(options)), work, set(known))


def test_a_path_that_cannot_be_read_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    good = [write_images(tmp_path / place / 'walk') for place in ('b', 'a')]
    bad = write_images(tmp_path / 'bad')
    for file in bad.iterdir():
        file.write_bytes(b'no image')
    found = read(tmp_path / 'work', [good[0], bad, good[1]])
    assert [one.name for one in found.walks] == ['walk', 'walk-2']
    assert found.walks[0].images[0].path == good[1] / '0.png'  # by the whole paths
    assert next(iter(found.rejected.values())).startswith('bad: ')
    again = read(tmp_path / 'work', [good[1], good[0], bad])
    assert [one.images for one in again.walks] == [one.images for one in found.walks]
    with pytest.raises(InputError, match=r'0\.png'):
        read(tmp_path / 'work', [bad])


def test_images_that_the_map_has_are_not_read_again(tmp_path: Path) -> None:
    folders = [write_images(tmp_path / name) for name in ('new', 'old')]
    found = read(tmp_path / 'work', folders, known=['old/0.png', 'old/1.png', 'new/0.png'])
    assert [(one.name, [image.name for image in one.images]) for one in found.walks] == [
        ('new', ['new/1.png'])]
    with pytest.raises(InputError, match='none that it does not have by name already'):
        read(tmp_path / 'work', folders[1:], known=['old/0.png', 'old/1.png'])


def test_several_datasets_have_walks_of_their_own(tmp_path: Path) -> None:
    for name in ('first', 'second'):
        write_wall_dataset(tmp_path / name, 1, 2, camera=LARGE_CAMERA)
    found = read(tmp_path / 'work', [tmp_path / 'second', tmp_path / 'first'], 'data')
    assert [one.name for one in found.walks] == ['first/seq1', 'second/seq1']
    assert all(image.name.startswith(f'{one.name}/') for one in found.walks
               for image in one.images)


def test_each_walk_has_its_own_camera_and_pose() -> None:
    pose = Pose((1.0, 2.0, 3.0))
    one = Walk('w', (WalkImage(Path('i'), 'w/i', map_from_camera=pose),
                     WalkImage(Path('j'), 'w/j')), LARGE_CAMERA)
    moved = Pose((1.0, 0.0, 0.0))
    artifact = SimpleNamespace(camera=None, scene=SimpleNamespace(dataset_from_model=moved))
    dataset, given = join.new_images(one, artifact)
    assert dataset.camera is LARGE_CAMERA
    assert {sample.sequence for sample in dataset.samples} == {'w'}
    assert given[1] is None
    np.testing.assert_allclose(given[0].translation_m, (0.0, 2.0, 3.0))


def test_a_walk_of_another_place_is_left_out_in_any_order(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / 'wall'
    write_wall_dataset(data, 2, 8, camera=LARGE_CAMERA)
    place = tmp_path / 'place'
    assert main(['--data', str(data), '--out', str(place)]) == 0
    dark = tmp_path / 'dark'
    shutil.copytree(data / 'seq3', dark)
    for file in dark.iterdir():
        cv2.imwrite(str(file), np.full((240, 320, 3), 40, np.uint8))
    hashes = []
    for number, paths in enumerate(([data / 'seq3', dark], [dark, data / 'seq3'])):
        capsys.readouterr()
        out = tmp_path / str(number)
        assert main(['--extend', str(place), '--images', *map(str, paths), '--camera',
                     CAMERA_TEXT, '--out', str(out)]) == 0
        text = capsys.readouterr()
        assert 'left out: dark: the walk has to see the mapped place' in text.err
        assert 'extended by 8 of 8 images' in text.out
        artifact = load(out)
        hashes.append(landmark_file.content_hash(landmark_file.load(out / LANDMARKS_FILE)))
        assert artifact.history.changelog[-1].walks == ('seq3',)
        assert [one['walk'] for one in artifact.provenance['map']['updates']] == ['seq3']
        assert artifact.provenance['map']['views'] == 24
    assert hashes[0] == hashes[1]
    for other in ('other', 'third'):
        shutil.copytree(dark, tmp_path / other)
    with pytest.raises(InputError, match=r'dark: .* \(3 of 4 walks cannot be joined, at most'):
        main(['--extend', str(place), '--images', str(data / 'seq3'), str(dark),
              str(tmp_path / 'other'), str(tmp_path / 'third'), '--camera', CAMERA_TEXT])
    assert len(landmark_file.load(place / LANDMARKS_FILE).views) == 16


def test_a_new_map_is_of_one_dataset(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['--data', 'a', 'b', '--out', 'c'])
    assert '--data takes one dataset: several are for --extend' in capsys.readouterr().err
