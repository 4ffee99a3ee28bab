"""Answer one image message with a pose estimate, and say how long each stage took."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
import time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.artifact import Artifact
from posenet_ros.camera import Camera
from posenet_ros.errors import InputError
from posenet_ros.image_faults import Look
from posenet_ros.local_features import Features
from posenet_ros.messages import Frame, frame_from_message
from posenet_ros.pose import PoseEstimate
from posenet_ros.preprocess import Image
from posenet_ros.relocaliser import Relocaliser


@dataclass(frozen=True, eq=False)
class Job:
    """
    An image message to answer.

    :param message: sensor_msgs/Image or CompressedImage.
    :param camera: of its images; None means the model's, at the image's size.
    :param warp_into: the camera to warp the image into; None leaves it as it is.
    :param received_s: when it came, on the monotonic clock.
    :param era: number of the activation that it belongs to.
    """

    message: Any
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
           inspect: Callable[[Image], Look] | None = None) -> Answer:
    """
    Decode, prepare and estimate; raises nothing, so it can run in a thread of its own.

    :param inspect: looks at the network's input for what is wrong with the camera.
    """
    start = time.monotonic()
    try:
        reduction = None if job.warp_into else relocaliser.reduction
        frame = frame_from_message(job.message, reduction)
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


def _prepare(relocaliser: Relocaliser, job: Job, image: Image) -> tuple[Image, Features | None]:
    """Return the network's input and what landmarks are looked for in."""
    camera = job.camera
    if camera and job.warp_into:
        image, camera = warped(image, camera, job.warp_into), job.warp_into
    return relocaliser.prepare(image, camera), relocaliser.features(image, camera)


def warped(image: Image, camera: Camera, target: Camera) -> Image:
    """
    Return what another camera at the same place would see; black where `camera` sees nothing.

    :param image: (height, width, 3) RGB of `camera`, 8 bits.
    :param target: the other camera, without distortion.
    :raises InputError: when the image does not have the size of `camera`.
    """
    if image.shape[:2] != (camera.height, camera.width):
        raise InputError(f'the image has to be {camera.width}x{camera.height}, as its camera_info '
                         f'says. Received: {image.shape[1]}x{image.shape[0]}')
    maps = _warp_maps(camera, target)
    return np.asarray(cv2.remap(image, *maps, cv2.INTER_LINEAR), np.uint8)


@lru_cache(maxsize=2)
def _warp_maps(camera: Camera, target: Camera) -> tuple[NDArray[Any], NDArray[Any]]:
    return cv2.initUndistortRectifyMap(
        camera.matrix, np.array(camera.distortion), np.eye(3), target.matrix, target.size,
        cv2.CV_16SC2)


def warm_up(relocaliser: Relocaliser, artifact: Artifact) -> None:
    """Run the network once on a black image, so that the first real one is not the slow one."""
    size = artifact.preprocess.height, artifact.preprocess.width, 3
    relocaliser.estimate(np.zeros(size, np.uint8))
