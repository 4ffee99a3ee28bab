"""The camera of a dataset: from its files, or known for public ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from posenet_ros.datasets.dataset_rows import numbered_lines
from posenet_ros.datasets.layouts import CAMERA_FILE, layout_name, LAYOUTS
from posenet_ros.datasets.pose_files import is_number
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.camera_text import centred_camera
from posenet_ros.geometry.distortion import NAMES
from posenet_ros.utils.files.typed_json import read_mapping
from posenet_ros.utils.settings.schema import from_mapping

CAMBRIDGE_SCENES = ('KingsCollege', 'OldHospital', 'ShopFacade', 'StMarysChurch', 'GreatCourt',
                    'Street')
CAMBRIDGE_FOCAL = 1670 / 1920  # of the image width, by the scenes' own reconstructions


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


def write_camera(folder: Path, camera: Camera) -> None:
    """Write the camera file of a dataset, which :func:`camera_in_file` reads."""
    (folder / CAMERA_FILE).write_text(json.dumps(camera.to_mapping(), indent=1) + '\n')


def known_camera(folder: Path, size: tuple[int, int]) -> Camera | None:
    """
    Return the camera of a reconstruction, or that a public dataset is known to have; else None.

    :raises InputError: when a reconstruction has several cameras, or one that is not known here.
    """
    name, width = folder.resolve().name, size[0]
    layout = LAYOUTS.get(layout_name(folder) or '')
    if layout and layout.camera and (camera := layout.camera(folder, size)):
        return camera
    nvm = sorted(folder.glob('*.nvm'))
    if nvm:  # reconstructed from the images as filmed, 1920 wide
        return centred_camera(_nvm_focal_px(nvm[0]) * width / 1920, size)
    return centred_camera(CAMBRIDGE_FOCAL * width, size) if name in CAMBRIDGE_SCENES else None
