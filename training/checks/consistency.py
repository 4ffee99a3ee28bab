"""Hold images, poses and camera of a dataset against each other, and name the mistake."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.training.checks.epipolar import EpipolarFit, Poses, poses_of
from posenet_ros.training.checks.hypotheses import Mistake
from posenet_ros.training.checks.matched_pairs import MatchSample, sample_matches
from posenet_ros.training.checks.options import CheckOptions
from posenet_ros.training.checks.scale_jumps import (
    changes_along_walks,
    changes_between_walks,
    find_jump,
    find_part_of_other_scale,
)
from posenet_ros.training.checks.search import mean_fit, MIN_IN_FRONT, Tried, try_hypotheses
from posenet_ros.training.data.datasets import Dataset


@dataclass(frozen=True)
class Finding:
    """
    A mistake that the matches show.

    :param figure: that shows it.
    """

    mistake: Mistake
    detail: str
    figure: str
    advice: str


@dataclass(frozen=True)
class ConsistencyCheck:
    """
    What matched images say about their poses and their camera.

    :param images: that were read, of `total`; `pairs` of them that match.
    :param error_px: median epipolar error by what is given, pixels of the images; None without
        enough pairs.
    :param finding: None where they are consistent, or too few match.
    """

    images: int
    total: int
    pairs: int
    error_px: float | None
    finding: Finding | None = None

    def describe(self) -> str:
        """Describe it in one line."""
        sample = f'{self.pairs} pairs of {self.images} of {self.total} images'
        if self.error_px is None:
            return f'check: too few images match ({sample}): poses and camera are not checked'
        if self.finding is None:
            return ('check: images, poses and camera are consistent: median epipolar error '
                    f'{self.error_px:.2g} px, {sample}')
        found = self.finding
        return f'{found.mistake.value}: {found.detail}; {found.figure}, {sample}; {found.advice}'


def check_dataset(dataset: Dataset, options: CheckOptions | None = None) -> ConsistencyCheck:
    """Check a dataset by the epipolar geometry of a sample of its images."""
    options = options or CheckOptions()
    return check_sample(sample_matches(dataset, options.sample), poses_of(dataset),
                        dataset.camera, options)


def check_sample(sample: MatchSample, poses: Poses, camera: Camera,
                 options: CheckOptions) -> ConsistencyCheck:
    """
    Check poses and camera by matched pairs.

    :param poses: of all images of the dataset.
    """
    counts = ConsistencyCheck(len(sample.features), len(poses.rotations), len(sample.pairs), None)
    if len(sample.pairs) < options.min_pairs:
        return counts
    fit = EpipolarFit(sample, options.scale_px)
    errors = np.abs(fit.errors_px(poses))
    scale = camera.fx / sample.focal_length_px  # from pixels of detection to those of the images
    if not np.isfinite(errors).any():
        return counts
    given = fit.of_errors(errors)
    if fit.in_front(poses, fit.first, fit.second) < MIN_IN_FRONT:
        given = np.zeros_like(given)
    error_px = float(np.nanmedian(errors)) * scale
    best = _best(given, list(try_hypotheses(fit, sample, poses, camera, options)), options)
    if best:
        figure = (f'median epipolar error {error_px:.2g} px as given, {best.error_px * scale:.2g} '
                  'px without that')
        found: Finding | None = Finding(
            best.hypothesis.mistake, best.hypothesis.detail, figure, best.hypothesis.advice)
    else:
        found = (_no_fit(given, sample, error_px, options) or _scale(given, sample, poses, options)
                 or _apart(given, sample, options))
    return replace(counts, error_px=error_px, finding=found)


def _best(given: Floats, tried: list[Tried], options: CheckOptions) -> Tried | None:
    """Choose the first hypothesis of those that are best, where it is better than the given."""
    gains = np.array([_gain(given, one.fit, options) - one.penalty for one in tried])
    gains[gains < options.min_gain] = -np.inf
    best = gains.max(initial=-np.inf)
    if not np.isfinite(best):
        return None
    return tried[int(np.flatnonzero(gains >= best - options.tie)[0])]


def _gain(given: Floats, fit: Floats, options: CheckOptions) -> float:
    """Return the mean gain over what is given; -inf where it is not significant."""
    known = np.isfinite(given) & np.isfinite(fit)
    if known.sum() < options.min_pairs or float(np.mean(fit[known])) < options.min_fit:
        return -np.inf
    gains = fit[known] - given[known]
    gain = float(np.mean(gains))
    error = float(np.std(gains)) / np.sqrt(len(gains))
    if gain < options.min_gain or gain < options.min_standard_errors * error:
        return -np.inf
    return gain


def _fit_of(given: Floats, sample: MatchSample, *, neighbours: bool) -> Floats:
    """Return the known fits of the pairs that are neighbours, or of the others."""
    chosen = np.array([pair.neighbours is neighbours for pair in sample.pairs])
    return given[chosen & np.isfinite(given)]


def _no_fit(given: Floats, sample: MatchSample, error_px: float,
            options: CheckOptions) -> Finding | None:
    """Find poses that do not fit though no hypothesis explains it."""
    if mean_fit(_fit_of(given, sample, neighbours=True)) >= options.min_neighbour_fit:
        return None
    return Finding(Mistake.UNKNOWN, 'the poses err, or are not of these images; no known mistake '
                   'explains it', f'median epipolar error {error_px:.2g} px',
                   'look where the poses come from')


def _apart(given: Floats, sample: MatchSample, options: CheckOptions) -> Finding | None:
    """Find places whose images do not fit when they are seen again."""
    near, far = (_fit_of(given, sample, neighbours=neighbours) for neighbours in (True, False))
    if len(far) < options.min_pairs or mean_fit(far) >= options.min_revisit_fit * mean_fit(near):
        return None
    return Finding(
        Mistake.UNKNOWN, 'neighbouring images fit, the same places seen again do not: walks in '
        'different frames, or drift', f'fit {mean_fit(near):.2f} of neighbours, '
        f'{mean_fit(far):.2f} of places seen again', 'give all poses in one frame, without drift')


def _scale(given: Floats, sample: MatchSample, poses: Poses,
           options: CheckOptions) -> Finding | None:
    """Find jumps of the scale of the positions."""
    limits = options.min_scale_jump, options.min_jump_deviations
    jump = find_jump(changes_along_walks(sample, poses), *limits)
    if jump:
        return Finding(
            Mistake.SCALE, f'between image {jump.image + 1} and {jump.other + 1} the scale of the '
            'positions changes', f'depths of the same landmarks change by a factor of '
            f'{jump.ratio:.2f}', 'give positions of one scale')
    # images that fit each other have one scale, whatever their depths say
    apart = replace(sample, pairs=[pair for pair, fit in zip(sample.pairs, given, strict=True)
                                   if pair.neighbours or fit < options.max_apart_fit])
    part = find_part_of_other_scale(changes_between_walks(apart, poses), sample.walks, *limits)
    if part:
        return Finding(
            Mistake.SCALE, f'the images round image {part.other + 1} have another scale than '
            f'those round image {part.image + 1}', f'lengths of the same landmarks differ by a '
            f'factor of {part.ratio:.2f}', 'give positions of one scale')
    return None
