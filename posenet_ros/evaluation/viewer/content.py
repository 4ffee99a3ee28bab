"""All that the viewer shows of a place, and what has to be said about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.results import FrameTable, positions
from posenet_ros.evaluation.viewer.camera_details import format_m
from posenet_ros.evaluation.viewer.colours import Colours, colours_of_height, paint
from posenet_ros.evaluation.viewer.images import Images
from posenet_ros.evaluation.viewer.overview import bounds, Overview, overview, up_axis
from posenet_ros.evaluation.viewer.shapes import thin
from posenet_ros.geometry.camera import Camera
from posenet_ros.landmarks.place_map import PlaceMap

MOST_POINTS = 1_000_000
COLOUR_WIDTH = 640  # images are decoded no larger than twice this to take colours from
FAR_M, FAR_OF_WALK = 20.0, 1.0  # a report is of another place beyond the larger of these
ASKED_FRAMES = 500  # of a report, to tell how far off it is


@dataclass(frozen=True, eq=False)
class Content:
    """
    What the viewer shows.

    :param place: landmarks, no more than are to be shown, and training views.
    :param camera: of the training views.
    :param frames: of a report; None without one, empty when it is of another place.
    :param up: (3,) the axis of the map that is drawn upwards.
    :param first_look: where to look from at first.
    :param box_m: (2, 3) bounds of the place.
    :param notes: what has to be said, a line each.
    """

    place: PlaceMap
    camera: Camera
    frames: FrameTable | None
    up: Floats
    first_look: Overview
    box_m: Floats
    notes: tuple[str, ...]


def thin_points(place: PlaceMap, most: int = MOST_POINTS) -> tuple[PlaceMap, list[str]]:
    """Leave out landmarks where there are too many for a browser, and say so."""
    count = len(place.points_m)
    if not count:
        return place, ['the model has no landmarks, so only the training walk is shown: '
                       'posenet landmarks adds them']
    rows = thin(count, most)
    notes = [f'{most:,} of {count:,} landmarks are shown'] if len(rows) < count else []
    return place.select(rows), notes


def distance_to_walk_m(truths_m: Floats, walk_m: Floats) -> float:
    """
    Return the median distance of frames to the nearest training image, metres.

    :param truths_m: (N, 3), of which some are taken where there are many.
    :param walk_m: (V, 3).
    """
    asked = truths_m[thin(len(truths_m), ASKED_FRAMES)]
    return float(np.median([np.linalg.norm(walk_m - truth, axis=1).min() for truth in asked]))


def check_place(frames: FrameTable, walk_m: Floats) -> list[str]:
    """Say where a report is of another place than the model."""
    if not len(frames):
        return ['the report has no frames']
    extent_m = float(np.linalg.norm(np.ptp(walk_m, axis=0)))
    off_m = distance_to_walk_m(frames.truths_m, walk_m)
    if off_m <= max(FAR_M, FAR_OF_WALK * extent_m):
        return []
    return [f'the report is of another place: half of its images are more than '
            f'{format_m(off_m)} from the nearest training image. Give a report of this model']


def make_content(place: PlaceMap, camera: Camera, frames: FrameTable | None = None,
                 most: int = MOST_POINTS) -> Content:
    """
    Choose what to show, and where to look from.

    :param camera: of the training images.
    :param frames: of a report, in the map's frame; it does not move the first look when it is
        of another place.
    :param most: the largest number of landmarks to show.
    """
    shown, notes = thin_points(place, most)
    poses = [view.map_from_camera for view in place.views]
    walk_m, rotations = positions(poses), np.array([pose.rotation for pose in poses])
    seen_m = walk_m
    if frames is not None:
        far = check_place(frames, walk_m)
        notes += far
        if not far:
            seen_m = np.vstack([walk_m, frames.truths_m])
    up, box_m = up_axis(rotations), bounds(shown.points_m, seen_m)
    return Content(shown, camera, frames, up, overview(box_m, up, rotations[:, :, 2]), box_m,
                   tuple(notes))


def reduction(width: int, height: int) -> int:
    """Choose the factor by which a JPEG is decoded smaller to take colours from."""
    return max((factor for factor in (1, 2, 4, 8) if width >= factor * COLOUR_WIDTH), default=1)


def landmark_colours(content: Content, images: Sequence[Images]) -> tuple[Colours, str]:
    """
    Colour the landmarks by the training images, and by height where there is none.

    :returns: (L, 3) RGB, and a line about them.
    """
    place = content.place
    if len(place.colors):
        return place.colors, 'landmarks in the colours of the map'
    colours = colours_of_height(place.points_m, content.up)
    painted = sum(paint(colours, place, content.camera, each.of_all_views(place.views, reduction))
                  for each in images)
    if painted:
        return colours, 'landmarks in the colours of the training images'
    return colours, 'landmarks coloured by height' + (
        ': the training images are not in --data or --bag' if images else '')


def kinds_of_estimates(frames: FrameTable) -> dict[str, NDArray[np.intp]]:
    """Split the frames that have an estimate: name of the kind -> rows."""
    refined = np.array([frame.landmarks > 0 for frame in frames.frames], bool)
    masks = {'refined': frames.accepted & refined, 'network alone': frames.accepted & ~refined,
             'not accepted': frames.estimated & ~frames.accepted}
    return {name: np.flatnonzero(mask) for name, mask in masks.items() if mask.any()}
