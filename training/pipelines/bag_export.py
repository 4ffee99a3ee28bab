"""Write a dataset as a rosbag2 with ground truth."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import numpy as np
from posenet_ros.datasets.tolerance import tell_rejected
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
from posenet_ros.ros_data.messages import Message, NS_PER_S
from posenet_ros.training.data.datasets import Dataset, read_dataset, Sample
from posenet_ros.utils.progress import progress

IMAGE_TOPIC = '/camera/image_raw'
CAMERA_TOPIC = '/camera/camera_info'
TRUTH_TOPIC = '/ground_truth/pose'
MAP_FRAME, BASE_FRAME, CAMERA_FRAME = 'map', 'base_link', 'camera_optical_frame'
START_NS = 1_700_000_000 * NS_PER_S  # the same for every bag: one dataset makes one bag
# REP-103: from x right, y down, z forward to x forward, y left, z up
BASE_FROM_CAMERA = Pose(np.zeros(3), np.array([-0.5, 0.5, -0.5, 0.5]))
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


def write_samples(
        bag: BagWriter, dataset: Dataset, rate_hz: float, pause_s: float, *,
        compressed: bool) -> None:
    """Write all samples of a dataset, one image in memory at a time."""
    static = transform_message(BASE_FROM_CAMERA, START_NS, BASE_FRAME, CAMERA_FRAME)
    bag.write_transforms('/tf_static', [static], START_NS)
    stamps = stamps_ns(dataset.samples, rate_hz, pause_s)
    samples = progress(dataset.samples, len(dataset.samples), 'image', 'bag')
    for sample, time_ns in zip(samples, stamps, strict=True):
        image = sample_image_message(sample, time_ns, compressed=compressed)
        topic = IMAGE_TOPIC if hasattr(image, 'encoding') else f'{IMAGE_TOPIC}/compressed'
        pose = sample.map_from_camera
        bag.write(TRUTH_TOPIC, pose_message(pose, time_ns, MAP_FRAME), time_ns)
        bag.write_transforms(
            '/tf', [transform_message(pose, time_ns, MAP_FRAME, TRUTH_FRAME)], time_ns)
        bag.write(CAMERA_TOPIC, camera_message(dataset.camera, time_ns, CAMERA_FRAME), time_ns)
        bag.write(topic, image, time_ns)


def export_bag(options: argparse.Namespace) -> str:
    """
    Write a split of a dataset as a bag.

    :param options: of `posenet bag`.
    :returns: a line about the bag.
    """
    dataset = read_dataset(options.data, options.split, options.camera)
    tell_rejected(dataset.rejected)
    with new_bag(options.out, options.storage, force=options.force) as bag:
        write_samples(bag, dataset, options.rate, options.pause, compressed=options.compressed)
    return f'{options.out}: {len(dataset.samples)} images of {dataset.name} at {options.rate:g} Hz'
