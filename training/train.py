"""Train a network on a dataset and write a model folder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
import shutil
import sys
import tempfile
import time
from typing import Any

from posenet_ros.quiet import quiet_stderr

with quiet_stderr():
    import keras
import numpy as np  # noqa: I100 - after the quiet import
from numpy.typing import NDArray
from posenet_ros.artifact import Calibration, save
from posenet_ros.config import NetworkConfig
from posenet_ros.errors import InputError, run_cli
from posenet_ros.output import check_new, new_folder
from training import devices
from training.augment import Augmenter
from training.batches import Batches, keep_features, KeptBatches
from training.callbacks import (
    Checkpoint,
    CURVES_FILE,
    draw_curves,
    LOG_FILE,
    Prepare,
    restore,
    StopOnNaN,
    Validate,
)
from training.datasets import Dataset, read_dataset
from training.export import write_network
from training.int8 import may_be_faster, offer_int8, sentence
from training.looking import Material
from training.loop import (
    averaged,
    hold_out,
    Images,
    load_images,
    make_trainer,
    network_config,
    network_inputs,
    run,
    with_depths,
)
from training.losses import PoseTrainer
from training.presets import load_preset, names, Preset
from training.result import calibrate, make_artifact, medians, provenance
from training.uncertainty import sentence as certainty
from training.uncertainty import Taught, teach

DEPTH_FILE = 'depth.npy'


class Training:
    """
    One training from data to model folder.

    :param work: folder of the checkpoint and the log, beside the model.
    """

    def __init__(self, preset: Preset, dataset: Dataset, work: Path,
                 on: devices.Devices) -> None:
        self.preset, self.dataset, self.work, self.on = preset, dataset, work, on
        self.preprocess = preset.preprocess()
        kept, held = hold_out(dataset, preset.validation)
        _say(f'training on {len(kept)} images, validation on {len(held)} '
             f'({", ".join(sorted({dataset.samples[i].sequence for i in held}))})')
        self.config: NetworkConfig = network_config(preset, dataset.positions_m[kept])
        self.everything = load_images(dataset, self.preprocess)
        self.images = self._part(kept, DEPTH_FILE)
        self.held = self._part(held, f'held_{DEPTH_FILE}')
        self.identity = {'preset': asdict(preset), 'data set': dataset.digest()}

    def _part(self, chosen: NDArray[np.intp], file: str) -> Images:
        part = self.everything.take(chosen)
        if not self.preset.shift:
            return part
        return with_depths(part, self.dataset.subset(chosen), self.preprocess, self.work / file)

    def _batches(self) -> Batches:
        camera = self.dataset.camera
        augmenter = Augmenter(self.preset.augmentation(), self.preprocess.base_camera(camera),
                              self.preprocess.input_camera(camera), self.preset.seed)
        return Batches(self.images, augmenter, self.preset.batch, self.preset.seed)

    def _callbacks(self, trainer: PoseTrainer, batches: Batches | KeptBatches,
                   history: list[dict[str, float]],
                   tensorboard: Path | None) -> list[keras.callbacks.Callback]:
        """Return them in order: the later ones use what the earlier ones add to the logs."""
        found = [Prepare(batches), StopOnNaN(self.preset.learning_rate),
                 Validate(trainer, self.held, self.preprocess),
                 Checkpoint(trainer, self.work, self.identity, history)]
        if self.preset.patience:
            found.append(keras.callbacks.EarlyStopping(
                'val_position_m', patience=self.preset.patience, mode='min'))
        if tensorboard and self.on.chief:
            found.append(keras.callbacks.TensorBoard(tensorboard))
        return found

    def fit(self, resume: Path | None = None, tensorboard: Path | None = None) -> PoseTrainer:
        """
        Train, or go on from the last whole epoch.

        :param resume: folder of the checkpoint to go on from.
        :param tensorboard: folder of its logs.
        """
        epochs = self.preset.epochs
        batches: Batches | KeptBatches = self._batches()
        with self.on.scope():
            trainer = make_trainer(self.preset, self.config, len(batches))
        trainer.several_workers = self.on.several_workers
        if trainer.frozen:
            batches = keep_features(trainer.frozen, batches, self.preset.kept_versions)
        history = restore(trainer, resume, self.identity) if resume else []
        if len(history) < epochs:
            trainer.fit(batches, epochs=epochs, initial_epoch=len(history), shuffle=False,
                        callbacks=self._callbacks(trainer, batches, history, tensorboard),
                        verbose=1 if sys.stdout.isatty() else 2)
        draw_curves(history, self.work / CURVES_FILE)
        return trainer

    def save(self, trainer: PoseTrainer, out: Path, seconds: float, force: bool) -> None:
        """Write the model folder from the averaged weights, and say what the validation gave."""
        keras.config.set_dtype_policy('float32')  # whatever it was trained in
        with averaged(trainer), new_folder(out, force=force) as folder:
            inputs = network_inputs(self.held, self.preprocess)
            found = run(trainer.network, inputs)
            result = medians(found, self.held)
            about = provenance(self.preset, self.identity['data set'],
                               {**result, 'images': len(self.held.poses)}, seconds)
            taught = self._taught(trainer, calibrate(found, self.held), about)
            artifact = make_artifact(self.preset, taught.config, self.dataset, self.everything,
                                     taught.calibration, taught.places, about)

            def write(to: Path) -> None:
                write_network(taught.network, taught.config, to)
                if may_be_faster(taught.network):
                    about['int8'] = offer_int8(taught.config, to, inputs, self.held)

            save(artifact, folder, write)
            for name in (LOG_FILE, CURVES_FILE):
                shutil.copy(self.work / name, folder / name)
        _say(f'validation medians: {result["position_m"]:.2f} m, '
             f'{result["rotation_deg"]:.2f} deg on {len(self.held.poses)} held-out training '
             f'images; {seconds:.0f} s; model in {out}')
        for key, words in (('uncertainty', certainty), ('int8', sentence)):
            if key in about:
                _say(words(about[key]))

    def _taught(self, trainer: PoseTrainer, calibration: Calibration,
                about: dict[str, Any]) -> Taught:
        """Return the network, which knows how sure it is unless the preset leaves that out."""
        if not self.preset.sigma_versions:
            nothing = np.empty((0, 0), np.float16)
            return Taught(trainer.network, self.config, calibration, nothing, {})
        taught = teach(trainer.network, self.config, Material(
            self.preset, self.images, self.held, self.dataset.camera), calibration)
        about['uncertainty'] = taught.about
        return taught


def _say(text: str) -> None:
    print(text, flush=True)


def parser() -> argparse.ArgumentParser:
    """Return the command line's description."""
    result = argparse.ArgumentParser(
        prog='python -m training.train', description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    result.add_argument('--preset', required=True,
                        help=f'one of {", ".join(names())}, or a .yaml file')
    result.add_argument('--data', type=Path, required=True, help='dataset folder')
    result.add_argument('--out', type=Path, required=True, help='model folder to write')
    result.add_argument('--set', action='append', default=[], metavar='KEY=VALUE', dest='settings',
                        help='change a setting of the preset; may be repeated')
    result.add_argument('--camera', help='FX or FX,FY,CX,CY of the images, pixels, where the '
                        'dataset has no camera.json')
    result.add_argument('--strategy', default='none', help='none: one device; mirrored: all GPUs '
                        'of this machine; multiworker: several machines, listed in TF_CONFIG')
    result.add_argument('--tensorboard', type=Path, metavar='DIR', help='write logs for '
                        'TensorBoard there')
    result.add_argument('--resume', action='store_true', help='go on where a training of the '
                        'same preset and data stopped')
    result.add_argument('--force', action='store_true', help='replace an existing model folder')
    return result


def prepare_work(work: Path, resume: bool, force: bool) -> None:
    """Make the folder for checkpoint and log; refuse to lose an interrupted training."""
    if work.exists() and not resume:
        if not force:
            raise InputError(f'{work} holds a training that was stopped: --resume goes on, '
                             '--force starts anew')
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    arguments = parser().parse_args(argv)
    started = time.perf_counter()
    preset = load_preset(arguments.preset, arguments.settings)
    on = devices.choose(arguments.strategy)
    check_new(arguments.out, force=arguments.force or not on.chief)
    dataset = read_dataset(arguments.data, 'train', arguments.camera)
    _say('\n'.join([*dataset.summary(), on.text]))
    keras.utils.set_random_seed(preset.seed)
    keras.config.set_dtype_policy(preset.precision)
    work = arguments.out.absolute().with_name(arguments.out.name + '.training')
    if not on.chief:
        with tempfile.TemporaryDirectory() as other:
            Training(preset, dataset, Path(other), on).fit(work if arguments.resume else None)
        return 0
    prepare_work(work, arguments.resume, arguments.force)
    training = Training(preset, dataset, work, on)
    try:
        trainer = training.fit(work if arguments.resume else None, arguments.tensorboard)
    except KeyboardInterrupt:
        _say(f'stopped: the same command with --resume goes on; {work} has the last whole epoch')
        return 1
    training.save(trainer, arguments.out, time.perf_counter() - started, arguments.force)
    shutil.rmtree(work)
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
