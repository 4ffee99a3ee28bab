"""Where many bags are worst: the cells of the floor plan, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats, RgbImage
from posenet_ros.evaluation.fleet.frames import BagFrames
from posenet_ros.visualization.floor_plan import draw_floor_plan, FloorPlan

CELLS = 24  # along the longer side
MIN_CELL_M = 0.5
MIN_FRAMES = 5  # of a cell that is called one of the worst
PLAN_PX = 640
OPACITY = 0.75
DECADES = 3.0  # of errors from the first to the last colour, of which the last is 1 m


@dataclass(frozen=True)
class Cell:
    """
    The frames of a square of the plan.

    :param x_m: and `y_m`: its centre, in the frame of the truth.
    :param size_m: its side.
    :param answered: fraction of the frames that have an accepted estimate.
    :param median_m: of the errors of all frames; infinite where fewer than half are answered.
    :param bags: names of the bags that have been there.
    """

    x_m: float
    y_m: float
    size_m: float
    frames: int
    answered: float
    median_m: float
    bags: tuple[str, ...]


def plan_cells(bags: Sequence[BagFrames]) -> list[Cell]:
    """Divide the plan (x and y of the truth) into squares, and describe those with frames."""
    truths, errors = (np.concatenate(parts) for parts in (
        [bag.truths_m[:, :2] for bag in bags], [bag.errors.translation_m for bag in bags]))
    of_bag = np.repeat(np.arange(len(bags)), [len(bag.truths_m) for bag in bags])
    low = truths.min(axis=0)
    size = max(float(np.ptp(truths, axis=0).max()) / CELLS, MIN_CELL_M)
    indices, inverse = np.unique(((truths - low) // size).astype(int), axis=0, return_inverse=True)
    rows = [np.flatnonzero(inverse.ravel() == i) for i in range(len(indices))]
    return [_cell(low + (index + 0.5) * size, size, errors[own],
                  tuple(bags[i].bag.name for i in np.unique(of_bag[own])))
            for index, own in zip(indices, rows, strict=True)]


def _cell(centre: Floats, size: float, errors: Floats, names: tuple[str, ...]) -> Cell:
    return Cell(float(centre[0]), float(centre[1]), size, len(errors),
                float(np.isfinite(errors).mean()), float(np.sort(errors)[len(errors) // 2]), names)


def worst_cells(cells: Sequence[Cell], count: int = 10) -> list[Cell]:
    """Return the cells of the largest median errors, those that are mostly unanswered first."""
    known = [cell for cell in cells if cell.frames >= MIN_FRAMES]
    return sorted(known, key=lambda cell: (-cell.median_m, cell.answered, cell.x_m, cell.y_m)
                  )[:count]


def draw_plan(cells: Sequence[Cell], map_views_m: Floats) -> RgbImage:
    """
    Draw the cells over the floor plan of the map.

    Blue cells have median errors of a millimetre, dark red ones of a metre and more; magenta ones
    are mostly unanswered.

    :param map_views_m: (N, 3) where the images of the map were taken, in the frame of the truth.
    """
    corners = np.array([[cell.x_m + side * cell.size_m, cell.y_m + side * cell.size_m]
                        for cell in cells for side in (-0.5, 0.5)])
    views = np.asarray(map_views_m, np.float64).reshape(-1, 3)
    shown = np.vstack([np.column_stack([corners, np.zeros(len(corners))]), views])
    plan, ground = FloorPlan.around(shown, PLAN_PX, PLAN_PX), draw_floor_plan(
        shown, width=PLAN_PX, height=PLAN_PX)
    picture = ground.copy()
    for cell, (low, high) in zip(cells, plan.pixels(corners).reshape(-1, 2, 2), strict=True):
        (left, bottom), (right, top) = low, high
        cv2.rectangle(picture, (round(left), round(top)), (round(right), round(bottom)),
                      colour_of(cell.median_m), -1)
    return np.asarray(cv2.addWeighted(picture, OPACITY, ground, 1 - OPACITY, 0), np.uint8)


def colour_of(median_m: float) -> tuple[int, int, int]:
    """Return the RGB of a median error."""
    if not np.isfinite(median_m):
        return 255, 0, 255
    level = np.clip(1 + np.log10(max(median_m, 1e-9)) / DECADES, 0, 1)
    scale: NDArray[np.uint8] = np.asarray(cv2.applyColorMap(
        np.array([[round(255 * float(level))]], np.uint8), cv2.COLORMAP_TURBO), np.uint8)
    blue, green, red = scale[0, 0].tolist()
    return red, green, blue
