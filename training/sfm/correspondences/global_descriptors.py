"""Global descriptors of the images of walks: VLAD of their SIFT features, and its PCA."""

from __future__ import annotations

import cv2
import numpy as np
from posenet_ros.arrays import Floats32
from posenet_ros.landmarks.features import DESCRIPTOR_SIZE
from posenet_ros.landmarks.matching import unit_rows
from posenet_ros.landmarks.vlad import vlad
from posenet_ros.training.sfm.correspondences.features import FeatureFiles
from posenet_ros.training.sfm.options import PairOptions

SAMPLE = 20000  # descriptors that the centres are learnt from
PCA_IMAGES = 600
ITERATIONS = 12


def _centres(features: FeatureFiles, count: int, rng: np.random.Generator) -> Floats32:
    each = max(SAMPLE // max(features.count, 1), 20)
    parts = [rows[rng.permutation(len(rows))[:each]]
             for rows in map(features.raw_descriptors, range(features.count))]
    rows = np.concatenate([np.empty((0, DESCRIPTOR_SIZE), np.uint8), *parts])
    sample = unit_rows(rows[rng.permutation(len(rows))[:SAMPLE]])
    if len(sample) <= count:
        return sample
    cv2.setRNGSeed(int(rng.integers(1 << 31)))
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, ITERATIONS, 1e-3)
    empty = np.empty(0, np.int32)
    return np.asarray(cv2.kmeans(sample, count, empty, criteria, 1, cv2.KMEANS_PP_CENTERS)[2],
                      np.float32)


def describe_images(features: FeatureFiles, options: PairOptions, seed: int) -> Floats32:
    """
    Compute a global descriptor of each image.

    :returns: (N, D) of length 1; D is `options.size`, or less for few images.
    """
    rng = np.random.default_rng(seed)
    centres = _centres(features, options.centres, rng)
    vlads = np.array([vlad(unit_rows(features.raw_descriptors(i)), centres)
                      for i in range(features.count)])
    centred = vlads - vlads.mean(axis=0)
    some = centred[rng.permutation(len(centred))[:PCA_IMAGES]]
    axes = np.linalg.svd(some, full_matrices=False)[2][:options.size]
    return unit_rows(centred @ axes.T)
