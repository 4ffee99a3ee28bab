"""The campus: courts unlike each other, and walks along one route that stay on free ground."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.scene.campus.layout import (
    column_x,
    COLUMNS,
    COURT_FAR_M,
    COURT_HALF_M,
    COURT_NEAR_M,
    HALF_LENGTH_M,
    PASSAGE_HALF_M,
    route,
    STREET_HALF_M,
)
from posenet_ros.training.scene.campus.place import build_court, make_walks
from posenet_ros.training.scene.campus.route import lengths_of
from posenet_ros.training.scene.dataset import write_scene
from posenet_ros.training.scene.parts.structure import Court
from posenet_ros.training.scene.sequence import SequenceRenderer
from posenet_ros.training.scene.settings import Settings
from posenet_ros.training.scene.walks import SPEED_M_S, Walk
import pytest

MARGIN_M = 1.0  # nobody walks along a wall


def is_free(x: float, y: float) -> bool:
    """Return whether somebody can stand at a place: in the street, a passage or a court."""
    if abs(x) < HALF_LENGTH_M - MARGIN_M and abs(y) < STREET_HALF_M - MARGIN_M:
        return True
    across = min(abs(x - column_x(column)) for column in range(COLUMNS))
    if across < PASSAGE_HALF_M - MARGIN_M and abs(y) < COURT_NEAR_M + MARGIN_M:
        return True
    return across < COURT_HALF_M - MARGIN_M and (
        COURT_NEAR_M + MARGIN_M < abs(y) < COURT_FAR_M - MARGIN_M)


def path_of(walk: Walk) -> np.ndarray:
    """Return where the images of a walk are taken, (N, 3)."""
    return np.array([walk.pose(walk.time_s(i)).translation_m for i in range(walk.frames)])


@pytest.mark.parametrize('seed', [0, 3])
def test_walks_of_many_images_see_all_courts_and_hit_no_wall(seed: int) -> None:
    walks = make_walks(6000, 600, seed)
    assert [walk.split for walk in walks] == ['train'] * (len(walks) - 1) + ['test']
    assert sum(walk.frames for walk in walks) == 6000
    assert len({walk.name for walk in walks}) == len(walks) >= 5
    for walk in walks:
        path = path_of(walk)
        assert all(is_free(x, y) for x, y, _ in path)
        courts = {(round(x / 40), y > 0) for x, y, _ in path if abs(y) > 20}
        assert len(courts) == 2 * COLUMNS
        steps = np.linalg.norm(np.diff(path[:, :2], axis=0), axis=1)
        assert steps.max() < 1.5 * SPEED_M_S / walk.rate_hz + 0.3


def test_few_images_are_the_beginning_of_the_route_and_the_test_is_there() -> None:
    few, many = make_walks(440, 40, 0), make_walks(880, 80, 0)
    np.testing.assert_allclose(path_of(many[0])[:100], path_of(few[0]))
    reach = [max(lengths_of(path_of(walk)[:, :2])) for walk in few]
    assert reach[-1] == pytest.approx(np.mean(reach[:-1]), rel=0.15)  # the test walk's
    assert 30 < np.mean(reach) < 80
    apart = np.linalg.norm(path_of(few[0])[:, np.newaxis] - path_of(few[1]), axis=2).min(axis=1)
    assert 0.05 < np.median(apart) < 2  # the same ground, not the same path


def test_more_images_than_the_route_has_are_more_walks() -> None:
    assert len(make_walks(12_000, 0, 0)) > len(make_walks(6000, 0, 0))
    for frames in (3000, 6000, 12_000):
        for walk in make_walks(frames, 100, 0)[:-1]:
            assert walk.frames / walk.rate_hz * SPEED_M_S < walk.lap_m


def test_the_gaze_follows_the_route_and_looks_to_both_sides() -> None:
    walk = make_walks(6000, 600, 0)[0]
    poses = [walk.pose(walk.time_s(i)) for i in range(walk.frames)]
    ahead = np.gradient(np.array([pose.translation_m for pose in poses]), axis=0)[:, :2]
    gaze = np.array([pose.rotation[:2, 2] for pose in poses])
    turn = np.degrees(np.arctan2(ahead[:, 0] * gaze[:, 1] - ahead[:, 1] * gaze[:, 0],
                                 np.sum(ahead * gaze, axis=1)))
    assert abs(np.median(turn)) < 12
    assert np.percentile(turn, 90) > 45
    assert np.percentile(turn, 10) < -45


def test_the_route_enters_each_court_from_the_street() -> None:
    corners = np.array(route())
    assert (np.abs(corners[:, 0]) < HALF_LENGTH_M).all()
    assert corners[0, 0] < column_x(0) < column_x(COLUMNS - 1) < corners[-1, 0]


@pytest.fixture(scope='module')
def courts() -> list[Court]:
    """Return two courts."""
    return [build_court(np.random.default_rng((0, 50, number))) for number in range(2)]


def test_courts_are_unlike_each_other_and_a_seed_draws_the_same(courts: list[Court]) -> None:
    again = build_court(np.random.default_rng((0, 50, 1)))
    for ours, same in zip(courts[1].surfaces, again.surfaces, strict=True):
        np.testing.assert_array_equal(ours.albedo, same.albedo)
        np.testing.assert_array_equal(ours.origin_m, same.origin_m)
    fronts = [max(court.surfaces, key=lambda one: one.width_m * (not one.floor))
              for court in courts]
    small = [cv2.resize(front.albedo[..., :3], (300, 100)).astype(int) for front in fronts]
    assert np.abs(small[0] - small[1]).mean() > 20


def test_a_court_is_closed_to_the_eye(courts: list[Court]) -> None:
    walk = make_walks(6000, 600, 0)[0]
    renderer = SequenceRenderer(courts[0], walk, Settings(width=160, height=120).camera, 0)
    inside = [i for i, (x, y, _) in enumerate(path_of(walk)) if abs(x) < 10 and 18 < y < 32]
    assert len(inside) > 50
    for index in inside[::25]:
        inverse = renderer.draw(index).inverse_depth
        assert (inverse[100:] > 0).mean() > 0.95  # the ground
        assert (inverse[50:70] > 1 / 130).mean() > 0.9  # walls at eye level


@pytest.mark.long
def test_a_campus_is_read_as_a_dataset(tmp_path: Path) -> None:
    write_scene(tmp_path / 'campus', Settings(16, 96, 64, place='campus', test_frames=4),
                processes=1)
    train, test = (read_dataset(tmp_path / 'campus', split) for split in ('train', 'test'))
    assert (len(train.samples), len(test.samples)) == (12, 4)
    assert {sample.sequence for sample in train.samples} == {f'seq{i}' for i in range(1, 5)}
    assert cv2.imread(str(train.samples[0].path)).std() > 10
