"""View pairs: by rank, distance and direction, over all walks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from posenet_ros.geometry.lie import so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.data.datasets import Dataset, Sample
from posenet_ros.training.landmarks.options import PairOptions
from posenet_ros.training.landmarks.reconstruction.pairs import (
    cameras_of,
    select_pairs,
    ViewSearch,
)
import pytest

from .scene import AHEAD, CAMERA

OPTIONS = PairOptions(ranks=(0, 1, 3), ranks_of_other_walks=(0,))


def dataset_at(positions: np.ndarray, turns_deg: np.ndarray | None = None,
               sequences: np.ndarray | None = None) -> Dataset:
    turns = np.zeros(len(positions)) if turns_deg is None else np.radians(turns_deg)
    names = ['a'] * len(positions) if sequences is None else sequences.tolist()
    poses = [Pose.from_rotation(so3_exp([0, 0, turn]) @ AHEAD, place)
             for turn, place in zip(turns, positions, strict=True)]
    samples = [Sample(Path(str(i)), str(i), pose, name)
               for i, (pose, name) in enumerate(zip(poses, names, strict=True))]
    return Dataset('places', tuple(samples), CAMERA)


def line(count: int, step_m: float = 1.0) -> np.ndarray:
    return np.column_stack([np.arange(count) * step_m, np.zeros((count, 2))])


def test_nearest_views_are_those_of_a_search_of_all() -> None:
    rng = np.random.default_rng(0)
    count = 400
    data = dataset_at(1e4 + rng.uniform(0, 10, (count, 3)), rng.uniform(0, 360, count))
    cameras, options = cameras_of(data), PairOptions()
    views = np.arange(count)
    found = ViewSearch(cameras, 0.8, options).nearest(views, views, 31)
    ahead = cameras.rotations[:, :, 2]
    for view in range(0, count, 7):
        distances = np.linalg.norm(cameras.positions_m - cameras.positions_m[view], axis=1)
        usable = (ahead @ ahead[view] > np.cos(np.radians(45))) & (distances > 0.8)
        expected = np.argsort(np.where(usable, distances, np.inf), kind='stable')[:31]
        expected = np.where(usable[expected], expected, -1)
        assert np.array_equal(found[view], expected)


def test_ranks_choose_among_the_nearest() -> None:
    pairs = select_pairs(dataset_at(line(9) ** 1.2), OPTIONS)
    of_first = sorted(set(pairs[pairs[:, 0] == 0, 1].tolist()))
    assert of_first[:3] == [1, 2, 4]
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert len(np.unique(pairs, axis=0)) == len(pairs)


def test_views_of_other_directions_or_without_parallax_are_not_paired() -> None:
    turns = np.tile([0.0, 60.0], 10)
    pairs = select_pairs(dataset_at(line(20), turns), OPTIONS)
    assert len(pairs)
    assert (turns[pairs[:, 0]] == turns[pairs[:, 1]]).all()
    beside = line(10) + np.array([0.3, 0, 0])
    close = np.concatenate([line(10), beside])
    pairs = select_pairs(dataset_at(close), OPTIONS)
    assert (np.linalg.norm(close[pairs[:, 0]] - close[pairs[:, 1]], axis=1) > 0.5).all()


def test_dense_walks_are_joined_with_the_other_walks_beside_them() -> None:
    above = line(60, 0.1) + np.array([0, 0, 1.0])
    positions = np.concatenate([line(60, 0.1), above])
    sequences = np.repeat(['a', 'b'], 60)
    data = dataset_at(positions, sequences=sequences)
    walks = sequences[select_pairs(data, OPTIONS)]
    assert (walks[:, 0] != walks[:, 1]).sum() >= 60
    alone = select_pairs(data, replace(OPTIONS, ranks_of_other_walks=()))
    assert (sequences[alone[:, 0]] == sequences[alone[:, 1]]).all()
    far = dataset_at(positions + np.where(sequences == 'b', 50.0, 0)[:, np.newaxis],
                     sequences=sequences)
    walks = sequences[select_pairs(far, OPTIONS)]
    assert (walks[:, 0] == walks[:, 1]).all(), 'further than ten times the last rank'


def test_a_camera_that_stood_still_is_paired_with_where_it_went() -> None:
    onwards = line(20) + np.array([1.0, 0, 0])
    positions = np.concatenate([np.zeros((300, 3)), onwards])
    pairs = select_pairs(dataset_at(positions), OPTIONS)
    standing = pairs[pairs[:, 0] == 0, 1]
    assert standing.tolist() == [300, 301, 303]


@pytest.mark.parametrize('count', [1, 2])
def test_few_views_have_few_pairs(count: int) -> None:
    assert len(select_pairs(dataset_at(line(count)), OPTIONS)) == count - 1
