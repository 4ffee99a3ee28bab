"""Scale by satellites: the positions of the camera aligned with those of the receiver."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.training.data.walk import GnssFixes
from posenet_ros.training.metric.keyframes import Keyframes
from posenet_ros.training.metric.options import DEFAULT_SCALE, ScaleOptions, ScaleSource
from posenet_ros.training.metric.results import ScaleEstimate
from posenet_ros.training.metric.robust import flatness, robust_umeyama

MIN_FIXES = 10
MIN_SIGMA_M = 0.01  # receivers that claim less are not believed
STRAIGHT = ('a straight walk: the roll about it cannot be seen by satellites')


def scale_from_gnss(keyframes: Sequence[Keyframes],
                    options: ScaleOptions = DEFAULT_SCALE) -> ScaleEstimate:
    """
    Align the reconstruction with the fixes by a robust similarity, and take its scale.

    Each walk has an origin of its own, the axes are common. All fixes count, between keyframes
    too. The standard error takes into account that the errors of neighbouring fixes are alike.

    :raises InputError: when there are no fixes, or too few beside the keyframes.
    """
    found = [_common(k.stamped(), k.walk.gnss, options) for k in keyframes if k.walk.gnss]
    parts = [part for part in found if len(part[0]) > 1]
    count = sum(len(part[0]) for part in parts)
    if count < MIN_FIXES:
        fixes = sum(len(k.walk.gnss.stamps_ns) for k in keyframes if k.walk.gnss)
        raise InputError(f'--scale-from gnss needs {MIN_FIXES} fixes while images were taken. '
                         f'Received: {fixes} fixes, {count} of them between keyframes (no '
                         'reception, or another clock)')
    source, target, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    similarity, kept = robust_umeyama(source, target, weights)
    residuals = target - similarity.apply(source)
    spread = float(np.sqrt((kept[:, np.newaxis] * source ** 2).sum() / kept.sum()))
    error_m = float(np.sqrt((kept[:, np.newaxis] * residuals[:, :2] ** 2).sum() / kept.sum() / 2))
    sigma = error_m * _correlation_factor(residuals) / (
        similarity.scale * spread * np.sqrt(len(source)))
    straight = STRAIGHT if flatness(source)[0] < options.min_flatness else ''
    note = '; '.join(filter(None, (f'{count} fixes, residual {error_m:.2g} m', straight)))
    return ScaleEstimate(similarity.scale, float(sigma), ScaleSource.GNSS, note)


def _common(keyframes: Keyframes, fixes: GnssFixes,
            options: ScaleOptions) -> tuple[Floats, Floats, Floats]:
    """
    Return positions of the reconstruction (N, 3), fixes (N, 3), both about their mean, weights.

    Only horizontal errors weigh: on a walk that is nearly level the heights say nothing of scale.
    """
    empty = np.empty((0, 3)), np.empty((0, 3)), np.empty(0)
    if len(keyframes) < 2 or not len(fixes.stamps_ns):
        return empty
    stamps, at = keyframes.stamps_ns, fixes.stamps_ns
    after = np.clip(np.searchsorted(stamps, at), 1, len(stamps) - 1)
    inside = (at >= stamps[0]) & (at <= stamps[-1]) & (
        stamps[after] - stamps[after - 1] <= 2 * options.max_gap_s * 1e9)
    inside &= np.isfinite(fixes.positions_m).all(axis=1)
    if inside.sum() < 2:
        return empty
    seconds = (stamps - stamps[0]) / 1e9
    source = np.column_stack([np.interp((at[inside] - stamps[0]) / 1e9, seconds, axis)
                              for axis in keyframes.positions.T])
    sigmas = np.nan_to_num(fixes.sigmas_m[inside, :2], nan=1.0)
    weights = 1 / np.maximum(np.mean(sigmas ** 2, axis=1), MIN_SIGMA_M ** 2)
    target = fixes.positions_m[inside]
    means = [np.average(part, axis=0, weights=weights) for part in (source, target)]
    return source - means[0], target - means[1], weights


def _correlation_factor(residuals: Floats) -> float:
    """Return by how much neighbouring errors (N, 3) that are alike raise a standard error."""
    horizontal = residuals[:, :2]
    lagged = float((horizontal[1:] * horizontal[:-1]).sum() / max((horizontal ** 2).sum(), 1e-300))
    lagged = min(max(lagged, 0.0), 0.99)  # of a first-order autoregression
    return float(np.sqrt((1 + lagged) / (1 - lagged)))
