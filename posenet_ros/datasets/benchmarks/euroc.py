"""
EuRoC MAV and others in ASL form (TUM-VI, Kimera, OpenVINS): https://projects.asl.ethz.ch/datasets.

Poses are those of a sensor of the body; T_BS of `sensor.yaml`, body from sensor, brings them to
the camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from posenet_ros.datasets.benchmarks.stamped import (
    numbered_blocks,
    read_image_list,
    read_stamped_poses,
    unmatched,
)
from posenet_ros.datasets.dataset_rows import DatasetRow, make_row
from posenet_ros.datasets.pose_files import Format, Unit
from posenet_ros.datasets.poses.rows import pose_of_matrix
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import NAMES, RATIONAL
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import Trajectory
from posenet_ros.utils.files.text import read_text

FILES = 'mav0/cam0/data.csv', 'cam0/data.csv'
TRUTHS = 'state_groundtruth_estimate0', 'mocap0', 'vicon0', 'gt0'  # the first that is there
MAX_GAP_S = 0.1  # between the poses round an image
MODELS = {**NAMES, 'radial-tangential': RATIONAL, 'none': RATIONAL}


def _base(folder: Path) -> Path:
    return folder / 'mav0' if (folder / 'mav0').is_dir() else folder


def read_euroc(folder: Path, split: str) -> list[DatasetRow]:
    """
    Read a sequence; its poses are interpolated at the stamps of cam0.

    It names no splits: every eighth block of 50 images is the test split.

    :raises InputError: when a file is missing, or the extrinsics are no rigid transform.
    """
    base = _base(folder)
    sensor = next((name for name in TRUTHS if (base / name / 'data.csv').is_file()), None)
    if sensor is None:
        raise InputError(f'{base}: expected poses in one of {", ".join(TRUTHS)}. Received: none; '
                         'for images without poses use posenet map --images')
    truth, rows = read_stamped_poses(base / sensor / 'data.csv', Format.EUROC)
    trajectory = Trajectory.from_poses(truth)
    sensor_from_camera = _body_from_sensor(base / sensor).inverse() @ _body_from_sensor(
        base / 'cam0')
    for block, image in numbered_blocks(read_image_list(base / 'cam0/data.csv', Unit.NS), split):
        name = (base / 'cam0/data' / image.name).relative_to(folder).as_posix()
        if image.stamp_ns is None:
            rows.append(DatasetRow(image.where, folder, name, block, error=image.error))
            continue
        pose = trajectory.at(image.stamp_ns, MAX_GAP_S)
        rows.append(make_row(folder, image.where, name, block, pose @ sensor_from_camera) if pose
                    else unmatched(folder, image, name, block, f'no poses within {MAX_GAP_S} s '
                                   'round its stamp'))
    return rows


def read_yaml(file: Path) -> dict[str, Any]:
    """
    Read a calibration in YAML, of OpenCV's dialect too.

    :raises InputError: when it is missing, or damaged.
    """
    import yaml

    lines = read_text(file).replace('!!opencv-matrix', '').splitlines()
    text = '\n'.join(line for line in lines if not line.startswith('%YAML'))
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:  # of a date or a number, too
        raise InputError(f'{file} is damaged: {" ".join(str(error).split())[:200]}') from error
    if not isinstance(content, dict):
        raise InputError(f'{file}: expected a mapping. Received: {str(content)[:80]!r}')
    return content


def matrix_of(values: object, file: Path, key: str) -> Pose:
    """
    Return the rigid transform of a mapping with `data`, or of nested lists.

    :raises InputError: naming file and key, when it is none.
    """
    data = values.get('data') if isinstance(values, Mapping) else values
    try:
        return pose_of_matrix(np.array(data, np.float64).reshape(-1, 4)[:4])
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f'{file}: {key} has to be a rigid transform of 4x4 numbers. '
                         f'Received: {str(data)[:80]} ({error})') from error


def _body_from_sensor(folder: Path) -> Pose:
    """Read T_BS; without a file or a key, as for a pose that is the body's, nothing is between."""
    file = folder / 'sensor.yaml'
    if not file.is_file():
        if folder.name == 'cam0':
            raise InputError(f'{file} is missing: the camera and its place on the body are not '
                             'known')
        return Pose()
    content = read_yaml(file)
    return matrix_of(content['T_BS'], file, 'T_BS') if 'T_BS' in content else Pose()


def euroc_camera(folder: Path, size: tuple[int, int]) -> Camera | None:
    """
    Return the camera of `cam0/sensor.yaml`.

    :raises InputError: when a number is missing, or the distortion is of another kind.
    """
    file = _base(folder) / 'cam0' / 'sensor.yaml'
    content = read_yaml(file)
    model = str(content.get('distortion_model', 'none'))
    if model not in MODELS or content.get('camera_model', 'pinhole') != 'pinhole':
        raise InputError(f'{file}: the camera has to be a pinhole with the distortion '
                         f'{", ".join(MODELS)}. Received: {content.get("camera_model")}, {model}')
    try:
        distortion = [float(value) for value in content.get('distortion_coefficients') or ()]
        width, height = map(int, content.get('resolution', size))
        return Camera.from_intrinsics(
            content['intrinsics'], width, height, distortion, MODELS[model])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f'{file} has to hold intrinsics [fu, fv, cu, cv], resolution and '
                         f'distortion_coefficients. Received: {error}') from error
