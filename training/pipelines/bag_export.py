"""Write a dataset as a rosbag2 with ground truth."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from posenet_ros.datasets.tolerance import tell_rejected
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.imaging.files import read_image
from posenet_ros.ros_data.bag_writer import (
    BagWriter,
    camera_message,
    compressed_message,
    image_message,
    new_bag,
    pose_message,
    transform_message,
    TRUTH_FRAME,
)
from posenet_ros.ros_data.camera_info import camera_info_topic_of
from posenet_ros.ros_data.messages import Message, NS_PER_S
from posenet_ros.training.data.datasets import Dataset, read_dataset, Sample
from posenet_ros.training.pipelines.bag_sensors import (
    BagSensors,
    BASE_FRAME,
    BASE_FROM_CAMERA,
    CAMERA_FRAME,
    mountings,
)
from posenet_ros.utils.progress import progress

IMAGE_TOPIC = '/camera/image_raw'
LEFT_IMAGE_TOPIC = '/camera/left/image_raw'  # of a stereo pair
TRUTH_TOPIC = '/ground_truth/pose'
MAP_FRAME = 'map'
START_NS = 1_700_000_000 * NS_PER_S  # the same for every bag: one dataset makes one bag
DEFAULT_RATE_HZ = 10.0
COMPRESSED_FORMATS = {'.jpg': 'jpeg', '.jpeg': 'jpeg', '.png': 'png'}


def stamps_ns(samples: Sequence[Sample], rate_hz: float, pause_s: float) -> Iterator[int]:
    """
    Yield the stamp of each sample, nanoseconds.

    :param pause_s: time added where the next walk begins, seconds.
    """
    pauses = 0
    for index, sample in enumerate(samples):
        pauses += index > 0 and sample.sequence != samples[index - 1].sequence
        yield START_NS + round((index / rate_hz + pauses * pause_s) * NS_PER_S)


def sample_image_message(sample: Sample, time_ns: int, *, compressed: bool) -> Message:
    """
    Return the sample's image as a message; files other than JPEG and PNG are decoded.

    :raises InputError: when the image cannot be read.
    """
    kind = COMPRESSED_FORMATS.get(sample.path.suffix.lower())
    if compressed and kind:
        data = np.fromfile(sample.path, np.uint8)
        return compressed_message(data, kind, time_ns, CAMERA_FRAME)
    return image_message(Frame(read_image(sample.path), time_ns, CAMERA_FRAME))


@dataclass(frozen=True)
class BagContent:
    """
    What goes into a bag beside the images.

    :param compressed: image files are written as they are.
    :param poses: whether the true poses are written.
    :param sensors: of the scene; None: none.
    """

    compressed: bool = False
    poses: bool = True
    sensors: BagSensors | None = None


def write_samples(bag: BagWriter, dataset: Dataset, stamps: Sequence[int],
                  content: BagContent) -> None:
    """Write all samples of a dataset, one image in memory at a time."""
    sensors = content.sensors
    frames = [(BASE_FROM_CAMERA, CAMERA_FRAME), *(mountings() if sensors else ())]
    bag.write_transforms('/tf_static', [
        transform_message(pose, START_NS, BASE_FRAME, frame) for pose, frame in frames], START_NS)
    samples = progress(dataset.samples, len(dataset.samples), 'image', 'bag')
    for sample, time_ns in zip(samples, stamps, strict=True):
        if sensors:
            sensors.write_until(bag, time_ns)
        if content.poses:
            _write_pose(bag, sample.map_from_camera, time_ns)
        _write_image(bag, dataset, sample, time_ns, content)
        if sensors:
            sensors.write_beside(bag, sample, time_ns)
    if sensors:
        sensors.write_until(bag)


def _write_pose(bag: BagWriter, pose: Pose, time_ns: int) -> None:
    bag.write(TRUTH_TOPIC, pose_message(pose, time_ns, MAP_FRAME), time_ns)
    bag.write_transforms(
        '/tf', [transform_message(pose, time_ns, MAP_FRAME, TRUTH_FRAME)], time_ns)


def _write_image(bag: BagWriter, dataset: Dataset, sample: Sample, time_ns: int,
                 content: BagContent) -> None:
    image = sample_image_message(sample, time_ns, compressed=content.compressed)
    raw = LEFT_IMAGE_TOPIC if content.sensors and content.sensors.stereo else IMAGE_TOPIC
    topic = raw if hasattr(image, 'encoding') else f'{raw}/compressed'
    info = camera_message(dataset.camera, time_ns, CAMERA_FRAME)
    bag.write(camera_info_topic_of(raw), info, time_ns)
    bag.write(topic, image, time_ns)


def export_bag(options: argparse.Namespace) -> str:
    """
    Write a split of a dataset as a bag.

    :param options: of `posenet bag`.
    :returns: a line about the bag.
    """
    dataset = read_dataset(options.data, options.split, options.camera)
    tell_rejected(dataset.rejected)
    dataset = walk_of(dataset, options.walk) if options.walk else dataset
    sensors = BagSensors(options.data, dataset.samples, dataset.camera, START_NS,
                         options.pause) if options.sensors else None
    if sensors and options.rate:
        raise InputError('--rate has to be left out with --sensors, which have their own times. '
                         f'Received: {options.rate:g}')
    rate_hz = options.rate or DEFAULT_RATE_HZ
    stamps = ([sensors.stamp_ns(sample) for sample in dataset.samples] if sensors
              else list(stamps_ns(dataset.samples, rate_hz, options.pause)))
    content = BagContent(options.compressed, not options.no_poses, sensors)
    with new_bag(options.out, options.storage, force=options.force) as bag:
        write_samples(bag, dataset, stamps, content)
    said = 'as recorded, with sensors' if sensors else f'at {rate_hz:g} Hz'
    return f'{options.out}: {len(dataset.samples)} images of {dataset.name} {said}'


def walk_of(dataset: Dataset, name: str) -> Dataset:
    """
    Return one walk of a dataset.

    :raises InputError: when it has none of this name.
    """
    chosen = [i for i, sample in enumerate(dataset.samples) if sample.sequence == name]
    if not chosen:
        names = ', '.join(dict.fromkeys(sample.sequence for sample in dataset.samples))
        raise InputError(f'--walk has to be one of {names}. Received: {name!r}')
    return dataset.subset(chosen)
