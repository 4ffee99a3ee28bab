"""The images of a walk that a reconstruction has a pose for, in the order of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import Trajectory
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.data.walk import Walk, WalkImage


@dataclass(frozen=True, eq=False)
class Keyframes:
    """
    The posed images of a walk.

    :param images: of the walk, in its order.
    :param poses: reconstruction_from_camera of each; positions in units of the reconstruction.
    """

    walk: Walk
    images: tuple[WalkImage, ...]
    poses: tuple[Pose, ...]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    @property
    def positions(self) -> Floats:
        """(N, 3) camera centres, units."""
        return np.array([pose.translation_m for pose in self.poses]).reshape(-1, 3)

    @property
    def rotations(self) -> Floats:
        """(N, 3, 3) rotations reconstruction_from_camera."""
        return np.array([pose.rotation for pose in self.poses]).reshape(-1, 3, 3)

    @property
    def stamps_ns(self) -> NDArray[np.int64]:
        """(N,) stamps, nanoseconds; of :meth:`stamped` keyframes."""
        return np.array([image.stamp_ns for image in self.images], np.int64)

    def stamped(self) -> Keyframes:
        """Return those with a stamp, rising and each once."""
        by_stamp = {image.stamp_ns: (image, pose) for image, pose
                    in zip(self.images, self.poses, strict=True) if image.stamp_ns is not None}
        chosen = [by_stamp[stamp] for stamp in sorted(by_stamp)]
        return Keyframes(self.walk, tuple(image for image, _ in chosen),
                         tuple(pose for _, pose in chosen))

    def trajectory(self) -> Trajectory:
        """Return the stamped poses as a trajectory; there has to be one."""
        chosen = self.stamped()
        return Trajectory.from_poses(zip(chosen.stamps_ns.tolist(), chosen.poses, strict=True))


def keyframes_of(dataset: Dataset, walks: Sequence[Walk]) -> list[Keyframes]:
    """
    Gather the posed images of each walk.

    :param dataset: the reconstruction: its samples' names are those of the walks' images.
    """
    poses: Mapping[str, Pose] = {s.name: s.map_from_camera for s in dataset.samples}
    found = []
    for walk in walks:
        images = tuple(image for image in walk.images if image.name in poses)
        found.append(Keyframes(walk, images, tuple(poses[image.name] for image in images)))
    return found
