"""
Benchmark a preset's network in each engine and in other runtimes, on one thread.

Interleaved with a large matrix product, the roofline of the core. The network is made for it;
its weights are random, which does not change the speed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.util import find_spec
import logging
from pathlib import Path
import tempfile
from typing import Any

import numpy as np
from posenet_ros.inference.artifact import (
    INT8_FILE,
    LITERT_FILE,
    load,
    LoadedArtifact,
    WEIGHTS_FILE,
)
from posenet_ros.inference.litert_engine import LiteRtEngine
from posenet_ros.inference.tensorflow_engine import TensorFlowEngine
from posenet_ros.training.bench.model import gflop
from posenet_ros.training.bench.timing import PREDICT, time_interleaved

PRODUCT = 2048  # rows and columns of the matrices
Run = Callable[[], object]


def one_thread() -> None:
    """Limit TensorFlow to one thread; call before its first use."""
    import tensorflow
    tensorflow.config.threading.set_intra_op_parallelism_threads(1)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)


def matrix_product() -> Run:
    """Return a large matrix product by oneDNN: the practical peak of a core."""
    import tensorflow
    a = tensorflow.random.uniform((PRODUCT, PRODUCT))
    run = tensorflow.function(lambda a: tensorflow.reduce_sum(tensorflow.matmul(a, a)))
    return lambda: run(a).numpy()


def onnx_runs(
        model: Any, image: np.ndarray,  # noqa: ANN401
        ) -> tuple[dict[str, Run], dict[str, str]]:
    """Return the network in ONNX Runtime and OpenVINO where installed, and the missing ones."""
    missing = {name: 'not installed' for name in ('tf2onnx', 'onnxruntime', 'openvino')
               if not find_spec(name)}
    if 'tf2onnx' in missing:
        return {}, missing
    runs: dict[str, Run] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = f'{folder}/network.onnx'
        try:
            _write_onnx(model, image, file)
        except Exception as error:  # whatever the converter raises
            return {}, {**missing, 'tf2onnx': f'{type(error).__name__}: {error}'[:200]}
        if 'onnxruntime' not in missing:
            runs['ONNX Runtime'] = _onnxruntime(file, image)
        if 'openvino' not in missing:
            runs['OpenVINO'] = _openvino(file, image)
    return runs, missing


def _write_onnx(model: Any, image: np.ndarray, file: str) -> None:  # noqa: ANN401
    """Convert with the weights as constants; Keras's own export leaves some as inputs."""
    from posenet_ros.training.export.litert import freeze
    import tensorflow
    import tf2onnx  # type: ignore[import-not-found,unused-ignore]
    logging.getLogger('tensorflow').setLevel(logging.ERROR)
    function = freeze(model, tensorflow.TensorSpec(image.shape, 'uint8', 'image'))
    tf2onnx.convert.from_graph_def(
        function.graph.as_graph_def(), input_names=['image:0'],
        output_names=[tensor.name for tensor in function.outputs], output_path=file)


def _onnxruntime(file: str, image: np.ndarray) -> Run:
    import onnxruntime  # type: ignore[import-not-found,unused-ignore]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    session = onnxruntime.InferenceSession(file, options, providers=['CPUExecutionProvider'])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: image})


def _openvino(file: str, image: np.ndarray) -> Run:
    import openvino  # type: ignore[import-not-found,unused-ignore]
    compiled = openvino.Core().compile_model(
        file, 'CPU', {'INFERENCE_NUM_THREADS': 1, 'INFERENCE_PRECISION_HINT': 'f32'})
    request = compiled.create_infer_request()
    return lambda: request.infer([image])


def product_runs(artifact: LoadedArtifact, model: Any, int8: Path,  # noqa: ANN401
                 ) -> dict[str, Run]:
    """
    Return the project's engines and Keras's own ways to run the same network.

    :param model: the network in Keras.
    :param int8: LiteRT file with 8-bit weights, measured whether it is offered or not.
    """
    folder, settings = artifact.folder, artifact.require_network('posenet bench')
    image = np.zeros((1, settings.input_height, settings.input_width, 3), np.uint8)
    image += np.random.default_rng(0).integers(0, 256, image.shape, np.uint8)
    engines = {'LiteRT': LiteRtEngine(folder / LITERT_FILE, threads=1),
               'LiteRT, int8': LiteRtEngine(int8, threads=1),
               'TensorFlow': TensorFlowEngine(settings, folder / WEIGHTS_FILE)}
    runs: dict[str, Run] = {'matrix product': matrix_product()}
    runs |= {name: lambda e=engine: e.predict(image)  # type: ignore[misc]
             for name, engine in engines.items()}
    runs[PREDICT] = lambda: model.predict(image, verbose=0)
    runs['Keras, model(image)'] = lambda: model(image, training=False)
    return runs


def measure(folder: Path, quick: bool) -> dict[str, Any]:
    """Return the arithmetic (GFLOP), the times of each engine and peer, and the missing peers."""
    from posenet_ros.training.export.litert import load_network, write_litert
    artifact = load(folder)
    config = artifact.require_network('posenet bench')
    model = load_network(config, folder / WEIGHTS_FILE)
    with tempfile.TemporaryDirectory() as scratch:
        int8 = Path(scratch) / INT8_FILE
        write_litert(config, folder / WEIGHTS_FILE, int8, int8=True, model=model)
        runs = product_runs(artifact, model, int8)
    image = np.zeros((1, config.input_height, config.input_width, 3), np.uint8)
    model(image, training=False)  # a model that has never run is not exported
    peers, missing = ({}, {'peers': 'left out by --quick'}) if quick else onnx_runs(model, image)
    times = time_interleaved({**runs, **peers}, 5 if quick else 40)
    rate = 2 * PRODUCT**3 / 1e9 / times['matrix product']['cpu_min'] * 1e3
    arithmetic = gflop(model)
    limit_ms = arithmetic / rate * 1e3
    for values in times.values():
        values['share_of_peak'] = limit_ms / values['cpu_min']
        values['to_predict'] = values['cpu_min'] / times[PREDICT]['cpu_min']
    times.pop('matrix product')
    return {'network': config.backbone, 'input': list(image.shape[1:3]),
            'gflop': arithmetic, 'peak_gflops': rate, 'limit_ms': limit_ms, 'engines': times,
            'missing': missing}


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Benchmark the model of the options."""
    one_thread()
    return measure(options.model, options.quick)
