"""The benchmark runs, and its arithmetic is right; its figures are those of the machine."""

from __future__ import annotations

import json
import os
from pathlib import Path
import subprocess
import sys
import time

from helpers import ROOT
import keras
from posenet_ros.inference.engine import has_nvidia_gpu
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.network import build
from posenet_ros.training.bench import model as bench_model
from posenet_ros.training.bench import suite
from posenet_ros.training.bench.__main__ import main
from posenet_ros.training.bench.parts import gpu as bench_gpu
from posenet_ros.training.bench.timing import memory_mb, time_interleaved
from posenet_ros.training.fitting.presets import load_preset
from posenet_ros.utils.arguments import run_cli
import pytest
from training_helpers import use_tiny_backbone


@pytest.mark.long
def test_quick_measures_every_part(tmp_path: Path) -> None:
    pytest.importorskip('rclpy')
    out = tmp_path / 'bench.json'
    command = [sys.executable, '-m', 'training.bench', '--quick', '--out', str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900,
                          env={**os.environ, 'ROS_DOMAIN_ID': '98'})
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    found = result['networks']['smoke']
    assert set(found['engines']) >= {'LiteRT', 'LiteRT, int8', 'TensorFlow',
                                     'Keras, model.predict'}
    for values in found['engines'].values():
        assert 0 < values['cpu_min'] <= values['cpu']
        assert 0 < values['wall_p50'] <= values['wall_p99']
        assert values['share_of_peak'] == pytest.approx(found['limit_ms'] / values['cpu_min'])
    assert found['engines']['Keras, model.predict']['to_predict'] == 1
    for engine in ('LiteRT', 'TensorFlow', 'Keras, model.predict'):
        values = found['all_cores'][engine]
        assert 0 < values['wall_p50'] <= values['wall_p99']
    for what in ('litert', 'node'):
        assert 0 < found['start'][what]['cpu_s'] < 60
        assert 30 < found['start'][what]['memory_mb']['most'] < 250
    certainty = found['certainty']
    assert list(certainty) == ['pose alone', 'covariance and place score', 'and mc_samples 40']
    assert certainty['pose alone']['to_plain'] == 1
    assert min(v['cpu'] for v in certainty.values()) > 0
    assert set(result['images']['640x480']) >= {'decode rgb8', 'prepare', 'prepare, plain'}
    offline = found['evaluate']
    slower = min(offline[f'{what} alone']['images_per_s'] for what in ('decode', 'inference'))
    assert offline['of_the_slower'] == pytest.approx(offline['evaluate']['images_per_s'] / slower)
    assert 0 < offline['of_the_limit'] < 1.1
    rates = found['training']
    assert rates['share'] == pytest.approx(
        rates['pipeline_images_per_s'] / rates['memory_images_per_s'])
    live = result['live'][0]
    assert 0 < live['answered'] <= live['sent'] == 60
    assert live['age_p50_ms'] <= live['age_p99_ms']
    assert {'decode', 'prepare', 'infer'} <= set(live['stages_ms'])
    for words in ('one thread', 'by the clock', 'process start to the first pose', 'image path',
                  '30 Hz over DDS', 'of the slower alone', 'input pipeline', 'of the pose alone'):
        assert words in done.stdout


def test_a_part_that_fails_ends_the_benchmark_with_its_reason(
        capfd: pytest.CaptureFixture[str]) -> None:
    assert run_cli(lambda: suite.start_part(
        'images', Path('/nowhere/part.json'), '--model', '/nowhere')) == 1
    assert '/nowhere/artifact.json is missing' in capfd.readouterr().err


@pytest.mark.long
def test_a_part_makes_its_model_and_prints_its_figures(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(['uncertainty', '--quick']) == 0
    assert json.loads(capfd.readouterr().out)['pose alone']['to_plain'] == 1


@pytest.mark.skipif(has_nvidia_gpu(), reason='there is a GPU')
def test_where_there_is_no_gpu_its_part_says_so_in_one_line(
        capfd: pytest.CaptureFixture[str]) -> None:
    assert run_cli(lambda: main(['gpu'])) == 1
    assert capfd.readouterr().err == (
        'error: bench gpu measures an NVIDIA GPU: this machine has none\n')


def test_arithmetic_of_posenet_is_the_published() -> None:
    config = NetworkConfig(backbone='posenet', rotation='quaternion', head_width=2048)
    # GoogLeNet: 1.5 G multiply-adds (Szegedy et al. 2015, section 1)
    assert bench_model.gflop(build(config)) == pytest.approx(3.17, abs=0.02)


def test_arithmetic_of_each_kind_of_layer() -> None:
    image = keras.Input((8, 10, 3))
    x = keras.layers.Conv2D(4, 3, padding='same')(image)  # 2 * 80 * 27 * 4
    x = keras.layers.DepthwiseConv2D(5, strides=2, padding='same')(x)  # 2 * 20 * 4 * 25
    x = keras.layers.Dense(6)(keras.layers.Flatten()(x))  # 2 * 80 * 6
    assert bench_model.gflop(keras.Model(image, x)) * 1e9 == 17280 + 4000 + 960


def test_times_are_of_the_function_alone() -> None:
    times = time_interleaved(
        {'sleep': lambda: time.sleep(0.02), 'work': lambda: sum(range(200_000))}, 5)
    assert times['sleep']['wall_p50'] >= 20
    assert times['sleep']['cpu_min'] < 5
    assert times['work']['cpu_min'] > 0.3
    assert times['work']['cpu_min'] <= times['work']['cpu']


def test_memory_is_that_of_the_process() -> None:
    before = memory_mb()
    kept = bytearray(64 << 20)
    assert memory_mb()['now'] - before['now'] > 60
    assert memory_mb()['most'] >= memory_mb()['now'] - 1
    del kept


def test_what_is_measured_on_a_gpu_runs_on_any_device(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_tiny_backbone(monkeypatch.setattr)
    preset = load_preset('smoke', ['weights=none'])
    bench_model.make_model(preset, tmp_path / 'model')
    figures = bench_gpu.on_device(preset, tmp_path / 'model', (2,), 1024, 1 << 22)['figures']
    assert {'float32, batch 2: ms', 'float32, memory: GB/s',
            f'training, batch {preset.schedule.batch}: images/s'} <= set(figures)
    assert min(figures.values()) > 0
    assert figures['float32, batch 2: share of the roofline'] < 2


def test_the_roofline_is_arithmetic_or_memory() -> None:
    image = keras.Input((100,))
    model = keras.Model(image, keras.layers.Dense(50)(image))  # 10 kFLOP, 5050 + 2 * 150 numbers
    assert bench_gpu.limit_s(model, 1, 'float32', (1e6, 1e12)) == pytest.approx(1e-2)
    assert bench_gpu.limit_s(model, 1, 'float16', (1e12, 1e6)) == pytest.approx(2 * 5350e-6)
