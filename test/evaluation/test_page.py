"""The report page: one file, for every screen, with all that it shows said in words, too."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
import re

from helpers import tiny_artifact
import numpy as np
from posenet_ros.evaluation.report.build import build_report, Evaluation
from posenet_ros.evaluation.report.drawing import (
    drawing,
    legend_below,
    logarithmic_lengths,
    NOT_DRAWN,
)
from posenet_ros.evaluation.report.page import html_page
from posenet_ros.evaluation.results import FrameResult, WorstFrame
from posenet_ros.geometry.estimate import diagonal_covariance
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.gate import Verdict
import pytest

VOID = {'meta', 'img', 'br', 'path', 'use', 'image', 'rect', 'line', 'stop'}


class Page(HTMLParser):
    """The elements of a page: (tag, attributes) in order, and whether all are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element, and that it is open."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that is closed at once."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Check that the element that was opened last is closed."""
        if tag not in VOID:
            assert self.open.pop() == tag

    def of_tag(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements of a tag."""
        return [attributes for name, attributes in self.elements if name == tag]


def walk() -> list[FrameResult]:
    """Return frames of millimetres of error; one has no estimate, one is rejected."""
    rng = np.random.default_rng(0)
    frames = [FrameResult(
        f'seq1/{i:03}.png', i + 1, Pose(np.array([i, 0.2 * i, 0])),
        Pose(np.array([i, 0.2 * i, 0.01 * rng.random()])),
        diagonal_covariance([0.01] * 3, [1e-3] * 3), Verdict.ACCEPTED, landmarks=120,
        latency_ms={'total': 20.0 + i}) for i in range(30)]
    frames[3] = FrameResult('<b>', 4, frames[3].truth, reasons=('no "image", <sorry>',))
    frames[4] = replace(frames[4], verdict=Verdict.JUMP, reasons=('jump of 7 m',))
    return frames


def evaluation() -> Evaluation:
    frames = walk()
    picture = np.zeros((40, 90, 3), np.uint8)
    return Evaluation(
        frames, tiny_artifact().train, {'name': 'tiny'}, {'name': 'walk'},
        worst=[WorstFrame(frames[9], picture, 'Right: the nearest training image, "a".'),
               WorstFrame(frames[4], picture), WorstFrame(frames[3])],
        beside={'network alone': Evaluation([
            replace(frame, estimate=frame.estimate and Pose(frame.truth.translation_m + 0.5))
            for frame in frames])})


@cache
def text() -> str:
    one = evaluation()
    page = html_page(build_report(one), one)
    assert NOT_DRAWN not in page
    return page


def test_the_page_is_one_file_that_needs_no_network() -> None:
    links = [value for _, attributes in Page(text()).elements for key, value in attributes.items()
             if key in ('src', 'href', 'xlink:href')]
    assert links
    assert all(value.startswith(('#', 'data:')) for value in links)
    assert not re.search(r'@import|url\((?!#)|<script|<link', text())


def test_the_elements_are_closed_and_nothing_of_the_data_is_markup() -> None:
    page = Page(text())
    assert page.open == []
    assert '&lt;b&gt;' in text()
    assert '&lt;sorry&gt;' in text()
    assert '<sorry>' not in text()


def test_the_contents_list_leads_to_every_section() -> None:
    page = Page(text())
    anchors = [link['href'].removeprefix('#') for link in page.of_tag('a')]
    assert anchors == [heading['id'] for heading in page.of_tag('h2')]
    assert len(set(anchors)) == len(anchors) > 8


def test_figures_are_said_in_words_for_those_who_cannot_see_them() -> None:
    page = Page(text())
    assert page.of_tag('html')[0]['lang'] == 'en'
    titles = [svg['aria-label'] for svg in page.of_tag('svg')]
    assert len(set(titles)) == len(titles) > 10
    assert all(svg['role'] == 'img' for svg in page.of_tag('svg'))
    assert len(page.of_tag('img')) == 2
    assert all(image['alt'] for image in page.of_tag('img'))
    assert all(head['scope'] for head in page.of_tag('th'))


def test_names_of_walks_are_no_formulas() -> None:
    frames = [replace(frame, sequence=r'a$^b$_{' + str(i // 15) + r'\frac$')
              for i, frame in enumerate(walk())]
    page = html_page(build_report(found := replace(evaluation(), frames=frames)), found)
    for part in range(2):
        assert f'a$^b$_{{{part}\\frac$' in page


def test_no_two_elements_have_one_id() -> None:
    ids = [attributes['id'] for _, attributes in Page(text()).elements if 'id' in attributes]
    assert len(set(ids)) == len(ids)
    used = re.findall(r'(?:href="|url\()#([\w-]+)', text())
    assert set(used) <= set(ids)


def test_every_colour_of_the_figures_has_a_dark_variant() -> None:
    style, dark = re.search(
        r'<style>(.*?@media screen and \(prefers-color-scheme: dark\) \{(.*?)\}.*?)</style>',
        text(), re.DOTALL).groups()
    used = set(re.findall(r'var\(--(\w+)\)', text()))
    assert {'ink', 'paper', 'estimate', 'training'} <= used
    assert used <= set(re.findall(r'--(\w+):', dark))
    assert used <= set(re.findall(r'--(\w+):', style.replace(dark, '')))
    svgs = ''.join(re.findall(r'<svg.*?</svg>', text(), re.DOTALL))
    assert not {'#1f2937', '#2563eb', '#ffffff', '#000000'} & set(re.findall('#[0-9a-f]{6}', svgs))


def test_the_text_of_the_figures_can_be_read_in_dark_mode() -> None:
    texts = Page(text()).of_tag('text')
    assert len(texts) > 100
    assert all('fill: var(--' in attributes['style'] for attributes in texts)


def test_wide_tables_scroll_in_a_box_of_their_own() -> None:
    assert len(re.findall(r'<div class="scroll"[^>]*><table>', text())) == text().count('<table>')
    assert '.scroll { overflow-x: auto' in text()
    assert 'width=device-width' in text()


def test_long_tables_and_json_are_folded_with_a_summary() -> None:
    details = re.findall(r'<details><summary>(.*?)</summary>(.*?)</details>', text(), re.DOTALL)
    assert all(re.search('<span>.+</span>', summary) for summary, _ in details)
    folded = ''.join(content for _, content in details)
    assert folded.count('<pre>') == text().count('<pre>') == 3
    for table in re.findall(r'<table>.*?</table>', text(), re.DOTALL):
        assert (table.count('<tr') > 9) == (table in folded)


def test_numbers_in_figures_are_whole() -> None:
    out: list[str] = []
    with drawing(out, 'one', 2.0) as (_, axis):
        axis.set_title('median 0.01774 deg')
        axis.plot([1.23456, 2], [3, 4.56789], label='a')
    assert 'median 0.01774 deg' in out[0]
    assert not re.search(r' d="[^"]*\d\.\d{3}', out[0])


def test_markers_have_their_style_once() -> None:
    out: list[str] = []
    with drawing(out, 'one', 2.0) as (_, axis):
        axis.plot([1, 2, 3], [3, 4, 5], 'o', color='#2563eb')
        axis.plot([1, 2, 3], [4, 5, 6], 'o', color='#dc2626')
    styles = re.findall(r'<path id="m\w+"[^>]*fill: var\(--(\w+)\)', out[0])
    assert {'estimate', 'failure'} <= set(styles)
    assert not re.search(r'<use xlink:href="#m[^>]*style', out[0])


def test_each_tick_of_a_logarithmic_length_has_its_unit() -> None:
    out: list[str] = []
    with drawing(out, 'one', 2.0) as (_, axis):
        axis.plot([0.002, 4.0], [1, 2])
        logarithmic_lengths(axis.xaxis, np.array([0.002, 4.0]))
    for words in ('10 mm', '0.1 m', '1 m'):
        assert f'>{words}</text>' in out[0]


@pytest.mark.parametrize(('upwards', 'names'), [
    (False, ['first', 'second', 'third']), (True, ['third', 'second', 'first'])])
def test_the_legend_stands_below_the_plot(upwards: bool, names: list[str]) -> None:
    out: list[str] = []
    with drawing(out, 'one', 2.8) as (figure, axis):
        for name in ('first', 'second', 'third'):
            axis.plot([1, 2], [3, 4], label=name)
        legend_below(figure, axis, 1, upwards=upwards)
        axis.set_xlabel('metres')
        figure.draw_without_rendering()
        legend = figure.legends[0]
        legend_box, plot = legend.get_window_extent(), axis.get_tightbbox()
    assert [text.get_text() for text in legend.get_texts()] == names
    assert 0 <= legend_box.y0 < legend_box.y1 <= plot.y0
    assert plot.y1 <= figure.bbox.height


def test_worst_frames_are_cards_with_their_numbers() -> None:
    cards = re.findall(r'<figure class="card.*?</figure>', text(), re.DOTALL)
    assert len(cards) == 3
    assert re.search(r'<b>\d\.\d\d mm, 0\.00 deg</b> seq1/009\.png', cards[0])
    assert 'sigma 17.3 mm; 120 landmarks' in cards[0]
    assert 'data:image/jpeg;base64,' in cards[0]
    assert 'jump of 7 m' in cards[1]
    assert 'card failed' in cards[1]
    assert '<img' not in cards[2]
    assert 'no estimate' in cards[2]


def test_the_method_itself_stands_out() -> None:
    assert text().count('class="own"') == 1
    assert re.search(r'class="own"><th scope="row">refined by landmarks', text())
    assert '>network alone</th>' in text()


@pytest.mark.parametrize('count', [1, 2])
@pytest.mark.filterwarnings('error')
def test_a_page_of_equal_errors(count: int) -> None:
    frames = [FrameResult(f'{i}', i + 1, Pose(), Pose(np.array([0.5, 0, 0])))
              for i in range(count)]
    one = Evaluation(frames)
    page = html_page(build_report(one), one)
    assert 'Position errors over the floor plan' in page
    assert 'The worst frames' not in page
