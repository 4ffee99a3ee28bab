"""A sample of image pairs of a dataset with matches that know nothing of its poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.imaging.files import read_image
from posenet_ros.landmarks.features import detect, Features
from posenet_ros.landmarks.matching import match_mutual, unit_rows
from posenet_ros.landmarks.vlad import vlad
from posenet_ros.training.checks.options import SampleOptions
from posenet_ros.training.data.datasets import Dataset, Sample
from posenet_ros.utils.parallel import ordered_map

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class MatchedPair:
    """
    Matches of two images that agree with an epipolar geometry, whichever it is.

    :param first: index of an image in the dataset; `second` of the other.
    :param keypoints: (M, 2) indices of keypoints of the first and of the second image.
    :param neighbours: whether they follow each other in a walk.
    """

    first: int
    second: int
    keypoints: Indices
    neighbours: bool


@dataclass(frozen=True, eq=False)
class MatchSample:
    """
    Matched pairs of a dataset.

    :param features: of the images that were read, by their index in the dataset.
    :param walks: (N,) number of the walk of each image of the dataset.
    """

    pairs: Sequence[MatchedPair]
    features: dict[int, Features]
    walks: Indices

    @property
    def images(self) -> Indices:
        """(P, 2) indices of the images of each pair."""
        return np.reshape([(p.first, p.second) for p in self.pairs], (-1, 2)).astype(np.intp)

    @property
    def pair_of_match(self) -> Indices:
        """(M,) index of the pair of each match, of all pairs in turn."""
        return np.repeat(np.arange(len(self.pairs)), [len(p.keypoints) for p in self.pairs])

    @property
    def focal_length_px(self) -> float:
        """Focal length of the images in which features were detected, pixels."""
        return next(iter(self.features.values())).focal_length_px

    def points(self) -> tuple[Floats, Floats]:
        """Return the matched keypoints of all pairs in turn, two of (M, 2), normalised."""
        first, second = ([self.features[image].points_normalized[pair.keypoints[:, side]]
                          for pair in self.pairs for image in [(pair.first, pair.second)[side]]]
                         for side in (0, 1))
        none = [np.empty((0, 2))]
        return np.concatenate(none + first), np.concatenate(none + second)


def sample_matches(dataset: Dataset, options: SampleOptions) -> MatchSample:
    """Read a sample of the images, and match neighbours and similar ones."""
    walks = walk_numbers([s.sequence for s in dataset.samples])
    runs = sample_runs(walks, options)
    chosen = np.unique(np.concatenate(runs)) if runs else np.empty(0, np.intp)
    features = _detect(dataset, chosen, options)
    return MatchSample(match_sample(features, walks, runs, options), features, walks)


def walk_numbers(sequences: Sequence[str]) -> Indices:
    """Return the number of each image's walk, in the order in which walks begin."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in sequences], np.intp)


def sample_runs(walks: Indices, options: SampleOptions) -> list[Indices]:
    """
    Choose images to read, in runs of neighbours.

    :param walks: (N,) number of the walk of each image.
    :returns: indices of the images of each run; whole walks where there are few images.
    """
    stride = -(-len(walks) // options.max_images)
    whole = [np.flatnonzero(walks == walk) for walk in range(walks.max(initial=-1) + 1)]
    if stride <= options.max_stride:
        return [walk[::stride] for walk in whole if len(walk[::stride]) > 1]
    length = options.run_length * options.max_stride
    parts = [walk[start:start + length:options.max_stride] for walk in whole
             for start in range(0, max(len(walk) - length, 1), length)]
    count = options.max_images // options.run_length
    places = np.unique(np.linspace(0, len(parts) - 1, count).round().astype(int))
    return [parts[i] for i in places if len(parts[i]) > 1]


def _detect(dataset: Dataset, chosen: Indices, options: SampleOptions) -> dict[int, Features]:
    def one(sample: Sample) -> Features | None:
        try:
            return detect(read_image(sample.path), dataset.camera, options.features)
        except InputError:  # told elsewhere
            return None

    found = ordered_map(one, [dataset.samples[i] for i in chosen])
    return {int(i): features for i, features in zip(chosen, found, strict=True) if features}


def match_sample(features: dict[int, Features], walks: Indices, runs: Sequence[Indices],
                 options: SampleOptions) -> list[MatchedPair]:
    """Match each image of a run with the next two of it, and similar ones of other places."""
    rows = {i: unit_rows(one.descriptors) for i, one in features.items()}
    near = [(int(run[i]), int(run[i + step])) for run in runs for step in (1, 2)
            for i in range(len(run) - step)]
    wanted = [(pair, True) for pair in near]
    wanted += [(pair, False) for pair in similar_pairs(rows, walks, options)]
    wanted = [(pair, kind) for pair, kind in wanted if all(i in features for i in pair)]

    def one(item: tuple[tuple[int, int], bool]) -> MatchedPair:
        (first, second), neighbours = item
        ours, theirs = match_mutual(rows[first], rows[second], options.max_ratio)
        keypoints = np.column_stack([ours, theirs])
        return MatchedPair(first, second, keypoints[_agree(
            features[first], features[second], keypoints, options)], neighbours)

    least = {True: options.min_matches, False: options.min_distant_matches}
    return [p for p in ordered_map(one, wanted) if len(p.keypoints) >= least[p.neighbours]]


def similar_pairs(rows: dict[int, NDArray[np.float32]], walks: Indices,
                  options: SampleOptions) -> list[tuple[int, int]]:
    """
    Find pairs of similar images that are no neighbours: of other walks, or far along the same.

    :param rows: (K, D) descriptors of length 1 of each image, by its index.
    :returns: pairs of indices, the most similar first.
    """
    images = np.array(list(rows), np.intp)
    pool = np.concatenate([np.empty((0, 128), np.float32), *rows.values()])
    if not len(pool):
        return []
    rng = np.random.default_rng(options.seed)
    centres = pool[rng.choice(len(pool), min(options.visual_words, len(pool)), replace=False)]
    vectors = np.stack([vlad(one, centres) for one in rows.values()])
    vectors = unit_rows(vectors - vectors.mean(axis=0))
    similarity = vectors @ vectors.T
    place = np.arange(len(images))
    near = (np.abs(place[:, np.newaxis] - place) < options.min_distance) & (
        walks[images][:, np.newaxis] == walks[images])
    similarity[near] = -np.inf
    best = similarity.argmax(axis=1)
    scores = similarity[place, best]
    pairs = {tuple(sorted((int(images[i]), int(images[best[i]]))))
             for i in np.argsort(-scores, kind='stable')[:2 * options.max_distant_pairs]
             if np.isfinite(scores[i])}
    return [(a, b) for a, b in sorted(pairs)][:options.max_distant_pairs]


def _agree(first: Features, second: Features, keypoints: Indices,
           options: SampleOptions) -> NDArray[np.bool_]:
    """Return which matches agree with the fundamental matrix that most agree with."""
    none = np.zeros(len(keypoints), np.bool_)
    if len(keypoints) < options.min_matches:
        return none
    ours, theirs = (one.points_normalized[keypoints[:, side]] * one.focal_length_px
                    for side, one in enumerate((first, second)))
    _, inlier = cv2.findFundamentalMat(ours, theirs, cv2.FM_RANSAC, options.max_error_px, 0.99,
                                       500)
    return none if inlier is None else np.asarray(inlier[:, 0] > 0)
