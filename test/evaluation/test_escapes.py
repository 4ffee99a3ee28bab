"""Each text of a page is escaped where it stands: names, tables, titles, and what is folded."""

from __future__ import annotations

import numpy as np
from posenet_ros.evaluation.report.drawing import drawing, not_drawn
from posenet_ros.evaluation.report.page import comparison_page, page_of_sections
from posenet_ros.evaluation.report.sections import Section
from posenet_ros.evaluation.results import FrameResult, WorstFrame
from posenet_ros.geometry.pose import Pose
import pytest

PLACES = ('title', 'summary', 'origin', 'warning', 'value', 'headline', 'heading', 'text', 'table',
          'column', 'row', 'cell', 'folded', 'first', 'name', 'reason', 'caption', 'about', 'key',
          'said')


def mark(place: str) -> str:
    """Return a text that would be an element, with an attribute's end before it."""
    return f'"<x-{place}>&'


def page() -> str:
    frame = FrameResult(mark('name'), 1, Pose(), reasons=(mark('reason'),))
    worst = WorstFrame(frame, np.zeros((4, 6, 3), np.uint8), mark('caption'))
    table = [(mark('table'), mark('column')), (mark('row'), mark('cell'))]
    folded = [(mark('folded'), 'x'), *[(mark('first'), 'y')] * 40]
    section = Section(mark('heading'), mark('text'), tables=[table, folded], frames=[worst])
    return page_of_sections(
        mark('title'), mark('summary'), mark('origin'), [(mark('value'), mark('headline'))],
        [section], {mark('about'): {mark('key'): mark('said')}}, mark('warning'))


@pytest.mark.parametrize('place', PLACES)
def test_no_text_is_an_element_or_ends_an_attribute(place: str) -> None:
    text = page()
    assert f'&quot;&lt;x-{place}&gt;&amp;' in text
    for wrong in (f'<x-{place}', f'x-{place}>', f'"&lt;x-{place}'):
        assert wrong not in text


def test_a_comparison_is_escaped_too() -> None:
    rows = [(mark('table'), mark('column')), (mark('row'), mark('cell'))]
    text = comparison_page([rows], ['<svg></svg>'])
    for place in ('table', 'column', 'row', 'cell'):
        assert f'&lt;x-{place}&gt;' in text
        assert f'<x-{place}>' not in text


def test_the_label_of_a_drawing_and_the_reason_of_none_are_escaped() -> None:
    drawn: list[str] = []
    with drawing(drawn, mark('title'), 1.0) as (_, axis):
        axis.plot([0, 1], [0, 1])
    assert 'aria-label="&quot;&lt;x-title&gt;&amp;"' in drawn[0]
    missing = not_drawn(mark('title'), ValueError(mark('reason')))
    assert '<x-' not in missing
    assert '&lt;x-reason&gt;' in missing
