"""Measure a map, from what its mapping and its calibration found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, UTC

import numpy as np
from posenet_ros.inference.map_frame import Scale, Up
from posenet_ros.training.data.datasets import Dataset, up_axis
from posenet_ros.training.landmarks.calibration import CalibratedMap
from posenet_ros.training.landmarks.held_out.poses import HeldOutPoses
from posenet_ros.training.landmarks.mapping import PoseCheck
from posenet_ros.training.map_report.content import MapReport
from posenet_ros.training.map_report.coverage import similar_places, weak_cells
from posenet_ros.training.map_report.options import ReportOptions
from posenet_ros.training.map_report.verdict import judge
from posenet_ros.training.map_report.walks import apart_walks, localised, walk_reports


@dataclass(frozen=True, eq=False)
class MapFacts:
    """
    What is known of a map beside its landmarks.

    :param name: of the map.
    :param images: number of images that were given; None for those of the map.
    :param mistake: that the check of images, poses and camera found; '' for none.
    :param size_bytes: of the map's file; `seconds` that the mapping took.
    """

    name: str
    scale: Scale
    up: Up
    size_bytes: int
    seconds: float
    images: int | None = None
    mistake: str = ''
    notes: Sequence[str] = ()


def plan_axes(dataset: Dataset) -> tuple[int, int]:
    """Return the two axes of the floor plan: those that are not up in the images."""
    up = 'xyz'.index(up_axis(dataset)[-1])
    first, second = (i for i in range(3) if i != up)
    return first, second


def measure_map(calibrated: CalibratedMap, dataset: Dataset, check: PoseCheck, facts: MapFacts,
                options: ReportOptions | None = None) -> MapReport:
    """
    Measure a map; nothing is localised again: the calibration's poses are what is told.

    :param dataset: of the map's views, with their poses.
    """
    options = options or ReportOptions()
    landmark_map, held_out = calibrated.landmark_map, calibrated.held_out
    found = localised(held_out.rows, options) if len(held_out.views) else None
    apart = apart_walks(landmark_map, options)
    left_out = what_was_left_out(landmark_map.views.sequences, held_out)
    level, sentence = judge(found, apart, left_out, facts.mistake, metric=facts.scale.metric,
                            options=options)
    across = plan_axes(dataset)
    return MapReport(
        facts.name, f'{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}', level, sentence,
        facts.images or len(landmark_map.views), len(landmark_map.views),
        walk_reports(landmark_map, held_out, options), apart, left_out, found, check.residual_px,
        check.describe(), len(landmark_map.points_m),
        float(np.median(np.diff(landmark_map.starts))),
        ('xyz'[across[0]], 'xyz'[across[1]]),
        weak_cells(landmark_map, held_out, across, options),
        similar_places(landmark_map, options), facts.scale.metric, str(facts.scale),
        str(facts.up), facts.size_bytes, facts.seconds, facts.mistake, tuple(facts.notes))


def what_was_left_out(sequences: Sequence[str], held_out: HeldOutPoses) -> str:
    """Return 'walk' where each fold is of one walk, 'block' where it is a part of some."""
    walks = np.array(sequences)[held_out.views]
    folds = {(int(fold), str(walk)) for fold, walk in zip(held_out.folds, walks, strict=True)}
    several = len(set(sequences)) > 1
    return 'walk' if several and len(folds) == len({fold for fold, _ in folds}) else 'block'
