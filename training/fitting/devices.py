"""Devices of a training: one, all of a machine, or those of several machines."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
import json
import os
from typing import Any

import keras
from posenet_ros.errors import InputError

STRATEGIES = ('none', 'mirrored', 'multiworker')


@dataclass(frozen=True)
class Devices:
    """
    The devices of a training.

    :param text: describes them in a line.
    :param chief: whether this process writes checkpoint, log and model.
    :param strategy: of tf.distribute, or None.
    :param several_workers: whether other processes train with this one.
    """

    text: str
    chief: bool = True
    strategy: Any = None
    several_workers: bool = False

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which variables are to be created."""
        context: AbstractContextManager[Any] = (
            self.strategy.scope() if self.strategy else nullcontext())
        return context


def choose(strategy: str = 'none') -> Devices:
    """
    Prepare the devices; GPU memory is allocated as it is needed.

    CUDA_VISIBLE_DEVICES chooses among several GPUs, as for any program.

    :param strategy: `none` one device; `mirrored` all GPUs of this machine; `multiworker` one
        process on each machine, which the environment variable TF_CONFIG lists.
    :raises InputError: on an unknown strategy, or one that the Keras backend does not have.
    """
    backend = keras.backend.backend()
    if strategy not in STRATEGIES:
        raise InputError(f'the strategy has to be one of {", ".join(STRATEGIES)}. '
                         f'Received: {strategy!r}')
    if backend == 'tensorflow':
        return _tensorflow(strategy)
    if strategy != 'none':
        raise InputError(f'--strategy {strategy} needs KERAS_BACKEND=tensorflow. '
                         f'Received: {backend}')
    return Devices(f'device: {_other(backend)} (Keras on {backend})')


def _other(backend: str) -> str:
    if backend == 'torch':
        import torch  # type: ignore[import-not-found,unused-ignore]
        return torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU'
    return ', '.join(keras.distribution.list_devices())


def _tensorflow(strategy: str) -> Devices:
    import tensorflow as tf
    gpus = tf.config.list_physical_devices('GPU')
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    version = f'Keras on tensorflow {tf.__version__}'
    if strategy == 'none':
        name = _gpu_name(tf, gpus[0]) if gpus else f'CPU, {len(os.sched_getaffinity(0))} cores'
        more = f'; {len(gpus) - 1} more: --strategy mirrored uses all' if len(gpus) > 1 else ''
        return Devices(f'device: {name}{more} ({version})')
    made, chief, which = _mirrored(tf) if strategy == 'mirrored' else _multiworker(tf)
    return Devices(f'devices: {made.num_replicas_in_sync} replicas, {which} ({version})',
                   chief, made, strategy == 'multiworker')


def _gpu_name(tf: Any, gpu: Any) -> str:  # noqa: ANN401
    return str(tf.config.experimental.get_device_details(gpu).get('device_name', gpu.name))


def _mirrored(tf: Any) -> tuple[Any, bool, str]:  # noqa: ANN401
    devices = tf.config.list_logical_devices('GPU') or tf.config.list_logical_devices('CPU')
    names = [device.name for device in devices]
    return tf.distribute.MirroredStrategy(names), True, ', '.join(names)


def _multiworker(tf: Any) -> tuple[Any, bool, str]:  # noqa: ANN401
    try:
        cluster = json.loads(os.environ['TF_CONFIG'])
        index, workers = int(cluster['task']['index']), cluster['cluster']['worker']
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            '--strategy multiworker needs the environment variable TF_CONFIG, as {"cluster": '
            '{"worker": ["host1:port", "host2:port"]}, "task": {"type": "worker", "index": 0}}. '
            f'Received: {os.environ.get("TF_CONFIG", "nothing")}') from error
    made = tf.distribute.MultiWorkerMirroredStrategy()
    return made, index == 0, f'worker {index} of {len(workers)}'
