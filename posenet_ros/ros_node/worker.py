"""One thread that works on the latest job: a newer job replaces the queued one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from threading import Condition, Thread
from typing import Any, Generic, TypeVar

Job = TypeVar('Job')
Result = TypeVar('Result')


def locked(lock: AbstractContextManager[Any],
           function: Callable[..., Result]) -> Callable[..., Result]:
    """Return the function so that it is called with the lock held."""
    @wraps(function)
    def call(*arguments: Any) -> Result:  # noqa: ANN401
        with lock:
            return function(*arguments)
    return call


class Worker(Generic[Job]):
    """
    Hand the latest job to one thread; there is no queue, so a slow job makes nothing stale.

    The thread is a daemon: work that never returns cannot keep the process alive.

    :param work: called in the thread with each job; it must handle its own exceptions.
    """

    def __init__(self, work: Callable[[Job], None]) -> None:
        self._work = work
        self._waiting: list[Job] = []  # at most one
        self._stopping = False
        self._changed = Condition()
        self._thread = Thread(target=self._run, name='inference', daemon=True)
        self._thread.start()

    def give(self, job: Job) -> bool:
        """
        Hand over a job; returns at once.

        :returns: whether a job that was still waiting was dropped for it.
        """
        with self._changed:
            dropped = bool(self._waiting)
            self._waiting = [job]
            self._changed.notify()
        return dropped

    def clear(self) -> bool:
        """Drop the job that waits. Returns whether there was one."""
        with self._changed:
            dropped, self._waiting = bool(self._waiting), []
        return dropped

    def stop(self, timeout_s: float) -> bool:
        """
        Drop the job that waits, let the running one finish, and end the thread.

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
        while (job := self._take()) is not None:
            self._work(job)
            del job  # or it would be kept until the next one comes

    def _take(self) -> Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            return self._waiting.pop() if self._waiting else None
