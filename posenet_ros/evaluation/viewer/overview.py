"""Where to look from at first: obliquely from above, so that the whole place is in the picture."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from posenet_ros.arrays import Floats

UPRIGHT = 0.5  # mean cosine between the cameras' up and the map's z from which z is up
OTHERWISE = 0.8  # the cosine that another axis has to have instead
ELEVATION_DEG = 35.0
FIELD_OF_VIEW_DEG = 50.0  # vertical
ASPECT = 1.25  # of the part of the window that no panel covers
MARGIN = 1.05
BOUNDS_PERCENT = 2, 98  # a few landmarks are triangulated far away


class Overview(NamedTuple):
    """
    A camera of the viewer.

    :param position_m: (3,) of the camera.
    :param look_at_m: (3,) in the middle of the picture.
    :param up: (3,) unit vector.
    """

    position_m: Floats
    look_at_m: Floats
    up: Floats


def up_axis(rotations: Floats) -> Floats:
    """
    Find the axis of the map that points up: z, unless the cameras say otherwise.

    Cameras are held upright, so the mean of their upward axes is about vertical.

    :param rotations: (N, 3, 3) map_from_camera.
    :returns: (3,) unit vector along a signed axis.
    """
    mean = -rotations[:, :, 1].mean(axis=0) if len(rotations) else np.array([0.0, 0, 1])
    axis = int(np.abs(mean).argmax())
    if mean[2] >= UPRIGHT or abs(mean[axis]) < OTHERWISE:
        return np.array([0.0, 0.0, 1.0])
    return np.asarray(np.eye(3)[axis] * np.sign(mean[axis]))


def bounds(points_m: Floats, positions_m: Floats) -> Floats:
    """
    Return the box of a place, without landmarks that are far off.

    :param points_m: (L, 3) landmarks.
    :param positions_m: (N, 3) of the cameras, all of which are inside.
    :returns: (2, 3) the smallest and the largest coordinates, metres.
    """
    boxes = [positions_m.min(axis=0), positions_m.max(axis=0)]
    if len(points_m):
        boxes += list(np.percentile(points_m, BOUNDS_PERCENT, axis=0))
    return np.array([np.min(boxes, axis=0), np.max(boxes, axis=0)])


def _axes(up: Floats, headings: Floats) -> Floats:
    """
    Return the camera's right, down and forward (3, 3), tilted down.

    :param headings: (N, 3) where the training cameras look: it is looked from behind them.
    """
    level = headings - np.outer(headings @ up, up)
    heading = level.mean(axis=0) if len(level) else np.zeros(3)
    if np.linalg.norm(heading) < 0.2:  # they look all round
        heading = np.roll(up, 2) + 0.5 * np.roll(up, 1)
    heading = heading / np.linalg.norm(heading)
    tilt = np.radians(ELEVATION_DEG)
    forward = np.cos(tilt) * heading - np.sin(tilt) * up
    right = np.cross(heading, up)
    return np.array([right, np.cross(forward, right), forward])


def overview(box_m: Floats, up: Floats, headings: Floats) -> Overview:
    """
    Place a camera so that it just sees all of a box.

    :param box_m: (2, 3) of :func:`bounds`.
    :param up: (3,) of :func:`up_axis`.
    :param headings: (N, 3) unit vectors, where the training cameras look.
    """
    centre, axes = box_m.mean(axis=0), _axes(up, headings)
    corners = np.array(list(product(*box_m.T))) - centre
    x, y, z = axes @ corners.T
    tangent = np.tan(np.radians(FIELD_OF_VIEW_DEG) / 2)
    distance = np.max([np.abs(x) / (tangent * ASPECT) - z, np.abs(y) / tangent - z])
    return Overview(centre - max(distance, 0.5) * MARGIN * axes[2], centre, up)
