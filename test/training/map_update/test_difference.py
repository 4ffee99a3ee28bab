"""What changed between two maps, which folder was made from which, and who edited it by hand."""

from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path

import numpy as np
from posenet_ros import info
from posenet_ros.errors import InputError
from posenet_ros.evaluation.report.build import describe_model
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.similarity import Similarity
from posenet_ros.inference import artifact as artifacts
from posenet_ros.inference.map_artifact import make_map_artifact
from posenet_ros.inference.provenance import Change, check_provenance, with_change
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.landmark_map import LandmarkMap, Views, Vocabulary
from posenet_ros.landmarks.place_map import load_place_map
from posenet_ros.training.data.changelog import describe_command, record_change
from posenet_ros.training.map import main
from posenet_ros.training.map_update.difference import compare_contents
from posenet_ros.training.map_update.merging import moved_map
from posenet_ros.training.pipelines.mapping.model_folder import write_updated
import pytest

CAMERA = Camera(320, 240, 266.0, 266.0, 159.5, 119.5)
COMMAND = 'posenet map --extend place --bag b'
ABOUT = {'landmarks': 60, 'views': 6, 'walks': 2}


def random_map() -> LandmarkMap:
    """Return a map of six views of two walks, each of which sees 30 of some 60 landmarks."""
    rng = np.random.default_rng(0)
    seen = [np.sort(rng.permutation(60)[:30]) for _ in range(6)]
    quats = rng.normal(size=(6, 4))
    views = Views(
        tuple(f'{walk}/{i}' for walk in 'ab' for i in range(3)), (*'aaabbb',),
        rng.normal(size=(6, 3)) * 5, quats / np.linalg.norm(quats, axis=1, keepdims=True),
        np.eye(6, dtype=np.float16), np.ones(6, np.float32))
    words = Vocabulary(np.zeros((1, 128), np.float32), np.zeros(128, np.float32),
                       np.zeros((128, 6), np.float16))
    whole = LandmarkMap(
        views, rng.normal(size=(60, 3)).astype(np.float32) * 5,
        rng.integers(0, 256, (60, 128), np.uint8), rng.integers(0, 256, (60, 3), np.uint8),
        np.arange(0, 181, 30, dtype=np.int32), np.concatenate(seen).astype(np.int32), words)
    return whole.select_views(np.arange(6))  # without landmarks that one view sees


def write(landmark_map: LandmarkMap, folder: Path, **more: tuple[float, ...]) -> Path:
    folder.mkdir()
    views = landmark_map.views
    landmark_file.save(landmark_map, folder / artifacts.LANDMARKS_FILE)
    artifacts.save(make_map_artifact(
        CAMERA, views.names, views.positions_m, views.quats_xyzw, (1.0,) * 6,
        provenance=record_change({}, 'posenet map', walks=views.sequences), **more), folder)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return write(random_map().without_views([5]), tmp_path / 'place')


@pytest.fixture
def child(place: Path, tmp_path: Path) -> Path:
    write_updated(artifacts.load(place), random_map(), [ABOUT], tmp_path / 'child', COMMAND)
    return tmp_path / 'child'


def test_a_map_does_not_differ_from_itself() -> None:
    found = compare_contents(random_map(), random_map())
    for parts in (found.views, found.landmarks):
        assert not len(parts.added) + len(parts.removed)
        assert not parts.moved.any()
    assert len(found.landmarks.pairs) == len(random_map().points_m) > 50
    assert (found.landmarks.pairs[:, 0] == found.landmarks.pairs[:, 1]).all()


def test_what_came_and_went_is_told_by_side() -> None:
    whole, part = random_map(), random_map().without_views([5])
    found = compare_contents(part, whole)
    assert [whole.views.names[i] for i in found.views.added] == ['b/2']
    assert not len(found.views.removed)
    back = compare_contents(whole, part)
    assert back.views.removed.tolist() == [5]
    assert not len(back.views.added)
    assert len(found.landmarks.pairs) == len(part.points_m)
    np.testing.assert_array_equal(part.points_m[found.landmarks.pairs[:, 0]],
                                  whole.points_m[found.landmarks.pairs[:, 1]])


def test_movements_are_measured_and_a_frame_that_moved_is_found() -> None:
    first = random_map()
    move = Similarity(1.5, Pose.from_rotation(so3_exp([0.0, 0.0, 0.3]), (3.0, 0.0, 0.0)))
    found = compare_contents(first, moved_map(first, move))
    assert found.second_from_first is not None
    assert found.second_from_first.scale == pytest.approx(1.5)
    expected = np.linalg.norm(move.apply(first.views.positions_m) - first.views.positions_m,
                              axis=1)
    np.testing.assert_allclose(found.views.moved, expected)
    np.testing.assert_allclose(found.turned_deg, np.degrees(0.3))
    assert len(found.landmarks.pairs) == len(first.points_m)
    on_a_line = replace(first, views=replace(
        first.views, positions_m=np.arange(6.0)[:, None] * np.ones(3)))
    assert compare_contents(on_a_line, on_a_line).second_from_first is None


def test_origins_are_no_movement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = random_map()
    there = moved_map(here, Similarity(1.0, Pose((-8.0, 0.0, 0.0))))
    folders = [str(write(here, tmp_path / 'a')),
               str(write(there, tmp_path / 'b', origin_m=(8.0, 0.0, 0.0)))]
    assert main(['--diff', *folders]) == 0
    out = capsys.readouterr().out
    assert out.count('none moved') == 2
    assert 'neither was made from the other' in out


def test_a_folder_knows_its_parent_and_what_changed_it(
        place: Path, child: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = artifacts.load(place), artifacts.load(child)
    about = check_provenance(new.provenance, child)
    assert about.parent == old.digest
    assert [change.walks for change in about.changelog] == [('a', 'b'), ('b',)]
    assert about.changelog[1].command == COMMAND
    assert about.changelog[1].date.endswith('Z')
    assert describe_model(new)['digest'] == load_place_map(new).model_hash == new.digest
    assert info.main([str(child)]) == 0
    out = capsys.readouterr().out
    assert f'{new.digest[:12]}, made from {old.digest[:12]}' in out
    assert f'{COMMAND} (b)' in out
    assert 'edited' not in out


@pytest.mark.parametrize(('order', 'expected'), [
    ((0, 1), 'child ({1}) was made from {place}'), ((1, 0), 'child ({1}) was made from {place}'),
    ((0, 0), 'the same model folder, {0}'), ((1, 2), 'both were made from {0}')])
def test_the_relation_of_two_folders_is_told(
        place: Path, child: Path, tmp_path: Path, order: tuple[int, int], expected: str,
        capsys: pytest.CaptureFixture[str]) -> None:
    write_updated(artifacts.load(place), random_map().without_views([0]), [ABOUT],
                  tmp_path / 'other', COMMAND)
    folders = [place, child, tmp_path / 'other']
    assert main(['--diff', *(str(folders[i]) for i in order)]) == 0
    hashes = [artifacts.load(folder).digest[:12] for folder in folders]
    assert expected.format(*hashes, place=place) in capsys.readouterr().out


def test_changes_of_the_calibration_are_told(place: Path, tmp_path: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    artifact = artifacts.load(place)
    changed = replace(artifact, camera=replace(CAMERA, fx=270.0))
    write_updated(changed, random_map(), [ABOUT], tmp_path / 'new', COMMAND)
    main(['--diff', str(place), str(tmp_path / 'new')])
    out = capsys.readouterr().out
    assert 'camera      fx: 266. -> 270.' in out
    assert '1 added, 0 removed, 5 common, none moved' in out


def test_a_folder_that_was_edited_by_hand_is_named(
        place: Path, child: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = child / artifacts.ARTIFACT_FILE
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content))
    assert not artifacts.load(child).edited, 'another layout is no edit'
    content['camera']['fx'] = 300.0
    file.write_text(json.dumps(content))
    assert artifacts.load(child).edited
    assert 'edited' in describe_model(artifacts.load(child))
    info.main([str(child)])
    main(['--diff', str(place), str(child)])
    out = capsys.readouterr().out
    assert out.count('artifact.json is not as it was written') == 2
    del content['sha256'][artifacts.ARTIFACT_FILE]
    file.write_text(json.dumps(content))
    assert not artifacts.load(child).edited, 'an older folder does not say'


def test_the_landmarks_of_another_folder_are_refused(place: Path, child: Path) -> None:
    (child / artifacts.LANDMARKS_FILE).write_bytes((place / artifacts.LANDMARKS_FILE).read_bytes())
    with pytest.raises(InputError, match=r'landmarks.npz is damaged, or of another model'):
        artifacts.load(child)


def test_the_changelog_has_no_paths_of_this_machine(tmp_path: Path) -> None:
    text = describe_command(['map', '--bag', f'{tmp_path}/a bag/', '--image', '/camera/image'],
                            {tmp_path / 'a bag'})
    assert text == "posenet map --bag 'a bag' --image /camera/image"


def test_changes_follow_one_another_and_say_no_more_than_there_is() -> None:
    about = with_change(with_change({}, Change('1', 'a')), Change('2', 'b', 'p', ('w',)))
    assert about['changelog'] == [{'date': '1', 'command': 'a'},
                                  {'date': '2', 'command': 'b', 'parent': 'p', 'walks': ('w',)}]


@pytest.mark.parametrize('words', [['--out', 'c'], ['--data', 'd'], ['--export', 'ply', 'f']])
def test_a_difference_takes_two_folders_alone(
        words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['--diff', 'a', 'b', *words])
    assert '--diff takes two model folders alone' in capsys.readouterr().err
