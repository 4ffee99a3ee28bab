"""Let map_from_odom follow the newest poses without jumps, which controllers dislike."""

from __future__ import annotations

import numpy as np
from posenet_ros.geometry.lie import interpolate, rotation_angle_rad
from posenet_ros.geometry.pose import Pose

MAX_STEP_M = 1.0  # a larger one is a correction, not noise
DONE_M, DONE_RAD = 1e-5, 1e-5


class SmoothMapFromOdom:
    """
    A first-order low-pass filter of map_from_odom on SE(3).

    After dt seconds, with the time constant T:

        map_from_robot <- interpolate(map_from_robot, target_from_robot, 1 - exp(-dt / T))
        map_from_odom <- map_from_robot @ odom_from_robot^-1

    where map_from_robot = map_from_odom @ odom_from_robot. Positions are interpolated linearly
    and rotations by slerp where the robot is, not at the origin of odom: there, a tenth of a
    degree moves a robot by 17 cm that has driven 100 m.

    :param time_s: the time constant T, seconds; 0 takes each new value at once.
    """

    def __init__(self, time_s: float) -> None:
        self._time_s = time_s
        self.clear()

    def clear(self) -> None:
        """Forget it all."""
        self._value: Pose | None = None
        self._target: Pose | None = None
        self._odom_from_robot = Pose()
        self._last_s = 0.0

    def jump_to(self, map_from_odom: Pose) -> None:
        """Take a value at once, as of an initial pose."""
        self._value = self._target = map_from_odom

    def follow(self, map_from_odom: Pose, odom_from_robot: Pose, sigma_m: float,
               now_s: float) -> None:
        """
        Set the value to go to; the first, and one far off, is taken at once.

        :param odom_from_robot: where the robot was when that value was measured.
        :param sigma_m: standard deviation of the robot's position, metres: a step of three of
            them, and of a metre at least, is blended.
        :param now_s: seconds of any clock that runs forwards.
        """
        value = self.at(now_s)
        self._target, self._odom_from_robot, self._last_s = map_from_odom, odom_from_robot, now_s
        if value is None or not self._time_s or self._step_m(value) > max(
                MAX_STEP_M, 3 * sigma_m):
            self.jump_to(map_from_odom)

    def at(self, now_s: float) -> Pose | None:
        """Return map_from_odom at a time, seconds; None before the first value."""
        elapsed_s, self._last_s = max(now_s - self._last_s, 0.0), now_s
        if self._value is None or self._target is None or self._value is self._target:
            return self._value
        robot = self._odom_from_robot
        start, end = self._value @ robot, self._target @ robot
        blended = interpolate(start, end, float(1 - np.exp(-elapsed_s / self._time_s)))
        close = (np.linalg.norm(end.translation_m - blended.translation_m) < DONE_M
                 and rotation_angle_rad(end.quat_xyzw, blended.quat_xyzw) < DONE_RAD)
        self._value = self._target if close else blended @ robot.inverse()
        return self._value

    def _step_m(self, value: Pose) -> float:
        """Return how far the target moves the robot, metres."""
        assert self._target
        point = self._odom_from_robot.translation_m
        return float(np.linalg.norm(self._target.apply(point) - value.apply(point)))
