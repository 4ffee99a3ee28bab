"""Accelerations in the axes of a reconstruction: gyroscope between keyframes, poses at them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import so3_exp, so3_log
from posenet_ros.training.data.walk import ImuSamples
from posenet_ros.training.metric.keyframes import Keyframes
from posenet_ros.training.metric.options import InertialOptions


@dataclass(frozen=True, eq=False)
class Integrals:
    """
    The accelerations of a walk, integrated twice from its first keyframe on, at its keyframes.

    :param times_s: (N,) of the keyframes since the first one.
    :param displacements_m: (N, 3) double integral of the specific force, in the reconstruction's
        axes: the true displacement is this, and that by the first velocity and by gravity.
    :param of_bias: (N, 3, 3) double integral of the rotation: what a bias of 1 m/s^2 along each
        axis of the camera adds to it.
    :param rotations: (N, 3, 3) of the keyframes.
    :param positions: (N, 3) of the keyframes, units.
    """

    times_s: Floats
    displacements_m: Floats
    of_bias: Floats
    rotations: Floats
    positions: Floats

    def __len__(self) -> int:
        """Return N."""
        return len(self.times_s)

    def part(self, chosen: slice) -> Integrals:
        """Return some of the keyframes."""
        return Integrals(self.times_s[chosen], self.displacements_m[chosen], self.of_bias[chosen],
                         self.rotations[chosen], self.positions[chosen])


def attitudes(keyframes: Keyframes, imu: ImuSamples, averaged_s: float) -> Floats:
    """
    Compute the rotations (M, 3, 3) reconstruction_from_camera at the samples of a walk.

    The turn rates are integrated over the walk; what is between them and the keyframes, a slow
    drift and the keyframes' own errors, is averaged over `averaged_s` seconds and taken off.

    :param keyframes: stamped ones, within the time of the samples.
    """
    times = (imu.stamps_ns - keyframes.stamps_ns[0]) / 1e9
    steps = so3_exp(imu.turn_rates[:-1] / 2 * np.diff(times)[:, None]
                    + imu.turn_rates[1:] / 2 * np.diff(times)[:, None])
    turned = np.empty((len(times), 3, 3))
    turned[0] = np.eye(3)
    for index, step in enumerate(steps):
        turned[index + 1] = turned[index] @ step
    at = (keyframes.stamps_ns - keyframes.stamps_ns[0]) / 1e9
    nearest = np.clip(np.searchsorted(times, at), 0, len(times) - 1)
    rest = imu.turn_rates[nearest] * (at - times[nearest])[:, None]
    corrections = keyframes.rotations @ np.swapaxes(turned[nearest] @ so3_exp(rest), 1, 2)
    return np.asarray(_slow_part(at, corrections, times, averaged_s) @ turned)


def _slow_part(at: Floats, rotations: Floats, times: Floats, averaged_s: float) -> Floats:
    """
    Average rotations (N, 3, 3), which change slowly, over time, and interpolate them.

    The mean is that of their logarithms about a first interpolation, of neighbours within
    `averaged_s`; a drift at a constant rate is kept, as the neighbours lie on both sides.
    """
    increments = so3_log(rotations[1:] @ np.swapaxes(rotations[:-1], 1, 2))
    path = np.concatenate([np.zeros((1, 3)), np.cumsum(increments, axis=0)])  # small steps add up
    low = np.searchsorted(at, at - averaged_s / 2)
    high = np.searchsorted(at, at + averaged_s / 2, 'right')
    reach = np.minimum(np.arange(len(at)) - low, high - 1 - np.arange(len(at)))
    sums = np.concatenate([np.zeros((1, 3)), np.cumsum(path, axis=0)])
    begin, end = np.arange(len(at)) - reach, np.arange(len(at)) + reach + 1
    smooth = (sums[end] - sums[begin]) / (end - begin)[:, None]
    moved = so3_exp(smooth - path) @ rotations
    right = np.clip(np.searchsorted(at, times), 1, len(at) - 1)
    step = so3_log(moved[right] @ np.swapaxes(moved[right - 1], 1, 2))
    share = np.clip((times - at[right - 1]) / (at[right] - at[right - 1]), 0, 1)
    return np.asarray(so3_exp(share[:, None] * step) @ moved[right - 1])


def integrate(keyframes: Keyframes, imu: ImuSamples, options: InertialOptions) -> Integrals:
    """Integrate the accelerations of a walk twice; see :class:`Integrals`."""
    rotations = attitudes(keyframes, imu, options.attitude_s)
    forces = np.einsum('nij,nj->ni', rotations, imu.accelerations)
    rates = np.concatenate([forces, rotations.reshape(-1, 9)], axis=1)  # (M, 12)
    times = (imu.stamps_ns - imu.stamps_ns[0]) / 1e9
    gaps = np.diff(times)[:, None]
    speeds = np.concatenate([np.zeros((1, 12)), np.cumsum(
        gaps * (rates[1:] + rates[:-1]) / 2, axis=0)])
    # linear accelerations within a gap: the mean speed is that of the ends, less their curvature
    moves = gaps * (speeds[1:] + speeds[:-1]) / 2 - gaps ** 2 * (rates[1:] - rates[:-1]) / 12
    way = np.concatenate([np.zeros((1, 12)), np.cumsum(moves, axis=0)])
    at = (keyframes.stamps_ns - imu.stamps_ns[0]) / 1e9
    columns = _interpolate(at, times, way, speeds)
    return Integrals(at - at[0], columns[:, :3], columns[:, 3:].reshape(-1, 3, 3),
                     keyframes.rotations, keyframes.positions)


def _interpolate(at: Floats, times: Floats, values: Floats, rates: Floats) -> Floats:
    """Interpolate values (M, K) with known rates by the last sample's tangent and its change."""
    left = np.clip(np.searchsorted(times, at, 'right') - 1, 0, len(times) - 2)
    passed = (at - times[left])[:, None]
    gap = (times[left + 1] - times[left])[:, None]
    change = (rates[left + 1] - rates[left]) / gap
    return np.asarray(values[left] + passed * rates[left] + passed ** 2 * change / 2)


def within(keyframes: Keyframes, imu: ImuSamples) -> NDArray[np.bool_]:
    """Return which stamped keyframes (N,) lie within the time of the samples."""
    stamps = keyframes.stamps_ns
    return np.asarray((stamps >= imu.stamps_ns[0]) & (stamps <= imu.stamps_ns[-1]))
