"""Which views of a map to match an image with: by a rough pose, or by global descriptors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import Indices, LandmarkMap
from posenet_ros.landmarks.options import DEFAULT_LOCALISER, LandmarkLocaliserOptions
from posenet_ros.landmarks.retrieval.search import search_of
from posenet_ros.landmarks.vlad import global_descriptor


class ViewIndex:
    """
    Choose views of a map.

    Every method that takes `exclude` leaves views out, for honest validation.

    :param landmark_map: of V views.
    :param network_descriptors: (M, D) descriptors of the views by a network; None for none.
    :param descriptor_views: (M,) index of each such descriptor's view; None where they go through
        all views in order, once or several times. Others are not used then.
    :raises InputError: when the vocabulary does not give the descriptors of the views.
    """

    def __init__(self, landmark_map: LandmarkMap,
                 network_descriptors: NDArray[np.floating] | None = None,
                 descriptor_views: NDArray[np.integer] | None = None,
                 options: LandmarkLocaliserOptions = DEFAULT_LOCALISER) -> None:
        self._views, self._options = landmark_map.views, options
        words = landmark_map.vocabulary
        self._vocabulary = words and replace(  # converted once
            words, projection=words.projection.astype(np.float32))
        described = landmark_map.views.global_descriptors.shape[1]
        if words and words.projection.shape[1] != described:
            raise InputError('vlad_projection of the map has to give the global descriptors of '
                             f'the views, {described} numbers. Received: '
                             f'{words.projection.shape[1]}')
        self._own = search_of(landmark_map.views.global_descriptors)
        if network_descriptors is None:
            network_descriptors = np.empty((0, 0))
        if descriptor_views is None:
            views, count = len(self._views), len(network_descriptors)
            descriptor_views = np.arange(0 if count % views else count) % views
        self._descriptor_views = descriptor_views
        self._by_network = search_of(network_descriptors)
        self._repeats = int(np.bincount(descriptor_views).max(initial=0))  # of a view

    def __len__(self) -> int:
        return len(self._views)

    def by_pose(self, pose: Pose, count: int, exclude: Indices = ()) -> NDArray[np.intp]:
        """Return the `count` views nearest to a pose, by distance and angle together."""
        distances = np.linalg.norm(self._views.positions_m - pose.translation_m, axis=1)
        few = min(self._options.views, len(distances))
        usual = np.median(np.partition(distances, few - 1)[:few]) or 1.0
        degrees = np.degrees(rotation_angle_rad(self._views.quats_xyzw, pose.quat_xyzw))
        order = np.argsort(distances / usual + degrees / self._options.rotation_scale_deg,
                           kind='stable')
        return _without(order, exclude)[:count]

    def by_network_descriptor(self, descriptor: NDArray[np.floating] | None,
                              exclude: Indices = ()) -> NDArray[np.intp]:
        """Return the views most similar to an image by the network's descriptor (D,) of it."""
        if not len(self._descriptor_views) or descriptor is None:
            return np.empty(0, np.intp)
        count = self._options.views
        found = self._descriptor_views[self._by_network.nearest(
            descriptor.astype(np.float32), self._repeats * (count + len(exclude)))]
        _, first = np.unique(found, return_index=True)  # the best descriptor of each view
        return _without(found[np.sort(first)], exclude)[:count]

    def by_features(self, features: Features, exclude: Indices = (),
                    count: int | None = None) -> NDArray[np.intp]:
        """Return the views most similar to an image by its local features (VLAD)."""
        if self._vocabulary is None:
            return np.empty(0, np.intp)
        count = count or self._options.views
        order = self._own.nearest(
            global_descriptor(features.descriptors, self._vocabulary), count + len(exclude))
        return _without(order, exclude)[:count]


def _without(views: NDArray[np.intp], exclude: Indices) -> NDArray[np.intp]:
    return np.asarray(views[~np.isin(views, exclude)]) if len(exclude) else views
