"""Update a map by a walk: register its images, extend, compare with the old map, and prune."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.pnp.absolute_pose import AbsolutePose
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.feature_cache import ViewFeatures
from posenet_ros.training.map_update.comparison import (
    compare_maps,
    Comparison,
    held_out,
    old_view_queries,
    Query,
)
from posenet_ros.training.map_update.extension import extend_map, Extension
from posenet_ros.training.map_update.options import UpdateOptions
from posenet_ros.training.map_update.pruning import redundant_views
from posenet_ros.training.map_update.registration import (
    check_registered,
    compare_with_given,
    given_poses_hold,
    register_images,
)

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class NewImages:
    """
    The images of a walk that a map does not know.

    :param dataset: the images; its poses mean nothing.
    :param given: poses in the map's frame, None where there are none.
    :param features: by the map's settings.
    """

    dataset: Dataset
    given: Sequence[Pose | None]
    features: Sequence[ViewFeatures]

    def posed(self, chosen: Indices, poses: Sequence[Pose | None]) -> Dataset:
        """Return some of the images (K,) with poses, of which they all have one."""
        samples = [replace(self.dataset.samples[i], map_from_camera=pose)
                   for i in chosen.tolist() if (pose := poses[i]) is not None]
        return replace(self.dataset, samples=tuple(samples))

    def select(self, chosen: Indices) -> list[ViewFeatures]:
        """Return the features of some images (K,)."""
        return [self.features[i] for i in chosen.tolist()]


@dataclass(frozen=True, eq=False)
class UpdatedMap:
    """
    A map that was updated by a walk.

    :param found: images of the walk that are views of the map now; `images` of all.
    :param joined: landmarks that they see of the old map, at least; `added` and `vanished` ones.
    :param dropped: views that were left out as redundant.
    :param of_walk: the old and the new map compared on images of the walk that were left out,
        and `of_old` on views of the old map.
    :param notes: what is to be told, a line each.
    """

    landmark_map: LandmarkMap
    found: int
    images: int
    joined: int
    added: int
    vanished: int
    dropped: int
    of_walk: Comparison
    of_old: Comparison
    notes: tuple[str, ...] = ()


def update_map(landmark_map: LandmarkMap, images: NewImages, options: UpdateOptions,
               views: int | None = None) -> UpdatedMap:
    """
    Update a map by the images of a walk.

    Some images are left out first: the old and the extended map are compared on them. Then they
    are joined, too, with those that only the extended map finds.

    :param views: number of views to keep; None keeps all.
    :raises InputError: when too few images are found, or given poses are of another frame.
    """
    found = register_images(landmark_map, images.features)
    check_registered(found, options.min_registered)
    poses, exact, notes = _choose_poses(found, images, options)
    posed = _known(poses)
    out = held_out(len(posed), options.comparison)
    first = _extend(landmark_map, images, posed[~out], poses, options)
    compared = _compare(landmark_map, _within(first.landmark_map, views), images, posed[out],
                        poses if exact else [None] * len(poses), options)
    poses = _register_rest(first.landmark_map, images, poses, options)
    rest = np.setdiff1d(_known(poses), posed[~out])
    last = _extend(first.landmark_map, images, rest, poses, options)
    whole = _within(last.landmark_map, views)
    return UpdatedMap(
        whole, len(_known(poses)), len(poses), first.joined, first.added + last.added,
        first.vanished + last.vanished, len(last.landmark_map.views) - len(whole.views),
        *compared, notes)


def _known(poses: Sequence[Pose | None]) -> Indices:
    return np.flatnonzero([pose is not None for pose in poses])


def _choose_poses(found: Sequence[AbsolutePose | None], images: NewImages, options: UpdateOptions,
                  ) -> tuple[list[Pose | None], bool, tuple[str, ...]]:
    """
    Choose between the poses by the map and those that were given.

    :returns: the poses, whether they are the given ones, and what is to be told.
    """
    by_map = [one.map_from_camera if one else None for one in found]
    check = compare_with_given(found, images.given)
    if check is None:
        return by_map, False, ()
    text = (f'poses of the walk: {check.offset_m:.3g} and {check.offset_deg:.3g} deg from those '
            'by the map, in the median')
    if given_poses_hold(check, options.mapping):
        chosen = [given or own for given, own in zip(images.given, by_map, strict=True)]
        return chosen, all(images.given), (text,)
    return by_map, False, (f"{text}; the map's are taken",)


def _extend(landmark_map: LandmarkMap, images: NewImages, chosen: Indices,
            poses: Sequence[Pose | None], options: UpdateOptions) -> Extension:
    if not len(chosen):
        return Extension(landmark_map, 0, 0, 0)
    return extend_map(landmark_map, images.posed(chosen, poses), images.select(chosen), options)


def _register_rest(landmark_map: LandmarkMap, images: NewImages, poses: Sequence[Pose | None],
                   options: UpdateOptions) -> list[Pose | None]:
    """Localise the images without a pose in the extended map, which then knows their walk."""
    result = list(poses)
    for _ in range(options.rounds):
        rest = np.setdiff1d(np.arange(len(result)), _known(result))
        if not len(rest):
            break
        found = register_images(landmark_map, images.select(rest))
        if not any(found):
            break
        for i, one in zip(rest.tolist(), found, strict=True):
            result[i] = one.map_from_camera if one else None
        chosen = rest[[one is not None for one in found]]
        landmark_map = _extend(landmark_map, images, chosen, result, options).landmark_map
    return result


def _within(landmark_map: LandmarkMap, views: int | None) -> LandmarkMap:
    """Return a map within a budget of views."""
    if views is None or len(landmark_map.views) <= views:
        return landmark_map
    return landmark_map.without_views(redundant_views(landmark_map, views))


def _compare(old: LandmarkMap, new: LandmarkMap, images: NewImages, chosen: Indices,
             truth: Sequence[Pose | None], options: UpdateOptions,
             ) -> tuple[Comparison, Comparison]:
    """Compare maps on images of the walk that both do not know, and on views of the old one."""
    queries = [Query(images.features[i].features, truth[i]) for i in chosen.tolist()]
    focal_length_px = images.features[0].features.focal_length_px
    return (compare_maps(old, new, queries, 'images left out'),
            compare_maps(old, new, old_view_queries(old, focal_length_px, options.comparison),
                         'old views'))
