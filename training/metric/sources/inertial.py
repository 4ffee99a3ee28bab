"""
Scale and gravity by an inertial unit: its accelerations against the reconstruction's positions.

As the initialisation of VINS-Mono (Qin, Li and Shen 2018, section V.B): linear least squares for
scale, gravity and bias. Unlike there the positions, which are noisier than an integral over
seconds, stand on the left side: noise on the right would make the scale too small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.training.data.walk import ImuSamples
from posenet_ros.training.metric.keyframes import Keyframes
from posenet_ros.training.metric.options import DEFAULT_INERTIAL, InertialOptions, ScaleSource
from posenet_ros.training.metric.results import ScaleEstimate, UpEstimate
from posenet_ros.training.metric.sources.attitude import Integrals, integrate, within

UNITS, GRAVITY, LEVER, BIAS = 0, slice(1, 4), slice(4, 7), 7  # columns; a bias for each walk


@dataclass(frozen=True, eq=False)
class InertialAlignment:
    """
    What an inertial unit tells of a reconstruction.

    :param units_per_m: and its standard error.
    :param gravity: (3,) acceleration by gravity in the reconstruction, units/s^2.
    :param gravity_covariance: (3, 3).
    :param biases: (W, 3) of the accelerometer in each walk, camera axes, m/s^2.
    :param windows: number of windows of time.
    """

    units_per_m: float
    units_sigma: float
    gravity: Floats
    gravity_covariance: Floats
    biases: Floats
    windows: int

    def scale(self) -> ScaleEstimate:
        """Return metres per unit."""
        bias = float(np.linalg.norm(self.biases, axis=1).max())
        return ScaleEstimate(
            1 / self.units_per_m, self.units_sigma / abs(self.units_per_m), ScaleSource.IMU,
            f'{self.windows} windows; gravity {self.gravity_m_s2:.2f} m/s^2, accelerometer bias '
            f'{bias:.2g} m/s^2')

    @property
    def gravity_m_s2(self) -> float:
        """Length of the gravity that was found, m/s^2."""
        return float(np.linalg.norm(self.gravity) / abs(self.units_per_m))

    def up(self) -> UpEstimate:
        """Return the direction against gravity."""
        length = float(np.linalg.norm(self.gravity))
        direction = -self.gravity / length
        across = np.eye(3) - np.outer(direction, direction)
        error = across @ self.gravity_covariance @ across.T / length ** 2
        sigma = float(np.hypot(np.degrees(np.sqrt(np.linalg.eigvalsh(error)[-1])),
                               DEFAULT_INERTIAL.bending_sigma_deg))
        return UpEstimate(direction, sigma, 'imu', 'gravity in the accelerations, bias taken off')


def align_inertial(keyframes: Sequence[Keyframes],
                   options: InertialOptions = DEFAULT_INERTIAL) -> InertialAlignment:
    """
    Solve for scale, gravity, biases and the place of the unit beside the camera.

    In each window of time, with the double integral P of the specific force in the
    reconstruction's axes, u units per metre, bias b and lever l in the camera's axes:
    p(t) = p0 + v0 t + u P + u g t^2/2 - u (integral of R) b - u R l,
    all linear in u, u g, u b and u l.

    :raises InputError: when no walk has accelerations, they lack gravity, or too few keyframes
        lie within their time.
    """
    parts = [(k.stamped(), k.walk.imu) for k in keyframes if k.walk.imu is not None]
    if not parts:
        raise InputError('--scale-from imu needs a walk with an IMU. Received: '
                         f'{len(keyframes)} without')
    windows = [(number, window) for number, (k, imu) in enumerate(parts)
               for window in _windows(k, imu, options)]
    if len(windows) < 2:
        raise InputError(
            f'an IMU needs two windows of {options.window_s:g} s with {options.min_keyframes} '
            f'keyframes. Received: {len(windows)}, from {sum(len(k) for k, _ in parts)} keyframes '
            '(too few, too rare, or another clock)')
    whitened = [_whitened(window, number, len(parts), options) for number, window in windows]
    return _solve(whitened, len(parts), options)


def _windows(keyframes: Keyframes, imu: ImuSamples,
             options: InertialOptions) -> Iterator[Integrals]:
    """Yield the windows of a walk that have keyframes enough, without gaps."""
    if len(keyframes) < options.min_keyframes or len(imu.stamps_ns) < options.min_keyframes:
        return
    length = float(np.median(np.linalg.norm(imu.accelerations, axis=1)))
    if abs(length - options.gravity) > options.gravity_tolerance:
        raise InputError(f'{keyframes.walk.name}: the accelerations have to be in m/s^2 and to '
                         f'hold gravity, {options.gravity:.1f} m/s^2. Received: a median of '
                         f'{length:.3g}')
    chosen = np.flatnonzero(within(keyframes, imu))
    if len(chosen) < options.min_keyframes:
        return
    inside = Keyframes(keyframes.walk, tuple(keyframes.images[i] for i in chosen),
                       tuple(keyframes.poses[i] for i in chosen))
    whole = integrate(inside, imu, options)
    breaks = np.flatnonzero(np.diff(whole.times_s) > options.max_gap_s) + 1
    for start, end in zip([0, *breaks], [*breaks, len(whole)], strict=True):
        seconds = whole.times_s[start:end] - whole.times_s[start]
        count = max(int(seconds[-1] / options.window_s + 0.5), 1)
        cuts = start + np.searchsorted(seconds, seconds[-1] * np.arange(1, count) / count)
        for low, high in zip([start, *cuts], [*cuts, end], strict=True):
            if high - low >= options.min_keyframes:
                yield whole.part(slice(low, high))


def _whitened(window: Integrals, number: int, walks: int,
              options: InertialOptions) -> tuple[Floats, Floats]:
    """
    Return design (M, 7 + 3 W) and positions (M,) of a window, of equal and independent errors.

    The errors of the positions are independent, those of the accelerations are integrated twice:
    the covariance of an integrated Wiener process. Position and velocity at the window's start
    are projected out.
    """
    times = window.times_s - window.times_s[0]
    early, late = np.minimum.outer(times, times), np.maximum.outer(times, times)
    noise = (options.acceleration_density / options.position_sigma_m) ** 2
    whiten = np.linalg.inv(np.linalg.cholesky(
        np.eye(len(times)) + noise * early ** 2 * (3 * late - early) / 6))
    start = np.linalg.qr(whiten @ np.column_stack([np.ones_like(times), times]))[0]
    project = (np.eye(len(times)) - start @ start.T) @ whiten
    design = np.zeros((len(times), 3, BIAS + 3 * walks))
    design[:, :, UNITS] = window.displacements_m - window.displacements_m[0]
    design[:, :, GRAVITY] = np.eye(3) * (times ** 2 / 2)[:, None, None]
    design[:, :, LEVER] = -window.rotations
    design[:, :, BIAS + 3 * number:BIAS + 3 * number + 3] = window.of_bias[0] - window.of_bias
    left = np.tensordot(project, window.positions - window.positions[0], 1).ravel()
    return np.tensordot(project, design, 1).reshape(-1, design.shape[2]), left


def _solve(windows: Sequence[tuple[Floats, Floats]], walks: int,
           options: InertialOptions) -> InertialAlignment:
    """Solve the stacked windows with priors on bias and lever; those that fit badly weigh less."""
    sizes = BIAS + 3 * walks
    weights: Floats = np.ones(len(windows))
    solution: Floats = np.zeros(sizes)
    covariance: Floats = np.eye(sizes)
    variance = 1.0
    for iteration in range(options.iterations):
        information = np.zeros((sizes, sizes))
        right = np.zeros(sizes)
        for weight, (design, left) in zip(weights, windows, strict=True):
            information += weight * design.T @ design
            right += weight * design.T @ left
        if iteration:  # the priors are in metres: the first solution gives the units
            information += np.diag(_prior(abs(solution[UNITS]), variance, sizes, options))
        else:
            information += np.diag(np.full(sizes, 1e-9) * np.diag(information).max())
        solution = np.asarray(np.linalg.solve(information, right), np.float64)
        squares = np.array([np.mean((left - design @ solution) ** 2) for design, left in windows])
        variance = float(np.median(squares) * 1.1)  # of which the start takes some
        weights = np.asarray(np.minimum(1.0, options.max_residual_ratio ** 2 * variance
                                        / np.maximum(squares, 1e-300)), np.float64)
        covariance = np.asarray(variance * np.linalg.inv(information), np.float64)
    return _alignment(solution, covariance, len(windows))


def _prior(units: float, variance: float, sizes: int, options: InertialOptions) -> Floats:
    """Return the information (7 + 3 W,) of what is known of lever and bias, per error variance."""
    result = np.zeros(sizes)
    result[LEVER] = variance / (units * options.lever_sigma_m) ** 2
    result[BIAS:] = variance / (units * options.bias_sigma) ** 2
    return result


def _alignment(solution: Floats, covariance: Floats, windows: int) -> InertialAlignment:
    units = float(solution[UNITS])
    if not units > 0:
        raise InputError("the accelerations have to agree with the camera's motion. Received: a "
                         f'scale of {units:.3g} units a metre; check the frame of the IMU in TF '
                         'and its clock, or move more lively')
    return InertialAlignment(
        units, float(np.sqrt(covariance[UNITS, UNITS])), solution[GRAVITY],
        covariance[GRAVITY, GRAVITY], solution[BIAS:].reshape(-1, 3) / units, windows)
