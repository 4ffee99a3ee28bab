"""The inference thread: the latest image wins, nothing waits, failures and switches are told."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from threading import Event, Lock, RLock
import time
from types import SimpleNamespace

from helpers import CAMERA, random_image, ROOT, tiny_artifact
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.landmarks.localisation import PosePrior
from posenet_ros.localisation.gating.prior import Expectation, NOTHING
from posenet_ros.localisation.pipeline import QueryResult
from posenet_ros.localisation.query_camera import QueryCamera
from posenet_ros.localisation.relocaliser import Prediction, Relocaliser
from posenet_ros.ros_node.diagnostics import Diagnostics
from posenet_ros.ros_node.images.failures import ImageFailures
from posenet_ros.ros_node.worker import InferenceThread, locked, Worker
import pytest


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
    dropped += worker.clear() is not None
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


class FakeNode:
    """A node with guard conditions, which a test wakes by hand."""

    def __init__(self) -> None:
        self.callback: Callable[[], None] = lambda: None
        self.triggered = Event()
        self.warnings: list[str] = []

    def create_guard_condition(self, callback: Callable[[], None]) -> SimpleNamespace:
        """Return one that notes that it was triggered."""
        self.callback = callback
        return SimpleNamespace(trigger=self.triggered.set)

    def destroy_guard_condition(self, _: object) -> None:
        """Do nothing."""

    def get_logger(self) -> SimpleNamespace:
        """Return a logger that keeps the warnings."""
        return SimpleNamespace(warning=self.warnings.append)


class Bench:
    """An inference thread with a network that a test holds up or breaks."""

    def __init__(self, stack: ExitStack) -> None:
        self.node, self.diagnostics = FakeNode(), Diagnostics()
        self.results: list[tuple[QueryResult, float]] = []
        self.failures: list[tuple[Exception, int]] = []
        self.lock, self.started, self.release = RLock(), Event(), Event()
        self.release.set()
        self.error: Exception | None = None
        self.on_result: Callable[..., None] = lambda *result: self.results.append(result)
        self.expect: Callable[[Frame], Expectation] = lambda frame: NOTHING
        self.relocaliser = Relocaliser(self.predict, tiny_artifact())
        self.thread = InferenceThread(
            self.node, stack, self.relocaliser, self.lock, self.diagnostics,
            lambda frame: self.expect(frame), lambda *result: self.on_result(*result),
            lambda *failure: self.failures.append(failure))

    def predict(self, batch: np.ndarray) -> Prediction:
        """Return a pose, or fail."""
        self.started.set()
        assert self.release.wait(5)
        if self.error:
            raise self.error
        return Prediction(np.zeros((1, 3)), np.array([[0.0, 0, 0, 1]]))

    def give(self, name: str = 'camera') -> None:
        """Give an image."""
        frame = Frame(random_image(CAMERA), 1, name)
        self.thread.give(lambda _: frame, QueryCamera())

    def wait_for(self, ready: Callable[[], bool]) -> None:
        """Wait until something is so."""
        end_s = time.monotonic() + 5
        while not ready():
            assert time.monotonic() < end_s
            time.sleep(0.001)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(stack)


def test_a_result_comes_with_its_stages_and_time_of_arrival(bench: Bench) -> None:
    before_s = time.monotonic()
    bench.give()
    bench.wait_for(lambda: len(bench.results) == 1)
    result, received_s = bench.results[0]
    assert list(result.stages_s) == ['wait', 'decode', 'prepare', 'infer']
    assert before_s <= received_s <= time.monotonic()


def test_the_lock_is_held_for_the_result_but_not_for_the_network(bench: Bench) -> None:
    bench.release.clear()
    bench.give()
    assert bench.started.wait(5)
    assert bench.lock.acquire(timeout=1)  # free while the network runs
    bench.release.set()
    time.sleep(0.05)
    assert not bench.results
    bench.lock.release()
    bench.wait_for(lambda: len(bench.results) == 1)


def test_what_was_given_before_a_switch_is_dropped(bench: Bench) -> None:
    bench.release.clear()
    bench.give()
    assert bench.started.wait(5)
    bench.give()  # waits
    with bench.lock:
        bench.thread.discard_pending()
    bench.release.set()
    bench.wait_for(lambda: bench.diagnostics.counts['dropped'] == 2)
    assert not bench.results
    bench.give()
    bench.wait_for(lambda: len(bench.results) == 1)


def test_what_is_known_of_an_image_is_asked_for_with_the_lock_held(bench: Bench) -> None:
    """It is asked when the image is decoded, and given to who localises."""
    prior, priors, held = PosePrior(Pose(), 1.0, 0.1), [], []

    def expect(frame: Frame) -> Expectation:
        held.append((frame.frame_id, bench.lock._is_owned()))  # type: ignore[attr-defined]
        return Expectation(prior)

    bench.expect, estimate = expect, bench.relocaliser.estimate
    bench.relocaliser.estimate = lambda image, features, prior: (
        priors.append(prior) or estimate(image, features, prior))
    bench.give('front')
    bench.wait_for(lambda: len(bench.results) == 1)
    assert held == [('front', True)]
    assert priors == [prior]


def test_a_check_is_localised_alone_and_by_the_prior_where_that_does_not_tell(
        bench: Bench) -> None:
    prior, priors = PosePrior(Pose(), 1.0, 0.1), []
    bench.expect, estimate = lambda frame: Expectation(prior, True), bench.relocaliser.estimate
    landmarks = 0

    def spy(image: np.ndarray, features: object, prior: PosePrior | None) -> PoseEstimate:
        priors.append(prior)
        return replace(estimate(image, features, prior), landmarks=landmarks)

    bench.relocaliser.estimate = spy
    bench.give()
    bench.wait_for(lambda: len(bench.results) == 1)
    assert priors == [None, prior]
    landmarks = 20
    bench.give()
    bench.wait_for(lambda: len(bench.results) == 2)
    assert priors == [None, prior, None]


@pytest.mark.parametrize('where', ['network', 'publishing', 'expecting'])
def test_a_failure_is_reported_in_the_executors_thread(bench: Bench, where: str) -> None:
    def fail(*_: object) -> None:
        raise MemoryError('none left')

    if where == 'network':
        bench.error = MemoryError('none left')
    elif where == 'publishing':
        bench.on_result = fail
    else:
        bench.expect = fail
    bench.give()
    assert bench.node.triggered.wait(5)
    assert not bench.failures
    bench.node.callback()
    assert [(str(error), in_row) for error, in_row in bench.failures] == [('none left', 1)]
    assert bench.diagnostics.counts['failed'] == 1


def fail_once(bench: Bench) -> None:
    """Let one image fail, and report it."""
    bench.error, failed = MemoryError('none left'), bench.diagnostics.counts['failed']
    bench.give()
    bench.wait_for(lambda: bench.diagnostics.counts['failed'] == failed + 1)
    bench.error = None
    bench.node.callback()


def test_failures_are_counted_in_a_row(bench: Bench) -> None:
    for _ in range(3):
        fail_once(bench)
    bench.give()
    bench.wait_for(lambda: len(bench.results) == 1)
    fail_once(bench)
    with bench.lock:
        bench.thread.discard_pending()  # as a deactivation does
    fail_once(bench)
    assert [in_row for _, in_row in bench.failures] == [1, 2, 3, 1, 1]


def test_one_failure_is_a_warning_and_many_in_a_row_give_up() -> None:
    diagnostics, warnings, given_up = Diagnostics(), [], []
    report = SimpleNamespace(
        warn=lambda *warning: warnings.append(warning), fail=given_up.append)
    failures = ImageFailures(3, diagnostics, report)
    for in_row in (1, 2):
        failures(ZeroDivisionError('by zero'), in_row)
    assert warnings == [('image failed', 'ZeroDivisionError: by zero')] * 2
    assert given_up == []
    failures(MemoryError('none left'), 3)
    assert given_up == ['3 images in a row failed, the last by MemoryError: none left']
    assert diagnostics.facts['last failure'] == 'MemoryError: none left'


def test_a_failure_of_before_a_switch_is_not_reported(bench: Bench) -> None:
    bench.error = MemoryError('none left')
    bench.give()
    assert bench.node.triggered.wait(5)
    bench.thread.discard_pending()
    bench.node.callback()
    assert not bench.failures


def test_a_busy_network_is_said_at_the_end() -> None:
    with ExitStack() as stack:
        bench = Bench(stack)
        bench.release.clear()
        bench.give()
        assert bench.started.wait(5)
    bench.release.set()
    assert bench.node.warnings == ['the network is busy: its thread ends when it is done']


def test_the_runtime_stays_small() -> None:
    """At most 12 attributes and 150 lines: it owns, and leaves the work to its parts."""
    tree = ast.parse((ROOT / 'posenet_ros' / 'ros_node' / 'runtime.py').read_text())
    runtime = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == 'Runtime')
    attributes = {node.attr for node in ast.walk(runtime)
                  if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    assert 5 < len(attributes) <= 12
    assert runtime.end_lineno - runtime.lineno < 150
