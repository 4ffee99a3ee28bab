"""Settings of the consistency check, with the reasons for their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from posenet_ros.landmarks.options import FeatureOptions


@dataclass(frozen=True)
class SampleOptions:
    """Settings of :func:`posenet_ros.training.checks.matched_pairs.sample_matches`."""

    # that are read: SIFT of an image takes 30 ms
    max_images: int = 200
    # between images of a run, in images of the walk: further apart they may see nothing in common
    max_stride: int = 10
    # images in a row, where a large dataset is sampled in runs
    run_length: int = 5
    # of images that are no neighbours, the most similar first
    max_distant_pairs: int = 40
    # sampled images between two that are no neighbours
    min_distance: int = 5
    # visual words of the descriptor by which similar images are found; they are drawn, not fitted
    visual_words: int = 64
    # of the nearest to the second nearest distance (Lowe 2004)
    max_ratio: float = 0.8
    # pixels to the epipolar line of the fundamental matrix, which knows no pose
    max_error_px: float = 1.5
    # that agree with a fundamental matrix: fewer agree by chance
    min_matches: int = 20
    # of images that are no neighbours: similar ones may be of different places
    min_distant_matches: int = 30
    features: FeatureOptions = field(default_factory=lambda: FeatureOptions(max_keypoints=500))
    seed: int = 0


@dataclass(frozen=True)
class CheckOptions:
    """Settings of :func:`posenet_ros.training.checks.consistency.check_dataset`."""

    sample: SampleOptions = field(default_factory=SampleOptions)
    # epipolar error at which a match counts half
    scale_px: float = 1.0
    # pairs that have to have matches for a statement
    min_pairs: int = 5
    # by which the fit of a hypothesis has to be better than that of what is given
    min_gain: float = 0.04
    # the same, in standard errors over the pairs: half of 150 hypotheses are better by chance
    min_standard_errors: float = 4.0
    # of a frame or of two cameras that were fitted: exact poses gain up to 0.05 by it
    search_penalty: float = 0.08
    # simpler hypotheses are preferred to others that fit better by less
    tie: float = 0.015
    # of a hypothesis: what fits worse explains nothing
    min_fit: float = 0.2
    # of neighbours by poses without a known mistake; poses that err by 1 px have 0.5
    min_neighbour_fit: float = 0.4
    # of places seen again, by that of neighbours: repeats of a facade have 0.6
    min_revisit_fit: float = 0.35
    # shifts of the poses along the walk, images
    shifts: tuple[float, ...] = (0.5, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30)
    # true by given focal length
    focal_factors: tuple[float, ...] = tuple(
        float(f) for f in np.exp(np.arange(-14, 15) * 0.05) if abs(f - 1) > 1e-9)
    # of the images, in the smaller of two groups of cameras
    min_mixed: float = 0.1
    # a rotation between frames that is told, degrees
    min_frame_angle_deg: float = 1.0
    # of images of places of different scale
    max_apart_fit: float = 0.3
    # depth ratio of two pairs with a common image: larger ones are a jump of scale
    min_scale_jump: float = 1.2
    # the same, in robust standard deviations of all ratios
    min_jump_deviations: float = 6.0
