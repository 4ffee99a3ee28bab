"""How well matches fit the epipolar geometry of poses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import so3_exp, so3_log
from posenet_ros.training.checks.matched_pairs import Indices, MatchSample
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.data.epipolar import epipolar_residuals, essential_matrix


class Poses(NamedTuple):
    """
    Poses of N images, map_from_camera.

    :param rotations: (N, 3, 3), NaN where not known.
    :param positions_m: (N, 3).
    """

    rotations: Floats
    positions_m: Floats

    def inverse(self) -> Poses:
        """Return camera_from_map."""
        turned = np.swapaxes(self.rotations, 1, 2)
        return Poses(turned, -np.einsum('nij,nj->ni', turned, self.positions_m))

    def compose(self, rotation: Floats, offset_m: Floats | None = None) -> Poses:
        """Return the poses of a frame at a fixed (3, 3) rotation and (3,) offset in this one."""
        offset = np.zeros(3) if offset_m is None else offset_m
        return Poses(self.rotations @ rotation, self.positions_m + self.rotations @ offset)

    def relative(self, pairs: Indices) -> tuple[Floats, Floats]:
        """Return the rotations (P, 3, 3) and translations (P, 3) of second_from_first."""
        first, second = pairs.T
        turned = np.swapaxes(self.rotations[second], 1, 2)
        step = self.positions_m[first] - self.positions_m[second]
        return turned @ self.rotations[first], np.einsum('pij,pj->pi', turned, step)


def poses_of(dataset: Dataset) -> Poses:
    """Return the poses of a dataset's images."""
    return Poses(np.reshape([s.map_from_camera.rotation for s in dataset.samples], (-1, 3, 3)),
                 dataset.positions_m)


def shifted(poses: Poses, walks: Indices, images: float) -> Poses:
    """
    Return for each image the pose that is given to the image some places later in its walk.

    :param images: places; between two images the poses are interpolated.
    """
    place = np.arange(len(walks)) + images
    low = np.floor(place).astype(np.intp)
    fraction = place - low
    high = np.where(fraction > 0, low + 1, low)
    inside = (low >= 0) & (high < len(walks))
    low, high = (np.clip(i, 0, len(walks) - 1) for i in (low, high))
    inside &= (walks[low] == walks) & (walks[high] == walks)
    turn = so3_log(np.swapaxes(poses.rotations[low], 1, 2) @ poses.rotations[high])
    rotations = poses.rotations[low] @ so3_exp(turn * fraction[:, np.newaxis])
    positions = (1 - fraction)[:, np.newaxis] * poses.positions_m[low] \
        + fraction[:, np.newaxis] * poses.positions_m[high]
    rotations[~inside], positions[~inside] = np.nan, np.nan
    return Poses(rotations, positions)


class EpipolarFit:
    """
    The matches of a sample, to be held against poses.

    The fit of a pair is the mean of 1 / (1 + (e / s)^2) over its matches, with e the larger
    distance of the two keypoints to each other's epipolar line, in pixels: 1 for exact poses.

    :param scale_px: s, pixels.
    :param max_matches: of a pair that are looked at.
    """

    def __init__(self, sample: MatchSample, scale_px: float, max_matches: int = 25) -> None:
        of_match, (first, second) = sample.pair_of_match, sample.points()
        chosen = spread(of_match, max_matches)
        self.pairs, self.pair_of_match = sample.images, of_match[chosen]
        self.first, self.second = first[chosen], second[chosen]
        self.counts = np.bincount(self.pair_of_match, minlength=len(self.pairs))
        self._focal_length_px, self._scale_px = sample.focal_length_px, scale_px

    def errors_px(self, poses: Poses, first: Floats | None = None,
                  second: Floats | None = None) -> Floats:
        """
        Compute the signed epipolar errors of all matches, (M,) pixels; NaN without a pose.

        :param first: (M, 2) keypoints in place of those of the sample; `second` likewise.
        """
        rotations, steps = poses.relative(self.pairs)
        lengths = np.linalg.norm(steps, axis=1, keepdims=True)
        essentials = essential_matrix(  # NaN for cameras in one place
            rotations, steps / np.where(lengths > 0, lengths, np.nan))
        return self._focal_length_px * epipolar_residuals(
            self.first if first is None else first, self.second if second is None else second,
            essentials[self.pair_of_match])

    def in_front(self, poses: Poses, first: Floats, second: Floats) -> float:
        """
        Return the part of the matches that lie in front of both cameras, weighted by parallax.

        The epipolar error alone takes mirrored images for such axes as OpenGL's.
        """
        rotations, translations = (one[self.pair_of_match] for one in poses.relative(self.pairs))
        ones = np.ones((len(first), 1))
        ours = np.einsum('mij,mj->mi', rotations, np.hstack([first, ones]))
        theirs = np.hstack([second, ones])
        normal = np.cross(theirs, ours)
        # z1 ours + t = z2 theirs
        front = (np.sum(normal * np.cross(theirs, translations), axis=1) < 0) & (
            np.sum(normal * np.cross(ours, translations), axis=1) < 0)
        weights = np.nan_to_num(np.linalg.norm(normal, axis=1))
        return float(np.sum(front * weights) / max(np.sum(weights), 1e-12))

    def of_errors(self, errors_px: Floats) -> Floats:
        """Compute the fit of each pair, (P,), of the errors of its matches; NaN without a pose."""
        values = 1 / (1 + (errors_px / self._scale_px) ** 2)
        sums = np.bincount(self.pair_of_match, values, len(self.pairs))
        return np.asarray(sums / np.maximum(self.counts, 1), np.float64)


def spread(groups: Indices, most: int) -> Indices:
    """Choose at most `most` members of each group, evenly spread: their indices."""
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]][:len(groups)])
    counts = np.diff(np.r_[starts, len(groups)])
    rank = np.arange(len(groups)) - np.repeat(starts, counts)
    bins = rank * np.repeat(np.minimum(counts, most), counts) // np.repeat(counts, counts)
    return np.flatnonzero(np.r_[True, (bins[1:] != bins[:-1]) | (groups[1:] != groups[:-1])]
                          [:len(groups)])
