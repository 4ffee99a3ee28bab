"""Export a network to LiteRT, and check that it gives the poses of the Keras network."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
import json
import os
from pathlib import Path
import subprocess
import sys
from types import ModuleType
from typing import Any

import keras
import numpy as np
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.inference.artifact import HEAD_FILE, LITERT_FILE, WEIGHTS_FILE
from posenet_ros.inference.litert_engine import LiteRtEngine
from posenet_ros.inference.prediction import make_prediction, Prediction, UNCERTAINTY_OUTPUTS
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.network import build, dtype_policy, remove_auxiliary_heads
from posenet_ros.networks.single_network import pose_head
from posenet_ros.networks.weights_file import load_weights
from posenet_ros.utils.arguments import run_cli
from posenet_ros.utils.settings.schema import from_mapping

CHECKED_IMAGES = 4
TOLERANCE_M = 1e-4
TOLERANCE_SCALE = 2e-5  # of the scene's size, where that is more: float32 sums differ in order
TOLERANCE_QUAT = 2e-5
TOLERANCE_UNCERTAINTY = 2e-3  # relative, and of log_sigma


def load_network(config: NetworkConfig, weights: Path) -> keras.Model:
    """Load the inference network in float32 with the weights of WEIGHTS_FILE."""
    with dtype_policy('float32'):
        model = build(config)
    load_weights(model, weights)
    return model


def convert(model: keras.Model, int8: bool = False) -> bytes:
    """
    Convert a network to a LiteRT file that takes one uint8 image, `image`.

    :param int8: 8-bit weights and dynamically quantised activations.
    :raises InputError: when TensorFlow, which converts, is missing.
    """
    try:
        import tensorflow
    except ImportError as error:
        raise InputError('exporting for LiteRT needs TensorFlow. Install it: '
                         'pip install tensorflow-cpu') from error
    return _convert(tensorflow, model, tensorflow.TensorSpec(
        (1, *model.input_shape[1:]), 'uint8', 'image'), int8)


def convert_head(model: keras.Model) -> bytes:
    """Convert the pose head of a network to a LiteRT file that takes a batch of `fc`."""
    import tensorflow
    head = pose_head(model)
    return _convert(tensorflow, head, tensorflow.TensorSpec(
        (None, head.input_shape[1]), 'float32', 'fc'), int8=False)


def freeze(model: keras.Model, spec: Any) -> Any:  # noqa: ANN401 - a TensorFlow function
    """
    Freeze a network: return a TensorFlow function with the weights as constants.

    :param spec: `tensorflow.TensorSpec` of its input.
    """
    import tensorflow
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )
    return convert_variables_to_constants_v2(tensorflow.function(
        lambda values: model(values, training=False), input_signature=[spec],
    ).get_concrete_function())


def _convert(tensorflow: ModuleType, model: keras.Model, spec: Any,  # noqa: ANN401
             int8: bool) -> bytes:
    function = freeze(model, spec)  # else the converter saves and loads each variable
    names = sorted(model.output)  # freezing loses the outputs' names, and sorts them so
    module = tensorflow.Module()
    module.run = tensorflow.function(
        lambda values: dict(zip(names, function(values), strict=True)), input_signature=[spec])
    converter = tensorflow.lite.TFLiteConverter.from_concrete_functions(
        [module.run.get_concrete_function()], module)
    if int8:
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
    return bytes(converter.convert())


def _convert_elsewhere(config: NetworkConfig, weights: Path, out: Path, option: str = '') -> None:
    """Convert in a process with the TensorFlow backend, which the converter needs."""
    command = [sys.executable, '-m', 'posenet_ros.training.export.litert',
               '--network', json.dumps(asdict(config)),
               '--weights', str(weights), '--out', str(out), *([option] if option else [])]
    result = subprocess.run(command, env={**os.environ, 'KERAS_BACKEND': 'tensorflow'},
                            capture_output=True, text=True)
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ['']
        raise PoseNetError(f'the export for LiteRT failed: {lines[-1]}')


def write_litert(config: NetworkConfig, weights: Path, out: Path, int8: bool = False,
                 model: keras.Model | None = None) -> None:
    """
    Convert the weights of WEIGHTS_FILE to a LiteRT file, whatever backend Keras runs on.

    :param model: the network with these weights, where it has been loaded already.
    """
    if keras.backend.backend() == 'tensorflow':
        out.write_bytes(convert(model or load_network(config, weights), int8))
    else:
        _convert_elsewhere(config, weights, out, '--int8' if int8 else '')


def check_same(keras_poses: Prediction, litert_poses: Prediction, config: NetworkConfig) -> None:
    """
    Check that two engines give the same poses.

    :raises PoseNetError: when positions differ by more than TOLERANCE_M metres or TOLERANCE_SCALE
        of the scene's size (and what float32 resolves there), or quaternions by TOLERANCE_QUAT.
    """
    a, b = keras_poses, litert_poses
    metres = np.abs(a.position_m - b.position_m).max()
    signs = np.sign(np.sum(a.quat_xyzw * b.quat_xyzw, axis=-1, keepdims=True))
    turn = np.abs(a.quat_xyzw - signs * b.quat_xyzw).max()
    resolution = float(np.spacing(np.abs(config.origin_m).max().astype(np.float32)))
    allowed = max(TOLERANCE_M, TOLERANCE_SCALE * max(config.scale_m)) + 2 * resolution
    if not (metres <= allowed and turn <= TOLERANCE_QUAT):
        raise PoseNetError(f'the exported network has to give the poses of the Keras network '
                           f'within {allowed:.2g} m and {TOLERANCE_QUAT:g} in the quaternion. '
                           f'Received: {metres:.2g} m and {turn:.2g}')
    for name in UNCERTAINTY_OUTPUTS:
        one, other = getattr(a, name), getattr(b, name)
        if one is not None and not (other is not None and np.allclose(
                one, other, TOLERANCE_UNCERTAINTY, TOLERANCE_UNCERTAINTY)):
            raise PoseNetError(f'the exported network has to give the {name} of the Keras network '
                               f'within {TOLERANCE_UNCERTAINTY:g}. Received: another')


def write_network(model: keras.Model, config: NetworkConfig, folder: Path) -> None:
    """
    Write WEIGHTS_FILE, LITERT_FILE and, if it gives `fc`, HEAD_FILE of a network; check them.

    :param model: as :func:`posenet_ros.networks.network.build` returned it; auxiliary
        heads are dropped.
    :raises PoseNetError: when the two files do not give the same poses on random images.
    """
    weights, litert = folder / WEIGHTS_FILE, folder / LITERT_FILE
    remove_auxiliary_heads(model).save_weights(weights)
    network = load_network(config, weights)
    write_litert(config, weights, litert, model=network)
    shape = (CHECKED_IMAGES, config.input_height, config.input_width, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    poses = {key: keras.ops.convert_to_numpy(value)
             for key, value in network(images, training=False).items()}
    engine = LiteRtEngine(litert, head=folder / HEAD_FILE)
    expected = make_prediction(poses)
    check_same(expected, engine.predict(images), config)
    if 'fc' in poses:
        if keras.backend.backend() == 'tensorflow':
            (folder / HEAD_FILE).write_bytes(convert_head(network))
        else:
            _convert_elsewhere(config, weights, folder / HEAD_FILE, '--head')
        check_same(Prediction(expected.position_m, expected.quat_xyzw),
                   engine.head(poses['fc']), config)


def main(argv: Sequence[str] | None = None) -> int:
    """Convert weights to a LiteRT file."""
    parser = argparse.ArgumentParser(
        prog='python -m posenet_ros.training.export.litert', description=main.__doc__)
    parser.add_argument('--network', required=True,
                        help='the settings of the network, as JSON ("network" of artifact.json)')
    parser.add_argument('--weights', type=Path, required=True, help='its .weights.h5 file')
    parser.add_argument('--out', type=Path, required=True, help='the .tflite file to write')
    parser.add_argument('--int8', action='store_true', help='with 8-bit weights')
    parser.add_argument('--head', action='store_true', help='the last layers alone')
    arguments = parser.parse_args(argv)
    config = from_mapping(NetworkConfig, json.loads(arguments.network), '--network')
    network = load_network(config, arguments.weights)
    arguments.out.write_bytes(
        convert_head(network) if arguments.head else convert(network, arguments.int8))
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
