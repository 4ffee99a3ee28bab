"""Localise images by maps that do not know their walk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import pose_difference
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import LandmarkMap, Views
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.landmarks.pnp.absolute_pose import AbsolutePose
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.feature_cache import with_image
from posenet_ros.training.landmarks.held_out.poses import FoldPoses, HeldOutPoses, join_folds
from posenet_ros.training.landmarks.held_out.tracked import NO_TRACKED, track_held_out
from posenet_ros.training.landmarks.mapping import make_map, MappedDataset, triangulate_matches
from posenet_ros.training.landmarks.options import MappingOptions, ValidationOptions
from posenet_ros.training.landmarks.reconstruction.pairs import cameras_of
from posenet_ros.training.landmarks.reconstruction.triangulation import Triangulated
from posenet_ros.training.landmarks.reconstruction.verified_matches import matches_without
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import progress

Indices = NDArray[np.intp]
ALL = slice(None)


def walks(dataset: Dataset, options: ValidationOptions) -> list[Indices]:
    """Choose walks to hold out, evenly by name: the indices of the images of each."""
    sequences = np.array([s.sequence for s in dataset.samples])
    names = np.unique(sequences)
    if len(names) < 2:
        return []
    chosen = np.unique(np.linspace(0, len(names) - 1, options.max_walks).round().astype(int))
    return [np.flatnonzero(sequences == name) for name in names[chosen]]


def blocks(count: int, options: ValidationOptions) -> Indices:
    """Choose evenly spaced blocks of `count` images to hold out: their indices."""
    place = np.arange(count) * options.blocks / max(count, 1) % 1  # within its part, 0 to 1
    return np.flatnonzero(np.abs(place - 0.5) < options.held_out_proportion / 2)


def validation_folds(dataset: Dataset, options: ValidationOptions) -> list[Indices]:
    """Return what is held out together: the walks, one after another, and the blocks last."""
    return [*walks(dataset, options), blocks(len(dataset.samples), options)]


def localise_held_out(mapped: MappedDataset, folds: Sequence[Indices],
                      options: MappingOptions) -> HeldOutPoses:
    """
    Localise images by a map of all images but those of their fold, with a progress bar.

    Neither landmarks, nor mean descriptors, nor patches of that map know them. The vocabulary, by
    which similar views are found, is that of the whole map: it decides which views are tried, not
    how exact a pose is, and is half of the time of a map. (Poses that were refined are those of
    all images together.)

    :param folds: indices of the images that are held out together.
    :raises InputError: where a map knows an image that it localised.
    """
    def localise(held: Indices) -> FoldPoses | None:
        if not len(held):  # of too few images to choose any
            return None
        try:
            landmark_map = map_without(mapped, held, options)
        except InputError:  # the other images have too few landmarks
            return None
        return localise_fold(mapped, landmark_map, held,
                             choose_images(held, folds, options.validation), options.validation)

    return join_folds(mapped.dataset, map(localise, folds))


def choose_images(held: Indices, folds: Sequence[Indices], options: ValidationOptions) -> Indices:
    """Choose those of the images of a fold that are localised, evenly."""
    most = -(-options.max_images // max(len(folds), 1))
    return held[::max(-(-len(held) // most), 1)]


def localise_fold(mapped: MappedDataset, landmark_map: LandmarkMap, held: Indices,
                  chosen: Indices, options: ValidationOptions, batch: slice = ALL) -> FoldPoses:
    """
    Localise images by a map without them, with a progress bar.

    :param mapped: has the features and poses of all images.
    :param landmark_map: of all images but those that are held out.
    :param held: their indices; `chosen` those that are localised.
    :param batch: of these; images are tracked with the first one.
    """
    localiser = LandmarkLocaliser(landmark_map, complete=mapped.landmark_map.complete)
    tracked = NO_TRACKED.views, NO_TRACKED.rows
    if not batch.start:
        tracked = track_held_out(localiser, mapped, held, options.tracking)
    return FoldPoses(chosen[batch], _localise(mapped, chosen, localiser, options, batch),
                     *tracked, _left_out(mapped.dataset, landmark_map.views))


def _left_out(dataset: Dataset, views: Views) -> tuple[str, ...]:
    """Return the walks that views lack whole, and the images of others that they lack."""
    known, walks_known = set(views.names), set(views.sequences)
    return tuple(dict.fromkeys(
        sample.name if sample.sequence in walks_known else sample.sequence
        for sample in dataset.samples if sample.name not in known))


def map_without(mapped: MappedDataset, held: Indices, options: MappingOptions) -> LandmarkMap:
    """
    Make the map of all images but the held-out ones, of matches among these alone.

    Its vocabulary is that of the whole map.

    :raises InputError: on too few landmarks.
    """
    local = [one.features for one in mapped.features]
    found = triangulate_matches(local, matches_without(mapped.matches, held),
                                cameras_of(mapped.dataset), options, wide=mapped.check.wide)
    kept = np.setdiff1d(np.arange(len(local)), held)
    return make_map(mapped.dataset.subset(kept), [mapped.features[i] for i in kept],
                    of_views(found, kept), options, mapped.landmark_map.vocabulary)


def of_views(found: Triangulated, kept: Indices) -> Triangulated:
    """Return tracks whose views are all among `kept` (K,), rising, numbered as there."""
    views = np.searchsorted(kept, found.tracks.views)
    return replace(found, tracks=replace(found.tracks, views=views))


def _localise(mapped: MappedDataset, views: Indices, localiser: LandmarkLocaliser,
              options: ValidationOptions, batch: slice) -> Floats:
    """Return the rows of poses of a batch, with and without the views nearby, (N, 2, 3, 6)."""
    indices = range(len(views))[batch]

    def one(index: int) -> Floats:
        features = with_image(mapped.features[views[index]], localiser.features)
        truth = mapped.dataset.samples[views[index]].map_from_camera
        near = _row(localiser, features, truth, [])
        exclude = localiser.views_within(truth, options.far)
        few = len(exclude) > options.max_excluded * len(localiser.index)
        if index % options.far_every or few or not len(exclude):
            return np.stack([near, np.full((3, 6), np.nan)])
        return np.stack([near, _row(localiser, features, truth, exclude)])

    return np.reshape(list(progress(
        ordered_map(one, indices), len(indices), 'image', 'images of walks held out')),
        (-1, 2, 3, 6))


def _row(localiser: LandmarkLocaliser, features: Features, truth: Pose,
         exclude: Sequence[int] | Indices) -> Floats:
    """Return the error, the sigmas, and the scores (the rest NaN) of a pose, (3, 6)."""
    row = np.full((3, 6), np.nan)
    found = localiser.search(features, exclude=exclude)
    row[:2] = residual_and_sigma(found.pose, truth)
    if found.pose:
        row[2, :3] = localiser.scores(found, exclude)
    return row


def residual_and_sigma(estimate: AbsolutePose | None, truth: Pose) -> Floats:
    """Return the (2, 6) pose error and its sigmas, metres and radians; NaN without a pose."""
    if estimate is None:
        return np.full((2, 6), np.nan)
    return np.stack([pose_difference(estimate.map_from_camera, truth),
                     np.sqrt(np.diag(estimate.covariance))])
