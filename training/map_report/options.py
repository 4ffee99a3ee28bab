"""Settings of the map report, with the reasons for their defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReportOptions:
    """Settings of :func:`posenet_ros.training.map_report.measure.measure_map`."""

    # landmarks that two walks share, for walks that join: fewer may be false matches
    min_shared_landmarks: int = 50
    # cells of the floor plan along its longer side
    cells: int = 24
    # of a cell in which more should be recorded: landmarks that an image there sees
    min_landmarks: int = 60
    # part of the images there that are not localised when their walk is left out
    max_failures: float = 0.34
    # cells that are told
    told_cells: int = 6
    # images that are compared for places that look alike: time grows with the square
    max_compared: int = 1500
    # of the longer side of the place: nearer images may show the same
    min_distance: float = 0.15
    # landmarks that both see: then it is one place, seen from afar
    max_common_landmarks: int = 5
    # pairs of places that are told
    told_pairs: int = 4
    # of the images, localised with their walk left out: a good map, one with gaps
    good: float = 0.9
    usable: float = 0.6
    # recall of all images: within these bounds, of which a good map has this part
    recall_m: float = 0.25
    recall_deg: float = 2.0
    good_recall: float = 0.8
