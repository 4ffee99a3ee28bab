"""Noise and seeds of the scene's sensors; light to import."""

from __future__ import annotations

from dataclasses import dataclass, field

from posenet_ros.errors import InputError

BASELINE_RANGE_M = 0.01, 2.0
DEFAULT_BASELINE_M = 0.12  # as the ZED 2


@dataclass(frozen=True)
class OdometryNoise:
    """Noise of odometry, which grows with the root of the distance: a random walk."""

    # poses a second
    rate_hz: float = 50.0
    # standard deviation along each axis after one metre, metres: 1 %
    sigma_m: float = 0.01
    # about each axis after one metre, degrees
    sigma_deg: float = 0.3
    # error of every length, a fraction, such as of a wheel's radius
    bias: float = 0.0


@dataclass(frozen=True)
class ImuNoise:
    """Noise of a consumer's inertial unit (as the BMI160's data sheet, calibrated once)."""

    # samples a second
    rate_hz: float = 200.0
    # of accelerations, m/s^2/sqrt(Hz), and standard deviation of their constant bias, m/s^2
    acceleration_density: float = 0.002
    acceleration_bias: float = 0.08
    # of turn rates, rad/s/sqrt(Hz), and of their bias, rad/s
    turn_rate_density: float = 0.00015
    turn_rate_bias: float = 0.005
    # place of the unit beside the camera, in the camera's axes, metres
    lever_m: tuple[float, float, float] = (0.02, 0.05, -0.02)


@dataclass(frozen=True)
class GnssNoise:
    """Noise of a satellite receiver, independent from fix to fix."""

    # fixes a second
    rate_hz: float = 5.0
    # standard deviation to the east and to the north, metres; heights are worse by the factor
    sigma_m: float = 1.5
    vertical_factor: float = 1.5


@dataclass(frozen=True)
class SensorOptions:
    """
    Sensors beside the camera.

    :param seed: of their noise, with the scene's and the walk's.
    :param stereo_baseline_m: distance of a right camera, metres; 0: there is none.
    :param depth: whether depth images are written.
    :raises InputError: on a baseline out of range.
    """

    seed: int = 0
    odometry: OdometryNoise = field(default_factory=OdometryNoise)
    imu: ImuNoise = field(default_factory=ImuNoise)
    gnss: GnssNoise = field(default_factory=GnssNoise)
    stereo_baseline_m: float = 0.0
    depth: bool = False
    # of a depth camera: standard deviation at one metre, which grows with the square of the
    # depth, and how far it sees, metres
    depth_sigma_m: float = 0.002
    max_depth_m: float = 20.0

    def __post_init__(self) -> None:
        low, high = BASELINE_RANGE_M
        if self.stereo_baseline_m and not low <= self.stereo_baseline_m <= high:
            raise InputError(f'the baseline has to be {low:g} to {high:g} m. Received: '
                             f'{self.stereo_baseline_m:g}')
