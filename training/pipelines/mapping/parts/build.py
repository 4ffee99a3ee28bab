"""`posenet map --parts`: map the parts of a large place as tasks, and join them into one map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.calibration import CalibratedMap, fit_calibration
from posenet_ros.training.landmarks.feature_cache import KeptFeatures
from posenet_ros.training.landmarks.mapping import (
    assemble_map,
    budget,
    MappedDataset,
    PoseCheck,
)
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.landmarks.reconstruction.pairs import cameras_of
from posenet_ros.training.pipelines.mapping.parts.held_out import join_held_out
from posenet_ros.training.pipelines.mapping.parts.join import join_parts
from posenet_ros.training.pipelines.mapping.parts.part import (
    FILE,
    load_part,
    map_part,
    MappedPart,
    PartTask,
)
from posenet_ros.training.pipelines.mapping.parts.split import (
    Part,
    part_count,
    split_views,
    SplitOptions,
)
from posenet_ros.training.pipelines.mapping.parts.tasks import run_tasks
from posenet_ros.utils.progress import progress

MIN_HELD_OUT = 60  # images of a part that are localised without their walk


@dataclass(frozen=True, eq=False)
class MapOfParts:
    """
    A map that was made in parts.

    :param mapped: without features and matches, which are those of a part at a time.
    :param notes: what is to be told about the parts, a line each.
    """

    mapped: MappedDataset
    calibrated: CalibratedMap
    notes: tuple[str, ...]


def map_in_parts(dataset: Dataset, options: MappingOptions, work: Path, parts: str, jobs: int, *,
                 complete: bool) -> MapOfParts:
    """
    Map a dataset in overlapping parts, with progress bars; parts that are done are taken.

    :param work: folder of the features and of the parts.
    :param parts: their number, or AUTO.
    :param jobs: processes.
    :raises InputError: when a part is too small, or sees too few landmarks.
    """
    settings = SplitOptions()
    count = part_count(parts, len(dataset.samples), settings)
    split = split_views(dataset.positions_m, count, settings)
    mapped = _mapped_parts(dataset, _shared(options, count), work, split, jobs, complete)
    check = _whole_check([part.check for part in mapped])
    triangulation = options.triangulation
    if check.wide:
        triangulation = replace(triangulation, max_error=options.wide_tolerance)
    joined = join_parts(mapped, split, cameras_of(dataset), triangulation)
    chosen = budget(dataset, joined.found, options)
    landmark_map = replace(assemble_map(
        dataset, KeptFeatures(dataset, options.features, work),
        [sample.path for sample in dataset.samples], joined.found.subset(chosen),
        joined.described.subset(chosen), options), complete=complete)
    held_out = join_held_out([part.held_out for part in mapped], split)
    return MapOfParts(MappedDataset(landmark_map, (), (), dataset, check),
                      fit_calibration(held_out, landmark_map, options.validation),
                      describe_parts(dataset, split, joined.common))


def _shared(options: MappingOptions, count: int) -> MappingOptions:
    """Return the settings of one of `count` parts, which share the images that are held out."""
    images = max(options.validation.max_images // count, MIN_HELD_OUT)
    return replace(options, validation=replace(options.validation, max_images=images))


def _mapped_parts(dataset: Dataset, options: MappingOptions, work: Path, split: Sequence[Part],
                  jobs: int, complete: bool) -> list[MappedPart]:
    tasks = [PartTask(dataset.subset(part.views.tolist()), options, complete, work)
             for part in split]
    open_tasks = [task for task in tasks if not (task.folder / FILE).is_file()]
    for _ in progress(run_tasks(map_part, open_tasks, jobs), len(tasks), 'part', 'parts',
                      len(tasks) - len(open_tasks)):
        pass
    return [load_part(task.folder) for task in tasks]


def _whole_check(checks: Sequence[PoseCheck]) -> PoseCheck:
    """Return the check of all poses: the median residual of the parts; one that errs suffices."""
    return PoseCheck(float(np.median([check.residual_px for check in checks])),
                     all(check.consistent for check in checks))


def describe_parts(dataset: Dataset, split: Sequence[Part],
                   common: Sequence[int] | np.ndarray) -> tuple[str, ...]:
    """
    Describe the parts, and those that nothing joins to the others, a line each.

    :param common: (P,) number of tracks of each that another part has, too.
    """
    shared = sum(len(part.views) for part in split) - len(dataset.samples)
    lines = [f'{len(split)} parts of {len(split[0].views)} images or so, {shared} of them in '
             'two parts or more']
    for number, (part, tracks) in enumerate(zip(split, common, strict=True), 1):
        if len(split) > 1 and not tracks:
            (left, low), (right, high) = (
                edge(dataset.positions_m[part.views], axis=0)[:2] for edge in (np.min, np.max))
            lines.append(
                f'part {number}, the {len(part.views)} images within x {left:.1f} to '
                f'{right:.1f}, y {low:.1f} to {high:.1f}, has no landmark in common with the '
                'others: its poses alone place it; walk from there to the others without a gap')
    return tuple(lines)
