"""`posenet map`: from data, bags and images with poses to a map; resumed, refused, exported."""

from __future__ import annotations

import argparse
from pathlib import Path
import shlex
import shutil
import sys
from typing import Any
from unittest import mock

import numpy as np
from posenet_ros.datasets.colmap_export import PosedImage, SparsePoints, write_colmap
from posenet_ros.datasets.pose_files import read_poses
from posenet_ros.errors import InputError
from posenet_ros.inference.artifact import LANDMARKS_FILE, load
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.landmark_map import NO_PATCH
from posenet_ros.training import make_bag
from posenet_ros.training.data.datasets import Dataset, read_dataset
from posenet_ros.training.landmarks import mapping
from posenet_ros.training.map import main, parser
from posenet_ros.training.pipelines.mapping import posed, run, workload
from posenet_ros.utils.files.kinds import MAPPING
import pytest
from training_helpers import LARGE_CAMERA, write_wall_dataset

CAMERA_TEXT = '266,266,159.5,119.5'


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of three walks past the wall."""
    folder = tmp_path_factory.mktemp('data') / 'wall'
    write_wall_dataset(folder, 2, 8, camera=LARGE_CAMERA)
    return folder


@pytest.fixture(scope='module')
def place(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the map of the dataset."""
    out = tmp_path_factory.mktemp('out') / 'place'
    assert main(['--data', str(data), '--out', str(out)]) == 0
    return out


def test_a_dataset_becomes_a_folder_with_a_map_and_no_network(data: Path, place: Path) -> None:
    artifact = load(place)
    landmark_map = landmark_file.load(place / LANDMARKS_FILE)
    dataset = read_dataset(data, 'train')
    assert artifact.network is None
    assert artifact.camera == LARGE_CAMERA
    assert artifact.scale.metric
    assert landmark_map.metric
    assert landmark_map.views.names == tuple(s.name for s in dataset.samples)
    assert landmark_map.views.sequences == ('seq1',) * 8 + ('seq2',) * 8
    np.testing.assert_allclose(landmark_map.views.positions_m, dataset.positions_m)
    assert np.median(np.abs(landmark_map.points_m[:, 1] - 6)) < 0.05  # the wall
    assert landmark_map.views.cameras == (LARGE_CAMERA,)
    assert (landmark_map.patch_views != NO_PATCH).all()
    assert len(np.unique(landmark_map.patch_views)) > 8
    assert landmark_map.patches.std() > 5
    assert artifact.provenance['map']['landmarks'] == len(landmark_map.points_m)
    assert artifact.provenance['dataset_sha256'] == dataset.digest()
    assert not place.with_name('place.mapping').exists()
    assert sorted(file.name for file in place.parent.iterdir()) == ['place']


def test_images_with_a_file_of_poses_make_the_same_map(
        data: Path, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / 'images'
    for name in ('seq1', 'seq2'):
        shutil.copytree(data / name, folder / name)
    assert main(['--images', str(folder), '--poses', str(data / 'dataset_train.txt'), '--camera',
                 CAMERA_TEXT, '--out', str(tmp_path / 'out')]) == 0
    ours, expected = (landmark_file.load(p / LANDMARKS_FILE) for p in (tmp_path / 'out', place))
    assert ours.views.names == expected.views.names
    np.testing.assert_array_equal(ours.points_m, expected.points_m)
    assert 'scale metres, by poses' in capsys.readouterr().out


def test_a_bag_with_poses_becomes_a_map(data: Path, tmp_path: Path) -> None:
    bag = tmp_path / 'walk'
    assert make_bag.main(['--data', str(data), '--split', 'train', '--out', str(bag)]) == 0
    assert main(['--bag', str(bag), '--pose', '/ground_truth/pose', '--out',
                 str(tmp_path / 'out')]) == 0
    landmark_map = landmark_file.load(tmp_path / 'out' / LANDMARKS_FILE)
    assert landmark_map.views.names[:2] == ('walk/frame000000.png', 'walk/frame000001.png')
    np.testing.assert_allclose(landmark_map.views.positions_m,
                               read_dataset(data, 'train').positions_m, atol=1e-6)


def test_at_most_so_many_views_are_kept(data: Path, tmp_path: Path) -> None:
    assert main(['--data', str(data), '--views', '9', '--complete', '--out',
                 str(tmp_path / 'out')]) == 0
    assert landmark_file.load(tmp_path / 'out' / 'landmarks.npz').complete
    names = landmark_file.load(tmp_path / 'out' / LANDMARKS_FILE).views.names
    assert len(names) == 9
    assert names[0].endswith('frame00000.png')
    assert names[-1] == 'seq2/frame00007.png'


def write_reconstruction(data: Path, folder: Path, scale: float) -> None:
    """Write the training images as a COLMAP model of another scale."""
    dataset = read_dataset(data, 'train')
    images = [PosedImage(s.name, type(s.map_from_camera)(
        s.map_from_camera.translation_m * scale, s.map_from_camera.quat_xyzw))
        for s in dataset.samples]
    nothing = SparsePoints(np.empty((0, 3)), np.empty((0, 3), np.uint8),
                           np.zeros(len(images) + 1, int), np.empty(0, int), np.empty((0, 2)))
    (folder / 'sparse').mkdir(parents=True)
    write_colmap(folder / 'sparse', dataset.camera, images, nothing)
    shutil.copytree(data, folder / 'images')


def test_the_scale_of_a_reconstruction_is_unknown_unless_it_is_given(
        data: Path, tmp_path: Path) -> None:
    write_reconstruction(data, tmp_path / 'colmap', 3.0)
    assert main(['--data', str(tmp_path / 'colmap'), '--out', str(tmp_path / 'one')]) == 0
    assert not load(tmp_path / 'one').scale.metric
    assert not landmark_file.load(tmp_path / 'one' / LANDMARKS_FILE).metric
    true = read_dataset(data, 'train')
    distance_m = float(np.linalg.norm(true.positions_m[7] - true.positions_m[0]))
    assert main(['--data', str(tmp_path / 'colmap'), '--scale-from', 'distance',
                 true.samples[0].name, true.samples[7].name, str(distance_m), '--out',
                 str(tmp_path / 'two')]) == 0
    found = landmark_file.load(tmp_path / 'two' / LANDMARKS_FILE)
    assert load(tmp_path / 'two').scale.source == 'distance'
    assert found.metric
    assert np.linalg.norm(found.views.positions_m[3] - found.views.positions_m[12]) == (
        pytest.approx(float(np.linalg.norm(true.positions_m[3] - true.positions_m[12]))))


class Stopped:
    """Interrupts the mapping once its features are there."""

    def __init__(self, error: type[BaseException] = KeyboardInterrupt) -> None:
        self.error = error

    def __call__(self, dataset: Dataset, options: object, work: Path) -> None:
        """Leave features, and raise."""
        (work / 'features').mkdir(exist_ok=True)
        (work / 'features' / 'one.npz').write_bytes(b'features')
        raise self.error('images are bad')


def interrupted(words: list[str]) -> str:
    """Run the command until Ctrl-C, and return what it says."""
    with mock.patch.object(run, 'map_dataset', Stopped()), pytest.raises(
            KeyboardInterrupt) as caught:
        main(words)
    return str(caught.value)


def test_an_interrupted_map_says_how_to_go_on_and_does(data: Path, tmp_path: Path) -> None:
    words = ['--data', str(data), '--out', str(tmp_path / 'place')]
    work = tmp_path / 'place.mapping'
    text = interrupted(words)
    assert f'stopped; {work} has what is done. To go on: ' in text
    assert shlex.split(text.partition('To go on: ')[2])[-5:] == [*words, '--resume']
    assert not (tmp_path / 'place').exists()
    assert MAPPING.fits(work)
    with pytest.raises(InputError, match=r'holds a map that was not finished: --resume goes on'):
        main(words)
    with pytest.raises(InputError, match=r'is of another walk: every was None. Received: 2'):
        main([*words, '--resume', '--every', '2'])
    kept = (work / 'features' / 'one.npz').stat().st_ino

    def look(dataset: Dataset, options: object, work: Path) -> Any:  # noqa: ANN401
        assert (work / 'features' / 'one.npz').stat().st_ino == kept
        return original(dataset, options, work=work)

    original: Any = mapping.map_dataset
    with mock.patch.object(run, 'map_dataset', look):
        assert main([*words, '--resume']) == 0
    assert load(tmp_path / 'place').network is None
    assert not work.exists()
    with pytest.raises(InputError, match=r'is finished, and .* there is nothing to resume'):
        main([*words, '--resume'])


def test_force_starts_anew(data: Path, tmp_path: Path) -> None:
    words = ['--data', str(data), '--out', str(tmp_path / 'place')]
    interrupted(words)

    def look(dataset: Dataset, options: object, work: Path) -> None:
        assert [file.name for file in work.iterdir()] == ['mapping.json']
        raise InputError('seen')

    with mock.patch.object(run, 'map_dataset', look), pytest.raises(InputError, match=r'^seen$'):
        main([*words, '--force'])


@pytest.mark.parametrize('error', [InputError, KeyboardInterrupt])
def test_nothing_stays_of_a_run_that_did_nothing(
        data: Path, tmp_path: Path, error: type[BaseException]) -> None:
    with mock.patch.object(run, 'pose_images', side_effect=error('bad')), pytest.raises(error):
        main(['--data', str(data), '--out', str(tmp_path / 'place')])
    assert list(tmp_path.iterdir()) == []


def test_what_is_done_stays_after_an_error(data: Path, tmp_path: Path) -> None:
    with mock.patch.object(run, 'map_dataset', Stopped(InputError)), pytest.raises(InputError):
        main(['--data', str(data), '--out', str(tmp_path / 'place')])
    assert (tmp_path / 'place.mapping' / 'features' / 'one.npz').exists()


def test_a_folder_of_the_users_in_the_place_of_the_work_is_left_alone(
        data: Path, tmp_path: Path) -> None:
    other = tmp_path / 'place.mapping'
    other.mkdir()
    (other / 'notes.txt').write_text('mine')
    with pytest.raises(InputError, match=r'is needed for what is unfinished, but it holds notes'):
        main(['--data', str(data), '--out', str(tmp_path / 'place'), '--force'])
    assert (other / 'notes.txt').read_text() == 'mine'


@pytest.mark.parametrize('target', ['data', 'other'])
def test_nothing_of_the_users_is_replaced(data: Path, tmp_path: Path, target: str) -> None:
    out = data if target == 'data' else tmp_path / 'other'
    out.mkdir(exist_ok=True)
    (tmp_path / 'other' / 'mine.txt').parent.mkdir(exist_ok=True)
    (tmp_path / 'other' / 'mine.txt').write_text('mine')
    before = sorted(out.rglob('*'))
    with pytest.raises(InputError, match=r'cannot be replaced|is no model folder'):
        main(['--data', str(data), '--out', str(out), '--force'])
    assert sorted(out.rglob('*')) == before


def test_a_trained_network_is_not_replaced_by_a_map(
        data: Path, place: Path, tmp_path: Path) -> None:
    out = shutil.copytree(place, tmp_path / 'place')
    assert main(['--data', str(data), '--out', str(out), '--force']) == 0
    with mock.patch.object(run, 'load', return_value=argparse.Namespace(network=1)), pytest.raises(
            InputError, match=r'has a network, which posenet map keeps only where --data is'):
        main(['--images', str(data / 'seq1'), '--out', str(out), '--force'])


def test_images_with_poses_need_a_camera(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'the camera of images with poses has to be known'):
        main(['--images', str(data / 'seq1'), '--poses', str(data / 'dataset_train.txt'),
              '--out', str(tmp_path / 'out')])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(('words', 'message'), [
    ([], 'one of the arguments --data --bag --images --video is required'),
    (['--data', 'a', '--bag', 'b'], 'not allowed with argument'),
    (['--data', 'a', '--poses', 'b'], '--poses is for images without poses'),
    (['--bag', 'a', '--poses', 'b', '--pose', '/c'], 'both give poses'),
    (['--images', 'a', '--format', 'tum'], '--format and --stamp-unit are for --poses'),
    (['--images', 'a', '--stamp-unit', 's'], '--format and --stamp-unit are for --poses'),
    (['--images', 'a', '--tf', 'map', 'camera'], '--tf is for --bag'),
    (['--data', 'a', '--camera-info', '/b'], '--camera-info is for --bag'),
    (['--data', 'a', '--export', 'obj', 'b'], 'argument --export: expected one of colmap')])
def test_options_that_do_not_fit_are_one_line(
        words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*words, '--out', 'place'])
    assert caught.value.code == 2
    text = capsys.readouterr().err
    assert message in text
    assert len(text.splitlines()) == 1


def test_a_wrong_scale_is_refused_before_anything_is_read() -> None:
    with pytest.raises(InputError, match=r'--scale-from has to be'):
        main(['--data', 'missing', '--out', 'place', '--scale-from', 'luck'])


@pytest.mark.parametrize(('words', 'message'), [
    (['--scale-from', 'distance', 'frame00001.png', 'seq1/frame00002.png', '2'],
     r'Received: frame00001.png, which 2 have as the end'),
    (['--scale-from', 'distance', 'seq1/frame00001.png', 'x.png', '2'], r'x.png, which 0 have'),
    (['--scale-from', 'points', 'missing.txt'], r'missing.txt: no such file'),
    (['--frame', 'missing.txt'], r'missing.txt: no such file')])
def test_measurements_are_checked_before_poses_are_looked_for(
        data: Path, tmp_path: Path, words: list[str], message: str) -> None:
    for name in ('seq1', 'seq2'):
        shutil.copytree(data / name, tmp_path / 'images' / name)
    with mock.patch.object(posed, '_by_structure_from_motion',
                           side_effect=AssertionError), pytest.raises(InputError, match=message):
        main(['--images', str(tmp_path / 'images'), '--out', str(tmp_path / 'out'), *words])


def test_an_existing_map_is_exported(place: Path, data: Path, tmp_path: Path,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    forms = {'colmap': 'c', 'colmap-text': 't', 'nerfstudio': 'n', 'ply': 'p.ply',
             'poses': 'poses.txt'}
    words = [word for form, name in forms.items()
             for word in ('--export', form, str(tmp_path / name))]
    assert main(['--out', str(place), *words]) == 0
    assert 'the images belong into' in capsys.readouterr().out
    true = read_dataset(data, 'train')
    for name in ('c', 't', 'n'):
        shutil.copytree(data, tmp_path / name / 'images')
        found = read_dataset(tmp_path / name, 'train')
        assert [s.name for s in found.samples] == [f'images/{s.name}' for s in true.samples]
        np.testing.assert_allclose(found.positions_m, true.positions_m, atol=1e-8)
        assert found.camera == true.camera
    rows = read_poses(tmp_path / 'poses.txt')
    assert [row.name for row in rows] == [s.name for s in true.samples]
    points = landmark_file.load(place / LANDMARKS_FILE).points_m
    assert f'element vertex {len(points)}\n'.encode() in (tmp_path / 'p.ply').read_bytes()
    with pytest.raises(InputError, match=r'exists already'):
        main(['--out', str(place), '--export', 'colmap', str(tmp_path / 'c')])
    assert main(['--out', str(place), '--export', 'colmap', str(tmp_path / 't'), '--force']) == 0
    assert not (tmp_path / 't' / 'sparse' / '0' / 'images.txt').exists()


def test_pycolmap_reads_the_export(place: Path, tmp_path: Path) -> None:
    pycolmap = pytest.importorskip('pycolmap')
    assert main(['--out', str(place), '--export', 'colmap', str(tmp_path / 'c')]) == 0
    whole = pycolmap.Reconstruction(str(tmp_path / 'c' / 'sparse' / '0'))
    landmark_map = landmark_file.load(place / LANDMARKS_FILE)
    assert whole.num_points3D() == len(landmark_map.points_m)
    assert whole.compute_num_observations() == len(landmark_map.seen)
    image = next(iter(whole.images.values()))
    seen = next(p for p in image.points2D if p.has_point3D())
    np.testing.assert_allclose(image.project_point(whole.points3D[seen.point3D_id].xyz), seen.xy,
                               atol=1e-3)


@pytest.mark.parametrize('out', ['map', 'model'])
def test_an_export_never_replaces_what_is_no_export(
        place: Path, tmp_path: Path, out: str) -> None:
    target = place if out == 'map' else tmp_path
    (tmp_path / 'mine.txt').write_text('mine')
    with pytest.raises(InputError, match=r'cannot be replaced|is no export of a map'):
        main(['--out', str(place), '--export', 'colmap', str(target), '--force'])


def test_the_export_of_a_folder_without_map_is_one_error(place: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'artifact.json is missing'):
        main(['--out', str(tmp_path / 'none'), '--export', 'ply', str(tmp_path / 'p.ply')])


def test_the_workload_is_said_before_the_start(data: Path) -> None:
    dataset = read_dataset(data, 'train')
    text = workload.describe_workload(dataset, 480)
    assert text.startswith('mapping 16 images: about 1 s and 0.3 GB of memory')
    large = Dataset('', dataset.samples * 200, dataset.camera)
    assert 'about 5 min and 2.2 GB' in workload.describe_workload(large, 480)
    assert ' and 1.9 GB' in workload.describe_workload(large, 480, 500), 'the tracks of all'
    assert ' and 2.1 GB' in workload.describe_workload(large, 480, 3000)


def test_the_size_of_a_map_is_said(place: Path) -> None:
    landmark_map = landmark_file.load(place / LANDMARKS_FILE)
    text = workload.describe_size(3_000_000, landmark_map)
    patches = len(landmark_map.points_m) * 256 / 1e6
    assert text == f'landmarks.npz: 3.0 MB, 187.5 KB an image; {patches:.1f} MB of it are patches'


def test_the_parser_is_light() -> None:
    import subprocess
    code = ('import sys; from posenet_ros.training.map import parser; parser(); '
            'print(*{"numpy", "cv2", "av", "pycolmap", "keras"} & set(sys.modules))')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ''
    assert parser().parse_args(['--data', 'a', '--out', 'b']).every is None
