"""Images of other places: a folder of them or a bag, for the question whether a model knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.evaluation.sources import ROW_NS, Shot, Source
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Reduction
from posenet_ros.imaging.files import read_image
from posenet_ros.imaging.preprocess import (
    centred,
)
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.messages import frame_from_message, Message

SUFFIXES = ('.png', '.jpg', '.jpeg', '.ppm', '.pgm')
BAG_SUFFIXES = ('.mcap', '.db3', '.bag')
MOST = 1000  # images of a place, evenly spread: more would tell no more


def cropped_to(image: RgbImage, camera: Camera) -> RgbImage:
    """
    Return the middle of an image that has the aspect of a camera.

    Images of another camera are taken for this one's: to the network they are of another place
    either way.

    :param image: (height, width, 3).
    """
    height, width = image.shape[:2]
    wide, high = (min(width, round(height * camera.width / camera.height)),
                  min(height, round(width * camera.height / camera.width)))
    left, top = centred(width, wide), centred(height, high)
    return image[top:top + high, left:left + wide]


def _file(path: Path, camera: Camera, reduction: Reduction | None) -> RgbImage:
    return cropped_to(read_image(path, reduction=reduction), camera)


def _message(message: Message, camera: Camera, reduction: Reduction | None) -> RgbImage:
    return cropped_to(frame_from_message(message, reduction).image, camera)


def _shots(name: str, items: Iterator[tuple[str, partial[RgbImage]]], every: int) -> Iterator[Shot]:
    """Yield one of so many; their truth has no meaning."""
    for i, (title, load) in enumerate(items):
        if i % every == 0:
            yield Shot(f'{name}/{title}', (i + 1) * ROW_NS, Pose(), load, name)


def _every(count: int) -> int:
    return max(-(-count // MOST), 1)


@contextmanager
def open_strays(path: Path, camera: Camera) -> Iterator[Source]:
    """
    Open a folder of images (also in folders inside) or a bag, of which one topic has images.

    :param camera: the model's; images are cropped to its aspect.
    :raises InputError: when there are none.
    """
    name = path.resolve().name
    if path.suffix in BAG_SUFFIXES or (path / 'metadata.yaml').is_file():
        with BagReader(path) as bag:
            topic = bag.image_topic()
            every = _every(bag.count(topic))
            messages = ((f'image{i:06d}', partial(_message, message, camera))
                        for i, message in enumerate(bag.messages(topic)))
            yield Source(_shots(name, messages, every), -(-bag.count(topic) // every), camera)
        return
    files = sorted(file for file in path.rglob('*') if file.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(f'{path}: expected a bag or a folder with images of another place '
                         f'({", ".join(SUFFIXES)}). Received: no image')
    every = _every(len(files))
    named = ((file.relative_to(path).as_posix(), partial(_file, file, camera)) for file in files)
    yield Source(_shots(name, named, every), -(-len(files) // every), None)
