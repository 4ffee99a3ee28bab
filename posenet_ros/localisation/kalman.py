"""
Smooth accepted estimates: an error-state Kalman filter on SE(3) with constant velocity.

State: pose, velocity and angular velocity, all in the map's axes. The error of the rotation is a
rotation vector about the fixed axes, as in the covariance of an estimate (Sola, "Quaternion
kinematics for the error-state Kalman filter", 2017, with global angular errors, section 7).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.estimate import PoseEstimate, symmetrise
from posenet_ros.geometry.lie import pose_difference, retract, so3_exp
from posenet_ros.geometry.pose import Pose

POSITION, ROTATION, VELOCITY, SPIN = (slice(3 * i, 3 * i + 3) for i in range(4))
NS_PER_S = 1e9


@dataclass(frozen=True)
class SmootherConfig:
    """
    Process noise of the Kalman filter.

    :param acceleration: standard deviation, m/s^2 (per second of white noise).
    :param angular_acceleration: standard deviation, rad/s^2.
    :param max_gap_s: after a longer pause the filter begins anew.
    :raises InputError: on a value that is not positive.
    """

    acceleration: float = 1.0
    angular_acceleration: float = 1.0
    max_gap_s: float = 1.0
    start_speed: float = 2.0  # m/s, and rad/s: how fast it may be moving at the beginning

    def __post_init__(self) -> None:
        if min(self.acceleration, self.angular_acceleration, self.max_gap_s) <= 0:
            raise InputError(f'the smoother needs positive values. Received: {self}')


def kalman_update(covariance: Floats, innovation: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """
    Correct a state by a measurement of its first six components.

    In Joseph form, which keeps the covariance symmetric and positive definite.

    :param covariance: (N, N) of the state before.
    :param innovation: (6,) measurement minus state.
    :param noise: (6, 6) covariance of the measurement.
    :returns: (N,) correction of the state, and (N, N) its covariance after it.
    """
    gain = np.linalg.solve(covariance[:6, :6] + noise, covariance[:6]).T
    keep = np.eye(len(covariance))
    keep[:, :6] -= gain
    after = keep @ covariance @ keep.T + gain @ noise @ gain.T
    return gain @ innovation, symmetrise(after)


class Smoother:
    """
    The Kalman filter; feed it accepted estimates in the order of their stamps.

    :param config: the process noise.
    """

    def __init__(self, config: SmootherConfig) -> None:
        self._config = config
        self.reset()

    def reset(self) -> None:
        """Reset the state: the next estimate is returned unchanged."""
        self._stamp_ns: int | None = None
        self._pose = Pose()
        self._motion = np.zeros(6)  # velocity m/s, angular velocity rad/s
        self._covariance = np.eye(12)

    def update(self, estimate: PoseEstimate, stamp_ns: int) -> PoseEstimate:
        """
        Return the smoothed pose at the time of an estimate.

        :param stamp_ns: time of its image, nanoseconds.
        """
        elapsed_s = 0.0 if self._stamp_ns is None else (stamp_ns - self._stamp_ns) / NS_PER_S
        if self._stamp_ns is None or not 0 <= elapsed_s <= self._config.max_gap_s:
            self._begin(estimate)
        else:
            self._predict(elapsed_s)
            self._correct(estimate)
        self._stamp_ns = stamp_ns
        return PoseEstimate(self._pose, self._covariance[:6, :6])

    def _begin(self, estimate: PoseEstimate) -> None:
        self._pose, self._motion = estimate.map_from_camera, np.zeros(6)
        self._covariance = np.eye(12) * self._config.start_speed ** 2
        self._covariance[:6, :6] = estimate.covariance

    def _predict(self, elapsed_s: float) -> None:
        self._pose = retract(self._pose, self._motion * elapsed_s)
        step = np.eye(12)
        step[POSITION, VELOCITY] = step[ROTATION, SPIN] = elapsed_s * np.eye(3)
        step[ROTATION, ROTATION] = so3_exp(self._motion[3:] * elapsed_s)
        spread = np.repeat((self._config.acceleration, self._config.angular_acceleration), 3)
        gain = np.vstack([elapsed_s ** 2 / 2 * np.eye(6), elapsed_s * np.eye(6)])
        noise = gain @ np.diag(spread ** 2) @ gain.T
        self._covariance = step @ self._covariance @ step.T + noise

    def _correct(self, estimate: PoseEstimate) -> None:
        error, self._covariance = kalman_update(
            self._covariance, pose_difference(estimate.map_from_camera, self._pose),
            estimate.covariance)
        self._pose = retract(self._pose, error[:6])
        self._motion = self._motion + error[6:]
