"""Track and localise images one after another in one thread: for replays and the Python API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from posenet_ros.arrays import RgbImage
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.tracking.keyframe import GreyImage
from posenet_ros.localisation.gating.prior import Expectation, NOTHING
from posenet_ros.localisation.pipeline import (
    Clock,
    Decode,
    detect_features,
    infer,
    inspect,
    prepare,
    QueryResult,
)
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.localisation.tracking.camera_tracker import (
    CameraTracker,
    is_localised,
    LocalisationRequest,
)


def grey_of(image: RgbImage) -> GreyImage:
    """Return the image that is tracked, (H, W)."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def track_image(tracker: CameraTracker, prepared: QueryResult, grey: GreyImage, clock: Clock,
                odom_from_camera: Pose | None = None) -> QueryResult:
    """
    Track a camera into an image that is prepared.

    :param prepared: the result of `prepare`, with a frame.
    :returns: its `estimate` is None where it is not tracked.
    """
    start_s = clock()
    assert prepared.frame is not None
    assert prepared.camera is not None
    estimate = tracker.track(grey, prepared.camera, prepared.frame.stamp_ns, odom_from_camera)
    stages_s = {**prepared.stages_s, 'track': clock() - start_s}
    return replace(prepared, estimate=estimate, stages_s=stages_s)


class SequentialTracking:
    """
    Localise a camera image by image, tracking it where it can be.

    An image that is due for a localisation is localised at once, so that a replay depends on its
    stamps alone. After each image :meth:`judged` has to be called.

    :param tracker: of the relocaliser's map.
    """

    def __init__(self, relocaliser: Relocaliser, tracker: CameraTracker, clock: Clock) -> None:
        self._relocaliser, self._tracker, self._clock = relocaliser, tracker, clock
        self._started: tuple[LocalisationRequest, QueryResult, GreyImage] | None = None
        self.localisations = 0

    def reset(self) -> None:
        """Forget the past, as when another sequence begins."""
        self._tracker.reset()
        self._started = None

    def localise(self, decode: Decode, camera: Camera | None, warp_into: Camera | None = None,
                 odom_from_camera: Pose | None = None,
                 expect: Callable[[], Expectation] = lambda: NOTHING) -> QueryResult:
        """
        Track an image, else localise it.

        :param decode: and `camera`, `warp_into`: as of the pipeline's `localise`.
        :param expect: called for an image that is not tracked: what is known of its pose.
        :raises ImageFileError: when the image is a file that is missing or damaged.
        """
        self._started = None
        prepared = prepare(self._relocaliser, decode, camera, self._clock, warp_into,
                           features=False)
        if prepared.network_input is None or prepared.frame is None:
            return prepared
        grey = grey_of(prepared.frame.image)
        tracked = inspect(
            track_image(self._tracker, prepared, grey, self._clock, odom_from_camera))
        request = self._tracker.request(
            prepared.frame.stamp_ns, tracked.estimate, odom_from_camera)
        if request is None:
            return tracked
        self.localisations += 1
        expected = expect() if request.tracked is None else request.expected
        localised = infer(
            self._relocaliser, detect_features(self._relocaliser, prepared, self._clock),
            self._clock, expected.prior, check=expected.check)
        if request.tracked is None:
            self._started = request, localised, grey
            return localised
        self._correct(request, localised, grey)
        return tracked

    def judged(self, *, accepted: bool) -> None:
        """Take the gate's word on the last image: an accepted one is tracked from."""
        if self._started is None:
            self._tracker.judged(accepted=accepted)
        if self._started is None or not accepted:
            return
        request, localised, grey = self._started
        estimate, camera = localised.estimate, localised.camera
        if estimate is not None and camera is not None and is_localised(estimate):
            self._tracker.start(request, self._tracker.make_keyframe(estimate, grey, camera))

    def _correct(self, request: LocalisationRequest, localised: QueryResult,
                 grey: GreyImage) -> None:
        if not self._tracker.confirms(request, localised.estimate):
            return
        assert localised.estimate is not None
        assert localised.camera is not None
        self._tracker.correct(request, self._tracker.make_keyframe(
            localised.estimate, grey, localised.camera))
