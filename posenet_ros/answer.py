"""Answer one image message with a pose estimate, and say how long each stage took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import time
from typing import Any

import numpy as np
from posenet_ros.artifact import Artifact
from posenet_ros.camera import Camera
from posenet_ros.errors import InputError
from posenet_ros.messages import Frame, frame_from_message
from posenet_ros.pose import PoseEstimate
from posenet_ros.relocaliser import Relocaliser


@dataclass(frozen=True, eq=False)
class Job:
    """
    An image message to answer.

    :param message: sensor_msgs/Image or CompressedImage.
    :param camera: of its images; None means the model's, at the image's size.
    :param received_s: when it came, on the monotonic clock.
    :param era: number of the activation that it belongs to.
    """

    message: Any
    camera: Camera | None
    received_s: float
    era: int


@dataclass(frozen=True, eq=False)
class Answer:
    """
    What became of a job: an estimate, a reason why the image is bad, or a failure.

    :param frame: the decoded image; None when it is bad.
    :param bad: what was expected of the image and what came.
    :param failure: what the network raised.
    :param stages_s: seconds that each stage took.
    """

    job: Job
    frame: Frame | None = None
    estimate: PoseEstimate | None = None
    bad: str = ''
    failure: Exception | None = None
    stages_s: Mapping[str, float] = field(default_factory=dict)


def answer(relocaliser: Relocaliser, job: Job) -> Answer:
    """Decode, prepare and estimate; raises nothing, so it can run in a thread of its own."""
    start = time.monotonic()
    try:
        frame = frame_from_message(job.message)
        decoded = time.monotonic()
        network_input = relocaliser.prepare(frame.image, job.camera)
    except InputError as error:
        return Answer(job, bad=str(error))
    except Exception as error:  # the thread has to live on
        return Answer(job, failure=error)
    prepared = time.monotonic()
    try:
        estimate = relocaliser.estimate(network_input)
    except Exception as error:  # whatever a framework raises
        return Answer(job, frame, failure=error)
    stages_s = {'wait': start - job.received_s, 'decode': decoded - start,
                'prepare': prepared - decoded, 'infer': time.monotonic() - prepared}
    return Answer(job, frame, estimate, stages_s=stages_s)


def warm_up(relocaliser: Relocaliser, artifact: Artifact) -> None:
    """Run the network once on a black image, so that the first real one is not the slow one."""
    size = artifact.preprocess.height, artifact.preprocess.width, 3
    relocaliser.estimate(np.zeros(size, np.uint8))
