"""The scale of a reconstruction: by what is asked for, else by the best that was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from posenet_ros.errors import InputError
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.metric.keyframes import Keyframes, keyframes_of
from posenet_ros.training.metric.options import (
    DEFAULT_SCALE,
    RECORDED,
    ScaleOptions,
    ScaleRequest,
    ScaleSource,
)
from posenet_ros.training.metric.results import ScaleEstimate
from posenet_ros.training.metric.sources.depth import scale_from_depth, scale_from_stereo
from posenet_ros.training.metric.sources.gnss import scale_from_gnss
from posenet_ros.training.metric.sources.inertial import align_inertial
from posenet_ros.training.metric.sources.known import (
    scale_from_distance,
    scale_from_points,
    scale_from_poses,
)
from posenet_ros.training.metric.sources.trajectory import scale_from_trajectories

# they read and match images: only where they are asked for, or nothing else is good
EXPENSIVE = (ScaleSource.STEREO, ScaleSource.DEPTH)
SIMILAR_ERRORS = 1.5  # ratio of expected errors that makes no difference
GOOD_ERROR = 0.015  # expected error of a scale, a fraction


@dataclass(frozen=True)
class ScaleChoice:
    """
    The scale that is used, and what else was found.

    :param chosen: None where nothing tells the scale.
    :param others: estimates of other sources.
    :param notes: sources that could not tell, and contradictions, a line each.
    """

    chosen: ScaleEstimate | None
    others: tuple[ScaleEstimate, ...] = ()
    notes: tuple[str, ...] = ()


def choose_scale(dataset: Dataset, walks: Sequence[Walk], request: ScaleRequest | None = None,
                 options: ScaleOptions = DEFAULT_SCALE) -> ScaleChoice:
    """
    Estimate the scale by a source, or by the best recorded one, see :func:`best_estimate`.

    The sources that were recorded beside the chosen one are compared with it.

    :param request: of `--scale-from`; None takes what was recorded.
    :raises InputError: when the source that is asked for cannot tell.
    """
    keyframes = keyframes_of(dataset, walks)
    asked = [_checked(_estimate(dataset, walks, keyframes, request), options)] if request else []
    found, notes = list(asked), []
    for source in _recorded(walks):
        if request and (source == request.source or source in EXPENSIVE):
            continue
        if source in EXPENSIVE and any(e.expected_error < GOOD_ERROR for e in found):
            continue
        try:
            found.append(_checked(
                _estimate(dataset, walks, keyframes, ScaleRequest(source)), options))
        except InputError as error:
            notes.append(f'no scale by {source.value}: {error}')
    if not found:
        return ScaleChoice(None, (), tuple(notes))
    chosen = asked[0] if asked else best_estimate(found)
    return ScaleChoice(chosen, tuple(e for e in found if e is not chosen),
                       (*notes, *contradictions(found, options)))


def best_estimate(found: Sequence[ScaleEstimate]) -> ScaleEstimate:
    """
    Return the first in the order of RECORDED whose expected error is nearly the least.

    The expected error is the standard error by the residuals and the usual error of the source's
    calibration; nearly, as the latter is known roughly.
    """
    limit = SIMILAR_ERRORS * min(e.expected_error for e in found)
    return min((e for e in found if e.expected_error <= limit),
               key=lambda e: RECORDED.index(e.source))


def _recorded(walks: Sequence[Walk]) -> list[ScaleSource]:
    """Return the sources that some walk holds; the cheap ones first, in the order of RECORDED."""
    present = {
        ScaleSource.TF: any(w.tf for w in walks),
        ScaleSource.ODOMETRY: any(w.odometry for w in walks),
        ScaleSource.STEREO: any(w.stereo_baseline_m and any(i.right for i in w.images)
                                for w in walks),
        ScaleSource.DEPTH: any(i.depth for w in walks for i in w.images),
        ScaleSource.GNSS: any(w.gnss for w in walks), ScaleSource.IMU: any(w.imu for w in walks)}
    return sorted((s for s in RECORDED if present[s]), key=lambda s: s in EXPENSIVE)


def _estimate(dataset: Dataset, walks: Sequence[Walk], keyframes: Sequence[Keyframes],
              request: ScaleRequest) -> ScaleEstimate:
    """Estimate the scale by one source."""
    source, file = request.source, request.file
    if source in (ScaleSource.TF, ScaleSource.ODOMETRY):
        tracks = [w.tf if source == ScaleSource.TF else w.odometry for w in walks]
        return scale_from_trajectories(keyframes, tracks, source)
    if source == ScaleSource.DISTANCE and request.images:
        return scale_from_distance(dataset, request.images, request.distance_m)
    if source == ScaleSource.POINTS and file:
        return scale_from_points(dataset, file)
    if source == ScaleSource.POSES and file:
        return scale_from_poses(dataset, walks, file)
    ways = {ScaleSource.STEREO: lambda: scale_from_stereo(keyframes, dataset.camera),
            ScaleSource.DEPTH: lambda: scale_from_depth(keyframes, dataset.camera),
            ScaleSource.GNSS: lambda: scale_from_gnss(keyframes),
            ScaleSource.IMU: lambda: align_inertial(keyframes).scale()}
    return ways[source]()


def _checked(found: ScaleEstimate, options: ScaleOptions) -> ScaleEstimate:
    if not found.relative_sigma <= options.max_relative_sigma:
        raise InputError(
            f'a scale has to be known to {100 * options.max_relative_sigma:g} %. Received: '
            f'{found.describe()}; walk further, or give another --scale-from')
    return found


def contradictions(found: Sequence[ScaleEstimate],
                   options: ScaleOptions = DEFAULT_SCALE) -> list[str]:
    """Describe each two estimates that differ by more than their expected errors allow."""
    told = []
    for a, b in combinations(found, 2):
        difference = a.factor / b.factor - 1
        sigma = (a.expected_error ** 2 + b.expected_error ** 2) ** 0.5
        if abs(difference) > options.max_sigmas * sigma:
            told.append(f'the scale by {a.source.value} is {100 * abs(difference):.2g} % '
                        f'{"larger" if difference > 0 else "smaller"} than by {b.source.value}, '
                        f'{abs(difference) / sigma:.1f} standard errors: one of them is wrong')
    return told
