"""Where a camera has moved to: by odometry, or at the velocity of its last poses."""

from __future__ import annotations

import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.motion import predict_pose, TimedPose
import pytest


def at(x: float, stamp_ns: int, odom_x: float | None = None) -> TimedPose:
    odometry = None if odom_x is None else Pose(np.array([odom_x, 0.0, 0.0]))
    return TimedPose(stamp_ns, Pose(np.array([x, 0.0, 0.0])), odometry)


@pytest.mark.parametrize(('past', 'now', 'x'), [
    ([at(1, 0)], at(9, 50), 1),  # one pose has no velocity
    ([at(0, 0), at(1, 100)], at(9, 150), 1.5),
    ([at(0, 0), at(0.2, 40), at(1, 100)], at(9, 150), 1.5),  # the mean velocity
    ([at(0, 0), at(1, 100)], at(9, 900), 2),  # for as long as it was observed, and no longer
    ([at(0, 0, 5), at(1, 100, 6)], at(9, 150, 6.2), 1.2),  # odometry knows better
    ([at(0, 0), at(1, 100)], at(9, 150, 6.2), 1.5)])
def test_the_predicted_position(past: list[TimedPose], now: TimedPose, x: float) -> None:
    np.testing.assert_allclose(predict_pose(past, now).translation_m, (x, 0, 0))
