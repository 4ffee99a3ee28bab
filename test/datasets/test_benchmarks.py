"""Layouts of public benchmarks: poses and cameras, as their pages define them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from posenet_ros.datasets.layouts import available_splits, layout_name, read_dataset_rows
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose, wxyz_from_xyzw
from posenet_ros.training.data.datasets import read_dataset
import pytest

COUNT = 4
SIZE = (64, 48)
START_NS = 1_403_636_579_763_555_584
BODY_FROM_CAMERA = Pose(np.array([0.2, -0.1, 1.1]), np.array([-0.5, 0.5, -0.5, 0.5]))
YAML_DIRECTIVE = '%YAML:1.0\n---\n'


def walk() -> list[Pose]:
    """Return poses of a camera that turns."""
    rng = np.random.default_rng(11)
    quats = rng.normal(size=(COUNT, 4))
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    return [Pose(np.array([i, 2.0 * i, 0.5]), quat) for i, quat in enumerate(quats)]


POSES = walk()


def picture(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.full((SIZE[1], SIZE[0], 3), 90, np.uint8))


def lines(*rows: object) -> str:
    return ''.join(f'{row}\n' for row in rows)


def joined(values: object, sep: str = ' ') -> str:
    return sep.join(f'{v:.17g}' for v in np.ravel(values))


def yaml_matrix(pose: Pose, rows: int = 4) -> str:
    return f'{{cols: 4, rows: {rows}, data: [{joined(pose.matrix[:rows], ", ")}]}}'


def write_euroc(folder: Path) -> None:
    """Write the poses of the body, 5 ms before and after each image."""
    base = folder / 'mav0'
    stamps = [START_NS + i * 50_000_000 for i in range(COUNT)]
    for stamp in stamps:
        picture(base / f'cam0/data/{stamp}.png')
    (base / 'cam0/data.csv').write_text('#timestamp [ns],filename\r\n' + ''.join(
        f'{stamp},{stamp}.png\r\n' for stamp in stamps))
    (base / 'cam0/sensor.yaml').write_text(lines(
        '#Default', 'sensor_type: camera', f'T_BS: {yaml_matrix(BODY_FROM_CAMERA)}',
        'resolution: [64, 48]', 'camera_model: pinhole', 'intrinsics: [50.0, 51.0, 31.0, 23.0]',
        'distortion_model: radial-tangential', 'distortion_coefficients: [-0.2, 0.05, 0.001, 0]'))
    truth = base / 'state_groundtruth_estimate0'
    truth.mkdir()
    names = '#timestamp, p_RS_R_x [m], p_RS_R_y [m], p_RS_R_z [m], q_RS_w [], q_RS_x [], q_RS_y []'
    rows = []
    for stamp, pose in zip(stamps, POSES, strict=True):
        body = pose @ BODY_FROM_CAMERA.inverse()
        numbers = joined([*body.translation_m, *wxyz_from_xyzw(body.quat_xyzw)], ',')
        rows += [f'{stamp + offset},{numbers}{",0" * 9}' for offset in (-5_000_000, 5_000_000)]
    (truth / 'data.csv').write_text(lines(f'{names}, q_RS_z []', *rows))


def write_kitti(folder: Path, camera: int = 2) -> None:
    """Write poses of camera 0; the images are those of a camera half a metre to the right."""
    right = Pose(np.array([-0.5, 0, 0]))  # camera_from_first
    k = np.array([[50.0, 0, 31], [0, 50, 23], [0, 0, 1]])
    sequence = folder / 'sequences/00'
    for i in range(COUNT):
        picture(sequence / f'image_{camera}/{i:06}.png')
    first = k @ np.eye(3, 4)
    (sequence / 'calib.txt').write_text(lines(
        f'P0: {joined(first)}', f'P{camera}: {joined(k @ right.matrix[:3])}'))
    (sequence / 'times.txt').write_text(lines(*(i / 10 for i in range(COUNT))))
    (folder / 'poses').mkdir()
    (folder / 'poses/00.txt').write_text(lines(
        *(joined((pose @ right).matrix[:3]) for pose in POSES)))


def write_twelve_scenes(folder: Path) -> None:
    for i, pose in enumerate([*POSES, *POSES]):
        picture(folder / f'data/frame-{i:06}.color.jpg')
        np.savetxt(folder / f'data/frame-{i:06}.pose.txt', pose.matrix)
    (folder / 'split.txt').write_text(lines(
        f'sequence0 [frames={COUNT}]  [start=0 ; end={COUNT - 1}]',
        f'sequence1 [frames={COUNT}]  [start={COUNT} ; end={2 * COUNT - 1}]'))
    (folder / 'info.txt').write_text(lines(
        'm_colorWidth = 128', 'm_colorHeight = 96',
        'm_calibrationColorIntrinsic = 100 0 63 0 0 102 47 0 0 0 1 0 0 0 0 1'))


def write_ace(folder: Path) -> None:
    for split in ('train', 'test'):
        for inner in ('rgb', 'poses', 'calibration'):
            (folder / split / inner).mkdir(parents=True)
        for i, pose in enumerate(POSES):
            name = f'seq-01-frame-{i:06}'
            picture(folder / split / f'rgb/{name}.color.png')
            np.savetxt(folder / split / f'poses/{name}.pose.txt', pose.matrix)
            np.savetxt(folder / split / f'calibration/{name}.calibration.txt',
                       [[50.0, 0, 31], [0, 51, 23], [0, 0, 1]])


def write_rtabmap(folder: Path, of_camera: bool = True) -> None:
    for i in range(COUNT):
        picture(folder / f'rtabmap_rgb/{1700000000 + i}.500000.jpg')
    name = 'rtabmap_camera_poses.txt' if of_camera else 'rtabmap_poses.txt'
    given = [pose if of_camera else pose @ BODY_FROM_CAMERA.inverse() for pose in POSES]
    (folder / name).write_text('#timestamp x y z qx qy qz qw id\n' + ''.join(
        f'{1700000000 + i}.500000 {joined(pose.translation_m)} {joined(pose.quat_xyzw)} {i + 1}\n'
        for i, pose in enumerate(given)))
    (folder / 'rtabmap_calib').mkdir()
    (folder / 'rtabmap_calib/1700000000.500000.yaml').write_text(YAML_DIRECTIVE + lines(
        'camera_name: x', 'image_width: 64', 'image_height: 48',
        'camera_matrix: {rows: 3, cols: 3, data: [50., 0, 31., 0, 51., 23., 0, 0, 1.]}',
        'distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}',
        f'local_transform: {yaml_matrix(BODY_FROM_CAMERA, 3)}'))


LAYOUTS: dict[str, tuple[Callable[[Path], None], Camera]] = {
    'EuRoC': (write_euroc, Camera(*SIZE, 50.0, 51.0, 31.0, 23.0, (-0.2, 0.05, 0.001, 0.0))),
    'KITTI odometry': (write_kitti, Camera(*SIZE, 50.0, 50.0, 31.0, 23.0)),
    '12-Scenes': (write_twelve_scenes, Camera(128, 96, 100.0, 102.0, 63.0, 47.0).scaled(*SIZE)),
    'ACE': (write_ace, Camera(*SIZE, 50.0, 51.0, 31.0, 23.0)),
    'RTAB-Map': (write_rtabmap, Camera(*SIZE, 50.0, 51.0, 31.0, 23.0))}


@pytest.mark.parametrize('name', LAYOUTS)
def test_a_layout_gives_the_poses_of_the_camera(tmp_path: Path, name: str) -> None:
    write, camera = LAYOUTS[name]
    write(tmp_path)
    assert layout_name(tmp_path) == name
    dataset = read_dataset(tmp_path, 'train')
    assert dataset.camera == camera
    assert dataset.rejected == ()
    for sample, pose in zip(dataset.samples, POSES, strict=True):
        np.testing.assert_allclose(sample.map_from_camera.matrix, pose.matrix, atol=1e-5)
    with_test = name in ('ACE', '12-Scenes')
    assert available_splits(tmp_path) == (['train', 'test'] if with_test else ['train'])
    if with_test:
        assert len(read_dataset(tmp_path, 'test').samples) == COUNT


def test_poses_of_the_base_are_brought_to_the_camera(tmp_path: Path) -> None:
    write_rtabmap(tmp_path, of_camera=False)
    for row, pose in zip(read_dataset_rows(tmp_path, 'train'), POSES, strict=True):
        np.testing.assert_allclose(row.pose.matrix, pose.matrix, atol=1e-9)
    (tmp_path / 'rtabmap_calib/1700000000.500000.yaml').write_text('image_width: 64\n')
    with pytest.raises(InputError, match='--poses_camera'):
        read_dataset_rows(tmp_path, 'train')


def test_an_export_without_poses_says_how_to_export_them(tmp_path: Path) -> None:
    write_rtabmap(tmp_path)
    (tmp_path / 'rtabmap_camera_poses.txt').unlink()
    with pytest.raises(InputError, match='4 images, no poses; export both'):
        read_dataset_rows(tmp_path, 'train')


def test_a_sequence_of_kitti_is_a_dataset_by_itself(tmp_path: Path) -> None:
    write_kitti(tmp_path, camera=0)
    rows = read_dataset_rows(tmp_path / 'sequences/00', 'train')
    assert [row.name for row in rows] == [f'image_0/{i:06}.png' for i in range(COUNT)]
    (tmp_path / 'sequences/01/image_0').mkdir(parents=True)
    with pytest.raises(InputError, match='frames of their own'):
        read_dataset_rows(tmp_path, 'train')
    (tmp_path / 'poses/00.txt').unlink()
    with pytest.raises(InputError, match='posenet map --images'):
        read_dataset_rows(tmp_path / 'sequences/00', 'train')


@pytest.mark.parametrize(('old', 'new', 'why'), [
    ('pinhole', 'omni', 'a pinhole'), ('radial-tangential', 'ds', 'a pinhole'),
    ('intrinsics:', 'focal:', 'has to hold intrinsics'), ('T_BS: {', 'T_BS: [', 'is damaged'),
    ('data: [', 'data: [9, 9, 9, 9, ', 'T_BS has to be a rigid transform')])
def test_a_damaged_calibration_names_file_and_key(
        tmp_path: Path, old: str, new: str, why: str) -> None:
    write_euroc(tmp_path)
    file = tmp_path / 'mav0/cam0/sensor.yaml'
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(InputError, match=why) as caught:
        read_dataset(tmp_path, 'train')
    assert 'sensor.yaml' in str(caught.value)
    assert '\n' not in str(caught.value)


def test_images_without_a_pose_at_their_time_are_no_error(tmp_path: Path) -> None:
    write_euroc(tmp_path)
    file = tmp_path / 'mav0/state_groundtruth_estimate0/data.csv'
    file.write_text(''.join(file.read_text().splitlines(keepends=True)[:-1]))
    assert [row.unmatched for row in read_dataset_rows(tmp_path, 'train')] == [False] * 3 + [True]


def test_cameras_that_differ_are_refused(tmp_path: Path) -> None:
    write_ace(tmp_path)
    file = tmp_path / 'train/calibration/seq-01-frame-000001.calibration.txt'
    file.write_text('60.0\n')
    with pytest.raises(InputError, match='all images have to have one camera'):
        read_dataset(tmp_path, 'train')
    (tmp_path / 'train/poses/seq-01-frame-000001.pose.txt').unlink()
    with pytest.raises(InputError, match='expected a file in poses'):
        read_dataset(tmp_path, 'train')


def test_a_folder_of_images_is_sent_to_the_mapper(tmp_path: Path) -> None:
    picture(tmp_path / 'walk/a.jpg')
    with pytest.raises(InputError, match='posenet map --images'):
        read_dataset_rows(tmp_path, 'train')
