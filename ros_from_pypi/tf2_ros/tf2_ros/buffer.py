"""Keep transforms and look them up, as tf2_ros.Buffer does on the part that it has."""

from __future__ import annotations

from threading import RLock
import time as wall
from typing import Any

from geometry_msgs.msg import TransformStamped
import numpy as np
from rclpy.duration import Duration
from rclpy.logging import get_logger
from tf2_ros.cache import IDENTITY, Rigid, Sample, StaticCache, TimeCache
from tf2_ros.exceptions import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TransformException,
)

CACHE_TIME = Duration(seconds=10)
NO_WAIT = Duration()
MAX_GRAPH_DEPTH = 1000
QUATERNION_TOLERANCE = 1e-2
POLL_S = 0.02

Chain = list[tuple[str, Rigid]]  # from a frame up to its root: frame, root_from_frame so far


def _nanoseconds(time: Any) -> int:  # noqa: ANN401 - rclpy.time.Time or its message
    if hasattr(time, 'nanoseconds'):
        return int(time.nanoseconds)
    return int(time.sec) * 1_000_000_000 + int(time.nanosec)


def _sample(transform: TransformStamped) -> Sample:
    t, r = transform.transform.translation, transform.transform.rotation
    return Sample(
        _nanoseconds(transform.header.stamp), transform.header.frame_id.lstrip('/'),
        Rigid(np.array([t.x, t.y, t.z]), np.array([r.x, r.y, r.z, r.w])))


def _problem(child: str, sample: Sample) -> str:
    """Return why a transform is ignored, or nothing."""
    values = np.concatenate(sample.rigid)
    if child == sample.parent:
        return 'TF_SELF_TRANSFORM: frame_id and child_frame_id are the same'
    if not child or not sample.parent:
        return f'TF_NO_{"" if child else "CHILD_"}FRAME_ID: a frame has no name'
    if np.isnan(values).any():
        return f'TF_NAN_INPUT: {values.tolist()}'
    if not abs(float(sample.rigid.quat @ sample.rigid.quat) - 1) < QUATERNION_TOLERANCE:
        return f'TF_DENORMALIZED_QUATERNION: {sample.rigid.quat.tolist()}'
    return ''


class Buffer:
    """
    The transforms between frames during the last seconds.

    :param cache_time: how long they are kept; 10 s where None.
    """

    def __init__(self, cache_time: Duration | None = None) -> None:
        self._keep_ns = (cache_time or CACHE_TIME).nanoseconds
        self._caches: dict[str, TimeCache | StaticCache] = {}
        self._frames: set[str] = set()
        self._lock = RLock()

    def clear(self) -> None:
        """Forget the transforms that change with time; static ones and all frames stay."""
        with self._lock:
            self._caches = {
                child: cache if isinstance(cache, StaticCache) else TimeCache(self._keep_ns)
                for child, cache in self._caches.items()}

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Add a transform; one that makes no sense is logged and ignored."""
        self._set(transform, authority, static=False)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Add a transform that holds at every time."""
        self._set(transform, authority, static=True)

    def _set(self, transform: TransformStamped, authority: str, *, static: bool) -> None:
        child, sample = transform.child_frame_id.lstrip('/'), _sample(transform)
        problem = _problem(child, sample)
        with self._lock:
            if not problem:
                self._frames |= {child, sample.parent}
                cache = self._caches.get(child)
                if static:
                    self._caches[child] = StaticCache(sample)
                    return
                if not isinstance(cache, TimeCache):
                    cache = self._caches[child] = TimeCache(self._keep_ns)
                if not cache.insert(sample):
                    problem = 'TF_OLD_DATA: older than what is kept'
        if problem:
            get_logger('tf2_buffer').warning(
                f'transform of {child!r} from {authority} ignored: {problem}',
                throttle_duration_sec=5.0)

    def lookup_transform(
            self, target_frame: str, source_frame: str, time: Any,  # noqa: ANN401
            timeout: Duration = NO_WAIT) -> TransformStamped:
        """
        Return the transform that takes points from the source into the target frame.

        :param time: when; zero means the latest time at which it is known.
        :param timeout: how long to wait for it.
        :raises TransformException: one of its kinds, when it is not known.
        """
        self.can_transform(target_frame, source_frame, time, timeout)
        rigid, stamp_ns = self._lookup(target_frame, source_frame, _nanoseconds(time))
        message = TransformStamped(child_frame_id=source_frame)
        message.header.frame_id = target_frame
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
        t, r = message.transform.translation, message.transform.rotation
        t.x, t.y, t.z = rigid.translation.tolist()
        r.x, r.y, r.z, r.w = rigid.quat.tolist()
        return message

    def can_transform(
            self, target_frame: str, source_frame: str, time: Any,  # noqa: ANN401
            timeout: Duration = NO_WAIT,
            return_debug_tuple: bool = False) -> bool | tuple[bool, str]:
        """Return whether :meth:`lookup_transform` would succeed; waits at most `timeout`."""
        end_s = wall.monotonic() + timeout.nanoseconds / 1e9
        while True:
            try:
                self._lookup(target_frame, source_frame, _nanoseconds(time))
                return (True, '') if return_debug_tuple else True
            except TransformException as error:
                if wall.monotonic() >= end_s:
                    return (False, str(error)) if return_debug_tuple else False
            wall.sleep(POLL_S)

    def _lookup(self, target: str, source: str, stamp_ns: int) -> tuple[Rigid, int]:
        with self._lock:
            for name, frame in (('target_frame', target), ('source_frame', source)):
                if not frame or frame.startswith('/'):
                    wrong = "start with a '/'" if frame else 'be empty'
                    raise InvalidArgumentException(
                        f'Invalid argument "{frame}" passed to lookupTransform argument {name} - '
                        f'in tf2 frame_ids cannot {wrong}')
                if frame not in self._frames:
                    raise LookupException(f'"{frame}" passed to lookupTransform argument {name} '
                                          'does not exist. ')
            if target == source:
                return IDENTITY, stamp_ns
            if stamp_ns == 0:
                stamp_ns = self._latest_common_ns(target, source)
            try:
                return self._between(target, source, stamp_ns), stamp_ns
            except ExtrapolationException as error:
                raise ExtrapolationException(
                    f'{error}, when looking up transform from frame [{source}] to frame '
                    f'[{target}]') from error

    def _between(self, target: str, source: str, stamp_ns: int) -> Rigid:
        """Return `target_from_source`: both up to where their ways to the root meet."""
        up, problem = self._to_root(source, stamp_ns)
        ancestors = dict(up)
        down, other_problem = self._to_root(target, stamp_ns, stop=ancestors)
        meeting, meeting_from_target = down[-1]
        if meeting in ancestors:
            return meeting_from_target.inverse() @ ancestors[meeting]
        if problem or other_problem:
            raise other_problem or problem  # type: ignore[misc]
        raise ConnectivityException(
            f"Could not find a connection between '{target}' and '{source}' because they are not "
            'part of the same tree. Tf has two or more unconnected trees.')

    def _to_root(self, frame: str, stamp_ns: int, stop: dict[str, Rigid] | None = None,
                 ) -> tuple[Chain, ExtrapolationException | None]:
        """Return the ancestors of a frame, and why the way ends where data is lacking."""
        chain: Chain = [(frame, IDENTITY)]
        while frame in self._caches and not (stop and frame in stop):
            try:
                parent, parent_from_frame = self._caches[frame].at(stamp_ns)
            except ExtrapolationException as error:
                return chain, error
            chain.append((parent, parent_from_frame @ chain[-1][1]))
            frame = parent
            if len(chain) > MAX_GRAPH_DEPTH:
                raise LookupException('The tf tree is invalid because it contains a loop.')
        return chain, None

    def _latest_common_ns(self, target: str, source: str) -> int:
        """Return the latest time at which every transform between two frames is known."""
        up, down = self._latest_to_root(source), self._latest_to_root(target)
        meeting = next((frame for frame in up if frame in down), None)
        if meeting is None:
            raise ConnectivityException(
                f"Could not find a connection between '{target}' and '{source}' because they are "
                'not part of the same tree. Tf has two or more unconnected trees.')
        stamps = [stamp for chain in (up, down) for frame, stamp in chain.items()
                  if stamp and self._is_below(frame, meeting, chain)]  # zero is any time
        return min(stamps, default=0)

    def _latest_to_root(self, frame: str) -> dict[str, int | None]:
        """Return the ancestors of a frame now, with the newest stamp of each."""
        chain: dict[str, int | None] = {}
        while frame in self._caches:
            if frame in chain:
                raise LookupException('The tf tree is invalid because it contains a loop.')
            cache = self._caches[frame]
            try:
                parent, _ = cache.at(0)
            except ExtrapolationException:  # nothing since it was cleared
                break
            chain[frame] = cache.latest_ns
            frame = parent
        chain[frame] = None
        return chain

    @staticmethod
    def _is_below(frame: str, meeting: str, chain: dict[str, int | None]) -> bool:
        order = list(chain)
        return order.index(frame) < order.index(meeting)
