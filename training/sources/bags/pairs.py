"""What a bag has beside each image: the right image of a stereo pair, a depth image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.imaging.decoding import decode_depth
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.camera_info import camera_from_message, is_rectified
from posenet_ros.ros_data.messages import frame_from_message, Message, stamp_ns
from posenet_ros.ros_data.topics import IMAGE_TYPES
from posenet_ros.training.data.walk import WalkImage
from posenet_ros.training.sources.bags.frames import (
    base_topic,
    camera_info_beside,
    DEPTH_WORDS,
    sibling_topics,
    topics_of,
)
from posenet_ros.training.sources.saved_images import save_depth, save_image

PAIRS = (('left', 'right'), ('infra1', 'infra2'), ('cam0', 'cam1'), ('image_0', 'image_1'))
MAX_STEREO_GAP_S, MAX_DEPTH_GAP_S = 0.005, 0.02
ALIGNED = 'aligned'  # in the topic of depth images that were brought to the colour camera
COMPRESSED_DEPTH = 'compressedDepth'
COMPRESSED_DEPTH_HEADER = 12  # bytes of compressed_depth_image_transport before the PNG
MILLIMETRES, METRES = ('16UC1', 'mono16'), '32FC1'


@dataclass(frozen=True)
class Beside:
    """
    Images with what was found beside them.

    :param baseline_m: of a stereo pair; None where there is none.
    :param notes: what is to be said.
    """

    images: tuple[WalkImage, ...]
    baseline_m: float | None = None
    notes: tuple[str, ...] = ()


def add_right_images(bag: BagReader, topic: str, camera: Camera | None,
                     images: Sequence[WalkImage], folder: Path) -> Beside:
    """
    Write the right images of a rectified stereo pair.

    :param topic: of the images, the left ones.
    :param camera: of the left images.
    :param folder: for the right images.
    """
    whole = tuple(images)
    for right in sibling_topics(bag, topic, PAIRS, *IMAGE_TYPES):
        baseline_m, why = _baseline(bag, topic, right, camera)
        if baseline_m is None:
            return Beside(whole, notes=(f'{right} is left out: {why}',))
        files = _save_nearest(bag, right, whole, MAX_STEREO_GAP_S, folder, _save_right)
        found = tuple(replace(image, right=files.get(i)) for i, image in enumerate(whole))
        return Beside(found, baseline_m if files else None)
    return Beside(whole)


def _baseline(bag: BagReader, left: str, right: str,
              camera: Camera | None) -> tuple[float | None, str]:
    """Return the baseline, metres, or None and why the pair cannot be used."""
    topic = camera_info_beside(bag, right)
    message = next(iter(bag.messages(topic, [])), None) if topic else None
    if message is None or camera is None:
        return None, 'a camera of the pair has no camera_info'
    try:
        other = camera_from_message(message, right).camera
    except InputError as error:
        return None, str(error)
    plain = not camera.distortion and other is not None and not other.distortion and np.allclose(
        np.asarray(message.r, np.float64).reshape(3, 3), np.eye(3), atol=1e-3)
    if not plain and not (is_rectified(left) and is_rectified(right)):
        return None, 'the images of the pair are not rectified (stereo_image_proc)'
    p = np.asarray(message.p, np.float64)
    baseline_m = -p[3] / p[0] if p[0] else 0.0
    if not baseline_m > 0:
        return None, ('P of its camera_info has to hold the baseline, -fx times metres in the '
                      f'fourth column; it holds {p[3]:g}')
    return float(baseline_m), ''


def _save_right(message: Message, path: Path) -> Path:
    return save_image(message, frame_from_message(message).image, path)


def _save_nearest(bag: BagReader, topic: str, images: Sequence[WalkImage], max_gap_s: float,
                  folder: Path, save: Callable[[Message, Path], Path]) -> dict[int, Path]:
    """Save the messages of a topic that are near an image in time; return file by image."""
    folder.mkdir(parents=True, exist_ok=True)
    stamps = np.array([image.stamp_ns for image in images], np.int64)
    files: dict[int, Path] = {}
    best: dict[int, int] = {}
    for message in bag.messages(topic, []):
        gaps = np.abs(stamps - stamp_ns(message.header.stamp))
        index = int(gaps.argmin())
        gap = int(gaps[index])
        if gap > max_gap_s * 1e9 or gap >= best.get(index, gap + 1):
            continue
        try:
            files[index] = save(message, folder / Path(images[index].name).stem)
            best[index] = gap
        except InputError:
            continue  # this one is damaged: its image has none beside it
    return files


def add_depth_images(bag: BagReader, topic: str, frame_id: str, images: Sequence[WalkImage],
                     folder: Path) -> Beside:
    """
    Write the depth images that belong to the images, in millimetres.

    :param topic: of the images.
    :param frame_id: of the images: depth images of another camera are not taken.
    :param folder: for the depth images.
    """
    whole = tuple(images)
    topics = [name for name in topics_of(bag, *IMAGE_TYPES)
              if any(word in name.lower() for word in DEPTH_WORDS) and name != topic]
    if not topics:
        return Beside(whole)
    topics.sort(key=lambda name: (ALIGNED not in name, base_topic(name), name))
    chosen = topics[0]
    first = next(iter(bag.messages(chosen, [])))
    if ALIGNED not in chosen and first.header.frame_id != frame_id:
        return Beside(whole, notes=(
            f'{chosen} is of the frame {first.header.frame_id!r}, the images of {frame_id!r}: it '
            'is left out; record depth that is aligned with the images',))
    try:
        depth_image_mm(first)
    except InputError as error:
        return Beside(whole, notes=(f'{chosen} is left out: {error}',))
    files = _save_nearest(bag, chosen, whole, MAX_DEPTH_GAP_S, folder,
                          lambda message, path: save_depth(depth_image_mm(message), path))
    return Beside(tuple(replace(image, depth=files.get(i)) for i, image in enumerate(whole)))


def depth_image_mm(message: Message) -> NDArray[np.uint16]:
    """
    Return the depth image of a message, millimetres, 0 where there is none (REP-118).

    :param message: sensor_msgs/Image 16UC1 or 32FC1, or a CompressedImage of 16 bits.
    :raises InputError: when it is none.
    """
    if not hasattr(message, 'encoding'):
        return _compressed_depth(message)
    kinds: dict[str, Any] = {**dict.fromkeys(MILLIMETRES, np.uint16), METRES: np.float32}
    if message.encoding not in kinds:
        raise InputError(f'a depth image has to be {", ".join(kinds)}. '
                         f'Received: {message.encoding!r}')
    kind = np.dtype(kinds[message.encoding]).newbyteorder('>' if message.is_bigendian else '<')
    data = np.frombuffer(message.data, np.uint8)
    row_bytes = message.width * kind.itemsize
    if message.step < row_bytes or len(data) < message.step * message.height:
        raise InputError(f'a depth image {message.width}x{message.height} has to have '
                         f'{row_bytes * message.height} bytes. Received: {len(data)}')
    rows = data[:message.step * message.height].reshape(message.height, message.step)
    values = np.ascontiguousarray(rows[:, :row_bytes]).view(kind)
    scale = 1000.0 if message.encoding == METRES else 1.0
    return _millimetres(values.astype(np.float64) * scale)


def _millimetres(values: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Return whole millimetres; what is not finite or does not fit is unknown."""
    known = np.isfinite(values) & (values > 0) & (values < 65535)
    return np.where(known, np.round(np.where(known, values, 0)), 0).astype(np.uint16)


def _compressed_depth(message: Message) -> NDArray[np.uint16]:
    data = np.frombuffer(message.data, np.uint8)
    if COMPRESSED_DEPTH in message.format:
        data = data[COMPRESSED_DEPTH_HEADER:]
    if '32FC1' in message.format:
        raise InputError('a compressed depth image has to be a PNG of 16 bits, millimetres. '
                         f'Received: {message.format!r}')
    return decode_depth(data)
