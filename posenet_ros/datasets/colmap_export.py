"""Write a COLMAP model, text or binary, as "colmap model_converter" and its GUI read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.datasets.colmap_files import MODELS, PIXEL_OFFSET
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import EQUIDISTANT
from posenet_ros.geometry.pose import Pose, wxyz_from_xyzw

CAMERA_ID = 1
OBSERVATION = np.dtype([('pixel', '<f8', 2), ('point', '<i8')])  # of an image
TRACK_ELEMENT = np.dtype([('image', '<u4'), ('index', '<u4')])  # of a point


@dataclass(frozen=True, eq=False)
class SparsePoints:
    """
    Points of a model, and the images that see them.

    :param points_m: (L, 3), in the map.
    :param colors: (L, 3) RGB, uint8.
    :param starts: (V + 1,) index into `seen` of the first point of each image, and O.
    :param seen: (O,) the points that each image sees, image by image.
    :param pixels: (O, 2) where, pixel centres at integers.
    """

    points_m: Floats
    colors: NDArray[np.uint8]
    starts: NDArray[np.integer]
    seen: NDArray[np.integer]
    pixels: Floats


@dataclass(frozen=True)
class PosedImage:
    """
    An image to write.

    :param name: of its file, relative to the folder of images.
    """

    name: str
    map_from_camera: Pose


def model_of_camera(camera: Camera) -> tuple[str, tuple[float, ...]]:
    """
    Return COLMAP's model and parameters of a camera.

    :raises InputError: when its distortion has more coefficients than COLMAP knows.
    """
    k = camera.distortion
    pinhole = (camera.fx, camera.fy, camera.cx + PIXEL_OFFSET, camera.cy + PIXEL_OFFSET)
    if camera.distortion_model == EQUIDISTANT:
        return 'OPENCV_FISHEYE', (*pinhole, *k)
    if not any(k):
        return 'PINHOLE', pinhole
    if any(k[8:]):
        raise InputError('COLMAP has at most 8 coefficients of distortion. '
                         f'Received: {len(k)} (thin prism); rectify the images')
    if any(k[4:]):
        return 'FULL_OPENCV', (*pinhole, *(*k, 0.0, 0.0, 0.0, 0.0)[:8])
    return 'OPENCV', (*pinhole, *k[:4])


def write_colmap(folder: Path, camera: Camera, images: Sequence[PosedImage],
                 points: SparsePoints, *, text: bool = False) -> None:
    """
    Write cameras, images and points3D of a model.

    :param folder: exists, as `sparse/0` of a project.
    :param text: write .txt in place of .bin.
    :raises InputError: when COLMAP has no model for the camera.
    """
    tables = {'cameras': [camera], 'images': _with_observations(images, points),
              'points3D': _with_tracks(points)}
    writers: dict[str, Any] = TEXT_WRITERS if text else BINARY_WRITERS
    for name, rows in tables.items():
        path = folder / f'{name}.{"txt" if text else "bin"}'
        content = [writers[name](number, row) for number, row in enumerate(rows, 1)]
        head = f'# {name}: {len(content)}\n'.encode() if text else struct.pack('<Q', len(content))
        path.write_bytes(head + b''.join(content))


Image = tuple[PosedImage, NDArray[np.void]]
Point = tuple[Floats, NDArray[np.uint8], NDArray[np.void]]


def _with_observations(images: Sequence[PosedImage],
                       points: SparsePoints) -> Iterator[Image]:
    """Yield each image with its (N,) observations; points are numbered from 1."""
    observations = np.zeros(len(points.seen), OBSERVATION)
    observations['pixel'] = points.pixels + PIXEL_OFFSET
    observations['point'] = points.seen + 1
    for image, start, end in zip(images, points.starts[:-1], points.starts[1:], strict=True):
        yield image, observations[start:end]


def _with_tracks(points: SparsePoints) -> Iterator[Point]:
    """Yield each point with its colour and its track: the images, from 1, that see it."""
    counts = np.diff(points.starts)
    elements = np.zeros(len(points.seen), TRACK_ELEMENT)
    elements['image'] = np.repeat(np.arange(1, len(counts) + 1), counts)
    elements['index'] = np.arange(len(points.seen)) - np.repeat(points.starts[:-1], counts)
    elements = elements[np.argsort(points.seen, kind='stable')]
    ends = np.cumsum(np.bincount(points.seen, minlength=len(points.points_m))).tolist()
    tracks = (elements[start:end] for start, end in pairwise([0, *ends]))
    return zip(points.points_m, points.colors, tracks, strict=True)


def _camera_from_map(image: PosedImage) -> list[float]:
    """Return QW QX QY QZ TX TY TZ."""
    pose = image.map_from_camera.inverse()
    return [*wxyz_from_xyzw(pose.quat_xyzw).tolist(), *pose.translation_m.tolist()]


def _text(values: Iterable[object]) -> str:
    return ' '.join(map(str, values))


def _text_camera(number: int, camera: Camera) -> bytes:
    model, parameters = model_of_camera(camera)
    return f'{_text((number, model, camera.width, camera.height, *parameters))}\n'.encode()


def _text_image(number: int, row: Image) -> bytes:
    image, seen = row
    points = _text(value for pixel, point in seen.tolist() for value in (*pixel, point))
    numbers = _text((number, *_camera_from_map(image), CAMERA_ID))
    return f'{numbers} {image.name}\n{points}\n'.encode()


def _text_point(number: int, row: Point) -> bytes:
    position, color, track = row
    elements = (value for element in track.tolist() for value in element)
    values = number, *position.tolist(), *color.tolist(), 0.0, *elements
    return f'{_text(values)}\n'.encode()


def _binary_camera(number: int, camera: Camera) -> bytes:
    model, parameters = model_of_camera(camera)
    return struct.pack(f'<IiQQ{len(parameters)}d', number, MODELS[model][0], camera.width,
                       camera.height, *parameters)


def _binary_image(number: int, row: Image) -> bytes:
    image, seen = row
    return (struct.pack('<I7dI', number, *_camera_from_map(image), CAMERA_ID)
            + image.name.encode() + b'\0' + struct.pack('<Q', len(seen)) + seen.tobytes())


def _binary_point(number: int, row: Point) -> bytes:
    position, color, track = row
    return struct.pack('<Q3d3BdQ', number, *position.tolist(), *color.tolist(), 0.0,
                       len(track)) + track.tobytes()


TEXT_WRITERS = {'cameras': _text_camera, 'images': _text_image, 'points3D': _text_point}
BINARY_WRITERS = {'cameras': _binary_camera, 'images': _binary_image, 'points3D': _binary_point}
