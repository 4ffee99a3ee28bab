"""Localise one image: decode, prepare, inspect and estimate, with the time of each stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
import time

from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.imaging.decoding import Frame, Reduction
from posenet_ros.imaging.quality import ImageStatistics
from posenet_ros.imaging.rectify import warp_image
from posenet_ros.landmarks.features import Features
from posenet_ros.localisation.relocaliser import Relocaliser


@dataclass(frozen=True, eq=False)
class Query:
    """
    An image to localise.

    :param decode: decodes the message; takes a reduction, as
        :func:`posenet_ros.ros_data.messages.frame_from_message` does.
    :param camera: of the image; None means the model's, at the image's size.
    :param warp_into: the camera to warp the image into; None does not warp.
    :param received_s: time of arrival on the monotonic clock.
    :param generation: the activation that the image belongs to.
    """

    decode: Callable[[Reduction | None], Frame]
    camera: Camera | None
    warp_into: Camera | None
    received_s: float
    generation: int


@dataclass(frozen=True, eq=False)
class QueryResult:
    """
    The result of a query: an estimate, an image error, or a failure of the network.

    :param frame: the decoded image; None with an image error.
    :param image_error: why the image cannot be used.
    :param failure: the exception of the network.
    :param statistics: of the network's input; None without an inspection.
    :param stages_s: duration of each stage, seconds.
    """

    query: Query
    frame: Frame | None = None
    estimate: PoseEstimate | None = None
    image_error: str = ''
    failure: Exception | None = None
    statistics: ImageStatistics | None = None
    stages_s: Mapping[str, float] = field(default_factory=dict)


def localise(relocaliser: Relocaliser, query: Query,
           inspect: Callable[[RgbImage], ImageStatistics] | None = None) -> QueryResult:
    """
    Localise one image; raises nothing, so it can run in a thread.

    :param inspect: computes the statistics of the network's input.
    """
    start = time.monotonic()
    try:
        reduction = None if query.warp_into else relocaliser.reduction
        frame = query.decode(reduction)
        decoded = time.monotonic()
        network_input, features = _prepare(relocaliser, query, frame.image)
        statistics = inspect(network_input) if inspect else None
    except InputError as error:
        return QueryResult(query, image_error=str(error))
    except Exception as error:  # the thread has to live on
        return QueryResult(query, failure=error)
    prepared = time.monotonic()
    try:
        estimate = relocaliser.estimate(network_input, features)
    except Exception as error:  # whatever a framework raises
        return QueryResult(query, frame, failure=error)
    stages_s = {'wait': start - query.received_s, 'decode': decoded - start,
                'prepare': prepared - decoded, 'infer': time.monotonic() - prepared}
    return QueryResult(query, frame, estimate, statistics=statistics, stages_s=stages_s)


def _prepare(relocaliser: Relocaliser, query: Query,
             image: RgbImage) -> tuple[RgbImage, Features | None]:
    """Return the network's input, and the features of the image where poses are refined."""
    camera = query.camera
    if camera and query.warp_into:
        image, camera = warp_image(image, camera, query.warp_into), query.warp_into
    return relocaliser.prepare(image, camera), relocaliser.features(image, camera)
