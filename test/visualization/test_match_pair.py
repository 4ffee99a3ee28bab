"""The picture of matches: both images at one height, each line from a landmark to itself."""

from __future__ import annotations

import numpy as np
from posenet_ros.visualization.match_pair import draw_match_pair, GAP_PX, LINE_RGB


def test_a_line_joins_the_two_places_of_a_landmark() -> None:
    query, view = np.zeros((120, 160, 3), np.uint8), np.zeros((240, 200, 3), np.uint8)
    picture = draw_match_pair(query, np.array([[40.0, 60.0]]), view, np.array([[100.0, 120.0]]))
    assert picture.shape == (360, 480 + GAP_PX + 300, 3)
    on_line = np.flatnonzero(np.abs(picture[180].astype(int) - LINE_RGB).max(axis=1) < 60)
    assert on_line.min() >= 120
    assert on_line.max() <= 480 + GAP_PX + 150
    assert len(on_line) > 400
    assert not picture[170, :480].any()


def test_without_matches_the_images_stand_side_by_side() -> None:
    grey = np.full((90, 160, 3), 70, np.uint8)
    picture = draw_match_pair(grey, np.empty((0, 2)), grey, np.empty((0, 2)), height=90)
    assert (picture[:, :160] == grey).all()
    assert (picture[:, -160:] == grey).all()
