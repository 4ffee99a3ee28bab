"""
Readers of dataset layouts: a row for each image, with its pose or its error.

The convention of a file's pose is turned into `map_from_camera` here, in
:mod:`posenet_ros.datasets.benchmarks` or in :mod:`posenet_ros.datasets.poses`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from posenet_ros.datasets import colmap, colmap_files, nerfstudio
from posenet_ros.datasets.benchmarks import euroc, kitti, matrix_scenes, rtabmap, tum
from posenet_ros.datasets.dataset_rows import DatasetRow, make_row
from posenet_ros.datasets.pose_files import Format, read_rows
from posenet_ros.datasets.poses.columns import IMAGE_SUFFIXES
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera

CAMERA_FILE = 'camera.json'
SPLITS = 'train', 'test'


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
    file = _images_file(folder)
    rows = []
    for where, image in colmap_files.read_image_rows(file):
        rows.append(DatasetRow(where, folder, '', '', error=str(image))
                    if isinstance(image, InputError) else
                    make_row(folder, where, colmap.image_name(folder, image.name),
                             colmap.sequence_name(folder, image.name), image.map_from_camera))
    return sorted(rows, key=lambda row: row.name)


def _images_file(folder: Path) -> Path:
    file = colmap.images_file(folder)
    assert file  # by which the layout was recognised
    return file


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


@dataclass(frozen=True)
class Layout:
    """
    A layout of data sets.

    :param files: patterns of files or folders, one of which it has.
    :param by_split: whether these are a file or folder of each of SPLITS.
    :param read: its rows of a split.
    :param camera: its camera, for images of a size; None, or one that returns None, knows none.
    """

    files: tuple[str, ...]
    read: Callable[[Path, str], list[DatasetRow]]
    camera: Callable[[Path, tuple[int, int]], Camera | None] | None = None
    by_split: bool = False

    def fits(self, folder: Path) -> bool:
        """Return whether a folder has this layout."""
        return any(next(folder.glob(pattern), None) for pattern in self.files)


LAYOUTS = {
    'Cambridge Landmarks': Layout(('dataset_train.txt', 'dataset_test.txt'), read_cambridge,
                                  by_split=True),
    '7-Scenes': Layout(matrix_scenes.SEVEN_SCENES_FILES, matrix_scenes.read_seven_scenes,
                       matrix_scenes.seven_scenes_camera, by_split=True),
    'TUM RGB-D': Layout(tum.FILES, tum.read_tum, tum.tum_camera),
    'nerfstudio': Layout((nerfstudio.TRANSFORMS_FILE,), read_nerfstudio,
                         lambda folder, size: nerfstudio.transforms_camera(
                             folder / nerfstudio.TRANSFORMS_FILE, size)),
    'COLMAP': Layout(colmap.IMAGES_FILES, read_colmap,
                     lambda folder, _: colmap.colmap_camera(_images_file(folder))),
    'EuRoC': Layout(euroc.FILES, euroc.read_euroc, euroc.euroc_camera),
    'KITTI odometry': Layout(kitti.FILES, kitti.read_kitti, kitti.kitti_camera),
    '12-Scenes': Layout(matrix_scenes.TWELVE_SCENES_FILES, matrix_scenes.read_twelve_scenes,
                        matrix_scenes.twelve_scenes_camera),
    'ACE': Layout(matrix_scenes.ACE_FILES, matrix_scenes.read_ace, matrix_scenes.ace_camera,
                  by_split=True),
    'RTAB-Map': Layout(rtabmap.FILES, rtabmap.read_rtabmap, rtabmap.rtabmap_camera)}


RECONSTRUCTIONS = 'nerfstudio', 'COLMAP'  # up to a similarity, as a rule


def layout_name(folder: Path) -> str | None:
    """Return the name of a folder's layout; None where it has none that is known."""
    return next((name for name, layout in LAYOUTS.items() if layout.fits(folder)), None)


def available_splits(folder: Path) -> list[str]:
    """
    Return which of the splits `train` and `test` a data set has.

    :raises InputError: as :func:`read_dataset_rows`.
    """
    name = layout_name(folder)
    if name in RECONSTRUCTIONS:
        return ['train']
    layout = LAYOUTS.get(name or '')
    if layout and layout.by_split:
        return [split for split, file in zip(SPLITS, layout.files, strict=True)
                if (folder / file).exists()]
    return [split for split in SPLITS if read_dataset_rows(folder, split)]


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
        return LAYOUTS[name].read(folder, split)
    if any(file.suffix.lower() in IMAGE_SUFFIXES for file in folder.rglob('*')):
        raise InputError(f'{folder} has images, but no file of poses that is known here: map '
                         f'images without poses by "posenet map --images {folder}", with those '
                         'of a file by adding --poses FILE')
    raise InputError(f'{folder} has to have one of these layouts: ' + '; '.join(
        f'{name} ({", ".join(layout.files)})' for name, layout in LAYOUTS.items()))
