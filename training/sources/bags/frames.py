"""The images of a bag's topic: of image messages, and of the packets of a video."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.camera_info import camera_info_topic_of, TRANSPORTS
from posenet_ros.ros_data.messages import frame_from_message, Message, stamp_ns
from posenet_ros.ros_data.topics import choose_topic, IMAGE_TYPES, VIDEO_TYPES
from posenet_ros.training.sources.pyav import load_pyav, upright
from posenet_ros.training.sources.saved_images import save_frame, save_image

DEPTH_WORDS, RIGHT_WORDS = ('depth', 'disparity'), ('right', 'infra2', 'cam1')
CODECS = {'h264': 'h264', 'libx264': 'h264', 'avc': 'h264', 'h265': 'hevc', 'hevc': 'hevc',
          'libx265': 'hevc', 'vp9': 'vp9', 'av1': 'av1', 'mjpeg': 'mjpeg', 'mpeg4': 'mpeg4'}


def topics_of(bag: BagReader, *types: str) -> list[str]:
    """Return the topics of some types that have messages, by their names."""
    return sorted(topic for topic, kind in bag.topics.items()
                  if kind in types and bag.count(topic))


def base_topic(topic: str) -> str:
    """Return the topic of the raw images, without the transport."""
    base, _, last = topic.rpartition('/')
    return base if base and last in TRANSPORTS else topic


def _has(topic: str, words: tuple[str, ...]) -> bool:
    return any(word in topic.lower() for word in words)


def main_image_topic(bag: BagReader, asked: str | None) -> str:
    """
    Return the topic of the images to map: the one asked for, else the only likely one.

    Depth images and those of a right camera are no candidates; of several transports of the same
    images one is.

    :raises InputError: when the choice is not clear.
    """
    types = (*IMAGE_TYPES, *VIDEO_TYPES)
    found = {topic: bag.topics[topic] for topic in topics_of(bag, *types)}
    likely = {base_topic(topic): topic for topic in found
              if not _has(topic, DEPTH_WORDS) and not _has(topic, RIGHT_WORDS)}
    if asked is None and len(likely) == 1:
        return next(iter(likely.values()))
    try:
        return choose_topic(found if asked is None else bag.topics, asked, types, 'an image')
    except InputError as error:
        raise InputError(f'{bag.path}: {error}') from error


def frame_id_of(message: Message) -> str:
    """Return the frame of an image message; foxglove's has no header."""
    header: Any = getattr(message, 'header', message)
    return str(header.frame_id)


def message_stamp_ns(message: Message) -> int:
    """Return the stamp of an image message, nanoseconds."""
    header = getattr(message, 'header', None)
    return stamp_ns(header.stamp if header else message.timestamp)


class PacketDecoder:
    """Decode the packets of a video, one after the other: each builds on those before."""

    def __init__(self) -> None:
        self._av = load_pyav()
        self._codec: Any = None

    def decode(self, message: Message) -> RgbImage:
        """
        Return the frame of a message.

        :raises InputError: when it holds no whole frame, or its codec is not known.
        """
        name = str(getattr(message, 'encoding', '') or getattr(message, 'format', ''))
        words = name.lower().replace(',', ';').split(';')
        codec = next((CODECS[word] for word in words if word in CODECS), None)
        if codec is None:
            raise InputError(f'the codec of a video has to be one of {", ".join(CODECS)}. '
                             f'Received: {name!r}')
        try:
            self._codec = self._codec or self._make(codec)
            frames = self._codec.decode(self._av.Packet(bytes(message.data)))
        except self._av.FFmpegError as error:
            raise InputError('a packet of a video has to be whole, and those before it. '
                             f'Received: {error.strerror}') from error
        if not frames or frames[-1].is_corrupt:
            raise InputError('a packet of a video has to hold a whole frame. Received: '
                             f'{len(bytes(message.data))} bytes that do not decode')
        return upright(frames[-1])

    def _make(self, codec: str) -> Any:  # noqa: ANN401 - of PyAV
        context = self._av.CodecContext.create(codec, 'r')
        context.flags |= 1 << 19  # AV_CODEC_FLAG_LOW_DELAY: a frame for each packet
        context.thread_count = 1
        return context


class FrameReader:
    """
    Decode the messages of an image topic of any type, in their order.

    :param kind: message type of the topic.
    """

    def __init__(self, kind: str) -> None:
        self._packets = PacketDecoder() if kind in VIDEO_TYPES else None

    @property
    def needs_all(self) -> bool:
        """Return whether a message can only be decoded after all of those before it."""
        return self._packets is not None

    def decode(self, message: Message) -> RgbImage:
        """
        Return the pixels of a message.

        :raises InputError: when it cannot be decoded.
        """
        if self._packets:
            return self._packets.decode(message)
        return frame_from_message(message).image

    def save(self, message: Message, image: RgbImage, path: Path) -> Path:
        """Write an image; `path` is without suffix."""
        if self._packets:
            return save_frame(image, path)
        return save_image(message, image, path)


def sibling_topics(bag: BagReader, topic: str, pairs: tuple[tuple[str, str], ...],
                   *types: str) -> Iterator[str]:
    """Yield the topics of some types that a topic's name becomes by exchanging words."""
    base = base_topic(topic)
    names = {base.replace(old, new) for old, new in pairs if old in base}
    for other in topics_of(bag, *types):
        if base_topic(other) in names:
            yield other


def camera_info_beside(bag: BagReader, topic: str) -> str | None:
    """Return the camera_info topic beside an image topic, None where the bag has none."""
    name = camera_info_topic_of(topic)
    return name if name in bag.topics else None
