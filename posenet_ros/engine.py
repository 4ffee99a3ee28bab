"""
Run a model folder's network: LiteRT on the CPU, TensorFlow on an NVIDIA GPU.

Importing this module imports neither; in float32 both give the same poses (tested to 1e-4 m).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
import os
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol
import warnings

import numpy as np
from numpy.typing import NDArray
from posenet_ros.artifact import (
    HEAD_FILE,
    INT8_FILE,
    LITERT_FILE,
    LoadedArtifact,
    WEIGHTS_FILE,
)
from posenet_ros.config import NetworkConfig
from posenet_ros.errors import InputError
from posenet_ros.memory import forget_mapped
from posenet_ros.prediction import Prediction
from posenet_ros.quiet import quiet_stderr

ENGINES = ('auto', 'tensorflow', 'litert')
PRECISIONS = ('float32', 'float16', 'int8')
POSE = ('position', 'quat_xyzw')
CERTAINTY = ('log_sigma', 'descriptor', 'fc')  # outputs that not every network has
LITERT_THREADS = 4  # more threads do not speed up one image


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


def prediction(outputs: Mapping[str, Any]) -> Prediction:
    """Return a network's outputs as float64, the quaternions of exact unit length."""
    quats = np.asarray(outputs['quat_xyzw'], np.float64)
    more = {key: np.asarray(outputs[key], np.float64) for key in CERTAINTY if key in outputs}
    return Prediction(np.asarray(outputs['position'], np.float64),
                      quats / np.linalg.norm(quats, axis=-1, keepdims=True), **more)


NO_HEAD = ('Monte-Carlo dropout needs a model folder with a head of its own: make one of this by '
           'python -m training.uncertainty')


class LiteRtEngine:
    """
    A .tflite file on the CPU, without TensorFlow.

    :param threads: how many it computes with; 0 means one a core, at most LITERT_THREADS.
    :param head: .tflite file of the last layers alone; loaded when it is asked for.
    :raises InputError: when ai-edge-litert is not installed or the file is no network.
    """

    name = 'litert'

    def __init__(self, path: Path, threads: int = 0, head: Path | None = None) -> None:
        threads = threads or min(len(os.sched_getaffinity(0)), LITERT_THREADS)
        self._run = self._load(path, threads)
        self._head_file = head
        self._head: Callable[..., dict[str, Any]] | None = None
        self.device = f'CPU, {threads} thread{"s" if threads > 1 else ""}'

    @staticmethod
    def _load(path: Path, threads: int) -> Callable[..., dict[str, Any]]:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise InputError('the engine litert needs the package ai-edge-litert. '
                             'Install it: pip install ai-edge-litert') from error
        try:
            with quiet_stderr():
                interpreter = Interpreter(model_path=str(path), num_threads=threads)
                interpreter.allocate_tensors()
            runner: Callable[..., dict[str, Any]] = interpreter.get_signature_runner()
        except (ValueError, RuntimeError) as error:
            raise InputError(f'{path} is no network that LiteRT can run: {error}') from error
        forget_mapped(path)  # LiteRT has made copies of the weights, in the order that it needs
        return runner

    def predict(self, batch: NDArray[np.uint8]) -> Prediction:
        """Estimate poses one image after another; see :meth:`Engine.predict`."""
        outputs = [self._run(image=image[None]) for image in batch]
        return prediction({key: np.concatenate([output[key] for output in outputs])
                           for key in outputs[0]})

    def head(self, fc: NDArray[np.float32]) -> Prediction:
        """Run the last layers alone, on all rows at once; see :meth:`Engine.head`."""
        if self._head is None:
            if self._head_file is None or not self._head_file.is_file():
                raise InputError(NO_HEAD)
            self._head = self._load(self._head_file, 1)
        return prediction(self._head(fc=fc))


class TensorFlowEngine:
    """
    The Keras network as one compiled function: with XLA on a GPU, without on the CPU.

    8-bit images go to the device in one copy, all the outputs come back in another.

    :param half: compute in float16 (the pose layers stay in float32); for GPUs.
    :raises InputError: when TensorFlow is not installed or the weights do not fit.
    """

    name = 'tensorflow'

    def __init__(self, config: NetworkConfig, weights: Path, half: bool = False) -> None:
        tensorflow = _import_tensorflow()
        gpus = _gpus(tensorflow)
        if half and not gpus:
            raise InputError('the precision float16 needs an NVIDIA GPU that TensorFlow sees. '
                             'Received: none; use float32')
        from posenet_ros.network import build, pose_head
        with _dtype_policy('mixed_float16' if half else 'float32'):
            model = build(config)
        load_weights(model, weights)
        self._sizes = {key: model.output[key].shape[-1] for key in (*POSE, *CERTAINTY)
                       if key in model.output}

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
        return prediction(dict(zip(self._sizes, np.split(rows, ends, axis=1), strict=True)))

    def head(self, fc: NDArray[np.float32]) -> Prediction:
        """Run the last layers alone; see :meth:`Engine.head`."""
        if self._head is None:
            raise InputError(NO_HEAD)
        return prediction({key: value.numpy()
                           for key, value in self._head(self._constant(fc)).items()})


@contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    """Build networks in this precision for the time of a block."""
    import keras
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _import_tensorflow() -> ModuleType:
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


def _gpus(tensorflow: ModuleType) -> list[Any]:
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


def load_weights(model: Any, file: Path) -> None:  # noqa: ANN401 - Keras is imported late
    """
    Load a `.weights.h5` file.

    :raises InputError: when it is damaged or of another network.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # the one line below says it all
            model.load_weights(file)
    except (ValueError, OSError, KeyError) as error:
        reason = ' '.join(str(error).split())[:200]
        raise InputError(f'{file} does not fit the network {model.name}: {reason}') from error


def has_nvidia_gpu() -> bool:
    """Return whether the driver of an NVIDIA GPU is loaded: cheap, imports nothing."""
    return any(Path(path).exists() for path in (
        '/proc/driver/nvidia/version', '/dev/nvidiactl', '/dev/nvhost-gpu', '/dev/dxg'))


def _resolve(engine: str, precision: str = 'float32') -> str:
    """Return the engine's name for `auto`: what the precision needs, else what is fastest."""
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
        return 'tensorflow' if _gpus(_import_tensorflow()) else 'litert'
    return 'litert'


def load_engine(
        artifact: LoadedArtifact, engine: str = 'auto', precision: str = 'float32',
        threads: int = 0) -> Engine:
    """
    Load a model folder's network.

    :param engine: `litert`, `tensorflow`, or `auto`: TensorFlow where it sees an NVIDIA GPU,
        else LiteRT.
    :param precision: `float32`; `float16` for TensorFlow on a GPU; `int8` for LiteRT, where the
        model folder offers it (training.export has measured that it is as good, and faster).
    :param threads: of LiteRT, as :class:`LiteRtEngine` has them.
    :raises InputError: on an unknown engine, a missing package, or files that do not fit.
    """
    if _resolve(engine, precision) == 'tensorflow':
        return TensorFlowEngine(artifact.network, artifact.folder / WEIGHTS_FILE,
                                precision == 'float16')
    file = artifact.folder / (INT8_FILE if precision == 'int8' else LITERT_FILE)
    if precision == 'int8' and not file.is_file():
        raise InputError(f'{artifact.folder} offers no int8: it was less accurate or no faster '
                         'than float32 (see provenance in artifact.json), or was not tried')
    return LiteRtEngine(file, threads, artifact.folder / HEAD_FILE)
