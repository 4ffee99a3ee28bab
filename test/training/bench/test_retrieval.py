"""The benchmark of retrieval: descriptors like a map's, recall by definition."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from map_helpers import write_map_model
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.landmarks.landmark_map import Views
from posenet_ros.training.bench.__main__ import main
from posenet_ros.training.bench.retrieval.benchmark import measure, recall_of, retrieval_rows
from posenet_ros.training.bench.retrieval.walks import fit_walks, REPEATS, WalkModel
import pytest


@pytest.fixture(scope='module')
def model() -> WalkModel:
    """Return the model of four walks whose neighbours resemble each other."""
    rng = np.random.default_rng(0)
    steps = np.cumsum(rng.standard_normal((4, 60, 64)) * 0.1, axis=1)
    rows = rng.standard_normal((4, 1, 64)) + steps
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    views = SimpleNamespace(global_descriptors=rows.reshape(-1, 64).astype(np.float16),
                            sequences=tuple(np.repeat(list('abcd'), 60).tolist()))
    return fit_walks(cast(Views, views))


def test_walks_are_like_those_of_the_map(model: WalkModel) -> None:
    rng = np.random.default_rng(1)
    walked = model.walk(4000, rng)
    assert walked.shape == (4000, 64)
    assert np.array_equal(walked[0], walked[REPEATS - 1])
    assert not np.array_equal(walked[0], walked[REPEATS])
    seen = model.observe(walked, rng)
    assert np.linalg.norm(seen, axis=1) == pytest.approx(1, abs=1e-4)
    near, far = (1 - np.mean(np.sum(one * other, axis=1)) for one, other in (
        (seen[::REPEATS], seen[1::REPEATS]), (seen[:2000], seen[2000:])))
    assert 0 < near < far / 2
    variance = np.sum((walked - model.mean).var(axis=0))
    assert variance == pytest.approx(
        np.sum(model.between ** 2) + np.sum(model.within ** 2), rel=0.4)


def test_recall_is_the_part_of_the_best_that_is_found() -> None:
    class Fixed:

        def __init__(self, *found: int) -> None:
            self.found = np.array(found)

        def nearest(self, *_: Any) -> np.ndarray:  # noqa: ANN401
            return self.found
    asked = np.zeros((3, 4), np.float32)
    assert recall_of(Fixed(1, 2, 3, 4), Fixed(9, 4, 8, 2), asked) == 0.5


def test_the_index_is_measured_beside_exact_search(model: WalkModel) -> None:
    pytest.importorskip('faiss')
    found = measure(model, 3000, 10)
    assert found['recall'] > 0.98
    assert found['index_mb'] == pytest.approx(0.096)
    assert found['exact_mb'] == pytest.approx(0.768)
    head, row = retrieval_rows({'rows': [found]})
    assert len(head) == len(row)
    assert row[:2] == ['3000', '64']


def test_without_a_map_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='give its folder by --model'):
        main(['retrieval', '--out', str(tmp_path / 'r.json')])


def test_descriptors_that_cannot_be_indexed_are_named_or_searched_exactly(
        tmp_path: Path) -> None:
    pytest.importorskip('faiss')
    rng = np.random.default_rng(0)
    few = measure(WalkModel(*(rng.standard_normal((n, 23)).astype(np.float32)
                              for n in (1, 3, 3, 3)), 0.5), 500, 3)
    assert 'index_ms' not in few
    assert retrieval_rows({'rows': [few]})[1][3] == '-'
    write_map_model(tmp_path / 'model', tmp_path / 'wall')
    with pytest.raises(InputError, match='multiple of 64 numbers'):
        main(['retrieval', '--model', str(tmp_path / 'model')])
