"""Dataset layouts: what a file names lies in its folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from posenet_ros.datasets.dataset_rows import FOLLOW_LINKS, image_file, image_path
from posenet_ros.datasets.layouts import read_dataset_rows
from posenet_ros.datasets.tolerance import check_rejected
from posenet_ros.errors import InputError
import pytest

POSE = '1 2 3 1 0 0 0'


def names(folder: Path, *images: str) -> list[tuple[Path, str]]:
    """Return path and error of each image that a Cambridge file names."""
    folder.mkdir(exist_ok=True)
    (folder / 'dataset_train.txt').write_text(''.join(f'{name} {POSE}\n' for name in images))
    return [(row.path, row.error) for row in read_dataset_rows(folder, 'train')]


def test_images_outside_the_dataset_are_refused(tmp_path: Path) -> None:
    data = tmp_path / 'data'
    (tmp_path / 'private.png').touch()
    found = names(data, '../private.png', f'{tmp_path}/private.png', 'seq1/../../private.png',
                  '..\\private.png', '../data2/a.png', '/etc/passwd', '..')
    for path, error in found:
        assert "has to lie in the dataset's folder" in error
        assert path == data


def test_images_inside_it_are_taken_however_they_are_named(tmp_path: Path) -> None:
    disk, data = tmp_path / 'disk', tmp_path / 'data'
    (disk / 'walk').mkdir(parents=True)
    data.symlink_to(disk)
    (data / 'seq1').symlink_to('walk')
    found = names(data, 'seq1/a.png', 'seq2/../b.png', f'{data}/c.png', 'a$^(b/..d.png', './e.png')
    assert [error for _, error in found] == [''] * 5
    assert [path.name for path, _ in found] == ['a.png', 'b.png', 'c.png', '..d.png', 'e.png']
    assert [row.name for row in read_dataset_rows(data, 'train')] == [
        'seq1/a.png', 'b.png', 'c.png', 'a$^(b/..d.png', 'e.png']  # a copy stays in its folder


@pytest.mark.parametrize('target', ['folder', 'file'])
def test_links_that_lead_out_of_it_are_refused_unless_the_user_allows_them(
        tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data, outside = tmp_path / 'data', tmp_path / 'data2'
    outside.mkdir()
    (outside / 'private.png').touch()
    data.mkdir()
    if target == 'folder':
        (data / 'seq1').symlink_to(outside)
    else:
        (data / 'seq1').mkdir()
        (data / 'seq1' / 'private.png').symlink_to(outside / 'private.png')
    ((path, error),) = names(data, 'seq1/private.png')
    assert path == data
    assert f'a link to {outside}/private.png' in error
    assert f'set {FOLLOW_LINKS}=1' in error
    assert image_file(data, 'seq1/private.png') is None
    monkeypatch.setenv(FOLLOW_LINKS, '1')
    assert names(data, 'seq1/private.png') == [(data / 'seq1' / 'private.png', '')]
    assert image_file(data, 'seq1/private.png') == data / 'seq1' / 'private.png'
    ((_, error),) = names(data, '../data2/private.png')
    assert "has to lie in the dataset's folder" in error


def test_links_in_circles_and_names_that_are_no_paths_are_refused(tmp_path: Path) -> None:
    data = tmp_path / 'data'
    data.mkdir()
    (data / 'a').symlink_to(data / 'b')
    (data / 'b').symlink_to(data / 'a')
    assert image_file(data, 'a') is None
    for name in ('a\0b', 'x' * 300, 'a/' * 3000, '\ud800'):
        with pytest.raises(InputError, match='has to be a path'):
            image_path(data, name)


def test_a_pose_file_of_seven_scenes_names_no_image_outside(tmp_path: Path) -> None:
    data = tmp_path / 'data'
    (data / 'seq-01').mkdir(parents=True)
    (tmp_path / 'private.png').touch()
    (data / 'TrainSplit.txt').write_text('sequence1\n')
    for name in ('frame-000000', 'frame-000001'):
        np.savetxt(data / 'seq-01' / f'{name}.pose.txt', np.eye(4))
    (data / 'seq-01' / 'frame-000000.color.png').symlink_to(tmp_path / 'private.png')
    (data / 'seq-01' / 'frame-000001.color.png').touch()
    rows = read_dataset_rows(data, 'train')
    assert ['a link to' in row.error for row in rows] == [True, False]


def write_tum(folder: Path, stamps: str, header: str = '') -> Path:
    """Write a sequence of TUM with these stamps."""
    folder.mkdir()
    (folder / 'rgb.txt').write_text('\ufeff' + header + ''.join(
        f'{stamp} rgb/{i} b.png\n' for i, stamp in enumerate(stamps.split())), 'utf-8')
    (folder / 'groundtruth.txt').write_text(header + ''.join(
        f'{stamp} {i} 0 0 0 0 0 1\n' for i, stamp in enumerate(stamps.split())), 'utf-8')
    return folder


@pytest.mark.parametrize('header', ['', '# stamp file\n', 'timestamp tx ty tz qx qy qz qw\n'])
@pytest.mark.parametrize('stamps', ['1700000000.0 1700000000.1 1700000000.2',
                                    '1700000000000000000 1700000000100000000 1700000000200000000'])
def test_tum_has_stamps_in_seconds_or_nanoseconds_and_any_header(
        tmp_path: Path, stamps: str, header: str) -> None:
    rows = read_dataset_rows(write_tum(tmp_path / 'walk', stamps, header), 'train')
    assert [(row.name, row.error) for row in rows] == [(f'rgb/{i} b.png', '') for i in range(3)]
    assert [row.pose.translation_m[0] for row in rows if row.pose] == [0, 1, 2]


def test_bad_rows_of_tum_are_rows_with_an_error(tmp_path: Path) -> None:
    folder = write_tum(tmp_path / 'walk', '1.0 2.0')
    for file, text in (('groundtruth.txt', '3.0 nan\n4.0 1 2 3 0 0 0 2\n'),
                       ('rgb.txt', 'x.png\nsoon rgb/a.png\n9.0 ../a.png\n')):
        with (folder / file).open('a') as stream:
            stream.write(text)
    errors = [row.error for row in read_dataset_rows(folder, 'train') if row.pose is None]
    for error, why in zip(errors, ('stamp tx', 'length 1', '2 columns', 'a stamp', 'no pose'),
                          strict=True):
        assert why in error


def test_up_to_a_tenth_may_be_bad() -> None:
    check_rejected([], 0)
    check_rejected(['a'], 10)
    with pytest.raises(InputError, match=r'^a \(2 of 19 lines are bad, at most 10%'):
        check_rejected(['a', 'b'], 19)
