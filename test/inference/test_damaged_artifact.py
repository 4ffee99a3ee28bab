"""artifact.json changed by hand: each wrong value is refused in one line that names it."""

from __future__ import annotations

import json
from pathlib import Path

from helpers import tiny_artifact, write_stand_in_network
from posenet_ros.errors import InputError
from posenet_ros.inference import artifact as artifacts
import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    artifacts.save(tiny_artifact(), tmp_path, write_stand_in_network)
    return tmp_path


@pytest.mark.parametrize(('section', 'key', 'value', 'why'), [
    ('network', 'input_width', '224', 'network: input_width has to be a whole number. Received'),
    ('network', 'input_width', 224.5, 'network: input_width has to be a whole number'),
    ('network', 'dropout', True, 'network: dropout has to be a number'),
    ('network', 'origin_m', 1.0, 'network: origin_m has to be a list of numbers'),
    ('network', 'origin_m', [0, 0, 10**400], 'network: origin_m has to be a number'),
    ('camera', 'fx', None, 'camera: fx has to be a number'),
    ('camera', 'width', 2**40, 'camera: width has to be a whole number'),
    ('scene', 'bounds_min_m', [0.0, 0.0], 'the bounds of a scene have to be x y z'),
    ('provenance', 'validation', [], 'provenance: validation has to hold a mapping')])
def test_a_value_of_a_wrong_type_is_named(
        folder: Path, section: str, key: str, value: object, why: str) -> None:
    file = folder / 'artifact.json'
    content = json.loads(file.read_text())
    content[section][key] = value
    file.write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        artifacts.load(folder)
    assert why in str(caught.value)


def test_whole_numbers_and_decimal_ones_are_the_same_to_json(folder: Path) -> None:
    file = folder / 'artifact.json'
    content = json.loads(file.read_text())
    content['camera']['fx'], content['network']['input_width'] = 50, 32.0
    file.write_text(json.dumps(content))
    loaded = artifacts.load(folder)
    assert loaded.camera == tiny_artifact().camera
    assert isinstance(loaded.network.input_width, int)
