"""Poses of a file for the images of walks: by name, by stamp, or row by row."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from posenet_ros.datasets.pose_files import (
    describe_format,
    Format,
    PoseRow,
    read_poses_as_found,
    Unit,
)
from posenet_ros.datasets.tolerance import check_rejected
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import Trajectory
from posenet_ros.training.data.walk import Walk, WalkImage
from posenet_ros.utils.choices import MAX_POSE_GAP_S

Find = Callable[[WalkImage], Pose | None]


def form_and_unit(options: argparse.Namespace) -> tuple[Format | None, Unit | None]:
    """
    Return what `--format` and `--stamp-unit` say of a file of poses; None: by its content.

    :raises InputError: when there is no such form.
    """
    return (Format.from_option(options.format) if options.format else None,
            Unit(options.stamp_unit) if options.stamp_unit else None)


def with_poses(walks: Sequence[Walk], file: Path, max_gap_s: float = MAX_POSE_GAP_S,
               form: Format | None = None, unit: Unit | None = None) -> list[Walk]:
    """
    Give each image its pose from a file; images without one are left out, and a note counts them.

    Rows with names are found by the image's name, rows with stamps by its stamp, interpolated;
    others, as those of KITTI, belong to the images in their order. Bad rows are left out, up to
    a tenth; a note says what form was recognised.

    :param max_gap_s: between the poses round an image, seconds.
    :param form: of the file, and `unit` of its stamps; None: by its content.
    :raises InputError: when no image finds a pose, or rows and images of KITTI differ in number.
    """
    rejected: list[str] = []
    rows, form = read_poses_as_found(file, form, rejected, unit=unit)
    check_rejected(rejected, len(rows) + len(rejected))
    images = [image for walk in walks for image in walk.images]
    key = _by_name if rows[0].name else _by_stamp if rows[0].stamp_ns is not None else _by_row
    find = key(rows, images, file, max_gap_s)
    found = [_posed(walk, find, file) for walk in walks]
    kept = [walk for walk in found if walk.images]
    if not kept:
        raise InputError(f'{file}: expected poses of the images. Received: none of '
                         f'{len(images)} images, such as {images[0].name}'
                         f'{_stamp_text(images[0])}, has a row')
    notes = (f'{file.name}: {describe_format(form)}', *rejected)
    return [replace(kept[0], notes=(*kept[0].notes, *notes)), *kept[1:]]


def _posed(walk: Walk, find: Find, file: Path) -> Walk:
    images = tuple(replace(image, map_from_camera=pose) for image in walk.images
                   if (pose := find(image)) is not None)
    left_out = len(walk.images) - len(images)
    notes = (f'{walk.name}: {left_out} of {len(walk.images)} images have no pose in {file.name} '
             'and are left out',) if left_out else ()
    return replace(walk, images=images, notes=(*walk.notes, *notes))


def _stamp_text(image: WalkImage) -> str:
    return '' if image.stamp_ns is None else f' of {image.stamp_ns / 1e9:.3f} s'


def _by_name(rows: Sequence[PoseRow], images: Sequence[WalkImage], file: Path,
             _max_gap_s: float) -> Find:
    """Find by the longest end of its path that the image and one row alone have in common."""
    poses: dict[str, Pose | None] = {row.name: row.pose for row in rows}
    ends: dict[str, list[str]] = {}
    for name in poses:
        ends.setdefault(name.rpartition('/')[2], []).append(name)

    def find(image: WalkImage) -> Pose | None:
        row = _row_name(image.name, poses, ends)
        return poses[row] if row else None

    return find


def _row_name(name: str, poses: Mapping[str, Pose | None],
              ends: Mapping[str, list[str]]) -> str | None:
    if name in poses:
        return name
    for own in (name, name.rpartition('.')[0]):  # some programs leave the suffix out
        same = [other for other in ends.get(own.rpartition('/')[2], ())
                if f'/{own}'.endswith(f'/{other}') or f'/{other}'.endswith(f'/{own}')]
        if same:
            return same[0] if len(same) == 1 else None
    return None


def _by_stamp(rows: Sequence[PoseRow], images: Sequence[WalkImage], file: Path,
              max_gap_s: float) -> Find:
    if all(image.stamp_ns is None for image in images):
        raise InputError(f'{file} has stamps: the images need them too, in their names, as '
                         f'1305031102.175.png, or in EXIF. Received: {images[0].name}; give '
                         'poses with names (Cambridge form)')
    trajectory = Trajectory.from_poses(
        (row.stamp_ns, row.pose) for row in rows if row.pose and row.stamp_ns is not None)

    def find(image: WalkImage) -> Pose | None:
        return None if image.stamp_ns is None else trajectory.at(image.stamp_ns, max_gap_s)

    return find


def _by_row(rows: Sequence[PoseRow], images: Sequence[WalkImage], file: Path,
            _max_gap_s: float) -> Find:
    if len(rows) != len(images):
        raise InputError(f'{file}: expected a row for each of the {len(images)} images. '
                         f'Received: {len(rows)}')
    poses = {image.name: row.pose for image, row in zip(images, rows, strict=True)}
    return lambda image: poses[image.name]
