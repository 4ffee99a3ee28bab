"""Several engines of one network, for as many threads: all the cores for images that can wait."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
import os
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray
from posenet_ros.inference.artifact import LoadedArtifact
from posenet_ros.inference.engine import Engine, load_engine
from posenet_ros.inference.litert_engine import LITERT_THREADS
from posenet_ros.inference.prediction import Prediction


class EnginePool:
    """
    A pool of engines: each call borrows one, and waits while none is free.

    :param engines: equal ones, at least one.
    """

    def __init__(self, engines: Sequence[Engine]) -> None:
        self.name, self.device, self.size = engines[0].name, engines[0].device, len(engines)
        if self.size > 1:
            self.device += f' in each of {self.size} engines'
        self._free: SimpleQueue[Engine] = SimpleQueue()
        for engine in engines:
            self._free.put(engine)

    def predict(self, batch: NDArray[np.uint8]) -> Prediction:
        """Estimate poses; see :meth:`posenet_ros.inference.engine.Engine.predict`."""
        with self._borrowed() as engine:
            return engine.predict(batch)

    def head(self, fc: NDArray[np.float32]) -> Prediction:
        """Run the last layers alone; see :meth:`posenet_ros.inference.engine.Engine.head`."""
        with self._borrowed() as engine:
            return engine.head(fc)

    @contextmanager
    def _borrowed(self) -> Iterator[Engine]:
        engine = self._free.get()
        try:
            yield engine
        finally:
            self._free.put(engine)


def load_pool(artifact: LoadedArtifact, engine: str, precision: str) -> EnginePool:
    """
    Load the engines of the highest throughput: one LiteRT a core, or TensorFlow.

    Threads of one LiteRT wait for each other in every layer; engines do not.

    :param engine: and `precision`: as of :func:`posenet_ros.inference.engine.load_engine`.
    """
    first = load_engine(artifact, engine, precision, threads=1)
    more = min(len(os.sched_getaffinity(0)), LITERT_THREADS) - 1 if first.name == 'litert' else 0
    return EnginePool([first, *(load_engine(artifact, engine, precision, threads=1)
                                for _ in range(more))])
