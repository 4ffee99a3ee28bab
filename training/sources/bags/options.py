"""The options of bags: which topics are read, and by which the poses come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from posenet_ros.errors import InputError
from posenet_ros.geometry.trajectory import Lookup
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.ground_truth import (
    read_ground_truth,
    TruthSource,
    UnknownMountingError,
)
from posenet_ros.utils.choices import MAX_POSE_GAP_S


@dataclass(frozen=True)
class BagOptions:
    """
    What to read of a bag.

    :param image: topic; None takes the only one that is not depth or a right image.
    :param camera_info: topic; None takes the one beside the image.
    :param camera: text of `--camera`, in place of camera_info.
    :param pose: topic of the true poses, `tf` parent and child frame in its place; both None for
        a walk without poses.
    :param pose_of: frame of the poses of `pose`.
    :param max_gap: between the poses round an image, seconds.
    :param every: take each Nth image; None takes RATE_HZ images a second.
    """

    image: str | None = None
    camera_info: str | None = None
    camera: str | None = None
    pose: str | None = None
    tf: tuple[str, str] | None = None
    pose_of: str | None = None
    max_gap: float = MAX_POSE_GAP_S
    every: int | None = None

    @property
    def has_poses(self) -> bool:
        """Return whether the bag shall give poses."""
        return bool(self.pose or self.tf)


def truth_lookup(bag: BagReader, options: Any,  # noqa: ANN401 - BagOptions, or a command's
                 camera_frame: str) -> Lookup:
    """
    Make the lookup of map_from_camera.

    :param options: `pose`, `tf` and `pose_of` are read.
    :param camera_frame: frame_id of the images.
    :raises InputError: when the bag lacks the poses, or TF from their frame to the camera.
    """
    source = TruthSource(options.pose, tuple(options.tf) if options.tf else None,
                         tracked_frame=options.pose_of or '')
    try:
        return read_ground_truth(bag, source, camera_frame).lookup
    except UnknownMountingError as error:
        raise InputError(f"{error}; if the poses are the camera's, give "
                         f'--pose-of {camera_frame}') from error
