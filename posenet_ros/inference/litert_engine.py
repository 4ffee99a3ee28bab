"""LiteRT on the CPU."""

from __future__ import annotations

from collections.abc import Callable
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.inference.prediction import make_prediction, NO_HEAD, Prediction
from posenet_ros.utils.processes import forget_mapped
from posenet_ros.utils.quiet_stderr import quiet_stderr

LITERT_THREADS = 4  # more threads do not speed up one image


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
        return make_prediction({key: np.concatenate([output[key] for output in outputs])
                                for key in outputs[0]})

    def head(self, fc: NDArray[np.float32]) -> Prediction:
        """Run the last layers alone, on all rows at once; see :meth:`Engine.head`."""
        if self._head is None:
            if self._head_file is None or not self._head_file.is_file():
                raise InputError(NO_HEAD)
            self._head = self._load(self._head_file, 1)
        return make_prediction(self._head(fc=fc))
