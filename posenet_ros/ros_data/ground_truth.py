"""The ground truth of a bag: poses of a topic or of TF, brought to the camera in the map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from posenet_ros.errors import InputError
from posenet_ros.geometry.frames import frame_name
from posenet_ros.geometry.tf_tree import compose_lookups
from posenet_ros.geometry.trajectory import Lookup
from posenet_ros.ros_data.bag_reader import BagReader


@dataclass(frozen=True)
class TruthSource:
    """
    Where a bag has the ground truth.

    :param topic: of the poses; None finds the only one of its type.
    :param tf: parent and child frame of TF that give the truth, in place of a topic.
    :param map_frame: the frame to bring the truth to by TF; empty takes it as it is.
    :param tracked_frame: the frame that the poses are of; empty takes their child_frame_id, else
        the camera.
    """

    topic: str | None = None
    tf: tuple[str, str] | None = None
    map_frame: str = ''
    tracked_frame: str = ''


@dataclass(frozen=True)
class GroundTruth:
    """
    The camera's true pose by time.

    :param lookup: the function (stamp_ns, max_gap_s) -> map_from_camera.
    :param description: of the source, for a report.
    """

    lookup: Lookup
    description: Mapping[str, Any]


class UnknownMountingError(InputError):
    """TF does not connect the frame that the poses are of with the camera."""


def read_ground_truth(bag: BagReader, source: TruthSource, camera_frame: str) -> GroundTruth:
    """
    Read the ground truth: the topic's poses, composed with TF to the map and to the camera.

    :param camera_frame: frame_id of the images.
    :raises InputError: when the bag lacks the poses, or TF does not connect their frame with the
        map's.
    :raises UnknownMountingError: when TF does not connect what they are of with the camera.
    """
    if source.tf is not None:
        return GroundTruth(bag.transforms().lookup(*source.tf),
                           {'truth': 'tf ' + ' '.join(source.tf)})
    track = bag.truth(source.topic)
    frame, camera = frame_name(track.frame_id), frame_name(camera_frame)
    lookups: list[Lookup] = [track.at]
    map_frame = frame_name(source.map_frame)
    if map_frame and frame not in ('', map_frame):
        lookups.insert(0, bag.transforms().lookup(map_frame, frame))
    tracked = frame_name(source.tracked_frame) or frame_name(track.child_frame_id) or camera
    if tracked != camera:
        lookups.append(_mounting(bag, tracked, camera))
    return GroundTruth(compose_lookups(*lookups), {
        'truth_frame': track.frame_id, 'truth_messages': len(track),
        'truth_rejected': track.rejected})


def _mounting(bag: BagReader, tracked_frame: str, camera_frame: str) -> Lookup:
    try:
        return bag.transforms().lookup(tracked_frame, camera_frame)
    except InputError as error:
        raise UnknownMountingError(
            f'{bag.path}: the poses are of {tracked_frame!r}, the images of {camera_frame!r}: '
            f'{error}') from error
