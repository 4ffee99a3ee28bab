"""Open the images and truths of a bag or a dataset folder, to be evaluated offline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from posenet_ros.arrays import RgbImage
from posenet_ros.datasets.cameras import camera_in_file
from posenet_ros.datasets.dataset_rows import DatasetRow, validate_row
from posenet_ros.datasets.layouts import read_dataset_rows
from posenet_ros.datasets.tolerance import add_rejected, check_rejected, describe_rejected
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.camera_text import camera_from_text
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import DEFAULT_MAX_GAP_S, Lookup
from posenet_ros.imaging.decoding import Reduction
from posenet_ros.imaging.files import image_size, read_image, try_image
from posenet_ros.localisation.stamps import order_of, StampOrder
from posenet_ros.ros_data.bag_camera import find_camera
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.ground_truth import read_ground_truth, TruthSource
from posenet_ros.ros_data.messages import frame_from_message, Message, stamp_ns
from posenet_ros.utils.parallel import ordered_map

MIN_PAUSE_S, PAUSE_FACTOR = 0.8, 5  # a pause: seconds at least, and times the interval before
ROW_NS = 10**9  # a dataset has no stamps: its rows stand a second apart


@dataclass(frozen=True, eq=False)
class QueryImage:
    """
    One image with its true pose.

    :param name: the image's name, or its number in a bag.
    :param stamp_ns: when it was taken, nanoseconds.
    :param truth: map_from_camera.
    :param load: decodes it, (H, W, 3) RGB; the given function says how far a JPEG may be
        reduced. Raises ImageError when the image cannot be decoded.
    :param sequence: the part of the recording that it belongs to.
    :param recorded_ns: when the bag recorded it; 0 when unknown.
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

    :param queries: the images in the order of recording, read lazily.
    :param total: upper bound of the number of images.
    :param camera: of the images; None means the model's.
    :param data: the report's description of them; complete when `queries` is exhausted.
    """

    queries: Iterator[QueryImage]
    total: int
    camera: Camera | None
    data: dict[str, Any] = field(default_factory=dict)


def _dataset_queries(rows: list[DatasetRow]) -> Iterator[QueryImage]:
    for i, row in enumerate(rows, 1):
        if row.pose is not None:
            yield QueryImage(row.name, i * ROW_NS, row.pose,
                             partial(read_image, row.path, row.where), row.sequence)


def _good_rows(rows: list[DatasetRow], rejected: list[str]) -> Iterator[DatasetRow]:
    """
    Yield the rows that can be used, those without a truth at their time among them.

    :param rejected: where to put a message, with file and line, for each of the others.
    """
    seen: dict[str, str] = {}
    sizes = ordered_map(try_image, (row.path for row in rows))
    for row, size in zip(rows, sizes, strict=True):
        try:
            if not row.unmatched:
                validate_row(row, seen)
                if isinstance(size, InputError):
                    raise size
        except InputError as error:
            rejected.append(f'{row.where}: {error}')
            continue
        yield row


def open_dataset(folder: Path, split: str, camera: str | None = None) -> Source:
    """
    Open one split of a dataset, in one of the layouts of :mod:`posenet_ros.datasets.layouts`.

    :param split: `train` or `test`.
    :param camera: the option `--camera`, which goes before the folder's own.
    :raises InputError: naming file and line when more than a tenth of the rows are bad, or their
        images; fewer are left out, and `data` has the reasons.
    """
    rows = read_dataset_rows(folder, split)
    rejected: list[str] = []
    total, rows = len(rows), list(_good_rows(rows, rejected))
    check_rejected(rejected, total)
    data = {'name': f'{folder.resolve().name} ({split})', 'kind': 'dataset', 'stamps': 'rows',
            'images': len(rows), 'without_truth': sum(row.unmatched for row in rows),
            **describe_rejected(rejected)}
    found = camera_in_file(folder) if camera is None else camera_from_text(
        camera, image_size(rows[0].path))
    return Source(_dataset_queries(rows), len(rows), found, data)


@dataclass(frozen=True)
class Topics:
    """
    The topics of a bag to use; None finds the only one of its type.

    :param truth_tf: parent and child frame of TF that give the truth, in place of a topic.
    :param map_frame: the frame of the model's poses; truth in another is transformed into it
        by TF. Empty takes the truth as it is.
    :param max_gap_s: the longest gap between two truths in which to interpolate, seconds.
    :param camera: the option `--camera`, which goes before camera_info.
    """

    image: str | None = None
    camera_info: str | None = None
    truth: str | None = None
    truth_tf: tuple[str, str] | None = None
    map_frame: str = ''
    max_gap_s: float = DEFAULT_MAX_GAP_S
    camera: str | None = None


def _decode(message: Message, reduction: Reduction | None) -> RgbImage:
    return frame_from_message(message, reduction).image


class SequenceSplitter:
    """Split a recording into sequences, at its pauses and where its time begins anew."""

    def __init__(self) -> None:
        self._number = 1
        self._last_ns: int | None = None
        self._gap_s = float('inf')

    def sequence_at(self, time_ns: int) -> str:
        """Return the name of the sequence of the next image, taken at this time."""
        order = order_of(time_ns, self._last_ns)
        if order is StampOrder.STALE:
            return f'part{self._number}'
        if self._last_ns is not None:
            gap_s = (time_ns - self._last_ns) / 1e9
            if (order is StampOrder.RESTARTED
                    or gap_s > max(MIN_PAUSE_S, PAUSE_FACTOR * self._gap_s)):
                self._number += 1
            else:
                self._gap_s = gap_s
        self._last_ns = time_ns
        return f'part{self._number}'


def _bag_queries(
        bag: BagReader, topic: str, truth_at: Lookup, topics: Topics,
        data: dict[str, Any]) -> Iterator[QueryImage]:
    """Yield the images with a truth, and count the others in `data`."""
    splitter = SequenceSplitter()
    rejected: list[str] = []
    messages = bag.timed_messages(topic, rejected)
    while True:
        try:
            recorded_ns, message = next(messages)
        except StopIteration:
            break
        except InputError as error:  # truncated: the rest counts, the report says what is lost
            data['damage'] = str(error)
            break
        number = data['images']
        data['images'] += 1
        time_ns = stamp_ns(message.header.stamp)
        if time_ns == 0:
            data['without_stamp'] = data.get('without_stamp', 0) + 1
        sequence = splitter.sequence_at(time_ns)
        truth = truth_at(time_ns, topics.max_gap_s)
        if truth is None:
            data['without_truth'] += 1
            continue
        yield QueryImage(f'image{number:06d}', time_ns, truth, partial(_decode, message),
                         sequence, recorded_ns)
    check_rejected(rejected, data['images'] + len(rejected))
    add_rejected(data, describe_rejected(rejected))


def _camera_frame(bag: BagReader, topic: str) -> str:
    """Return the frame_id of the first image."""
    first = next(iter(bag.messages(topic, [])), None)
    return '' if first is None else str(first.header.frame_id)


@contextmanager
def open_bag(path: Path, topics: Topics) -> Iterator[Source]:
    """
    Open a bag; messages are read lazily, so that memory stays bounded.

    :raises InputError: when it is no bag, or lacks the topic (the message lists those it has).
    """
    with BagReader(path, recover=True) as bag:
        topic = bag.image_topic(topics.image)
        truth = '/tf' if topics.truth_tf else bag.truth_topic(topics.truth)
        found_camera = find_camera(bag, topic, topics.camera, topics.camera_info)
        data = {'name': path.resolve().name, 'kind': 'bag', 'stamps': 'recorded', 'images': 0,
                'without_truth': 0, 'image_topic': topic, 'truth_topic': truth,
                **({'camera_info': '; '.join(found_camera.notes)} if found_camera.notes else {}),
                **({'damage': bag.damage} if bag.damage else {}),
                **({'bag': bag.note} if bag.note else {})}
        found = read_ground_truth(
            bag, TruthSource(truth, topics.truth_tf, topics.map_frame), _camera_frame(bag, topic))
        data.update(found.description)
        queries = _bag_queries(bag, topic, found.lookup, topics, data)
        yield Source(queries, bag.count(topic), found_camera.camera, data)
