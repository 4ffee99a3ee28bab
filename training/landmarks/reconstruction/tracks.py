"""Tracks: the keypoints of all views that verified matches join."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from posenet_ros.training.landmarks.reconstruction.verified_matches import PairMatches

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Tracks:
    """
    Keypoints that show the same spot, track by track.

    :param views: (O,) index of the view of each observation.
    :param keypoints: (O,) index of its keypoint within that view.
    :param starts: (T + 1,) index of the first observation of each track, and O.
    """

    views: Indices
    keypoints: Indices
    starts: Indices

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Indices:
        """(T,) number of observations of each track."""
        return np.diff(self.starts)

    @property
    def indices(self) -> Indices:
        """(O,) index of the track of each observation."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def subset(self, tracks: Indices) -> Tracks:
        """Return some tracks (K,)."""
        lengths = self.lengths[tracks]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        chosen = np.arange(starts[-1]) + np.repeat(self.starts[tracks] - starts[:-1], lengths)
        return Tracks(self.views[chosen], self.keypoints[chosen], starts)

    def where(self, kept: NDArray[np.bool_], min_length: int = 0) -> tuple[Tracks, Indices]:
        """
        Keep some observations, and the tracks that are long enough then.

        :param kept: (O,) mask of observations.
        :returns: the tracks, and their indices (K,) in this one.
        """
        lengths = np.bincount(self.indices[kept], minlength=len(self))
        part = Tracks(self.views[kept], self.keypoints[kept],
                      np.concatenate([[0], np.cumsum(lengths)]))
        chosen = np.flatnonzero(lengths >= min_length)
        return part.subset(chosen), chosen


def join(parts: Sequence[Tracks]) -> Tracks:
    """Put tracks one after another."""
    lengths = np.concatenate([np.empty(0, np.intp), *(part.lengths for part in parts)])
    return Tracks(np.concatenate([np.empty(0, np.intp), *(part.views for part in parts)]),
                  np.concatenate([np.empty(0, np.intp), *(part.keypoints for part in parts)]),
                  np.concatenate([[0], np.cumsum(lengths)]))


def connected_components(count: int, left: Indices, right: Indices) -> Indices:
    """
    Label the connected components of a graph by label propagation.

    Each round takes the smaller label over every edge and halves the paths to the roots
    (Shiloach and Vishkin 1982), so that a few rounds suffice.

    :param count: of the nodes; the edges join `left` (E,) and `right` (E,).
    :returns: (count,) the smallest node of each node's component.
    """
    labels = np.arange(count)
    while True:
        smaller = np.minimum(labels[left], labels[right])
        new = labels.copy()
        for ends in (labels[left], labels[right], left, right):
            np.minimum.at(new, ends, smaller)
        new = new[new]
        new = new[new]
        if np.array_equal(new, labels):
            return labels
        labels = new


def make_tracks(counts: Sequence[int], matches: Sequence[PairMatches]) -> Tracks:
    """
    Make tracks of all keypoints that matches join, directly or by way of others.

    :param counts: of the keypoints of each view.
    :returns: in the order of their first keypoint; a view may have several in one track.
    """
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
    none = np.empty((0, 2), np.intp)
    edges = np.concatenate([none, *(
        one.keypoints + offsets[[one.first, one.second]] for one in matches)])
    labels = connected_components(int(offsets[-1]), *edges.T)
    matched = np.zeros(offsets[-1], bool)
    matched[edges] = True
    nodes = np.flatnonzero(matched)
    nodes = nodes[np.argsort(labels[nodes], kind='stable')]
    starts = np.flatnonzero(np.diff(labels[nodes], prepend=-1))
    views = np.searchsorted(offsets, nodes, side='right') - 1
    return Tracks(views, nodes - offsets[views], np.append(starts, len(nodes)))
