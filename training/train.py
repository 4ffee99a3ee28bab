"""Train a network on a dataset and write a model folder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import shutil
import sys
import tempfile
import time
from typing import Any

from posenet_ros.utils.quiet_stderr import quiet_stderr

with quiet_stderr():
    import keras
from posenet_ros.errors import InputError, run_cli  # noqa: I100 - after the quiet import
from posenet_ros.inference.artifact import load, save
from posenet_ros.inference.calibration import Calibration
from posenet_ros.networks.ensemble import make_ensemble
from posenet_ros.training.data.datasets import Dataset, read_dataset
from posenet_ros.training.data.images import load_images, network_inputs
from posenet_ros.training.export.litert import write_network
from posenet_ros.training.export.quantisation import may_be_faster, offer_int8, summary_line
from posenet_ros.training.fitting import devices
from posenet_ros.training.fitting.calibration import calibrate
from posenet_ros.training.fitting.callbacks import CURVES_FILE, LOG_FILE
from posenet_ros.training.fitting.cross_validation import (
    concatenate_images,
    cross_val_predict,
    describe_split,
    make_folds,
    make_splits,
)
from posenet_ros.training.fitting.member import make_members, Member
from posenet_ros.training.fitting.model_folder import make_artifact, make_provenance, median_errors
from posenet_ros.training.fitting.network_setup import network_config
from posenet_ros.training.fitting.presets import load_preset, Preset, preset_names
from posenet_ros.training.landmarks import mapping
from posenet_ros.training.uncertainty.fit import fit_uncertainty, FittedUncertainty
from posenet_ros.training.uncertainty.fit import summary_line as uncertainty_line
from posenet_ros.training.uncertainty.residuals import CalibrationData
from posenet_ros.utils.atomic_folder import check_new, new_folder


class Training:
    """
    A training, from dataset to model folder.

    :param work: folder of the checkpoints and the logs, beside the model.
    """

    def __init__(self, preset: Preset, dataset: Dataset, work: Path,
                 on: devices.Devices) -> None:
        self.preset, self.dataset = preset, dataset
        splits = make_splits(dataset, preset)
        for split in splits:
            _say(describe_split(dataset, split))
        self.images = load_images(dataset, preset.preprocess())
        self.folds = make_folds(self.images, dataset, splits, preset, work)
        self.whole = Member(preset, network_config(preset, dataset.positions_m[splits[0][0]]),
                            *self.folds.parts[0], dataset.camera, dataset.digest(), work, on)

    def fit(self, resume: Path | None = None, tensorboard: Path | None = None) -> keras.Model:
        """
        Train all members, or resume after the last whole epoch; return their ensemble.

        :param resume: folder of the checkpoints to resume from.
        :param tensorboard: folder of the logs for TensorBoard.
        """
        networks, members = [], make_members(self.whole, self.folds.parts, resume)
        for i, (member, start) in enumerate(members):
            if len(members) > 1:
                _say(f'network {i + 1} of {len(members)}, seed {member.preset.seed}')
            logs = tensorboard and tensorboard / member.work.relative_to(self.whole.work)
            networks.append(member.fit(start, logs))
        keras.config.set_dtype_policy('float32')  # whatever precision they were trained in
        return make_ensemble(networks, self.whole.config) if len(members) > 1 else networks[0]

    def save(self, network: keras.Model, out: Path, seconds: float, force: bool) -> None:
        """Write the model folder, and print the validation's results."""
        with new_folder(out, force=force) as folder:
            held = concatenate_images(self.folds.validation)
            inputs = network_inputs(held, self.preset.preprocess())
            found = cross_val_predict(
                network, inputs, [len(part.poses) for part in self.folds.validation])
            result = median_errors(found, held)
            about = make_provenance(self.preset, self.whole.digest,
                               {**result, 'images': len(held.poses)}, seconds)
            fitted = self._fit_uncertainty(network, calibrate(found, held), about)
            artifact = make_artifact(self.preset, fitted.config, self.dataset, self.images,
                                     fitted.calibration, fitted.index_fields, about)

            def write(to: Path) -> None:
                write_network(fitted.network, fitted.config, to)
                if may_be_faster(fitted.network):
                    about['int8'] = offer_int8(fitted.config, to, inputs, held)

            save(artifact, folder, write)
            if self.preset.landmarks:
                self._add_landmarks(folder)
            for file in self.whole.work.rglob('*'):
                if file.name in (LOG_FILE, CURVES_FILE):
                    where = '_'.join(file.relative_to(self.whole.work).parts)
                    shutil.copy(file, folder / where)
        _say(f'validation medians: {result["position_m"]:.2f} m, '
             f'{result["rotation_deg"]:.2f} deg on {len(held.poses)} held-out training '
             f'images; {seconds:.0f} s; model in {out}')
        for key, summary in (('uncertainty', uncertainty_line), ('int8', summary_line)):
            if key in about:
                _say(summary(about[key]))

    def _add_landmarks(self, folder: Path) -> None:
        """Write the landmark map into the model folder, where the images allow one."""
        try:
            _say(mapping.summary_line(mapping.add_landmarks(load(folder), self.dataset, folder)))
        except InputError as error:
            _say(f'no landmarks: {error}')

    def _fit_uncertainty(self, network: keras.Model, calibration: Calibration,
                         about: dict[str, Any]) -> FittedUncertainty:
        """Fit the uncertainty heads, unless the preset leaves them out."""
        if not self.preset.uncertainty.sigma_versions:
            return FittedUncertainty(network, self.whole.config, calibration, {}, {})
        fitted = fit_uncertainty(network, self.whole.config, CalibrationData(
            self.preset, self.folds.in_every_fold(), self.folds.validation, self.dataset.camera),
            calibration)
        about['uncertainty'] = fitted.about
        return fitted


def _say(text: str) -> None:
    print(text, flush=True)


def parser() -> argparse.ArgumentParser:
    """Return the argument parser."""
    result = argparse.ArgumentParser(
        prog='python -m training.train', description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    result.add_argument('--preset', required=True,
                        help=f'one of {", ".join(preset_names())}, or a .yaml file')
    result.add_argument('--data', type=Path, required=True, help='dataset folder')
    result.add_argument('--out', type=Path, required=True, help='model folder to write')
    result.add_argument('--set', action='extend', nargs='+', default=[], metavar='KEY=VALUE',
                        dest='settings', help='change settings of the preset, as '
                        'augmentation.shift=0.08, or shift=0.08; may be repeated')
    result.add_argument('--camera', help='FX or FX,FY,CX,CY of the images, pixels, where the '
                        'dataset has no camera.json')
    result.add_argument('--strategy', default='none', help='none: one device; mirrored: all GPUs '
                        'of this machine; multiworker: several machines, listed in TF_CONFIG')
    result.add_argument('--tensorboard', type=Path, metavar='DIR', help='write logs for '
                        'TensorBoard there')
    result.add_argument('--resume', action='store_true', help='resume an interrupted training '
                        'of the same preset and data')
    result.add_argument('--force', action='store_true', help='replace an existing model folder')
    return result


def prepare_work(work: Path, resume: bool, force: bool) -> None:
    """Make the folder for checkpoint and log; an interrupted training is not lost unasked."""
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
    keras.config.set_dtype_policy(preset.precision)
    work = arguments.out.absolute().with_name(arguments.out.name + '.training')
    if not on.chief:
        with tempfile.TemporaryDirectory() as other:
            Training(preset, dataset, Path(other), on).fit(work if arguments.resume else None)
        return 0
    prepare_work(work, arguments.resume, arguments.force)
    training = Training(preset, dataset, work, on)
    try:
        network = training.fit(work if arguments.resume else None, arguments.tensorboard)
    except KeyboardInterrupt:
        _say(f'stopped: the same command with --resume goes on; {work} has the last whole epoch')
        return 1
    training.save(network, arguments.out, time.perf_counter() - started, arguments.force)
    shutil.rmtree(work)
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
