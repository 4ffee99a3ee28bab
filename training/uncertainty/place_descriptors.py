"""Global descriptors of a place by PCA, and the distance limit of its images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats, Floats32
from posenet_ros.training.uncertainty.residuals import ResidualSets
from posenet_ros.uncertainty.place_recognition import place_distance

ITERATIONS = 10  # of orthogonal iteration
MIN_LIMIT = 1e-12  # an untrained network may describe all images alike
DEVIATION_FLOOR = 0.2  # added to each feature's deviation, relative to their mean


@dataclass(frozen=True, eq=False)
class PlaceDescriptors:
    """
    The projection of features to global descriptors, those of all images, and their limit.

    :param factors: (C,) of the features; `basis` (C, D) of the descriptors.
    :param train: (N, D) descriptors of the training images; `held_out` and `held_out_plain` of
        the held-out ones, augmented and plain.
    :param limit: place distance beyond which an image is of another place.
    """

    factors: Floats32
    basis: Floats32
    train: Floats32
    held_out: Floats32
    held_out_plain: Floats32
    limit: float

    @property
    def scores(self) -> Floats:
        """Place scores of the held-out images, augmented ones first: distances over the limit."""
        distances = np.concatenate([place_distance(self.held_out, self.train),
                                    place_distance(self.held_out_plain, self.train)])
        return distances / max(self.limit, MIN_LIMIT)

    def load_into(self, network: keras.Model) -> None:
        """Set the weights of a network's descriptor head."""
        network.get_layer('descriptor_scale').set_weights([self.factors])
        network.get_layer('descriptor').set_weights([self.basis])

    def index_fields(self, sets: ResidualSets) -> dict[str, NDArray[Any]]:
        """Return `global_descriptors` and `place_images` of the training index, of all images."""
        once = np.unique(sets.held_out_plain.rows, return_index=True)[1]
        as_often = slice(len(self.held_out) // 2)  # as often as the training images
        rows = (sets.train.rows, sets.held_out_plain.rows[once], sets.held_out.rows[as_often])
        descriptors = np.concatenate(
            [self.train, self.held_out_plain[once], self.held_out[as_often]])
        return {'global_descriptors': descriptors.astype(np.float16),
                'place_images': np.concatenate(rows).astype(np.int32)}


def principal_directions(features: Floats32, size: int) -> Floats32:
    """
    Return the (C, size) principal directions of (N, C) features, orthonormal, padded by zeros.

    By orthogonal iteration (Golub and Van Loan 2013, section 8.2.4): all C would take seconds.
    """
    products = features.T @ features
    width = features.shape[1]
    directions = np.random.default_rng(0).normal(size=(width, min(size, width)))
    for _ in range(ITERATIONS):
        directions = np.linalg.qr(products @ directions)[0]
    return np.pad(directions, ((0, 0), (0, size - directions.shape[1]))).astype(np.float32)


def fit_projection(features: Floats32, size: int) -> tuple[Floats32, Floats32]:
    """
    Fit the projection of features to global descriptors: (C,) factors and (C, size) directions.

    Features that vary among the training images say little of the place, so they are scaled by
    the inverse of their deviation (PCA whitening).
    """
    deviation = features.std(axis=0)
    factors = 1 / np.maximum(deviation + DEVIATION_FLOOR * deviation.mean(), 1e-12)
    factors *= len(factors) / factors.sum()
    scaled = features * factors
    return factors, principal_directions(
        scaled / np.linalg.norm(scaled, axis=1, keepdims=True), size)


def project(features: Floats32, factors: Floats32, basis: Floats32) -> Floats32:
    """Project (N, C) features to (N, D) descriptors, as the network will."""
    scaled = features * factors
    return np.asarray(scaled / np.linalg.norm(scaled, axis=1, keepdims=True) @ basis)


def fit_place_limit(plain: Floats, augmented: Floats, false_alarms: float) -> float:
    """
    Fit the place distance beyond which an image is of another place.

    It is the geometric mean of two percentiles: of plain held-out images, which are easier than
    those of another walk, and of augmented ones, which are harder.

    :param plain: (N,) place distances of held-out images; `augmented` (M,) of augmented ones.
    :param false_alarms: proportion of held-out images beyond the percentiles.
    """
    percent = 100 * (1 - false_alarms)
    return float(np.sqrt(np.percentile(plain, percent) * np.percentile(augmented, percent)))


def fit_place_descriptors(sets: ResidualSets, size: int, false_alarms: float) -> PlaceDescriptors:
    """
    Fit the projection to training images, and the limit to held-out ones.

    :param size: of a descriptor.
    :param false_alarms: see :func:`fit_place_limit`.
    """
    factors, basis = fit_projection(sets.train.place_features, size)
    train, augmented, plain = (project(part.place_features, factors, basis)
                               for part in (sets.train, sets.held_out, sets.held_out_plain))
    limit = fit_place_limit(place_distance(plain, train), place_distance(augmented, train),
                            false_alarms)
    return PlaceDescriptors(factors, basis, train, augmented, plain, limit)
