"""
Run a model folder's network: LiteRT on the CPU, TensorFlow on an NVIDIA GPU.

Importing this module imports neither; in float32 both give the same poses (tested to 1e-4 m).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.inference.artifact import (
    HEAD_FILE,
    INT8_FILE,
    LITERT_FILE,
    LoadedArtifact,
    WEIGHTS_FILE,
)
from posenet_ros.inference.litert_engine import LiteRtEngine
from posenet_ros.inference.prediction import Prediction
from posenet_ros.inference.tensorflow_engine import (
    import_tensorflow,
    physical_gpus,
    TensorFlowEngine,
)
from posenet_ros.utils.choices import ENGINES, PRECISIONS


class Engine(Protocol):
    """A network that is ready to run. One thread at a time may call it."""

    name: str
    device: str

    def predict(self, batch: NDArray[np.uint8]) -> Prediction:
        """
        Estimate poses.

        :param batch: (N, input height, input width, 3) RGB, 8 bits.
        """
        ...

    def head(self, fc: NDArray[np.float32]) -> Prediction:
        """
        Run the last layers alone.

        :param fc: (N, head width) activations before dropout.
        :raises InputError: when the model folder has no head.
        """
        ...


def has_nvidia_gpu() -> bool:
    """Return whether the driver of an NVIDIA GPU is loaded: cheap, imports nothing."""
    return any(Path(path).exists() for path in (
        '/proc/driver/nvidia/version', '/dev/nvidiactl', '/dev/nvhost-gpu', '/dev/dxg'))


def _resolve(engine: str, precision: str = 'float32') -> str:
    """Resolve `auto`: the engine that the precision needs, else the fastest."""
    for name, value, known in (('engine', engine, ENGINES), ('precision', precision, PRECISIONS)):
        if value not in known:
            raise InputError(f'{name} has to be one of {", ".join(known)}. Received: {value!r}')
    needed = {'float16': 'tensorflow', 'int8': 'litert'}.get(precision)
    if needed and engine not in ('auto', needed):
        raise InputError(f'the precision {precision} is one of the engine {needed}. '
                         f'Received: engine {engine!r}')
    if needed or engine != 'auto':
        return needed or engine
    if has_nvidia_gpu() and find_spec('tensorflow') and find_spec('keras'):
        return 'tensorflow' if physical_gpus(import_tensorflow()) else 'litert'
    return 'litert'


def load_engine(
        artifact: LoadedArtifact, engine: str = 'auto', precision: str = 'float32',
        threads: int = 0) -> Engine:
    """
    Load a model folder's network.

    :param engine: `litert`, `tensorflow`, or `auto`: TensorFlow where it sees an NVIDIA GPU,
        else LiteRT.
    :param precision: `float32`; `float16` for TensorFlow on a GPU; `int8` for LiteRT, where the
        model folder offers it (:mod:`posenet_ros.training.export` has measured that it is as good,
        and faster).
    :param threads: of LiteRT, as :class:`LiteRtEngine` has them.
    :raises InputError: on an unknown engine, a missing package, or files that do not fit.
    """
    network = artifact.network or artifact.require_network('an engine')
    if _resolve(engine, precision) == 'tensorflow':
        return TensorFlowEngine(network, artifact.file(WEIGHTS_FILE),
                                precision == 'float16')
    file = artifact.file(INT8_FILE if precision == 'int8' else LITERT_FILE)
    if precision == 'int8' and not file.is_file():
        raise InputError(f'{artifact.folder} offers no int8: it was less accurate or no faster '
                         'than float32 (see provenance in artifact.json), or was not tried')
    return LiteRtEngine(file, threads, artifact.file(HEAD_FILE))
