"""Write the images and poses of bags as a dataset in Cambridge layout."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
import json
from pathlib import Path

from posenet_ros.arrays import RgbImage
from posenet_ros.datasets.layouts import CAMERA_FILE
from posenet_ros.datasets.pose_files import write_cambridge
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import Lookup
from posenet_ros.ros_data.bag_camera import find_camera, image_size
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.messages import Message, NS_PER_S, stamp_ns
from posenet_ros.training.sources.bags.options import truth_lookup
from posenet_ros.training.sources.saved_images import decode_checked, save_image
from posenet_ros.utils.atomic_folder import new_folder
from posenet_ros.utils.files.kinds import DATASET, write_mark
from posenet_ros.utils.progress import progress

BLOCKS = 10  # of a bag's time, each in one split


@dataclass
class DatasetRows:
    """The rows of each split so far, and the counts of images left out."""

    rows: dict[str, list[tuple[str, Pose]]] = field(
        default_factory=lambda: {'train': [], 'test': []})
    counts: Counter[str] = field(default_factory=Counter)
    first_bad: str = ''
    camera: Camera | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """Return a line of counts, and one for each note."""
        c = self.counts
        bad = f' (the first: {self.first_bad})' if self.first_bad else ''
        return (f'{c["images"]} images: {len(self.rows["train"])} train, '
                f'{len(self.rows["test"])} test, {c["skipped"]} skipped by --every, '
                f'{c["without pose"]} without a pose near in time, {c["bad"]} not usable{bad}'
                + ''.join(f'\n{note}' for note in self.notes))


def is_test(offset_s: float, block_s: float, fraction: float) -> bool:
    """
    Return whether a time belongs to the test split; its blocks are spread evenly.

    :param offset_s: since the first image, seconds.
    :param block_s: length of a block, seconds.
    :param fraction: of the blocks for testing, 0 to 1.
    """
    block = int(offset_s / block_s)
    return int((block + 1) * fraction + 1e-9) > int(block * fraction + 1e-9)


def images_with_poses(
        bag: BagReader, options: argparse.Namespace, result: DatasetRows,
        size: tuple[int, int]) -> Iterator[tuple[Message, RgbImage, Pose]]:
    """Yield each usable image with its pose; count the others."""
    topic = bag.image_topic(options.image)
    lookup: Lookup | None = None
    undecodable: list[str] = []
    messages = progress(
        bag.messages(topic, undecodable), bag.count(topic), 'image', bag.path.name)
    for index, message in enumerate(messages):
        lookup = lookup or truth_lookup(bag, options, message.header.frame_id)
        result.counts['images'] += 1
        if index % options.every:
            result.counts['skipped'] += 1
            continue
        pose = lookup(stamp_ns(message.header.stamp), options.max_gap)
        if pose is None:
            result.counts['without pose'] += 1
            continue
        try:
            yield message, decode_checked(message, size), pose
        except InputError as error:
            result.counts['bad'] += 1
            result.first_bad = result.first_bad or str(error)
    result.counts['images'] += len(undecodable)
    result.counts['bad'] += len(undecodable)
    result.first_bad = result.first_bad or next(iter(undecodable), '')


def add_camera(bag: BagReader, options: argparse.Namespace,
               result: DatasetRows) -> tuple[int, int]:
    """
    Find the camera of a bag, and add it to the result with what is to be said of it.

    :returns: (width, height) of its images, pixels.
    :raises InputError: when it is another camera than that of the bags before.
    """
    found = find_camera(bag, bag.image_topic(options.image), options.camera, options.camera_info)
    result.notes += [bag.note] if bag.note else []
    result.notes += [f'{bag.path.name}: {note}' for note in found.notes]
    first = result.camera is None and not result.counts['images']
    if not first and result.camera != found.camera:
        raise InputError(f'{bag.path}: all bags have to have the same camera, {result.camera}. '
                         f'Received: {found.camera}')
    result.camera = found.camera
    return found.camera.size if found.camera else image_size(bag, bag.image_topic(options.image))


def add_bag(
        path: Path, folder: Path, sequence: str, test_fraction: float, options: argparse.Namespace,
        result: DatasetRows) -> None:
    """
    Write a bag's images into `folder`/`sequence` and append their rows to the result.

    :param test_fraction: of the time, 0 to 1.
    :raises InputError: when the bag cannot be used, or has another camera than those before.
    """
    with BagReader(path) as bag:
        size = add_camera(bag, options, result)
        block_s = options.block or max(bag.duration_s / BLOCKS, 1e-3)
        (folder / sequence).mkdir()
        start_ns: int | None = None
        for message, image, pose in images_with_poses(bag, options, result, size):
            time_ns = stamp_ns(message.header.stamp)
            start_ns = time_ns if start_ns is None else start_ns
            split = 'test' if is_test(
                (time_ns - start_ns) / NS_PER_S, block_s, test_fraction) else 'train'
            number = sum(map(len, result.rows.values()))
            file = save_image(message, image, folder / sequence / f'frame{number:06d}')
            result.rows[split].append((f'{sequence}/{file.name}', pose))


def write_dataset(folder: Path, options: argparse.Namespace) -> DatasetRows:
    """
    Fill a folder with the dataset.

    :raises InputError: when a split would be empty.
    """
    result = DatasetRows()
    bags = [(path, options.test_share) for path in options.bag]
    bags += [(path, 1.0) for path in options.test_bag]
    for number, (path, fraction) in enumerate(bags, 1):
        add_bag(path, folder, f'seq{number}', fraction, options, result)
    if not any(result.rows.values()):
        raise InputError('expected at least one image with a pose. Received: ' + result.summary
                         + '; do the stamps of both come from the same clock (--max-gap)?')
    wanted = ['train'] * (options.test_share < 1) + ['test'] * any(part for _, part in bags)
    for split in wanted:
        if not result.rows[split]:
            raise InputError(f'expected images in the {split} split. Received: {result.summary}; '
                             'give a shorter --block, or another --test-share')
    for split, rows in result.rows.items():
        if rows:
            write_cambridge(folder / f'dataset_{split}.txt', rows)
    if result.camera:
        camera = json.dumps(result.camera.to_mapping(), indent=1)
        (folder / CAMERA_FILE).write_text(camera + '\n')
    else:
        result.notes.append(f'no {CAMERA_FILE} is written, as the camera is not known: give '
                            '--camera FX,FY,CX,CY, here or for training')
    write_mark(folder, DATASET)
    return result


def import_bags(options: argparse.Namespace) -> str:
    """
    Write the dataset of some bags.

    :param options: of `posenet dataset`.
    :returns: a line of counts.
    """
    with new_folder(options.out, force=options.force) as folder:
        return write_dataset(folder, options).summary
