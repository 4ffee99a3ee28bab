"""Split the views of a large place into overlapping parts, by recursive bisection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError

Indices = NDArray[np.intp]
AUTO = 'auto'


@dataclass(frozen=True)
class SplitOptions:
    """Settings of :func:`split_views`."""

    # views of a part, about, where their number is not given: more need not be in memory at once
    views: int = 500
    # of the views of a part those that it shares with its neighbour, on each cut
    overlap: float = 0.1
    # fewer make no map
    min_views: int = 10


@dataclass(frozen=True, eq=False)
class Part:
    """
    A part of the views.

    :param views: (N,) indices of its views, rising.
    :param own: (N,) mask of those that are of no other part's own.
    """

    views: Indices
    own: NDArray[np.bool_]


def part_count(parts: str, views: int, options: SplitOptions) -> int:
    """
    Return the number of parts.

    :param parts: a number, or AUTO: as many as `options.views` asks for.
    :raises InputError: when the parts would be too small.
    """
    if parts == AUTO:
        return max(-(-views // options.views), 1)
    count = int(parts)
    if count > 1 and views < count * options.min_views:
        raise InputError(f'--parts: each part has to have {options.min_views} images. Received: '
                         f'{count} parts of {views} images')
    return count


def views_at_once(parts: str, views: int, options: SplitOptions) -> int:
    """Return how many views a part has, about: with those that it shares."""
    count = part_count(parts, views, options)
    return views if count == 1 else round(views / count * (1 + options.overlap))


def split_views(positions_m: Floats, count: int, options: SplitOptions) -> list[Part]:
    """
    Split views into parts by position: the part with the most is cut across its longest side.

    :param positions_m: (V, 3) camera centres, metres.
    :returns: `count` parts, whose own views are all V views, each once.
    """
    parts = [np.arange(len(positions_m))]
    own = [np.ones(len(positions_m), np.bool_)]
    while len(parts) < count:
        largest = int(np.argmax([mask.sum() for mask in own]))
        for part in _cut(parts.pop(largest), own.pop(largest), positions_m, options.overlap):
            parts.append(part.views)
            own.append(part.own)
    return [Part(*one) for one in zip(parts, own, strict=True)]


def views_of_several(parts: Sequence[Part], count: int) -> NDArray[np.bool_]:
    """Return a mask (V,) of the `count` views V that are in several parts."""
    return np.asarray(np.bincount(
        np.concatenate([part.views for part in parts]), minlength=count) > 1)


def _cut(views: Indices, own: NDArray[np.bool_], positions_m: Floats,
         overlap: float) -> tuple[Part, Part]:
    """Cut a part at the median of its own views along its longest side."""
    places = positions_m[views]
    axis = int(np.ptp(places[own], axis=0).argmax())
    # views at the same place in the order of their index
    rank = np.empty(len(views), np.intp)
    rank[np.lexsort((views, places[:, axis]))] = np.arange(len(views))
    middle = np.median(rank[own])
    reach = overlap * own.sum() / 4  # each half has half of the views, and shares a tenth of them
    low = rank < middle
    return (_of(views, own & low, rank < middle + reach),
            _of(views, own & ~low, rank >= middle - reach))


def _of(views: Indices, own: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> Part:
    return Part(views[chosen], own[chosen])
