"""What can be evaluated offline: the images and truths of a bag, or of a dataset folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from posenet_ros.arrays import RgbImage
from posenet_ros.datasets.cameras import camera_in_file
from posenet_ros.datasets.layouts import check, Line, read_lines
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import DEFAULT_MAX_GAP_S, Lookup
from posenet_ros.imaging.decoding import Reduction
from posenet_ros.imaging.files import read_image
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.messages import frame_from_message, Message, stamp_ns

PAUSE_S, PAUSE_FACTOR = 0.8, 5  # a pause lasts so long, and so many times the step before
ROW_NS = 10**9  # a dataset has no stamps: its rows stand a second apart


@dataclass(frozen=True, eq=False)
class Shot:
    """
    One image that has a truth.

    :param load: decodes it, (H, W, 3) RGB, a JPEG as much smaller as the function given to it
        allows; raises ImageError when the image is bad.
    :param recorded_ns: when the bag recorded it.
    """

    name: str
    stamp_ns: int
    truth: Pose
    load: Callable[[Reduction | None], RgbImage]
    sequence: str = ''
    recorded_ns: int = 0


@dataclass(eq=False)
class Source:
    """
    Images to evaluate.

    :param shots: the images in the order of recording, read while one goes along.
    :param total: how many images there are at most.
    :param camera: of the images; None means the model's.
    :param data: what the report says of them; complete when `shots` has run out.
    """

    shots: Iterator[Shot]
    total: int
    camera: Camera | None
    data: dict[str, Any] = field(default_factory=dict)


def _dataset_shots(lines: list[Line]) -> Iterator[Shot]:
    for i, line in enumerate(lines, 1):
        if line.pose is not None:
            yield Shot(line.name, i * ROW_NS, line.pose,
                       partial(read_image, line.path, line.where), line.sequence)


def _checked(lines: list[Line]) -> int:
    """
    Return how many images have no truth.

    :raises InputError: naming file and line on a bad row or an image that is not there.
    """
    seen: dict[str, str] = {}
    for line in lines:
        try:
            if not line.unmatched:
                check(line, seen)
        except InputError as error:
            raise InputError(f'{line.where}: {error}') from error
        if not line.path.is_file():
            raise InputError(f'{line.where}: the image {line.path} is missing')
    return sum(line.unmatched for line in lines)


def open_dataset(folder: Path, split: str) -> Source:
    """
    Open one split of a dataset, in one of the layouts of :mod:`posenet_ros.datasets.layouts`.

    :param split: `train` or `test`.
    :raises InputError: naming file and line on a bad row or an image that is not there.
    """
    lines = read_lines(folder, split)
    data = {'name': f'{folder.resolve().name} ({split})', 'kind': 'dataset', 'stamps': 'rows',
            'images': len(lines), 'without_truth': _checked(lines)}
    return Source(_dataset_shots(lines), len(lines), camera_in_file(folder), data)


@dataclass(frozen=True)
class Topics:
    """
    Which topics of a bag to use; None finds the only one of its type.

    :param truth_tf: parent and child frame of TF that give the truth, in place of a topic.
    :param map_frame: the frame in which the model answers; truth in another is brought there
        by TF. Empty takes the truth as it is.
    :param max_gap_s: how far apart two truths may be for an image between them, seconds.
    """

    image: str | None = None
    camera_info: str | None = None
    truth: str | None = None
    truth_tf: tuple[str, str] | None = None
    map_frame: str = ''
    max_gap_s: float = DEFAULT_MAX_GAP_S


def _has_camera(bag: BagReader, topics: Topics) -> bool:
    return topics.camera_info is not None or any(
        kind.endswith('/CameraInfo') for kind in bag.topics.values())


def _decode(message: Message, reduction: Reduction | None) -> RgbImage:
    return frame_from_message(message, reduction).image


class Parts:
    """Names the parts of a recording, which a pause divides."""

    def __init__(self) -> None:
        self._number = 1
        self._last_ns: int | None = None
        self._gap_s = float('inf')

    def of(self, time_ns: int) -> str:
        """Return the part of the image taken next, at this time."""
        if self._last_ns is not None:
            gap_s = (time_ns - self._last_ns) / 1e9
            if gap_s > max(PAUSE_S, PAUSE_FACTOR * self._gap_s):
                self._number += 1
            elif gap_s > 0:
                self._gap_s = gap_s
        self._last_ns = time_ns
        return f'part{self._number}'


def _chain(*lookups: Lookup) -> Lookup:
    """Return the lookup of the product."""
    def at(stamp_ns: int, max_gap_s: float) -> Pose | None:
        whole = Pose()
        for lookup in lookups:
            part = lookup(stamp_ns, max_gap_s)
            if part is None:
                return None
            whole = whole @ part
        return whole
    return at


def truth_lookup(
        bag: BagReader, topics: Topics, camera_frame: str, data: dict[str, Any]) -> Lookup:
    """
    Return map_from_camera by time: the topic's poses, joined by TF with the map and the camera.

    :param camera_frame: frame_id of the images.
    :param data: is told what was used.
    :raises InputError: when TF does not join the frames of a truth that is of another one.
    """
    if topics.truth_tf is not None:
        data['truth'] = 'tf ' + ' '.join(topics.truth_tf)
        return bag.transforms().lookup(*topics.truth_tf)
    track = bag.truth(topics.truth)
    data.update(truth_frame=track.frame_id, truth_messages=len(track),
                truth_rejected=track.rejected)
    chain: list[Lookup] = [track.at]
    if topics.map_frame and track.frame_id not in ('', topics.map_frame):
        chain.insert(0, bag.transforms().lookup(topics.map_frame, track.frame_id))
    if track.child_frame_id not in ('', camera_frame):
        chain.append(bag.transforms().lookup(track.child_frame_id, camera_frame))
    return _chain(*chain)


def _bag_shots(
        bag: BagReader, topic: str, truth_at: Lookup, topics: Topics,
        data: dict[str, Any]) -> Iterator[Shot]:
    """Yield the images that have a truth, and count the others into `data`."""
    parts = Parts()
    messages = bag.timed_messages(topic)
    while True:
        try:
            recorded_ns, message = next(messages)
        except StopIteration:
            return
        except InputError as error:  # cut off: what is whole counts, the report says what is lost
            data['damage'] = str(error)
            return
        number = data['images']
        data['images'] += 1
        time_ns = stamp_ns(message.header.stamp)
        part = parts.of(time_ns)
        truth = truth_at(time_ns, topics.max_gap_s)
        if truth is None:
            data['without_truth'] += 1
            continue
        yield Shot(f'image{number:06d}', time_ns, truth, partial(_decode, message), part,
                   recorded_ns)


def _camera_frame(bag: BagReader, topic: str) -> str:
    """Return the frame_id of the first image."""
    first = next(iter(bag.messages(topic)), None)
    return '' if first is None else str(first.header.frame_id)


@contextmanager
def open_bag(path: Path, topics: Topics) -> Iterator[Source]:
    """
    Open a bag; no message stays in memory once its image is evaluated.

    :raises InputError: when it is no bag, or has no such topic (the message lists those it has).
    """
    with BagReader(path, mend=True) as bag:
        topic = bag.image_topic(topics.image)
        truth = '/tf' if topics.truth_tf else bag.truth_topic(topics.truth)
        camera = bag.camera(topics.camera_info, topic) if _has_camera(bag, topics) else None
        data = {'name': path.resolve().name, 'kind': 'bag', 'stamps': 'recorded', 'images': 0,
                'without_truth': 0, 'image_topic': topic, 'truth_topic': truth,
                **({'damage': bag.damage} if bag.damage else {})}
        # a file without an index is read by one reader at a time: the truth first, then the images
        truth_at = truth_lookup(
            bag, replace(topics, truth=truth), _camera_frame(bag, topic), data)
        yield Source(_bag_shots(bag, topic, truth_at, topics, data), bag.count(topic), camera,
                     data)
