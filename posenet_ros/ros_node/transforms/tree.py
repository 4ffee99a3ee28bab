"""Which frame is below which, as others say on /tf and /tf_static. Knows no ROS."""

from __future__ import annotations

from typing import NamedTuple


class Link(NamedTuple):
    """
    The parent of a frame.

    :param heard_s: when it was last heard, on the monotonic clock.
    """

    parent: str
    is_static: bool
    heard_s: float


class FrameTree:
    """
    The parents of frames; the last one that was heard counts.

    A parent that is heard no more stays, as the tree of a robot that stands still does.
    """

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}

    def record(self, child: str, link: Link) -> None:
        """Take a transform from a child to its parent; one that is none is ignored."""
        if child and link.parent and child != link.parent:
            self._links[child] = link

    def link(self, child: str) -> Link | None:
        """Return the parent of a frame; None where it has none."""
        return self._links.get(child)

    def path_up(self, frame: str) -> tuple[str, ...]:
        """Return a frame, its parent, and so on to the root; a loop ends where it closes."""
        path = [frame]
        while (link := self._links.get(path[-1])) and link.parent not in path:
            path.append(link.parent)
        return tuple(path)
