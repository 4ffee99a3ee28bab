"""Callbacks of a training: validation, log, checkpoint, stop on NaN."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import csv
import json
import math
import os
from pathlib import Path
import time
from typing import Any

import keras
from matplotlib.figure import Figure
import numpy as np
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.evaluation.metrics.pose_errors import rotation_errors_deg, translation_errors_m
from posenet_ros.imaging.preprocess import Preprocess
from posenet_ros.training.data.batches import Batches, CachedFeatureBatches
from posenet_ros.training.data.images import Images, network_inputs
from posenet_ros.training.fitting.ema import averaged_weights
from posenet_ros.training.fitting.trainer import PoseTrainer, predict_all
from posenet_ros.utils.files.npz import read_arrays
from posenet_ros.utils.processes import keep_memory
from posenet_ros.utils.progress import ProgressBar

KEPT_BYTES = 1 << 30
CHECKPOINT_FILE = 'checkpoint.npz'
LOG_FILE = 'log.csv'
CURVES_FILE = 'curves.png'


class NotANumberError(PoseNetError):
    """The loss became NaN or infinite."""


class StartEpoch(keras.callbacks.Callback):  # type: ignore[misc]
    """Set the epoch of the batches, which Keras does not, and keep freed memory."""

    def __init__(self, batches: Batches | CachedFeatureBatches) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the epoch."""
        self.batches.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """
        Keep freed memory, which TensorFlow turned off when it made the epoch's dataset.

        It sets the C library to return all freed memory over 128 KiB, which cost a quarter of the
        processor time of a training on a CPU.
        """
        if batch == 0:
            keep_memory(KEPT_BYTES)


class StopOnNaN(keras.callbacks.Callback):  # type: ignore[misc]
    """Stop at the first loss that is NaN or infinite; the last checkpoint stays."""

    def __init__(self, learning_rate: float) -> None:
        super().__init__()
        self.learning_rate, self.epoch = learning_rate, 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the epoch for the message."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the loss."""
        if not math.isfinite((logs or {}).get('loss', 0.0)):
            raise NotANumberError(
                f'the loss became NaN or infinite in epoch {self.epoch + 1}, step {batch + 1}. '
                f'Lower learning_rate (now {self.learning_rate:g}) or set clip_norm, and start '
                'again; the last good weights are in the checkpoint')


class Validate(keras.callbacks.Callback):  # type: ignore[misc]
    """Measure the averaged weights on the held-out training images."""

    def __init__(self, trainer: PoseTrainer, images: Images, preprocess: Preprocess) -> None:
        super().__init__()
        self.trainer, self.images, self.started = trainer, images, 0.0
        self.inputs: Any = network_inputs(images, preprocess)
        if trainer.frozen:
            self.inputs = predict_all(trainer.frozen, self.inputs)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the medians, the learned weights and the time to the logs."""
        assert logs is not None
        logs['seconds'] = time.perf_counter() - self.started
        with averaged_weights(self.trainer):
            found = predict_all(self.trainer.trained, self.inputs)
        logs['val_position_m'] = float(np.median(
            translation_errors_m(found['position'], self.images.positions_m)))
        logs['val_rotation_deg'] = float(np.median(
            rotation_errors_deg(found['quat_xyzw'], self.images.quats_xyzw)))
        for name in ('sx', 'sq'):
            if hasattr(self.trainer, name):
                logs[name] = float(keras.ops.convert_to_numpy(getattr(self.trainer, name)))


class ShowEpochs(keras.callbacks.Callback):  # type: ignore[misc]
    """Show how far the training is, with the medians of the validation."""

    def __init__(self, bar: ProgressBar, steps: int) -> None:
        super().__init__()
        self.bar, self.steps = bar, steps

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count a part of an epoch."""
        self.bar.advance(1 / self.steps)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the medians."""
        assert logs is not None
        medians = (f'{value:.1f}' if value >= 1 else f'{value:.2f}' for value in (
            logs['val_position_m'], logs['val_rotation_deg']))
        self.bar.update(epoch + 1, 'median {} m, {} deg'.format(*medians))


class ShowPrediction(keras.callbacks.Callback):  # type: ignore[misc]
    """
    Show how far a prediction is.

    :param images: number of all images; `batch` of those in a batch.
    """

    def __init__(self, bar: ProgressBar, images: int, batch: int) -> None:
        super().__init__()
        self.bar, self.images, self.batch = bar, images, batch

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the images of the batch."""
        self.bar.update(min((batch + 1) * self.batch, self.images))


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]
    """
    Save the training state and the log after each epoch.

    :param identity: preset and digest of the dataset; a resumed training needs the same.
    :param history: rows of the epochs done, from :func:`restore`.
    """

    def __init__(self, trainer: PoseTrainer, folder: Path, identity: dict[str, Any],
                 history: list[dict[str, float]]) -> None:
        super().__init__()
        self.trainer, self.folder, self.identity = trainer, folder, identity
        self.history = history

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write beside and rename, so that a kill leaves the last whole checkpoint."""
        self.history.append({'epoch': epoch + 1, **{k: float(v) for k, v in (logs or {}).items()}})
        arrays = {f'v{i}': keras.ops.convert_to_numpy(variable)
                  for i, variable in enumerate(_state(self.trainer))}
        about = json.dumps({'identity': self.identity, 'history': self.history})
        temporary = self.folder / f'.{CHECKPOINT_FILE}'
        with temporary.open('wb') as file:
            np.savez(file, about=np.array(about), **arrays)
        os.replace(temporary, self.folder / CHECKPOINT_FILE)
        write_log(self.history, self.folder / LOG_FILE)


def _state(trainer: PoseTrainer) -> list[Any]:
    """Return all variables: weights, statistics, random seeds, the optimizer and its average."""
    return [*trainer.variables, *trainer.optimizer.variables]


def restore(trainer: PoseTrainer, folder: Path, identity: dict[str, Any],
            ) -> list[dict[str, float]]:
    """
    Load the last checkpoint into a trainer.

    :returns: the log's rows of the epochs done.
    :raises InputError: when there is none, or it is damaged or of another preset or dataset.
    """
    file = folder / CHECKPOINT_FILE
    if not file.exists():
        raise InputError(f'{file} is missing: there is nothing to resume; start without --resume')
    with _naming_damage(file):
        arrays = read_arrays(file)
        about = json.loads(str(arrays['about']))
        found = dict(about['identity'])
    _check_identity(found, identity)
    with _naming_damage(file):
        values = [arrays[f'v{i}'] for i, _ in enumerate(_state(trainer))]
        for variable, value in zip(_state(trainer), values, strict=True):
            variable.assign(value)
        return [{str(key): float(value) for key, value in row.items()}
                for row in about['history']]


@contextmanager
def _naming_damage(file: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # NumPy and Keras let out whatever a damaged file causes
        cause = error.__cause__ or error
        raise InputError(f'{file} is damaged ({type(cause).__name__}: {cause}): start anew with '
                         '--force, without --resume') from error


def _check_identity(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    for key, value in wanted.items():
        if found.get(key) != value:
            raise InputError(f'--resume needs the same {key} as the training that was stopped. '
                             f'Received: {_difference(found.get(key), value)}; give the same '
                             'command, or start anew with --force, without --resume')


def _difference(old: Any, new: Any) -> str:  # noqa: ANN401
    if isinstance(old, dict) and isinstance(new, dict):
        return ', '.join(f'{k} {new.get(k)!r} instead of {old.get(k)!r}'
                         for k in sorted({*old, *new}) if old.get(k) != new.get(k))
    return f'{new!r} instead of {old!r}'


def write_log(history: list[dict[str, float]], file: Path) -> None:
    """Write the rows as CSV."""
    with file.open('w', newline='') as stream:
        writer = csv.DictWriter(stream, list(history[0]))
        writer.writeheader()
        writer.writerows({k: f'{v:.6g}' for k, v in row.items()} for row in history)


def draw_curves(history: list[dict[str, float]], file: Path) -> None:
    """Draw loss and validation medians over the epochs."""
    figure = Figure(figsize=(12, 3.5), layout='constrained')
    epochs = [row['epoch'] for row in history]
    panels = {'loss': 'training loss', 'val_position_m': 'validation median, m',
              'val_rotation_deg': 'validation median, deg'}
    for axes, (key, label) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        axes.plot(epochs, [row[key] for row in history])
        axes.set(xlabel='epoch', ylabel=label, yscale='linear' if key == 'loss' else 'log')
        axes.grid(alpha=0.3, which='both')
    figure.savefig(file, dpi=100)
