"""Parts of a place: each view is one part's own, neighbours overlap, and the result is stable."""

from __future__ import annotations

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.training.pipelines.mapping.parts.split import (
    AUTO,
    part_count,
    split_views,
    SplitOptions,
    views_at_once,
)
import pytest

OPTIONS = SplitOptions()
PLACES = np.random.default_rng(0).uniform((0, 0, 0), (120, 60, 2), (1000, 3))


@pytest.mark.parametrize('count', [1, 2, 3, 4, 7])
def test_each_view_is_the_own_view_of_one_part(count: int) -> None:
    parts = split_views(PLACES, count, OPTIONS)
    own = np.concatenate([part.views[part.own] for part in parts])
    assert len(parts) == count
    np.testing.assert_array_equal(np.sort(own), np.arange(len(PLACES)))
    sizes = [part.own.sum() for part in parts]
    assert max(sizes) <= 2 * min(sizes) + 1
    assert all((np.diff(part.views) > 0).all() for part in parts)


def test_neighbours_share_a_tenth_of_their_views_at_the_cut() -> None:
    west, east = split_views(PLACES, 2, OPTIONS)
    shared = np.intersect1d(west.views, east.views)
    assert len(shared) == pytest.approx(0.1 * len(west.views), rel=0.1)
    middle = np.median(PLACES[:, 0])
    assert (PLACES[west.views[west.own], 0] <= middle).all()
    assert np.abs(PLACES[shared, 0] - middle).max() < 6  # the nearest to the cut


@pytest.mark.parametrize('axes', [[0, 1, 2], [1, 0, 2], [2, 1, 0]])
def test_a_part_is_cut_across_its_longest_side(axes: list[int]) -> None:
    places = PLACES[:, axes]
    for count, largest in ((2, 66), (4, 66), (8, 40)):
        for part in split_views(places, count, OPTIONS):
            assert np.ptp(places[part.views], axis=0).max() < largest


def test_views_in_one_place_are_split_too() -> None:
    parts = split_views(np.zeros((40, 3)), 2, OPTIONS)
    assert [int(part.own.sum()) for part in parts] == [20, 20]


@pytest.mark.parametrize(('parts', 'views', 'count'), [
    (AUTO, 500, 1), (AUTO, 501, 2), (AUTO, 10_000, 20), ('3', 30, 3), ('1', 5, 1)])
def test_the_number_of_parts(parts: str, views: int, count: int) -> None:
    assert part_count(parts, views, OPTIONS) == count


def test_parts_that_are_too_small_are_refused() -> None:
    with pytest.raises(InputError, match='each part has to have 10 images'):
        part_count('3', 29, OPTIONS)


def test_the_features_of_a_part_alone_are_in_memory() -> None:
    assert views_at_once('4', 1000, OPTIONS) == 275
    assert views_at_once('1', 1000, OPTIONS) == 1000
