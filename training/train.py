"""Train a network on a dataset and write a model folder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
import os
from pathlib import Path
import platform
import shutil
import subprocess
import sys
import time
from typing import Any

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')

import cv2
import keras
import numpy as np
from posenet_ros import __version__
from posenet_ros.artifact import Artifact, Calibration, save, Scene, TrainIndex
from posenet_ros.config import NetworkConfig
from posenet_ros.errors import InputError, run_cli
from posenet_ros.metrics import rotation_errors_deg, rotation_vectors_rad, translation_errors_m
from posenet_ros.output import check_new, new_folder
from posenet_ros.pretrained import feature_extractor
from training.augment import Augmenter
from training.callbacks import (
    Checkpoint,
    CURVES_FILE,
    draw_curves,
    LOG_FILE,
    restore,
    StopOnNaN,
    Validate,
)
from training.datasets import Dataset, read_dataset
from training.export import write_network
from training.loop import (
    averaged,
    Batches,
    hold_out,
    Images,
    load_images,
    make_trainer,
    network_config,
    predict,
    with_depths,
)
from training.losses import PoseTrainer
from training.presets import load_preset, names, Preset

DEPTH_FILE = 'depth.npy'
ONE_SIGMA = 68.27  # per cent of a normal distribution
SMALLEST_SIGMA = 1e-4


def calibrate(positions_m: Any, quats_xyzw: Any, truth: Images) -> Calibration:  # noqa: ANN401
    """Return the sigma on each axis that 68 % of the validation errors stay within."""
    moved = np.abs(positions_m - truth.positions_m)
    turned = np.abs(rotation_vectors_rad(quats_xyzw, truth.quats_xyzw))
    sigmas = [tuple(float(max(s, SMALLEST_SIGMA)) for s in np.percentile(e, ONE_SIGMA, axis=0))
              for e in (moved, turned)]
    return Calibration(*sigmas)


def medians(positions_m: Any, quats_xyzw: Any, truth: Images) -> dict[str, float]:  # noqa: ANN401
    """Return the median errors."""
    return {
        'position_m': float(np.median(translation_errors_m(positions_m, truth.positions_m))),
        'rotation_deg': float(np.median(rotation_errors_deg(quats_xyzw, truth.quats_xyzw)))}


def _commit() -> str:
    """Return the commit of this code, empty outside a git repository."""
    result = subprocess.run(['git', 'rev-parse', 'HEAD'], cwd=Path(__file__).parent,
                            capture_output=True, text=True, check=False)
    return result.stdout.strip()


def provenance(preset: Preset, digest: str, validation: dict[str, Any],
               seconds: float) -> dict[str, Any]:
    """Return where a model comes from."""
    return {
        'preset': asdict(preset), 'dataset_sha256': digest, 'commit': _commit(),
        'seed': preset.seed, 'validation': validation, 'training_seconds': round(seconds, 1),
        'machine': f'{platform.machine()}, {os.cpu_count()} cores',
        'versions': {'posenet_ros': __version__, 'python': platform.python_version(),
                     'keras': keras.__version__, 'backend': keras.backend.backend(),
                     'numpy': np.__version__, 'opencv': cv2.__version__}}


def train_index(dataset: Dataset, preset: Preset, images: Images) -> TrainIndex:
    """Return all training poses with the pretrained features of their images."""
    preprocess = preset.preprocess()
    inputs = np.stack([preprocess.crop(base) for base in images.bases])
    features = feature_extractor(preset.input_width, preset.input_height)
    return TrainIndex(
        tuple(s.name for s in dataset.samples), dataset.positions_m, dataset.quats_xyzw,
        features.predict(inputs, batch_size=64, verbose=0).astype(np.float16))


class Training:
    """
    One training from data to model folder.

    :param work: folder of the checkpoint and the log, beside the model.
    """

    def __init__(self, preset: Preset, dataset: Dataset, work: Path) -> None:
        self.preset, self.dataset, self.work = preset, dataset, work
        self.preprocess = preset.preprocess()
        kept, held = hold_out(dataset, preset.validation)
        _say(f'training on {len(kept.samples)} images, validation on {len(held.samples)} '
             f'({", ".join(sorted({s.sequence for s in held.samples}))})')
        self.config: NetworkConfig = network_config(preset, kept.positions_m)
        self.images = load_images(kept, self.preprocess)
        if preset.shift:
            self.images = with_depths(self.images, kept, self.preprocess, work / DEPTH_FILE)
        self.held = load_images(held, self.preprocess, verbose=False)
        self.identity = {'preset': asdict(preset), 'data set': dataset.digest()}

    def fit(self, resume: bool) -> PoseTrainer:
        """Train, or go on from the last whole epoch; the averaged weights are left in place."""
        preset = self.preset
        camera = self.dataset.camera
        augmenter = Augmenter(preset.augmentation(), self.preprocess.base_camera(camera),
                              self.preprocess.input_camera(camera), preset.seed)
        batches = Batches(self.images, augmenter, preset.batch, preset.seed)
        trainer = make_trainer(preset, self.config, len(batches))
        history = restore(trainer, self.work, self.identity) if resume else []
        callbacks = [keras.callbacks.LambdaCallback(
                         on_epoch_begin=lambda epoch, logs: setattr(batches, 'epoch', epoch)),
                     StopOnNaN(preset.learning_rate),
                     Validate(trainer, self.held, self.preprocess),
                     Checkpoint(trainer, self.work, self.identity, history)]
        if preset.patience:
            callbacks.append(keras.callbacks.EarlyStopping('val_position_m', 0, preset.patience))
        if len(history) < preset.epochs:
            trainer.fit(batches, epochs=preset.epochs, initial_epoch=len(history),
                        callbacks=callbacks, shuffle=False,
                        verbose=1 if sys.stdout.isatty() else 2)
        draw_curves(history, self.work / CURVES_FILE)
        return trainer

    def save(self, trainer: PoseTrainer, out: Path, seconds: float, force: bool) -> None:
        """Write the model folder from the averaged weights, and say what the validation gave."""
        with averaged(trainer):
            found = predict(trainer, self.held, self.preprocess)
            self._write(trainer, found, out, seconds, force)
        result = medians(*found, self.held)
        _say(f'validation medians: {result["position_m"]:.2f} m, '
             f'{result["rotation_deg"]:.2f} deg on {len(self.held.poses)} held-out training '
             f'images; {seconds:.0f} s; model in {out}')

    def _write(self, trainer: PoseTrainer, found: tuple[Any, Any], out: Path, seconds: float,
               force: bool) -> None:
        keras.config.set_dtype_policy('float32')
        dataset, positions = self.dataset, self.dataset.positions_m
        validation = {**medians(*found, self.held), 'images': len(self.held.poses)}
        everything = load_images(dataset, self.preprocess, verbose=False)
        artifact = Artifact(
            self.config, self.preprocess, dataset.camera,
            Scene(tuple(positions.min(0).tolist()), tuple(positions.max(0).tolist())),
            calibrate(*found, self.held), train_index(dataset, self.preset, everything),
            provenance(self.preset, self.identity['data set'], validation, seconds))
        with new_folder(out, force=force) as folder:
            save(artifact, folder, lambda to: write_network(trainer.network, self.config, to))
            for name in (LOG_FILE, CURVES_FILE):
                shutil.copy(self.work / name, folder / name)


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
    check_new(arguments.out, force=arguments.force)
    dataset = read_dataset(arguments.data, 'train', arguments.camera)
    _say('\n'.join(dataset.summary()))
    work = arguments.out.absolute().with_name(arguments.out.name + '.training')
    prepare_work(work, arguments.resume, arguments.force)
    keras.utils.set_random_seed(preset.seed)
    keras.config.set_dtype_policy(preset.precision)
    training = Training(preset, dataset, work)
    try:
        trainer = training.fit(arguments.resume)
    except KeyboardInterrupt:
        _say(f'stopped: the same command with --resume goes on; {work} has the last whole epoch')
        return 1
    training.save(trainer, arguments.out, time.perf_counter() - started, arguments.force)
    shutil.rmtree(work)
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
