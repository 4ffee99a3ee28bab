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
from posenet_ros.imaging.rectify import warp_image
from posenet_ros.landmarks.features import Features
from posenet_ros.localisation.gate import Decision, Gate
from posenet_ros.localisation.relocaliser import Relocaliser

Decode = Callable[[Reduction | None], Frame]
Clock = Callable[[], float]  # seconds, monotonic


@dataclass(frozen=True, eq=False)
class QueryResult:
    """
    The result of localising one image, or of its first stages.

    :param frame: the decoded image; None when it could not be decoded, or is not kept.
    :param network_input: (H, W, 3) RGB of 8 bits; None with an image error.
    :param features: of the image, where poses are refined.
    :param statistics: of the network's input.
    :param estimate: the pose; None with an image error or a failure.
    :param image_error: why the image cannot be used.
    :param failure: the exception of the network.
    :param stages_s: duration of each stage (`decode`, `prepare`, `infer`), seconds.
    """

    frame: Frame | None = None
    network_input: RgbImage | None = None
    features: Features | None = None
    statistics: ImageStatistics | None = None
    estimate: PoseEstimate | None = None
    image_error: str = ''
    failure: Exception | None = None
    stages_s: Mapping[str, float] = field(default_factory=dict)


class Judgement(NamedTuple):
    """The gate's decision about an estimate, and the fault of its image."""

    decision: Decision
    fault: Fault | None


def localise(relocaliser: Relocaliser, decode: Decode, camera: Camera | None, clock: Clock,
             warp_into: Camera | None = None) -> QueryResult:
    """
    Localise one image.

    :param decode: decodes the image, smaller where the given reduction allows it.
    :param camera: of the image; None means the model's, at the image's size.
    :param clock: for the duration of the stages.
    :param warp_into: the camera to warp the image into; None does not warp.
    :raises ImageFileError: when the image is a file that is missing or damaged.
    """
    prepared = prepare(relocaliser, decode, camera, clock, warp_into)
    return infer(relocaliser, prepared, clock)


def prepare(relocaliser: Relocaliser, decode: Decode, camera: Camera | None, clock: Clock,
            warp_into: Camera | None = None) -> QueryResult:
    """
    Decode an image and make the network's input; the parameters are those of :func:`localise`.

    :raises ImageFileError: when the image is a file that is missing or damaged.
    """
    start_s = clock()
    frame = None
    try:
        frame = decode(_size_checked(
            _whole if warp_into else relocaliser.reduction, camera))
        decoded_s = clock()
        image = frame.image
        if camera and warp_into:
            image, camera = warp_image(image, camera, warp_into), warp_into
        network_input = relocaliser.prepare(image, camera)
        features = relocaliser.features(image, camera)
    except ImageFileError:
        raise
    except InputError as error:
        return QueryResult(frame, image_error=str(error))
    except Exception as error:  # the inference thread has to survive
        return QueryResult(frame, failure=error)
    stages_s = {'decode': decoded_s - start_s, 'prepare': clock() - decoded_s}
    return QueryResult(frame, network_input, features, stages_s=stages_s)


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


def infer(relocaliser: Relocaliser, prepared: QueryResult, clock: Clock) -> QueryResult:
    """
    Inspect the network's input and estimate the pose.

    :param prepared: the result of :func:`prepare`; returned as it is when it has no input.
    """
    if prepared.network_input is None:
        return prepared
    start_s = clock()
    inspected = replace(prepared, statistics=image_statistics(prepared.network_input))
    inspected_s = clock()
    try:
        estimate = relocaliser.estimate(prepared.network_input, prepared.features)
    except Exception as error:  # any of a framework's
        return replace(inspected, failure=error)
    stages_s = {**prepared.stages_s, 'infer': clock() - inspected_s}
    stages_s['prepare'] = stages_s.get('prepare', 0.0) + inspected_s - start_s
    return replace(inspected, estimate=estimate, stages_s=stages_s)


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
    if statistics and result.network_input is not None:
        statistics = statistics._replace(repeats=frozen.count_repeats(result.network_input))
    if result.estimate is None:
        return None
    fault = gate.fault(statistics)
    decision = gate.decide(result.estimate, stamp_ns, fault=fault, age_s=age_s,
                           odom_from_camera=odom_from_camera)
    return Judgement(decision, fault)
