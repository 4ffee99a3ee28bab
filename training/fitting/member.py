"""The training of one network of an ensemble, from initial to averaged weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
from posenet_ros.geometry.camera import Camera
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.training.data.augment import Augmenter
from posenet_ros.training.data.batches import Batches, cache_features, CachedFeatureBatches
from posenet_ros.training.data.images import Images
from posenet_ros.training.fitting.callbacks import (
    Checkpoint,
    CHECKPOINT_FILE,
    CURVES_FILE,
    draw_curves,
    restore,
    ShowEpochs,
    StartEpoch,
    StopOnNaN,
    Validate,
)
from posenet_ros.training.fitting.devices import Devices
from posenet_ros.training.fitting.ema import use_averaged_weights
from posenet_ros.training.fitting.presets import Preset
from posenet_ros.training.fitting.trainer import make_trainer, PoseTrainer
from posenet_ros.utils.progress import ProgressBar


@dataclass(frozen=True, eq=False)
class Member:
    """
    The training of one member of an ensemble, or of a single network.

    :param preset: with the seed of this member.
    :param config: of the network, as in the model folder.
    :param images: training images; `validation` held-out ones.
    :param camera: of the images at their full size.
    :param digest: of the dataset; a resumed training needs the same.
    :param work: folder of the checkpoint and the log.
    :param name: of the network, to show while it is trained.
    """

    preset: Preset
    config: NetworkConfig
    images: Images
    validation: Images
    camera: Camera
    digest: str
    work: Path
    on: Devices
    name: str = 'training'

    def _batches(self) -> Batches:
        preprocess = self.preset.preprocess()
        augmenter = Augmenter(self.preset.augmentation, preprocess.base_camera(self.camera),
                              preprocess.input_camera(self.camera), self.preset.seed)
        return Batches(self.images, augmenter, self.preset.schedule.batch, self.preset.seed)

    def _identity(self) -> dict[str, object]:
        return {'preset': self.preset.to_mapping(), 'data set': self.digest}

    def _callbacks(self, trainer: PoseTrainer, batches: Batches | CachedFeatureBatches,
                   history: list[dict[str, float]],
                   tensorboard: Path | None) -> list[keras.callbacks.Callback]:
        """Return the callbacks in order: later ones use the logs of earlier ones."""
        callbacks = [StartEpoch(batches), StopOnNaN(self.preset.optimizer.learning_rate),
                     Validate(trainer, self.validation, self.preset.preprocess()),
                     Checkpoint(trainer, self.work, self._identity(), history)]
        if self.preset.validation.patience:
            callbacks.append(keras.callbacks.EarlyStopping(
                'val_position_m', patience=self.preset.validation.patience, mode='min'))
        if tensorboard and self.on.chief:
            callbacks.append(keras.callbacks.TensorBoard(tensorboard))
        return callbacks

    def fit(self, resume: Path | None = None, tensorboard: Path | None = None) -> keras.Model:
        """
        Train, or resume after the last whole epoch; return the network with averaged weights.

        :param resume: folder of the checkpoint to resume from.
        :param tensorboard: folder of the logs for TensorBoard.
        """
        epochs = self.preset.schedule.epochs
        keras.utils.set_random_seed(self.preset.seed)
        batches = self._batches()
        with self.on.scope():
            trainer = make_trainer(self.preset, self.config, len(batches))
        trainer.several_workers = self.on.several_workers
        history = restore(trainer, resume, self._identity()) if resume else []
        if len(history) < epochs:
            self._fit_epochs(trainer, batches, history, tensorboard)
        draw_curves(history, self.work / CURVES_FILE)
        use_averaged_weights(trainer)
        return trainer.network

    def _fit_epochs(self, trainer: PoseTrainer, images: Batches, history: list[dict[str, float]],
                    tensorboard: Path | None) -> None:
        """Train the epochs that are not in the history, which grows."""
        epochs, done = self.preset.schedule.epochs, len(history)
        batches: Batches | CachedFeatureBatches = images
        if trainer.frozen:
            batches = cache_features(trainer.frozen, images, self.preset.network.kept_versions)
        callbacks = self._callbacks(trainer, batches, history, tensorboard)
        with ProgressBar(epochs, 'epoch', self.name, done) as shown:
            trainer.fit(batches, epochs=epochs, initial_epoch=done, shuffle=False, verbose=0,
                        callbacks=[*callbacks, ShowEpochs(shown, len(batches))])


def make_members(whole: Member, parts: Sequence[tuple[Images, Images]], resume: Path | None,
                 ) -> list[tuple[Member, Path | None]]:
    """
    Make the trainings of all members, each with a seed and a folder of its own.

    :param whole: the training with the settings of the ensemble.
    :param parts: (training, validation) images of each fold.
    :param resume: folder to resume from.
    :returns: each member with the folder it resumes from; None where it has not begun.
    """
    if whole.preset.network.members == 1:
        return [(whole, resume)]
    members = []
    for i in range(whole.preset.network.members):
        images, held = parts[i % len(parts)]
        members.append(_member(replace(whole, images=images, validation=held), i, resume))
    return members


def _member(whole: Member, i: int, resume: Path | None) -> tuple[Member, Path | None]:
    name = f'member{i}'
    (whole.work / name).mkdir(exist_ok=True)
    member = replace(
        whole, preset=replace(whole.preset, seed=whole.preset.seed + i), work=whole.work / name,
        name=f'network {i + 1} of {whole.preset.network.members}')
    begun = resume and (i == 0 or (resume / name / CHECKPOINT_FILE).exists())
    return member, resume / name if resume and begun else None
