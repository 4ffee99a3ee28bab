"""Scale by a metric trajectory of the camera: odometry or TF."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.trajectory import Trajectory
from posenet_ros.training.metric.keyframes import Keyframes
from posenet_ros.training.metric.options import DEFAULT_SCALE, ScaleOptions, ScaleSource
from posenet_ros.training.metric.results import ScaleEstimate
from posenet_ros.training.metric.robust import robust_mean

MIN_CHORD = 1e-9  # units: two keyframes of one position


def scale_from_trajectories(
        keyframes: Sequence[Keyframes], trajectories: Sequence[Trajectory | None],
        source: ScaleSource, options: ScaleOptions = DEFAULT_SCALE) -> ScaleEstimate:
    """
    Compare the distances between keyframes with those by odometry, window by window.

    Lengths of chords need no common axes, so an error of the camera's mounting angle does no
    harm; the windows are so short that drift of the heading is of second order, and so long that
    errors of the keyframes are small. The mean of the logarithms is robust: wheels slip.

    :param trajectories: of each walk's camera, metres; None where it has none.
    :param source: odometry or tf.
    :raises InputError: when the clocks differ, or the walks are too short.
    """
    pairs = [(k.stamped(), t) for k, t in zip(keyframes, trajectories, strict=True) if t]
    if not pairs:
        raise InputError(f'--scale-from {source.value} needs a walk with {source.value}. '
                         f'Received: {len(keyframes)} without')
    tracks = [_common(k, t, source, options) for k, t in pairs]
    metres_per_unit = _median_ratio(tracks)
    path_m = metres_per_unit * sum(float(_path(positions)[-1]) for positions, _ in tracks)
    window_m = min(options.window_m, path_m / options.min_windows)
    chords = np.concatenate([_chords(*track, window_m / max(metres_per_unit, MIN_CHORD), options)
                             for track in tracks])
    if len(chords) < options.min_windows - 1 or not window_m > 0:
        raise InputError(
            f'the scale by {source.value} needs keyframes along a path. Received: '
            f'{sum(len(metric) for _, metric in tracks)} keyframes with it, {path_m:.2g} m, '
            f'{len(chords)} usable windows; walk further, or give --scale-from distance')
    ratios = np.log(chords[:, 1] / chords[:, 0])
    mean, sigma = robust_mean(ratios, chords[:, 0] ** 2)
    note = (f'{len(chords)} windows of {window_m:.2g} m; a constant error of the '
            f"{source.value} itself, such as a wheel's radius, cannot be seen")
    return ScaleEstimate(float(np.exp(mean)), sigma, source, note)


def _common(keyframes: Keyframes, trajectory: Trajectory, source: ScaleSource,
            options: ScaleOptions) -> tuple[Floats, Floats]:
    """Return the positions of the keyframes (N, 3), units, and of the trajectory there, metres."""
    if not len(keyframes):
        return np.empty((0, 3)), np.empty((0, 3))
    stamps, recorded = keyframes.stamps_ns, trajectory.stamps_ns
    if stamps[0] > recorded[-1] or stamps[-1] < recorded[0]:
        raise InputError(
            f'{keyframes.walk.name}: the {source.value} has to be in the clock of the images, '
            f'{stamps[0] / 1e9:.2f} to {stamps[-1] / 1e9:.2f} s. Received: '
            f'{recorded[0] / 1e9:.2f} to {recorded[-1] / 1e9:.2f} s')
    poses = [trajectory.at(int(stamp), options.max_gap_s) for stamp in stamps]
    known = np.array([pose is not None for pose in poses])
    metric = np.array([pose.translation_m for pose in poses if pose]).reshape(-1, 3)
    return keyframes.positions[known], metric


def _median_ratio(tracks: Sequence[tuple[Floats, Floats]]) -> float:
    """Return the median ratio of the steps between keyframes, metres per unit; 0 without any."""
    steps = np.concatenate([np.column_stack([np.linalg.norm(np.diff(p, axis=0), axis=1)
                                             for p in track]) for track in tracks])
    moved = steps[:, 0] > MIN_CHORD
    return float(np.median(steps[moved, 1] / steps[moved, 0])) if moved.any() else 0.0


def _path(positions: Floats) -> Floats:
    """Return the length walked up to each position (N, 3), from 0 on."""
    return np.append(0, np.cumsum(np.linalg.norm(np.diff(positions, axis=0), axis=1)))


def _chords(positions: Floats, metric: Floats, window: float, options: ScaleOptions) -> Floats:
    """
    Return the chords (M, 2) of consecutive windows: units, metres.

    :param window: length of the path in a window, units: wheels that slip make no more windows.
    """
    path = _path(positions)
    if len(metric) < 2 or not path[-1] > 0 or not window > 0:
        return np.empty((0, 2))
    targets = np.arange(0, path[-1] * (1 + 1e-9), window)
    ends = np.unique(np.searchsorted(path, targets * (1 - 1e-9)))
    ends = ends[ends < len(path)]
    chords = np.column_stack([np.linalg.norm(np.diff(p[ends], axis=0), axis=1)
                              for p in (positions, metric)])
    straight = chords[:, 0] >= options.min_straightness * np.diff(path[ends])
    return np.asarray(chords[straight & (chords > MIN_CHORD).all(axis=1)])
