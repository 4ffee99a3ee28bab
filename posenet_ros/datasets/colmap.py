"""
A COLMAP model beside its images as a dataset.

The model lies in `sparse/0`, `sparse`, `colmap/sparse/0` or the folder itself, the images in
`images` or the folder itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from posenet_ros.datasets.colmap_files import ColmapImage, read_cameras, read_images
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera

MODEL_FOLDERS = 'sparse/0', 'sparse', 'colmap/sparse/0', ''
SUFFIXES = '.bin', '.txt'
IMAGES_FILES = tuple(
    str(Path(folder, f'images{suffix}')) for folder in MODEL_FOLDERS for suffix in SUFFIXES)
IMAGE_FOLDER = 'images'
SHOWN = 4  # cameras in a message


def images_file(folder: Path) -> Path | None:
    """Return images.bin or images.txt of the model in a folder; None where there is none."""
    return next((folder / name for name in IMAGES_FILES if (folder / name).is_file()), None)


def image_name(folder: Path, name: str) -> str:
    """Return the path within the dataset of an image that the model names."""
    return f'{IMAGE_FOLDER}/{name}' if (folder / IMAGE_FOLDER).is_dir() else name


def sequence_name(folder: Path, name: str) -> str:
    """Return the walk of an image: its folder, or the dataset's name where it has none."""
    return name.rpartition('/')[0] or folder.resolve().name


def colmap_camera(file: Path) -> Camera:
    """
    Return the camera of all images of a model.

    :param file: images.bin or images.txt of the model.
    :raises InputError: when its images have several cameras that differ.
    """
    cameras = read_cameras(file.with_name(f'cameras{file.suffix}'))
    images = read_images(file)
    used = sorted({image.camera_id for image in images})
    missing = [number for number in used if number not in cameras]
    if missing or not used:
        raise InputError(f'{file}: expected images whose cameras are in '
                         f'cameras{file.suffix}. Received: '
                         + (f'camera {missing[0]}' if missing else 'no image'))
    found = {cameras[number][1] for number in used}
    if len(found) > 1:
        raise InputError(f'{file}: all images have to have one camera. Received: '
                         f'{_describe(used, cameras, images)}; reconstruct with one camera '
                         '(colmap feature_extractor --ImageReader.single_camera 1), or map the '
                         'images of each by themselves')
    return found.pop()


def _describe(used: Iterable[int], cameras: dict[int, tuple[str, Camera]],
              images: Iterable[ColmapImage]) -> str:
    """Describe cameras, the first few: number, model, size, focal length, images."""
    numbers = [image.camera_id for image in images]
    texts = [f'camera {number} ({model}, {camera.width}x{camera.height}, fx {camera.fx:.1f}, '
             f'{numbers.count(number)} images)'
             for number, (model, camera) in cameras.items() if number in set(used)]
    more = f' and {len(texts) - SHOWN} more' if len(texts) > SHOWN else ''
    return f'{len(texts)} cameras, {", ".join(texts[:SHOWN])}{more}'
