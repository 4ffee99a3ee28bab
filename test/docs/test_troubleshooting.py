"""Troubleshooting has every text that a user can meet, and none that is gone."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from docs.documents import first_cells, parse, read, spans, TROUBLESHOOTING
from docs.messages import collect, HIDDEN, Message, texts_of
from helpers import ROOT
import pytest

PAGE = 'doc/troubleshooting/messages.md'
IN_A_PROGRAM = 'under "Poses, cameras and images in a program"'
SECTIONS = {  # where a message of these files belongs, the first that fits
    'posenet_ros/ros_node': 'index.md, beside what is like it, or under "Parameters of the node"',
    'posenet_ros/localisation/gate': 'index.md, under "Poses that are withheld"',
    'posenet_ros/localisation': IN_A_PROGRAM, 'posenet_ros/geometry': IN_A_PROGRAM,
    'posenet_ros/imaging': IN_A_PROGRAM, 'posenet_ros/inference': 'under "The model folder"',
    'posenet_ros/landmarks': 'under "The model folder"',
    'posenet_ros/ros_data': 'under "Bags"', 'posenet_ros/datasets': 'under "Datasets"',
    'posenet_ros/evaluation': 'under "Evaluating"', 'training/data': 'under "Datasets"',
    'training/': 'under "Training"', 'posenet_ros/networks': 'under "Training"',
}
WRITTEN = {text for file in TROUBLESHOOTING for text in spans(parse(read(file)))}


def advice(text: str, file: str, line: int) -> str:
    """Say which row is missing, and where to add it."""
    where = next((place for start, place in SECTIONS.items() if file.startswith(start)),
                 'under "Commands and options"')
    ticks = '``' if '`' in text else '`'
    space = ' ' if '`' in text else ''
    cell = f'{ticks}{space}{text}{space}{ticks}'.replace('|', '\\|')
    return f'{file}:{line}: add to {PAGE} ({where}):\n| {cell} | what it means, what to do |'


def missing(messages: Iterable[tuple[str, str, int]], written: set[str]) -> list[str]:
    return [advice(*message) for message in messages if message[0] not in written]


@pytest.fixture(scope='module')
def messages() -> list[Message]:
    return collect(ROOT)


def test_every_message_has_an_entry(messages: list[Message]) -> None:
    assert len(messages) > 200
    found = missing(messages, WRITTEN)
    assert not found, '\n'.join(found)


def test_no_entry_is_of_a_message_that_is_gone(messages: list[Message]) -> None:
    known = {message.text for message in messages}
    for file in TROUBLESHOOTING:
        tokens = parse(read(file))
        cells = first_cells(tokens) if file.name == 'messages.md' else []
        for text in [*cells, *(span for span in spans(tokens) if HIDDEN in span)]:
            # a name that is shortened in running text is no message: it has no space
            assert text in known or ' ' not in text, (
                f'{file.name}: no line of the code says {text!r} any more: take it out')


@pytest.mark.parametrize('code', [
    "raise InputError(f'the {thing} has to be blue. Received: {thing}')",
    "class Blue(InputError): pass\nraise Blue('the ' + thing + ' has to be blue. Received: '\n"
    "    f'{thing}')",
    "parser.error(f'the {thing} has to be blue. Received: {thing}')",
    "self._warn('the ' f'{thing} has to be blue. Received', f'{thing}')"])
def test_a_new_message_is_found(code: str) -> None:
    found = [text for text, _ in texts_of(ast.parse(code), 'new.py', {'InputError', 'Blue'})]
    assert 'the … has to be blue. Received: …' in found
    assert 'the … has to be blue. Received: …' not in WRITTEN
    assert missing([(found[-1], 'posenet_ros/ros_data/new.py', 3)], WRITTEN)[0].startswith(
        'posenet_ros/ros_data/new.py:3: add to')


def test_a_new_verdict_fault_and_reason_are_found(tmp_path: Path) -> None:
    folder = tmp_path / 'posenet_ros'
    folder.mkdir()
    (tmp_path / 'training').mkdir()
    (folder / 'gate.py').write_text(
        "class Verdict(Enum):\n    ACCEPTED = 'accepted'\n    UPSIDE_DOWN = 'upside_down'\n"
        "def _roll(a):\n    return f'the camera hangs at {a} deg'\n")
    (folder / 'quality.py').write_text("class ImageFault(Enum):\n    RAINY = 'rainy'\n")
    assert {message.text for message in collect(tmp_path)} == {
        'pose upside_down: …', 'the camera hangs at … deg', 'image rainy: …'}
