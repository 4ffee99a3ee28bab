"""
Localise one image and judge its pose: the one chain for node, evaluator, robustness and benches.

decode -> prepare -> inspect -> infer, then, in the order of the images, judge. The clock is an
argument; a bad image or a failing network is part of the result and raises nothing, so the chain
can run in any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import cv2
import numpy as np
from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame, Reduction
from posenet_ros.imaging.files import ImageFileError
from posenet_ros.imaging.quality import (
    Fault,
    FrozenImageDetector,
    image_statistics,
    ImageStatistics,
)
from posenet_ros.imaging.rectify import crop_to_aspect, view_overlap, warp_image
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.localisation import PosePrior
from posenet_ros.localisation.gate import Decision, Gate
from posenet_ros.localisation.gating.prior import Expectation, is_near, NOTHING
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.localisation.stamps import StampOrder

# of the network's view, below which an image is not warped for it but given as it is: so a lens of
# 3 times the focal length was localised 14 times of 15 within 0.26 m, warped one was 4.9 m off
MIN_OVERLAP = 0.2

# Inliers among the keypoints of another camera's image, where it sees all that the model's does;
# in a part of the view, more agree by chance. Landmarks of joined maps have shown their evidence
# before. Of those by view: of 70 poses of a court by lenses of 1.3 to 4 times the focal length,
# the 7 that were over 0.35 m off had under 15, the 51 with as many were within 0.3.
MIN_KEYPOINTS = 12

Decode = Callable[[Reduction | None], Frame]
Clock = Callable[[], float]  # seconds, monotonic


@dataclass(frozen=True, eq=False)
class QueryResult:
    """
    The result of localising one image, or of its first stages.

    :param frame: the decoded image; None when it could not be decoded, or is not kept.
    :param network_input: (H, W, 3) RGB of 8 bits; None with an image error.
    :param features: of the image, where poses are refined.
    :param statistics: of the network's input, or of the image before it was warped.
    :param estimate: the pose; None with an image error or a failure.
    :param image_error: why the image cannot be used.
    :param failure: the exception of the network.
    :param min_keypoints: that have to confirm the pose, where the image is of another camera than
        the network was trained for; else 0.
    :param stages_s: duration of each stage (`decode`, `prepare`, `infer`), seconds.
    :param camera: of the image, at its full size; None without an input.
    """

    frame: Frame | None = None
    network_input: RgbImage | None = None
    features: Features | None = None
    statistics: ImageStatistics | None = None
    estimate: PoseEstimate | None = None
    image_error: str = ''
    failure: Exception | None = None
    min_keypoints: int = 0
    stages_s: Mapping[str, float] = field(default_factory=dict)
    camera: Camera | None = None


class Judgement(NamedTuple):
    """The gate's decision about an estimate, and the fault of its image."""

    decision: Decision
    fault: Fault | None


def localise(relocaliser: Relocaliser, decode: Decode, camera: Camera | None, clock: Clock,
             warp_into: Camera | None = None, expected: Expectation = NOTHING) -> QueryResult:
    """
    Localise one image.

    :param decode: decodes the image, smaller where the given reduction allows it.
    :param camera: of the image; None means the model's, at the image's size.
    :param clock: for the duration of the stages.
    :param warp_into: the model's camera, where the image's is another: the network gets the image
        warped into it, the landmarks are found in the image as it is. None does not warp.
    :param expected: what is known of the camera's pose before.
    :raises ImageFileError: when the image is a file that is missing or damaged.
    """
    prepared = prepare(relocaliser, decode, camera, clock, warp_into)
    return infer(relocaliser, prepared, clock, expected.prior, check=expected.check)


def prepare(relocaliser: Relocaliser, decode: Decode, camera: Camera | None, clock: Clock,
            warp_into: Camera | None = None, *, features: bool = True) -> QueryResult:
    """
    Decode an image and make the network's input; the parameters are those of :func:`localise`.

    :param features: False leaves them to :func:`detect_features`.
    :raises ImageFileError: when the image is a file that is missing or damaged.
    """
    start_s = clock()
    frame = None
    try:
        frame = decode(_size_checked(
            _whole if warp_into else relocaliser.reduction, camera))
        decoded_s = clock()
        camera = camera or relocaliser.camera_of(frame.image)
        network_input, statistics = _network_input(relocaliser, frame.image, camera, warp_into)
        found = relocaliser.features(frame.image, camera) if features else None
    except ImageFileError:
        raise
    except InputError as error:
        return QueryResult(frame, image_error=str(error))
    except Exception as error:  # the inference thread has to survive
        return QueryResult(frame, failure=error)
    stages_s = {'decode': decoded_s - start_s, 'prepare': clock() - decoded_s}
    return QueryResult(frame, network_input, found, statistics, stages_s=stages_s,
                       camera=camera, min_keypoints=_min_keypoints(camera, warp_into))


def detect_features(relocaliser: Relocaliser, prepared: QueryResult, clock: Clock) -> QueryResult:
    """Detect the features of an image that was prepared without them, and has been decoded."""
    if prepared.frame is None or prepared.network_input is None:
        return prepared
    start_s = clock()
    try:
        features = relocaliser.features(prepared.frame.image, prepared.camera)
    except Exception as error:  # the inference thread has to survive
        return replace(prepared, network_input=None, failure=error)
    stages_s = dict(prepared.stages_s)
    stages_s['prepare'] = stages_s.get('prepare', 0.0) + clock() - start_s
    return replace(prepared, features=features, stages_s=stages_s)


def inspect(prepared: QueryResult) -> QueryResult:
    """Measure the network's input, for the gate to see whether the image is at fault."""
    if prepared.network_input is None or prepared.statistics is not None:
        return prepared
    return replace(prepared, statistics=image_statistics(prepared.network_input))


def _min_keypoints(camera: Camera | None, warp_into: Camera | None) -> int:
    """Return how many keypoints have to confirm a pose: the more, the less a camera sees."""
    if camera is None or warp_into is None:
        return 0
    overlap = max(view_overlap(camera, warp_into), 1e-3)
    return round(MIN_KEYPOINTS / float(np.sqrt(overlap)))


def _network_input(
        relocaliser: Relocaliser, image: RgbImage, camera: Camera | None,
        warp_into: Camera | None) -> tuple[RgbImage, ImageStatistics | None]:
    """Return the network's input; where it is warped, the statistics are of what it showed."""
    if camera is None or warp_into is None:
        return relocaliser.prepare(image, camera), None
    if view_overlap(camera, warp_into) >= MIN_OVERLAP:
        seen = warp_image(image, camera, warp_into)
    else:  # a pose of this is void, but the most similar training images are retrieved
        seen = crop_to_aspect(image, warp_into)
    network_input = relocaliser.prepare(seen, warp_into)
    whole = cv2.resize(image, network_input.shape[1::-1], interpolation=cv2.INTER_AREA)
    return network_input, image_statistics(np.asarray(whole, np.uint8))


def _whole(width: int, height: int) -> int:
    """Decode an image of any size as large as it is."""
    return 1


def _size_checked(reduction: Reduction, camera: Camera | None) -> Reduction:
    """Compare the size in a file's header with the camera's before the pixels are decoded."""
    def factor(width: int, height: int) -> int:
        if camera and (width, height) != camera.size:
            raise InputError(f'the image has to be {camera.width}x{camera.height}, as its '
                             f'camera. Received: {width}x{height}')
        return reduction(width, height)
    return factor


def infer(relocaliser: Relocaliser, prepared: QueryResult, clock: Clock,
          prior: PosePrior | None = None, *, check: bool = False) -> QueryResult:
    """
    Inspect the network's input and estimate the pose.

    :param prepared: the result of :func:`prepare`; returned as it is when it has no input.
    :param prior: what is known of the camera's pose before; None for nothing.
    :param check: do as if nothing was known; use the prior only where that does not tell.
    """
    if prepared.network_input is None:
        return prepared
    start_s = clock()
    inspected = inspect(prepared)
    inspected_s = clock()
    try:
        estimate = relocaliser.estimate(
            prepared.network_input, prepared.features, None if check else prior)
        if check and prior is not None and _does_not_tell(estimate, prior):
            estimate = relocaliser.estimate(prepared.network_input, prepared.features, prior)
    except Exception as error:  # any of a framework's
        return replace(inspected, failure=error)
    stages_s = {**prepared.stages_s, 'infer': clock() - inspected_s}
    stages_s['prepare'] = stages_s.get('prepare', 0.0) + inspected_s - start_s
    return replace(inspected, estimate=estimate, stages_s=stages_s)


def _does_not_tell(estimate: PoseEstimate, prior: PosePrior) -> bool:
    """Return whether an image alone says nothing, or that the prior may be right."""
    if estimate.ambiguous:
        return any(is_near(pose, prior) for pose in estimate.ambiguous)
    return not estimate.landmarks


def judge(result: QueryResult, gate: Gate, frozen: FrozenImageDetector, stamp_ns: int, *,
          odom_from_camera: Pose | None = None, age_s: float = 0.0) -> Judgement | None:
    """
    Judge a result by the gate; call it in the order of the images.

    :param frozen: counts identical images of the camera.
    :param stamp_ns: time of the image, nanoseconds.
    :param odom_from_camera: the camera's pose by odometry at the image's time, if available.
    :param age_s: age of the image, seconds.
    :returns: None without an estimate.
    """
    statistics = result.statistics
    late = gate.order_of(stamp_ns) is StampOrder.STALE  # as of two publishers of the same images
    if statistics and result.network_input is not None and not late:
        statistics = statistics._replace(repeats=frozen.count_repeats(result.network_input))
    if result.estimate is None:
        return None
    fault = gate.fault(statistics)
    decision = gate.decide(result.estimate, stamp_ns, fault=fault, age_s=age_s,
                           odom_from_camera=odom_from_camera,
                           min_keypoints=result.min_keypoints)
    return Judgement(decision, fault)
