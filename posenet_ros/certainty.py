"""How sure an answer is: its covariance, and whether the image is of the trained place."""

from __future__ import annotations

from collections.abc import Sequence
import math

import numpy as np
from numpy.typing import NDArray
from posenet_ros.artifact import Artifact, Calibration, Scene
from posenet_ros.errors import InputError
from posenet_ros.metrics import rotation_vectors_rad
from posenet_ros.pose import diagonal_covariance
from posenet_ros.prediction import HasHead, Head, Prediction

Array = NDArray[np.float64]

NEIGHBOURS = 5  # training images that a descriptor is compared with
SCORES = (0.3, 10.0)  # beyond they say no more: below, an image looks as the trained do
LARGEST_LOG = 12.0  # images of nowhere must not overflow
ANY_ROTATION_RAD = math.pi / math.sqrt(3)  # standard deviation of an angle that may be any


def unlikeness(descriptors: NDArray[np.floating], places: NDArray[np.floating]) -> Array:
    """
    Return how little images look like the training images: 0 is alike, 1 has nothing in common.

    One minus the mean cosine to the nearest few of the training set; of the measures that were
    tried it tells other places apart best (doc/experiments.md).

    :param descriptors: (N, D).
    :param places: (M, D) of training images.
    :returns: (N,).
    """
    alike = np.asarray(descriptors, np.float32) @ np.asarray(places, np.float32).T
    count = min(NEIGHBOURS, alike.shape[1])
    nearest = np.partition(alike, -count, axis=1)[:, -count:]
    return np.asarray(1 - nearest.mean(axis=1), np.float64)


class Dropout:
    """
    Monte-Carlo dropout (Kendall and Cipolla 2016): how much the pose hangs on single activations.

    The backbone runs once; the head runs on all samples in one batch. The masks are drawn once,
    so that an image always gets the same covariance.

    :param head: from `fc` to poses.
    :param rate: share of the activations that are dropped.
    :param width: how many there are.
    :param samples: how many poses are drawn, at least 2.
    """

    def __init__(self, head: Head, rate: float, width: int, samples: int, seed: int = 0) -> None:
        if samples < 2:
            raise InputError(f'mc_samples has to be 0 (off) or at least 2. Received: {samples}')
        kept = np.random.default_rng(seed).random((samples, width)) >= rate
        self._head, self._masks = head, kept.astype(np.float32) / np.float32(1 - rate)

    def covariance(self, prediction: Prediction) -> Array:
        """
        Return the mean square (6, 6) of the samples' differences to the answer without dropout.

        :param prediction: of one image, with `fc`.
        """
        if prediction.fc is None:
            raise InputError('Monte-Carlo dropout needs a network that gives its activations. '
                             'Received: one that gives poses only')
        found = self._head(self._masks * prediction.fc.astype(np.float32))
        moved = found.position_m - prediction.position_m
        turned = rotation_vectors_rad(
            found.quat_xyzw, np.tile(prediction.quat_xyzw, (len(moved), 1)))
        errors = np.hstack([moved, turned])
        return np.asarray(errors.T @ errors / len(errors), np.float64)


def dropout_of(artifact: Artifact, network: HasHead, samples: int) -> Dropout | None:
    """
    Return a model's Monte-Carlo dropout.

    :param network: an engine.
    :param samples: of each image; 0 gives None.
    :raises InputError: when the model was not taught how sure it is.
    """
    if not samples:
        return None
    calibration = artifact.calibration
    if not calibration.mc_scale:
        raise InputError('mc_samples needs a model folder with calibrated dropout: make one of '
                         'this by python -m training.uncertainty. Received: one without')
    return Dropout(network.head, calibration.mc_rate, artifact.network.fc_width, samples)


def enlargement(scores: NDArray[np.floating] | float, power: float) -> Array:
    """
    Return what the expected errors are multiplied by where a score is not the usual 1.

    :param scores: (N,) or one: place scores of images, or misfits where poses were refined.
    :param power: of the calibration.
    """
    return np.asarray(np.clip(scores, *SCORES) ** power, np.float64)


def covariance(prediction: Prediction, calibration: Calibration,
               dropout: Dropout | None = None, place_score: float | None = None) -> Array:
    """
    Return the (6, 6) covariance of an answer in the dataset's frame, ordered as a PoseEstimate's.

    :param prediction: of one image; where it has no `log_sigma`, the calibration's sigmas hold.
    :param dropout: adds the spread of its samples.
    :param place_score: how unusual the image looks, where that is known.
    """
    if prediction.log_sigma is None or not calibration.scale:
        return diagonal_covariance(calibration.sigma_m, calibration.sigma_rad)
    log_sigma = np.clip(prediction.log_sigma[0], -LARGEST_LOG, LARGEST_LOG)
    sigmas = np.exp(log_sigma) * calibration.scale
    if place_score is not None:
        sigmas = sigmas * enlargement(place_score, calibration.place_power)
    own = np.diag(np.square(sigmas))
    if dropout is None:
        return own
    return stretched(own + dropout.covariance(prediction), calibration.mc_scale)


def stretched(covariance: Array, factors: Sequence[float] | Array) -> Array:
    """Return a (6, 6) covariance whose standard deviations are so many times larger."""
    return np.asarray(covariance * np.outer(factors, factors))


def ignorance(scene: Scene, calibration: Calibration) -> Array:
    """
    Return the (6,) standard deviations of knowing nothing, metres and radians.

    The diagonal of the area trained on, and that of an angle which may be any: what a network
    expects beyond is extrapolated. No less than held-out images were off.
    """
    diagonal = math.dist(scene.bounds_min_m, scene.bounds_max_m)
    return np.maximum((diagonal,) * 3 + (ANY_ROTATION_RAD,) * 3,
                      (*calibration.sigma_m, *calibration.sigma_rad))


def bounded(covariance: Array, largest: Array) -> Array:
    """Return a (6, 6) covariance whose standard deviations are at most those of (6,) `largest`."""
    return stretched(covariance, np.minimum(1, largest / np.sqrt(np.diag(covariance))))
