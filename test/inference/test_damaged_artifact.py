"""Random edits of artifact.json: each is loaded or refused in one line, none is a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
import json
from pathlib import Path
import random
from typing import Any

from helpers import tiny_artifact, write_stand_in_network
from posenet_ros.errors import InputError
from posenet_ros.inference import artifact as artifacts
from posenet_ros.info import model_rows
import pytest

EDITS = 600
VALUES = (None, True, -1, 0, 1.5, 10**400, float('nan'), float('inf'), 1e308, 2**40, 'x', '', [],
          [1], {}, {'a': 1}, [[1, 2]], [None], ['x', 1, 2])
PROVENANCE = {
    'validation': {'position_m': 0.5, 'rotation_deg': 1.0}, 'commit': 'abc', 'seed': 1,
    'versions': {'keras': '3'}, 'training_seconds': 12.5, 'landmarks': {'landmarks': 5}}


def keys(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    """Yield the path of each value of a JSON mapping."""
    items = value.items() if isinstance(value, dict) else (
        enumerate(value) if isinstance(value, list) else ())
    for key, item in items:
        yield (*above, key)
        yield from keys(item, (*above, key))


def edited(content: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Return a copy with one value changed, or one key taken out."""
    copy = deepcopy(content)
    *above, last = rng.choice(list(keys(copy)))
    inner = copy
    for key in above:
        inner = inner[key]
    if rng.random() < 0.1:
        del inner[last]
    else:
        inner[last] = rng.choice(VALUES)
    return copy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    artifacts.save(tiny_artifact(), tmp_path, write_stand_in_network)
    return tmp_path


def test_no_edit_is_a_traceback(folder: Path) -> None:
    file = folder / 'artifact.json'
    content = {**json.loads(file.read_text()), 'provenance': PROVENANCE}
    rng, refused = random.Random(7), []
    for _ in range(EDITS):
        file.write_text(json.dumps(edited(content, rng)))
        try:
            list(model_rows(artifacts.load(folder)))
        except InputError as error:
            refused.append(str(error))
    assert EDITS / 4 < len(refused) < EDITS
    for line in refused:
        assert '\n' not in line
        assert str(folder) in line


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
