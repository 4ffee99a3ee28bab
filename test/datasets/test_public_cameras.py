"""Cameras and conventions of public data sets, by the numbers of their own pages."""

from __future__ import annotations

from pathlib import Path

from helpers import CAMERA, with_distortion
import numpy as np
from posenet_ros.datasets.benchmarks.kitti import kitti_camera
from posenet_ros.datasets.benchmarks.matrix_scenes import (
    ace_camera,
    seven_scenes_camera,
    twelve_scenes_camera,
)
from posenet_ros.datasets.benchmarks.stamped import read_image_list
from posenet_ros.datasets.benchmarks.tum import read_tum, tum_camera
from posenet_ros.datasets.cameras import camera_in_file, known_camera
from posenet_ros.datasets.colmap_export import model_of_camera
from posenet_ros.datasets.layout_writers import SourceImage, write_layout
from posenet_ros.datasets.poses.forms import Format
from posenet_ros.datasets.poses.writers import NamedPose
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
import pytest

SIZE = (640, 480)


@pytest.mark.parametrize(('name', 'expected'), [
    ('rgbd_dataset_freiburg1_xyz', (517.3, 516.5, 318.6, 255.3)),
    ('rgbd_dataset_freiburg2_desk', (520.9, 521.0, 325.1, 249.7)),
    ('rgbd_dataset_freiburg3_office', (535.4, 539.2, 320.1, 247.6))])
def test_the_cameras_of_tum_are_those_of_its_page(
        tmp_path: Path, name: str, expected: tuple[float, ...]) -> None:
    camera = Camera(640, 480, *expected)
    assert tum_camera(tmp_path / name, SIZE) == camera
    assert tum_camera(tmp_path / name, (320, 240)) == camera.scaled(320, 240)
    assert tum_camera(tmp_path / 'mine', SIZE) is None


@pytest.mark.parametrize(('late_s', 'taken'), [(0.019, True), (0.021, False), (-0.019, True)])
def test_an_image_of_tum_takes_the_nearest_pose_within_two_hundredths(
        tmp_path: Path, late_s: float, taken: bool) -> None:
    (tmp_path / 'rgb.txt').write_text(f'{5 + late_s:.3f} rgb/a.png\n')
    (tmp_path / 'groundtruth.txt').write_text(
        '4.9 1 0 0 0 0 0 1\n5.0 2 0 0 0 0 0 1\n5.1 3 0 0 0 0 0 1\n')
    row, = read_tum(tmp_path, 'train')
    assert row.unmatched != taken
    if row.pose:
        assert row.pose.translation_m[0] == 2
    else:
        assert row.error == 'no pose within 0.02 s; the nearest is 0.021 s away'


def test_seven_scenes_has_585_pixels_at_640() -> None:
    assert seven_scenes_camera(Path(), SIZE) == Camera(640, 480, 585.0, 585.0, 319.5, 239.5)
    assert seven_scenes_camera(Path(), (320, 240)).fx == 292.5


def test_cambridge_has_the_focal_length_of_its_reconstruction(tmp_path: Path) -> None:
    college = tmp_path / 'KingsCollege'
    college.mkdir()
    assert known_camera(college, (1920, 1080)) == Camera(1920, 1080, 1670.0, 1670.0, 959.5, 539.5)
    assert known_camera(tmp_path, (1920, 1080)) is None
    camera = '1 0 0 0 1 2 3 0 0'
    rows = ''.join(f'seq1/{focal}.jpg {focal} {camera}\n' for focal in (1500, 1600, 9000))
    (college / 'a.nvm').write_text(f'NVM_V3\n\n3\n{rows}\n0\n')
    assert known_camera(college, (960, 540)) == Camera(960, 540, 800.0, 800.0, 479.5, 269.5)
    (college / 'a.nvm').write_text('NVM_V3\n\n0\n')
    with pytest.raises(InputError, match='has to be an NVM_V3 file with cameras'):
        known_camera(college, (960, 540))


def test_the_file_of_a_camera_is_read_by_any_name_of_its_model(tmp_path: Path) -> None:
    assert camera_in_file(tmp_path) is None
    (tmp_path / 'camera.json').write_text(
        '{"width": 64, "height": 48, "fx": 50, "fy": 51, "cx": 31, "cy": 23, '
        '"distortion": [0.1, 0, 0, 0], "distortion_model": "fisheye"}')
    camera = camera_in_file(tmp_path)
    assert camera == Camera(64, 48, 50.0, 51.0, 31.0, 23.0, (0.1, 0.0, 0.0, 0.0), 'equidistant')
    (tmp_path / 'camera.json').write_text('{"width": 64}')
    with pytest.raises(InputError, match='has to hold width, height, fx, fy, cx, cy'):
        camera_in_file(tmp_path)


@pytest.mark.parametrize(('focal', 'taken'), [(50.04, True), (50.06, False)])
def test_focal_lengths_of_one_camera_differ_by_a_thousandth(
        tmp_path: Path, focal: float, taken: bool) -> None:
    folder = tmp_path / 'test' / 'calibration'
    folder.mkdir(parents=True)
    for name, value in (('a', 50.0), ('b', focal)):
        (folder / f'{name}.txt').write_text(f'{value}\n')
    if taken:
        assert ace_camera(tmp_path, (64, 48)) == Camera(64, 48, 50.0, 50.0, 31.5, 23.5)
    else:
        with pytest.raises(InputError, match='all images have to have one camera'):
            ace_camera(tmp_path, (64, 48))


def images(folder: Path) -> list[SourceImage]:
    """Return three images of a walk, a tenth of a second from one to the next."""
    found = []
    for i in range(3):
        (folder / f'{i}.png').write_bytes(b'a picture')
        found.append(SourceImage(folder / f'{i}.png', 'walk', NamedPose(
            Pose(np.array([i, 2.0, 0.5])), f'walk/{i}.png', 10**18 + i * 10**8)))
    return found


def test_kitti_is_written_as_its_development_kit_says(tmp_path: Path) -> None:
    write_layout(tmp_path, Format.KITTI, {'train': images(tmp_path)}, CAMERA)
    sequence = tmp_path / 'sequences/00'
    row = f'{CAMERA.fx} 0 {CAMERA.cx} 0 0 {CAMERA.fy} {CAMERA.cy} 0 0 0 1 0'
    assert (sequence / 'calib.txt').read_text() == ''.join(f'P{i}: {row}\n' for i in range(4))
    assert (sequence / 'times.txt').read_text().split() == [
        '0.000000e+00', '1.000000e-01', '2.000000e-01']
    assert sorted(file.name for file in (sequence / 'image_2').iterdir()) == [
        f'{i:06d}.png' for i in range(3)]
    assert kitti_camera(tmp_path, CAMERA.size) == CAMERA
    with pytest.raises(InputError, match='the images of KITTI are rectified'):
        write_layout(tmp_path / 'x', Format.KITTI, {'train': images(tmp_path)},
                     with_distortion(CAMERA))


def test_each_split_has_a_folder_where_there_are_several(tmp_path: Path) -> None:
    three = images(tmp_path)
    (tmp_path / 'one').mkdir()
    write_layout(tmp_path / 'one', Format.TUM, {'train': three}, CAMERA)
    assert (tmp_path / 'one/groundtruth.txt').read_text().splitlines()[1].startswith(
        '1000000000.100000000 1 2 0.5 0 0 0 1')
    assert (tmp_path / 'one/rgb/1000000000.200000000.png').exists()
    (tmp_path / 'two').mkdir()
    write_layout(tmp_path / 'two', Format.TUM, {'train': three[:2], 'test': three[2:]}, CAMERA)
    assert len((tmp_path / 'two/train/rgb.txt').read_text().splitlines()) == 3
    assert len((tmp_path / 'two/test/rgb.txt').read_text().splitlines()) == 2
    with pytest.raises(InputError, match=r'written as one of cambridge.*Received: g2o'):
        write_layout(tmp_path, Format.G2O, {'train': three}, CAMERA)


def test_seven_scenes_numbers_its_walks_from_one(tmp_path: Path) -> None:
    three = images(tmp_path)
    other = SourceImage(three[2].path, 'another', three[2].row)
    write_layout(tmp_path, Format.SEVEN_SCENES,
                 {'train': [three[0], other, three[1]], 'test': three}, CAMERA)
    assert (tmp_path / 'TrainSplit.txt').read_text() == 'sequence1\nsequence2\n'
    assert (tmp_path / 'TestSplit.txt').read_text() == 'sequence3\n'
    assert (tmp_path / 'seq-01/frame-000001.color.png').exists()
    assert np.loadtxt(tmp_path / 'seq-01/frame-000001.pose.txt')[0, 3] == 1
    assert np.loadtxt(tmp_path / 'seq-02/frame-000000.pose.txt')[0, 3] == 2


def test_queries_of_hloc_have_their_intrinsics(tmp_path: Path) -> None:
    write_layout(tmp_path, Format.HLOC, {'test': images(tmp_path)}, CAMERA)
    lines = (tmp_path / 'queries_test_with_intrinsics.txt').read_text().splitlines()
    assert lines[1] == 'walk/1.png PINHOLE 64 48 50.0 50.0 32.0 24.0'  # COLMAP's pixel corners
    row = (tmp_path / 'poses_test.txt').read_text().splitlines()[1].split()
    assert row[0] == 'walk/1.png'
    assert [float(word) for word in row[1:]] == [1, 0, 0, 0, -1, -2, -0.5]


@pytest.mark.parametrize(('distortion', 'model', 'expected'), [
    ((), 'PINHOLE', ()), ((0.0,) * 5, 'PINHOLE', ()),
    ((1.0, 2.0, 3.0, 4.0), 'OPENCV', (1, 2, 3, 4)),
    ((1.0, 2.0, 3.0, 4.0, 0.0), 'OPENCV', (1, 2, 3, 4)),
    ((1.0, 2.0, 3.0, 4.0, 5.0), 'FULL_OPENCV', (1, 2, 3, 4, 5, 0, 0, 0)),
    ((1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0), 'FULL_OPENCV', (1, 2, 3, 4, 5, 6, 7, 8)),
    ((1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, *(0.0,) * 4), 'FULL_OPENCV',
     (1, 2, 3, 4, 5, 6, 7, 8)),
    ((1.0, 2.0, 3.0, 4.0, *(0.0,) * 7, 0.1), '', ())])
def test_a_camera_of_colmap_has_the_coefficients_of_its_model(
        distortion: tuple[float, ...], model: str, expected: tuple[float, ...]) -> None:
    camera = Camera(64, 48, 50.0, 51.0, 31.5, 23.5, distortion)
    if model:
        assert model_of_camera(camera) == (model, (50, 51, 32, 24, *expected))
    else:
        with pytest.raises(InputError, match=r'at most 8 coefficients .*Received: 12'):
            model_of_camera(camera)


def test_a_list_of_images_whose_unit_is_open_is_named(tmp_path: Path) -> None:
    file = tmp_path / 'rgb.txt'
    file.write_text(''.join(f'{i}00000000 {i}.png\n' for i in range(5)))
    with pytest.raises(InputError, match=r'rgb\.txt: the stamps have to be seconds'):
        read_image_list(file)


@pytest.mark.parametrize('text', [
    'm_colorWidth = 64\n', 'm_colorWidth = 64\nm_colorHeight = x\nm_calibrationColorIntrinsic = 1',
    'm_colorWidth =\nm_colorHeight = 48\nm_calibrationColorIntrinsic = 1 2 3'])
def test_a_damaged_calibration_of_twelve_scenes_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / 'info.txt').write_text(text)
    with pytest.raises(InputError, match=r'info\.txt has to hold m_colorWidth, m_colorHeight'):
        twelve_scenes_camera(tmp_path, (64, 48))
