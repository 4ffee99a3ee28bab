"""Trajectory: stamped poses, interpolated at an image's stamp."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import interpolate
from posenet_ros.geometry.pose import Pose

DEFAULT_MAX_GAP_S = 0.2
Lookup = Callable[[int, float], Pose | None]  # (stamp_ns, max_gap_s) -> parent_from_child


@dataclass(frozen=True, eq=False)
class Trajectory:
    """
    Poses `frame_from_child` at increasing stamps.

    :param stamps_ns: (N,) int64 nanoseconds, strictly increasing.
    :param positions_m: (N, 3) metres.
    :param quats_xyzw: (N, 4) unit quaternions.
    :param frame_id: frame in which the poses are given.
    :param child_frame_id: frame that the poses are of; empty where the messages do not say.
    :param rejected: number of messages without a valid pose: NaN, or a quaternion not of length 1.
    """

    stamps_ns: NDArray[np.int64]
    positions_m: Floats
    quats_xyzw: Floats
    frame_id: str = ''
    child_frame_id: str = ''
    rejected: int = 0

    @classmethod
    def from_poses(
            cls, poses: Iterable[tuple[int, Pose]], frame_id: str = '', child_frame_id: str = '',
            rejected: int = 0) -> Trajectory:
        """
        Build from (stamp_ns, pose) in any order; the first pose of a stamp is kept.

        :raises InputError: when there are no poses.
        """
        by_stamp: dict[int, Pose] = {}
        for stamp_ns, pose in poses:
            by_stamp.setdefault(stamp_ns, pose)
        if not by_stamp:
            raise InputError(f'a trajectory has to have at least one pose. Received: none, and '
                             f'{rejected} with NaN or a quaternion not of length 1')
        ordered = [by_stamp[stamp] for stamp in sorted(by_stamp)]
        return cls(
            np.array(sorted(by_stamp), np.int64), np.array([p.translation_m for p in ordered]),
            np.array([p.quat_xyzw for p in ordered]), frame_id, child_frame_id, rejected)

    def __len__(self) -> int:
        """Return the number of poses."""
        return len(self.stamps_ns)

    def pose(self, index: int) -> Pose:
        """Return the pose at an index."""
        return Pose(self.positions_m[index], self.quats_xyzw[index])

    def at(self, stamp_ns: int, max_gap_s: float = DEFAULT_MAX_GAP_S) -> Pose | None:
        """
        Interpolate the pose at a time; never extrapolate.

        :param max_gap_s: longest time between the poses before and after, seconds.
        :returns: None outside the trajectory and within a longer gap.
        """
        after = int(np.searchsorted(self.stamps_ns, stamp_ns))
        if after < len(self) and self.stamps_ns[after] == stamp_ns:
            return self.pose(after)
        if after in (0, len(self)):
            return None
        start, end = (int(s) for s in self.stamps_ns[after - 1:after + 1])
        if end - start > max_gap_s * 1e9:
            return None
        return interpolate(
            self.pose(after - 1), self.pose(after), (stamp_ns - start) / (end - start))
