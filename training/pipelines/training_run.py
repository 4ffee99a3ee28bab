"""A training, from dataset to model folder."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
import shutil
import tempfile
import time
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.inference.artifact import load, LoadedArtifact, save
from posenet_ros.inference.calibration import Calibration
from posenet_ros.networks.ensemble import make_ensemble
from posenet_ros.training.data.datasets import Dataset, read_dataset
from posenet_ros.training.data.images import Images, load_images, network_inputs
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
from posenet_ros.training.fitting.presets import load_preset, Preset
from posenet_ros.training.landmarks import add_to_model
from posenet_ros.training.pipelines.dataset_check import warn_of_mistakes
from posenet_ros.training.pipelines.training_map import keep_map, load_place, map_dataset_of
from posenet_ros.training.pipelines.training_work import (
    has_checkpoint,
    prepare_work,
    stop,
    work_folder,
)
from posenet_ros.training.uncertainty.fit import fit_uncertainty, FittedUncertainty
from posenet_ros.training.uncertainty.fit import summary_line as uncertainty_line
from posenet_ros.training.uncertainty.residuals import CalibrationData
from posenet_ros.utils.atomic_folder import check_new, new_folder
from posenet_ros.utils.files.kinds import MODEL
from posenet_ros.utils.files.lock import lock


class Training:
    """
    A training, from dataset to model folder.

    :param work: folder of the checkpoints and the logs, beside the model.
    :param place: model folder whose map the dataset is of, and that is kept; None for none.
    """

    def __init__(self, preset: Preset, dataset: Dataset, work: Path,
                 on: devices.Devices, place: LoadedArtifact | None = None) -> None:
        self.preset, self.dataset, self._place = preset, dataset, place
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
        for member, start in members:
            logs = tensorboard and tensorboard / member.work.relative_to(self.whole.work)
            networks.append(member.fit(start, logs))
        keras.config.set_dtype_policy('float32')  # whatever precision they were trained in
        return make_ensemble(networks, self.whole.config) if len(members) > 1 else networks[0]

    def save(self, network: keras.Model, out: Path, seconds: float, command: str, *,
             force: bool) -> None:
        """
        Write the model folder, and print the validation's results.

        :param command: for the changelog.
        """
        held = concatenate_images(self.folds.validation)
        inputs = network_inputs(held, self.preset.preprocess())
        found = cross_val_predict(
            network, inputs, [len(part.poses) for part in self.folds.validation])
        about = make_provenance(
            self.preset, self.dataset,
            {**median_errors(found, held), 'images': len(held.poses)}, seconds, command)
        with new_folder(out, force=force) as folder:
            fitted = self._fit_uncertainty(network, calibrate(found, held), about)
            self._write(fitted, about, inputs, held, folder)
            if self._place:
                keep_map(self._place, folder)
            elif self.preset.landmarks:
                self._add_landmarks(folder)
            self._copy_logs(folder)
        _say_results(about, seconds, out)

    def _write(self, fitted: FittedUncertainty, about: dict[str, Any],
               inputs: NDArray[np.uint8], held: Images, folder: Path) -> None:
        """Write network and artifact; add to the provenance whether int8 pays."""
        def write(to: Path) -> None:
            write_network(fitted.network, fitted.config, to)
            if may_be_faster(fitted.network):
                about['int8'] = offer_int8(fitted.config, to, inputs, held)

        save(make_artifact(self.preset, fitted.config, self.dataset, self.images,
                           fitted.calibration, fitted.index_fields, about), folder, write)

    def _copy_logs(self, folder: Path) -> None:
        """Copy the log and the curves of each member."""
        for file in self.whole.work.rglob('*'):
            if file.name in (LOG_FILE, CURVES_FILE):
                where = '_'.join(file.relative_to(self.whole.work).parts)
                shutil.copy(file, folder / where)

    def _add_landmarks(self, folder: Path) -> None:
        """Write the landmark map into the model folder, where the images allow one."""
        try:
            about = add_to_model.add_landmarks(load(folder), self.dataset, folder)
            _say(add_to_model.summary_line(about))
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


def _say_results(about: Mapping[str, Any], seconds: float, out: Path) -> None:
    validation = about['validation']
    _say(f'validation medians: {validation["position_m"]:.2f} m, '
         f'{validation["rotation_deg"]:.2f} deg on {validation["images"]} held-out training '
         f'images; {seconds:.0f} s; model in {out}')
    for key, summary in (('uncertainty', uncertainty_line), ('int8', summary_line)):
        if key in about:
            _say(summary(about[key]))


def train(options: argparse.Namespace) -> None:
    """
    Train a network, or resume a training.

    :param options: of `posenet train`, and `command` for the changelog, and `resume_command`, by
        which it goes on when it is interrupted.
    :raises KeyboardInterrupt: when interrupted, with the way to go on.
    :raises LockedError: when another process trains the same model folder.
    """
    preset = load_preset(options.preset, options.settings)
    on = devices.choose(options.strategy)
    if on.chief:
        with lock(options.out.resolve()):
            _train_and_save(options, preset, on)
        return
    dataset = _read_data(options, preset, on, _place_of(options))
    with tempfile.TemporaryDirectory() as other:
        Training(preset, dataset, Path(other), on).fit(
            work_folder(options.out) if options.resume else None)


def _place_of(options: argparse.Namespace) -> LoadedArtifact | None:
    return load_place(options.map, force=options.force) if options.map else None


def _read_data(options: argparse.Namespace, preset: Preset, on: devices.Devices,
               place: LoadedArtifact | None) -> Dataset:
    dataset = map_dataset_of(place, options.data) if place else read_dataset(
        options.data, 'train', options.camera).near_origin()
    _say('\n'.join([*dataset.summary(), on.text]))
    if on.chief:
        warn_of_mistakes(dataset)
    keras.config.set_dtype_policy(preset.precision)
    return dataset


def _train_and_save(options: argparse.Namespace, preset: Preset, on: devices.Devices) -> None:
    started = time.perf_counter()
    work, place = work_folder(options.out), _place_of(options)
    onto_map = place is not None and options.out.resolve() == place.folder.resolve()
    if not options.resume or has_checkpoint(work):
        inputs = [options.data] if onto_map or not place else [options.data, place.folder]
        check_new(options.out, MODEL, force=options.force or onto_map, inputs=inputs)
    dataset = _read_data(options, preset, on, place)
    prepare_work(options.out, resume=options.resume, force=options.force,
                 resume_command=options.resume_command)
    try:
        training = Training(preset, dataset, work, on, place)
        network = training.fit(work if options.resume else None, options.tensorboard)
        training.save(network, options.out, time.perf_counter() - started, options.command,
                      force=options.force or onto_map)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(stop(work, options.resume_command)) from interrupt
    shutil.rmtree(work)
