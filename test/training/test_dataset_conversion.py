"""`posenet dataset --from X --to Y`: what is converted is the same, there and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from posenet_ros.datasets.layout_writers import WITH_SPLITS, WITHOUT_SPLITS
from posenet_ros.datasets.pose_files import detect_format, Format, read_poses, write_tum
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.data.datasets import Dataset, read_dataset
from posenet_ros.training.make_dataset import main
from posenet_ros.utils.arguments import run_cli
import pytest
from training_helpers import CAMERA, write_wall_dataset

FORMS = [form.value for form in (*WITH_SPLITS, *WITHOUT_SPLITS) if form is not Format.HLOC]
FILES = 'cambridge', 'tum', 'kitti', 'euroc', 'hloc'


def run(*arguments: str | Path) -> int:
    return run_cli(lambda: main([str(argument) for argument in arguments]))


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('data') / 'wall'
    write_wall_dataset(folder, 2, 3)
    return folder


def check(found: Dataset, expected: Dataset) -> None:
    assert found.camera == expected.camera
    assert found.rejected == ()
    for one, other in zip(found.samples, expected.samples, strict=True):
        np.testing.assert_allclose(
            one.map_from_camera.matrix, other.map_from_camera.matrix, atol=1e-8)
        assert one.path.read_bytes() == other.path.read_bytes()


@pytest.mark.parametrize('form', FORMS)
def test_a_dataset_goes_there_and_back(data: Path, tmp_path: Path, form: str) -> None:
    assert run('--from', data, '--to', tmp_path / 'there', '--to-format', form) == 0
    keeps = Format(form) in WITH_SPLITS
    for split in ('train', 'test'):
        there = tmp_path / 'there' if keeps else tmp_path / 'there' / split
        expected = read_dataset(data, split)
        check(read_dataset(there, split if keeps else 'train'), expected)
        assert run('--from', there, '--to', tmp_path / f'back_{split}') == 0
        check(read_dataset(tmp_path / f'back_{split}', split if keeps else 'train'), expected)


def test_hloc_gets_results_and_queries(data: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    assert run('--from', data, '--to', out, '--to-format', 'hloc') == 0
    rows = read_poses(out / 'poses_test.txt')
    assert detect_format(out / 'poses_test.txt') is Format.HLOC
    for row, sample in zip(rows, read_dataset(data, 'test').samples, strict=True):
        np.testing.assert_allclose(row.pose.matrix, sample.map_from_camera.matrix, atol=1e-8)
        assert (out / 'images' / row.name).is_file()
    first = (out / 'queries_test_with_intrinsics.txt').read_text().split()
    assert first[:8] == [rows[0].name, 'PINHOLE', '96', '72', '80.0', '80.0', '48.0', '36.0']


def test_pycolmap_reads_the_model(data: Path, tmp_path: Path) -> None:
    pycolmap = pytest.importorskip('pycolmap')
    assert run('--from', data, '--to', tmp_path / 'out', '--to-format', 'colmap') == 0
    model = pycolmap.Reconstruction(tmp_path / 'out/test/sparse/0')
    expected = {s.name: s.map_from_camera for s in read_dataset(data, 'test').samples}
    for image in model.images.values():
        np.testing.assert_allclose(image.cam_from_world().inverse().matrix(),
                                   expected[image.name].matrix[:3], atol=1e-9)


def test_evo_reads_the_truth(data: Path, tmp_path: Path) -> None:
    files = pytest.importorskip('evo.tools.file_interface')
    expected = [s.map_from_camera.matrix for s in read_dataset(data, 'test').samples]
    readers = {'tum': ('groundtruth.txt', files.read_tum_trajectory_file),
               'kitti': ('poses/00.txt', files.read_kitti_poses_file),
               'euroc': ('mav0/state_groundtruth_estimate0/data.csv',
                         files.read_euroc_csv_trajectory)}
    for form, (file, read) in readers.items():
        assert run('--from', data, '--to', tmp_path / form, '--to-format', form) == 0
        np.testing.assert_allclose(read(tmp_path / form / 'test' / file).poses_se3, expected,
                                   atol=1e-9)


@pytest.mark.parametrize('target', FILES)
@pytest.mark.parametrize('source', [form for form in FILES if form != 'kitti'])
def test_a_file_of_poses_goes_there(tmp_path: Path, source: str, target: str) -> None:
    poses = [Pose(np.array([i, 2.0, 0.5 * i]), np.array([0.1, 0.3 * i, 0.2, 1.0]) / np.linalg.norm(
        [0.1, 0.3 * i, 0.2, 1.0])) for i in range(5)]
    stamps = [1_700_000_000_000_000_000 + i * 10**8 for i in range(5)]
    write_tum(tmp_path / 'a', zip(stamps, poses, strict=True))
    assert run('--from', tmp_path / 'a', '--to', tmp_path / 'b', '--to-format', source) == 0
    assert run('--from', tmp_path / 'b', '--to', tmp_path / 'c', '--to-format', target) == 0
    found = read_poses(tmp_path / 'c')
    for row, pose in zip(found, poses, strict=True):
        np.testing.assert_allclose(row.pose.matrix, pose.matrix, atol=1e-8)
    if target in ('tum', 'euroc'):
        assert [row.stamp_ns for row in found] == stamps


def test_the_unit_of_stamps_can_be_said(tmp_path: Path) -> None:
    (tmp_path / 'a').write_text(''.join(f'{i * 10**8} {i} 2 3 0 0 0 1\n' for i in range(5)))
    assert run('--from', tmp_path / 'a', '--to', tmp_path / 'b', '--to-format', 'tum') == 2
    assert run('--from', tmp_path / 'a', '--to', tmp_path / 'b', '--to-format', 'tum',
               '--stamp-unit', 'ns') == 0
    assert [row.stamp_ns for row in read_poses(tmp_path / 'b')] == [i * 10**8 for i in range(5)]


@pytest.mark.parametrize(('more', 'why'), [
    (('--to-format', 'tum'), 'needs a stamp of each pose'),
    (('--to-format', 'colmap'), 'a file of poses has to be written as one of'),
    (('--to-format', 'tmu'), 'did you mean tum'),
    (('--format', 'kitti'), 'expected the 12 numbers')])
def test_what_cannot_be_converted_is_one_line(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...],
        why: str) -> None:
    (tmp_path / 'a').write_text('x/b.png 1 2 3 1 0 0 0\nx/c.png 2 2 3 0 1 0 0\n')
    assert run('--from', tmp_path / 'a', '--to', tmp_path / 'b', *more) == 2
    error = capsys.readouterr().err
    assert why in error
    assert error.count('\n') == 1
    assert [file.name for file in tmp_path.iterdir()] == ['a']


def test_nothing_of_theirs_is_replaced(data: Path, tmp_path: Path) -> None:
    notes = tmp_path / 'notes'
    notes.mkdir()
    (notes / 'a.txt').write_text('mine')
    for more in ((), ('--force',)):
        assert run('--from', data, '--to', notes, *more) == 2
        assert run('--from', data, '--to', data, *more) == 2
        assert run('--from', data / 'dataset_test.txt', '--to', notes / 'a.txt', *more) == 2
    assert (notes / 'a.txt').read_text() == 'mine'
    out = tmp_path / 'out'
    assert run('--from', data, '--to', out) == 0
    assert run('--from', data, '--to', out) == 2
    assert run('--from', data, '--to', out, '--to-format', 'tum', '--force') == 0
    assert not (out / 'dataset_train.txt').exists()
    assert read_dataset(out / 'test', 'train').camera == CAMERA
    assert len(read_dataset(data, 'test').samples) == 3
