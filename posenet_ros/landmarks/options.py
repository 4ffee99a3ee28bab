"""Settings of the landmark localiser and of its parts, with the reasons for their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

from posenet_ros.landmarks.patches.options import PatchOptions


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
    # grey levels between the darkest and the brightest 2 % of the pixels, below which it shrinks:
    # less than any image in fair light has (124 to 255, six places); a tenth of it still matches
    usual_contrast: float = field(default=120.0, compare=False)
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
class RansacOptions:
    """Settings of :func:`posenet_ros.landmarks.pnp.ransac.ransac`."""

    # of three matches each: with 256 an all-inlier sample is missed once in 700 where a third of
    # the matches is right
    samples: int = 256
    # where a set has more matches, poses are scored by so many, the likeliest, and the best
    # `scored_poses` of them again by all
    scored_matches: int = 100
    scored_poses: int = 32
    # of the random numbers: the same image has the same answer
    seed: int = 0


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
    # of an initial pose by RANSAC
    ransac: RansacOptions = field(default_factory=RansacOptions)
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
class HypothesisOptions:
    """Settings of :mod:`posenet_ros.landmarks.hypotheses`."""

    # retrieved views: with 25 of them 1 % fewer images of a place that repeats are answered
    views: int = 40
    # views of one place: at most so far from its best one, by the map's median depth, and turned
    # by so much
    group_distance: float = 0.35
    group_angle_deg: float = 35.0
    # the most similar views whose matches are pooled, besides those of each place
    pooled_views: int = 20
    # views around a pose that is known from elsewhere: the network's, or a prior
    guess_views: int = 10
    # landmarks of a place that are matched, those of the longest tracks
    landmarks: int = 1000
    # ratio test: of the distances to the nearest and the second nearest descriptor
    max_ratio: float = 0.85
    # cosine of the descriptors of a match
    min_cosine: float = 0.5
    # weights of the samples: exp(10) times as much at a cosine larger by 1
    cosine_weight: float = 10.0
    # reprojection error of an inlier, pixels
    max_error_px: float = 6.0
    # with eight a place that repeats has 4.3 hypotheses instead of 5.4: rivals are missed
    min_inliers: int = 6
    # outliers of a first pose from which a second one is tried
    min_outliers: int = 12
    # that are verified, the strongest: with fewer than five, false poses lack the rival that
    # would tell
    most: int = 7


@dataclass(frozen=True)
class VerificationOptions:
    """
    Settings of :mod:`posenet_ros.landmarks.verification`; pixels are of an image 480 wide.

    Chosen on training walks left out; doc/experiments.md has what else was tried.
    """

    # views around a pose whose landmarks have to be visible from there
    views: int = 10
    # distance, by the map's median depth, and angle that separate two views as much
    distance_scale: float = 0.35
    angle_scale_deg: float = 30.0
    # a landmark is visible where a view has seen it from as near an angle, and from a distance
    # within this factor
    max_view_angle_deg: float = 40.0
    max_scale: float = 2.0
    # landmarks of a hypothesis, those of the longest tracks
    landmarks: int = 600
    # from the border of the image, within which no feature is detected
    margin_px: float = 2.0
    # radii round the projected landmark, one after another, in which its feature is looked for
    # (from 10 pixels, neighbours of the right pose do not reach it, and are its rivals)
    windows_px: tuple[float, ...] = (16.0, 10.0, 6.0)
    # cosine of the descriptors there
    min_window_cosine: float = 0.8
    # of the robust loss of a refinement
    loss_px: float = 1.0
    # ratio test of a vote, against features that are not at the same spot
    max_ratio: float = 0.85
    same_spot_px: float = 4.0
    # side of the image cells that have one vote each: features come in clusters
    cell_px: float = 8.0
    # a vote agrees within this distance; evidence is the largest over these radii
    vote_px: float = 4.0
    radii_px: tuple[float, ...] = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
    # within which the density of features is counted, for what agrees by chance
    density_px: float = 8.0
    # votes that a fitted pose of six parameters has for nothing
    fitted_cells: int = 4
    # patches of a hypothesis that are compared between rivals
    patch_landmarks: int = 150
    # views around the pose whose patches make it exact
    patch_views: int = 20
    # part of the votes for a pose that has to agree with the one by patches
    kept_votes: float = 0.8
    # end: after so many hypotheses, one of so much evidence and inlier ratio, that wins against
    # each other one by so many sigmas and has so many times the inliers of the next, is enough
    end_after: int = 3
    end_evidence: float = 60.0
    end_inlier_ratio: float = 0.5
    end_sigmas: float = 4.0
    end_inliers: float = 4.0


@dataclass(frozen=True)
class DecisionOptions:
    """Settings of :mod:`posenet_ros.landmarks.verification.decision`."""

    # of a pose that is believed; at 20 images of unmapped places get false poses, at 40 up to 1 %
    # fewer are answered
    min_evidence: float = 30.0
    # enough where nearly all votes agree, as in rooms with few landmarks: false poses in places
    # that repeat, mapped or not, have inlier ratios up to 0.44
    min_evidence_of_most: float = 20.0
    most_inlier_ratio: float = 0.6
    # inlier ratio of the votes: false poses where the true place is not mapped have less; not
    # needed where the map is complete
    min_inlier_ratio: float = 0.35
    # blocks of 8 x 8 image cells (an eighth of the width) that what agrees is spread over: equal
    # posters hang in several places, and fill less
    min_blocks: int = 5
    block_cells: int = 8
    # of the paired test against each hypothesis elsewhere
    min_sigmas: float = 2.0
    # standard deviation, as a part of all cells, of what one of two places that look the same
    # wins: with 0 a fifth of the images of an arcade get the wrong place, with 0.15 none
    systematic: float = 0.175
    # not where the loser has at most so many of the cells that agree with one alone: in places
    # that look the same it has over a fifth
    one_sided: float = 0.1
    # a copy may be mapped more thinly, and lose no cell: a pose with evidence enough is as good if
    # its inlier ratio is at least this part of the other's, of rivals that are no copies it is
    # below 0.62,
    copy_inlier_ratio: float = 0.75
    # and the part of its landmarks that is found this part: less where objects are missing
    copy_found_ratio: float = 0.5
    # of two poses of one place; in a map without scale the distance is by its median depth
    same_distance_m: float = 1.0
    same_distance: float = 0.05
    same_angle_deg: float = 10.0
    # a prior tells rivals apart only if they are further from each other than so many sigmas,
    prior_sigmas: float = 3.0
    # and if its log10 odds, with those of the paired test, reach this
    min_odds: float = 2.0
    # smallest log10 of a prior: it may be wrong
    prior_floor: float = -4.0
    # beyond which it denies a place: an unmapped one may look the same, and no image can tell
    # (of a right prior either part is further off in a quarter of a percent)
    denied_sigmas: float = 3.8
    # of a prior that is certain: at most so much, and so much of the map's median depth
    certain_sigma_m: float = 0.3
    certain_sigma: float = 0.2
    certain_sigma_deg: float = 5.0
    # evidence that is enough near such a prior, whatever the inlier ratio
    min_evidence_near: float = 10.0
    # near: within so many sigmas, or within half the distance of another place
    near_sigmas: float = 3.0


@dataclass(frozen=True)
class LandmarkLocaliserOptions:
    """Settings of :class:`posenet_ros.landmarks.localiser.LandmarkLocaliser`."""

    # training images that are matched at a time, where each view has landmarks of its own, and
    # that a network retrieves
    views: int = 20
    # the same by pose, where neither the nearest nor the retrieved ones match
    more_views: int = 60
    # an angle that separates two views as much as the usual distance of the nearest views
    rotation_scale_deg: float = 10.0
    # views nearest to a pose whose landmarks are read ahead, where a map is not all in memory
    expected_views: int = 100
    # ratio test of landmarks by view
    max_ratio: float = 0.85
    # of a pose by landmarks by view, which count several times
    min_inliers_by_view: int = 30
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
    ransac: RansacOptions = field(default_factory=RansacOptions)
    hypotheses: HypothesisOptions = field(default_factory=HypothesisOptions)
    verification: VerificationOptions = field(default_factory=VerificationOptions)
    decision: DecisionOptions = field(default_factory=DecisionOptions)
    patches: PatchOptions = field(default_factory=PatchOptions)


DEFAULT_FEATURES = FeatureOptions()
DEFAULT_ABSOLUTE_POSE = AbsolutePoseOptions()
DEFAULT_LOCALISER = LandmarkLocaliserOptions()
