"""The model folder: what is saved is loaded, and every damage is named."""

from __future__ import annotations

import json
from pathlib import Path

from helpers import tiny_artifact, write_stand_in_network
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.inference import artifact as artifacts
import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a model folder without a real network in it."""
    artifacts.save(tiny_artifact(), tmp_path, write_stand_in_network)
    return tmp_path


def change(folder: Path, **keys: object) -> None:
    """Set keys of artifact.json; None takes one out."""
    file = folder / 'artifact.json'
    content = {**json.loads(file.read_text()), **keys}
    file.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def test_what_is_saved_is_loaded(folder: Path) -> None:
    saved, loaded = tiny_artifact(), artifacts.load(folder)
    for name in ('network', 'preprocess', 'camera', 'scene', 'calibration', 'provenance'):
        assert getattr(loaded, name) == getattr(saved, name)
    assert loaded.train.names == saved.train.names
    assert np.array_equal(loaded.train.positions_m, saved.train.positions_m)
    assert np.array_equal(loaded.train.descriptors, saved.train.descriptors)
    assert loaded.folder == folder
    assert len(loaded.digest) == 64


def test_a_folder_calibrated_on_images_of_its_own_map_is_refused(folder: Path) -> None:
    record = {'images': ['seq1/a.png', 'seq2/b.png'], 'walks': ['seq1', 'seq2'], 'folds': [0, 1],
              'excluded': ['seq1', 'seq2'], 'excluded_folds': [0, 1]}
    change(folder, held_out=record)
    loaded = artifacts.load(folder)
    assert loaded.held_out.images == ('seq1/a.png', 'seq2/b.png')
    artifacts.save(loaded, folder)
    assert artifacts.load(folder).held_out == loaded.held_out
    change(folder, held_out={**record, 'excluded_folds': [0, 0]})
    with pytest.raises(InputError, match=r"artifact.json: held_out: .* such as 'seq2/b.png'"):
        artifacts.load(folder)
    change(folder, held_out=None)
    assert artifacts.load(folder).held_out.images == (), 'an older folder'


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'nowhere/artifact.json is missing'):
        artifacts.load(tmp_path / 'nowhere')


@pytest.mark.parametrize('name', artifacts.NETWORK_FILES)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=f'{name} is missing'):
        artifacts.load(folder)


@pytest.mark.parametrize('name', artifacts.NETWORK_FILES)
def test_a_truncated_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    with pytest.raises(InputError, match=f'{name} is damaged.*sha256.{name}'):
        artifacts.load(folder)


def test_a_wrong_hash_is_named(folder: Path) -> None:
    hashes = json.loads((folder / 'artifact.json').read_text())['sha256']
    change(folder, sha256={**hashes, 'train.npz': '0' * 64})
    with pytest.raises(InputError, match=r'sha256.train.npz'):
        artifacts.load(folder)


def test_a_truncated_json_is_named(folder: Path) -> None:
    file = folder / 'artifact.json'
    file.write_text(file.read_text()[:-20])
    with pytest.raises(InputError, match=r'artifact.json is damaged'):
        artifacts.load(folder)


def test_a_newer_format_says_to_update(folder: Path) -> None:
    newer = artifacts.FORMAT_VERSION + 1
    change(folder, format_version=newer)
    with pytest.raises(InputError, match=rf"'format_version' is {newer}.*update posenet_ros"):
        artifacts.load(folder)


@pytest.mark.parametrize('key', artifacts.KEYS)
def test_a_missing_key_is_named(folder: Path, key: str) -> None:
    change(folder, **{key: None})
    with pytest.raises(InputError, match=rf"artifact.json: the key '{key}'"):
        artifacts.load(folder)


def test_an_unknown_key_is_named(folder: Path) -> None:
    change(folder, extra={})
    with pytest.raises(InputError, match="unknown key 'extra'"):
        artifacts.load(folder)


def test_an_unknown_key_further_down_is_named(folder: Path) -> None:
    network = json.loads((folder / 'artifact.json').read_text())['network']
    change(folder, network={**network, 'depth': 5})
    with pytest.raises(InputError, match=r"artifact.json: network: unknown key 'depth'"):
        artifacts.load(folder)


def test_a_value_out_of_range_is_named(folder: Path) -> None:
    network = json.loads((folder / 'artifact.json').read_text())['network']
    change(folder, network={**network, 'rotation': 'euler'})
    with pytest.raises(InputError, match=r"network: network rotation is out of range.*'euler'"):
        artifacts.load(folder)


def test_pickled_content_is_refused(folder: Path) -> None:
    evil = np.empty(1, dtype=object)
    evil[0] = {'a': 1}
    np.savez(folder / 'train.npz', names=evil)
    hashes = json.loads((folder / 'artifact.json').read_text())['sha256']
    change(folder, sha256={**hashes, 'train.npz': artifacts.sha256(folder / 'train.npz')})
    with pytest.raises(InputError, match=r'train.npz is damaged'):
        artifacts.load(folder)


def test_a_folder_of_format_1_is_read_as_it_was(folder: Path) -> None:
    content = json.loads((folder / 'artifact.json').read_text())
    with np.load(folder / 'train.npz') as arrays:
        old = {key: arrays[key] for key in arrays if key != 'places'}
    np.savez(folder / 'train.npz', **old)
    change(folder, format_version=1,
           sha256={**content['sha256'], 'train.npz': artifacts.sha256(folder / 'train.npz')},
           network={k: v for k, v in content['network'].items()
                    if k not in ('sigma_width', 'descriptor_size')},
           calibration={k: content['calibration'][k] for k in ('sigma_m', 'sigma_rad')})
    loaded = artifacts.load(folder)
    assert loaded.network == tiny_artifact().network
    assert loaded.calibration == tiny_artifact().calibration
    assert loaded.calibration.scale == ()
    assert loaded.train.global_descriptors.shape == (0, 0)
