"""Places of a map: where more should be recorded, and which look alike."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.training.landmarks.held_out.poses import HeldOutPoses
from posenet_ros.training.map_report.content import SimilarPlaces, WeakCell
from posenet_ros.training.map_report.options import ReportOptions


def extent_m(positions_m: Floats) -> float:
    """Return the longer side of positions (N, D); at least 1e-9."""
    return max(float(np.ptp(positions_m, axis=0).max()), 1e-9)


def weak_cells(landmark_map: LandmarkMap, held_out: HeldOutPoses, across: tuple[int, int],
               options: ReportOptions) -> tuple[WeakCell, ...]:
    """
    Find the cells of the floor plan in which more should be recorded, the worst first.

    :param across: axes of the plan.
    """
    flat = landmark_map.views.positions_m[:, across]
    size = extent_m(flat) / options.cells
    cells = np.floor((flat - flat.min(axis=0)) / size).astype(np.intp)
    lost = np.full(len(flat), np.nan)
    lost[held_out.views] = ~held_out.localised
    seen = np.diff(landmark_map.starts)
    found: list[WeakCell] = []
    for cell in np.unique(cells, axis=0):
        inside = (cells == cell).all(axis=1)
        centre = flat.min(axis=0) + (cell + 0.5) * size
        found += _weak(centre, size, seen[inside], lost[inside], options)
    return tuple(sorted(found, key=lambda one: (-(one.failed or 0) * one.images, one.landmarks))
                 [:options.told_cells])


def _weak(centre: Floats, size: float, seen: NDArray[np.integer], lost: Floats,
          options: ReportOptions) -> Iterator[WeakCell]:
    tried = np.isfinite(lost)
    failed = float(lost[tried].mean()) if tried.any() else None
    landmarks = float(np.median(seen))
    reasons = []
    if failed is not None and failed > options.max_failures:
        reasons.append(f'{int(lost[tried].sum())} of {int(tried.sum())} images are not localised '
                       'without their walk')
    if landmarks < options.min_landmarks:
        reasons.append(f'an image sees {landmarks:.0f} landmarks')
    if reasons:
        yield WeakCell((float(centre[0]), float(centre[1])), size, len(seen), landmarks, failed,
                       '; '.join(reasons))


def similar_places(landmark_map: LandmarkMap, options: ReportOptions) -> tuple[SimilarPlaces, ...]:
    """
    Find pairs of views far from each other that look as alike as neighbours do.

    A localiser that retrieves by similarity may take the one for the other.
    """
    views = np.arange(len(landmark_map.views))
    views = views[::-(-len(views) // options.max_compared)]
    vectors = landmark_map.views.global_descriptors[views].astype(np.float32)
    if vectors.shape[1] == 0 or len(views) < 3:
        return ()
    positions = landmark_map.views.positions_m[views]
    similarity = vectors @ vectors.T
    reach = options.min_distance * extent_m(positions)
    near = np.linalg.norm(positions[:, np.newaxis] - positions, axis=2) <= reach
    np.fill_diagonal(similarity, -1)
    usual = float(np.median(np.where(near, similarity, -1).max(axis=1)))  # of the best near view
    first, second = np.nonzero(np.triu((similarity >= usual) & ~near, 1))
    distances = np.linalg.norm(positions[first] - positions[second], axis=1)
    order = np.argsort(-similarity[first, second], kind='stable')
    found: list[SimilarPlaces] = []
    taken: list[Floats] = []
    for i in order:
        a, b = int(first[i]), int(second[i])
        ends = np.concatenate([positions[a], positions[b]])
        if any(_same(ends, other, reach) for other in taken):
            continue
        if _common(landmark_map, int(views[a]), int(views[b])) > options.max_common_landmarks:
            continue
        taken.append(ends)
        names = landmark_map.views.names
        found.append(SimilarPlaces(names[views[a]], names[views[b]], float(similarity[a, b]),
                                   usual, float(distances[i])))
        if len(found) == options.told_pairs:
            break
    return tuple(found)


def _same(ends: Floats, others: Floats, reach: float) -> bool:
    """Return whether two pairs of places (6,) are the same, in either order."""
    turned = np.concatenate([others[3:], others[:3]])
    return any(max(np.linalg.norm((ends - one)[:3]), np.linalg.norm((ends - one)[3:])) < reach
               for one in (others, turned))


def _common(landmark_map: LandmarkMap, view: int, other: int) -> int:
    return len(np.intersect1d(landmark_map.seen_by(view), landmark_map.seen_by(other)))
