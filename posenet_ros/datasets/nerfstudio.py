"""
`transforms.json` of nerfstudio, read and written.

Its poses are map_from_camera with OpenGL's axes of the camera: x right, y up, z backwards. What
nerfstudio did to the poses of the reconstruction, `applied_transform` and `applied_scale`, is
undone here: the frame is that of the reconstruction. Its principal point counts from the corner
of the upper left pixel, as COLMAP's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
import json
from pathlib import Path
from typing import Any

import numpy as np
from posenet_ros.datasets.colmap_export import model_of_camera, PosedImage
from posenet_ros.datasets.colmap_files import camera_of_model, PIXEL_OFFSET
from posenet_ros.datasets.poses.rows import nearest_rotation
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.utils.files.text import read_json

TRANSFORMS_FILE = 'transforms.json'
OPENGL_AXES = np.diag([1.0, -1.0, -1.0])  # camera axes of OpenGL in OpenCV's
FISHEYE = 'OPENCV_FISHEYE'
MODELS = 'OPENCV', 'PINHOLE', 'SIMPLE_PINHOLE', FISHEYE
DISTORTION_KEYS = {FISHEYE: ('k1', 'k2', 'k3', 'k4'), 'OPENCV': (
    'k1', 'k2', 'p1', 'p2', 'k3')}
MAX_SCALE = 1e9  # of applied_scale
CAMERA_KEYS = ('camera_model', 'fl_x', 'fl_y', 'cx', 'cy', 'w', 'h', 'k1', 'k2', 'k3', 'k4', 'p1',
               'p2', 'camera_angle_x')


def read_transforms(file: Path) -> dict[str, Any]:
    """
    Read transforms.json.

    :raises InputError: when it is missing, damaged, or has no frames.
    """
    content = read_json(file)
    frames = content.get('frames') if isinstance(content, dict) else None
    if not isinstance(frames, list) or not frames or not all(
            isinstance(frame, dict) for frame in frames):
        raise InputError(f'{file}: expected a list of frames. Received: {str(frames)[:80]}')
    return dict(content)


def frame_poses(content: Mapping[str, Any]) -> Iterator[tuple[str, Pose | InputError]]:
    """
    Yield the path and the pose map_from_camera of each frame, or what is wrong with it.

    :raises InputError: when applied_transform is no rotation and translation, or applied_scale
        not from above 0 to MAX_SCALE.
    """
    undo, scale = _applied_transform(content).inverse(), _applied_scale(content)
    for frame in content['frames']:
        name = str(frame.get('file_path', '')).removeprefix('./')
        try:
            matrix = np.array(frame['transform_matrix'], np.float64)
            if matrix.shape not in ((4, 4), (3, 4)):
                raise InputError('a transform_matrix has to have the shape (4, 4). '
                                 f'Received: {matrix.shape}')
            pose = Pose.from_rotation(nearest_rotation(matrix[:3, :3] @ OPENGL_AXES),
                                      matrix[:3, 3] / scale)
            yield name, undo @ pose
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            yield name, InputError(f'the frame has to have a transform_matrix of a rigid '
                                   f'transform. Received: {error}')


def _applied_transform(content: Mapping[str, Any]) -> Pose:
    """Return the transform that nerfstudio has applied to the poses."""
    matrix = content.get('applied_transform')
    if matrix is None:
        return Pose()
    try:
        array = np.array(matrix, np.float64)
        return Pose.from_rotation(array[:3, :3], array[:3, 3])
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        raise InputError('applied_transform has to be a 3x4 rotation and translation. '
                         f'Received: {matrix} ({error})') from error


def _applied_scale(content: Mapping[str, Any]) -> float:
    """Return the factor that nerfstudio has applied to the positions."""
    scale = content.get('applied_scale', 1.0)
    if not isinstance(scale, int | float) or not 0 < scale <= MAX_SCALE:
        raise InputError(f'applied_scale has to be a number above 0, up to {MAX_SCALE:g}. '
                         f'Received: {scale!r:.80}')
    return float(scale)


def transforms_camera(file: Path, size: tuple[int, int]) -> Camera | None:
    """
    Return the camera of all frames of transforms.json; None where it has no focal length.

    :param size: (width, height) of the images, pixels, where the file does not say it.
    :raises InputError: when the frames have several cameras, or one of a model not known here.
    """
    content = read_transforms(file)
    common = {key: content[key] for key in CAMERA_KEYS if key in content}
    own = [{**common, **{key: frame[key] for key in CAMERA_KEYS if key in frame}}
           for frame in content['frames']]
    cameras = {_camera(values, size, file) for values in own}
    if len(cameras) > 1:
        focal = sorted({round(camera.fx, 1) for camera in cameras if camera})
        raise InputError(f'{file}: all frames have to have one camera. Received: {len(cameras)}, '
                         f'of the focal lengths {", ".join(map(str, focal[:4]))} px; map the '
                         'images of each by themselves, or give --camera')
    return cameras.pop()


def _camera(values: Mapping[str, Any], size: tuple[int, int], file: Path) -> Camera | None:
    model = values.get('camera_model', 'OPENCV')
    if model not in MODELS:
        raise InputError(f'{file}: camera_model has to be one of {", ".join(MODELS)}. '
                         f'Received: {model!r}')
    try:
        width, height = int(values.get('w', size[0])), int(values.get('h', size[1]))
        angle = values.get('camera_angle_x')
        fx = values.get('fl_x') or (angle and width / 2 / np.tan(angle / 2))
        if not fx:
            return None
        pinhole = [fx, values.get('fl_y') or fx, values.get('cx', width / 2),
                   values.get('cy', height / 2)]
        kind = FISHEYE if model == FISHEYE else 'OPENCV'
        distortion = [float(values.get(key, 0.0)) for key in DISTORTION_KEYS[kind]]
        parameters = [*map(float, pinhole), *distortion]
        if kind != FISHEYE:
            _check_distortion(values.get('k4', 0.0))
            *parameters, k3 = parameters
            if k3:
                kind, parameters = 'FULL_OPENCV', [*parameters, k3, 0.0, 0.0, 0.0]
        return camera_of_model(kind, (width, height), parameters)
    except InputError as error:
        raise InputError(f'{file}: {error}') from error
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f'{file}: the camera has to be numbers fl_x, fl_y, cx, cy, w, h. '
                         f'Received: {error}') from error


def _check_distortion(k4: float) -> None:
    """Refuse the coefficient of r^8, which the rational model lacks."""
    if k4:
        raise InputError('the distortion has to have k1, k2, k3, p1 and p2 alone. '
                         f'Received: k4 {k4}; undistort the images')


def write_transforms(file: Path, camera: Camera, images: Iterable[PosedImage]) -> None:
    """
    Write transforms.json.

    :raises InputError: when nerfstudio has no model for the camera.
    """
    model, _ = model_of_camera(camera)
    fisheye = model == FISHEYE
    if not fisheye and any(camera.distortion[5:]):
        raise InputError('nerfstudio has k1, k2, k3, p1 and p2 of the distortion. '
                         f'Received: {len(camera.distortion)} coefficients; rectify the images')
    keys = DISTORTION_KEYS[FISHEYE if fisheye else 'OPENCV']
    frames = [{'file_path': image.name, 'transform_matrix': _opengl(image.map_from_camera)}
              for image in images]
    file.write_text(json.dumps({
        'camera_model': FISHEYE if fisheye else 'OPENCV', 'w': camera.width, 'h': camera.height,
        'fl_x': camera.fx, 'fl_y': camera.fy, 'cx': camera.cx + PIXEL_OFFSET,
        'cy': camera.cy + PIXEL_OFFSET,
        **dict(zip(keys, camera.distortion, strict=False)), 'frames': frames}, indent=1) + '\n')


def _opengl(map_from_camera: Pose) -> list[list[float]]:
    matrix = map_from_camera.matrix
    matrix[:3, :3] = matrix[:3, :3] @ OPENGL_AXES
    rows: list[list[float]] = matrix.tolist()
    return rows
