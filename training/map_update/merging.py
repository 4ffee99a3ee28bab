"""
Merge two maps where they overlap: align the second with the first, and join what both know.

A view is rendered from its map: its landmarks, projected into it, are the features that it is
localised with in the other map, so that no image is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.similarity import Similarity
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import LandmarkMap, Views
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.landmarks.retrieval.view_index import ViewIndex
from posenet_ros.training.landmarks.vocabulary import global_descriptors
from posenet_ros.training.map_update.arrays import (
    join_landmarks,
    join_views,
    Landmarks,
    landmarks_of,
    observations_of,
    weighted_means,
    with_parts,
    with_patches_of,
    with_views_from,
)
from posenet_ros.training.map_update.comparison import features_of_view
from posenet_ros.training.map_update.observations import (
    half_extent,
    observe_landmarks,
    project,
)
from posenet_ros.training.map_update.options import UpdateOptions
from posenet_ros.training.metric.robust import robust_umeyama
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import progress

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class MergedMap:
    """
    Two maps in one.

    :param landmark_map: in the frame of the first; its first views are those of that.
    :param first_from_second: how the second was moved.
    :param found: views of the second that the first map localised, of `views`.
    :param joined: landmarks of both that are one now.
    """

    landmark_map: LandmarkMap
    first_from_second: Similarity
    found: int
    views: int
    joined: int


def merge_maps(first: LandmarkMap, second: LandmarkMap, camera: Camera, focal_length_px: float,
               options: UpdateOptions) -> MergedMap:
    """
    Merge two maps where they overlap.

    :param camera: of the second map's views.
    :param focal_length_px: at the size at which their features were detected.
    :raises InputError: when the maps do not overlap, or cannot be compared.
    """
    if first.features != second.features:
        raise InputError('two maps are merged when their features were detected alike. Received: '
                         f'{first.features} and {second.features}')
    transform, found = align_maps(first, second, focal_length_px, options)
    count, moved = len(second.views), moved_map(second, transform)
    moved = _without_known_views(first, moved)
    rendered = render_views(moved, focal_length_px)
    pairs = common_landmarks(first, moved, rendered, half_extent(camera), options)
    return MergedMap(_join(first, moved, rendered, pairs), transform, found, count, len(pairs))


def render_views(landmark_map: LandmarkMap, focal_length_px: float) -> list[Features]:
    """Return the features of all views as the map knows them."""
    return [features_of_view(landmark_map, view, focal_length_px)
            for view in range(len(landmark_map.views))]


def align_maps(first: LandmarkMap, second: LandmarkMap, focal_length_px: float,
               options: UpdateOptions) -> tuple[Similarity, int]:
    """
    Align a map with another by the landmarks that views of both show.

    The transform is rigid where both maps are in metres, else a similarity (robust Umeyama).

    :returns: first_from_second, and the number of views that agree with it.
    :raises InputError: when fewer than `min_registered` views do.
    """
    localiser, rendered = LandmarkLocaliser(first), render_views(second, focal_length_px)
    found = list(progress(ordered_map(localiser.localise, rendered), len(rendered), 'image',
                          'views in the other map'))
    ours, theirs, rays, views = [], [], [], []
    for view, (one, features) in enumerate(zip(found, rendered, strict=True)):
        if one is None or one.matches is None:
            continue
        matches = one.matches.select(one.matches.inlier)
        keypoints = _rows_of(matches.points_normalized, features.points_normalized)
        ours.append(matches.points_m)
        theirs.append(second.points_m[_seen_in_front(second, view)[keypoints]])
        rays.append(matches.points_normalized)
        views.append(view)
    least = options.min_registered
    if len(views) >= least:
        transform, _ = robust_umeyama(
            np.concatenate(theirs), np.concatenate(ours),
            with_scale=not (first.metric and second.metric))
        agree = _agreeing(second, transform, views, ours, rays, options.mapping.wide_tolerance)
        if agree >= least:
            return transform, agree
    raise InputError(f'the maps have to overlap: {least} views of the second have to be found in '
                     f'the first. Received: {len(views)} of {len(second.views)} views')


def _seen_in_front(landmark_map: LandmarkMap, view: int) -> NDArray[np.int32]:
    """Return the landmarks that :func:`.comparison.features_of_view` renders, in its order."""
    seen = landmark_map.seen_by(view)
    _, front = project(landmark_map.points_m[seen].astype(np.float64),
                       landmark_map.views.pose(view))
    return seen[front]


def _rows_of(points: Floats, among: Floats) -> Indices:
    """Return the row of each of some points (K, 2) among points (N, 2), which have them all."""
    order = np.lexsort(among.T[::-1])
    names = among[order].copy().view('f8,f8').ravel()
    wanted = np.ascontiguousarray(points).view('f8,f8').ravel()
    return np.asarray(order[np.searchsorted(names, wanted)], np.intp)


def _agreeing(second: LandmarkMap, transform: Similarity, views: Sequence[int],
              points: Sequence[Floats], rays: Sequence[Floats], max_error: float) -> int:
    """Count the views whose matches agree with the transform of the map."""
    count = 0
    for view, ours, seen in zip(views, points, rays, strict=True):
        projected, front = project(ours, transform.apply_to_pose(second.views.pose(view)))
        errors = np.where(front, np.linalg.norm(projected - seen, axis=1), np.inf)
        count += int(np.median(errors) < max_error)
    return count


def moved_map(landmark_map: LandmarkMap, transform: Similarity) -> LandmarkMap:
    """Return a map in another frame; `transform` is target_from_source."""
    views = landmark_map.views
    poses = [transform.apply_to_pose(views.pose(view)) for view in range(len(views))]
    return replace(
        landmark_map, points_m=transform.apply(landmark_map.points_m).astype(np.float32),
        views=replace(views, positions_m=np.array([pose.translation_m for pose in poses]),
                      quats_xyzw=np.array([pose.quat_xyzw for pose in poses])))


def _without_known_views(first: LandmarkMap, moved: LandmarkMap) -> LandmarkMap:
    """
    Leave out the images that the first map has, too.

    :raises InputError: when images of one name were taken in different places, or none is new.
    """
    view_of = {name: view for view, name in enumerate(first.views.names)}
    same = [(view_of[name], view) for view, name in enumerate(moved.views.names)
            if name in view_of]
    if len(same) == len(moved.views):
        raise InputError('two maps are merged when the second has images of its own. Received: '
                         'none that the first does not have by name')
    if not same:
        return moved
    ours, theirs = np.array(same).T
    apart = np.linalg.norm(
        first.views.positions_m[ours] - moved.views.positions_m[theirs], axis=1)
    step = np.median(np.linalg.norm(np.diff(first.views.positions_m, axis=0), axis=1))
    if np.median(apart) > step:
        raise InputError('images of one name have to be the same in both maps. Received: '
                         f'{len(same)} that are {np.median(apart):.3g} apart, such as '
                         f'{moved.views.names[theirs[0]]}; map one of the walks anew under '
                         'another name')
    return moved.without_views(theirs)


def common_landmarks(first: LandmarkMap, moved: LandmarkMap, rendered: Sequence[Features],
                     extent: Floats, options: UpdateOptions) -> Indices:
    """
    Find the landmarks that coincide: in two views at least one is where the other is projected.

    :param moved: the second map in the frame of the first, `rendered` its views.
    :returns: (K, 2) landmarks of the second and of the first; each stands in one pair.
    """
    index = ViewIndex(first)

    def of_view(view: int) -> Indices:
        seen = observe_landmarks(first, index, moved.views.pose(view), rendered[view], extent,
                                 options.joining)
        theirs = _seen_in_front(moved, view)[seen.keypoints]
        return np.column_stack([theirs, seen.landmarks]).astype(np.intp)

    found = np.concatenate(list(ordered_map(of_view, range(len(rendered)))))
    pairs, votes = np.unique(found, axis=0, return_counts=True)
    pairs, votes = pairs[votes > 1], votes[votes > 1]
    pairs = pairs[np.argsort(-votes, kind='stable')]
    for column in (0, 1):
        _, once = np.unique(pairs[:, column], return_index=True)
        pairs = pairs[np.sort(once)]
    return np.asarray(pairs, np.intp)


def _join(first: LandmarkMap, moved: LandmarkMap, rendered: Sequence[Features],
          pairs: Indices) -> LandmarkMap:
    """Put two maps of one frame together; the landmarks of a pair become one."""
    theirs, ours = pairs.T
    common = _mean_landmarks(first, moved, theirs, ours)
    number = len(first.points_m) + np.arange(len(moved.points_m))
    number[theirs] = ours
    observations = observations_of(moved)
    observations = np.column_stack([observations[:, 0] + len(first.views),
                                    number[observations[:, 1]]])
    views = join_views(first.views, _described(first, moved.views, rendered))
    own = with_views_from(landmarks_of(moved), len(first.views))
    common = with_patches_of(common, own, theirs, ours)
    return with_parts(first, views, join_landmarks(common, own),
                      np.concatenate([observations_of(first), observations]))


def _mean_landmarks(first: LandmarkMap, moved: LandmarkMap, theirs: Indices,
                    ours: Indices) -> Landmarks:
    """Return the landmarks of the first map, averaged with those of the second by their views."""
    parts, other = landmarks_of(first), landmarks_of(moved)
    lengths = first.track_lengths
    weights = moved.track_lengths[theirs]
    means = weighted_means(parts, lengths, ours, other.descriptors[theirs], other.colors[theirs],
                           weights)
    points, part = parts.points_m.copy(), (weights / (weights + lengths[ours]))[:, np.newaxis]
    points[ours] = (1 - part) * points[ours] + part * other.points_m[theirs]
    return means._replace(points_m=points)


def _described(first: LandmarkMap, views: Views, rendered: Sequence[Features]) -> Views:
    """Return views with global descriptors by the vocabulary of the first map."""
    if first.vocabulary is None:
        size = first.views.global_descriptors.shape[1]
        return replace(views, global_descriptors=np.zeros((len(views), size), np.float16))
    return replace(views, global_descriptors=global_descriptors(rendered, first.vocabulary))
