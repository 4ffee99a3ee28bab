"""`posenet dataset --from X --to Y`: data sets and files of poses in the forms of others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from posenet_ros.datasets.layout_writers import Images, SourceImage, write_layout
from posenet_ros.datasets.layouts import available_splits, layout_name
from posenet_ros.datasets.pose_files import (
    describe_format,
    Format,
    PoseRow,
    read_poses_as_found,
    Unit,
    write_poses,
)
from posenet_ros.datasets.poses.writers import NamedPose
from posenet_ros.datasets.tolerance import check_rejected, tell_rejected
from posenet_ros.errors import InputError
from posenet_ros.training.data.datasets import Dataset, read_dataset
from posenet_ros.training.sources.image_folders import stamp_of_name
from posenet_ros.utils.atomic_folder import new_file, new_folder
from posenet_ros.utils.files.kinds import DATASET, write_mark

STEP_NS = 100_000_000  # between images whose names are no stamps


def convert_dataset(source: Path, out: Path, form: Format, camera: str | None, *,
                    force: bool) -> list[str]:
    """
    Write a data set in another form; its splits are kept, its images linked or copied.

    :param camera: text of `--camera`; None looks for it.
    :returns: what is to be told, a line each.
    :raises InputError: when it cannot be read, or the form cannot hold it.
    """
    found: dict[str, Images] = {}
    notes = [f'{source}: {layout_name(source)}']
    datasets = {split: read_dataset(source, split, camera) for split in available_splits(source)}
    for split, dataset in datasets.items():
        tell_rejected(dataset.rejected)
        images, invented = _images(dataset)
        found[split] = images
        if invented and form in (Format.TUM, Format.EUROC, Format.KITTI):
            notes.append(f'{split}: the names of the images are no stamps: they stand '
                         f'{STEP_NS / 1e9:g} s apart')
    with new_folder(out, force=force) as folder:
        write_layout(folder, form, found, next(iter(datasets.values())).camera)
        write_mark(folder, DATASET)
    counts = ', '.join(f'{len(images)} {split}' for split, images in found.items())
    return [*notes, f'{out}: {describe_format(form)}; {counts} images']


def _images(dataset: Dataset) -> tuple[Images, bool]:
    """Return the images to write, and whether their stamps had to be invented."""
    stamps = [stamp_of_name(sample.path.stem) for sample in dataset.samples]
    invented = None in stamps or len(set(stamps)) < len(stamps)
    return [SourceImage(sample.path, sample.sequence, NamedPose(
        sample.map_from_camera, sample.name, index * STEP_NS if invented else stamp))
        for index, (sample, stamp) in enumerate(zip(dataset.samples, stamps, strict=True))
    ], invented


def convert_poses(source: Path, out: Path, form: Format, given: Format | None,
                  unit: Unit | None) -> list[str]:
    """
    Write a file of poses in another form.

    :param given: form of the source; None recognises it.
    :param unit: of its stamps; None takes what the header or their size says.
    :returns: what is to be told, a line each.
    :raises InputError: when it cannot be read, or the form needs what it lacks.
    """
    rejected: list[str] = []
    rows, known = read_poses_as_found(source, given, rejected, unit=unit)
    check_rejected(rejected, len(rows) + len(rejected))
    tell_rejected(rejected)
    good = [_named(row) for row in rows if row.pose]
    if not good:
        raise InputError(f'{source}: expected at least one pose. Received: NaN alone')
    with new_file(out) as file:
        write_poses(file, form, good)
    nothing = f', {len(rows) - len(good)} rows of NaN left out' if len(good) < len(rows) else ''
    return [f'{source}: {describe_format(known)}',
            f'{out}: {describe_format(form)}; {len(good)} poses{nothing}']


def _named(row: PoseRow) -> NamedPose:
    """Return a pose with a stamp by its name, or a name by its stamp, where it lacks one."""
    assert row.pose
    found = NamedPose(row.pose, row.name, row.stamp_ns)
    if row.stamp_ns is None and row.name:
        return replace(found, stamp_ns=stamp_of_name(Path(row.name).stem))
    if row.stamp_ns is not None and not row.name:
        return replace(found, name=f'{row.stamp_ns}.png')
    return found
