"""
What `rtabmap-export --images --poses_camera` writes: https://github.com/introlab/rtabmap.

`*_rgb` holds images that are named by their stamp or their number, `*_calib` a calibration for
each, `*_camera_poses.txt` the poses of the camera; `*_poses.txt`, those of the base, are brought
to the camera by `local_transform` of the calibration.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import re

from posenet_ros.datasets.benchmarks.euroc import matrix_of, read_yaml
from posenet_ros.datasets.benchmarks.stamped import BLOCK, in_split
from posenet_ros.datasets.dataset_rows import DatasetRow, make_row
from posenet_ros.datasets.pose_files import parse_stamp, PoseRow
from posenet_ros.datasets.poses.tables import open_table
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose

FILES = ('*_rgb',)
POSES = '*_camera_poses*.txt', '*_poses*.txt'
IMAGES = '.jpg', '.png'
STAMP_TOLERANCE_NS = 1_000_000  # both are written with six digits


def read_rtabmap(folder: Path, split: str) -> list[DatasetRow]:
    """
    Read the images with the poses of the first file there is: of the camera, else of the base.

    An export names no splits: every eighth block of 50 images is the test split.

    :raises InputError: when images or poses are missing.
    """
    file = next((file for pattern in POSES for file in sorted(folder.glob(pattern))), None)
    images = _files(folder, '*_rgb', IMAGES)
    if file is None or not images:
        raise InputError(f'{folder}: expected images in a folder *_rgb beside *_camera_poses.txt. '
                         f'Received: {len(images)} images, {file.name if file else "no poses"}; '
                         'export both by rtabmap-export --images --poses_camera, or map images '
                         'without poses by posenet map --images')
    table = open_table(file)
    rows = list(table.rows(table.detect(), normalise=False, unit=None))
    good = [row for _, row in rows if isinstance(row, PoseRow) and row.pose]
    found = [DatasetRow(where, folder, '', '', error=str(row)) for where, row in rows
             if isinstance(row, InputError)]
    find = _finder(good, images, file)
    base_from_camera = Pose() if '_camera_poses' in file.name else _local_transform(folder)
    for index, image in enumerate(images):
        pose, name = find(index, image), image.relative_to(folder).as_posix()
        if in_split(index, split) and pose:
            found.append(make_row(folder, f'{file}: {image.name}', name, f'block{index // BLOCK}',
                                  pose @ base_from_camera))
    return found


def _files(folder: Path, pattern: str, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files of the folders of a name, in the order of the numbers in their names."""
    files = [file for inner in folder.glob(pattern) if inner.is_dir() for file in inner.iterdir()
             if file.suffix.lower() in suffixes]
    return sorted(files, key=lambda file: [int(part) for part in re.findall(r'\d+', file.stem)])


def _finder(rows: list[PoseRow], images: list[Path],
            file: Path) -> Callable[[int, Path], Pose | None]:
    """Return what finds the pose of an image: by its number, its stamp, or its place."""
    if rows and rows[0].name:
        by_name = {row.name: row.pose for row in rows}
        return lambda _, image: by_name.get(image.stem)
    if rows and rows[0].stamp_ns is not None:
        by_stamp = {_rounded(row.stamp_ns): row.pose for row in rows if row.stamp_ns is not None}
        return lambda _, image: by_stamp.get(_rounded(parse_stamp(image.stem)))
    if len(rows) != len(images):
        raise InputError(f'{file}: expected a row for each of the {len(images)} images. '
                         f'Received: {len(rows)}; export with --poses_format 11, which has stamps')
    return lambda index, _: rows[index].pose


def _rounded(stamp_ns: int) -> int:
    return round(stamp_ns / STAMP_TOLERANCE_NS)


def _calibration(folder: Path) -> Path | None:
    return next(iter(_files(folder, '*_calib', ('.yaml', '.yml'))), None)


def _local_transform(folder: Path) -> Pose:
    """Return base_from_camera of the first calibration."""
    file = _calibration(folder)
    content = read_yaml(file) if file else {}
    if file is None or 'local_transform' not in content:
        raise InputError(f'{folder}: the poses are those of the base, and no *_calib/*.yaml has '
                         'the local_transform of the camera: export with --poses_camera')
    return matrix_of(content['local_transform'], file, 'local_transform')


def rtabmap_camera(folder: Path, size: tuple[int, int]) -> Camera | None:
    """
    Return the camera of the first calibration; None where there is none.

    :raises InputError: when it lacks a matrix.
    """
    file = _calibration(folder)
    if file is None:
        return None
    content = read_yaml(file)
    try:
        matrix = content['camera_matrix']['data']
        distortion = (content.get('distortion_coefficients') or {}).get('data') or ()
        width, height = int(content['image_width']), int(content['image_height'])
        return Camera.from_matrix(matrix, width, height, distortion)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f'{file} has to hold image_width, image_height and camera_matrix. '
                         f'Received: {error}') from error
