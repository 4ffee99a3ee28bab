"""
Readers of dataset layouts: a row for each image, with its pose or its error.

The convention of a file's pose is turned into `map_from_camera` here or in
:mod:`posenet_ros.datasets.pose_files`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from posenet_ros.datasets import colmap, colmap_files, nerfstudio
from posenet_ros.datasets.dataset_rows import DatasetRow, make_row, numbered_lines
from posenet_ros.datasets.pose_files import Format, is_number, parse_stamp, read_rows
from posenet_ros.datasets.poses.tables import pose_of_file
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose

CAMERA_FILE = 'camera.json'
CAMBRIDGE_SCENES = ('KingsCollege', 'OldHospital', 'ShopFacade', 'StMarysChurch', 'GreatCourt',
                    'Street')
CAMBRIDGE_FOCAL = 1670 / 1920  # of the image width, by the scenes' own reconstructions
SEVEN_SCENES_FOCAL_PX = 585.0  # at 640x480
TUM_INTRINSICS = {  # fx fy cx cy at 640x480, from the dataset's page on file formats
    'freiburg1': (517.3, 516.5, 318.6, 255.3), 'freiburg2': (520.9, 521.0, 325.1, 249.7),
    'freiburg3': (535.4, 539.2, 320.1, 247.6)}
TUM_MAX_GAP_S = 0.02
TUM_BLOCK = 50  # images; every eighth block is the test split


def read_cambridge(folder: Path, split: str) -> list[DatasetRow]:
    """Read `dataset_train.txt` or `dataset_test.txt` of the Cambridge Landmarks layout."""
    lines = []
    for where, row in read_rows(folder / f'dataset_{split}.txt', Format.CAMBRIDGE):
        if isinstance(row, InputError):
            lines.append(DatasetRow(where, folder, '', '', error=str(row)))
            continue
        error = 'a pose has to be finite. Received: NaN' if row.pose is None else ''
        lines.append(make_row(
            folder, where, row.name, row.sequence or folder.name, row.pose, error))
    return lines


def read_seven_scenes(folder: Path, split: str) -> list[DatasetRow]:
    """Read the sequences that `TrainSplit.txt` or `TestSplit.txt` of 7-Scenes names."""
    lines: list[DatasetRow] = []
    for where, text in numbered_lines(folder / f'{split.capitalize()}Split.txt'):
        number = text.removeprefix('sequence')
        if not number.isdigit():
            lines.append(DatasetRow(where, folder, text, text,
                                    error=f'the line has to be "sequenceN". Received: {text!r}'))
            continue
        sequence = f'seq-{int(number):02d}'
        images = sorted((folder / sequence).glob('*.color.png'))
        if not images:
            lines.append(DatasetRow(where, folder, sequence, sequence,
                                    error=f'{folder / sequence} has no *.color.png'))
        lines += [_seven_scenes_line(folder, image, sequence) for image in images]
    return lines


def _seven_scenes_line(folder: Path, image: Path, sequence: str) -> DatasetRow:
    name = image.relative_to(folder).as_posix()
    file = image.with_name(image.name.replace('.color.png', '.pose.txt'))
    try:
        pose = pose_of_file(file)
    except InputError as error:
        return DatasetRow(f'{file}:1', image, name, sequence, error=str(error))
    return make_row(folder, f'{file}:1', name, sequence, pose)


def read_tum(folder: Path, split: str) -> list[DatasetRow]:
    """
    Read `rgb.txt` and `groundtruth.txt` of a TUM RGB-D sequence.

    TUM names no splits: every eighth block of 50 images is the test split. An image takes the
    pose nearest in time, at most 0.02 s away, as the benchmark's own tool does.
    """
    truth, rows = _tum_truth(folder)
    stamps_ns = np.array([stamp_ns for stamp_ns, _ in truth], np.int64)
    images = list(numbered_lines(folder / 'rgb.txt'))
    if images and not is_number(images[0][1].split()[0]):
        del images[0]  # the names of the columns
    poses = [pose for _, pose in truth]
    return rows + [_tum_row(folder, where, text, f'block{index // TUM_BLOCK}', poses, stamps_ns)
                   for index, (where, text) in enumerate(images)
                   if (index // TUM_BLOCK % 8 == 7) == (split == 'test')]


def _tum_truth(folder: Path) -> tuple[list[tuple[int, Pose]], list[DatasetRow]]:
    """
    Read the true poses with their stamps, nanoseconds, and the rows that cannot be used.

    :raises InputError: when there is no pose.
    """
    truth: list[tuple[int, Pose]] = []
    bad: list[DatasetRow] = []
    for where, row in read_rows(folder / 'groundtruth.txt', Format.TUM):
        if isinstance(row, InputError):
            bad.append(DatasetRow(where, folder, '', '', error=str(row)))
        elif row.pose and row.stamp_ns is not None:
            truth.append((row.stamp_ns, row.pose))
    if not truth:
        raise InputError(f'{folder / "groundtruth.txt"}: expected at least one pose. '
                         f'Received: none{"; " + bad[0].error if bad else ""}')
    return truth, bad


def _tum_row(folder: Path, where: str, text: str, sequence: str,
             truth: Sequence[Pose], stamps_ns: NDArray[np.int64]) -> DatasetRow:
    """Make the row of `stamp file`, with the nearest in time of the (N,) true poses."""
    stamp, _, name = text.partition(' ') if ' ' in text else text.partition('\t')
    name = name.strip()
    try:
        if not name:
            raise InputError(f'the line has to have 2 columns, stamp and file. Received: {text!r}')
        time_ns = parse_stamp(stamp)
    except InputError as error:
        return DatasetRow(where, folder, name, sequence, error=str(error))
    gaps_ns = np.abs(stamps_ns - time_ns)
    gap_s = float(gaps_ns.min()) / 1e9
    if gap_s > TUM_MAX_GAP_S:
        return replace(make_row(folder, where, name, sequence, None), unmatched=True, error=(
            f'no pose within {TUM_MAX_GAP_S} s; the nearest is {gap_s:.3f} s away'))
    return make_row(folder, where, name, sequence, truth[int(gaps_ns.argmin())])


def _all_is_train(folder: Path, split: str, kind: str) -> None:
    if split != 'train':
        raise InputError(f'{folder}: {kind} has no {split} split: all of its images are for '
                         'training; keep the images of a walk in a dataset of their own to test')


def read_colmap(folder: Path, split: str) -> list[DatasetRow]:
    """
    Read the images of a COLMAP model, which are all of the training split.

    :raises InputError: when a file of the model is damaged, or another split is asked for.
    """
    _all_is_train(folder, split, 'a COLMAP model')
    file = colmap.images_file(folder)
    assert file  # by which the layout was recognised
    return [make_row(folder, f'{file}: {image.name}', colmap.image_name(folder, image.name),
                     colmap.sequence_name(folder, image.name), image.map_from_camera)
            for image in colmap_files.read_images(file)]


def read_nerfstudio(folder: Path, split: str) -> list[DatasetRow]:
    """
    Read the frames of a nerfstudio dataset, which are all of the training split.

    :raises InputError: when the file is damaged, or another split is asked for.
    """
    _all_is_train(folder, split, 'transforms.json')
    file = folder / nerfstudio.TRANSFORMS_FILE
    rows = []
    for name, pose in nerfstudio.frame_poses(nerfstudio.read_transforms(file)):
        found = (None, str(pose)) if isinstance(pose, InputError) else (pose, '')
        sequence = colmap.sequence_name(folder, name.removeprefix(f'{colmap.IMAGE_FOLDER}/'))
        rows.append(make_row(folder, f'{file}: {name}', name, sequence, *found))
    return sorted(rows, key=lambda row: row.name)


LAYOUTS: dict[str, tuple[Sequence[str], Callable[[Path, str], list[DatasetRow]]]] = {
    'Cambridge Landmarks': (('dataset_train.txt', 'dataset_test.txt'), read_cambridge),
    '7-Scenes': (('TrainSplit.txt', 'TestSplit.txt'), read_seven_scenes),
    'TUM RGB-D': (('rgb.txt', 'groundtruth.txt'), read_tum),
    'nerfstudio': ((nerfstudio.TRANSFORMS_FILE,), read_nerfstudio),
    'COLMAP': (colmap.IMAGES_FILES, read_colmap)}


RECONSTRUCTIONS = 'nerfstudio', 'COLMAP'  # up to a similarity, as a rule


def layout_name(folder: Path) -> str | None:
    """Return the name of a folder's layout; None where it has none that is known."""
    return next((name for name, (files, _) in LAYOUTS.items()
                 if any((folder / file).exists() for file in files)), None)


def is_reconstruction(folder: Path) -> bool:
    """Return whether a dataset's lengths may be any units: nothing says that they are metres."""
    return layout_name(folder) in RECONSTRUCTIONS


def read_dataset_rows(folder: Path, split: str) -> list[DatasetRow]:
    """
    Read all rows of a split.

    :raises InputError: when the folder is missing, a zip, or its layout is unknown.
    """
    if folder.suffix == '.zip':
        raise InputError(f'{folder}: expected a folder. Received: a zip; unpack it first: '
                         f'unzip {folder.name}')
    if not folder.is_dir():
        raise InputError(f'the dataset folder {folder} is missing')
    name = layout_name(folder)
    if name:
        return LAYOUTS[name][1](folder, split)
    raise InputError(f'{folder} has to have one of these layouts: ' + '; '.join(
        f'{name} ({", ".join(files)})' for name, (files, _) in LAYOUTS.items()))
