"""
KITTI odometry: https://www.cvlibs.net/datasets/kitti/eval_odometry.php.

`poses/NN.txt` holds the poses of camera 0; P of `calib.txt` tells how far another camera stands
beside it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.datasets.benchmarks.stamped import BLOCK, in_split
from posenet_ros.datasets.dataset_rows import DatasetRow, make_row
from posenet_ros.datasets.pose_files import Format, read_rows
from posenet_ros.datasets.poses.columns import numbers, split_columns
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.utils.files.text import numbered_lines

FILES = 'sequences/*/calib.txt', 'image_[0-3]'
CAMERAS = 2, 0, 3, 1  # the left colour camera before the grey ones
SUFFIXES = '.png', '.jpg'


def read_kitti(folder: Path, split: str) -> list[DatasetRow]:
    """
    Read one sequence: the folder itself, or the only one below `sequences` with images.

    It names no splits: every eighth block of 50 images is the test split.

    :raises InputError: when there are several sequences, whose frames differ, or rows and images
        differ in number.
    """
    sequence, number = _sequence(folder)
    camera_from_first = _projection(sequence, number)[1]
    images = [file for file in sorted((sequence / f'image_{number}').iterdir())
              if file.suffix.lower() in SUFFIXES]
    poses = list(read_rows(_poses_file(sequence), Format.KITTI))
    if len(poses) != len(images):
        raise InputError(f'{_poses_file(sequence)}: expected a row for each of the {len(images)} '
                         f'images. Received: {len(poses)}')
    rows = []
    for index, ((where, row), image) in enumerate(zip(poses, images, strict=True)):
        name, block = image.relative_to(folder).as_posix(), f'block{index // BLOCK}'
        if not in_split(index, split):
            continue
        if isinstance(row, InputError) or row.pose is None:
            rows.append(DatasetRow(where, image, name, block, error=str(row)))
        else:
            pose = row.pose @ camera_from_first.inverse()
            rows.append(make_row(folder, where, name, block, pose))
    return rows


def _sequence(folder: Path) -> tuple[Path, int]:
    """Return the folder of the sequence, and the number of its camera."""
    inside = sorted(path for path in (folder / 'sequences').glob('*') if path.is_dir())
    found = [(path, number) for path in inside or [folder] for number in CAMERAS
             if (path / f'image_{number}').is_dir()]
    names = sorted({path.name for path, _ in found})
    if not names:
        raise InputError(f'{folder}: expected a sequence with images in image_0 to image_3. '
                         'Received: none')
    if len(names) > 1:
        raise InputError(f'{folder}: the sequences of KITTI have frames of their own: give one '
                         f'of them, such as {folder / "sequences" / names[0]}. '
                         f'Received: {", ".join(names)}')
    return found[0]


def _poses_file(sequence: Path) -> Path:
    candidates = (sequence / 'poses.txt',
                  sequence.resolve().parents[1] / 'poses' / f'{sequence.resolve().name}.txt')
    found = next((file for file in candidates if file.is_file()), None)
    if found is None:
        raise InputError(f'{sequence}: expected its poses in {candidates[0]} or {candidates[1]}. '
                         'Received: none; sequences from 11 on have none that are public: for '
                         'images without poses use posenet map --images')
    return found


def _projection(sequence: Path, number: int) -> tuple[Floats, Pose]:
    """Return K, (3, 3), and camera_from_first of a camera of `calib.txt`."""
    file = sequence / 'calib.txt'
    for line, text in numbered_lines(file):
        key, _, values = text.partition(':')
        if key.strip() == f'P{number}':
            try:
                p = numbers(split_columns(values), 12, '12 numbers of a 3x4 matrix').reshape(3, 4)
                return p[:, :3], Pose(np.asarray(np.linalg.solve(p[:, :3], p[:, 3]), np.float64))
            except ValueError as error:  # a matrix that has no inverse, too
                raise InputError(f'{file}:{line}: {error}') from error
    raise InputError(f'{file}: expected a row P{number}. Received: none')


def kitti_camera(folder: Path, size: tuple[int, int]) -> Camera:
    """Return the camera by P of `calib.txt`: the images are rectified."""
    sequence, number = _sequence(folder)
    return Camera.from_matrix(_projection(sequence, number)[0], *size)
