"""Jumps of the scale of positions: by depths of the same keypoints from two pairs of images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.training.checks.epipolar import Poses
from posenet_ros.training.checks.matched_pairs import Indices, MatchedPair, MatchSample

MIN_PARALLAX_DEG = 0.5  # of a keypoint's two rays: narrower ones leave the depth open
MIN_KEYPOINTS = 10
MAX_ERROR = 0.05  # of the logarithm of a ratio that is used
WINDOW = 2  # pairs before and after a jump
MIN_CHANGES = 3  # of two walks, for a statement
SAME_CHANGE = 0.07  # of logarithms of ratios that agree
MIN_AGREEING = 0.3  # of the images that do not fit
MIN_LENGTH = 1e-9


class ScaleChange(NamedTuple):
    """
    The scale at one image against that at another one.

    :param image: index in the dataset; `other` likewise.
    :param ratio: of the lengths at `other` to those at `image`, of the same keypoints.
    """

    image: int
    other: int
    ratio: float


def depths(rays: Floats, others: Floats, rotation: Floats, translation: Floats) -> Floats:
    """
    Compute the depths of keypoints from another view, by the mid-point of two rays.

    :param rays: (M, 2) normalised; `others` (M, 2) in the other view.
    :param rotation: (3, 3) and `translation` (3,) of other_from_this.
    :returns: (M,), NaN where the parallax is too small or the point behind a camera.
    """
    ones = np.ones((len(rays), 1))
    ours = np.hstack([rays, ones]) @ rotation.T
    theirs = np.hstack([others, ones])
    normal = np.cross(theirs, ours)
    squared = np.sum(normal ** 2, axis=1)
    # z ours + t is along theirs: z (theirs x ours) = -(theirs x t)
    with np.errstate(invalid='ignore', divide='ignore'):
        depth = -np.sum(normal * np.cross(theirs, translation), axis=1) / squared
        sine = np.sqrt(squared) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
        usable = (sine > np.sin(np.radians(MIN_PARALLAX_DEG))) & (depth > 0)
    return np.where(usable, depth, np.nan)


def _depths_in(sample: MatchSample, poses: Poses, pair: MatchedPair, *, of_first: bool) -> Floats:
    """Return the depths of all keypoints of one image of a pair, NaN where they are not known."""
    this, other, side = (pair.first, pair.second, 0) if of_first else (pair.second, pair.first, 1)
    rotation, translation = (one[0] for one in poses.relative(np.array([[this, other]])))
    features, theirs = sample.features[this], sample.features[other]
    own = pair.keypoints[:, side]
    result = np.full(len(features.points_normalized), np.nan)
    result[own] = depths(features.points_normalized[own], theirs.points_normalized[
        pair.keypoints[:, 1 - side]], rotation, translation)
    return result


def changes_along_walks(sample: MatchSample, poses: Poses) -> list[ScaleChange]:
    """
    Compute how the scale changes along the walks: from some pairs to those that follow them.

    Two pairs with a common image give its keypoints two depths, whose ratio is the change of scale
    between them. The change is that of the medians of WINDOW pairs before and after: a pair whose
    pose errs changes the scale and changes it back.
    """
    found = []
    for images, levels in _levels(sample, poses):
        for k in range(WINDOW, len(levels) - WINDOW + 1):
            change = np.median(levels[k:k + WINDOW]) - np.median(levels[k - WINDOW:k])
            found.append(ScaleChange(images[k - 1], images[k], float(np.exp(change))))
    return found


def _levels(sample: MatchSample, poses: Poses) -> list[tuple[list[int], Floats]]:
    """
    Return chains of pairs: the first image of each, and the logarithm of its scale.

    A chain ends where a ratio is not known well.
    """
    ahead = shortest_pairs(sample)
    followed = {pair.second for pair in ahead.values()}
    found = []
    for start in [image for image in ahead if image not in followed]:
        pair, images, levels = ahead[start], [start], [0.0]
        while pair.second in ahead:
            following = ahead[pair.second]
            ratio = _log_depth_ratio(sample, poses, pair, following)
            if ratio is None:
                found.append((images, np.array(levels)))
                images, levels, ratio = [], [], 0.0
            images.append(following.first)
            levels.append((levels[-1] if levels else 0.0) + ratio)
            pair = following
        found.append((images, np.array(levels)))
    return found


def _log_depth_ratio(sample: MatchSample, poses: Poses, before: MatchedPair,
                     after: MatchedPair) -> float | None:
    """Return the logarithm of the ratio of depths of a common image; None where it is not sure."""
    logs = np.log(_depths_in(sample, poses, after, of_first=True)
                  / _depths_in(sample, poses, before, of_first=False))
    logs = logs[np.isfinite(logs)]
    if len(logs) < MIN_KEYPOINTS:
        return None
    middle = float(np.median(logs))
    error = 1.86 * float(np.median(np.abs(logs - middle))) / np.sqrt(len(logs))
    return middle if error < MAX_ERROR else None


def changes_between_walks(sample: MatchSample, poses: Poses) -> list[ScaleChange]:
    """Compute the ratio of scale of similar images that are no neighbours."""
    known: dict[int, Floats] = {}
    for pair in (p for p in sample.pairs if p.neighbours):
        for image, of_first in ((pair.first, True), (pair.second, False)):
            new = _depths_in(sample, poses, pair, of_first=of_first)
            old = known.get(image, new)
            known[image] = np.where(np.isfinite(old), old, new)
    found = [_ratio_of_distances(sample, pair, known[pair.first], known[pair.second])
             for pair in sample.pairs
             if not pair.neighbours and pair.first in known and pair.second in known]
    return [one for one in found if one]


def _ratio_of_distances(sample: MatchSample, pair: MatchedPair, first: Floats,
                        second: Floats) -> ScaleChange | None:
    """Compare the distances between matched keypoints by the depths (N,) in either image."""
    clouds = []
    for side, (image, depth) in enumerate(((pair.first, first), (pair.second, second))):
        own = pair.keypoints[:, side]
        rays = np.hstack([sample.features[image].points_normalized[own], np.ones((len(own), 1))])
        clouds.append(rays * depth[own, np.newaxis])
    known = np.isfinite(clouds[0] + clouds[1]).all(axis=1)
    before, after = (np.linalg.norm(cloud[known] - np.roll(cloud[known], known.sum() // 2, axis=0),
                                    axis=1) for cloud in clouds)
    if known.sum() < MIN_KEYPOINTS:
        return None
    logs = np.log(np.maximum(after, MIN_LENGTH) / np.maximum(before, MIN_LENGTH))
    return ScaleChange(pair.first, pair.second, float(np.exp(np.median(logs))))


def shortest_pairs(sample: MatchSample) -> dict[int, MatchedPair]:
    """Return for each image the pair with the image that follows it, by its index."""
    ahead: dict[int, MatchedPair] = {}
    for pair in sample.pairs:
        if pair.neighbours:
            known = ahead.get(pair.first)
            if known is None or pair.second < known.second:
                ahead[pair.first] = pair
    return ahead


def find_jump(changes: list[ScaleChange], min_ratio: float,
              min_deviations: float) -> ScaleChange | None:
    """
    Find the largest jump of the scale along a walk.

    :param min_ratio: of a jump, or its inverse.
    :param min_deviations: by which it exceeds the usual changes, robust standard deviations.
    """
    if not changes:
        return None
    logs = np.abs(np.log([one.ratio for one in changes]))
    best = int(logs.argmax())
    least = max(np.log(min_ratio), min_deviations * 1.48 * float(np.median(logs)))
    return changes[best] if logs[best] > least else None


def find_part_of_other_scale(changes: list[ScaleChange], walks: Indices, min_ratio: float,
                             min_deviations: float) -> ScaleChange | None:
    """
    Find walks, or parts of them, of another scale than others that show the same places.

    At least MIN_CHANGES images have to agree on it.
    """
    pairs: dict[tuple[int, int], list[ScaleChange]] = {}
    for one in changes:
        a, b = int(walks[one.image]), int(walks[one.other])
        ordered = (one.image, one.other) if a <= b else (one.other, one.image)
        ratio = one.ratio if a <= b else 1 / one.ratio
        pairs.setdefault((min(a, b), max(a, b)), []).append(ScaleChange(*ordered, ratio))
    for found in pairs.values():
        logs = np.log([one.ratio for one in found])
        middle = float(np.median(logs))
        error = 1.86 * float(np.median(np.abs(logs - middle))) / np.sqrt(len(logs))
        if len(found) >= MIN_CHANGES and abs(middle) > max(
                np.log(min_ratio), min_deviations / 2 * error):
            return ScaleChange(found[0].image, found[0].other, float(np.exp(middle)))
    return _change_in_common(changes, min_ratio)


def _change_in_common(changes: list[ScaleChange], min_ratio: float) -> ScaleChange | None:
    """Find a change that MIN_CHANGES images agree on, of whichever walks: of a part of one."""
    sizes = np.abs(np.log([one.ratio for one in changes]))
    for one, size in zip(changes, sizes, strict=True):
        alike = int(np.sum(np.abs(sizes - size) < SAME_CHANGE))
        if size > np.log(min_ratio) and alike >= max(MIN_CHANGES, MIN_AGREEING * len(changes)):
            return one
    return None
