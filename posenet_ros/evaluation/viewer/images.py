"""Find the images of training views and of a report's frames, in a dataset or in a bag."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from posenet_ros.arrays import Floats, RgbImage
from posenet_ros.errors import InputError
from posenet_ros.evaluation.metrics.pose_errors import rotation_errors_deg
from posenet_ros.evaluation.results import FrameResult, positions, quaternions
from posenet_ros.evaluation.sources import open_bag, open_dataset, QueryImage, Topics
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Reduction
from posenet_ros.landmarks.place_map import View
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.messages import frame_from_message
from posenet_ros.utils.choices import SPLITS

SAME_M, SAME_DEG = 1e-3, 0.05  # files round poses; a camera that moves is further on by then


class Images(ABC):
    """
    Images with true poses.

    :param queries: what is known of each image.
    :param camera: of the images; None means the model's.
    """

    def __init__(self, queries: Sequence[QueryImage], camera: Camera | None) -> None:
        self.queries = queries
        self.camera = camera

    @abstractmethod
    def load(self, query: QueryImage, reduction: Reduction | None = None) -> RgbImage:
        """
        Decode an image, (H, W, 3) RGB.

        :raises InputError: when it cannot be read.
        """

    @abstractmethod
    def stream(self) -> Iterator[QueryImage]:
        """Yield all images in their order, each to be decoded by its own `load`."""

    @abstractmethod
    def named(self, name: str, stamp_ns: int | None) -> QueryImage | None:
        """Find an image by what tells the images apart."""

    @cached_property
    def _poses(self) -> tuple[Floats, Floats]:
        truths = [query.truth for query in self.queries]
        return positions(truths), quaternions(truths)

    def taken_at(self, pose: Pose) -> QueryImage | None:
        """Find the image with this true pose."""
        positions_m, quats_xyzw = self._poses
        near = np.flatnonzero(np.linalg.norm(positions_m - pose.translation_m, axis=1) < SAME_M)
        off_deg = rotation_errors_deg(
            quats_xyzw[near], np.broadcast_to(pose.quat_xyzw, (len(near), 4)))
        if not len(near) or off_deg.min() > SAME_DEG:
            return None
        return self.queries[int(near[off_deg.argmin()])]

    def of_view(self, view: View) -> QueryImage | None:
        """Find the image of a training view."""
        return self.named(view.name, None) or self.taken_at(view.map_from_camera)

    def of_frame(self, frame: FrameResult) -> QueryImage | None:
        """Find the image of a report's frame."""
        return self.named(frame.name, frame.stamp_ns) or self.taken_at(frame.truth)

    def of_all_views(self, views: Sequence[View],
                     reduction: Reduction) -> Iterator[tuple[int, RgbImage]]:
        """Yield the images of the training views that are there, with the index of the view."""
        wanted: dict[str, list[int]] = {}
        for index, view in enumerate(views):
            query = self.of_view(view)
            if query:
                wanted.setdefault(query.name, []).append(index)
        for query in self.stream():
            if query.name in wanted:
                with suppress(InputError):  # a damaged image paints nothing
                    image = query.load(reduction)
                    for index in wanted[query.name]:
                        yield index, image


class DatasetImages(Images):
    """
    The images of all splits of a dataset, told apart by their names.

    :param folder: in one of the layouts of :mod:`posenet_ros.datasets.layouts`.
    :raises InputError: when no split can be read.
    """

    def __init__(self, folder: Path) -> None:
        sources, errors = [], []
        for split in SPLITS:
            try:
                sources.append(open_dataset(folder, split))
            except InputError as error:
                errors.append(error)
        if not sources:
            raise errors[0]
        super().__init__([query for source in sources for query in source.queries],
                         sources[0].camera)
        self._by_name = {query.name: query for query in self.queries}

    def load(self, query: QueryImage, reduction: Reduction | None = None) -> RgbImage:
        """Read the image's file."""
        return query.load(reduction)

    def stream(self) -> Iterator[QueryImage]:
        """Yield the images of one split after another."""
        yield from self.queries

    def named(self, name: str, stamp_ns: int | None) -> QueryImage | None:
        """Find an image by its name; the rows of a dataset have no stamps."""
        return self._by_name.get(name)


def _without_message(query: QueryImage) -> QueryImage:
    """Drop the loader, which holds the message: all of a bag may not fit into the memory."""
    def refuse(_: Reduction | None) -> RgbImage:
        raise InputError(f'{query.name} has to be read from its bag')

    return QueryImage(query.name, query.stamp_ns, query.truth, refuse)


class BagImages(Images):
    """
    The images of a bag that have a true pose, told apart by their stamps.

    A single image is found by reading the bag from its start.

    :raises InputError: when it is no bag, or lacks the topics.
    """

    def __init__(self, bag: Path, topics: Topics) -> None:
        self._bag, self._topics = bag, topics
        with open_bag(bag, topics) as source:
            super().__init__(list(map(_without_message, source.queries)), source.camera)
            self._topic = source.data['image_topic']
        self._by_stamp = {query.stamp_ns: query for query in self.queries}

    def load(self, query: QueryImage, reduction: Reduction | None = None) -> RgbImage:
        """Read the image's message."""
        number = int(query.name.removeprefix('image'))
        with BagReader(self._bag, recover=True) as reader:
            for message in islice(reader.messages(self._topic), number, None):
                return frame_from_message(message, reduction).image
        raise InputError(f'{self._bag} has to have an image {number}. Received: fewer')

    def stream(self) -> Iterator[QueryImage]:
        """Yield the images in the order of recording."""
        with open_bag(self._bag, self._topics) as source:
            yield from source.queries

    def named(self, name: str, stamp_ns: int | None) -> QueryImage | None:
        """Find an image by its stamp; its name is but a number."""
        return None if stamp_ns is None else self._by_stamp.get(stamp_ns)
