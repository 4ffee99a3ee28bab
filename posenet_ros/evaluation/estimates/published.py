"""Read the poses that a relocaliser published, and join them with the truth of a bag."""

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
from posenet_ros.ros_data.messages import (
    covariance_from_message,
    Message,
    pose_from_message,
    poses_from_array,
    stamp_ns,
)
from posenet_ros.ros_data.verdicts import judged_poses, JudgedPose

NODE_TIMEOUT_S = 20.0
LAST_POSE_TIMEOUT_S = 5.0
NO_POSE = 'no pose with the stamp of this image'
INVALID_POSE = 'the published pose is not valid (NaN, or its quaternion)'
POSES_TYPE = 'geometry_msgs/msg/PoseArray'
VERDICT_TYPES = ('diagnostic_msgs/msg/DiagnosticArray', 'diagnostic_msgs/DiagnosticArray')


@dataclass(frozen=True, eq=False)
class PublishedPose:
    """
    A published pose, or one that was withheld and is known from the topic of verdicts.

    :param pose: map_from_camera; None when the message held no valid one.
    :param arrived_ns: when it was recorded or received; 0 for one that was withheld.
    :param covariance: (6, 6) of the pose, None when the message has none.
    :param transform: the transform of the same stamp on /tf, None when not received.
    :param decision: the gate's decision, None when not received.
    :param ambiguous: the poses that the image cannot tell apart, of `ambiguous_poses`.
    """

    pose: Pose | None
    arrived_ns: int
    covariance: NDArray[np.float64] | None = None
    transform: Pose | None = None
    decision: Decision | None = None
    ambiguous: tuple[Pose, ...] = ()


def known_covariance(message: Message) -> NDArray[np.float64] | None:
    """
    Read the covariance of a geometry_msgs/PoseWithCovariance.

    :returns: (6, 6); None where it is not known: not finite, or without variances above 0.
    """
    try:
        covariance = covariance_from_message(message)
    except InputError:
        return None
    return covariance if (np.diag(covariance) > 0).all() else None


def _published_pose(message: Message, arrived_ns: int) -> PublishedPose:
    """Read a PoseStamped or PoseWithCovarianceStamped."""
    inner = message.pose
    covariance = None
    if hasattr(inner, 'covariance'):
        covariance = known_covariance(inner)
        inner = inner.pose
    try:
        return PublishedPose(pose_from_message(inner), arrived_ns, covariance)
    except InputError:
        return PublishedPose(None, arrived_ns)


def read_published_poses(path: Path, topic: str) -> tuple[dict[int, PublishedPose], str]:
    """
    Read the poses that a relocaliser published, from a bag that recorded them.

    Where the bag has the topic of verdicts as well, withheld poses are distinguished from
    missing ones.

    :param topic: PoseStamped or PoseWithCovarianceStamped.
    :returns: the poses by stamp (ns), the first where a stamp occurs twice; and their frame_id.
    :raises InputError: when the bag has no such topic.
    """
    published: dict[int, PublishedPose] = {}
    frame_id = ''
    with BagReader(path, recover=True) as bag:
        for recorded_ns, message in bag.timed_messages(bag.truth_topic(topic), []):
            frame_id = message.header.frame_id
            published.setdefault(
                stamp_ns(message.header.stamp), _published_pose(message, recorded_ns))
        return with_verdicts(published, _verdicts(bag, topic), _ambiguous(bag, topic)), frame_id


def _verdicts(bag: BagReader, topic: str) -> dict[int, JudgedPose]:
    """Read the judged poses by stamp from the topic `verdict` beside that of the poses."""
    beside = f'{topic.rpartition("/")[0]}/verdict'
    if bag.topics.get(beside) not in VERDICT_TYPES:
        return {}
    return {stamp_ns(message.header.stamp): judged for message in bag.messages(beside, [])
            for judged in judged_poses(message)}


def _ambiguous(bag: BagReader, topic: str) -> dict[int, tuple[Pose, ...]]:
    """Read the poses by stamp from the topic `ambiguous_poses` beside that of the poses."""
    beside = f'{topic.rpartition("/")[0]}/ambiguous_poses'
    if bag.topics.get(beside) != POSES_TYPE:
        return {}
    return {stamp_ns(message.header.stamp): poses_from_array(message)
            for message in bag.messages(beside, [])}


def with_verdicts(
        published: Mapping[int, PublishedPose], verdicts: Mapping[int, JudgedPose],
        ambiguous: Mapping[int, tuple[Pose, ...]]) -> dict[int, PublishedPose]:
    """
    Add the gate's decisions to the published poses, and the poses that it withheld.

    :param ambiguous: the poses named for an image that fits several places.
    """
    known = {stamp: replace(one, decision=verdicts[stamp].decision) if stamp in verdicts else one
             for stamp, one in published.items()}
    withheld = {stamp: PublishedPose(judged.map_from_camera, 0, decision=judged.decision,
                                     ambiguous=ambiguous.get(stamp, ()))
                for stamp, judged in verdicts.items()
                if stamp not in known and not judged.decision.accepted}
    return known | withheld


def with_published_pose(
        frame: FrameResult, published: Mapping[int, PublishedPose],
        sent_ns: Mapping[int, int] | None = None) -> FrameResult | None:
    """
    Replace a frame's estimate by the published pose with the stamp of its image.

    :param sent_ns: when each image was published, on the clock of `arrived_ns`; None takes the
        time at which the bag recorded it.
    :returns: None where `sent_ns` lacks the image.
    """
    if sent_ns is not None and frame.stamp_ns not in sent_ns:
        return None
    return _replace_estimate(frame, published.get(frame.stamp_ns),
                             frame.recorded_ns if sent_ns is None else sent_ns[frame.stamp_ns])


def _replace_estimate(
        frame: FrameResult, published: PublishedPose | None, sent_ns: int) -> FrameResult:
    frame = replace(frame, estimate=None, covariance=None, verdict=None, reasons=(),
                    latency_ms={}, landmarks=0, ambiguous=())
    if published is None or published.pose is None:
        return replace(frame, reasons=(NO_POSE if published is None else INVALID_POSE,))
    if published.decision:
        decision = published.decision
        frame = replace(frame, verdict=decision.verdict, reasons=decision.reasons)
    arrived_ns = published.arrived_ns
    latency = {'end_to_end': (arrived_ns - sent_ns) / 1e6} if arrived_ns else {}
    return replace(frame, estimate=published.pose, covariance=published.covariance,
                   latency_ms=latency, ambiguous=published.ambiguous)


def max_differences(
        frames: Sequence[FrameResult], offline: Iterable[FrameResult]) -> dict[str, float]:
    """Compute the largest differences between published poses and those computed offline."""
    computed = {frame.name: frame.estimate for frame in offline}
    pairs = [(f.estimate, computed[f.name]) for f in frames if f.estimate]
    both = [(a, b) for a, b in pairs if a and b]
    if not both:
        return {'frames': 0}
    online, own = (list(poses) for poses in zip(*both, strict=True))
    metres = translation_errors_m(positions(online), positions(own))
    degrees = rotation_errors_deg(quaternions(online), quaternions(own))
    return {'frames': len(both), 'translation_m': float(metres.max()),
            'rotation_deg': float(degrees.max())}
