"""The training of one network, from random or pretrained weights to averaged ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
import sys

import keras
from posenet_ros.geometry.camera import Camera
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.training.data.augment import Augmenter
from posenet_ros.training.data.batches import Batches, keep_features, KeptBatches
from posenet_ros.training.data.images import Images
from posenet_ros.training.fitting.callbacks import (
    Checkpoint,
    CHECKPOINT_FILE,
    CURVES_FILE,
    draw_curves,
    Prepare,
    restore,
    StopOnNaN,
    Validate,
)
from posenet_ros.training.fitting.devices import Devices
from posenet_ros.training.fitting.losses import PoseTrainer
from posenet_ros.training.fitting.presets import Preset
from posenet_ros.training.fitting.trainer import make_trainer, use_averaged


@dataclass(frozen=True, eq=False)
class Member:
    """
    One network of a training, which may have several.

    :param preset: with the seed of this one.
    :param config: of the network, as the model folder will have it.
    :param images: to train on.
    :param held: to validate on.
    :param camera: of the images at their full size.
    :param digest: of the data set; a resumed training has to have the same.
    :param work: folder of the checkpoint and the log.
    """

    preset: Preset
    config: NetworkConfig
    images: Images
    held: Images
    camera: Camera
    digest: str
    work: Path
    on: Devices

    def _batches(self) -> Batches:
        preprocess = self.preset.preprocess()
        augmenter = Augmenter(self.preset.augmentation(), preprocess.base_camera(self.camera),
                              preprocess.input_camera(self.camera), self.preset.seed)
        return Batches(self.images, augmenter, self.preset.batch, self.preset.seed)

    def _identity(self) -> dict[str, object]:
        return {'preset': asdict(self.preset), 'data set': self.digest}

    def _callbacks(self, trainer: PoseTrainer, batches: Batches | KeptBatches,
                   history: list[dict[str, float]],
                   tensorboard: Path | None) -> list[keras.callbacks.Callback]:
        """Return them in order: the later ones use what the earlier ones add to the logs."""
        found = [Prepare(batches), StopOnNaN(self.preset.learning_rate),
                 Validate(trainer, self.held, self.preset.preprocess()),
                 Checkpoint(trainer, self.work, self._identity(), history)]
        if self.preset.patience:
            found.append(keras.callbacks.EarlyStopping(
                'val_position_m', patience=self.preset.patience, mode='min'))
        if tensorboard and self.on.chief:
            found.append(keras.callbacks.TensorBoard(tensorboard))
        return found

    def fit(self, resume: Path | None = None, tensorboard: Path | None = None) -> keras.Model:
        """
        Train, or go on from the last whole epoch; return the network with averaged weights.

        :param resume: folder of the checkpoint to go on from.
        :param tensorboard: folder of its logs.
        """
        epochs = self.preset.epochs
        keras.utils.set_random_seed(self.preset.seed)
        batches: Batches | KeptBatches = self._batches()
        with self.on.scope():
            trainer = make_trainer(self.preset, self.config, len(batches))
        trainer.several_workers = self.on.several_workers
        if trainer.frozen:
            batches = keep_features(trainer.frozen, batches, self.preset.kept_versions)
        history = restore(trainer, resume, self._identity()) if resume else []
        if len(history) < epochs:
            trainer.fit(batches, epochs=epochs, initial_epoch=len(history), shuffle=False,
                        callbacks=self._callbacks(trainer, batches, history, tensorboard),
                        verbose=1 if sys.stdout.isatty() else 2)
        draw_curves(history, self.work / CURVES_FILE)
        use_averaged(trainer)
        return trainer.network


def members_of(whole: Member, parts: Sequence[tuple[Images, Images]], resume: Path | None,
               ) -> list[tuple[Member, Path | None]]:
    """
    Return the trainings of all networks: each with a seed and a folder of its own.

    :param whole: with the settings of all of them together.
    :param parts: images to train and to validate on, of each fold.
    :param resume: folder to go on from.
    :returns: with the folder that each goes on from; None where it has not begun.
    """
    if whole.preset.members == 1:
        return [(whole, resume)]
    members = []
    for i in range(whole.preset.members):
        images, held = parts[i % len(parts)]
        members.append(_member(replace(whole, images=images, held=held), i, resume))
    return members


def _member(whole: Member, i: int, resume: Path | None) -> tuple[Member, Path | None]:
    name = f'member{i}'
    (whole.work / name).mkdir(exist_ok=True)
    member = replace(
        whole, preset=replace(whole.preset, seed=whole.preset.seed + i), work=whole.work / name)
    begun = resume and (i == 0 or (resume / name / CHECKPOINT_FILE).exists())
    return member, resume / name if resume and begun else None
