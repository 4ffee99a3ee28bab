"""Search by inner products: exact, and by an index that loses next to nothing."""

from __future__ import annotations

from unittest import mock

import numpy as np
from posenet_ros.landmarks.retrieval import search
from posenet_ros.landmarks.retrieval.search import best_of, ExactSearch, IndexedSearch, search_of
import pytest

RNG = np.random.default_rng(0)


def descriptors(count: int = 6000, size: int = 128) -> np.ndarray:
    rows = RNG.standard_normal((count, 12)) @ RNG.standard_normal((12, size))
    rows += 0.3 * RNG.standard_normal((count, size))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def test_the_best_are_in_order_and_of_equals_the_first() -> None:
    values = np.array([1, 3, 2, 3, 0, 2, 2], np.float32)
    for count in range(9):
        assert best_of(values, count).tolist() == [1, 3, 2, 5, 6, 0, 4][:count]


def test_the_index_finds_what_exact_search_finds() -> None:
    pytest.importorskip('faiss')
    rows = descriptors()
    with mock.patch.object(search, 'CANDIDATES', 300), mock.patch.object(search, 'AT_ONCE', 1024):
        exact, index = ExactSearch(rows), IndexedSearch(rows)
        asked = rows[:40].astype(np.float32)
        found = [(exact.nearest(one, 20), index.nearest(one, 20)) for one in asked]
    assert all(mine[0] == number for number, (_, mine) in enumerate(found))
    assert np.mean([np.isin(*pair).mean() for pair in found]) > 0.98
    assert index.code_bytes == 32 * len(rows)  # 64 codes of 4 bits
    same = [np.array_equal(*pair) for pair in found]
    assert np.mean(same) > 0.5  # in the same order, for they are compared exactly


def test_an_index_is_for_many_descriptors_if_faiss_is_there() -> None:
    pytest.importorskip('faiss')
    rows = descriptors(400)
    assert isinstance(search_of(rows), ExactSearch)
    with mock.patch.object(search, 'INDEXED_FROM', 400):
        assert isinstance(search_of(rows), IndexedSearch)
        assert isinstance(search_of(rows[1:]), ExactSearch)
        assert isinstance(search_of(rows[:, :63]), ExactSearch)
        with mock.patch.object(search, 'find_spec', return_value=None):
            assert isinstance(search_of(rows), ExactSearch)
