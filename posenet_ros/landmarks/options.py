"""Settings of the landmark localiser and of its parts, with the reasons for their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class FeatureOptions:
    """Settings of the SIFT detector; see doc/experiments.md."""

    # pixels: wider images are resized; at 320 a fifth of the poses is lost where a place repeats,
    # and the others err a quarter more, in three fifths of the time
    width: int = 480
    # per image, the strongest: nearly all that it has; with 600 poses are a fifth less exact
    max_keypoints: int = 2048
    # OpenCV's `contrastThreshold`
    contrast_threshold: float = 0.02
    # pixels: wider images are resized for the patches, which gain by detail more than keypoints
    # do, and cost the same at any size; maps of several widths go together
    patch_width: int = field(default=640, compare=False)


NARROW_WIDTH, KEYPOINTS_OF_NARROW = 320, 600  # pixels; half of what there is: for the time


def features_of_width(width: int) -> FeatureOptions:
    """Return the settings to detect features at a width, pixels."""
    if width <= NARROW_WIDTH:
        return FeatureOptions(width, KEYPOINTS_OF_NARROW)
    return FeatureOptions(width)


@dataclass(frozen=True)
class AbsolutePoseOptions:
    """
    Settings of :func:`posenet_ros.landmarks.pnp.absolute_pose.estimate_absolute_pose`.

    Errors are in normalised image coordinates.
    """

    # reprojection error of an inlier: 4 pixels at a focal length of 400 pixels
    max_error: float = 0.01
    # fewer do not determine a pose with its covariance
    min_inliers: int = 6
    # of RANSAC, and the probability that one sample is free of outliers
    max_trials: int = 300
    confidence: float = 0.999
    # width of Cauchy's loss: at this residual a point counts half
    loss_scale: float = 0.001
    # of the iteratively reweighted least squares; it ends earlier at a mean change of the
    # projections below `min_step`
    max_iterations: int = 10
    min_step: float = 1e-6
    # smallest standard deviation of a keypoint: no feature is located better
    min_sigma: float = 1e-4
    # number of inlier rays at which the covariance is left as it is
    reference_rays: int = 150
    # grid of the image cells, within which errors are taken to correlate
    columns: int = 4
    rows: int = 3
    # smallest by largest eigenvalue of the information matrix, below which it is singular
    min_condition: float = 1e-10


@dataclass(frozen=True)
class LandmarkLocaliserOptions:
    """Settings of :class:`posenet_ros.landmarks.localiser.LandmarkLocaliser`."""

    # training images that are matched at a time
    views: int = 20
    # by pose, where neither the nearest nor the retrieved ones match
    more_views: int = 60
    # an angle that separates two views as much as the usual distance of the nearest views
    rotation_scale_deg: float = 10.0
    # ratio test: of the distances to the nearest and the second nearest descriptor
    max_ratio: float = 0.85
    # of a pose that counts as found, by the landmarks of a joined map: fewer may agree by chance
    min_inliers: int = 12
    # of its first matches: where the true place is not mapped, others reach 12 inliers, but
    # mostly a smaller ratio; on walks that were left out no right pose has less
    min_inlier_ratio: float = 0.3
    # the same where each view has landmarks of its own, which count several times
    min_inliers_by_view: int = 30
    # around the projected landmark, in which its keypoint is looked for once a pose is found:
    # from 3 to 8 pixels all are as accurate
    window_px: float = 5.0
    # of the descriptors there
    min_cosine: float = 0.5
    # of landmarks by view: inlier ratio from which a pose needs no check by the views around it
    sure_inlier_ratio: float = 0.3
    # inlier ratio that the check needs: at a wrong pose it is lower
    min_inlier_ratio_by_view: float = 0.2
    # nearest views whose residual ratios are averaged
    residual_views: int = 4
    # most similar views whose poses make the spread of an unconfirmed pose
    spread_views: int = 5
    # part of the spread that is added to the covariance; see LandmarkLocaliser.spread
    spread_weight: float = 0.71
    absolute_pose: AbsolutePoseOptions = field(default_factory=AbsolutePoseOptions)


DEFAULT_FEATURES = FeatureOptions()
DEFAULT_ABSOLUTE_POSE = AbsolutePoseOptions()
DEFAULT_LOCALISER = LandmarkLocaliserOptions()
