"""The camera of a dataset: from its files, or known for public ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from posenet_ros.datasets import colmap, nerfstudio
from posenet_ros.datasets.dataset_rows import numbered_lines
from posenet_ros.datasets.layouts import (
    CAMBRIDGE_FOCAL,
    CAMBRIDGE_SCENES,
    CAMERA_FILE,
    SEVEN_SCENES_FOCAL_PX,
    TUM_INTRINSICS,
)
from posenet_ros.datasets.pose_files import is_number
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.camera_text import centred_camera
from posenet_ros.geometry.distortion import NAMES
from posenet_ros.utils.files.typed_json import read_mapping
from posenet_ros.utils.settings.schema import from_mapping


def _nvm_focal_px(file: Path) -> float:
    """Return the median focal length of a VisualSFM reconstruction, pixels of its images."""
    rows = [text.split() for _, text in numbered_lines(file)]
    focal = [float(row[1]) for row in rows[2:] if len(row) == 11 and is_number(row[1])]
    if not focal:
        raise InputError(f'{file} has to be an NVM_V3 file with cameras')
    return float(np.median(focal))


def camera_in_file(folder: Path) -> Camera | None:
    """
    Return the camera of the folder's `camera.json`, None where there is none.

    :raises InputError: when the file does not hold a camera.
    """
    file = folder / CAMERA_FILE
    if not file.exists():
        return None
    content = read_mapping(file)
    model = content.get('distortion_model')
    if isinstance(model, str):
        content['distortion_model'] = NAMES.get(model, model)
    try:
        return from_mapping(Camera, content, CAMERA_FILE)
    except InputError as error:
        raise InputError(f'{file} has to hold width, height, fx, fy, cx, cy and distortion. '
                         f'Received: {error}') from error


def known_camera(folder: Path, size: tuple[int, int]) -> Camera | None:
    """
    Return the camera of a reconstruction, or that a public dataset is known to have; else None.

    :raises InputError: when a reconstruction has several cameras, or one that is not known here.
    """
    transforms, model = folder / nerfstudio.TRANSFORMS_FILE, colmap.images_file(folder)
    if transforms.is_file() and (camera := nerfstudio.transforms_camera(transforms, size)):
        return camera
    if model and not transforms.is_file():
        return colmap.colmap_camera(model)
    name, width = folder.resolve().name, size[0]
    nvm = sorted(folder.glob('*.nvm'))
    if nvm:  # reconstructed from the images as filmed, 1920 wide
        return centred_camera(_nvm_focal_px(nvm[0]) * width / 1920, size)
    if name in CAMBRIDGE_SCENES:
        return centred_camera(CAMBRIDGE_FOCAL * width, size)
    if (folder / 'TrainSplit.txt').exists():
        return centred_camera(SEVEN_SCENES_FOCAL_PX * width / 640, size)
    for key, (fx, fy, cx, cy) in TUM_INTRINSICS.items():
        if key in name:
            return Camera(640, 480, fx, fy, cx, cy).scaled(*size)
    return None
