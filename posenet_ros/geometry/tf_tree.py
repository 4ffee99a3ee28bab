"""Tree of TF frames with lookups at a time stamp."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from posenet_ros.errors import InputError
from posenet_ros.geometry.frames import frame_name
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import Lookup


def compose_lookups(*lookups: Lookup) -> Lookup:
    """Compose lookups: the product of their poses, None where one of them has none."""
    def at(stamp_ns: int, max_gap_s: float) -> Pose | None:
        product = Pose()
        for lookup in lookups:
            pose = lookup(stamp_ns, max_gap_s)
            if pose is None:
                return None
            product = product @ pose
        return product
    return at


class TransformTree:
    """
    Tree of the frames of /tf and /tf_static.

    :param edges: child frame -> (parent frame, lookup of parent_from_child).
    """

    def __init__(self, edges: Mapping[str, tuple[str, Lookup]]) -> None:
        self._edges = {frame_name(child): (frame_name(parent), lookup)
                       for child, (parent, lookup) in edges.items()}

    @property
    def frames(self) -> tuple[str, ...]:
        """All frames, sorted."""
        return tuple(sorted({*self._edges, *(parent for parent, _ in self._edges.values())}))

    def lookup(self, parent: str, child: str) -> Lookup:
        """
        Return the function (stamp_ns, max_gap_s) -> parent_from_child.

        :param parent: frame to look up into, with or without a leading slash.
        :param child: frame to look up.
        :raises InputError: when no chain of transforms connects the two frames.
        """
        parent, child = frame_name(parent, 'a parent frame'), frame_name(child, 'a child frame')
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
