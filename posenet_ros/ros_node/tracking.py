"""Track the camera in one thread, and localise it in a second one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from threading import Lock
import time
from typing import Any, NamedTuple

import cv2
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.landmarks.tracking.keyframe import GreyImage, Keyframe
from posenet_ros.localisation.gating.prior import Expectation
from posenet_ros.localisation.pipeline import (
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
from posenet_ros.localisation.tracking.map_tracker import MapTracker
from posenet_ros.localisation.tracking.sequential import grey_of, track_image
from posenet_ros.ros_node.diagnostics import Diagnostics
from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.ros_node.results import ResultHandler
from posenet_ros.ros_node.worker import InferenceThread, Query, STOP_TIMEOUT_S, Worker
from rclpy.node import Node

# of a process with several cameras: one localises at a time, so that the others are tracked
_LOCALISING = Lock()


class DueImage(NamedTuple):
    """An image that is to be localised, as the tracking thread prepared it."""

    query: Query
    prepared: QueryResult
    grey: GreyImage
    request: LocalisationRequest
    wait_s: float


class TrackingThreads(InferenceThread):
    """
    Track each image; localise, in a second thread, those that cannot be and those that are due.

    The answer about a tracked image corrects the tracking, and is not published: poses of newer
    images have been. An image that is not tracked is answered as without tracking.

    :param tracker: of the camera; the other parameters are those of the base class.
    :param odometry: returns the camera's pose by odometry at the time of an image, if available;
        called with the lock held.
    """

    def __init__(self, node: Node, stack: ExitStack, relocaliser: Relocaliser,
                 lock: AbstractContextManager[Any], diagnostics: Diagnostics,
                 expect: Callable[[Frame], Expectation],
                 on_result: Callable[[QueryResult, float], bool],
                 on_failure: Callable[[Exception, int], None], tracker: MapTracker,
                 odometry: Callable[[Frame], Pose | None]) -> None:
        self._tracker, self._tracking = CameraTracker(tracker), Lock()
        self._odometry = odometry
        self._localiser = Worker(self._localise_due, 'localisation')
        stack.callback(lambda: self._localiser.stop(STOP_TIMEOUT_S))
        super().__init__(
            node, stack, relocaliser, lock, diagnostics, expect, on_result, on_failure)

    def discard_pending(self) -> None:
        """Discard the images that wait and those that are worked at; track nothing."""
        super().discard_pending()
        self._count_dropped(self._localiser.clear())
        self.localise_anew()

    def localise_anew(self) -> None:
        """Track nothing until the next image that is localised."""
        with self._tracking:
            self._tracker.reset()

    def _stop(self) -> None:
        self._localiser.stop(0.0)  # both threads end at the same time
        super()._stop()

    def _localise(self, query: Query) -> None:
        wait_s = time.monotonic() - query.received_s
        prepared = prepare(self._relocaliser, query.decode, query.camera.camera, time.monotonic,
                           query.camera.warp_into, features=False)
        if prepared.network_input is None or prepared.frame is None:
            self._hand_over(query, prepared, wait_s)
            return
        try:
            due, tracked = self._track(query, prepared, prepared.frame, wait_s)
        except Exception as error:  # of this image; the next one may do
            self._hand_over(query, replace(prepared, failure=error), wait_s)
            return
        if tracked.estimate is not None:
            self._diagnostics.count('tracked')
            accepted = self._hand_over(query, tracked, wait_s)
            with self._tracking:
                self._tracker.judged(accepted=accepted)
        if due is not None:
            self._count_dropped(self._localiser.replace(due))

    def _count_dropped(self, due: DueImage | None) -> None:
        """Count an image that is not localised; one that is tracked has been answered."""
        if due is not None and due.request.tracked is None:
            self._diagnostics.count('dropped')

    def _track(self, query: Query, prepared: QueryResult, frame: Frame,
               wait_s: float) -> tuple[DueImage | None, QueryResult]:
        """Track an image, and say whether it is to be localised."""
        grey = grey_of(frame.image)
        with self._lock:
            odom_from_camera = self._odometry(frame)
        with self._tracking:
            tracked = track_image(
                self._tracker, prepared, grey, time.monotonic, odom_from_camera)
            request = self._tracker.request(frame.stamp_ns, tracked.estimate, odom_from_camera)
        due = None if request is None else DueImage(query, prepared, grey, request, wait_s)
        return due, inspect(tracked)

    def _localise_due(self, due: DueImage) -> None:
        """Localise an image in the second thread, or the latest when it is this camera's turn."""
        try:
            with _LOCALISING:
                if self._localiser.stopping:  # while another camera had its turn
                    return
                due = self._latest(due)
                result = self._answer(due)
            self._diagnostics.count('localised')
            if due.request.tracked is None:
                self._start(due, result)
            else:
                self._correct(due, result)
        except Exception as error:  # or this thread would end; its image has been answered
            self._diagnostics.warn('tracking', f'a localisation failed: {error}')
            self.localise_anew()

    def _latest(self, due: DueImage) -> DueImage:
        """Return the newer image that waits, if any: from an old one nothing can be tracked."""
        newer = self._localiser.clear()
        if newer is None:
            return due
        self._count_dropped(due)
        return newer

    def _answer(self, due: DueImage) -> QueryResult:
        image = detect_features(self._relocaliser, due.prepared, time.monotonic)
        if due.request.tracked is None:
            return self._infer(due.query.generation, image)
        expected = due.request.expected
        return infer(self._relocaliser, image, time.monotonic, expected.prior,
                     check=expected.check)

    def _start(self, due: DueImage, result: QueryResult) -> None:
        """Answer an image that was not tracked, and track from it where the gate accepts it."""
        accepted = self._hand_over(due.query, result, due.wait_s)
        if accepted and result.estimate is not None and is_localised(result.estimate):
            keyframe = self._keyframe(due, result)
            with self._tracking:
                self._tracker.start(due.request, keyframe)

    def _correct(self, due: DueImage, result: QueryResult) -> None:
        """Correct the tracking by the answer about an image that was tracked."""
        if result.failure is not None:
            raise result.failure
        with self._tracking:
            confirmed = self._tracker.confirms(due.request, result.estimate)
        if confirmed:
            keyframe = self._keyframe(due, result)
            with self._tracking:
                self._tracker.correct(due.request, keyframe)

    def _keyframe(self, due: DueImage, result: QueryResult) -> Keyframe:
        assert result.estimate is not None
        assert result.camera is not None
        return self._tracker.make_keyframe(result.estimate, due.grey, result.camera)


def start_inference(
        node: Node, stack: ExitStack, relocaliser: Relocaliser, lock: AbstractContextManager[Any],
        diagnostics: Diagnostics, results: ResultHandler,
        on_failure: Callable[[Exception, int], None], values: Parameters) -> InferenceThread:
    """
    Start the threads that localise, and track where the parameters say so and there is a map.

    Who asks for single poses has each of them localised.
    """
    wanted = values.tracking == 'auto' and values.mode == 'continuous'
    tracker = relocaliser.make_tracker() if wanted else None
    diagnostics.facts['tracking'] = 'on' if tracker else 'off'
    if tracker is None:
        return InferenceThread(
            node, stack, relocaliser, lock, diagnostics, results.expect, results.handle,
            on_failure)
    stack.callback(cv2.setNumThreads, cv2.getNumThreads())
    cv2.setNumThreads(1)  # two threads of ours have images; small tasks of more take CPU time
    return TrackingThreads(
        node, stack, relocaliser, lock, diagnostics, results.expect, results.handle, on_failure,
        tracker, results.odom_from_camera)
