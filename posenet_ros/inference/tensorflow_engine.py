"""TensorFlow, on an NVIDIA GPU or the CPU."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.inference.prediction import (
    make_prediction,
    NO_HEAD,
    POSE_OUTPUTS,
    Prediction,
    UNCERTAINTY_OUTPUTS,
)
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.weights_file import load_weights
from posenet_ros.utils.quiet_stderr import quiet_stderr


class TensorFlowEngine:
    """
    The Keras network as one compiled function: with XLA on a GPU, without on the CPU.

    8-bit images go to the device in one copy, all the outputs come back in another.

    :param half: compute in float16 (the pose layers stay in float32); for GPUs.
    :raises InputError: when TensorFlow is not installed or the weights do not fit.
    """

    name = 'tensorflow'

    def __init__(self, config: NetworkConfig, weights: Path, half: bool = False) -> None:
        tensorflow = import_tensorflow()
        gpus = physical_gpus(tensorflow)
        if half and not gpus:
            raise InputError('the precision float16 needs an NVIDIA GPU that TensorFlow sees. '
                             'Received: none; use float32')
        from posenet_ros.networks.network import build, dtype_policy
        from posenet_ros.networks.single_network import pose_head
        with dtype_policy('mixed_float16' if half else 'float32'):
            model = build(config)
        load_weights(model, weights)
        self._sizes = {key: model.output[key].shape[-1]
                       for key in (*POSE_OUTPUTS, *UNCERTAINTY_OUTPUTS) if key in model.output}

        def run(images: Any) -> Any:  # noqa: ANN401
            outputs = model(images, training=False)
            return tensorflow.concat([outputs[key] for key in self._sizes], axis=-1)

        # XLA on a CPU is slower than none
        self._run: Callable[..., Any] = tensorflow.function(run, jit_compile=bool(gpus))
        self._head: Callable[..., Any] | None = None
        if 'fc' in self._sizes:
            self._head = tensorflow.function(pose_head(model), jit_compile=bool(gpus))
        self._constant = tensorflow.constant
        self.device = _device_name(tensorflow, gpus) + (', float16' if half else '')

    def predict(self, batch: NDArray[np.uint8]) -> Prediction:
        """Estimate poses in one call (each new N compiles once); see :meth:`Engine.predict`."""
        rows = self._run(self._constant(batch)).numpy()
        ends = np.cumsum(list(self._sizes.values()))[:-1]
        return make_prediction(dict(zip(self._sizes, np.split(rows, ends, axis=1), strict=True)))

    def head(self, fc: NDArray[np.float32]) -> Prediction:
        """Run the last layers alone; see :meth:`Engine.head`."""
        if self._head is None:
            raise InputError(NO_HEAD)
        return make_prediction({key: value.numpy()
                                for key, value in self._head(self._constant(fc)).items()})


def import_tensorflow() -> ModuleType:
    """
    Import TensorFlow without its chatter.

    :raises InputError: when it is not installed, or Keras runs on another backend.
    """
    if os.environ.setdefault('KERAS_BACKEND', 'tensorflow') != 'tensorflow':
        raise InputError('the engine tensorflow needs KERAS_BACKEND=tensorflow (or unset). '
                         f'Received: {os.environ["KERAS_BACKEND"]}')
    try:
        with quiet_stderr():
            return import_module('tensorflow')
    except ImportError as error:
        raise InputError('the engine tensorflow needs TensorFlow and Keras. Install them: pip '
                         'install tensorflow-cpu keras (tensorflow[and-cuda] for a GPU), or use '
                         'the engine litert') from error


def physical_gpus(tensorflow: ModuleType) -> list[Any]:
    """Return the GPUs, set to take memory as they need it."""
    gpus: list[Any] = tensorflow.config.list_physical_devices('GPU')
    for gpu in gpus:
        with suppress(RuntimeError):  # too late when already in use: harmless
            tensorflow.config.experimental.set_memory_growth(gpu, True)
    return gpus


def _device_name(tensorflow: ModuleType, gpus: list[Any]) -> str:
    if not gpus:
        return 'CPU'
    details = tensorflow.config.experimental.get_device_details(gpus[0])
    return str(details.get('device_name', 'GPU'))
