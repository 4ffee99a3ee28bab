"""Settings of tracking, with the reasons for their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

from posenet_ros.landmarks.options import AbsolutePoseOptions
from posenet_ros.landmarks.patches.options import PatchOptions


def _pose_options() -> AbsolutePoseOptions:
    """Return the settings of a tracked pose: a landmark is followed better than it is detected."""
    return AbsolutePoseOptions(loss_scale=0.0005, max_iterations=0)


def _anchor() -> PatchOptions:
    """Return the settings by which patches anchor a keyframe: 600 of them take 4 ms more."""
    return PatchOptions(max_landmarks=400)


@dataclass(frozen=True)
class TrackingOptions:
    """Settings of :class:`posenet_ros.landmarks.tracking.pose_tracker.PoseTracker`."""

    # pixels: wider images are resized
    width: int = 640
    # views near the keyframe's pose, whose landmarks are followed
    views: int = 10
    # views whose landmarks are read ahead, where a map is not all in memory
    expected_views: int = 100
    # landmarks of a keyframe, and the side of the cells over which they are spread, pixels
    landmarks: int = 200
    cell_px: int = 32
    # how the map's patches give the pose of a keyframe
    anchor: PatchOptions = field(default_factory=_anchor)
    # landmarks, that the map's patches have to show at the least to be chosen by these
    min_shown: int = 80
    # pixels: side of the window of the optical flow
    window_px: int = 11
    # levels of the image pyramid above the image itself: the prediction is near
    levels: int = 1
    # and where that fails: the prediction is far off, as after images that were missed
    more_levels: int = 4
    # pixels by which a landmark may be off its expected place: where the median is more, they are
    # followed once more from the pose that was found
    max_shift_px: float = 3.0
    # of the optical flow, each level: iterations, and the smallest step, pixels
    iterations: int = 10
    epsilon_px: float = 0.03
    # pixels: followed back to the keyframe, a point has to come out where it began
    max_round_trip_px: float = 0.7
    # pixels: reprojection error of an inlier
    max_error_px: float = 2.0
    # a pose needs as many inliers, and this share of the landmarks that have to be in the image
    min_inliers: int = 20
    min_inlier_ratio: float = 0.35
    # of the image's cells, 4 x 3 over the whole, that hold an inlier
    min_cells: int = 4
    # a new keyframe where fewer of the landmarks than this share agree
    keyframe_inlier_ratio: float = 0.6
    # or where the camera has turned by more, degrees
    keyframe_angle_deg: float = 15.0
    # or has moved by more than this part of the landmarks' median depth
    keyframe_baseline: float = 0.15
    # by which Cauchy's loss is narrower with each step of Gauss-Newton, and the steps after what
    # disagrees is left out
    loss_factor: float = 3.0
    steps: int = 2
    # what disagrees: residuals of so many times their median, but at least so many pixels. Things
    # that move or hide a landmark are often nearer, and so pull more than they are many
    max_residual: float = 3.0
    min_residual_px: float = 0.6
    # the loss of the last steps, and the covariance
    absolute_pose: AbsolutePoseOptions = field(default_factory=_pose_options)


DEFAULT_TRACKING = TrackingOptions()
