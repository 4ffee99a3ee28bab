"""Open out-of-place images, from a folder or a bag."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from posenet_ros.arrays import RgbImage
from posenet_ros.datasets.tolerance import check_rejected, describe_rejected
from posenet_ros.errors import InputError
from posenet_ros.evaluation.sources import QueryImage, ROW_NS, Source
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Reduction
from posenet_ros.imaging.files import read_image, try_image
from posenet_ros.imaging.preprocess import centred
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.files.bag_layout import file_kind, is_bag_folder, SUFFIXES
from posenet_ros.ros_data.messages import frame_from_message, Message
from posenet_ros.utils.choices import MAX_IMAGES_OF_A_PLACE
from posenet_ros.utils.parallel import ordered_map

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.ppm', '.pgm')


def crop_to_aspect(image: RgbImage, camera: Camera) -> RgbImage:
    """
    Crop the centre of an image to the aspect ratio of a camera.

    Images of another camera are treated as this one's: to the network they are out of place
    either way.

    :param image: (height, width, 3).
    """
    height, width = image.shape[:2]
    wide, high = (min(width, round(height * camera.width / camera.height)),
                  min(height, round(width * camera.height / camera.width)))
    left, top = centred(width, wide), centred(height, high)
    return image[top:top + high, left:left + wide]


def _file(path: Path, camera: Camera, reduction: Reduction | None) -> RgbImage:
    return crop_to_aspect(read_image(path, reduction=reduction), camera)


def _message(message: Message, camera: Camera, reduction: Reduction | None) -> RgbImage:
    return crop_to_aspect(frame_from_message(message, reduction).image, camera)


def _queries(
        name: str, items: Iterator[tuple[str, partial[RgbImage]]],
        stride: int) -> Iterator[QueryImage]:
    """Yield every nth image; its truth has no meaning."""
    for i, (file_name, load) in enumerate(items):
        if i % stride == 0:
            yield QueryImage(f'{name}/{file_name}', (i + 1) * ROW_NS, Pose(), load, name)


def _stride(count: int) -> int:
    return max(-(-count // MAX_IMAGES_OF_A_PLACE), 1)


@contextmanager
def open_out_of_place(path: Path, camera: Camera) -> Iterator[Source]:
    """
    Open a folder of images, searched recursively, or a bag with one image topic.

    :param camera: the model's; images are cropped to its aspect ratio.
    :raises InputError: when there are none, or more than a tenth are damaged; fewer are left out,
        and `data` of the source has the reasons.
    """
    name = path.resolve().name
    if is_bag_folder(path) if path.is_dir() else file_kind(path) in SUFFIXES:
        with BagReader(path) as bag:
            topic = bag.image_topic()
            stride = _stride(bag.count(topic))
            messages = ((f'image{i:06d}', partial(_message, message, camera))
                        for i, message in enumerate(bag.messages(topic, [])))
            yield Source(_queries(name, messages, stride), -(-bag.count(topic) // stride), camera)
        return
    files = sorted(file for file in path.rglob('*') if file.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise InputError(f'{path}: expected a bag or a folder with images of another place '
                         f'({", ".join(IMAGE_SUFFIXES)}). Received: no image')
    chosen = files[::_stride(len(files))]
    checked = list(zip(chosen, ordered_map(try_image, chosen), strict=True))
    rejected = [str(found) for _, found in checked if isinstance(found, InputError)]
    check_rejected(rejected, len(chosen))
    named = [(file.relative_to(path).as_posix(), partial(_file, file, camera))
             for file, found in checked if not isinstance(found, InputError)]
    yield Source(_queries(name, iter(named), 1), len(named), None, describe_rejected(rejected))
