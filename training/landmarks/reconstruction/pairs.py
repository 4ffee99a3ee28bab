"""Select the pairs of views to match: near ones that look the same way, over all walks."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.data.view_pairs import median_step_m
from posenet_ros.training.landmarks.options import PairOptions

FLANN_INDEX_KDTREE_SINGLE = 4  # exact; OpenCV's Python module does not name it
FIRST_CANDIDATES = 64  # of a view; more where too few of them are usable
QUERIES = 1024  # views that are searched at a time


class Cameras(NamedTuple):
    """
    The poses of V views, map_from_camera.

    :param positions_m: (V, 3) camera centres, metres.
    :param rotations: (V, 3, 3).
    """

    positions_m: Floats
    rotations: Floats


def cameras_of(dataset: Dataset) -> Cameras:
    """Return the poses of a dataset's images."""
    return Cameras(dataset.positions_m,
                   np.array([s.map_from_camera.rotation for s in dataset.samples]))


def select_pairs(dataset: Dataset, options: PairOptions) -> NDArray[np.intp]:
    """
    Select view pairs by distance and viewing direction.

    Each view meets some of its nearest ones, by rank; where few of these are of other walks, it
    meets the nearest of other walks, too.

    :returns: (P, 2) indices of views, the smaller first, without repeats, rising.
    """
    cameras = cameras_of(dataset)
    sequences = np.array([s.sequence for s in dataset.samples])
    poses = [s.map_from_camera for s in dataset.samples]
    min_distance = options.min_baseline_steps * median_step_m(poses, sequences.tolist())
    search = ViewSearch(cameras, min_distance, options)
    views = np.arange(len(poses))
    near = search.nearest(views, views, max(options.ranks) + 1)
    chosen = near[:, list(options.ranks)]
    partners = [chosen, _of_other_walks(search, near, chosen, sequences, options)]
    pairs = np.concatenate([np.column_stack([np.repeat(views, part.shape[1]), part.ravel()])
                            for part in partners])
    return np.unique(np.sort(pairs[pairs[:, 1] >= 0], axis=1), axis=0)


class ViewSearch:
    """
    Search of the views nearest to a view that look the same way.

    :param min_distance_m: nearer views are not found.
    """

    def __init__(self, cameras: Cameras, min_distance_m: float, options: PairOptions) -> None:
        self._positions, self._min_distance_m = cameras.positions_m, min_distance_m
        self._ahead = cameras.rotations[:, :, 2]
        # 32 bits, as FLANN has them, are exact enough near the origin
        self._centred = (
            cameras.positions_m - cameras.positions_m.mean(axis=0)).astype(np.float32)
        self._min_cosine = np.cos(np.radians(options.max_angle_deg))
        self._max_candidates = options.max_candidates

    def nearest(self, views: NDArray[np.intp], candidates: NDArray[np.intp],
                count: int) -> NDArray[np.intp]:
        """
        Find the usable candidates nearest to each view.

        :param views: (N,) and `candidates` (M,) are indices of views.
        :returns: (N, count) indices of views, nearest first; -1 where there are no more.
        """
        found = np.full((len(views), count), -1)
        if not len(candidates):
            return found
        tree = cv2.flann.Index(self._centred[candidates], {
            'algorithm': FLANN_INDEX_KDTREE_SINGLE})
        limit = min(len(candidates), self._max_candidates)
        open_rows, wanted = np.arange(len(views)), min(FIRST_CANDIDATES, limit)
        while len(open_rows):
            for rows in np.split(open_rows, range(QUERIES, len(open_rows), QUERIES)):
                near, _ = tree.knnSearch(self._centred[views[rows]], wanted, params={'checks': -1})
                found[rows] = self._usable(views[rows], candidates[near], count)
            if wanted == limit:
                break
            open_rows = open_rows[found[open_rows, -1] < 0]
            wanted = min(4 * wanted, limit)
        return found

    def distances_m(self, views: NDArray[np.intp], others: NDArray[np.intp]) -> Floats:
        """Return the distances (N, K) of views (N,) to others (N, K), metres."""
        steps = self._positions[others] - self._positions[views, np.newaxis]
        return np.asarray(np.linalg.norm(steps, axis=2), np.float64)

    def _usable(self, views: NDArray[np.intp], near: NDArray[np.intp],
                count: int) -> NDArray[np.intp]:
        """Return the first `count` usable of the candidates near each view, -1 for none."""
        near = np.sort(near, axis=1)  # views at the same distance in the order of their index
        distances = self.distances_m(views, near)
        along = np.einsum('nki,ni->nk', self._ahead[near], self._ahead[views])
        usable = (along > self._min_cosine) & (distances > self._min_distance_m)
        distances[~usable] = np.inf
        order = np.argsort(distances, axis=1, kind='stable')[:, :count]
        first = np.where(np.take_along_axis(usable, order, 1), np.take_along_axis(near, order, 1),
                         -1)
        return np.pad(first, ((0, 0), (0, count - first.shape[1])), constant_values=-1)


def _of_other_walks(search: ViewSearch, near: NDArray[np.intp], chosen: NDArray[np.intp],
                    sequences: NDArray[np.str_], options: PairOptions) -> NDArray[np.intp]:
    """
    Find views of other walks for the views that have chosen too few of them.

    :param near: (V, R) nearest usable views; `chosen` (V, K) of them are paired already.
    :returns: (V, len(ranks_of_other_walks)) indices of views, -1 for none.
    """
    ranks = list(options.ranks_of_other_walks)
    across = (chosen >= 0) & (sequences[chosen] != sequences[:, np.newaxis])
    few = across.sum(axis=1) < len(ranks)
    partners = np.full((len(sequences), len(ranks)), -1)
    for walk in np.unique(sequences):
        views = np.flatnonzero(few & (sequences == walk))
        if len(views) and ranks:
            others = np.flatnonzero(sequences != walk)
            partners[views] = search.nearest(views, others, max(ranks) + 1)[:, ranks]
    # a view that looks at other things is not worth a match
    reach = np.where(near >= 0, search.distances_m(np.arange(len(near)), near), 0).max(axis=1)
    far = search.distances_m(np.arange(len(near)), partners) > options.max_reach * (
        reach[:, np.newaxis])
    partners[far] = -1
    return partners
