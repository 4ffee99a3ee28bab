"""The place from above: where things lie on it, and which way they look."""

from __future__ import annotations

import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.visualization.floor_plan import draw_floor_plan, FloorPlan, GROUND, INK, PlanPose
import pytest

SIDE = 200
GREEN, RED = (0, 255, 0), (255, 0, 0)
CORNERS = np.array([[0.0, 0.0, 1.0], [10.0, 0.0, 1.0], [10.0, 10.0, 2.0], [0.0, 10.0, 0.0]])
# the optical axis along the map's x, its y down
LOOKS_ALONG_X = Pose.from_rotation([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], [5, 5, 1])
LOOKS_ALONG_Y = Pose.from_rotation([[1, 0, 0], [0, 0, 1], [0, -1, 0]], [5, 5, 1])
LOOKS_DOWN = Pose.from_rotation([[1, 0, 0], [0, -1, 0], [0, 0, -1]], [5, 5, 1])


def painted(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Return (N, 2) x y of the pixels of that colour."""
    return np.argwhere((picture == colour).all(axis=-1))[:, ::-1]


def test_x_is_to_the_right_y_up_and_all_of_it_in_view() -> None:
    plan = FloorPlan.around(CORNERS, 300, SIDE)
    left_below, right_below, right_above, left_above = plan.pixels(CORNERS)
    assert left_below[0] == left_above[0] < right_below[0] == right_above[0]
    assert left_below[1] == right_below[1] > left_above[1] == right_above[1]
    assert right_below[0] - left_below[0] == pytest.approx(left_below[1] - left_above[1])
    assert (plan.pixels(CORNERS) >= 20).all()
    assert (plan.pixels(CORNERS) <= (279, SIDE - 21)).all()


def test_training_images_are_dots_and_their_number_does_not_matter() -> None:
    picture = draw_floor_plan(CORNERS, width=SIDE, height=SIDE)
    plan = FloorPlan.around(CORNERS, SIDE, SIDE)
    for x, y in plan.pixels(CORNERS).round().astype(int):
        assert picture[y, x].astype(int).sum() > 2 * sum(GROUND)
    x, y = plan.pixels(np.array([[5.0, 5.0]])).round().astype(int)[0]
    assert tuple(picture[y, x]) == GROUND
    many = np.random.default_rng(0).uniform(0, 10, (100_000, 3))
    assert draw_floor_plan(many, width=SIDE, height=SIDE).shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize(('pose', 'ahead'), [(LOOKS_ALONG_X, (1, 0)), (LOOKS_ALONG_Y, (0, -1))])
def test_the_arrow_points_where_the_camera_looks(pose: Pose, ahead: tuple[int, int]) -> None:
    picture = draw_floor_plan(CORNERS, [PlanPose(pose, GREEN)], SIDE, SIDE)
    offsets = painted(picture, GREEN) - (SIDE - 1) / 2
    along = offsets @ ahead
    assert along.max() > 25
    assert along.min() > -8
    assert np.abs(offsets @ ahead[::-1]).max() < 10
    wide = [np.ptp((offsets @ ahead[::-1])[np.abs(along - at) < 2]) for at in (12, 24)]
    assert wide[1] > wide[0] + 4  # the tip is wider than the shaft


def test_a_camera_that_looks_down_is_a_dot() -> None:
    picture = draw_floor_plan(CORNERS, [PlanPose(LOOKS_DOWN, GREEN)], SIDE, SIDE)
    assert np.abs(painted(picture, GREEN) - (SIDE - 1) / 2).max() < 8


@pytest.mark.parametrize('angle', [0.5, -0.7, 2.5])
def test_the_ellipse_has_two_sigmas_along_the_axes_of_the_covariance(angle: float) -> None:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    covariance = np.eye(6)
    covariance[:2, :2] = turn @ np.diag([1.5 ** 2, 0.5 ** 2]) @ turn.T
    plain = draw_floor_plan(CORNERS, [PlanPose(LOOKS_DOWN, GREEN)], SIDE, SIDE)
    picture = draw_floor_plan(CORNERS, [PlanPose(LOOKS_DOWN, GREEN, covariance)], SIDE, SIDE)
    plan = FloorPlan.around(CORNERS, SIDE, SIDE)
    x_y = np.argwhere((picture != plain).any(axis=-1))[:, ::-1] - (SIDE - 1) / 2
    in_axes = (x_y * (1, -1) / plan.pixels_per_m) @ turn
    assert np.abs(in_axes).max(axis=0) == pytest.approx([3.0, 1.0], abs=0.15)


def test_a_camera_beyond_the_plan_is_a_ring_at_its_edge() -> None:
    far = Pose.from_rotation(LOOKS_ALONG_Y.rotation, [5000, 5, 0])
    picture = draw_floor_plan(CORNERS, [PlanPose(far, RED, np.eye(6))], SIDE, SIDE)
    found = painted(picture, RED)
    assert len(found)
    assert found[:, 0].min() > 0.7 * SIDE
    assert found.max() < SIDE - 1  # with its arrow, nothing is cut off
    assert found.min() > 0


def test_a_path_is_a_line_through_its_positions() -> None:
    path = np.array([[2.0, 8.0, 0.0], [8.0, 8.0, 0.0]])
    picture = draw_floor_plan(CORNERS, width=SIDE, height=SIDE, path_m=path)
    x, y = FloorPlan.around(CORNERS, SIDE, SIDE).pixels(path.mean(axis=0)[None])[0].round()
    assert np.abs(picture[int(y), int(x)].astype(int) - INK).max() < 60


@pytest.mark.parametrize('size', [(32, 32), (90, 30), (1200, 800)])
@pytest.mark.parametrize('training_m', [np.empty((0, 3)), np.zeros((1, 3)), CORNERS * 1e4])
def test_any_size_and_any_place_is_drawn(size: tuple[int, int], training_m: np.ndarray) -> None:
    width, height = size
    pose = PlanPose(LOOKS_ALONG_X, GREEN, np.eye(6) * 1e8)
    assert draw_floor_plan(training_m, [pose], width, height).shape == (height, width, 3)
    assert draw_floor_plan(training_m, [], width, height).dtype == np.uint8
