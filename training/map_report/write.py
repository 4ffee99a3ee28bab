"""Write the report of a map into its model folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import json
from pathlib import Path

from posenet_ros.training.landmarks.calibration import CalibratedMap
from posenet_ros.training.map_report.content import MAP_REPORT_FILE, MapReport
from posenet_ros.training.map_report.figures import error_figures, Plan, plan_figures, write_plan
from posenet_ros.training.map_report.page import html_page

PAGE_FILE, PICTURE_FILE = 'map.html', 'map.png'


def write_map_report(report: MapReport, calibrated: CalibratedMap, folder: Path) -> list[str]:
    """
    Write map.json, then map.png and map.html.

    :returns: a line for each figure that could not be drawn: it is left out, and the page says so.
    """
    (folder / MAP_REPORT_FILE).write_text(
        json.dumps(report.to_mapping(), indent=2, allow_nan=False) + '\n', encoding='utf-8')
    omitted: list[str] = []
    landmark_map, held_out = calibrated.landmark_map, calibrated.held_out

    def plan() -> Plan:
        return Plan.of(report, landmark_map, held_out)

    def picture() -> list[str]:
        write_plan(plan(), folder / PICTURE_FILE)
        return []

    _drawn(picture, PICTURE_FILE, omitted)
    plans = _drawn(lambda: plan_figures(plan()), 'the floor plan', omitted)
    errors = _drawn(lambda: error_figures(held_out), 'the errors', omitted)
    (folder / PAGE_FILE).write_text(html_page(report, plans, errors, omitted), encoding='utf-8')
    return omitted


def _drawn(draw: Callable[[], Sequence[str]], name: str, omitted: list[str]) -> Sequence[str]:
    """Draw; where that fails, say so in `omitted`: a map is worth more than its picture."""
    try:
        return draw()
    except Exception as error:  # of matplotlib, whichever
        reason = ' '.join(str(error).split()) or type(error).__name__
        omitted.append(f'{name} is left out, it could not be drawn: {reason}')
        return []
