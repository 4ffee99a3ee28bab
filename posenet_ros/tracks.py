"""Poses over time: looked up at an image's stamp, alone or along a chain of TF frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.pose import Array, Pose, wxyz_from_xyzw, xyzw_from_wxyz
from transforms3d.quaternions import axangle2quat, qmult, quat2axangle

DEFAULT_MAX_GAP_S = 0.2

Lookup = Callable[[int, float], Pose | None]  # (stamp_ns, max_gap_s) -> parent_from_child


def interpolate(start: Pose, end: Pose, fraction: float) -> Pose:
    """
    Return the pose between two poses: positions linearly, rotations the short way round.

    :param fraction: 0 gives `start`, 1 gives `end`.
    """
    turn = wxyz_from_xyzw((start.inverse() @ end).quat_xyzw)  # w >= 0: the short way
    axis, angle = quat2axangle(turn)
    part = axangle2quat(axis, fraction * angle, is_normalized=True)
    quat_wxyz = qmult(wxyz_from_xyzw(start.quat_xyzw), part)
    position = (1 - fraction) * start.translation_m + fraction * end.translation_m
    return Pose(position, xyzw_from_wxyz(quat_wxyz))


@dataclass(frozen=True, eq=False)
class Track:
    """
    Poses `frame_from_child` at increasing stamps.

    :param stamps_ns: (N,) int64, strictly increasing.
    :param positions_m: (N, 3) metres.
    :param quats_xyzw: (N, 4) unit quaternions.
    :param frame_id: the frame in which the poses are given.
    :param child_frame_id: what the poses are of; empty where the messages do not say.
    :param rejected: how many messages held no pose: NaN, or a quaternion not of length 1.
    """

    stamps_ns: NDArray[np.int64]
    positions_m: Array
    quats_xyzw: Array
    frame_id: str = ''
    child_frame_id: str = ''
    rejected: int = 0

    @classmethod
    def from_poses(
            cls, poses: Iterable[tuple[int, Pose]], frame_id: str = '', child_frame_id: str = '',
            rejected: int = 0) -> Track:
        """
        Build from (stamp_ns, pose) in any order; of several with one stamp the first is kept.

        :raises InputError: when there are none.
        """
        by_stamp: dict[int, Pose] = {}
        for stamp_ns, pose in poses:
            by_stamp.setdefault(stamp_ns, pose)
        if not by_stamp:
            raise InputError(f'a track has to have at least one pose. Received: none, and '
                             f'{rejected} with NaN or a quaternion not of length 1')
        ordered = [by_stamp[stamp] for stamp in sorted(by_stamp)]
        return cls(
            np.array(sorted(by_stamp), np.int64), np.array([p.translation_m for p in ordered]),
            np.array([p.quat_xyzw for p in ordered]), frame_id, child_frame_id, rejected)

    def __len__(self) -> int:
        """Return the number of poses."""
        return len(self.stamps_ns)

    def pose(self, index: int) -> Pose:
        """Return one of the poses."""
        return Pose(self.positions_m[index], self.quats_xyzw[index])

    def at(self, stamp_ns: int, max_gap_s: float = DEFAULT_MAX_GAP_S) -> Pose | None:
        """
        Return the pose at a time, interpolated; never extrapolated.

        :param max_gap_s: how far apart the poses before and after may be, seconds.
        :returns: None outside the track and in a gap that is longer.
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


class TransformTree:
    """
    The frames of /tf and /tf_static.

    :param edges: child frame -> (parent frame, lookup of parent_from_child).
    """

    def __init__(self, edges: Mapping[str, tuple[str, Lookup]]) -> None:
        self._edges = dict(edges)

    @property
    def frames(self) -> tuple[str, ...]:
        """All frames, sorted."""
        return tuple(sorted({*self._edges, *(parent for parent, _ in self._edges.values())}))

    def lookup(self, parent: str, child: str) -> Lookup:
        """
        Return the function (stamp_ns, max_gap_s) -> parent_from_child.

        :raises InputError: when no chain of transforms joins the two frames.
        """
        up, down = self._to_root(parent), self._to_root(child)
        common = next((frame for frame in down if frame in up), None)
        if common is None:
            raise InputError(f'TF has to join {parent!r} and {child!r}. Received: the frames '
                             f'{", ".join(self.frames) or "(none)"}')
        parent_chain, child_chain = up[:up.index(common)], down[:down.index(common)]

        def at(stamp_ns: int, max_gap_s: float) -> Pose | None:
            common_from_parent = self._compose(parent_chain, stamp_ns, max_gap_s)
            common_from_child = self._compose(child_chain, stamp_ns, max_gap_s)
            if common_from_parent is None or common_from_child is None:
                return None
            return common_from_parent.inverse() @ common_from_child

        return at

    def _to_root(self, frame: str) -> list[str]:
        """Return the frame and its ancestors, nearest first."""
        chain = [frame]
        while chain[-1] in self._edges:
            chain.append(self._edges[chain[-1]][0])
            if chain[-1] in chain[:-1]:
                raise InputError(f'TF has to be a tree. Received: a loop {" > ".join(chain)}')
        return chain

    def _compose(self, chain: Sequence[str], stamp_ns: int, max_gap_s: float) -> Pose | None:
        """Multiply the transforms from above the chain down to its first frame."""
        whole = Pose()
        for frame in chain:
            edge = self._edges[frame][1](stamp_ns, max_gap_s)
            if edge is None:
                return None
            whole = edge @ whole
        return whole
