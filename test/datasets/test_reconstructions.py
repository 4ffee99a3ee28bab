"""Reconstructions of COLMAP and nerfstudio are datasets, and ours are read by their programs."""

from __future__ import annotations

from collections.abc import Callable
import json
from pathlib import Path
import struct

import cv2
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from posenet_ros.datasets.cameras import known_camera
from posenet_ros.datasets.colmap_export import PosedImage, SparsePoints, write_colmap
from posenet_ros.datasets.layouts import read_dataset_rows
from posenet_ros.datasets.nerfstudio import write_transforms
from posenet_ros.datasets.point_cloud import write_ply
from posenet_ros.datasets.pose_files import read_poses
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import EQUIDISTANT
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.data.datasets import read_dataset
import pytest

SIZE = (64, 48)
PINHOLE = Camera(*SIZE, 50.0, 51.0, 31.25, 23.75)
CAMERAS = {
    'PINHOLE': PINHOLE,
    'OPENCV': Camera(*SIZE, 50.0, 51.0, 31.25, 23.75, (-0.2, 0.05, 0.001, -0.002)),
    'OPENCV_FISHEYE': Camera(*SIZE, 30.0, 30.5, 31.0, 23.0, (0.1, -0.02, 0.01, 0.002),
                             EQUIDISTANT),
    'FULL_OPENCV': Camera(*SIZE, 50.0, 51.0, 31.25, 23.75,
                          (-0.2, 0.05, 0.001, -0.002, 0.01, 0.02, 0.03, 0.04))}
POINTS_M = np.array([[0.1, 0.2, 4.0], [-0.5, 0.3, 5.0], [0.4, -0.3, 6.0]])


def posed_images(count: int = 4) -> list[PosedImage]:
    """Return images that look along z, turned a little, in two walks."""
    rng = np.random.default_rng(3)
    images = []
    for index in range(count):
        turn, _ = cv2.Rodrigues(rng.uniform(-0.3, 0.3, 3))
        name = f'seq{1 + index // 2}/frame{index}.png'
        images.append(PosedImage(name, Pose.from_rotation(turn, rng.uniform(-1, 1, 3))))
    return images


def sparse_points(camera: Camera, images: list[PosedImage]) -> SparsePoints:
    """Return points that each image but the last sees all of."""
    pixels = [camera.project(image.map_from_camera.inverse().apply(POINTS_M))
              for image in images[:-1]]
    starts = np.array([0, *np.cumsum([len(POINTS_M)] * len(pixels)), 3 * len(pixels)])
    return SparsePoints(POINTS_M, np.array([[255, 0, 1], [2, 3, 4], [9, 8, 7]], np.uint8), starts,
                        np.tile(np.arange(3), len(pixels)), np.concatenate(pixels))


def write_images(folder: Path, images: list[PosedImage]) -> None:
    for image in images:
        (folder / image.name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / image.name), np.full((SIZE[1], SIZE[0], 3), 90, np.uint8))


def check_poses(folder: Path, images: list[PosedImage]) -> None:
    dataset = read_dataset(folder, 'train')
    assert [s.name.removeprefix('images/') for s in dataset.samples] == [i.name for i in images]
    assert [s.sequence for s in dataset.samples] == ['seq1', 'seq1', 'seq2', 'seq2']
    for sample, image in zip(dataset.samples, images, strict=True):
        np.testing.assert_allclose(
            sample.map_from_camera.matrix, image.map_from_camera.matrix, atol=1e-9)


@pytest.mark.parametrize('text', [False, True])
@pytest.mark.parametrize('model', CAMERAS)
@pytest.mark.parametrize('place', ['sparse/0', 'sparse', ''])
def test_a_colmap_model_that_is_written_is_read(
        tmp_path: Path, text: bool, model: str, place: str) -> None:
    images = posed_images()
    write_images(tmp_path / 'images', images)
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    write_colmap(tmp_path / place, CAMERAS[model], images,
                 sparse_points(CAMERAS[model], images), text=text)
    check_poses(tmp_path, images)
    found = known_camera(tmp_path, SIZE)
    assert found is not None
    assert found.distortion_model == CAMERAS[model].distortion_model
    np.testing.assert_allclose(
        [found.fx, found.fy, found.cx, found.cy, *found.distortion],
        [CAMERAS[model].fx, CAMERAS[model].fy, CAMERAS[model].cx, CAMERAS[model].cy,
         *CAMERAS[model].distortion])


@pytest.mark.parametrize('text', [False, True])
@pytest.mark.parametrize('model', CAMERAS)
def test_pycolmap_reads_what_is_written(tmp_path: Path, text: bool, model: str) -> None:
    """Points project to where they were seen: camera, poses, half pixels and tracks are right."""
    pycolmap = pytest.importorskip('pycolmap')
    images = posed_images()
    points = sparse_points(CAMERAS[model], images)
    write_colmap(tmp_path, CAMERAS[model], images, points, text=text)
    read = pycolmap.Reconstruction(str(tmp_path))
    assert read.num_reg_images() == len(images)
    assert [read.points3D[i + 1].track.length() for i in range(3)] == [3, 3, 3]
    np.testing.assert_array_equal(read.points3D[1].color, [255, 0, 1])
    for number, image in enumerate(images[:-1]):
        found = read.images[number + 1]
        assert found.name == image.name
        for k, seen in enumerate(found.points2D):
            assert seen.point3D_id == k + 1
            projected = found.project_point(read.points3D[k + 1].xyz)
            np.testing.assert_allclose(projected, seen.xy, atol=1e-6)
            np.testing.assert_allclose(projected - 0.5, points.pixels[3 * number + k], atol=1e-6)


@pytest.mark.parametrize('text', [False, True])
@pytest.mark.parametrize(('model', 'parameters', 'expected'), [
    ('SIMPLE_PINHOLE', [50, 32, 24], (50, 50, 31.5, 23.5)),
    ('SIMPLE_RADIAL', [50, 32, 24, 0.1], (50, 50, 31.5, 23.5, 0.1, 0, 0, 0)),
    ('RADIAL', [50, 32, 24, 0.1, 0.2], (50, 50, 31.5, 23.5, 0.1, 0.2, 0, 0)),
    ('FULL_OPENCV', [50, 51, 32, 24, 1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3, 7e-3, 8e-3],
     (50, 51, 31.5, 23.5, 1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3, 7e-3, 8e-3))])
def test_what_pycolmap_writes_is_read(tmp_path: Path, text: bool, model: str,
                                      parameters: list[float],
                                      expected: tuple[float, ...]) -> None:
    pycolmap = pytest.importorskip('pycolmap')
    whole = pycolmap.Reconstruction()
    camera = pycolmap.Camera(camera_id=7, model=model, width=64, height=48, params=parameters)
    whole.add_camera_with_trivial_rig(camera)
    image = posed_images()[1]
    pose = image.map_from_camera.inverse()
    rigid = pycolmap.Rigid3d(pycolmap.Rotation3d(pose.quat_xyzw), pose.translation_m)
    whole.add_image_with_trivial_frame(
        pycolmap.Image(name=image.name, camera_id=7, image_id=3), rigid)
    (tmp_path / 'sparse' / '0').mkdir(parents=True)
    (whole.write_text if text else whole.write_binary)(str(tmp_path / 'sparse' / '0'))
    row, = read_dataset_rows(tmp_path, 'train')
    assert row.pose is not None
    np.testing.assert_allclose(row.pose.matrix, image.map_from_camera.matrix, atol=1e-9)
    found = known_camera(tmp_path, SIZE)
    assert found is not None
    np.testing.assert_allclose(
        (found.fx, found.fy, found.cx, found.cy, *found.distortion), expected)


def write_two_cameras(folder: Path, second: str) -> None:
    (folder / 'cameras.txt').write_text(f'# a comment\n1 PINHOLE 64 48 50 50 32 24\n{second}\n')
    (folder / 'images.txt').write_text(
        '# a comment\n1 1 0 0 0 0 0 0 1 a.png\n\n2 1 0 0 0 1 0 0 2 b.png\n1 2 -1\n')


def test_several_cameras_are_named(tmp_path: Path) -> None:
    write_two_cameras(tmp_path, '2 OPENCV 64 48 60 60 32 24 0 0 0 0')
    with pytest.raises(InputError, match=r'2 cameras, camera 1 \(PINHOLE, 64x48, fx 50.0, 1 images'
                       r'\), camera 2 \(OPENCV, 64x48, fx 60.0, 1 images\); reconstruct'):
        known_camera(tmp_path, SIZE)


def test_cameras_that_do_not_differ_are_one(tmp_path: Path) -> None:
    write_two_cameras(tmp_path, '2 PINHOLE 64 48 50 50 32 24')
    assert known_camera(tmp_path, SIZE) == Camera(*SIZE, 50.0, 50.0, 31.5, 23.5)
    assert [row.name for row in read_dataset_rows(tmp_path, 'train')] == ['a.png', 'b.png']


@pytest.mark.parametrize('layout', ['colmap', 'nerfstudio'])
def test_there_is_no_test_split(tmp_path: Path, layout: str) -> None:
    if layout == 'colmap':
        write_two_cameras(tmp_path, '')
    else:
        write_transforms(tmp_path / 'transforms.json', PINHOLE, posed_images())
    with pytest.raises(InputError, match=r'has no test split: all of its images are for training'):
        read_dataset_rows(tmp_path, 'test')


@pytest.mark.parametrize(('line', 'message'), [
    ('2 FOV 64 48 60 60 32 24 0', 'the camera model has to be one of .*FOV; "colmap image_und'),
    ('2 PINHOLE 64 48 60 60 32', 'a camera PINHOLE has to have 4 parameters. Received: 3'),
    ('2 PINHOLE 64', r'cameras.txt:3: expected CAMERA_ID'), ('', 'Received: camera 2')])
def test_a_bad_camera_is_named(tmp_path: Path, line: str, message: str) -> None:
    write_two_cameras(tmp_path, line)
    with pytest.raises(InputError, match=message):
        known_camera(tmp_path, SIZE)


@given(cut=st.integers(0, 499))
def test_a_binary_file_that_is_cut_off_is_one_error(
        tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp('model')
    images = posed_images()
    write_colmap(folder, PINHOLE, images, sparse_points(PINHOLE, images))
    for name in ('images.bin', 'cameras.bin'):
        file = folder / name
        data = file.read_bytes()
        file.write_bytes(data[:cut * len(data) // 500])
        with pytest.raises(InputError, match=f'{name} is damaged'):
            known_camera(folder, SIZE)
        file.write_bytes(data)


def test_a_model_of_another_number_is_refused(tmp_path: Path) -> None:
    images = posed_images()
    write_colmap(tmp_path, PINHOLE, images, sparse_points(PINHOLE, images))
    file = tmp_path / 'cameras.bin'
    data = bytearray(file.read_bytes())
    data[12:16] = struct.pack('<i', 10)
    file.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r'cameras\.bin: the camera model has to be .*number 10'):
        known_camera(tmp_path, SIZE)


@pytest.mark.parametrize('model', ['PINHOLE', 'OPENCV', 'OPENCV_FISHEYE'])
def test_transforms_that_are_written_are_read(tmp_path: Path, model: str) -> None:
    images = posed_images()
    write_images(tmp_path, images)
    write_transforms(tmp_path / 'transforms.json', CAMERAS[model], images)
    check_poses(tmp_path, images)
    assert known_camera(tmp_path, SIZE) == CAMERAS[model]


def test_the_axes_of_transforms_are_those_of_opengl(tmp_path: Path) -> None:
    """A camera at the origin without rotation looks along -z in OpenGL, +y up."""
    write_frames(tmp_path, {}, np.eye(4))
    pose = read_dataset_rows(tmp_path, 'train')[0].pose
    assert pose is not None
    np.testing.assert_allclose(pose.apply([[0, 0, 1], [0, 1, 0], [1, 0, 0]]),
                               [[0, 0, -1], [0, -1, 0], [1, 0, 0]], atol=1e-12)


def write_frames(folder: Path, more: dict[str, object], *matrices: np.ndarray) -> None:
    frames = [{'file_path': f'./images/{i}.png', 'transform_matrix': matrix.tolist()}
              for i, matrix in enumerate(matrices)]
    (folder / 'transforms.json').write_text(json.dumps({'frames': frames, **more}))


def test_what_nerfstudio_applied_is_undone(tmp_path: Path) -> None:
    applied = np.array([[0.0, 1, 0, 1], [1, 0, 0, 2], [0, 0, -1, 3]])
    true = posed_images()[0].map_from_camera
    opengl = true.matrix @ np.diag([1, -1, -1, 1])
    moved = np.vstack([applied, [0, 0, 0, 1]]) @ opengl
    moved[:3, 3] *= 2
    write_frames(tmp_path, {'applied_transform': applied.tolist(), 'applied_scale': 2}, moved)
    row, = read_dataset_rows(tmp_path, 'train')
    assert row.name == 'images/0.png'
    assert row.pose is not None
    np.testing.assert_allclose(row.pose.matrix, true.matrix, atol=1e-9)


def test_a_bad_frame_is_a_bad_row(tmp_path: Path) -> None:
    write_frames(tmp_path, {}, np.eye(4), np.eye(2), 3 * np.eye(4))
    assert [bool(row.error) for row in read_dataset_rows(tmp_path, 'train')] == [
        False, True, True]


@pytest.mark.parametrize(('more', 'message'), [
    ({'camera_model': 'EQUIRECTANGULAR', 'fl_x': 5}, 'camera_model has to be one of'),
    ({'fl_x': 'wide'}, 'the camera has to be numbers'), ({'fl_x': 5, 'k4': 0.1}, 'Received: k4'),
    ({'fl_x': -5}, 'transforms.json: fx and fy have to be positive')])
def test_a_bad_camera_of_transforms_is_named(
        tmp_path: Path, more: dict[str, object], message: str) -> None:
    write_frames(tmp_path, more, np.eye(4))
    with pytest.raises(InputError, match=message):
        known_camera(tmp_path, SIZE)


def test_several_cameras_of_transforms_are_named(tmp_path: Path) -> None:
    write_frames(tmp_path, {'fl_x': 50.0}, np.eye(4), np.eye(4))
    file = tmp_path / 'transforms.json'
    content = json.loads(file.read_text())
    content['frames'][1]['fl_x'] = 60.0
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r'Received: 2, of the focal lengths 50.0, 60.0 px'):
        known_camera(tmp_path, SIZE)


def test_the_focal_length_may_be_an_angle(tmp_path: Path) -> None:
    write_frames(tmp_path, {'camera_angle_x': float(np.pi / 2)}, np.eye(4))
    found = known_camera(tmp_path, SIZE)
    assert found is not None
    assert (found.fx, found.fy) == pytest.approx((32, 32))
    assert (found.cx, found.cy) == (31.5, 23.5)
    write_frames(tmp_path, {}, np.eye(4))
    assert known_camera(tmp_path, SIZE) is None


@pytest.mark.parametrize('content', ['{}', '[]', '{"frames": []}', '{"frames": [3]}', '{'])
def test_transforms_without_frames_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / 'transforms.json').write_text(content)
    with pytest.raises(InputError, match=r'transforms\.json'):
        read_dataset_rows(tmp_path, 'train')


@pytest.mark.parametrize('write', [
    lambda folder, camera: write_transforms(folder / 'transforms.json', camera, []),
    lambda folder, camera: write_colmap(
        folder, camera, posed_images(), sparse_points(PINHOLE, posed_images()))])
def test_a_camera_that_they_lack_is_refused(
        tmp_path: Path, write: Callable[[Path, Camera], None]) -> None:
    k = tuple(0.01 * np.arange(1, 13))
    with pytest.raises(InputError, match=r'Received: 12'):
        write(tmp_path, Camera(*SIZE, 50.0, 50.0, 31.5, 23.5, k))


def test_a_point_cloud_is_a_binary_ply(tmp_path: Path) -> None:
    file = tmp_path / 'points.ply'
    write_ply(file, POINTS_M, np.array([[1, 2, 3], [4, 5, 6], [7, 8, 255]], np.uint8))
    head, _, body = file.read_bytes().partition(b'end_header\n')
    assert head.decode().split('\n') == [
        'ply', 'format binary_little_endian 1.0', 'element vertex 3', 'property float x',
        'property float y', 'property float z', 'property uchar red', 'property uchar green',
        'property uchar blue', '']
    rows = [struct.unpack_from('<3f3B', body, 15 * i) for i in range(3)]
    assert len(body) == 45
    np.testing.assert_allclose([row[:3] for row in rows], POINTS_M, rtol=1e-6)
    assert rows[2][3:] == (7, 8, 255)


@pytest.mark.parametrize(('bad', 'reason'), [
    ('5 1 0 0 zero 0 0 0 1 bad.png', 'expected IMAGE_ID QW'), ('5 1 0 0', 'expected IMAGE_ID QW'),
    ('5 0.5 0 0 0 0 0 0 1 bad.png', 'quat_xyzw has to have length 1'),
    ('5 1 0 0 0 nan 0 0 1 bad.png', 'has to be finite'),
    ('5 1 0 0 0 1e300 0 0 1 bad.png', 'a position has to be within')])
def test_a_bad_image_of_a_model_is_left_out_as_of_every_layout(
        tmp_path: Path, bad: str, reason: str) -> None:
    (tmp_path / 'cameras.txt').write_text('1 PINHOLE 64 48 50 50 32 24\n')
    good = [f'{i} 1 0 0 0 {i} 0 0 1 seq/{i:02}.png\n1 2 -1\n' for i in range(11)]
    (tmp_path / 'images.txt').write_text(''.join([*good[:4], f'{bad}\n\n', *good[4:]]))
    rows = read_dataset_rows(tmp_path, 'train')
    wrong, = (row for row in rows if row.error)
    assert reason in wrong.error
    assert wrong.error.count('images.txt') == 0
    assert wrong.where == f'{tmp_path / "images.txt"}:9'
    assert [row.name for row in rows if not row.error] == [f'seq/{i:02}.png' for i in range(11)]
    assert known_camera(tmp_path, SIZE) is not None
    rejected: list[str] = []
    assert len(read_poses(tmp_path / 'images.txt', rejected=rejected)) == 11
    assert len(rejected) == 1
    assert rejected[0].startswith(f'{wrong.where}: ')
