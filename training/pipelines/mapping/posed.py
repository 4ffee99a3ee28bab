"""From the options to images with poses in the frame of the map: given, or found."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from posenet_ros.datasets.layouts import is_reconstruction
from posenet_ros.datasets.tolerance import tell_rejected
from posenet_ros.errors import InputError
from posenet_ros.inference.map_frame import Scale, Up
from posenet_ros.training.data.datasets import Dataset, read_dataset, Sample
from posenet_ros.training.data.walk import Walk, WalkImage
from posenet_ros.training.metric.frame import move_dataset
from posenet_ros.training.metric.metric_frame import find_metric_frame, MetricFrame
from posenet_ros.training.sources.bags.options import BagOptions
from posenet_ros.training.sources.image_folders import describe_rotated
from posenet_ros.training.sources.pose_association import form_and_unit, with_poses
from posenet_ros.training.sources.read import read_walks, Source, SourceKind
from posenet_ros.utils.files.text import read_text

SFM_FOLDER = 'sfm'
UNKNOWN_SCALE, UNKNOWN_UP = Scale(False, ''), Up('')


@dataclass(frozen=True, eq=False)
class PosedImages:
    """
    Images with poses in the frame of the map.

    :param scale: of the map, and where it comes from; `up` likewise.
    :param notes: what is to be told, a line each.
    """

    dataset: Dataset
    scale: Scale
    up: Up
    notes: tuple[str, ...] = ()

    def near_origin(self) -> PosedImages:
        """Return the same relative to an origin that is near, where they are far from theirs."""
        return replace(self, dataset=self.dataset.near_origin())


def source_of(options: argparse.Namespace) -> Source:
    """Return what `posenet map` reads walks from, where it is no dataset."""
    kind = next(kind for kind in SourceKind if getattr(options, kind.value))
    bag = BagOptions(options.image, options.camera_info, options.camera, options.pose,
                     tuple(options.tf) if options.tf else None, options.pose_of, options.max_gap,
                     options.every)
    return Source(kind, tuple(getattr(options, kind.value)), options.camera, options.every, bag)


def pose_images(options: argparse.Namespace, work: Path) -> PosedImages:
    """
    Read the images of `posenet map` and their poses, or find these by structure from motion.

    :param options: of the command, and `scale_request`.
    :param work: folder of intermediate results.
    :raises InputError: when the images cannot be used or posed.
    """
    if options.data:
        return _of_dataset(options)
    walks = read_walks(source_of(options), work)
    if options.poses:
        walks = with_poses(walks, options.poses, options.max_gap, *form_and_unit(options))
    for note in (note for walk in walks for note in walk.notes):
        _say(note)
    check_measurements(options, walks)
    if not all(image.map_from_camera for walk in walks for image in walk.images):
        return _by_structure_from_motion(walks, options, work)
    rotated = describe_rotated(walks) if options.images else ''
    posed = PosedImages(posed_dataset(walks), Scale(), Up(), (rotated,) if rotated else ())
    return _in_frame(posed, walks, options)


def _say(line: str) -> None:
    print(line, flush=True)


def _of_dataset(options: argparse.Namespace) -> PosedImages:
    dataset = read_dataset(options.data, 'train', options.camera)
    tell_rejected(dataset.rejected)
    dataset = dataset.subset(range(0, len(dataset.samples), options.every or 1))
    if is_reconstruction(options.data):
        posed = PosedImages(dataset, UNKNOWN_SCALE, UNKNOWN_UP)
    else:
        posed = PosedImages(dataset, Scale(), Up())
    return _in_frame(posed, walks_of_dataset(dataset), options)


def _in_frame(posed: PosedImages, walks: Sequence[Walk],
              options: argparse.Namespace) -> PosedImages:
    """Bring poses that were given to the scale and the frame that are asked for, if any is."""
    if options.scale_request is None and options.frame is None:
        return posed
    found = find_metric_frame(posed.dataset, walks, options.scale_request, options.frame)
    return _moved(posed.dataset, found, posed.notes)


def _moved(dataset: Dataset, found: MetricFrame, notes: Sequence[str]) -> PosedImages:
    scale = Scale(True, found.scale.source.value, found.scale.expected_error
                  ) if found.scale else UNKNOWN_SCALE
    up = Up(found.up.source, found.up.sigma_deg) if found.up else Up('frame')
    return PosedImages(move_dataset(dataset, found.map_from_reconstruction), scale, up,
                       (*notes, *found.describe()))


def check_measurements(options: argparse.Namespace, walks: Sequence[Walk]) -> None:
    """
    Check what the scale and the frame are taken from, before poses are looked for.

    :raises InputError: when a file is missing, or an image is not among those of the walks.
    """
    request = options.scale_request
    for file in filter(None, (options.frame, request and request.file)):
        read_text(file)
    names = [image.name for walk in walks for image in walk.images]
    for wanted in request.images or () if request else ():
        found = [name for name in names if f'/{name}'.endswith(f'/{wanted}')]
        if len(found) != 1 and wanted not in names:
            raise InputError('--scale-from distance needs two images of the walks, such as '
                             f'{names[0]}. Received: {wanted}, which {len(found)} have as the end '
                             'of their name')


def _by_structure_from_motion(walks: Sequence[Walk], options: argparse.Namespace,
                              work: Path) -> PosedImages:
    from posenet_ros.training.sfm.options import SfmOptions
    from posenet_ros.training.sfm.pipeline import reconstruct
    from posenet_ros.training.sfm.reconstruction import reconstruction_dataset

    found = reconstruct(walks, work / SFM_FOLDER, SfmOptions(largest=options.largest))
    dataset = reconstruction_dataset(found, walks)
    frame = find_metric_frame(dataset, walks, options.scale_request, options.frame)
    return _moved(dataset, frame, found.summary())


def posed_dataset(walks: Sequence[Walk]) -> Dataset:
    """
    Make a dataset of walks whose images have poses.

    :raises InputError: when their camera is not known.
    """
    camera = walks[0].camera
    if camera is None:
        raise InputError(f'{walks[0].name}: the camera of images with poses has to be known: give '
                         '--camera FX,FY,CX,CY (or FX alone), pixels, or add a camera.json')
    samples = tuple(Sample(image.path, image.name, image.map_from_camera, walk.name)
                    for walk in walks for image in walk.images if image.map_from_camera)
    return Dataset(', '.join(walk.name for walk in walks), samples, camera)


def walks_of_dataset(dataset: Dataset) -> list[Walk]:
    """Return the walks of a dataset, in the order in which they begin."""
    images: dict[str, list[WalkImage]] = {}
    for sample in dataset.samples:
        images.setdefault(sample.sequence, []).append(WalkImage(
            sample.path, sample.name, map_from_camera=sample.map_from_camera))
    return [Walk(name, tuple(found), dataset.camera) for name, found in images.items()]


def limit_views(posed: PosedImages, views: int | None) -> PosedImages:
    """Keep at most `views` of the images, evenly spread."""
    count = len(posed.dataset.samples)
    if views is None or count <= views:
        return posed
    chosen = np.linspace(0, count - 1, views).round().astype(int)
    return replace(posed, dataset=posed.dataset.subset(chosen.tolist()))
