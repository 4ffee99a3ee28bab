"""Eight-bit weights are offered only where validation and clock allow them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
import tempfile
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.inference.artifact import (
    Artifact,
    INT8_FILE,
    LITERT_FILE,
    load,
    save,
    WEIGHTS_FILE,
)
from posenet_ros.inference.calibration import Calibration, Scene
from posenet_ros.inference.engine import load_engine
from posenet_ros.inference.litert_engine import LiteRtEngine
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.initial_weights import load_initial_weights
from posenet_ros.networks.network import build
from posenet_ros.training import int8
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.export import quantisation
from posenet_ros.training.export.litert import write_litert, write_network
from posenet_ros.training.fitting.presets import NetworkSettings, Preset
import pytest
from training_helpers import CAMERA, write_wall_dataset

CONFIG = NetworkConfig(input_width=64, input_height=64, pooling='spatial', head_width=16)


@pytest.fixture(scope='module')
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the network's files."""
    keras.utils.set_random_seed(5)
    model = build(CONFIG)
    load_initial_weights(model, CONFIG, 'pretrained')
    folder = tmp_path_factory.mktemp('network')
    write_network(model, CONFIG, folder)
    return folder


@pytest.fixture(autouse=True, scope='module')
def converted_once() -> Iterator[None]:
    """Convert a network's weights once: that takes seconds, and gives the same each time."""
    convert = cache(int8_of)

    def write(config: NetworkConfig, weights: Path, out: Path, int8: bool) -> None:
        assert int8
        out.write_bytes(convert(config, weights.read_bytes()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantisation, 'write_litert', write)
        yield


def int8_of(config: NetworkConfig, weights: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / WEIGHTS_FILE
        file.write_bytes(weights)
        write_litert(config, file, file.with_suffix('.tflite'), int8=True)
        return file.with_suffix('.tflite').read_bytes()


@pytest.fixture
def inputs() -> NDArray[np.uint8]:
    return np.random.default_rng(2).integers(0, 256, (9, 64, 64, 3), np.uint8)


def offer(network: Path, inputs: NDArray[np.uint8], noise_m: float) -> dict[str, Any]:
    """Offer int8 to the network whose float32 median error is about this."""
    found = LiteRtEngine(network / LITERT_FILE).predict(inputs)
    truth = found.position_m + np.random.default_rng(0).normal(0, noise_m, (9, 3))
    quats = found.quat_xyzw + np.random.default_rng(1).normal(0, noise_m, (9, 4))
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    return quantisation.offer_int8(CONFIG, network, inputs,
                                   SimpleNamespace(positions_m=truth, quats_xyzw=quats))


def test_networks_with_depthwise_convolutions_are_not_tried() -> None:
    assert not quantisation.may_be_faster(build(CONFIG))
    assert quantisation.may_be_faster(build(NetworkConfig(backbone='posenet', head_width=8)))


def test_offered_where_it_is_as_good_and_faster(
        network: Path, inputs: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantisation, 'time_ratio', lambda *_: 0.5)
    monkeypatch.setattr(quantisation, 'MAX_ERROR_RATIO', 1.2)
    measured = offer(network, inputs, noise_m=0.5)
    assert measured['offered'], quantisation.summary_line(measured)
    assert measured['position_m'] == pytest.approx(measured['float32']['position_m'], rel=0.2)
    small = (network / INT8_FILE).stat().st_size / (network / LITERT_FILE).stat().st_size
    assert small < 0.4
    assert 'int8 offered' in quantisation.summary_line(measured)


@pytest.mark.parametrize(('share', 'noise_m'), [(0.95, 0.5), (0.5, 1e-9)], ids=['slow', 'worse'])
def test_not_offered_where_it_is_slower_or_worse(
        network: Path, inputs: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch, share: float,
        noise_m: float) -> None:
    monkeypatch.setattr(quantisation, 'time_ratio', lambda *_: share)
    measured = offer(network, inputs, noise_m)
    assert not measured['offered']
    assert not (network / INT8_FILE).exists()
    assert 'not offered' in quantisation.summary_line(measured)


@pytest.mark.parametrize(('position_m', 'rotation_deg', 'ratio', 'offered'), [
    (0.2039, 1.0198, 0.899, True), (0.2041, 1.0, 0.5, False), (0.2, 1.0202, 0.5, False),
    (0.1, 1.0202, 0.5, False), (0.2, 1.0, 0.901, False)])
def test_two_percent_larger_errors_and_nine_tenths_of_the_time_are_the_limits(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, position_m: float, rotation_deg: float,
        ratio: float, offered: bool) -> None:
    medians = iter([{'position_m': position_m, 'rotation_deg': rotation_deg},
                    {'position_m': 0.2, 'rotation_deg': 1.0}])
    for name, stand_in in (
            ('LiteRtEngine', lambda *_, **__: Mock()), ('time_ratio', lambda *_: ratio),
            ('median_errors', lambda *_: next(medians)),
            ('write_litert', lambda *_, **__: (tmp_path / INT8_FILE).touch())):
        monkeypatch.setattr(quantisation, name, stand_in)
    measured = quantisation.offer_int8(CONFIG, tmp_path, np.zeros((1, 2, 2, 3), np.uint8), Mock())
    assert measured['offered'] == offered == (tmp_path / INT8_FILE).exists()
    assert measured['float32']['position_m'] == 0.2


def test_the_time_is_a_share_of_the_other_engine(
        network: Path, inputs: NDArray[np.uint8]) -> None:
    engines = [LiteRtEngine(network / LITERT_FILE, threads=1) for _ in range(2)]
    assert 0.4 < quantisation.time_ratio(*engines, inputs[:1]) < 2.5


@pytest.fixture
def trained(network: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Return a model folder without int8 and its dataset."""
    write_wall_dataset(tmp_path / 'wall')
    dataset = read_dataset(tmp_path / 'wall', 'train')
    preset = Preset('for the test', NetworkSettings(input_width=64, input_height=64))
    index = TrainIndex(('a',), np.zeros((1, 3)), np.array([[0, 0, 0, 1.0]]),
                       np.zeros((1, 8), np.float16))
    settings = Artifact(
        CONFIG, preset.preprocess(), CAMERA, Scene((-5.0,) * 3, (5.0,) * 3),
        Calibration((0.5,) * 3, (0.1,) * 3), index,
        {'preset': preset.to_mapping(), 'dataset_sha256': dataset.digest()})

    def write(folder: Path) -> None:
        for file in network.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())

    (tmp_path / 'model').mkdir()
    save(settings, tmp_path / 'model', write)
    return tmp_path / 'model', tmp_path / 'wall'


def test_the_command_adds_int8_to_a_model_folder(
        trained: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    model, data = trained
    monkeypatch.setattr(quantisation, 'time_ratio', lambda *_: 0.5)
    monkeypatch.setattr(quantisation, 'MAX_ERROR_RATIO', 2.0)
    before = load(model).digest
    assert int8.main(['--model', str(model), '--data', str(data)]) == 0
    assert 'int8 offered' in capsys.readouterr().out
    loaded = load(model)
    assert loaded.provenance['int8']['offered']
    [change] = loaded.history.changelog
    assert (change.command, change.parent) == ('posenet int8', before)
    assert change.date.endswith('Z')
    images = np.zeros((1, 64, 64, 3), np.uint8)
    poses = [load_engine(loaded, 'auto', precision).predict(images).position_m
             for precision in ('float32', 'int8')]
    assert 0 < np.abs(poses[0] - poses[1]).max() < 0.5
    (model / INT8_FILE).write_bytes((model / INT8_FILE).read_bytes()[:-1])
    with pytest.raises(InputError, match=f'{INT8_FILE} is damaged'):
        load(model)


def test_the_command_refuses_another_dataset(trained: tuple[Path, Path], tmp_path: Path) -> None:
    write_wall_dataset(tmp_path / 'other', count=9)
    with pytest.raises(InputError, match='has to be the dataset that the model was trained on'):
        int8.main(['--model', str(trained[0]), '--data', str(tmp_path / 'other')])
