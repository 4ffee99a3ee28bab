"""Show images to a finished network, as they are or spoilt, and keep what it says of them."""

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
from posenet_ros.training.data.images import Images, network_inputs, thinned
from posenet_ros.training.fitting.presets import Preset
from posenet_ros.utils.parallel import ordered_map

CHUNK = 64  # images
POSE = ('position', 'quat_xyzw')  # outputs
FIRST_EPOCH = 1_000_000  # versions that no training has seen


@dataclass(frozen=True, eq=False)
class Material:
    """
    What a network is taught with.

    :param images: training images that no network left out, with depths where the preset moves
        the camera.
    :param held: held-out training images, the same; where there are several, each from another of
        the networks that answer together.
    :param camera: of the images, at their full size.
    """

    preset: Preset
    images: Images
    held: tuple[Images, ...]
    camera: Camera

    @property
    def reach_m(self) -> Floats32:
        """
        How far from a walk another walk may lead, (3,) metres along the axes of the map.

        As far as the training positions spread: a camera on wheels stays at its height.
        """
        positions_m = np.concatenate([part.positions_m for part in (self.images, *self.held)])
        return np.asarray(positions_m.std(axis=0))


@dataclass(frozen=True, eq=False)
class Seen:
    """
    What a network said of images, and how far off it was.

    :param rows: (N,) which of the dataset's samples these are.
    :param features: (N, C) averaged over the image, of length 1.
    :param places: (N, D) to tell the place by, before they are scaled and projected.
    :param errors: (N, 6) in the dataset's frame: metres, then rotation vector, radians.
    :param found: all outputs.
    """

    rows: NDArray[np.intp]
    features: Floats32
    places: Floats32
    errors: Floats32
    found: dict[str, Floats32]


def stronger(settings: Augmentation) -> Augmentation:
    """Return an augmentation that goes beyond training: new light, bad lenses, other places."""
    return replace(
        settings, colour=min(1.5 * max(settings.colour, 0.6), 1.0),
        light=min(1.5 * max(settings.light, 0.4), 1.0), blur_px=max(settings.blur_px, 2.0),
        noise=max(settings.noise, 40.0), occlusions=max(settings.occlusions, 3),
        yaw_deg=min(1.5 * settings.yaw_deg, 45.0), pitch_deg=min(1.5 * settings.pitch_deg, 45.0),
        roll_deg=min(1.5 * settings.roll_deg, 180.0), shift=min(1.5 * settings.shift, 0.3))


def together(seen: Sequence[Seen]) -> Seen:
    """Return several as one."""
    return Seen(np.concatenate([s.rows for s in seen]),
                np.concatenate([s.features for s in seen]),
                np.concatenate([s.places for s in seen]),
                np.concatenate([s.errors for s in seen]),
                {key: np.concatenate([s.found[key] for s in seen]) for key in seen[0].found})


class Looker:
    """
    Shows images to a network, as they are or augmented.

    :param network: with the outputs to be taught.
    :param answering: answers what the errors are of; the network itself, or one member of it.
    """

    def __init__(self, network: keras.Model, answering: keras.Model, material: Material,
                 bar: keras.utils.Progbar) -> None:
        said = network.output if answering is network else answering(network.input)
        self._model = keras.Model(network.input, {
            **network.output, 'features': network.get_layer(UNIT_FEATURES).output,
            'places': network.get_layer(PLACE_FEATURES).output,
            **{f'said_{key}': said[key] for key in POSE}})
        self._material, self._bar = material, bar

    def plain(self, images: Images) -> Seen:
        """Show images as the node will."""
        chosen = thinned(len(images.poses))
        part = images.take(chosen)
        inputs = network_inputs(part, self._material.preset.preprocess())
        return self._look(part.rows, [(inputs[i:i + CHUNK], targets(part.poses[i:i + CHUNK]))
                                      for i in range(0, len(inputs), CHUNK)])

    def augmented(self, images: Images, settings: Augmentation, epoch: int) -> Seen:
        """Show a version of images that depends on nothing but seed and epoch."""
        preprocess, camera = self._material.preset.preprocess(), self._material.camera
        augmenter = Augmenter(settings, preprocess.base_camera(camera),
                              preprocess.input_camera(camera), self._material.preset.seed,
                              self._material.reach_m.astype(np.float64))
        batches = Batches(images, augmenter, CHUNK, self._material.preset.seed)
        chosen = thinned(len(images.poses))
        parts = [chosen[i:i + CHUNK] for i in range(0, len(chosen), CHUNK)]
        return self._look(images.rows[chosen], ordered_map(
            lambda part: batches.augmented(part, FIRST_EPOCH + epoch), parts))

    def _look(self, rows: NDArray[np.intp],
              batches: Iterable[tuple[Any, dict[str, Any]]]) -> Seen:
        seen = []
        for inputs, truth in batches:
            found = self._answers(inputs)
            position_m, quat_xyzw = (found.pop(f'said_{key}') for key in POSE)
            errors = np.hstack([position_m - truth['position'], rotation_vectors_rad(
                quat_xyzw, truth['quat_xyzw'])]).astype(np.float32)
            part, rows = rows[:len(inputs)], rows[len(inputs):]
            seen.append(Seen(part, found.pop('features'), found.pop('places'), errors, found))
            self._bar.add(len(inputs))
        return together(seen)

    def _answers(self, inputs: NDArray[np.uint8]) -> dict[str, Floats32]:
        """Run the network on a full batch, for another size would compile it again."""
        full = np.concatenate([inputs, np.repeat(inputs[-1:], CHUNK - len(inputs), axis=0)])
        return {key: np.asarray(values)[:len(inputs)]
                for key, values in self._model.predict_on_batch(full).items()}
