"""The engines: LiteRT and TensorFlow give the same poses, and say what they miss."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
import os
from pathlib import Path
import shutil
import subprocess
import sys
from types import SimpleNamespace

from helpers import ROOT
import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.inference import engine, litert_engine
from posenet_ros.inference import engine_pool as pool
from posenet_ros.inference.artifact import LITERT_FILE, WEIGHTS_FILE
from posenet_ros.inference.private_copy import PrivateCopy
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.initial_weights import load_initial_weights
from posenet_ros.networks.network import build
from posenet_ros.training.export import litert as export
from posenet_ros.utils import processes as memory
import pytest

Folder = SimpleNamespace  # what an engine needs of a model folder

CONFIG = NetworkConfig(input_width=64, input_height=96, pooling='spatial', head_width=16,
                       origin_m=(10.0, -20.0, 1.0), scale_m=(15.0, 8.0, 0.5))


def random_images(config: NetworkConfig, n: int, seed: int = 1) -> NDArray[np.uint8]:
    """Return (n, H, W, 3) noise."""
    shape = (n, config.input_height, config.input_width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture(scope='module')
def model() -> keras.Model:
    keras.utils.set_random_seed(3)
    model = build(CONFIG)
    load_initial_weights(model, CONFIG, 'pretrained')  # random ones let hardly anything through
    return model


@pytest.fixture(scope='module')
def artifact(model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    folder = tmp_path_factory.mktemp('model')
    export.write_network(model, CONFIG, folder)
    return SimpleNamespace(network=CONFIG, folder=folder, file=folder.joinpath)


def test_engines_give_the_poses_of_the_keras_model(model: keras.Model, artifact: Folder) -> None:
    images = random_images(CONFIG, 5)
    expected = model.predict(images, verbose=0)
    for name in ('litert', 'tensorflow'):
        loaded = engine.load_engine(artifact, name)
        assert loaded.name == name
        poses = loaded.predict(images)
        assert poses.position_m.shape == (5, 3)
        assert np.abs(poses.position_m - expected['position']).max() < 1e-4
        assert np.abs(poses.quat_xyzw - expected['quat_xyzw']).max() < 1e-5
        assert np.allclose(np.linalg.norm(poses.quat_xyzw, axis=1), 1, atol=1e-12)
        assert np.ptp(poses.position_m, axis=0).max() > 1e-3, 'every image gives the same pose'
        for image, position in zip(images, poses.position_m, strict=True):
            assert np.abs(loaded.predict(image[None]).position_m - position).max() < 1e-4


def test_a_pool_answers_threads_at_once_as_one_engine_does(
        artifact: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _: set(range(3)))
    engines = pool.load_pool(artifact, 'litert', 'float32')
    assert (engines.size, engines.device) == (3, 'CPU, 1 thread in each of 3 engines')
    images = random_images(CONFIG, 12)
    expected = engine.load_engine(artifact, 'litert', threads=1).predict(images).position_m
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda image: engines.predict(image[None]), images))
    np.testing.assert_allclose([one.position_m[0] for one in found], expected, atol=1e-6)


def test_auto_without_a_gpu_runs_litert_and_never_imports_tensorflow(artifact: Folder) -> None:
    code = f"""
import sys, types
import numpy as np
from posenet_ros.inference import engine, engine_pool as pool, litert_engine
assert not {{'keras', 'tensorflow', 'ai_edge_litert'}} & set(sys.modules)
engine.has_nvidia_gpu = lambda: False
folder = __import__('pathlib').Path({str(artifact.folder)!r})
artifact = types.SimpleNamespace(network=True, folder=folder, file=folder.joinpath)
loaded = engine.load_engine(artifact)
loaded.predict(np.zeros((1, 96, 64, 3), np.uint8))
assert loaded.name == 'litert', loaded.name
assert not {{'keras', 'tensorflow'}} & set(sys.modules)
"""
    result = subprocess.run([sys.executable, '-c', code], check=True, capture_output=True,
                            cwd=ROOT)
    assert result.stderr == b''  # nothing of TensorFlow Lite's delegates


def test_auto_takes_tensorflow_only_where_it_sees_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, 'has_nvidia_gpu', lambda: True)
    for gpus, expected in (([], 'litert'), (['gpu'], 'tensorflow')):
        monkeypatch.setattr(engine, 'physical_gpus', lambda _, gpus=gpus: gpus)
        assert engine._resolve('auto') == expected


def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r'auto, tensorflow, litert\. Received: .onnx.'):
        engine._resolve('onnx')


@pytest.mark.parametrize(('name', 'precision', 'expected'), [
    ('auto', 'int8', 'litert'), ('auto', 'float16', 'tensorflow'), ('litert', 'int8', 'litert')])
def test_a_precision_chooses_the_engine_that_has_it(
        name: str, precision: str, expected: str) -> None:
    assert engine._resolve(name, precision) == expected


@pytest.mark.parametrize(('name', 'precision', 'message'), [
    ('tensorflow', 'int8', "engine litert. Received: engine 'tensorflow'"),
    ('litert', 'float16', "engine tensorflow. Received: engine 'litert'"),
    ('auto', 'float64', "float32, float16, int8. Received: 'float64'"),
    ('auto', 'float16', 'needs an NVIDIA GPU'),
    ('auto', 'int8', 'offers no int8')])
def test_a_precision_that_is_not_to_be_had_says_why(
        artifact: Folder, monkeypatch: pytest.MonkeyPatch, name: str, precision: str,
        message: str) -> None:
    monkeypatch.setattr(engine, 'physical_gpus', lambda _: [])
    with pytest.raises(InputError, match=message):
        engine.load_engine(artifact, name, precision)


@pytest.mark.parametrize(('name', 'package'), [
    ('litert', 'ai_edge_litert.interpreter'), ('tensorflow', 'tensorflow')])
def test_a_missing_package_says_what_to_install(
        artifact: Folder, monkeypatch: pytest.MonkeyPatch, name: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match='pip install'):
        engine.load_engine(artifact, name)


def test_another_backend_is_refused(artifact: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('KERAS_BACKEND', 'jax')
    with pytest.raises(InputError, match='KERAS_BACKEND=tensorflow'):
        engine.load_engine(artifact, 'tensorflow')


def test_damaged_files_are_named(artifact: Folder, tmp_path: Path) -> None:
    for file, name in ((LITERT_FILE, 'litert'), (WEIGHTS_FILE, 'tensorflow')):
        (tmp_path / file).write_bytes((artifact.folder / file).read_bytes()[:2000])
        damaged = SimpleNamespace(network=CONFIG, folder=tmp_path, file=tmp_path.joinpath)
        with pytest.raises(InputError, match=file):
            engine.load_engine(damaged, name)


def test_weights_of_another_network_are_refused(artifact: Folder) -> None:
    other = SimpleNamespace(network=NetworkConfig(head_width=8), folder=artifact.folder,
                            file=artifact.file)
    with pytest.raises(InputError, match='does not fit'):
        engine.load_engine(other, 'tensorflow')


def test_export_refuses_poses_that_differ() -> None:
    quats = np.tile([0.0, 0.0, 0.0, 1.0], (2, 1))
    good = engine.Prediction(np.zeros((2, 3)), quats)
    export.check_same(good, engine.Prediction(np.full((2, 3), 9e-5), -quats), NetworkConfig())
    for bad in (np.full((2, 3), 2e-4), np.full((2, 3), np.nan)):
        with pytest.raises(PoseNetError, match='Received'):
            export.check_same(good, engine.Prediction(bad, quats), NetworkConfig())


def test_export_command_converts_weights_alone(artifact: Folder, tmp_path: Path) -> None:
    export._convert_elsewhere(CONFIG, artifact.folder / WEIGHTS_FILE, tmp_path / 'again.tflite')
    images = random_images(CONFIG, 1)
    again = litert_engine.LiteRtEngine(tmp_path / 'again.tflite').predict(images)
    first = engine.load_engine(artifact, 'litert').predict(images)
    assert np.array_equal(again.position_m, first.position_m)


def resident_kb(file: Path) -> int:
    """Return how much of a mapped file is in this process's memory, kB."""
    count, inside = 0, False
    for line in Path('/proc/self/smaps').read_text().splitlines():
        if '-' in line.split()[0]:
            inside = line.endswith(f' {file.resolve()}')
        elif inside and line.startswith('Rss:'):
            count += int(line.split()[1])
    return count


@pytest.mark.skipif(not Path('/proc/self/smaps').exists(), reason='needs Linux')
def test_the_file_of_a_loaded_network_takes_no_memory(artifact: Folder) -> None:
    file = artifact.folder / LITERT_FILE
    litert = litert_engine.LiteRtEngine(file)
    assert resident_kb(file) < 0.2 * file.stat().st_size / 1024
    before = litert.predict(random_images(CONFIG, 1))
    memory.forget_mapped(file)  # also between two images
    assert np.array_equal(litert.predict(random_images(CONFIG, 1)).position_m, before.position_m)


def test_both_engines_run_a_private_copy_whose_folder_is_gone(
        model: keras.Model, artifact: Folder, tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 96, 64, 3), np.uint8)
    expected = engine.load_engine(artifact, 'litert').predict(image).position_m
    for name in ('litert', 'tensorflow'):
        folder = shutil.copytree(artifact.folder, tmp_path / name)
        with PrivateCopy(folder) as copy:
            loaded = engine.load_engine(
                SimpleNamespace(network=CONFIG, folder=folder, file=copy.file), name)
        for file in folder.iterdir():
            file.write_bytes(b'\0' * file.stat().st_size)  # in place
        shutil.rmtree(folder)
        assert np.abs(loaded.predict(image).position_m - expected).max() < 1e-3
