"""Residuals of a trained network on plain and augmented images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats32
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import rotation_vectors_rad
from posenet_ros.networks.heads import PLACE_FEATURES, UNIT_FEATURES
from posenet_ros.training.data.augment import Augmentation, Augmenter
from posenet_ros.training.data.batches import Batches, targets
from posenet_ros.training.data.images import Images, network_inputs, subsample
from posenet_ros.training.fitting.cross_validation import fold_models
from posenet_ros.training.fitting.presets import Preset
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import ProgressBar

BATCH = 64  # images
POSE = ('position', 'quat_xyzw')  # outputs
FIRST_EPOCH = 1_000_000  # beyond any training, for augmentations that it has not seen


@dataclass(frozen=True, eq=False)
class CalibrationData:
    """
    Images that the uncertainty of a network is fitted to.

    :param images: training images of every fold, with depths where the preset moves the camera.
    :param held_out: held-out training images of each fold, likewise.
    :param camera: of the images, at their full size.
    """

    preset: Preset
    images: Images
    held_out: tuple[Images, ...]
    camera: Camera

    @property
    def reach_m(self) -> Floats32:
        """
        Largest distance of another walk from the training walks, (3,) metres along the map's axes.

        The standard deviation of the training positions: a camera on wheels stays at its height.
        """
        positions_m = np.concatenate([part.positions_m for part in (self.images, *self.held_out)])
        return np.asarray(positions_m.std(axis=0))


@dataclass(frozen=True, eq=False)
class Residuals:
    """
    Pose errors of a network on images, with its features and outputs.

    :param rows: (N,) indices of the images in the dataset.
    :param features: (N, C) average-pooled, of unit length.
    :param place_features: (N, D) of the global descriptor, before scaling and projection.
    :param errors: (N, 6) in the dataset's frame: metres, then rotation vector, radians.
    :param outputs: (N, ...) of the network, by name.
    """

    rows: NDArray[np.intp]
    features: Floats32
    place_features: Floats32
    errors: Floats32
    outputs: dict[str, Floats32]


def harder(settings: Augmentation) -> Augmentation:
    """Return an augmentation stronger than in training: new light, bad lenses, other places."""
    return replace(
        settings, colour=min(1.5 * max(settings.colour, 0.6), 1.0),
        light=min(1.5 * max(settings.light, 0.4), 1.0), blur_px=max(settings.blur_px, 2.0),
        noise=max(settings.noise, 40.0), occlusions=max(settings.occlusions, 3),
        yaw_deg=min(1.5 * settings.yaw_deg, 45.0), pitch_deg=min(1.5 * settings.pitch_deg, 45.0),
        roll_deg=min(1.5 * settings.roll_deg, 180.0), shift=min(1.5 * settings.shift, 0.3))


def concatenate(residuals: Sequence[Residuals]) -> Residuals:
    """Concatenate residuals along their first axis."""
    return Residuals(
        np.concatenate([r.rows for r in residuals]),
        np.concatenate([r.features for r in residuals]),
        np.concatenate([r.place_features for r in residuals]),
        np.concatenate([r.errors for r in residuals]),
        {key: np.concatenate([r.outputs[key] for r in residuals]) for key in residuals[0].outputs})


class ResidualCollector:
    """
    Runs a network on plain or augmented images and collects its residuals.

    :param network: with uncertainty heads.
    :param pose_model: predicts the poses: the network itself, or one member of an ensemble.
    """

    def __init__(self, network: keras.Model, pose_model: keras.Model, data: CalibrationData,
                 shown: ProgressBar) -> None:
        pose_outputs = network.output if pose_model is network else pose_model(network.input)
        self._model = keras.Model(network.input, {
            **network.output, 'features': network.get_layer(UNIT_FEATURES).output,
            'places': network.get_layer(PLACE_FEATURES).output,
            **{f'pose_{key}': pose_outputs[key] for key in POSE}})
        self._data, self._progress = data, shown

    def collect_plain(self, images: Images) -> Residuals:
        """Collect the residuals of plain images, preprocessed as in the node."""
        chosen = subsample(len(images.poses))
        part = images.take(chosen)
        inputs = network_inputs(part, self._data.preset.preprocess())
        return self._collect(part.rows, [(inputs[i:i + BATCH], targets(part.poses[i:i + BATCH]))
                                         for i in range(0, len(inputs), BATCH)])

    def collect_augmented(self, images: Images, settings: Augmentation, epoch: int) -> Residuals:
        """Collect the residuals of augmented images; the same seed and epoch give the same."""
        preprocess, camera = self._data.preset.preprocess(), self._data.camera
        augmenter = Augmenter(settings, preprocess.base_camera(camera),
                              preprocess.input_camera(camera), self._data.preset.seed,
                              self._data.reach_m.astype(np.float64))
        batches = Batches(images, augmenter, BATCH, self._data.preset.seed)
        chosen = subsample(len(images.poses))
        parts = [chosen[i:i + BATCH] for i in range(0, len(chosen), BATCH)]
        return self._collect(images.rows[chosen], ordered_map(
            lambda part: batches.augmented(part, FIRST_EPOCH + epoch), parts))

    def _collect(self, rows: NDArray[np.intp],
                 batches: Iterable[tuple[Any, dict[str, Any]]]) -> Residuals:
        residuals = []
        for inputs, truth in batches:
            found = self._predict(inputs)
            position_m, quat_xyzw = (found.pop(f'pose_{key}') for key in POSE)
            errors = np.hstack([position_m - truth['position'], rotation_vectors_rad(
                quat_xyzw, truth['quat_xyzw'])]).astype(np.float32)
            part, rows = rows[:len(inputs)], rows[len(inputs):]
            residuals.append(Residuals(
                part, found.pop('features'), found.pop('places'), errors, found))
            self._progress.advance(len(inputs))
        return concatenate(residuals)

    def _predict(self, inputs: NDArray[np.uint8]) -> dict[str, Floats32]:
        """Run the network on a full batch, for another size would compile it again."""
        full = np.concatenate([inputs, np.repeat(inputs[-1:], BATCH - len(inputs), axis=0)])
        return {key: np.asarray(values)[:len(inputs)]
                for key, values in self._model.predict_on_batch(full).items()}


@dataclass(frozen=True, eq=False)
class ResidualSets:
    """
    Residuals on the images that the uncertainty is fitted to.

    :param train: training images, plain and augmented as in training.
    :param harder: training images, augmented more strongly.
    :param held_out: held-out images augmented as in training; `held_out_plain` the plain ones,
        repeated to the same number.
    """

    train: Residuals
    harder: Residuals
    held_out: Residuals
    held_out_plain: Residuals


def _fold_collectors(network: keras.Model, data: CalibrationData, shown: ProgressBar,
                     ) -> list[tuple[ResidualCollector, Images]]:
    """Return, for each fold, a collector of the model not trained on it, and its images."""
    models = fold_models(network, len(data.held_out))
    return [(ResidualCollector(network, model, data, shown), part)
            for model, part in zip(models, data.held_out, strict=True)]


def collect(network: keras.Model, data: CalibrationData) -> ResidualSets:
    """Collect the residuals of plain and augmented images, training and held-out ones."""
    mild, strong = data.preset.augmentation, harder(data.preset.augmentation)
    count = data.preset.uncertainty.sigma_versions
    versions, more = range(count), range(2 * count)
    held = sum(len(subsample(len(part.poses))) for part in data.held_out)
    total = (len(subsample(len(data.images.poses))) + held) * (1 + 2 * count)
    with ProgressBar(total, 'view', 'uncertainty') as shown:
        folds = _fold_collectors(network, data, shown)
        trained = (folds[0][0] if len(folds) == 1
                   else ResidualCollector(network, network, data, shown))
        return ResidualSets(
            concatenate([trained.collect_plain(data.images), *(
                trained.collect_augmented(data.images, mild, v) for v in versions)]),
            concatenate([
                trained.collect_augmented(data.images, strong, 100 + v) for v in versions]),
            concatenate([one.collect_augmented(part, mild, 200 + v)
                         for v in more for one, part in folds]),
            concatenate([one.collect_plain(part) for one, part in folds] * len(more)))
