"""Training on several devices and in several processes."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
import socket
import subprocess
import sys

from helpers import ROOT
from posenet_ros.errors import InputError
from posenet_ros.inference.artifact import load
from posenet_ros.training.fitting import devices
import pytest
from training_helpers import write_wall_dataset

SCRIPT = """
import sys
sys.path[:0] = ['.', 'test']
import tensorflow as tf
if sys.argv.pop(1) == 'two':
    cpu = tf.config.list_physical_devices('CPU')[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from posenet_ros.utils.arguments import run_cli
from posenet_ros.training import train
from training_helpers import use_tiny_backbone
use_tiny_backbone()
sys.exit(run_cli(lambda: train.main(sys.argv[1:])))
"""
SETTINGS = ('weights=none', 'input_width=48', 'input_height=36', 'head_width=32', 'epochs=2',
            'batch=8', 'dropout=0', 'ema=0.5', 'validation=0.3', 'yaw_deg=3', 'sigma_versions=0')


def start(devices_: str, court: Path, out: Path, strategy: str,
          **environment: str) -> subprocess.Popen[str]:
    pairs = [part for setting in SETTINGS for part in ('--set', setting)]
    command = [sys.executable, '-c', SCRIPT, devices_, '--preset', 'smoke', '--data', str(court),
               '--out', str(out), '--strategy', strategy, *pairs]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finished(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output[-3000:]
    return output


def last_loss(out: Path) -> float:
    with (out / 'log.csv').open() as file:
        return float(list(csv.DictReader(file))[-1]['loss'])


@pytest.mark.long
def test_two_devices_and_two_workers_train_as_one_does(tmp_path: Path) -> None:
    court = tmp_path / 'court'
    write_wall_dataset(court)
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            ports.append(free.getsockname()[1])
    cluster = {'worker': [f'127.0.0.1:{port}' for port in ports]}
    configs = [json.dumps({'cluster': cluster, 'task': {'type': 'worker', 'index': i}})
               for i in range(2)]
    workers = [start('one', court, tmp_path / 'workers', 'multiworker', TF_CONFIG=config)
               for config in configs]
    outputs = [finished(worker) for worker in workers]
    assert 'devices: 2 replicas, worker 1 of 2' in outputs[1]
    assert 'devices: 2 replicas' in finished(start('two', court, tmp_path / 'two', 'mirrored'))
    assert 'device: ' in finished(start('one', court, tmp_path / 'one', 'none'))
    one = last_loss(tmp_path / 'one')
    for name in ('two', 'workers'):
        assert load(tmp_path / name).provenance['validation']['images'] == 12
        assert last_loss(tmp_path / name) == pytest.approx(one, rel=0.1)


def test_what_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match='one of none, mirrored, multiworker'):
        devices.choose('all')
    monkeypatch.delenv('TF_CONFIG', raising=False)
    with pytest.raises(InputError, match=r'needs the environment variable TF_CONFIG.*nothing'):
        devices.choose('multiworker')
    monkeypatch.setattr(devices.keras.backend, 'backend', lambda: 'jax')
    with pytest.raises(InputError, match=r'needs KERAS_BACKEND=tensorflow. Received: jax'):
        devices.choose('mirrored')
