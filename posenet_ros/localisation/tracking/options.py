"""When a tracked camera is localised, and what is made of the answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScheduleOptions:
    """Settings of :class:`posenet_ros.localisation.tracking.camera_tracker.CameraTracker`."""

    # between localisations that know nothing of the tracked pose, which alone find rivals; seconds
    check_period_s: float = 5.0
    # between those with the tracked pose as prior, unless the map's patches anchor a keyframe,
    # which is as exact and cheaper
    correction_period_s: float = 1.0
    # the same where the evidence falls: fewer of the landmarks agree than this, or so many
    # keyframes were only tracked
    weak_period_s: float = 0.3
    weak_inlier_ratio: float = 0.5
    weak_keyframes: int = 3
    # an answer that has not come within this time will not, so that the next may be due
    max_pending_s: float = 3.0
    # an answer about an image that is older moves the keyframe, of which later images show more
    max_late_s: float = 0.25
    # while nothing is tracked, images so far apart are kept, for so long: once one is localised,
    # the camera is tracked through those that came after it
    missed_period_s: float = 0.1
    max_missed_s: float = 3.0
    # without one that confirms it, tracking ends
    max_unconfirmed_s: float = 12.0
    # images in a row that cannot be tracked, or are rejected, and longest time between two,
    # without odometry, after which it ends
    max_failures: int = 3
    max_gap_s: float = 0.5
    # with odometry, which bridges
    max_bridged_s: float = 5.0
    # of the prior: standard deviations no less than this part of the landmarks' depth, degrees
    prior_sigma: float = 0.01
    prior_sigma_deg: float = 0.5
    # a localisation confirms within so many standard deviations of both, or within this part of
    # the landmarks' depth and so many degrees; if it does not, tracking ends
    max_sigmas: float = 4.0
    max_difference: float = 0.02
    max_difference_deg: float = 1.5


DEFAULT_SCHEDULE = ScheduleOptions()
