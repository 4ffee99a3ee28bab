"""Settings of the mapping and of its parts, with the reasons for their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

from posenet_ros.landmarks.options import FeatureOptions

# Errors are in normalised image coordinates. One pixel at this focal length stands for a pixel
# of any camera, so that settings hold for images of any size.
REFERENCE_FOCAL_LENGTH = 400.0


def pixels(count: float) -> float:
    """Return pixels at the reference focal length in normalised image coordinates."""
    return count / REFERENCE_FOCAL_LENGTH


@dataclass(frozen=True)
class PairOptions:
    """Settings of :func:`.reconstruction.pairs.select_pairs`."""

    # of the nearest usable views: some nearer, some further; 7 ranks are 10 % less exact
    ranks: tuple[int, ...] = (0, 1, 2, 3, 5, 7, 9, 12, 16, 20, 25, 30)
    # of the nearest usable views of other walks, where `ranks` hold fewer of them: walks with
    # many images a metre would not be joined
    ranks_of_other_walks: tuple[int, ...] = (0, 2, 5)
    # how much further than the last rank a view of another walk may be
    max_reach: float = 10.0
    # between the optical axes; SIFT matches little beyond
    max_angle_deg: float = 45.0
    # in median steps between images: nearer views show no parallax
    min_baseline_steps: float = 0.5
    # nearest views that are looked at: a camera that stood still has many in one place
    max_candidates: int = 2048


@dataclass(frozen=True)
class MatchOptions:
    """Settings of :func:`.reconstruction.verified_matches.match_pairs`."""

    # of the nearest to the second nearest distance (Lowe 2004); 0.9 lets repeats in
    max_ratio: float = 0.8
    # distance to the epipolar line of the given poses
    max_epipolar_error: float = pixels(3)
    # fewer agree by chance
    min_matches: int = 8


@dataclass(frozen=True)
class TriangulationOptions:
    """Settings of :func:`.reconstruction.triangulation.triangulate`."""

    # reprojection error of an inlier
    max_error: float = pixels(3)
    # pairs of rays that are tried for each track; 3 are as good where poses are exact
    hypotheses: int = 8
    # the largest angle between two rays: narrower ones leave the depth open
    min_angle_deg: float = 1.5
    # score of a hypothesis, of at most 1 a ray: two rays that nearly meet have more
    min_score: float = 0.8
    # of Gauss-Newton; inliers are found anew in the middle and at the end
    iterations: int = 6
    # width of Cauchy's loss: at this residual a ray counts half
    loss_scale: float = pixels(1)
    # what the first round leaves is tried again: a track may be two spots
    rounds: int = 2
    # tracks at a time: what they need stays in the processor's cache
    chunk: int = 4096
    seed: int = 0


@dataclass(frozen=True)
class AdjustmentOptions:
    """Settings of :func:`.reconstruction.bundle_adjustment.refine_poses`."""

    # standard deviations of the given poses, as odometry and phones have them; twice as much is
    # 5 % less exact, smaller ones hold the poses where they are
    sigma_m: float = 0.05
    sigma_deg: float = 0.3
    # standard deviation of a keypoint, also the width of Cauchy's loss
    sigma: float = pixels(0.5)
    # turns: all cameras, then all landmarks
    rounds: int = 6
    # of Gauss-Newton in each turn
    iterations: int = 2
    # fewer do not move a camera
    min_observations: int = 10


@dataclass(frozen=True)
class VocabularyOptions:
    """Settings of :func:`.vocabulary.fit_vocabulary`."""

    # with 32 a fifth of the images, instead of a seventh, find no near view among
    # the first 20 where it is hard
    visual_words: int = 64
    # of a global descriptor: 64 numbers find as many near views as 256, and the projection takes
    # 1 MB instead of 4
    size: int = 64
    # descriptors for k-means, and at most of one image
    max_descriptors: int = 20_000
    max_of_image: int = 80
    # images for the principal axes
    max_images: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class TrackingValidationOptions:
    """Settings of :func:`.held_out.tracked.track_held_out`."""

    # images of a walk from which the next ones are tracked, and how many these are
    starts: int = 12
    images: int = 5
    # after so many starts that track nothing the images are too far apart
    max_failed: int = 3


@dataclass(frozen=True)
class ValidationOptions:
    """Settings of :func:`.validation.calibrate_map`."""

    # walks that are held out one after another, each by a map of its own: seconds for each
    max_walks: int = 3
    # images that are localised, of all walks together
    max_images: int = 240
    # where there is one walk: blocks that are held out of it, and their proportion of its images
    blocks: int = 5
    held_out_proportion: float = 0.2
    tracking: TrackingValidationOptions = field(default_factory=TrackingValidationOptions)
    # poses to fit the sigma scales to
    min_localised: int = 10
    # sigma scale with fewer poses: of the scenes that were tried, 1 to 2
    fallback_scale: float = 2.0
    # every so many images are localised once more without the views within this distance, by
    # 0.35 median depths, so that it is known how errors grow; unless these are most of the map
    far_every: int = 2
    far: float = 1.5
    max_excluded: float = 0.5
    # candidates for the powers of distance and inlier ratio; larger ones are chance
    powers: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    # for the power of the pose residual ratio
    ratio_powers: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
    # by which that has to be better than none; 2 % are by chance. (That errors grow with the
    # distance, and as fewer landmarks agree, is known beforehand.)
    min_standard_errors: float = 1.0


@dataclass(frozen=True)
class MappingOptions:
    """
    Settings of :func:`.mapping.map_dataset`.

    :param refine_poses: move the poses with the landmarks.
    """

    features: FeatureOptions = field(default_factory=FeatureOptions)
    pairs: PairOptions = field(default_factory=PairOptions)
    matches: MatchOptions = field(default_factory=MatchOptions)
    triangulation: TriangulationOptions = field(default_factory=TriangulationOptions)
    adjustment: AdjustmentOptions = field(default_factory=AdjustmentOptions)
    vocabulary: VocabularyOptions = field(default_factory=VocabularyOptions)
    validation: ValidationOptions = field(default_factory=ValidationOptions)
    refine_poses: bool = False
    # landmarks that a map keeps for each image, on average; each is seen by some sixteen: 10 KB,
    # of which 6 are their patches
    landmarks_of_view: int = 22
    # that a small map keeps anyway: 12 MB; with 9,000 bonsai is a quarter less exact
    kept_landmarks: int = 25_000
    # of a scene: fewer do not localise
    min_landmarks: int = 100
    # residual of the tracks above which the poses err; SIFT with exact poses has half of it
    max_residual: float = pixels(1)
    # that measure it
    sampled_tracks: int = 2000
    # tolerance of matches and rays where they do
    wide_tolerance: float = pixels(8)
