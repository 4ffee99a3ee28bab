"""Which images of a stream are kept: each Nth, or so many a second."""

from __future__ import annotations

NS_PER_S = 1_000_000_000
RATE_HZ = 10.0  # structure from motion chooses keyframes of them


class Sampler:
    """
    Choose the images of a stream, of any rate and of one that varies.

    :param every: take each Nth image; None takes those RATE_HZ apart.
    """

    def __init__(self, every: int | None) -> None:
        self._every = every
        self._count = 0
        self._last_ns: int | None = None

    def takes(self, stamp_ns: int) -> bool:
        """Return whether to take the next image of the stream, taken at this time."""
        self._count += 1
        if self._every is not None:
            return (self._count - 1) % self._every == 0
        due = self._last_ns is None or stamp_ns < self._last_ns or (
            stamp_ns - self._last_ns > 0.95 * NS_PER_S / RATE_HZ)  # stamps are not exact
        if due:
            self._last_ns = stamp_ns
        return due
