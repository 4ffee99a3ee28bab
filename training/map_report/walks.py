"""Walks of a map: which join, and how well each is localised by the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.training.landmarks.held_out.poses import HeldOutPoses
from posenet_ros.training.map_report.content import ApartWalks, Localised, WalkReport
from posenet_ros.training.map_report.options import ReportOptions

MAX_SEARCHED = 400  # images of a walk among which the nearest to another walk is looked for


def walk_names(landmark_map: LandmarkMap) -> list[str]:
    """Return the names of the walks, in the order in which they begin."""
    return list(dict.fromkeys(landmark_map.views.sequences))


def shared_landmarks(landmark_map: LandmarkMap) -> NDArray[np.intp]:
    """Return the number of landmarks that each two walks (W, W) share, or that each sees."""
    names = walk_names(landmark_map)
    sees = np.zeros((len(names), len(landmark_map.points_m)), np.float32)
    numbers = np.array([names.index(name) for name in landmark_map.views.sequences])
    sees[np.repeat(numbers, np.diff(landmark_map.starts)), landmark_map.seen] = 1
    return np.asarray(np.rint(sees @ sees.T), np.intp)


def joined_walks(landmark_map: LandmarkMap, options: ReportOptions) -> list[list[str]]:
    """Return the walks that are joined by common landmarks, the part of most images first."""
    names = walk_names(landmark_map)
    linked = shared_landmarks(landmark_map) >= options.min_shared_landmarks
    part = np.arange(len(names))
    for _ in names:  # each walk takes the smallest number among those that it shares with
        part = np.where(linked | np.eye(len(names), dtype=bool), part, len(names)).min(axis=1)
    counts = {p: sum(landmark_map.views.sequences.count(names[i])
                     for i in np.flatnonzero(part == p)) for p in np.unique(part)}
    return [[names[i] for i in np.flatnonzero(part == p)]
            for p in sorted(counts, key=lambda p: -counts[p])]


def apart_walks(landmark_map: LandmarkMap, options: ReportOptions) -> tuple[ApartWalks, ...]:
    """Find the walks that do not join the largest part, and where they come near to others."""
    main, *others = joined_walks(landmark_map, options)
    return tuple(_apart(landmark_map, part, main) for part in others)


def _apart(landmark_map: LandmarkMap, walks: Sequence[str], main: Sequence[str]) -> ApartWalks:
    views = landmark_map.views
    ours, theirs = (_spread(np.flatnonzero(np.isin(views.sequences, names)))
                    for names in (list(walks), list(main)))
    distances = np.linalg.norm(
        views.positions_m[ours, np.newaxis] - views.positions_m[theirs], axis=2)
    i, j = np.unravel_index(int(distances.argmin()), distances.shape)
    return ApartWalks(tuple(walks), (views.names[ours[i]], views.names[theirs[j]]),
                      float(distances[i, j]))


def _spread(views: NDArray[np.intp]) -> NDArray[np.intp]:
    return views[::max(1, -(-len(views) // MAX_SEARCHED))]


def localised(rows: Floats, options: ReportOptions) -> Localised:
    """
    Summarise the poses of left-out images.

    :param rows: (N, 2, 6) errors and sigmas, NaN without a pose.
    """
    errors = rows[:, 0]
    known = np.isfinite(errors[:, 0])
    metres = np.linalg.norm(errors[known, :3], axis=1)
    degrees = np.degrees(np.linalg.norm(errors[known, 3:], axis=1))
    within = np.sum((metres <= options.recall_m) & (degrees <= options.recall_deg))
    recall = float(within) / max(len(rows), 1)
    if not known.any():
        return Localised(len(rows), 0, None, None, None, recall, None)
    return Localised(
        len(rows), int(known.sum()), float(np.median(metres)), float(np.percentile(metres, 95)),
        float(np.median(degrees)), recall,
        float(np.linalg.norm(np.median(errors[known, :3], axis=0))))


def walk_reports(landmark_map: LandmarkMap, held_out: HeldOutPoses,
                 options: ReportOptions) -> tuple[WalkReport, ...]:
    """Report each walk: its images, and those of them that were left out."""
    sequences = np.array(landmark_map.views.sequences)
    of_row = sequences[held_out.views]
    return tuple(WalkReport(
        name, int(np.sum(sequences == name)),
        localised(held_out.rows[of_row == name], options) if (of_row == name).any() else None)
        for name in walk_names(landmark_map))
