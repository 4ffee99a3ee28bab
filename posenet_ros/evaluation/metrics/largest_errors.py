"""The frames with the largest errors, kept with what it takes to show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush

from posenet_ros.arrays import RgbImage
from posenet_ros.evaluation.results import FrameResult
from posenet_ros.geometry.matches import LandmarkMatches

Final = Callable[[FrameResult], FrameResult | None]


@dataclass(frozen=True, eq=False)
class KeptFrame:
    """
    A frame, and what it takes to show it.

    :param load: decodes its image, (H, W, 3) RGB; None when no image is at hand. Raises
        InputError when it cannot be decoded.
    :param matches: of its image with landmarks; None when the pose is not refined.
    """

    frame: FrameResult
    load: Callable[[], RgbImage] | None = None
    matches: LandmarkMatches | None = None


class WorstFrames:
    """
    Keep the frames with the largest errors as results stream through.

    Only these keep their matches and the source of their image, so that memory stays bounded.

    :param accepted: the number of frames to keep of those with an accepted estimate.
    :param failed: the number to keep of the others, rejected estimates before missing ones.
    :param final: gives the frame as it is reported, where the estimate is another's than the
        relocaliser's; None leaves the frame out.
    """

    def __init__(self, accepted: int = 4, failed: int = 2, final: Final | None = None) -> None:
        self._sizes = {True: accepted, False: failed}
        self._heaps: dict[bool, list[tuple[float, int, KeptFrame]]] = {True: [], False: []}
        self._final = final
        self._count = 0

    def add(self, frame: FrameResult, load: Callable[[], RgbImage] | None = None,
            matches: LandmarkMatches | None = None) -> None:
        """Keep the frame if its error is among the largest so far."""
        if self._final is not None:  # the matches are not those of the other's estimate
            reported, matches = self._final(frame), None
            if reported is None:
                return
            frame = reported
        self._count -= 1  # breaks ties, the first frame stays: frames cannot be compared
        heap = self._heaps[frame.accepted]
        heappush(heap, (frame.error_m, self._count, KeptFrame(frame, load, matches)))
        if len(heap) > self._sizes[frame.accepted]:
            heappop(heap)

    @property
    def frames(self) -> list[KeptFrame]:
        """Return the frames, accepted ones first, each kind by falling error."""
        return [frame for kind in (True, False)
                for _, _, frame in sorted(self._heaps[kind], reverse=True)]
