"""Fit the vocabulary of the global descriptors to the features of a walk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats32
from posenet_ros.errors import InputError
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import Vocabulary
from posenet_ros.landmarks.matching import unit_rows
from posenet_ros.landmarks.vlad import global_descriptor, vlad
from posenet_ros.training.landmarks.options import VocabularyOptions
from posenet_ros.utils.parallel import ordered_map

KMEANS_ITERATIONS = 12
KMEANS_EPSILON = 1e-3


class Retrieval(NamedTuple):
    """What similar images are found by: the vocabulary, and (V, D) global descriptors by it."""

    vocabulary: Vocabulary
    descriptors: NDArray[np.float16]


def describe_images(features: Sequence[Features], options: VocabularyOptions,
                    vocabulary: Vocabulary | None = None) -> Retrieval:
    """
    Compute the global descriptors of images.

    :param features: of the images, one at a time.
    :param vocabulary: None fits one to them.
    :raises InputError: as :func:`fit_vocabulary`.
    """
    vocabulary = vocabulary or fit_vocabulary(features, options)
    return Retrieval(vocabulary, global_descriptors(features, vocabulary))


def fit_vocabulary(features: Sequence[Features], options: VocabularyOptions) -> Vocabulary:
    """
    Fit visual words by k-means, and principal axes of the images' VLADs.

    :raises InputError: on fewer features than words.
    """
    rng = np.random.default_rng(options.seed)
    centres = _visual_words(features, options, rng)
    chosen = np.sort(rng.permutation(len(features))[:options.max_images])
    vlads = np.stack(list(ordered_map(
        lambda i: vlad(unit_rows(features[i].descriptors), centres), chosen)))
    mean = vlads.mean(axis=0)
    return Vocabulary(centres, mean, principal_axes(vlads - mean, options.size))


def global_descriptors(features: Sequence[Features],
                       vocabulary: Vocabulary) -> NDArray[np.float16]:
    """Compute the global descriptors (V, D) of images."""
    rows = ordered_map(lambda one: global_descriptor(one.descriptors, vocabulary), features)
    return np.stack(list(rows)).astype(np.float16)


def principal_axes(centred: Floats32, size: int) -> NDArray[np.float16]:
    """
    Return the principal axes of vectors, with a sign that does not depend on the library.

    :param centred: (N, F), of mean 0.
    :returns: (F, D): at most `size`, and no more than the N vectors span.
    """
    # of the N x N products: N is smaller than F
    values, vectors = np.linalg.eigh(centred @ centred.T)
    largest = np.argsort(-values, kind='stable')[:size]
    largest = largest[values[largest] > 1e-6 * max(float(values.max()), 1e-6)]
    axes = unit_rows((centred.T @ vectors[:, largest]).T)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return np.asarray((axes * signs[:, np.newaxis]).T, np.float16)


def _visual_words(features: Sequence[Features], options: VocabularyOptions,
                  rng: np.random.Generator) -> Floats32:
    """Cluster descriptors, some of each image, by k-means++ (Arthur and Vassilvitskii 2007)."""
    parts = [one.descriptors[rng.permutation(len(one.descriptors))[:options.max_of_image]]
             for one in features]
    rows = unit_rows(np.concatenate(parts))
    rows = rows[rng.permutation(len(rows))[:options.max_descriptors]]
    count = options.visual_words
    if len(rows) < count:
        raise InputError(f'a vocabulary takes at least {count} features of the images. '
                         f'Received: {len(rows)}')
    cv2.setRNGSeed(options.seed)
    criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, KMEANS_ITERATIONS,
                KMEANS_EPSILON)
    labels: Any = None  # no first guess
    _, _, centres = cv2.kmeans(rows, count, labels, criteria, 1, cv2.KMEANS_PP_CENTERS)
    return np.asarray(centres, np.float32)
