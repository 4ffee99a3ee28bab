"""The images that were sent and never came. Knows no ROS."""

from __future__ import annotations

from collections.abc import Callable


class LostImages:
    """
    Count the images that are lost before they come to the node.

    The middleware's queue (`image_depth`) replaces them by newer ones, or they are lost on their
    way. A publisher numbers its messages, so a gap in the numbers of those that come tells it;
    where several publish, their numbers mix, and nothing is known.

    :param count_publishers: of the images' topic; asked where there is a gap.
    """

    def __init__(self, count_publishers: Callable[[], int]) -> None:
        self._count_publishers = count_publishers
        self._last: int | None = None

    def reset(self) -> None:
        """Begin anew: the images are another topic's."""
        self._last = None

    def before(self, number: int | None) -> int:
        """
        Return how many images were lost since the last one.

        :param number: of the image that came, by its publisher; None where the middleware does
            not say it.
        """
        last, self._last = self._last, number
        if last is None or number is None or number <= last:  # a publisher begins with 1
            return 0
        return number - last - 1 if self._count_publishers() == 1 else 0
