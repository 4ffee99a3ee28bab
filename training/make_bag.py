"""
Convert a split of a dataset to a rosbag2, to replay through the node or to evaluate.

Topics: /camera/image_raw (rgb8; with --compressed the files as they are on
/camera/image_raw/compressed), /camera/camera_info, /ground_truth/pose (map_from_camera at the
image's stamp), /tf (the same: map to ground_truth_camera, a frame of its own, because the camera's
frame gets its parent from the node) and /tf_static (base_link, which stands at the camera, to the
optical frame).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
import sys

import numpy as np
from posenet_ros.errors import run_cli
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
    STORAGES,
    transform_message,
    TRUTH_FRAME,
)
from posenet_ros.ros_data.messages import Message, NS_PER_S
from posenet_ros.training.data.datasets import Dataset, read_dataset, Sample, SPLITS
from posenet_ros.utils.arguments import not_negative, positive
from posenet_ros.utils.atomic_folder import check_new
from tqdm import tqdm

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
    bar = tqdm(dataset.samples, desc=dataset.name, unit='img', disable=None)
    for sample, time_ns in zip(bar, stamps, strict=True):
        image = sample_image_message(sample, time_ns, compressed=compressed)
        topic = IMAGE_TOPIC if hasattr(image, 'encoding') else f'{IMAGE_TOPIC}/compressed'
        pose = sample.map_from_camera
        bag.write(TRUTH_TOPIC, pose_message(pose, time_ns, MAP_FRAME), time_ns)
        bag.write_transforms(
            '/tf', [transform_message(pose, time_ns, MAP_FRAME, TRUTH_FRAME)], time_ns)
        bag.write(CAMERA_TOPIC, camera_message(dataset.camera, time_ns, CAMERA_FRAME), time_ns)
        bag.write(topic, image, time_ns)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        prog='python -m training.make_bag', description=__doc__.split('\n\n')[0].strip(),
        epilog=__doc__.split('\n\n')[1])
    result.add_argument('--data', type=Path, required=True, help='folder of the dataset')
    result.add_argument('--split', choices=SPLITS, default='test', help='default: test')
    result.add_argument('--out', type=Path, required=True, help='folder of the new bag')
    result.add_argument('--rate', type=positive, default=10.0, metavar='HZ',
                        help='images per second (default: 10)')
    result.add_argument('--pause', type=not_negative, default=1.0, metavar='S',
                        help='seconds between two walks (default: 1)')
    result.add_argument('--storage', choices=sorted(STORAGES), default='mcap',
                        help='format of the bag (default: mcap)')
    result.add_argument('--compressed', action='store_true',
                        help='write JPEG and PNG files as they are')
    result.add_argument('--camera', metavar='FX[,FY,CX,CY]',
                        help='intrinsics, pixels (default: camera.json, or known for the layout)')
    result.add_argument('--force', action='store_true', help='replace an existing bag')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Write the bag; nothing is left behind where that fails."""
    options = parser().parse_args(argv)
    check_new(options.out, force=options.force)
    dataset = read_dataset(options.data, options.split, options.camera)
    for line in dataset.rejected:
        print(f'left out: {line}', file=sys.stderr)
    with new_bag(options.out, options.storage, force=options.force) as bag:
        write_samples(bag, dataset, options.rate, options.pause, compressed=options.compressed)
    print(f'{options.out}: {len(dataset.samples)} images of {dataset.name} at {options.rate:g} Hz')
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
