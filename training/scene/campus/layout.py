"""Where the courts of the campus stand, and the route through all of them."""

from __future__ import annotations

import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.scene.area import Point

COLUMNS = 3  # of courts: one north of the street, one south of it
PITCH_M = 40.0  # from one column to the next
STREET_HALF_M = 7.0  # half of the street's width
PASSAGE_HALF_M = 5.0  # half of the width of the way from the street into a court
COURT_HALF_M = 15.0  # half of a court's width
COURT_NEAR_M, COURT_FAR_M = 13.0, 37.0  # from the middle of the street to a court's two sides
HALF_LENGTH_M = COLUMNS * PITCH_M / 2  # of the street
TURNED = np.array([0.0, 0.0, 1.0, 0.0])  # by 180 degrees, quat_xyzw


def column_x(column: int) -> float:
    """Return the x of the middle of a column, metres."""
    return (column - (COLUMNS - 1) / 2) * PITCH_M


def court_poses() -> tuple[Pose, ...]:
    """Return map_from_court of all courts, whose own frame has the street along its x axis."""
    return tuple(Pose(np.array([column_x(column), 0.0, 0.0]), turn)
                 for column in range(COLUMNS) for turn in (np.array([0, 0, 0, 1.0]), TURNED))


def route() -> tuple[Point, ...]:
    """Return the corners of the way along the street, into each court, round it and out again."""
    inside = ((0, 4), (0, 16), (9, 19), (9, 31), (-9, 31), (-9, 19), (0, 16), (0, 4))
    points: list[Point] = [(2 - HALF_LENGTH_M, -1.0)]
    for pose in court_poses():
        points += [(float(x), float(y)) for x, y, _ in pose.apply(
            np.array([(*corner, 0.0) for corner in inside]))]
    return (*points, (HALF_LENGTH_M - 2, 1.0))
