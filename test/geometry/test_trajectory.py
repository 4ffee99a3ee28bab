"""Trajectories: order, interpolation, and the gaps over which nothing is interpolated."""

from __future__ import annotations

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import Trajectory
import pytest

S = 1_000_000_000
START = 1_600_000_000 * S


def at_x(metres: float) -> Pose:
    return Pose(np.array([metres, 2 * metres, -metres]))


def walk(*seconds: float) -> Trajectory:
    """Return poses whose x is their time, seconds."""
    return Trajectory.from_poses([(START + round(s * S), at_x(s)) for s in seconds], 'map', 'cam')


@pytest.mark.parametrize(('second', 'x'), [
    (0.0, 0.0), (0.1, 0.1), (0.04, 0.04), (0.15, 0.15), (0.2, 0.2), (-1e-9, None),
    (0.2 + 1e-9, None)])
def test_poses_are_interpolated_between_the_first_and_the_last(
        second: float, x: float | None) -> None:
    found = walk(0.0, 0.1, 0.2).at(START + round(second * S))
    if x is None:
        assert found is None
    else:
        assert found is not None
        np.testing.assert_allclose(found.translation_m, [x, 2 * x, -x], atol=1e-9)


@pytest.mark.parametrize(('gap_s', 'limit_s', 'answered'), [
    (0.2, None, True), (0.201, None, False), (0.5, 0.5, True), (0.501, 0.5, False)])
def test_a_gap_that_is_too_long_has_no_pose_but_its_ends_have(
        gap_s: float, limit_s: float | None, answered: bool) -> None:
    track = walk(0.0, 0.1, 0.1 + gap_s, 0.2 + gap_s)
    limits = () if limit_s is None else (limit_s,)
    assert (track.at(START + round((0.1 + gap_s / 3) * S), *limits) is not None) == answered
    for second in (0.1, 0.1 + gap_s, 0.15 + gap_s):
        assert track.at(START + round(second * S), *limits) is not None


def test_a_trajectory_has_its_length_its_poses_and_its_frames() -> None:
    track = walk(0.3, 0.1)
    assert len(track) == 2
    assert track.pose(0).translation_m[0] == 0.1
    assert track.pose(-1).translation_m[0] == 0.3
    assert (track.frame_id, track.child_frame_id, track.rejected) == ('map', 'cam', 0)
    assert Trajectory.from_poses([(1, Pose())], rejected=3).rejected == 3
    assert Trajectory.from_poses([(1, Pose())]).at(1) is not None


def test_no_poses_are_no_trajectory() -> None:
    with pytest.raises(InputError, match=r'at least one pose\. Received: none, and 4 with NaN'):
        Trajectory.from_poses([], rejected=4)
    with pytest.raises(InputError, match='none, and 0 with'):
        Trajectory.from_poses([])
