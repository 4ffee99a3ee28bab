"""Try all hypotheses on the matches of a sample, and fit those that have parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import so3_log
from posenet_ros.training.checks.epipolar import EpipolarFit, Poses
from posenet_ros.training.checks.hand_eye import find_frame
from posenet_ros.training.checks.hypotheses import (
    BODY,
    focal_length,
    hypotheses,
    Hypothesis,
    Mistake,
)
from posenet_ros.training.checks.matched_pairs import MatchSample
from posenet_ros.training.checks.mixed_cameras import find_mixed_cameras
from posenet_ros.training.checks.options import CheckOptions

MIN_IN_FRONT = 0.5  # of the matches, where a pose is right side up: others are behind the cameras
MIN_FIT = 0.1  # below it nobody asks on which side the landmarks are


class Tried(NamedTuple):
    """
    A hypothesis that was tried.

    :param fit: (P,) of the pairs; `error_px` their median error, pixels of detection.
    :param penalty: of the fit, where much was adapted to the matches.
    """

    hypothesis: Hypothesis
    fit: Floats
    error_px: float
    penalty: float = 0.0


def try_hypotheses(fit: EpipolarFit, sample: MatchSample, poses: Poses, camera: Camera,
                   options: CheckOptions) -> Iterator[Tried]:
    """Try all hypotheses, those that need a search last."""
    simple = [_try(fit, poses, one) for one in hypotheses(camera, sample.walks, options)]
    focal = [one for one in simple if one.hypothesis.mistake is Mistake.FOCAL_LENGTH]
    yield from (one for one in simple
                if one.hypothesis.mistake is not Mistake.FOCAL_LENGTH)
    yield _finest_focal_length(fit, poses, camera, max(focal, key=lambda one: mean_fit(one.fit)))
    yield _frame(fit, sample, poses, options)
    yield from _mixed(fit, sample, poses, camera, options)


def _try(fit: EpipolarFit, poses: Poses, hypothesis: Hypothesis) -> Tried:
    points = hypothesis.points
    first, second = (each if points is None else points(each) for each in (fit.first, fit.second))
    undone = hypothesis.poses(poses)
    errors = np.abs(fit.errors_px(undone, first, second))
    fits = fit.of_errors(errors)
    if mean_fit(fits) > MIN_FIT and fit.in_front(undone, first, second) < MIN_IN_FRONT:
        fits = np.zeros_like(fits)
    return Tried(hypothesis, fits, _median(errors))


def mean_fit(values: Floats) -> float:
    """Return the mean of the known fits of pairs; 0 without any."""
    known = values[np.isfinite(values)]
    return float(np.mean(known)) if len(known) else 0.0


def _median(errors: Floats) -> float:
    return float(np.nanmedian(errors)) if np.isfinite(errors).any() else np.inf


def _finest_focal_length(fit: EpipolarFit, poses: Poses, camera: Camera,
                         coarse: Tried) -> Tried:
    """Try focal lengths round the best of the table; return the best."""
    factors = coarse.hypothesis.focal_factor * np.exp(np.linspace(-0.05, 0.05, 11))
    return max((_try(fit, poses, focal_length(float(factor), camera)) for factor in factors),
               key=lambda one: mean_fit(one.fit))


def _frame(fit: EpipolarFit, sample: MatchSample, poses: Poses, options: CheckOptions) -> Tried:
    """Try the poses of another frame that is fixed to the camera."""
    rotation, offset = find_frame(fit, sample, poses, [np.eye(3), BODY], options.scale_px)
    degrees = float(np.degrees(np.linalg.norm(so3_log(rotation))))
    hypothesis = Hypothesis(
        Mistake.FRAME, f'a constant rotation of {degrees:.1f} degrees lies between them and the '
        'camera, as between base_link and the camera',
        "give the poses of the camera's optical frame: x right, y down, z forward",
        lambda poses: poses.compose(rotation, offset))
    tried = _try(fit, poses, hypothesis)._replace(penalty=options.search_penalty)
    if degrees < options.min_frame_angle_deg:
        return tried._replace(fit=np.full(len(tried.fit), np.nan))
    return tried


def _mixed(fit: EpipolarFit, sample: MatchSample, poses: Poses, camera: Camera,
           options: CheckOptions) -> Iterator[Tried]:
    """Try two cameras among the images."""
    found = find_mixed_cameras(fit, poses, options.focal_factors)
    read = found.second[list(sample.features)]
    part = float(read.mean())
    if min(part, 1 - part) < options.min_mixed:
        return
    first = int(np.flatnonzero(found.second)[0])
    detail = (f'{100 * part:.0f} % of the images have a focal length of about '
              f'{found.factor * camera.fx:.0f} px, the others of {camera.fx:.0f} px; image '
              f'{first + 1} is the first of them')
    yield Tried(Hypothesis(Mistake.MIXED, detail, 'make a dataset of each camera'), found.fit,
                found.error_px, options.search_penalty)
