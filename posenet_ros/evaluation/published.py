"""Answers that a running relocaliser gave, set against the truth of a bag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.evaluation.metrics.pose_errors import rotation_errors_deg, translation_errors_m
from posenet_ros.evaluation.results import FrameResult, positions, quaternions
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.gate import Decision
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.messages import Message, pose_from_message, stamp_ns
from posenet_ros.ros_data.verdicts import Judged, judgements

NODE_TIMEOUT_S = 20.0
LAST_ANSWER_S = 5.0
NO_ANSWER = 'no pose with the stamp of this image'
VERDICTS = ('diagnostic_msgs/msg/DiagnosticArray', 'diagnostic_msgs/DiagnosticArray')


@dataclass(frozen=True, eq=False)
class Said:
    """
    One pose that was published, or withheld and told of on the topic of verdicts.

    :param pose: map_from_camera; None when the message held none.
    :param arrived_ns: when it was recorded or received; 0 for one that was withheld.
    :param transform: what /tf had of the same stamp, None when nothing or not listened to.
    :param decision: what the gate said; None when not listened to.
    """

    pose: Pose | None
    arrived_ns: int
    covariance: NDArray[np.float64] | None = None
    transform: Pose | None = None
    decision: Decision | None = None


def _said(message: Message, arrived_ns: int) -> Said:
    """Read a PoseStamped or PoseWithCovarianceStamped."""
    inner = message.pose
    covariance = None
    if hasattr(inner, 'covariance'):
        covariance = np.array(inner.covariance, np.float64).reshape(6, 6)
        inner = inner.pose
    try:
        return Said(pose_from_message(inner), arrived_ns, covariance)
    except InputError:
        return Said(None, arrived_ns)


def read_answers(path: Path, topic: str) -> tuple[dict[int, Said], str]:
    """
    Read the poses that a relocaliser published, from a bag that recorded them.

    Where the bag has its topic of verdicts as well, withheld poses are told from none.

    :param topic: PoseStamped or PoseWithCovarianceStamped.
    :returns: by stamp (ns), of several with one stamp the first; and the frame they are in.
    :raises InputError: when the bag has no such topic.
    """
    answers: dict[int, Said] = {}
    frame_id = ''
    with BagReader(path, mend=True) as bag:
        for recorded_ns, message in bag.timed_messages(bag.truth_topic(topic)):
            frame_id = message.header.frame_id
            answers.setdefault(stamp_ns(message.header.stamp), _said(message, recorded_ns))
        return with_verdicts(answers, _verdicts(bag, topic)), frame_id


def _verdicts(bag: BagReader, topic: str) -> dict[int, Judged]:
    """Return by stamp what stands on the topic `verdict` beside that of the poses."""
    beside = f'{topic.rpartition("/")[0]}/verdict'
    if bag.topics.get(beside) not in VERDICTS:
        return {}
    return {stamp_ns(message.header.stamp): judged for message in bag.messages(beside)
            for judged in judgements(message)}


def with_verdicts(
        answers: Mapping[int, Said], verdicts: Mapping[int, Judged]) -> dict[int, Said]:
    """Return the answers with what the gate said of them, and those that it withheld."""
    said = {stamp: replace(one, decision=verdicts[stamp].decision) if stamp in verdicts else one
            for stamp, one in answers.items()}
    withheld = {stamp: Said(judged.map_from_camera, 0, decision=judged.decision)
                for stamp, judged in verdicts.items()
                if stamp not in said and not judged.decision.accepted}
    return said | withheld


def join(frames: Iterable[FrameResult], answers: Mapping[int, Said],
         sent_ns: Mapping[int, int] | None = None) -> list[FrameResult]:
    """
    Put what a relocaliser said in place of each frame's own answer, by the stamp of the image.

    :param sent_ns: when each image was published, on the clock of `arrived_ns`; None takes the
        time at which the bag recorded it. Images that are not in it are left out.
    """
    return [_joined(frame, answers.get(frame.stamp_ns),
                    frame.recorded_ns if sent_ns is None else sent_ns[frame.stamp_ns])
            for frame in frames if sent_ns is None or frame.stamp_ns in sent_ns]


def _joined(frame: FrameResult, said: Said | None, sent_ns: int) -> FrameResult:
    frame = replace(frame, estimate=None, covariance=None, verdict=None, reasons=(),
                    latency_ms={})
    if said is None or said.pose is None:
        reason = NO_ANSWER if said is None else 'the pose is none (NaN, or its quaternion)'
        return replace(frame, reasons=(reason,))
    if said.decision:
        frame = replace(frame, verdict=said.decision.verdict, reasons=said.decision.reasons)
    latency = {'end_to_end': (said.arrived_ns - sent_ns) / 1e6} if said.arrived_ns else {}
    return replace(frame, estimate=said.pose, covariance=said.covariance, latency_ms=latency)


def differences(
        frames: Sequence[FrameResult], offline: Iterable[FrameResult]) -> dict[str, float]:
    """Return how far what was said is from what the model computes offline, at most."""
    computed = {frame.name: frame.estimate for frame in offline}
    pairs = [(f.estimate, computed[f.name]) for f in frames if f.estimate]
    both = [(a, b) for a, b in pairs if a and b]
    if not both:
        return {'frames': 0}
    said, own = (list(poses) for poses in zip(*both, strict=True))
    return {'frames': len(both),
            'translation_m': float(translation_errors_m(positions(said), positions(own)).max()),
            'rotation_deg': float(rotation_errors_deg(quaternions(said), quaternions(own)).max())}
