"""
The transforms of one child frame over time, kept and interpolated as tf2 does.

Compared with tf2/src/cache.cpp of geometry2's branch jazzy.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tf2_ros.exceptions import ExtrapolationException

Array = NDArray[np.float64]


class Rigid(NamedTuple):
    """A rigid transform `parent_from_child`: metres, unit quaternion x y z w."""

    translation: Array
    quat: Array

    def inverse(self) -> Rigid:
        """Return `child_from_parent`."""
        quat = self.quat * (-1, -1, -1, 1)
        return Rigid(-rotate(quat, self.translation), quat)

    def __matmul__(self, other: Rigid) -> Rigid:
        """Compose: `a_from_b @ b_from_c` is `a_from_c`."""
        return Rigid(self.translation + rotate(self.quat, other.translation),
                     multiply(self.quat, other.quat))


IDENTITY = Rigid(np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]))


def multiply(a: Array, b: Array) -> Array:
    """Return the product of two quaternions x y z w."""
    vector = a[3] * b[:3] + b[3] * a[:3] + np.cross(a[:3], b[:3])
    return np.append(vector, a[3] * b[3] - a[:3] @ b[:3])


def rotate(quat: Array, vector: Array) -> Array:
    """Return a vector (3,) turned by a unit quaternion x y z w."""
    twice = 2 * np.cross(quat[:3], vector)
    return np.asarray(vector + quat[3] * twice + np.cross(quat[:3], twice))


def slerp(a: Array, b: Array, ratio: float) -> Array:
    """Return the rotation at a ratio of the shorter way from a to b."""
    cosine = float(a @ b)
    b, cosine = (-b, -cosine) if cosine < 0 else (b, cosine)
    angle = np.arccos(min(cosine, 1.0))
    if angle < 1e-9:
        return a
    quat = (np.sin((1 - ratio) * angle) * a + np.sin(ratio * angle) * b) / np.sin(angle)
    return np.asarray(quat / np.linalg.norm(quat))


class Sample(NamedTuple):
    """A transform at a time."""

    stamp_ns: int
    parent: str
    rigid: Rigid


class StaticCache:
    """A transform that holds at every time."""

    latest_ns = None

    def __init__(self, sample: Sample) -> None:
        self._sample = sample

    def at(self, stamp_ns: int) -> tuple[str, Rigid]:
        """Return the parent and the transform."""
        return self._sample.parent, self._sample.rigid


class TimeCache:
    """
    The transforms of the last seconds.

    :param keep_ns: how long they are kept, nanoseconds.
    """

    def __init__(self, keep_ns: int) -> None:
        self._keep_ns = keep_ns
        self._samples: list[Sample] = []  # in the order of their stamps
        self._stamps: list[int] = []

    @property
    def latest_ns(self) -> int | None:
        """Return the newest stamp, nanoseconds; None when there is nothing."""
        return self._stamps[-1] if self._stamps else None

    def insert(self, sample: Sample) -> bool:
        """
        Add a transform, unless it is there already.

        What is too old is forgotten first, by what was the newest until now.

        :returns: False when it is too old to be kept.
        """
        oldest_ns = (self.latest_ns or 0) - self._keep_ns
        old = bisect_left(self._stamps, oldest_ns)
        del self._samples[:old], self._stamps[:old]
        if self._stamps and sample.stamp_ns < oldest_ns:
            return False
        place = bisect_right(self._stamps, sample.stamp_ns)
        same = self._samples[bisect_left(self._stamps, sample.stamp_ns):place]
        if not any(_equal(sample, other) for other in same):
            self._samples.insert(place, sample)
            self._stamps.insert(place, sample.stamp_ns)
        return True

    def at(self, stamp_ns: int) -> tuple[str, Rigid]:
        """
        Return the parent and the transform at a time, interpolated; the newest at time 0.

        :raises ExtrapolationException: when the time is outside what is kept.
        """
        if not self._stamps:
            raise ExtrapolationException(_outside(stamp_ns, 0, 0))
        first, last = self._stamps[0], self._stamps[-1]
        if stamp_ns in (0, last):
            return self._samples[-1].parent, self._samples[-1].rigid
        if stamp_ns == first:
            return self._samples[0].parent, self._samples[0].rigid
        if not first < stamp_ns < last:
            raise ExtrapolationException(_outside(stamp_ns, first, last))
        after = bisect_right(self._stamps, stamp_ns)
        older, newer = self._samples[after - 1:after + 1]
        if older.parent != newer.parent:
            return older.parent, older.rigid
        ratio = (stamp_ns - older.stamp_ns) / (newer.stamp_ns - older.stamp_ns)
        step = newer.rigid.translation - older.rigid.translation
        return older.parent, Rigid(older.rigid.translation + ratio * step,
                                   slerp(older.rigid.quat, newer.rigid.quat, ratio))


def _equal(one: Sample, other: Sample) -> bool:
    return one.parent == other.parent and all(
        np.array_equal(a, b) for a, b in zip(one.rigid, other.rigid, strict=True))


def _outside(stamp_ns: int, first_ns: int, last_ns: int) -> str:
    asked = f'{stamp_ns / 1e9:.6f}'
    if first_ns == last_ns:
        return (f'Lookup would require extrapolation at time {asked}, but only time '
                f'{first_ns / 1e9:.6f} is in the buffer')
    if stamp_ns > last_ns:
        return ('Lookup would require extrapolation into the future.  Requested time '
                f'{asked} but the latest data is at time {last_ns / 1e9:.6f}')
    return ('Lookup would require extrapolation into the past.  Requested time '
            f'{asked} but the earliest data is at time {first_ns / 1e9:.6f}')
