"""The one-slot hand-over: the latest job wins, nothing waits, the thread ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock
import time

from hypothesis import given, settings
from hypothesis import strategies as st
from posenet_ros.ros_node.worker import locked, Worker


def test_the_latest_job_wins() -> None:
    done: list[int] = []
    started, go_on = Event(), Event()

    def work(job: int) -> None:
        started.set()
        assert go_on.wait(5)
        done.append(job)

    worker: Worker[int] = Worker(work)
    assert not worker.give(0)
    assert started.wait(5)
    assert not worker.give(1)  # waits
    assert [worker.give(job) for job in (2, 3, 4)] == [True] * 3  # each drops the one before
    go_on.set()
    while len(done) < 2:
        time.sleep(0.001)
    assert worker.stop(5)
    assert done == [0, 4]


def test_giving_never_waits_for_the_work() -> None:
    started, release = Event(), Event()

    def work(job: int) -> None:
        started.set()
        release.wait(5)

    worker: Worker[int] = Worker(work)
    start = time.monotonic()
    for job in range(1000):
        worker.give(job)
    assert time.monotonic() - start < 1.0
    assert started.wait(5)
    assert not worker.stop(0.01)  # still busy: says so, does not hang
    release.set()
    assert worker.stop(5)


def test_clear_drops_what_waits() -> None:
    done: list[int] = []
    lock = Lock()

    def work(job: int) -> None:
        with lock:
            done.append(job)

    worker: Worker[int] = Worker(work)
    with lock:
        worker.give(1)
        time.sleep(0.05)  # the thread has taken it
        worker.give(2)
        assert worker.clear()
        assert not worker.clear()
    assert worker.stop(5)
    assert done == [1]


@given(st.lists(st.booleans(), max_size=30))
@settings(max_examples=50, deadline=None)
def test_every_job_is_done_or_reported_as_dropped(pauses: list[bool]) -> None:
    done: list[int] = []
    worker: Worker[int] = Worker(done.append)
    dropped = 0
    for job, pause in enumerate(pauses):
        dropped += worker.give(job)
        if pause:
            time.sleep(0.0005)
    dropped += worker.clear()
    assert worker.stop(5)
    assert len(done) + dropped == len(pauses)
    assert done == sorted(done)


def test_what_is_locked_waits_for_the_lock() -> None:
    lock, begun = Lock(), Event()

    def answer(value: int) -> int:
        begun.set()
        return value

    with ThreadPoolExecutor(1) as pool:
        with lock:
            future = pool.submit(locked(lock, answer), 7)
            assert not begun.wait(0.05)
        assert future.result(5) == 7
