"""`posenet map --parts`: map the parts of a large place as tasks, and join them into one map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import RgbImage
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.calibration import CalibratedMap, fit_calibration
from posenet_ros.training.landmarks.feature_cache import KeptFeatures, KeptViews
from posenet_ros.training.landmarks.mapping import (
    MappedDataset,
    PoseCheck,
    with_cameras,
)
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.landmarks.reconstruction.bundle_adjustment import pose_change
from posenet_ros.training.landmarks.reconstruction.pairs import Cameras, cameras_of
from posenet_ros.training.landmarks.validation import validation_folds
from posenet_ros.training.landmarks.vocabulary import describe_images
from posenet_ros.training.pipelines.mapping.parts.cameras import join_cameras
from posenet_ros.training.pipelines.mapping.parts.held_out import folds_of_part, map_and_hold_out
from posenet_ros.training.pipelines.mapping.parts.part import (
    FILE,
    load_part,
    map_part,
    PartTask,
)
from posenet_ros.training.pipelines.mapping.parts.split import (
    Part,
    part_count,
    split_views,
    SplitOptions,
)
from posenet_ros.training.pipelines.mapping.parts.whole import MappedParts
from posenet_ros.utils.progress import progress
from posenet_ros.utils.tasks.run import run_tasks
from posenet_ros.utils.tasks.worker import SharedPaths
from posenet_ros.visualization.floor_plan import draw_floor_plan, PlanPose

PLAN_FILE = 'parts.png'
PLAN_SIZE = 800  # pixels
MAX_ARROWS = 30  # of a part
APART_COLOUR = (214, 39, 40)


@dataclass(frozen=True, eq=False)
class MapResult:
    """
    A map, made in one piece or in parts.

    :param mapped: of a map in parts without matches, and with features that are read anew: those
        are of a part at a time.
    :param notes: what is to be told about the parts, a line each.
    :param plan: picture of the parts that nothing joins to the others, from above, RGB; None
        where there is none.
    """

    mapped: MappedDataset
    calibrated: CalibratedMap
    notes: tuple[str, ...] = ()
    plan: RgbImage | None = None


def map_in_parts(dataset: Dataset, options: MappingOptions, work: Path, parts: str, jobs: int, *,
                 complete: bool, scheduler: str | None = None) -> MapResult:
    """
    Map a dataset in overlapping parts, with progress bars; parts that are done are taken.

    :param work: folder of the features and of the parts.
    :param parts: their number, or AUTO.
    :param jobs: processes.
    :param scheduler: of a cluster that maps the parts instead, and has the same files.
    :raises InputError: when a part is too small, or sees too few landmarks.
    """
    if scheduler:  # whose workers are in other folders
        work, dataset = work.resolve(), with_whole_paths(dataset)
    settings = SplitOptions()
    count = part_count(parts, len(dataset.samples), settings)
    split = split_views(dataset.positions_m, count, settings)
    folders = _map_parts(dataset, options, work, split, jobs, scheduler)
    mapped_parts = replace(join_poses(dataset, options, work, split, folders), complete=complete)
    whole, held_out = map_and_hold_out(mapped_parts, jobs, scheduler)
    return MapResult(mapped_parts.with_map(whole.landmark_map),
                     fit_calibration(held_out, whole.landmark_map, options.validation),
                     describe_parts(mapped_parts.dataset, split, whole.common),
                     draw_apart(mapped_parts.dataset, split, whole.common))


def join_poses(dataset: Dataset, options: MappingOptions, work: Path, split: Sequence[Part],
               folders: Sequence[Path]) -> MappedParts:
    """
    Join the poses of mapped parts, and describe all images, for the maps that follow.

    :param folders: of the parts; `work` that of the features.
    :raises InputError: on too few features.
    """
    mapped = [load_part(folder) for folder in folders]
    given = cameras_of(dataset)
    cameras, moved = join_cameras(mapped, split, given)
    check = _whole_check([part.check for part in mapped], given, cameras)
    dataset = dataset if check.change is None else with_cameras(dataset, cameras)
    del mapped  # the tracks of all parts, while the features are read
    views = KeptViews(dataset, options.features, work)
    return MappedParts(dataset, options, folders, split, work, cameras, moved, check,
                       describe_images(KeptFeatures(views), options.vocabulary))


def _map_parts(dataset: Dataset, options: MappingOptions, work: Path, split: Sequence[Part],
               jobs: int, scheduler: str | None) -> list[Path]:
    """Map the parts that are not done; return the folders of all."""
    folds = validation_folds(dataset, options.validation)
    tasks = [PartTask(dataset.subset(part.views.tolist()), options, folds_of_part(folds, part),
                      work) for part in split]
    open_tasks = [task for task in tasks if not (task.folder / FILE).is_file()]
    paths = SharedPaths([sample.path for sample in dataset.samples], work)
    for _ in progress(run_tasks(map_part, open_tasks, jobs, scheduler, paths), len(tasks), 'part',
                      'parts', len(tasks) - len(open_tasks)):
        pass
    return [task.folder for task in tasks]


def with_whole_paths(dataset: Dataset) -> Dataset:
    """Return a dataset whose images are named by their whole paths, for other computers."""
    return replace(dataset, samples=tuple(
        replace(sample, path=sample.path.resolve()) for sample in dataset.samples))


def _whole_check(checks: Sequence[PoseCheck], given: Cameras, moved: Cameras) -> PoseCheck:
    """Return the check of all poses: the median residual of the parts; one that errs suffices."""
    return PoseCheck(float(np.median([check.residual_px for check in checks])),
                     all(check.consistent for check in checks),
                     pose_change(given, moved) if any(check.change for check in checks) else None)


def apart(split: Sequence[Part], common: Sequence[int] | NDArray[np.intp]) -> dict[int, Part]:
    """
    Return the parts that nothing joins to the others, by their numbers from 1.

    :param common: (P,) number of tracks of each part that another part has, too.
    """
    if len(split) < 2:
        return {}
    return {number: part for number, (part, tracks) in enumerate(
        zip(split, common, strict=True), 1) if not tracks}


def describe_parts(dataset: Dataset, split: Sequence[Part],
                   common: Sequence[int] | NDArray[np.intp]) -> tuple[str, ...]:
    """Describe the parts, and those that are :func:`apart`, a line each; none of one piece."""
    if len(split) < 2:
        return ()
    shared = sum(len(part.views) for part in split) - len(dataset.samples)
    lines = [f'{len(split)} parts of {max(len(part.views) for part in split)} images or fewer, '
             f'{shared} of them in two parts or more']
    for number, part in apart(split, common).items():
        (left, low), (right, high) = (
            edge(dataset.positions_m[part.views], axis=0)[:2] for edge in (np.min, np.max))
        lines.append(
            f'part {number}, the {len(part.views)} images within x {left:.1f} to {right:.1f}, '
            f'y {low:.1f} to {high:.1f}, has no landmark in common with the others: its poses '
            f'alone place it; walk from there to the others without a gap ({PLAN_FILE})')
    return tuple(lines)


def draw_apart(dataset: Dataset, split: Sequence[Part],
               common: Sequence[int] | NDArray[np.intp]) -> RgbImage | None:
    """Draw all images from above, with arrows where parts are :func:`apart`; None for none."""
    alone = apart(split, common)
    if not alone:
        return None
    arrows = [PlanPose(dataset.samples[view].map_from_camera, APART_COLOUR)
              for part in alone.values()
              for view in part.views[::-(-len(part.views) // MAX_ARROWS)]]
    return draw_floor_plan(dataset.positions_m, arrows, PLAN_SIZE, PLAN_SIZE)
