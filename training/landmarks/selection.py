"""Select landmarks within a budget, and describe them: mean descriptors and colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import AnyArray
from posenet_ros.landmarks.features import QUANTISATION_LEVELS
from posenet_ros.landmarks.matching import unit_rows
from posenet_ros.training.landmarks.feature_cache import ViewFeatures
from posenet_ros.training.landmarks.reconstruction.tracks import Tracks
from posenet_ros.training.landmarks.reconstruction.triangulation import Triangulated

CHUNK = 4096  # landmarks that are described at a time


def select_landmarks(found: Triangulated, views: int, budget: int) -> NDArray[np.intp]:
    """
    Select the landmarks of the longest tracks until each view has enough.

    A landmark is taken while any of its views has fewer than the budget; of tracks of the same
    length the one with the smaller errors comes first.

    :param views: number of views; `budget` of landmarks that each wants.
    :returns: (K,) indices of landmarks, rising.
    """
    tracks = found.tracks
    mean_errors = np.add.reduceat(found.errors, tracks.starts[:-1]) / tracks.lengths
    starts, seen_by = tracks.starts.tolist(), tracks.views.tolist()
    wanted, selected = [budget] * views, []
    for landmark in np.lexsort((mean_errors, -tracks.lengths)).tolist():
        own = seen_by[starts[landmark]:starts[landmark + 1]]
        if any(wanted[view] > 0 for view in own):
            selected.append(landmark)
            for view in own:
                wanted[view] -= 1
    return np.sort(np.array(selected, np.intp))


def mean_descriptors(tracks: Tracks, features: Sequence[ViewFeatures]) -> NDArray[np.uint8]:
    """Average the descriptors of each track: (L, DESCRIPTOR_SIZE), of length 1, quantised."""
    def mean(values: AnyArray, starts: NDArray[np.intp]) -> AnyArray:
        rows = unit_rows(np.add.reduceat(unit_rows(values), starts))
        return np.minimum(np.round(rows * QUANTISATION_LEVELS), 255)

    return _by_track(tracks, [one.features.descriptors for one in features], mean)


def mean_colors(tracks: Tracks, features: Sequence[ViewFeatures]) -> NDArray[np.uint8]:
    """Average the colours of each track, (L, 3) RGB."""
    def mean(values: AnyArray, starts: NDArray[np.intp]) -> AnyArray:
        counts = np.diff(np.append(starts, len(values)))[:, np.newaxis]
        return np.round(np.add.reduceat(values.astype(np.float64), starts) / counts)

    return _by_track(tracks, [one.colors for one in features], mean)


def _by_track(tracks: Tracks, values: Sequence[AnyArray],
              mean: Callable[[AnyArray, NDArray[np.intp]], AnyArray]) -> NDArray[np.uint8]:
    """Apply `mean(rows, starts)` to the rows of the observations of each track."""
    offsets = np.cumsum([0, *map(len, values)])
    rows, parts = np.concatenate(values), []
    nodes = offsets[tracks.views] + tracks.keypoints
    for first in range(0, len(tracks), CHUNK):
        starts = tracks.starts[first:first + CHUNK + 1]
        chosen = rows[nodes[starts[0]:starts[-1]]]
        parts.append(mean(chosen, starts[:-1] - starts[0]).astype(np.uint8))
    return np.concatenate([np.empty((0, rows.shape[1]), np.uint8), *parts])


def seen_by_view(tracks: Tracks, views: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """
    List the landmarks that each view sees.

    :returns: `starts` (V + 1,) and `seen` (O,), as of a LandmarkMap.
    """
    order = np.lexsort((tracks.indices, tracks.views))
    counts = np.bincount(tracks.views, minlength=views)
    return (np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
            tracks.indices[order].astype(np.int32))
