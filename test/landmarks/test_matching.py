"""Matching: mutual nearest neighbours, and the ratio test on distances."""

from __future__ import annotations

import numpy as np
from posenet_ros.landmarks.matching import match_mutual, unit_rows
import pytest


def directions(*degrees: float) -> np.ndarray:
    """Make descriptors (N, 2) in these directions."""
    angles = np.radians(degrees)
    return unit_rows(np.c_[np.cos(angles), np.sin(angles)])


def matches(ours: np.ndarray, theirs: np.ndarray, max_ratio: float) -> list[tuple[int, int]]:
    return list(zip(*(part.tolist() for part in match_mutual(ours, theirs, max_ratio)),
                    strict=True))


def test_a_match_is_the_nearest_both_ways() -> None:
    # 12 is nearest to 10 of theirs, but 10 is nearer to 9
    assert matches(directions(9, 12, 80), directions(82, 10), 0.9) == [(0, 1), (2, 0)]


@pytest.mark.parametrize(('max_ratio', 'matched'), [(0.51, True), (0.49, False)])
def test_the_ratio_is_of_distances(max_ratio: float, matched: bool) -> None:
    # chords of 2 and 4 degrees: a ratio of 0.5
    assert bool(matches(directions(0), directions(2, -4), max_ratio)) == matched


def test_too_few_descriptors_match_nothing() -> None:
    assert matches(directions(), directions(1, 90), 0.9) == []
    assert matches(directions(1), directions(1), 0.9) == []


def test_unit_rows_have_length_1_but_for_zeros() -> None:
    rows = unit_rows([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0]], atol=1e-7)
