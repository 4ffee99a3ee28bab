"""A bag as a walk: its images as files, its camera, poses where asked for, and its sensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.camera_text import camera_from_text
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.files import image_size
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.messages import Message
from posenet_ros.training.data.walk import Walk, WalkImage
from posenet_ros.training.sources.bags.frames import (
    frame_id_of,
    FrameReader,
    main_image_topic,
    message_stamp_ns,
)
from posenet_ros.training.sources.bags.options import BagOptions, truth_lookup
from posenet_ros.training.sources.bags.pairs import add_depth_images, add_right_images
from posenet_ros.training.sources.bags.sensors import BagSensors
from posenet_ros.training.sources.sampling import Sampler
from posenet_ros.training.sources.saved_images import check_image_size
from posenet_ros.utils.progress import progress

RIGHT_FOLDER, DEPTH_FOLDER = 'right', 'depth'


def read_bag(path: Path, name: str, folder: Path, options: BagOptions) -> Walk:
    """
    Write the images of a bag as files, and return them as a walk with the sensors beside them.

    What is damaged, cut off or has no pose is left out, and the walk's notes count it.

    :param name: of the walk.
    :param folder: where the walk's folder is made.
    :raises InputError: when the bag cannot be read, or gives no image.
    """
    with BagReader(path, recover=True) as bag:
        return _BagWalk(bag, name, folder, options).read()


class _BagWalk:
    """The reading of one bag."""

    def __init__(self, bag: BagReader, name: str, folder: Path, options: BagOptions) -> None:
        self._bag, self._name, self._folder, self._options = bag, name, folder, options
        self._topic = main_image_topic(bag, options.image)
        self._counts: Counter[str] = Counter()
        self._notes = [text for text in (bag.note, bag.damage) if text]
        self._first_bad = self._frame_id = ''
        self._size: tuple[int, int] | None = None

    def read(self) -> Walk:
        camera = self._calibration()
        (self._folder / self._name).mkdir(parents=True, exist_ok=True)
        images = sorted(self._images(), key=lambda image: image.stamp_ns or 0)
        self._tell_images(images)
        if self._options.camera is not None:
            camera = camera_from_text(self._options.camera, image_size(images[0].path))
        stamps_ns = np.array([image.stamp_ns for image in images], np.int64)
        sensors = BagSensors(self._bag, self._frame_id, stamps_ns)
        inner = self._folder / self._name
        right = add_right_images(self._bag, self._topic, camera, images, inner / RIGHT_FOLDER)
        depth = add_depth_images(self._bag, self._topic, self._frame_id, right.images,
                                 inner / DEPTH_FOLDER)
        found = (sensors.odometry(), sensors.transforms(), sensors.imu(), sensors.gnss())
        notes = [f'{self._bag.path.name}: {note}' for note in (*right.notes, *depth.notes)]
        return Walk(self._name, depth.images, camera, *found, right.baseline_m,
                    (*self._notes, *notes, *sensors.notes))

    def _calibration(self) -> Camera | None:
        """Return the camera of camera_info, where it is wanted and there; its size counts."""
        if self._options.camera is not None:
            return None
        found = self._bag.calibration(self._options.camera_info, self._topic)
        self._notes += [f'{self._bag.path.name}: {note}' for note in found.notes]
        self._size = found.camera.size if found.camera else None
        return found.camera

    def _images(self) -> Iterator[WalkImage]:
        """Write the images that are taken."""
        reader = FrameReader(self._bag.topics[self._topic])
        for message, pose, taken in self._messages():
            if not taken and not reader.needs_all:
                continue
            try:
                image = reader.decode(message)
                self._size = self._size or (image.shape[1], image.shape[0])
                check_image_size(image, self._size)
            except InputError as error:
                self._counts['bad'] += 1
                self._first_bad = self._first_bad or str(error)
                continue
            if taken:
                number = self._counts['taken']
                self._counts['taken'] += 1
                path = self._folder / self._name / f'frame{number:06d}'
                file = reader.save(message, image, path)
                yield WalkImage(file, f'{self._name}/{file.name}', message_stamp_ns(message), pose)

    def _messages(self) -> Iterator[tuple[Message, Pose | None, bool]]:
        """Yield each message, its pose where poses are asked for, and whether to take it."""
        bag, options, lookup = self._bag, self._options, None
        sampler = Sampler(options.every)
        count = bag.count(self._topic)
        undecodable: list[str] = []
        messages = bag.messages(self._topic, undecodable)
        for message in progress(messages, count, 'image', bag.path.name):
            self._counts['images'] += 1
            self._frame_id = self._frame_id or frame_id_of(message)
            stamp_ns = message_stamp_ns(message)
            taken, pose = sampler.takes(stamp_ns), None
            if taken and options.has_poses:
                lookup = lookup or truth_lookup(bag, options, self._frame_id)
                pose = lookup(stamp_ns, options.max_gap)
                self._counts['without pose'] += pose is None
                taken = pose is not None
            yield message, pose, taken
        self._counts['images'] += len(undecodable)
        self._counts['bad'] += len(undecodable)
        self._first_bad = self._first_bad or next(iter(undecodable), '')

    def _tell_images(self, images: list[WalkImage]) -> None:
        """
        Say how many images were taken.

        :raises InputError: when there is none.
        """
        counts = self._counts
        bad = f' (the first: {self._first_bad})' if self._first_bad else ''
        posed = f'{counts["without pose"]} without a pose near in time, ' * self._options.has_poses
        text = (f'{counts["images"]} images, {len(images)} taken, {posed}{counts["bad"]} not '
                f'usable{bad}')
        if not images:
            raise InputError(f'{self._bag.path}: {self._topic} has to have usable images. '
                             f'Received: {text}')
        self._notes.append(f'{self._bag.path.name}: {text}')
