"""Answer one image message with a pose estimate, and say how long each stage took."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
import time

from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.imaging.decoding import Frame, Reduction
from posenet_ros.imaging.quality import Look
from posenet_ros.imaging.rectify import warped
from posenet_ros.landmarks.features import Features
from posenet_ros.localisation.relocaliser import Relocaliser


@dataclass(frozen=True, eq=False)
class Job:
    """
    An image message to answer.

    :param decode: decodes the message; takes a reduction, as
        :func:`posenet_ros.ros_data.messages.frame_from_message` does.
    :param camera: of its images; None means the model's, at the image's size.
    :param warp_into: the camera to warp the image into; None leaves it as it is.
    :param received_s: when it came, on the monotonic clock.
    :param era: number of the activation that it belongs to.
    """

    decode: Callable[[Reduction | None], Frame]
    camera: Camera | None
    warp_into: Camera | None
    received_s: float
    era: int


@dataclass(frozen=True, eq=False)
class Answer:
    """
    What became of a job: an estimate, a reason why the image is bad, or a failure.

    :param frame: the decoded image; None when it is bad.
    :param bad: what was expected of the image and what came.
    :param failure: what the network raised.
    :param look: what the image is like; None when nobody looked.
    :param stages_s: seconds that each stage took.
    """

    job: Job
    frame: Frame | None = None
    estimate: PoseEstimate | None = None
    bad: str = ''
    failure: Exception | None = None
    look: Look | None = None
    stages_s: Mapping[str, float] = field(default_factory=dict)


def answer(relocaliser: Relocaliser, job: Job,
           inspect: Callable[[RgbImage], Look] | None = None) -> Answer:
    """
    Decode, prepare and estimate; raises nothing, so it can run in a thread of its own.

    :param inspect: looks at the network's input for what is wrong with the camera.
    """
    start = time.monotonic()
    try:
        reduction = None if job.warp_into else relocaliser.reduction
        frame = job.decode(reduction)
        decoded = time.monotonic()
        network_input, features = _prepare(relocaliser, job, frame.image)
        look = inspect(network_input) if inspect else None
    except InputError as error:
        return Answer(job, bad=str(error))
    except Exception as error:  # the thread has to live on
        return Answer(job, failure=error)
    prepared = time.monotonic()
    try:
        estimate = relocaliser.estimate(network_input, features)
    except Exception as error:  # whatever a framework raises
        return Answer(job, frame, failure=error)
    stages_s = {'wait': start - job.received_s, 'decode': decoded - start,
                'prepare': prepared - decoded, 'infer': time.monotonic() - prepared}
    return Answer(job, frame, estimate, look=look, stages_s=stages_s)


def _prepare(relocaliser: Relocaliser, job: Job, image: RgbImage) -> tuple[RgbImage, Features | None]:
    """Return the network's input and what landmarks are looked for in."""
    camera = job.camera
    if camera and job.warp_into:
        image, camera = warped(image, camera, job.warp_into), job.warp_into
    return relocaliser.prepare(image, camera), relocaliser.features(image, camera)
