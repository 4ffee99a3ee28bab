"""A pose tracker whose estimates are those of a relocaliser: in the map, and calibrated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.estimate import PoseEstimate, rotate_covariance
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.tracking.keyframe import GreyImage, Keyframe
from posenet_ros.landmarks.tracking.pose_tracker import PoseTracker, TrackingResult
from posenet_ros.uncertainty.covariance import scale_covariance


class MapTracker:
    """
    Track a camera in the map.

    :param tracker: in the frame of the landmarks.
    :param map_from_dataset: moves poses from the landmarks' frame into the map.
    :param scale: factors (6,) on the standard deviations of localised poses.
    :param tracked_scale: of tracked ones; empty: the same.
    """

    def __init__(self, tracker: PoseTracker, map_from_dataset: Pose,
                 scale: Sequence[float], tracked_scale: Sequence[float] = ()) -> None:
        self._tracker, self._map_from_dataset = tracker, map_from_dataset
        self._dataset_from_map = map_from_dataset.inverse()
        self._scale = np.array(scale, np.float64)
        self._tracked_scale = np.array(tracked_scale or scale, np.float64)
        self.last: TrackingResult | None = None

    @property
    def depth_m(self) -> float:
        """Return the median depth of the landmarks that are tracked."""
        keyframe = self._tracker.keyframe
        return keyframe.median_depth_m if keyframe else 1.0

    def make_keyframe(self, estimate: PoseEstimate, grey: GreyImage, camera: Camera) -> Keyframe:
        """
        Make the keyframe of an image that was localised; in any thread.

        :param grey: (H, W) uint8, of `camera` or resized.
        """
        covariance = scale_covariance(rotate_covariance(
            estimate.covariance, self._dataset_from_map.rotation), 1 / self._scale)
        return self._tracker.make_keyframe(
            self._dataset_from_map @ estimate.map_from_camera, covariance, grey, camera)

    def start(self, keyframe: Keyframe) -> None:
        """Track from a keyframe."""
        self._tracker.start(keyframe)

    def correct(self, keyframe: Keyframe, tracked: Pose) -> None:
        """
        Move what is tracked from by what a localised image says, without its pixels.

        :param keyframe: of the localised image, whose pose was tracked to be `tracked` in the map.
        """
        current = self._tracker.keyframe
        if current is not None:
            correction = keyframe.map_from_camera @ (self._dataset_from_map @ tracked).inverse()
            self._tracker.start(current.corrected(correction, keyframe.covariance))

    def pose_of(self, keyframe: Keyframe) -> Pose:
        """Return map_from_camera of a keyframe."""
        return self._map_from_dataset @ keyframe.map_from_camera

    def stop(self) -> None:
        """Track nothing until the next start."""
        self._tracker.stop()

    def track(self, grey: GreyImage, camera: Camera, predicted: Pose, *,
              renew: bool = False) -> PoseEstimate | None:
        """
        Estimate the pose of the next image.

        :param predicted: map_from_camera, some pixels near.
        :param renew: anchor the image by the map's patches, where it has any.
        :returns: None where the landmarks do not show that the pose is right.
        """
        self.last = self._tracker.track(
            grey, camera, self._dataset_from_map @ predicted, renew=renew)
        if self.last is None:
            return None
        covariance = scale_covariance(self.last.covariance, self._tracked_scale)
        return PoseEstimate(
            self._map_from_dataset @ self.last.map_from_camera,
            rotate_covariance(covariance, self._map_from_dataset.rotation), 0.0,
            self.last.inliers, self.last.matches.moved(self._map_from_dataset))
