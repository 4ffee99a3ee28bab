"""What the layouts with stamps have in common: lists of images, blocks for testing, poses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
import re

from posenet_ros.datasets.dataset_rows import DatasetRow, make_row
from posenet_ros.datasets.pose_files import Format, read_rows, Unit
from posenet_ros.datasets.poses.recognition import Header
from posenet_ros.datasets.poses.stamps import find_unit, StampReader
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.utils.files.text import is_content, numbered_lines

BLOCK = 50  # images; every eighth block is the test split


def in_split(index: int, split: str) -> bool:
    """Return whether an image, by its place in the order, is of a split."""
    return (index // BLOCK % 8 == 7) == (split == 'test')


@dataclass(frozen=True)
class StampedImage:
    """
    An image of a list.

    :param stamp_ns: None where the line is bad, and `error` says why.
    """

    where: str
    name: str
    stamp_ns: int | None
    error: str = ''


def read_image_list(file: Path, default: Unit = Unit.S) -> list[StampedImage]:
    """
    Read lines of a stamp and the name of a file, whatever separates them, with or without header.

    :param default: of stamps that begin at 0.
    :raises InputError: when the file is missing, or no text, or the unit of its stamps is open.
    """
    everything = list(numbered_lines(file))
    lines = [(f'{file}:{number}', *_split(text)) for number, text in everything
             if is_content(text)]
    if lines and not re.match(r'[+-]?[\d.]', lines[0][1]):
        del lines[0]  # the names of the columns
    header = Header(everything[0][1].lower() if everything else '')
    try:
        stamps = find_unit([stamp for _, stamp, _ in lines], header.unit, default)
    except InputError as error:
        raise InputError(f'{file}: {error}') from error
    return [_image(*line, stamps) for line in lines]


def _split(text: str) -> tuple[str, str]:
    stamp, *rest = re.split(r'\s*[,;]\s*|\s+', text.strip(), maxsplit=1)
    return stamp, rest[0].strip().strip('"') if rest else ''


def _image(where: str, stamp: str, name: str, stamps: StampReader) -> StampedImage:
    try:
        if not name:
            raise InputError('the line has to have 2 columns, stamp and file. '
                             f'Received: {stamp!r}')
        return StampedImage(where, name, stamps.parse(stamp))
    except InputError as error:
        return StampedImage(where, name, None, str(error))


def read_stamped_poses(
        file: Path, form: Format) -> tuple[list[tuple[int, Pose]], list[DatasetRow]]:
    """
    Read poses with their stamps, nanoseconds, and the rows that cannot be used.

    :raises InputError: when there is no pose.
    """
    poses: list[tuple[int, Pose]] = []
    bad: list[DatasetRow] = []
    for where, row in read_rows(file, form):
        if isinstance(row, InputError):
            bad.append(DatasetRow(where, file.parent, '', '', error=str(row)))
        elif row.pose and row.stamp_ns is not None:
            poses.append((row.stamp_ns, row.pose))
    if not poses:
        raise InputError(f'{file}: expected at least one pose. '
                         f'Received: none{"; " + bad[0].error if bad else ""}')
    return poses, bad


def unmatched(folder: Path, image: StampedImage, name: str, sequence: str,
              why: str) -> DatasetRow:
    """Make the row of an image at whose time no pose was recorded."""
    return replace(make_row(folder, image.where, name, sequence, None), unmatched=True, error=why)


def numbered_blocks(images: list[StampedImage], split: str) -> Iterator[tuple[str, StampedImage]]:
    """Yield the images of a split, with the name of the block that each is in."""
    for index, image in enumerate(images):
        if in_split(index, split):
            yield f'block{index // BLOCK}', image
