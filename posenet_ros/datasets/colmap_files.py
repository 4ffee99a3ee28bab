"""
Read the files of a COLMAP model, text and binary: cameras and images.

The formats are those of https://colmap.github.io/format.html. COLMAP has the centre of the upper
left pixel at (0.5, 0.5): half a pixel is taken off here, and added in
:mod:`posenet_ros.datasets.colmap_export`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
import struct
from typing import TypeAlias, TypeVar

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import EQUIDISTANT, RATIONAL
from posenet_ros.geometry.pose import check_position, Pose, xyzw_from_wxyz
from posenet_ros.utils.files.text import read_text

T = TypeVar('T')

PIXEL_OFFSET = 0.5  # of COLMAP's pixel centres from ours
POINT2D_BYTES = 24  # x, y, and the point that it sees


def _square(f: float, cx: float, cy: float, *k: float) -> tuple[float, ...]:
    """Return fx fy cx cy k1 k2 p1 p2 of the models with one focal length."""
    return (f, f, cx, cy, *((*k, 0.0)[:2] if k else ()), *((0.0, 0.0) if k else ()))


def _same(*parameters: float) -> tuple[float, ...]:
    return parameters


# model -> COLMAP's number, number of parameters, to fx fy cx cy and distortion, our model
MODELS: dict[str, tuple[int, int, Callable[..., tuple[float, ...]], str]] = {
    'SIMPLE_PINHOLE': (0, 3, _square, RATIONAL), 'PINHOLE': (1, 4, _same, RATIONAL),
    'SIMPLE_RADIAL': (2, 4, _square, RATIONAL), 'RADIAL': (3, 5, _square, RATIONAL),
    'OPENCV': (4, 8, _same, RATIONAL), 'OPENCV_FISHEYE': (5, 8, _same, EQUIDISTANT),
    'FULL_OPENCV': (6, 12, _same, RATIONAL)}
NAMES = {number: name for name, (number, *_) in MODELS.items()}


@dataclass(frozen=True)
class ColmapImage:
    """
    An image of a model.

    :param name: of its file, relative to the folder of images.
    """

    name: str
    camera_id: int
    map_from_camera: Pose


ImageRow: TypeAlias = tuple[str, ColmapImage | InputError]  # where it stands, and what it is


def camera_of_model(model: str, size: tuple[int, int], parameters: Sequence[float]) -> Camera:
    """
    Make the camera of COLMAP's parameters.

    :param size: (width, height), pixels.
    :raises InputError: when the model is not known here, or has other parameters.
    """
    if model not in MODELS:
        raise InputError(f'the camera model has to be one of {", ".join(MODELS)}. Received: '
                         f'{model}; "colmap image_undistorter" makes PINHOLE images of it')
    _, count, convert, ours = MODELS[model]
    if len(parameters) != count:
        raise InputError(f'a camera {model} has to have {count} parameters. '
                         f'Received: {len(parameters)}')
    fx, fy, cx, cy, *distortion = convert(*parameters)
    return Camera.from_intrinsics(
        (fx, fy, cx - PIXEL_OFFSET, cy - PIXEL_OFFSET), *size, distortion, ours)


def _text_rows(file: Path) -> Iterator[tuple[str, str]]:
    """Yield (file:number, text) of each line but comments; empty ones count."""
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if not line.startswith('#'):
            yield f'{file}:{number}', line


def _text_cameras(file: Path) -> Iterator[tuple[int, str, tuple[int, int], list[float]]]:
    for where, line in _text_rows(file):
        words = line.split()
        if not words:
            continue
        try:
            yield (int(words[0]), words[1], (int(words[2]), int(words[3])),
                   [float(word) for word in words[4:]])
        except (ValueError, IndexError) as error:
            raise InputError(f'{where}: expected CAMERA_ID MODEL WIDTH HEIGHT PARAMS. '
                             f'Received: {line!r}') from error


def _text_images(file: Path) -> Iterator[ImageRow]:
    """Yield the images of images.txt: of two lines each, the second holds its points."""
    rows = _text_rows(file)
    for where, line in rows:
        if not line.strip():
            continue
        words = line.split(maxsplit=9)
        try:
            numbers = [float(word) for word in words[1:8]]
            yield where, _image(words[9].strip(), int(words[8]), numbers)
        except (ValueError, IndexError) as error:
            yield where, InputError(
                'expected IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME. '
                f'Received: {line[:80]!r} ({error})')
        next(rows, None)


def _image(name: str, camera_id: int, numbers: Sequence[float]) -> ColmapImage:
    """Make an image of camera_from_map: QW QX QY QZ TX TY TZ."""
    camera_from_map = Pose(np.array(numbers[4:]), xyzw_from_wxyz(np.array(numbers[:4])))
    check_position(camera_from_map.translation_m)
    return ColmapImage(name, camera_id, camera_from_map.inverse())


class _Bytes:
    """The content of a binary file, read from its beginning."""

    def __init__(self, file: Path) -> None:
        self.data, self.at = file.read_bytes(), 0

    def take(self, layout: str) -> tuple[int | float, ...]:
        layout = f'<{layout}'
        values = struct.unpack_from(layout, self.data, self.at)
        self.at += struct.calcsize(layout)
        return values

    def whole(self) -> int:
        """Take a number of 64 bits."""
        return int(self.take('Q')[0])

    def skip(self, count: int) -> None:
        self.at += count

    def text(self) -> str:
        end = self.data.index(b'\0', self.at)
        found, self.at = self.data[self.at:end].decode(), end + 1
        return found


def _binary_cameras(file: Path) -> Iterator[tuple[int, str, tuple[int, int], list[float]]]:
    data = _Bytes(file)
    for _ in range(data.whole()):
        number, kind, width, height = map(int, data.take('IiQQ'))
        model = NAMES.get(kind, f'number {kind}')
        if model not in MODELS:
            camera_of_model(model, (width, height), ())  # says what is known
        yield number, model, (width, height), list(data.take(f'{MODELS[model][1]}d'))


def _binary_images(file: Path) -> Iterator[ImageRow]:
    data = _Bytes(file)
    for _ in range(data.whole()):
        _, *numbers, camera_id = data.take('I7dI')
        name = data.text()
        try:
            yield f'{file}: {name}', _image(name, int(camera_id), numbers)
        except InputError as error:
            yield f'{file}: {name}', error
        data.skip(data.whole() * POINT2D_BYTES)


def read_cameras(file: Path) -> dict[int, tuple[str, Camera]]:
    """
    Read cameras.txt or cameras.bin: the model's name and the camera of each number.

    :raises InputError: when the file is damaged, or has a model that is not known here.
    """
    rows = _binary_cameras(file) if file.suffix == '.bin' else _text_cameras(file)
    return {number: (model, camera_of_model(model, size, parameters))
            for number, model, size, parameters in _whole(file, rows)}


def read_image_rows(file: Path) -> list[ImageRow]:
    """
    Read images.txt or images.bin: where each image stands, and it or what is wrong with it.

    :raises InputError: when the file as a whole is damaged.
    """
    return list(_whole(file, _binary_images(file) if file.suffix == '.bin'
                       else _text_images(file)))


def read_images(file: Path) -> list[ColmapImage]:
    """
    Read the good images of :func:`read_image_rows`, in the order of their names.

    :raises InputError: when the file as a whole is damaged.
    """
    images = [image for _, image in read_image_rows(file) if isinstance(image, ColmapImage)]
    return sorted(images, key=lambda image: image.name)


def _whole(file: Path, rows: Iterator[T]) -> Iterator[T]:
    """Yield the rows of a file; what a damaged one causes is one error that names it."""
    try:
        yield from rows
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(str(file)) else f'{file}: {text}') from error
    except (struct.error, ValueError, OverflowError) as error:
        raise InputError(f'{file} is damaged: {error}') from error
