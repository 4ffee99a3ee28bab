"""Readers: poses as written, bad lines named, layouts and cameras recognised."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
from helpers import damaged_in_the_middle
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.files import read_image
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.fitting.cross_validation import describe_split, hold_out
import pytest
from training_helpers import CAMERA, walk, write_wall_dataset


@pytest.fixture
def court(tmp_path: Path) -> Path:
    write_wall_dataset(tmp_path / 'court')
    return tmp_path / 'court'


def append(folder: Path, line: str) -> None:
    with (folder / 'dataset_train.txt').open('a') as file:
        file.write(line + '\n')


def test_poses_are_those_that_were_written(tmp_path: Path) -> None:
    poses = write_wall_dataset(tmp_path / 'court')
    dataset = read_dataset(tmp_path / 'court', 'train')
    assert len(dataset.samples) == 36
    assert dataset.camera == CAMERA
    for sample in dataset.samples:
        np.testing.assert_allclose(
            sample.map_from_camera.matrix, poses[sample.name].matrix, atol=1e-6)
    assert {s.sequence for s in dataset.samples} == {'seq1', 'seq2', 'seq3'}
    assert len(read_dataset(tmp_path / 'court', 'test').samples) == 12


def test_summary_tells_counts_extent_path_camera_and_up(court: Path) -> None:
    summary = '\n'.join(read_dataset(court, 'train').summary())
    for part in ('36 images in 3 sequences', 'seq2 12', 'extent: x -4', 'path: 2', 'up axis: +z',
                 '96x72', 'rejected lines: 0'):
        assert part in summary


GOOD = '1 2 3 1 0 0 0'


@pytest.mark.parametrize(('line', 'reason'), [
    ('seq1/frame00000.png 1 2 3', 'an image name and X Y Z W P Q R. Received: 3 numbers'),
    ('seq1/frame00000.png 1 2 3 one 0 0 0', 'an image name and X Y Z W P Q R. Received: '),
    (f'seq1/none.png {GOOD}', 'none.png has to be readable. Received: no such file'),
    (f'seq1/text.png {GOOD}', 'text.png has to be readable. Received: a damaged file'),
    (f'seq1/middle.png {GOOD}', 'middle.png has to be readable. Received: a damaged file'),
    (f'seq1/small.png {GOOD}', 'is 48x36, not 96x72'),
    (f'seq1/frame00000.png {GOOD}', 'is a duplicate of'),
    ('seq1/new.png nan 2 3 1 0 0 0', 'has to be finite'),
    ('seq1/new.png 1 2 3 1 0 0 0.5', 'length 1'),
    ('seq1/new.png 1e9 2 3 1 0 0 0', 'within 1e+08 m'),
    ('seq1/new.png 1e6 2 3 1 0 0 0', 'within 1e+05 m of the others'),
])
def test_a_bad_line_is_rejected_with_file_and_number(court: Path, line: str, reason: str) -> None:
    image = np.zeros((72, 96, 3), np.uint8)
    cv2.imwrite(str(court / 'seq1/new.png'), image)
    cv2.imwrite(str(court / 'seq1/small.png'), image[::2, ::2])
    (court / 'seq1/text.png').write_text('no image')
    whole = (court / 'seq1/frame00000.png').read_bytes()
    (court / 'seq1/middle.png').write_bytes(damaged_in_the_middle(whole))
    append(court, line)
    dataset = read_dataset(court, 'train')
    assert len(dataset.samples) == 36
    (rejected,) = dataset.rejected
    assert rejected.startswith(f'{court / "dataset_train.txt"}:40: ')
    assert reason in rejected


def test_too_many_bad_lines_end_it(court: Path) -> None:
    for i in range(5):
        append(court, f'seq1/none{i}.png {GOOD}')
    with pytest.raises(InputError, match=r'dataset_train.txt:40: .*5 of 41 lines are bad'):
        read_dataset(court, 'train')
    assert len(read_dataset(court, 'train', max_rejected=0.5).rejected) == 5


def test_an_empty_split_and_a_missing_folder_are_errors(court: Path, tmp_path: Path) -> None:
    (court / 'dataset_train.txt').write_text('a\nb\n\n')
    with pytest.raises(InputError, match='no usable line'):
        read_dataset(court, 'train')
    with pytest.raises(InputError, match='is missing'):
        read_dataset(tmp_path / 'nowhere', 'train')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(InputError, match='one of these layouts'):
        read_dataset(tmp_path / 'empty', 'train')
    with pytest.raises(InputError, match='one of train, test'):
        read_dataset(court, 'validation')


def test_the_camera_comes_from_text_file_or_the_scene_s_name(tmp_path: Path) -> None:
    write_wall_dataset(tmp_path / 'KingsCollege', with_camera=False)
    known = read_dataset(tmp_path / 'KingsCollege', 'train').camera
    assert known.fx == pytest.approx(1670 / 1920 * 96)
    assert known.cx == 47.5
    plain = tmp_path / 'mine'
    write_wall_dataset(plain, with_camera=False)
    with pytest.raises(InputError, match='camera is not known'):
        read_dataset(plain, 'train')
    assert read_dataset(plain, 'train', '70').camera.fy == 70
    assert read_dataset(plain, 'train', '70,71,40,30').camera.cy == 30
    with pytest.raises(InputError, match='--camera has to be FX'):
        read_dataset(plain, 'train', '70,71')
    (plain / 'camera.json').write_text('{"fx": 1}')
    with pytest.raises(InputError, match=r'camera\.json has to hold'):
        read_dataset(plain, 'train')
    (plain / 'camera.json').write_text(json.dumps(CAMERA.scaled(48, 36).to_mapping()))
    with pytest.raises(InputError, match='size of the images, 96x72'):
        read_dataset(plain, 'train')


def test_an_nvm_file_gives_the_focal_length(tmp_path: Path) -> None:
    write_wall_dataset(tmp_path / 'scene', with_camera=False)
    camera = 'a.jpg 1600 1 0 0 0 0 0 0 0 0\n'
    (tmp_path / 'scene' / 'reconstruction.nvm').write_text(f'NVM_V3\n\n2\n{camera}{camera}0\n')
    assert read_dataset(tmp_path / 'scene', 'train').camera.fx == pytest.approx(80)


def test_the_digest_changes_with_poses_and_pixels(court: Path) -> None:
    before = read_dataset(court, 'train').digest()
    assert read_dataset(court, 'train').digest() == before
    cv2.imwrite(str(court / 'seq1/frame00003.png'), np.zeros((72, 96, 3), np.uint8))
    assert read_dataset(court, 'train').digest() != before


def write_seven_scenes(folder: Path) -> list[Pose]:
    """Write three images in each split; return their poses."""
    poses = walk(3, 0)
    folder.mkdir(exist_ok=True)
    for split, number in (('Train', 1), ('Test', 2)):
        (folder / f'{split}Split.txt').write_text(f'sequence{number}\n')
        (folder / f'seq-{number:02}').mkdir()
        for i, pose in enumerate(poses):
            stem = folder / f'seq-{number:02}' / f'frame-{i:06}'
            cv2.imwrite(f'{stem}.color.png', np.zeros((48, 64, 3), np.uint8))
            np.savetxt(f'{stem}.pose.txt', pose.matrix)
    return poses


def test_seven_scenes(tmp_path: Path) -> None:
    poses = write_seven_scenes(tmp_path)
    dataset = read_dataset(tmp_path, 'test')
    assert dataset.samples[0].name == 'seq-02/frame-000000.color.png'
    np.testing.assert_allclose(dataset.samples[1].map_from_camera.matrix, poses[1].matrix,
                               atol=1e-6)
    assert dataset.camera.fx == pytest.approx(58.5)
    (tmp_path / 'seq-01' / 'frame-000001.pose.txt').write_text('1 2\n')
    assert '4x4' in read_dataset(tmp_path, 'train', max_rejected=0.5).rejected[0]


def write_tum(parent: Path) -> Path:
    """Write 411 images, the last without a pose near in time."""
    folder = parent / 'rgbd_dataset_freiburg1_desk'
    (folder / 'rgb').mkdir(parents=True)
    cv2.imwrite(str(folder / 'rgb/a.png'), np.zeros((480, 640, 3), np.uint8))
    truth, images = ['# timestamp tx ty tz qx qy qz qw'], []
    for i in range(410):
        (folder / f'rgb/{i}.png').symlink_to(folder / 'rgb/a.png')
        images.append(f'{i}.010 rgb/{i}.png')
        truth.append(f'{i}.015 {i} 0 0 0 0 0 1')
    images.append('1000.0 rgb/a.png')
    (folder / 'rgb.txt').write_text('\n'.join(images))
    (folder / 'groundtruth.txt').write_text('\n'.join(truth))
    return folder


def test_tum(tmp_path: Path) -> None:
    folder = write_tum(tmp_path)
    train, test = (read_dataset(folder, split) for split in ('train', 'test'))
    assert (len(train.samples), len(test.samples)) == (360, 50)
    assert test.samples[0].map_from_camera.translation_m[0] == 350
    assert train.camera.fx == 517.3
    assert 'no pose within 0.02 s' in train.rejected[0]
    with (folder / 'groundtruth.txt').open('a') as file:
        file.write('\n1 2 3')
    rejected = read_dataset(folder, 'train').rejected
    assert any('groundtruth.txt:412: expected stamp tx' in line for line in rejected)


def test_validation_is_whole_sequences_or_blocks(tmp_path: Path) -> None:
    write_wall_dataset(tmp_path / 'three')
    three = read_dataset(tmp_path / 'three', 'train')
    kept, held = hold_out(three, 0.3)
    assert describe_split(three, (kept, held)) == (
        'training on 24 images, validation on 12 (seq1)')
    assert held.tolist() == list(range(12))  # seq1
    assert kept.tolist() == list(range(12, 36))
    write_wall_dataset(tmp_path / 'one', sequences=1, count=50)
    one = read_dataset(tmp_path / 'one', 'train')
    kept, held = hold_out(one, 0.2)
    assert len(held) in (9, 10)
    assert sorted([*kept, *held]) == list(range(50))
    assert sum(np.diff(held) > 1) == 4  # 5 blocks
    assert '(seq1): blocks' in describe_split(one, (kept, held))
    both = [hold_out(one, 0.2, fold, 2) for fold in (0, 1)]
    assert [sum(np.diff(part) > 1) for _, part in both] == [2, 2]  # 3 blocks each
    assert not set(both[0][1]) & set(both[1][1])
    write_wall_dataset(tmp_path / 'four', sequences=4)
    four = read_dataset(tmp_path / 'four', 'train')
    assert [{four.samples[i].sequence for i in hold_out(four, 0.2, fold, 2)[1]}
            for fold in (0, 1)] == [{'seq1'}, {'seq2'}]
    with pytest.raises(InputError, match='at least 8 images'):
        hold_out(one.subset(range(3)), 0.2)


def test_read_image_is_rgb_and_names_a_bad_file(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / 'red.png'), np.full((4, 4, 3), (0, 0, 255), np.uint8))
    assert read_image(tmp_path / 'red.png')[0, 0].tolist() == [255, 0, 0]
    cv2.imwrite(str(tmp_path / 'deep.png'), np.full((4, 4, 3), (0, 0, 65535), np.uint16))
    assert read_image(tmp_path / 'deep.png')[0, 0].tolist() == [255, 0, 0]
    with pytest.raises(InputError, match=r'none.png .*no such file'):
        read_image(tmp_path / 'none.png')
