"""artifact.json changed by hand: each wrong value is refused in one line that names it."""

from __future__ import annotations

from collections.abc import Callable
import json
from pathlib import Path

from helpers import tiny_artifact, write_stand_in_network
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.inference import artifact as artifacts
from posenet_ros.inference import train_index
from posenet_ros.utils.files.npz import read_arrays
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
    ('calibration', 'sigma_m', [1e308, 1.0, 1.0], 'calibration: a calibration has to hold 3 + 3'),
    ('calibration', 'place_power', 1e10, 'calibration: place_power has to be 0 or more'),
    ('sha256', 'train.npz', 7, "sha256: 'train.npz' has to be a text"),
    ('provenance', 'map', {'updates': 3}, 'provenance: map: updates has to be a list'),
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


@pytest.mark.parametrize(('name', 'change', 'why'), [
    ('names', lambda a: np.arange(len(a)), "'names' has to be of texts, in 1 dimensions"),
    ('positions_m', lambda a: a.astype('<U9'), "'positions_m' has to be of decimal numbers"),
    ('positions_m', lambda a: a * np.nan, "'positions_m' has to hold finite numbers"),
    ('quats_xyzw', lambda a: 2 * a, "'quats_xyzw' has to hold rows of length 1"),
    ('descriptors', lambda a: a.ravel(), "'descriptors' has to be of decimal numbers, in 2"),
    ('place_images', lambda a: a + 0.5, "'place_images' has to be of whole numbers")])
def test_an_array_of_the_training_index_is_named(
        folder: Path, name: str, change: Callable[[np.ndarray], np.ndarray], why: str) -> None:
    file = folder / 'train.npz'
    arrays = dict(read_arrays(file))
    np.savez(file, **{**arrays, name: change(arrays[name])})
    with pytest.raises(InputError, match=why):
        train_index.load(file)
    np.savez(file, **{key: array for key, array in arrays.items() if key != 'positions_m'})
    with pytest.raises(InputError, match="'positions_m' is missing"):
        train_index.load(file)
