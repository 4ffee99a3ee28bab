"""One thread that localises the latest image: a newer image replaces the queued one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import wraps
from threading import Condition, Thread
import time
from typing import Any, Generic, TypeVar

from posenet_ros.imaging.decoding import Frame
from posenet_ros.localisation.gating.prior import Expectation, NOTHING
from posenet_ros.localisation.pipeline import Decode, infer, prepare, QueryResult
from posenet_ros.localisation.query_camera import QueryCamera
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.ros_node.diagnostics import Diagnostics
from rclpy.node import Node

STOP_TIMEOUT_S = 0.5  # SIGINT has to end the node within a second

Item = TypeVar('Item')
Result = TypeVar('Result')


def locked(lock: AbstractContextManager[Any],
           function: Callable[..., Result]) -> Callable[..., Result]:
    """Return the function so that it is called with the lock held."""
    @wraps(function)
    def call(*arguments: Any) -> Result:  # noqa: ANN401
        with lock:
            return function(*arguments)
    return call


class Worker(Generic[Item]):
    """
    Hand the latest item to one thread; there is no queue, so a slow item makes nothing stale.

    The thread is a daemon: work that never returns cannot keep the process alive.

    :param work: called in the thread with each item; it must handle its own exceptions.
    :param name: of the thread.
    """

    def __init__(self, work: Callable[[Item], None], name: str = 'inference') -> None:
        self._work = work
        self._waiting: list[Item] = []  # at most one
        self._stopping = False
        self._changed = Condition()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def give(self, item: Item) -> bool:
        """
        Hand over an item; returns at once.

        :returns: whether an item that was still waiting was dropped for it.
        """
        return self.replace(item) is not None

    def replace(self, item: Item) -> Item | None:
        """Hand over an item, as :meth:`give`; return the one that was dropped for it."""
        with self._changed:
            dropped = self._waiting.pop() if self._waiting else None
            self._waiting = [item]
            self._changed.notify()
        return dropped

    def clear(self) -> Item | None:
        """Drop the item that waits, and return it; None where there was none."""
        with self._changed:
            return self._waiting.pop() if self._waiting else None

    @property
    def stopping(self) -> bool:
        """Whether the thread is to end."""
        return self._stopping

    def stop(self, timeout_s: float) -> bool:
        """
        Drop the item that waits, let the running one finish, and end the thread.

        :param timeout_s: longest time to wait for it.
        :returns: whether the thread has ended.
        """
        with self._changed:
            self._stopping = True
            self._waiting = []
            self._changed.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._take()) is not None:
            self._work(item)
            del item  # or it would be kept until the next one comes

    def _take(self) -> Item | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            return self._waiting.pop() if self._waiting else None


@dataclass(frozen=True, eq=False)
class Query:
    """
    An image message to localise.

    :param received_s: time of arrival on the monotonic clock.
    :param generation: of the thread, when it was given.
    """

    decode: Decode
    camera: QueryCamera
    received_s: float
    generation: int


class InferenceThread:
    """
    Localise the latest image in a thread, and hand its result over with the lock held.

    Results of a past generation are discarded, as what they were for may be gone. A failure is
    that image's: it is counted, and reported in the executor's thread, where lifecycle
    transitions belong.

    :param stack: ends the thread when it is closed.
    :param lock: is held while a result is handed over; `discard_pending` needs it, too.
    :param expect: called in the thread, with the lock held: what is known of an image's pose.
    :param on_result: called in the thread with a result and when its image arrived, seconds;
        returns whether its pose was accepted.
    :param on_failure: called in the executor's thread with the exception, and the number of
        images that have failed in a row.
    :param diagnostics: counts the discarded and the failed images.
    """

    def __init__(self, node: Node, stack: ExitStack, relocaliser: Relocaliser,
                 lock: AbstractContextManager[Any], diagnostics: Diagnostics,
                 expect: Callable[[Frame], Expectation],
                 on_result: Callable[[QueryResult, float], bool],
                 on_failure: Callable[[Exception, int], None]) -> None:
        self._node, self._relocaliser, self._lock = node, relocaliser, lock
        self._diagnostics = diagnostics
        self._expect, self._on_result, self._on_failure = expect, on_result, on_failure
        self._generation = 0
        self._failures: deque[tuple[int, Exception, int]] = deque()
        self._in_row = 0
        self._failed = node.create_guard_condition(self._report_failures)
        stack.callback(node.destroy_guard_condition, self._failed)
        self._worker = Worker(self._localise)
        stack.callback(self._stop)

    def give(self, decode: Decode, camera: QueryCamera) -> None:
        """Hand over an image; it replaces the one that waits."""
        query = Query(decode, camera, time.monotonic(), self._generation)
        if self._worker.give(query):
            self._diagnostics.count('dropped')

    def discard_pending(self) -> None:
        """Discard the image that waits and, by a new generation, the one in the network."""
        self._generation += 1
        self._in_row = 0
        if self._worker.clear():
            self._diagnostics.count('dropped')

    def localise_anew(self) -> None:
        """Forget where the camera is tracked to be; without tracking there is nothing to."""

    def _stop(self) -> None:
        if not self._worker.stop(STOP_TIMEOUT_S):
            self._node.get_logger().warning('the network is busy: its thread ends when it is done')

    def _localise(self, query: Query) -> None:
        wait_s = time.monotonic() - query.received_s
        result = self._infer(query.generation, prepare(
            self._relocaliser, query.decode, query.camera.camera, time.monotonic,
            query.camera.warp_into))
        self._hand_over(query, result, wait_s)

    def _hand_over(self, query: Query, result: QueryResult, wait_s: float) -> bool:
        """Hand a result over; return whether its pose was accepted."""
        with self._lock:
            if query.generation != self._generation:
                self._diagnostics.count('dropped')
                return False
            try:
                if result.failure:
                    raise result.failure
                stages_s = {'wait': wait_s, **result.stages_s}
                accepted = self._on_result(replace(result, stages_s=stages_s), query.received_s)
                self._in_row = 0
                return accepted
            except Exception as error:  # or this thread would end, and nobody would know
                self._fail(query.generation, error)
                return False

    def _infer(self, generation: int, prepared: QueryResult) -> QueryResult:
        """Localise a prepared image by what is known of its pose."""
        expected = NOTHING
        try:
            with self._lock:  # not while the network runs
                if prepared.frame is not None and generation == self._generation:
                    expected = self._expect(prepared.frame)
        except Exception as error:  # as what the network raises
            return replace(prepared, failure=error)
        return infer(self._relocaliser, prepared, time.monotonic, expected.prior,
                     check=expected.check)

    def _fail(self, generation: int, error: Exception) -> None:
        self._in_row += 1
        self._diagnostics.count('failed')
        self._failures.append((generation, error, self._in_row))
        self._failed.trigger()

    def _report_failures(self) -> None:
        while self._failures:
            generation, error, in_row = self._failures.popleft()
            if generation == self._generation:
                self._on_failure(error, in_row)
