"""Scenes whose poses are a 4x4 matrix beside each image: 7-Scenes, 12-Scenes, ACE."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import re

from posenet_ros.datasets.dataset_rows import DatasetRow, make_row, numbered_lines
from posenet_ros.datasets.poses.tables import pose_of_file, read_matrix
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.camera_text import centred_camera

SEVEN_SCENES_FILES = 'TrainSplit.txt', 'TestSplit.txt'
TWELVE_SCENES_FILES = ('data/*.pose.txt',)
ACE_FILES = 'train/rgb', 'test/rgb'
SEVEN_SCENES_FOCAL_PX = 585.0  # at 640x480
IMAGES = '*.color.png', '*.color.jpg'
MAX_FOCAL_DIFFERENCE = 1e-3  # of the focal lengths of one camera
ACE_IMAGES = '.png', '.jpg', '.jpeg'


def _row(folder: Path, image: Path, pose: Path, sequence: str) -> DatasetRow:
    """Make the row of an image with the file of its pose, map_from_camera."""
    name = image.relative_to(folder).as_posix()
    try:
        return make_row(folder, f'{pose}:1', name, sequence, pose_of_file(pose))
    except InputError as error:
        return make_row(folder, f'{pose}:1', name, sequence, None, str(error))


def _rows_beside(folder: Path, inner: Path, sequence: str) -> list[DatasetRow]:
    """Return the rows of images with a `.pose.txt` of the same name beside them."""
    images = sorted(image for pattern in IMAGES for image in inner.glob(pattern))
    return [_row(folder, image, image.with_name(f'{image.name.rpartition(".color.")[0]}.pose.txt'),
                 sequence) for image in images]


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
        found = _rows_beside(folder, folder / sequence, sequence)
        lines += found or [DatasetRow(where, folder, sequence, sequence,
                                      error=f'{folder / sequence} has no *.color.png')]
    return lines


def seven_scenes_camera(folder: Path, size: tuple[int, int]) -> Camera:
    """Return the camera that the dataset's page names."""
    return centred_camera(SEVEN_SCENES_FOCAL_PX * size[0] / 640, size)


def read_twelve_scenes(folder: Path, split: str) -> list[DatasetRow]:
    """
    Read a scene of 12-Scenes: its first sequence is for testing, the others for training.

    :raises InputError: when `split.txt` does not say where sequences begin and end.
    """
    sequences = []
    for where, text in numbered_lines(folder / 'split.txt'):
        found = re.match(r'(sequence\d+).*start\s*=\s*(\d+)\s*;\s*end\s*=\s*(\d+)', text)
        if not found:
            raise InputError(f'{where}: expected sequenceN [frames=...] [start=A ; end=B]. '
                             f'Received: {text!r}')
        sequences.append((found[1], int(found[2]), int(found[3])))
    rows = _rows_beside(folder, folder / 'data', '')
    return [DatasetRow(row.where, row.path, row.name, name, row.pose, row.error)
            for row in rows for index, (name, start, end) in enumerate(sequences)
            if start <= _number(row.name) <= end and (index == 0) == (split == 'test')]


def _number(name: str) -> int:
    found = re.findall(r'\d+', name)
    return int(found[-1]) if found else -1


def twelve_scenes_camera(folder: Path, size: tuple[int, int]) -> Camera | None:
    """Return the colour camera of `info.txt`; None without that file."""
    file = folder / 'info.txt'
    if not file.is_file():
        return None
    pairs = [text.split('=', 1) for _, text in numbered_lines(file) if '=' in text]
    values = {key.strip(): value.split() for key, value in pairs}
    try:
        k = [float(word) for word in values['m_calibrationColorIntrinsic']]
        width, height = int(values['m_colorWidth'][0]), int(values['m_colorHeight'][0])
        return Camera(width, height, k[0], k[5], k[2], k[6]).scaled(*size)
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(f'{file} has to hold m_colorWidth, m_colorHeight and '
                         f'm_calibrationColorIntrinsic. Received: {error}') from error


def read_ace(folder: Path, split: str) -> list[DatasetRow]:
    """
    Read `train` or `test` of a scene in ACE's layout: images and poses in the same order.

    :raises InputError: when they differ in number, or the folder is missing.
    """
    images, poses = (_sorted(folder / split / name) for name in ('rgb', 'poses'))
    images = [file for file in images if file.suffix.lower() in ACE_IMAGES]
    if len(images) != len(poses):
        raise InputError(f'{folder / split}: expected a file in poses for each of the '
                         f'{len(images)} images in rgb. Received: {len(poses)}')
    return [_row(folder, image, pose, re.split(r'[-_]?frame', image.name)[0] or split)
            for image, pose in zip(images, poses, strict=True)]


def _sorted(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f'{folder} is missing')
    return sorted(file for file in folder.iterdir() if not file.name.startswith('.'))


def ace_camera(folder: Path, size: tuple[int, int]) -> Camera | None:
    """
    Return the camera of the files in `calibration`: a focal length, or K; None without them.

    :raises InputError: when they differ, or hold something else.
    """
    inner = next((folder / split / 'calibration' for split in ('train', 'test')
                  if (folder / split / 'calibration').is_dir()), None)
    files = _sorted(inner) if inner else []
    if not files:
        return None
    cameras = [_ace_camera(file, size) for file in files]
    focal = [camera.fx for camera in cameras]
    if max(focal) > min(focal) * (1 + MAX_FOCAL_DIFFERENCE):
        raise InputError(f'{inner}: all images have to have one camera. Received: focal lengths '
                         f'from {min(focal):.1f} to {max(focal):.1f} px; give --camera')
    return cameras[0]


def _ace_camera(file: Path, size: tuple[int, int]) -> Camera:
    k: Sequence[float] = read_matrix(file).ravel().tolist()
    if len(k) == 1:
        return centred_camera(k[0], size)
    if len(k) != 9:
        raise InputError(f'{file}: expected a focal length or the 9 numbers of K. '
                         f'Received: {len(k)} numbers')
    return Camera.from_matrix(k, *size)
