"""Files of poses: what is read, what is refused, and that writing brings back the same."""

from __future__ import annotations

from pathlib import Path

from helpers import poses
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from posenet_ros.datasets.pose_files import (
    cambridge_row,
    detect_format,
    Format,
    read_poses,
    write_cambridge,
    write_tum,
)
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
import pytest

HEADER = 'Visual Landmark Dataset V1\nImageFile, Camera Position [X Y Z W P Q R]\n\n'
GOOD = 'seq1/frame00001.png 1 2 3 1 0 0 0\n'


def write(folder: Path, text: str) -> Path:
    file = folder / 'poses.txt'
    file.write_text(text)
    return file


def test_cambridge_rotation_is_world_to_camera(tmp_path: Path) -> None:
    # the camera looks along the world's +x: its z axis is x, its x axis is -y, its y axis -z
    map_from_camera = Pose.from_rotation([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], (1, 2, 3))
    x, y, z, w = map_from_camera.inverse().quat_xyzw  # camera_from_map, as the file has it
    row = read_poses(write(tmp_path, f'{HEADER}seq7/a.png 1 2 3 {w} {x} {y} {z}\n'))[0]
    np.testing.assert_allclose(row.pose.matrix, map_from_camera.matrix, atol=1e-12)
    np.testing.assert_allclose(row.pose.rotation @ (0, 0, 1), (1, 0, 0), atol=1e-12)
    assert (row.name, row.sequence, row.line) == ('seq7/a.png', 'seq7', 4)


def test_cambridge_row_is_centre_and_world_to_camera() -> None:
    half = np.array([0, 0, np.sin(0.25), np.cos(0.25)])  # map_from_camera: 0.5 about z
    assert cambridge_row('a.png', Pose(np.array([1.0, 2, 3]), half)) == (
        'a.png 1.000000000 2.000000000 3.000000000 '
        '0.968912422 -0.000000000 -0.000000000 -0.247403959\n')


@settings(deadline=None, max_examples=30)  # each example writes a file
@given(st.lists(poses(), min_size=1, max_size=5))
def test_cambridge_round_trip(tmp_path_factory: pytest.TempPathFactory, truth: list[Pose]) -> None:
    file = tmp_path_factory.mktemp('cambridge') / 'dataset_test.txt'
    write_cambridge(file, [(f'seq1/{i}.png', pose) for i, pose in enumerate(truth)])
    assert detect_format(file) is Format.CAMBRIDGE
    for row, pose in zip(read_poses(file), truth, strict=True):
        np.testing.assert_allclose(row.pose.matrix, pose.matrix, atol=1e-7)


@settings(deadline=None, max_examples=30)  # each example writes a file
@given(st.lists(st.tuples(st.integers(0, 2**62), poses()), min_size=1, max_size=5))
def test_tum_round_trip_is_exact(
        tmp_path_factory: pytest.TempPathFactory, truth: list[tuple[int, Pose]]) -> None:
    file = tmp_path_factory.mktemp('tum') / 'poses.tum'
    write_tum(file, truth)
    assert detect_format(file) is Format.TUM
    for row, (stamp_ns, pose) in zip(read_poses(file), truth, strict=True):
        assert row.stamp_ns == stamp_ns
        np.testing.assert_array_equal(row.pose.translation_m, pose.translation_m)
        np.testing.assert_allclose(row.pose.quat_xyzw, pose.quat_xyzw, atol=1e-15)


@settings(deadline=None, max_examples=30)  # each example writes a file
@given(poses())
def test_kitti_rows_are_matrices(tmp_path_factory: pytest.TempPathFactory, pose: Pose) -> None:
    row = ' '.join(f'{v:.17g}' for v in pose.matrix[:3].ravel())
    file = write(tmp_path_factory.mktemp('kitti'), row + '\n')
    assert detect_format(file) is Format.KITTI
    np.testing.assert_allclose(read_poses(file)[0].pose.matrix, pose.matrix, atol=1e-9)


@pytest.mark.parametrize(('row', 'why'), [
    ('seq1/b.png 1 2 3 1 0 0', 'Received: 6 numbers'),
    ('seq1/b.png 1 2 x 1 0 0 0', "Received: '1 2 x"),
    ('seq1/b.png 1 2 3 2 0 0 0', 'length 1'),
    ('seq1/b.png 1 2 inf 1 0 0 0', 'finite'),
    ('seq1/b.png 1 2 1e9 1 0 0 0', 'within 1e+08 m')])
def test_bad_cambridge_row_is_named(tmp_path: Path, row: str, why: str) -> None:
    file = write(tmp_path, HEADER + GOOD + row + '\n')
    with pytest.raises(InputError) as caught:
        read_poses(file)
    assert str(caught.value).startswith(f'{file}:5: ')
    assert why in str(caught.value)
    rejected: list[str] = []
    assert len(read_poses(file, rejected=rejected)) == 1
    assert len(rejected) == 1


@pytest.mark.parametrize('text', ['', HEADER, '# stamp\n'])
def test_empty_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match='expected'):
        read_poses(write(tmp_path, text))


def test_missing_and_binary_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='no such file'):
        read_poses(tmp_path / 'absent.txt')
    (tmp_path / 'picture.txt').write_bytes(b'\x89PNG\xff\xfe')
    with pytest.raises(InputError, match='expected a text file'):
        read_poses(tmp_path / 'picture.txt')


def test_unknown_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='expected rows in Cambridge form'):
        detect_format(write(tmp_path, '1 2 3\n'))


def test_network_output_is_normalised_only_where_asked(tmp_path: Path) -> None:
    file = write(tmp_path, HEADER + 'a.png 1 2 3 1.1 0 0 0 0.5 2.0\n')
    assert read_poses(file, normalise=True)[0].pose.quat_xyzw[3] == 1
    with pytest.raises(InputError, match='length 1'):
        read_poses(file)


def test_nan_in_an_estimate_is_a_failure_not_an_error(tmp_path: Path) -> None:
    rows = read_poses(write(tmp_path, '1.5 1 2 3 0 0 0 1\n2.5 nan 2 3 0 0 0 1\n'))
    assert [row.pose is None for row in rows] == [False, True]
    assert rows[1].stamp_ns == 2_500_000_000


@pytest.mark.parametrize('word', ['1700000000.5', '1700000000500000000', '1.7000000005e18'])
def test_stamps_are_seconds_or_nanoseconds(tmp_path: Path, word: str) -> None:
    (row,) = read_poses(write(tmp_path, f'{word} 1 2 3 0 0 0 1\n'))
    assert row.stamp_ns == 1_700_000_000_500_000_000


@pytest.mark.parametrize('word', ['1700000000500', '1e30', 'nan', 'inf', '-1e40', '1e999999999'])
def test_stamps_of_no_time_are_refused(tmp_path: Path, word: str) -> None:
    file = write(tmp_path, f'1.0 1 2 3 0 0 0 1\n{word} 1 2 3 0 0 0 1\n')
    with pytest.raises(InputError, match=r'poses.txt:2: expected a stamp'):
        read_poses(file)


@pytest.mark.parametrize('header', [
    '', 'timestamp tx ty tz qx qy qz qw\n', '# timestamp tx ty tz qx qy qz qw\n', '\ufeff',
    '\ufeff# stamp\n', 'a walk\n\n'])
def test_headers_and_byte_order_marks_are_no_poses(tmp_path: Path, header: str) -> None:
    file = write(tmp_path, header + '1.5 1 2 3 0 0 0 1\n2.5 1 2 3 0 0 0 1\n')
    assert detect_format(file) is Format.TUM
    rows = read_poses(file)
    assert [row.stamp_ns for row in rows] == [1_500_000_000, 2_500_000_000]
    assert rows[0].line == 1 + header.count('\n')


@pytest.mark.parametrize('header', [
    'My walk\nimage x y z w p q r\n\n', '\ufeff' + HEADER, '\ufeff'])
def test_any_header_of_three_lines_is_skipped(tmp_path: Path, header: str) -> None:
    (row,) = read_poses(write(tmp_path, header + GOOD))
    assert row.name == 'seq1/frame00001.png'
