"""Where a tracked camera is next: by odometry, or at constant velocity."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from posenet_ros.geometry.lie import interpolate
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.motion import TimedPose

MAX_STEPS = 5.0  # of the last one: a velocity is not extrapolated further


class MotionModel:
    """Remember the last two poses of a camera, and predict the next one."""

    def __init__(self) -> None:
        self._past: deque[TimedPose] = deque(maxlen=2)

    @property
    def last(self) -> TimedPose | None:
        """Return the last pose."""
        return self._past[-1] if self._past else None

    def clear(self) -> None:
        """Forget all poses."""
        self._past.clear()

    def add(self, timed_pose: TimedPose) -> None:
        """Remember a pose."""
        self._past.append(timed_pose)

    def correct(self, correction: Callable[[Pose], Pose]) -> None:
        """Correct the poses, as they turn out to have been elsewhere in the map."""
        corrected = [one._replace(map_from_camera=correction(one.map_from_camera))
                     for one in self._past]
        self._past.clear()
        self._past.extend(corrected)

    def predict(self, stamp_ns: int, odom_from_camera: Pose | None) -> Pose:
        """
        Predict map_from_camera.

        :param odom_from_camera: the camera's pose by odometry at that time, if available.
        """
        last = self._past[-1]
        if last.odom_from_camera and odom_from_camera:
            return last.map_from_camera @ last.odom_from_camera.inverse() @ odom_from_camera
        first = self._past[0]
        observed_ns = last.stamp_ns - first.stamp_ns
        if observed_ns <= 0:
            return last.map_from_camera
        steps = min((stamp_ns - last.stamp_ns) / observed_ns, MAX_STEPS)
        return interpolate(first.map_from_camera, last.map_from_camera, 1.0 + steps)
