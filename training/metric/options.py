"""Where metres come from, `--scale-from`, and the settings of the estimates; light to import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
import math
from pathlib import Path

from posenet_ros.errors import InputError


@unique
class ScaleSource(Enum):
    """What tells how long a unit of the reconstruction is."""

    TF = 'tf'
    ODOMETRY = 'odometry'
    STEREO = 'stereo'
    DEPTH = 'depth'
    GNSS = 'gnss'
    IMU = 'imu'
    POINTS = 'points'
    POSES = 'poses'
    DISTANCE = 'distance'
    FRAME = 'frame'


SCALE_FROM = ('odometry | tf | imu | gnss | stereo | depth | points FILE | poses FILE | '
              'distance IMG IMG M')
WORDS_AFTER = {ScaleSource.POINTS: 1, ScaleSource.POSES: 1, ScaleSource.DISTANCE: 3}
# Those that a recording holds, the usually exacter first: of similar errors the earlier is taken.
# TF may be corrected by a localiser; wheels slip; a baseline of 0.1 m is calibrated to half a
# percent and sees 10 m deep; a depth camera less; GNSS needs a long walk, an IMU a lively one.
RECORDED = (ScaleSource.TF, ScaleSource.ODOMETRY, ScaleSource.STEREO, ScaleSource.DEPTH,
            ScaleSource.GNSS, ScaleSource.IMU)


@dataclass(frozen=True)
class ScaleRequest:
    """
    What `--scale-from` asks for.

    :param file: of surveyed points or of known poses.
    :param images: names of two images, for a distance.
    :param distance_m: between the centres of the cameras that took them, metres.
    """

    source: ScaleSource
    file: Path | None = None
    images: tuple[str, str] | None = None
    distance_m: float = 0.0


def scale_request(words: Sequence[str]) -> ScaleRequest:
    """
    Parse the words of `--scale-from`.

    :raises InputError: when they are not those of SCALE_FROM.
    """
    known = {source.value: source for source in ScaleSource if source != ScaleSource.FRAME}
    source = known.get(words[0]) if words else None
    if source is None or len(words) - 1 != WORDS_AFTER.get(source, 0):
        raise InputError(f'--scale-from has to be {SCALE_FROM}. Received: {" ".join(words)!r}')
    if source != ScaleSource.DISTANCE:
        return ScaleRequest(source, Path(words[1]) if len(words) > 1 else None)
    try:
        distance_m = float(words[3])
    except ValueError:
        distance_m = 0.0
    if not 0 < distance_m < math.inf:
        raise InputError('the distance of --scale-from distance has to be a number of metres '
                         f'above 0. Received: {words[3]!r}')
    return ScaleRequest(source, None, (words[1], words[2]), distance_m)


@dataclass(frozen=True)
class ScaleOptions:
    """Settings of the scale by tracks of positions: odometry, TF, GNSS, known poses."""

    # metres of odometry between the ends of a window: an error of 1 cm at its ends is 0.5 %
    window_m: float = 3.0
    # shorter walks have shorter windows, so many at least
    min_windows: int = 5
    # chord by path, below which the walk turned round within the window
    min_straightness: float = 0.5
    # longest time between two samples, or two keyframes, to interpolate in, seconds
    max_gap_s: float = 1.0
    # standard error above which a scale is not worth having
    max_relative_sigma: float = 0.1
    # smallest standard deviation of a camera's position in a reconstruction, metres
    position_sigma_m: float = 0.005
    # second by first extent, below which points count as on a line
    min_flatness: float = 0.02
    # standard errors by which two sources contradict each other
    max_sigmas: float = 3.0


# What the residuals do not show, the calibration of each source as it usually is: fractions.
CALIBRATION_SIGMA = {
    ScaleSource.TF: 0.01, ScaleSource.ODOMETRY: 0.01,  # a wheel's radius, its tyre's pressure
    ScaleSource.STEREO: 0.005,  # baseline and focal length
    ScaleSource.DEPTH: 0.01, ScaleSource.GNSS: 0.0,
    ScaleSource.IMU: 0.02,  # its clock against the camera's, vibrations, the scale factor
    ScaleSource.POINTS: 0.0, ScaleSource.POSES: 0.0, ScaleSource.DISTANCE: 0.0,
    ScaleSource.FRAME: 0.0}


@dataclass(frozen=True)
class InertialOptions:
    """Settings of the alignment with an inertial unit."""

    # seconds: in longer windows the noise of the attitude, integrated twice, outgrows positions
    window_s: float = 6.0
    # fewer determine little beside position and velocity at the window's start
    min_keyframes: int = 6
    # longest time between two keyframes, seconds
    max_gap_s: float = 1.5
    # seconds over which the difference of gyroscope and reconstruction is averaged
    attitude_s: float = 2.0
    # standard deviation of the reconstruction's positions, metres
    position_sigma_m: float = 0.01
    # density of the error of accelerations, m/s^2/sqrt(Hz): mostly gravity along wrong axes
    acceleration_density: float = 0.01
    # standard deviations of an accelerometer's bias, m/s^2, and of its place beside the camera, m
    bias_sigma: float = 0.2
    lever_sigma_m: float = 0.1
    # m/s^2, and by how much the length of the accelerations may differ from it
    gravity: float = 9.80665
    gravity_tolerance: float = 1.5
    # of the solution, whose priors are in units of the reconstruction
    iterations: int = 4
    # multiple of the usual residual from which a window weighs less
    max_residual_ratio: float = 3.0


@dataclass(frozen=True)
class DepthOptions:
    """Settings of the scale by depths: of a stereo pair or of depth images."""

    # keyframes that are looked at, evenly spread
    images: int = 40
    # ratio test (Lowe 2004)
    max_ratio: float = 0.8
    # pixels from the epipolar line; SIFT is located to a third of a pixel
    max_epipolar_px: float = 2.0
    # angle between the rays of a landmark, below which its depth is not known, degrees
    min_angle_deg: float = 1.5
    # least pixels of disparity
    min_disparity_px: float = 1.0
    # metres that a depth image is taken to see
    min_depth_m: float = 0.2
    max_depth_m: float = 30.0
    # keyframes after it among which each one's partner is looked for
    neighbours: int = 6
    # landmarks over all images, below which the scale is not determined
    min_landmarks: int = 50


@dataclass(frozen=True)
class UpOptions:
    """Settings of the direction of up."""

    # third by second extent of a path, above which it is not level
    max_thickness: float = 0.25
    # second by first extent, below which it is a line
    min_flatness: float = 0.1
    # angle between the path's normal and the images' up, above which the path is steep, degrees
    max_steepness_deg: float = 25.0
    # parts that are left out one by one, for the error
    blocks: int = 10
    # degrees: ground that is called level is so to this; the same for a camera held upright
    ground_sigma_deg: float = 0.2
    images_sigma_deg: float = 1.5
    pitch_sigma_deg: float = 5.0
    # second by first eigenvalue of the cameras' right axes, below which they all look one way
    min_turning: float = 0.05


DEFAULT_SCALE = ScaleOptions()
DEFAULT_INERTIAL = InertialOptions()
DEFAULT_DEPTH = DepthOptions()
DEFAULT_UP = UpOptions()
