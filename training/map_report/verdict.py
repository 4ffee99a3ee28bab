"""The verdict of a map in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from posenet_ros.evaluation.report.tables import length, number, percent
from posenet_ros.training.map_report.content import ApartWalks, Level, Localised
from posenet_ros.training.map_report.options import ReportOptions


def judge(found: Localised | None, apart: Sequence[ApartWalks], left_out: str, mistake: str, *,
          metric: bool, options: ReportOptions) -> tuple[Level, str]:
    """
    Judge a map.

    :param found: the left-out images; None where none could be left out.
    :param left_out: 'walk' or 'block'.
    :param mistake: of images, poses or camera; '' for none.
    :returns: the level, and a sentence that says why.
    """
    if mistake:
        return Level.NOT_YET, f'Not yet: {mistake}.'
    if apart:
        names = ', '.join(apart[0].walks)
        return Level.NOT_YET, (
            f'Not yet: {names} shares no view with the other walks: record ten seconds of overlap '
            f'between {apart[0].nearest[0]} and {apart[0].nearest[1]}, or leave it out.')
    if found is None or not found.images:
        return Level.UNKNOWN, ('Not known: the images are too few to leave some out and localise '
                               'them; record a second walk.')
    result = _result(found, left_out, metric=metric)
    recall = found.recall if metric else 1.0
    if found.answered >= options.good and recall >= options.good_recall:
        return Level.GOOD, f'Good to drive: {result}.'
    if found.answered >= options.usable:
        return Level.GAPS, f'Usable, with gaps: {result}. Record more where the plan says so.'
    return Level.NOT_YET, f'Not yet: only {result}. Record more.'


def _result(found: Localised, left_out: str, *, metric: bool) -> str:
    text = (f'{percent(found.answered, 0)} of the images of a {left_out} left out of the map are '
            'localised')
    if found.median_m is None:
        return text
    return f'{text}, {distance(found.median_m, metric=metric)} in the median'


def distance(value: float | None, *, metric: bool) -> str:
    """Format a length of a map, in metres or in units of a map without scale."""
    return length(value) if metric else number(value, 'units')
