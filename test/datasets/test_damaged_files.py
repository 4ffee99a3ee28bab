"""Files with values of every wrong kind, and paths that fail: one line each, no traceback."""

from __future__ import annotations

from collections.abc import Callable
import json
import os
from pathlib import Path
import struct
from typing import Any

import cv2
from helpers import CAMERA
import numpy as np
from posenet_ros.datasets import colmap_files, nerfstudio
from posenet_ros.datasets.benchmarks import euroc, kitti, matrix_scenes, rtabmap
from posenet_ros.datasets.benchmarks.stamped import read_image_list
from posenet_ros.datasets.dataset_rows import image_file, image_path, make_row
from posenet_ros.datasets.layout_writers import link_image, SourceImage, write_layout
from posenet_ros.datasets.layouts import read_dataset_rows
from posenet_ros.datasets.pose_files import detect_format, read_poses
from posenet_ros.datasets.poses.columns import numbers
from posenet_ros.datasets.poses.forms import Format
from posenet_ros.datasets.poses.stamps import parse_stamp, StampReader, Unit
from posenet_ros.datasets.poses.writers import NamedPose
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
import pytest
import yaml

SIZE = (64, 48)
HUGE = 10 ** 400  # no float
EYE = np.eye(4).tolist()
LONG = 'ž' * 300


def written(file: Path, text: str) -> Path:
    """Write a file, and return it."""
    file.write_text(f'{text}\n', encoding='utf-8')
    return file


def refuse_links(*paths: object) -> None:
    raise OSError(18, 'another file system')


def refuse_access(*arguments: object, **options: object) -> None:
    raise PermissionError(13, 'not yours')


@pytest.mark.parametrize('values', [
    None, 'x', [{}], [1, 2, 3, 4], [], 5, [[1, 2], [3]], [HUGE] * 12, [float('inf')] * 16])
def test_what_is_no_transform_of_a_calibration_is_named(tmp_path: Path, values: object) -> None:
    for given in (values, {'data': values}):
        with pytest.raises(InputError, match=r'a\.yaml: T_BS has to be a rigid transform'):
            euroc.matrix_of(given, tmp_path / 'a.yaml', 'T_BS')


@pytest.mark.parametrize('text', [
    'a: b: c', '[' * 500, 'a: 2020-99-99', 'a: !!int x', 'a: !!python/object:os.system x'])
def test_a_calibration_that_is_no_yaml_is_damaged(tmp_path: Path, text: str) -> None:
    file = tmp_path / 'a.yaml'
    file.write_text(text)
    with pytest.raises(InputError, match=r'a\.yaml is damaged: '):
        euroc.read_yaml(file)


@pytest.mark.parametrize('change', [
    {'intrinsics': 5}, {'intrinsics': [1, 2]}, {'intrinsics': None}, {'intrinsics': [HUGE] * 4},
    {'resolution': [float('inf'), 4]}, {'resolution': [1]}, {'distortion_coefficients': [[1]]}])
def test_a_camera_of_euroc_of_other_values_is_named(
        tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / 'cam0').mkdir()
    content = {'distortion_model': 'none', 'intrinsics': [50, 51, 31, 23], 'resolution': [64, 48]}
    file = tmp_path / 'cam0/sensor.yaml'
    file.write_text(yaml.safe_dump(content))
    camera = euroc.euroc_camera(tmp_path, SIZE)
    assert camera is not None
    assert camera.size == SIZE
    file.write_text(yaml.safe_dump({**content, **change}))
    with pytest.raises(InputError, match=r'sensor\.yaml has to hold intrinsics'):
        euroc.euroc_camera(tmp_path, SIZE)
    file.write_text(yaml.safe_dump({key: content[key] for key in content.keys() - change.keys()}))
    if 'intrinsics' in change:
        with pytest.raises(InputError, match=r'sensor\.yaml has to hold intrinsics'):
            euroc.euroc_camera(tmp_path, SIZE)


@pytest.mark.parametrize('change', [
    {'camera_matrix': 5}, {'camera_matrix': {}}, {'camera_matrix': {'data': [1]}},
    {'camera_matrix': {'data': [HUGE] * 9}}, {'distortion_coefficients': 5},
    {'image_width': 'x'}, {'image_height': float('inf')}, {'image_width': []}])
def test_a_calibration_of_rtabmap_of_other_values_is_named(
        tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / 'a_calib').mkdir()
    content = {'camera_matrix': {'data': [50, 0, 31, 0, 50, 23, 0, 0, 1]}, 'image_width': 64,
               'image_height': 48}
    file = tmp_path / 'a_calib/1.yaml'
    file.write_text(yaml.safe_dump(content))
    assert rtabmap.rtabmap_camera(tmp_path, SIZE) is not None
    file.write_text(yaml.safe_dump({**content, **change}))
    with pytest.raises(InputError, match=r'1\.yaml has to hold image_width, image_height and cam'):
        rtabmap.rtabmap_camera(tmp_path, SIZE)


def transforms(folder: Path, matrix: object = EYE, **more: object) -> Path:
    file = folder / 'transforms.json'
    file.write_text(json.dumps({'frames': [{'transform_matrix': matrix}], **more}))
    return file


@pytest.mark.parametrize('more', [
    {'fl_x': [1]}, {'fl_x': 50, 'w': float('inf')}, {'fl_x': 50, 'cx': HUGE},
    {'fl_x': 50, 'w': 'x'}, {'camera_angle_x': 'x'}, {'camera_angle_x': HUGE}])
def test_a_camera_of_nerfstudio_of_other_values_is_named(
        tmp_path: Path, more: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r'transforms\.json: the camera has to be numbers fl_x'):
        nerfstudio.transforms_camera(transforms(tmp_path, **more), SIZE)


@pytest.mark.parametrize('matrix', [
    {}, 'x', None, [], [[1, 0], [2]], [[HUGE]], [*EYE[:2], [0, 0, 1, float('inf')], EYE[3]]])
def test_a_frame_of_nerfstudio_of_other_values_is_a_bad_row(
        tmp_path: Path, matrix: object) -> None:
    (_, found), = nerfstudio.frame_poses(nerfstudio.read_transforms(transforms(tmp_path, matrix)))
    assert 'the frame has to have a transform_matrix of a rigid transform' in str(found)
    (_, found), = nerfstudio.frame_poses({'frames': [{}]})
    assert isinstance(found, InputError)


@pytest.mark.parametrize('applied', [{}, [1, 2, 3], 'x', [[HUGE]], [[1, 0, 0, 0]], 5])
def test_what_nerfstudio_applied_has_to_be_a_transform(tmp_path: Path, applied: object) -> None:
    content = nerfstudio.read_transforms(transforms(tmp_path, applied_transform=applied))
    with pytest.raises(InputError, match=r'applied_transform has to be a 3x4 rotation and tra'):
        next(nerfstudio.frame_poses(content))


@pytest.mark.parametrize('scale', [
    0, -1, '2', None, [1], HUGE, float('inf'), float('nan'), 1.0000001e9])
def test_the_scale_that_nerfstudio_applied_is_above_nought(tmp_path: Path, scale: object) -> None:
    content = nerfstudio.read_transforms(transforms(tmp_path, applied_scale=scale))
    with pytest.raises(InputError, match=r'applied_scale has to be a number above 0, up to 1e\+0'):
        next(nerfstudio.frame_poses(content))
    for taken in (1e-3, 2, 1e9):
        next(nerfstudio.frame_poses({**content, 'applied_scale': taken}))


@pytest.mark.parametrize('row', ['1 0 0 0 0 1 0 0 0 0 1', 'a ' * 12, '0 ' * 12])
def test_a_projection_of_kitti_has_to_have_an_inverse(tmp_path: Path, row: str) -> None:
    (tmp_path / 'image_0').mkdir()
    (tmp_path / 'calib.txt').write_text(f'P0: {row}\n')
    with pytest.raises(InputError, match=r'calib\.txt:1: '):
        kitti.kitti_camera(tmp_path, SIZE)
    (tmp_path / 'calib.txt').write_text('P1: 1\n')
    with pytest.raises(InputError, match=r'calib\.txt: expected a row P0\. Received: none'):
        kitti.kitti_camera(tmp_path, SIZE)


@pytest.mark.parametrize('row', [
    '1 a 0 0 0 0 0 0 1 a.png', '1 1 0 0 0 0 0 0 x a.png', '1 1 0 0 0 0 0 0 1'])
def test_a_row_of_images_txt_of_other_words_is_named(tmp_path: Path, row: str) -> None:
    file = tmp_path / 'images.txt'
    file.write_text(f'# a comment\n{row}\n\n')
    (where, found), = colmap_files.read_image_rows(file)
    assert where == f'{file}:2'
    assert str(found).startswith('expected IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME. Received')
    assert colmap_files.read_images(file) == []
    cameras = tmp_path / 'cameras.txt'
    cameras.write_text('1 PINHOLE wide 48 1 1 1 1\n')
    with pytest.raises(InputError, match=r'cameras\.txt:1: expected CAMERA_ID MODEL WIDTH'):
        colmap_files.read_cameras(cameras)


@pytest.mark.parametrize('tail', [
    b'a.png', b'\xff\0' + bytes(8), b'a.png\0' + struct.pack('<Q', 2 ** 63), b'a.png\0'])
def test_a_binary_file_of_other_bytes_is_damaged(tmp_path: Path, tail: bytes) -> None:
    file = tmp_path / 'images.bin'
    file.write_bytes(struct.pack('<QI7dI', 2, 1, 1, 0, 0, 0, 0, 0, 0, 1) + tail)
    with pytest.raises(InputError, match=r'images\.bin is damaged: '):
        colmap_files.read_images(file)


def test_a_path_that_is_no_file_is_for_who_opens_it_to_say(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'a.png').write_bytes(b'')
    for name in ('missing.png', 'a.png/b.png'):
        assert image_path(tmp_path, name) == tmp_path / name
        assert image_file(tmp_path, name) is None
    assert image_file(tmp_path, 'a.png') == tmp_path / 'a.png'
    for name in ('x' * 300, 'a\0b'):
        with pytest.raises(InputError, match='the name of an image has to be a path'):
            image_path(tmp_path, name)
        assert image_file(tmp_path, name) is None
        row = make_row(tmp_path, 'f:1', name, 'walk', Pose())
        assert row.error.startswith('the name of an image has to be a path')
        assert row.pose is None
    with monkeypatch.context() as patch:
        patch.setattr(Path, 'is_file', refuse_access)
        assert image_file(tmp_path, 'a.png') is None
    with monkeypatch.context() as patch:
        patch.setattr(os, 'lstat', refuse_access)
        patch.setattr(os.path, 'realpath', str)
        assert image_path(tmp_path, 'a.png') == tmp_path / 'a.png'


def test_an_image_that_cannot_be_linked_is_copied(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'a.png').write_bytes(b'a picture')
    monkeypatch.setattr(os, 'link', refuse_links)
    link_image(tmp_path / 'a.png', tmp_path / 'inner/b.png')
    assert (tmp_path / 'inner/b.png').read_bytes() == b'a picture'


def images(folder: Path, *stamps_ns: int | None) -> list[SourceImage]:
    found = []
    for index, stamp_ns in enumerate(stamps_ns):
        (folder / f'{index}.png').write_bytes(b'a picture')
        found.append(SourceImage(
            folder / f'{index}.png', 'walk', NamedPose(Pose(), f'{index}.png', stamp_ns)))
    return found


@pytest.mark.parametrize('form', [Format.TUM, Format.EUROC])
def test_a_form_of_stamps_needs_them_before_it_links_an_image(
        tmp_path: Path, form: Format) -> None:
    (tmp_path / 'new').mkdir()
    with pytest.raises(InputError, match=r"Received: one without, of the name '0\.png'"):
        write_layout(tmp_path / 'new', form, {'train': images(tmp_path, None)}, CAMERA)
    assert not any(file.is_file() for file in (tmp_path / 'new').rglob('*'))


def test_images_without_stamps_have_the_time_nought_in_kitti(tmp_path: Path) -> None:
    (tmp_path / 'new').mkdir()
    three = images(tmp_path, None, 0, None)
    write_layout(tmp_path / 'new', Format.KITTI, {'train': three}, CAMERA)
    assert (tmp_path / 'new/sequences/00/times.txt').read_text() == '0.000000e+00\n' * 3


def test_a_bad_pose_beside_an_image_is_the_error_of_its_row(tmp_path: Path) -> None:
    for split in ('rgb', 'poses'):
        (tmp_path / 'train' / split).mkdir(parents=True)
    for index, text in enumerate(('1 0', 'nan ' * 4, '1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n')):
        (tmp_path / f'train/rgb/frame-{index}.png').write_bytes(b'')
        (tmp_path / f'train/poses/frame-{index}.txt').write_text(text)
    rows = matrix_scenes.read_ace(tmp_path, 'train')
    assert [row.pose is None for row in rows] == [True, True, False]
    assert [bool(row.error) for row in rows] == [True, True, False]
    assert rows[0].where == f'{tmp_path}/train/poses/frame-0.txt:1'
    assert {row.sequence for row in rows} == {'train'}


def test_a_bad_line_of_a_list_of_images_is_the_error_of_its_row(tmp_path: Path) -> None:
    file = tmp_path / 'rgb.txt'
    file.write_text('1.5 a.png\n2.5\n3x5 c.png\n4.5, "d.png"\n')
    found = read_image_list(file)
    assert [image.stamp_ns for image in found] == [1_500_000_000, None, None, 4_500_000_000]
    assert [image.name for image in found] == ['a.png', '', 'c.png', 'd.png']
    assert found[1].error == "the line has to have 2 columns, stamp and file. Received: '2.5'"
    assert found[2].where == f'{file}:3'
    file.write_text('stamp file\n')
    assert read_image_list(file) == []
    file.write_text('')
    assert read_image_list(file) == []


@pytest.mark.parametrize(('most', 'read'), [
    (80, lambda folder: detect_format(written(folder / 'poses.txt', f'{LONG} 1 2 3'))),
    (80, lambda _: numbers([LONG], 1, 'one')), (80, lambda _: numbers([LONG, '1,5'], 2, 'two')),
    (40, lambda _: parse_stamp(LONG)),
    (80, lambda folder: nerfstudio.read_transforms(written(
        folder / 'transforms.json', json.dumps({'frames': LONG})))),
    (78, lambda folder: euroc.read_yaml(written(folder / 'a.yaml', f'- {LONG}'))),  # of a list
    (78, lambda folder: euroc.matrix_of([LONG, []], folder / 'a.yaml', 'T_BS')),
    (80, lambda folder: image_path(folder, LONG))])
def test_a_message_quotes_the_beginning_of_what_it_received(
        tmp_path: Path, most: int, read: Callable[[Path], object]) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path)
    assert str(caught.value).count(LONG[0]) == most


def test_a_message_quotes_forty_digits_and_two_hundred_letters(tmp_path: Path) -> None:
    (_, bad), = colmap_files.read_image_rows(written(tmp_path / 'images.txt', LONG))
    assert str(bad).count(LONG[0]) == 80
    with pytest.raises(InputError, match=r"Received: '1\.0{38}'$"):
        StampReader(Unit.MS).parse('1.' + '0' * 60)
    file = written(tmp_path / 'a.yaml', f'{LONG}: !!int {LONG}')
    with pytest.raises(InputError) as caught:
        euroc.read_yaml(file)
    assert len(str(caught.value)) == len(f'{file} is damaged: ') + 200
    with pytest.raises(InputError, match="Received: ''"):
        read_poses(written(tmp_path / 'empty.txt', '# nothing'))


POSE_ROW = '1 2 3 1 0 0 0'


def cambridge(folder: Path) -> None:
    written(folder / 'dataset_train.txt', 'Title\nheader\n\n' + '\n'.join(
        f'walk/{i}.png {"x" if i == 1 else POSE_ROW}' for i in range(3)))


def seven_scenes(folder: Path) -> None:
    written(folder / 'TrainSplit.txt', 'sequence1\nseqence 5\nsequence2')
    for number in (1, 2):
        (folder / f'seq-0{number}').mkdir()
        (folder / f'seq-0{number}/frame-000000.color.png').write_bytes(b'')
        np.savetxt(folder / f'seq-0{number}/frame-000000.pose.txt', np.eye(4))


def euroc_list(folder: Path) -> None:
    (folder / 'cam0/data').mkdir(parents=True)
    (folder / 'gt0').mkdir()
    start = 10 ** 18
    written(folder / 'cam0/data.csv', f'{start},0.png\n5,1.png\n{start + 10**7},2.png')
    written(folder / 'cam0/sensor.yaml', 'camera_model: pinhole')
    written(folder / 'gt0/data.csv', '\n'.join(
        f'{start + step},1,2,3,1,0,0,0' for step in (0, 10**7)))


@pytest.mark.parametrize('write', [cambridge, seven_scenes, euroc_list])
def test_what_follows_a_bad_line_of_a_layout_is_read(
        tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path)
    rows = read_dataset_rows(tmp_path, 'train')
    assert [row.pose is not None for row in rows] == [True, False, True]
    assert rows[1].error
    assert not rows[0].error + rows[2].error


def test_an_image_of_another_split_ends_no_sequence_of_kitti(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kitti, 'in_split', lambda index, split: (index == 1) == (split == 'test'))
    (tmp_path / 'image_0').mkdir()
    for i in range(3):
        (tmp_path / f'image_0/{i}.png').write_bytes(b'')
    written(tmp_path / 'calib.txt', 'P0: 50 0 31 0 0 50 23 0 0 0 1 0')
    written(tmp_path / 'poses.txt', '\n'.join(f'1 0 0 {x} 0 1 0 0 0 0 1 0' for x in (1, 2, 'nan')))
    rows = kitti.read_kitti(tmp_path, 'train')
    assert [row.name for row in rows] == ['image_0/0.png', 'image_0/2.png']
    assert [row.pose is None for row in rows] == [False, True]
    assert [row.name for row in kitti.read_kitti(tmp_path, 'test')] == ['image_0/1.png']
    written(tmp_path / 'poses.txt', '1 0 0 0 0 1 0 0 0 0 1 0')
    with pytest.raises(InputError, match=r'a row for each of the 3 images\. Received: 1'):
        kitti.read_kitti(tmp_path, 'train')


def test_blank_lines_end_no_file_of_colmap(tmp_path: Path) -> None:
    written(tmp_path / 'cameras.txt', '1 PINHOLE 64 48 1 2 3 4\n\n2 PINHOLE 32 24 1 2 3 4')
    assert set(colmap_files.read_cameras(tmp_path / 'cameras.txt')) == {1, 2}
    rows = [f'{i} 1 0 0 0 0 0 0 1 {name}' for i, name in ((1, 'b c.png'), (2, 'a.png'))]
    written(tmp_path / 'images.txt', f'{rows[0]}\n1.5 2.5 7\n\n{rows[1]}\n')
    assert [image.name for image in colmap_files.read_images(tmp_path / 'images.txt')] == [
        'a.png', 'b c.png']


def test_other_rows_of_a_graph_are_passed_over_and_a_second_model_is_not_read(
        tmp_path: Path) -> None:
    vertices = [f'VERTEX_SE3:QUAT {i} {POSE_ROW}' for i in (1, 2)]
    graph = written(tmp_path / 'graph.g2o', f'{vertices[0]}\nEDGE_SE3:QUAT 1 2 0 0\n{vertices[1]}')
    assert [row.name for row in read_poses(graph)] == ['1', '2']
    camera = '500 1 0 0 0 1 2 3 0 0'
    model = written(tmp_path / 'a.nvm', (
        f'NVM_V3\n\n2\na.jpg {camera}\nb.jpg {camera}\n\n1\n1 2 3 4 5 6\n\n1\nc.jpg {camera}'))
    assert [row.name for row in read_poses(model)] == ['a.jpg', 'b.jpg']


@pytest.mark.parametrize('suffix', ['.bmp', '.ppm', '.PNG', '.tif'])
def test_an_image_of_another_kind_is_converted_to_png(tmp_path: Path, suffix: str) -> None:
    picture = tmp_path / f'a{suffix}'
    cv2.imwrite(str(picture), np.full((4, 6, 3), (10, 20, 30), np.uint8))
    image = SourceImage(picture, 'walk', NamedPose(Pose(), 'a.png', 5))
    (tmp_path / 'new').mkdir()
    write_layout(tmp_path / 'new', Format.EUROC, {'train': [image]}, CAMERA)
    found = tmp_path / 'new/mav0/cam0/data/5.png'
    assert found.read_bytes()[:4] == b'\x89PNG'
    assert cv2.imread(str(found))[0, 0].tolist() == [10, 20, 30]
    picture.write_bytes(b'no picture')
    if suffix != '.PNG':
        (tmp_path / 'other').mkdir()
        with pytest.raises(InputError, match=rf'a{suffix}: expected an image that can be conv'):
            write_layout(tmp_path / 'other', Format.EUROC, {'train': [image]}, CAMERA)


def test_images_of_rtabmap_without_a_pose_are_left_out_and_none_are_for_testing(
        tmp_path: Path) -> None:
    (tmp_path / 'a_rgb').mkdir()
    for stamp in (1, 2, 3):
        (tmp_path / f'a_rgb/{stamp}.000000.jpg').write_bytes(b'')
    written(tmp_path / 'a_camera_poses.txt', '\n'.join(
        f'{stamp}.000000 {stamp} 0 0 0 0 0 1' for stamp in (1, 3)) + '\n2.0 2 0 0 0 0 0 1.2')
    odd, *rows = read_dataset_rows(tmp_path, 'train')
    assert 'quat_xyzw has to have length 1' in odd.error  # no network's, to be normalised
    assert [row.name for row in rows] == ['a_rgb/1.000000.jpg', 'a_rgb/3.000000.jpg']
    assert [row.pose and row.pose.translation_m[0] for row in rows] == [1, 3]
    assert {row.sequence for row in rows} == {'block0'}
    assert not any(row.pose for row in read_dataset_rows(tmp_path, 'test'))


def test_rows_are_counted_from_one_in_every_form(tmp_path: Path) -> None:
    transforms(tmp_path)
    content = json.loads((tmp_path / 'transforms.json').read_text())
    content['frames'] *= 2
    written(tmp_path / 'transforms.json', json.dumps(content))
    (tmp_path / 'poses').mkdir()
    for i in range(2):
        np.savetxt(tmp_path / f'poses/{i}.pose.txt', np.eye(4))
    written(tmp_path / 'images.txt', '1 1 0 0 0 0 0 0 1 a\n\n2 1 0 0 0 0 0 0 1 b\n')
    written(tmp_path / 'stacked.txt', '\n'.join(
        ['1 0 0 0', '0 1 0 0', '0 0 1 0', '0 0 0 1'] * 2))
    written(tmp_path / 'rows.kitti', '\n\n'.join(['1 0 0 0 0 1 0 0 0 0 1 0'] * 2))
    for name, lines in (('transforms.json', [1, 2]), ('poses', [1, 2]), ('images.txt', [1, 2]),
                        ('stacked.txt', [1, 5]), ('rows.kitti', [1, 3])):
        assert [row.line for row in read_poses(tmp_path / name)] == lines
    assert read_poses(tmp_path / 'poses')[1].name == '1.color.png'


def test_the_file_is_named_where_its_form_or_its_unit_is_open(tmp_path: Path) -> None:
    both = written(tmp_path / 'both.txt', 'a.png 0.6 0 0 0.8 0.6 0 0\nb.png 0 0.6 0 0.8 0.6 0 0')
    with pytest.raises(InputError, match=r'^\S*both\.txt: the rows have the columns of several'):
        detect_format(both)
    far = written(tmp_path / 'far.tum', '\n'.join(f'{i}00000 {POSE_ROW}' for i in range(4)))
    with pytest.raises(InputError, match=r'^\S*far\.tum: the stamps have to be seconds'):
        read_poses(far, Format.TUM)


def test_a_bad_matrix_is_the_error_of_its_row(tmp_path: Path) -> None:
    good = ['1 0 0 0', '0 1 0 0', '0 0 1 0', '0 0 0 1']
    stacked = written(tmp_path / 'stacked.txt', '\n'.join([*good, '9 0 0 0', *good[1:], *good]))
    rejected: list[str] = []
    assert [row.line for row in read_poses(stacked, rejected=rejected)] == [1, 9]
    assert rejected[0].startswith(f'{stacked}:5: rotation has to be orthonormal')
    cut = written(tmp_path / 'cut.txt', '\n'.join([*good, *good[:3], '0 0 0 1 7', *good]))
    assert len(read_poses(cut, Format.SEVEN_SCENES, rejected)) == 2
    (tmp_path / 'poses').mkdir()
    for i, text in enumerate(('\n'.join(good), '1 0', '\n'.join(good))):
        written(tmp_path / f'poses/{i}.pose.txt', text)
    assert len(read_poses(tmp_path / 'poses', rejected=rejected)) == 2
    assert rejected[2].startswith(f'{tmp_path}/poses/1.pose.txt: the file has to hold 4x4 numbers')
