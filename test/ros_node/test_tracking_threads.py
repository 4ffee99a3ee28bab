"""The threads that track and localise: every image is counted once, and a failure ends neither."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Event, RLock
import time
from unittest.mock import Mock

import cv2
from map_helpers import write_map_model
from posenet_ros.geometry.lie import interpolate
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.inference.artifact import load
from posenet_ros.localisation.factory import make_relocaliser, RelocaliserOptions
from posenet_ros.localisation.gating.prior import NOTHING
from posenet_ros.localisation.pipeline import QueryResult
from posenet_ros.localisation.query_camera import QueryCamera
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.ros_node import tracking
from posenet_ros.ros_node.diagnostics import Diagnostics
from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.ros_node.tracking import DueImage, start_inference, TrackingThreads
import pytest
from training_helpers import LARGE_CAMERA, wall_view

PERIOD_NS = 33_333_333
Walked = tuple[Relocaliser, list[Pose]]


@pytest.fixture(scope='module')
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    folder = tmp_path_factory.mktemp('map')
    model, poses = write_map_model(folder / 'model', folder / 'wall')
    relocaliser = make_relocaliser(load(model), RelocaliserOptions(refine=True)).relocaliser
    first, second = list(poses.values())[4:6]
    return relocaliser, [interpolate(first, second, index / 60) for index in range(60)]


class Bench:
    """The threads, with a localisation that a test holds up."""

    def __init__(self, stack: ExitStack, relocaliser: Relocaliser) -> None:
        self.diagnostics, self.results = Diagnostics(), []
        self.free, self.accepts, self.due = Event(), True, []
        self.free.set()
        self.threads = TrackingThreads(
            Mock(), stack, relocaliser, RLock(), self.diagnostics, lambda _: NOTHING,
            self._handle, Mock(), relocaliser.make_tracker(), lambda _: None)
        self._real = self.threads._answer
        self.threads._answer = self._answer

    def _handle(self, result: QueryResult, _: float) -> bool:
        self.results.append(result)
        return self.accepts

    def _answer(self, due: DueImage) -> QueryResult:
        assert self.free.wait(10)
        self.due.append(due)
        return self._real(due)

    def give(self, index: int, pose: Pose) -> None:
        """Give an image, and wait until it is tracked or waits to be localised."""
        frame, before = Frame(wall_view(pose, LARGE_CAMERA), (index + 1) * PERIOD_NS, ''), Event()
        track = self.threads._track
        self.threads._track = lambda *arguments: (before.set(), track(*arguments))[1]
        self.threads.give(lambda _: frame, QueryCamera(LARGE_CAMERA))
        assert before.wait(10)
        self.threads._track = track
        time.sleep(0.03)

    def wait_for(self, ready: Callable[[], object]) -> None:
        """Wait until something is so."""
        end_s = time.monotonic() + 10
        while not ready():
            assert time.monotonic() < end_s
            time.sleep(0.002)


@pytest.fixture
def bench(walked: Walked) -> Iterator[Bench]:
    with ExitStack() as stack:
        found = Bench(stack, walked[0])
        yield found
        found.free.set()


def test_images_that_wait_for_a_slow_localisation_are_dropped_but_the_latest(
        bench: Bench, walked: Walked) -> None:
    bench.free.clear()
    for index in range(6):
        bench.give(index, walked[1][index])
    assert bench.diagnostics.counts['dropped'] == 4  # one is localised, and the last waits
    bench.threads.discard_pending()
    assert bench.diagnostics.counts['dropped'] == 5
    bench.free.set()
    bench.wait_for(lambda: bench.diagnostics.counts['dropped'] == 6)  # of a past generation
    assert not bench.results


def test_the_latest_image_is_localised_when_it_is_the_turn_of_this_camera(
        bench: Bench, walked: Walked) -> None:
    with tracking._LOCALISING:  # as by another camera
        for index in range(4):
            bench.give(index, walked[1][index])
    bench.wait_for(lambda: bench.results)
    assert [due.request.stamp_ns for due in bench.due] == [4 * PERIOD_NS]
    assert bench.diagnostics.counts['dropped'] == 3


def test_after_a_localisation_the_images_that_follow_are_tracked(
        bench: Bench, walked: Walked) -> None:
    bench.give(0, walked[1][0])
    bench.wait_for(lambda: bench.results and bench.threads._tracker.tracking)
    for index in range(1, 5):
        bench.give(index, walked[1][index])
    bench.wait_for(lambda: len(bench.results) == 5)
    assert ['track' in result.stages_s for result in bench.results] == [False, *[True] * 4]
    assert ['infer' in result.stages_s for result in bench.results] == [True, *[False] * 4]
    assert len(bench.due) == 1
    assert bench.diagnostics.counts['tracked'] == 4
    bench.threads.localise_anew()
    bench.give(5, walked[1][5])
    bench.wait_for(lambda: len(bench.due) == 2)


def test_what_the_gate_rejects_is_not_tracked_from(bench: Bench, walked: Walked) -> None:
    bench.accepts = False
    for index in range(3):
        bench.give(index, walked[1][index])
        bench.wait_for(lambda index=index: len(bench.results) == index + 1)
    assert not bench.threads._tracker.tracking
    assert bench.diagnostics.counts['tracked'] == 0


@pytest.mark.parametrize('fails', [False, True])
def test_an_answer_about_a_tracked_image_is_not_published_and_may_fail(
        bench: Bench, walked: Walked, fails: bool) -> None:
    bench.give(0, walked[1][0])
    bench.wait_for(lambda: bench.threads._tracker.tracking)
    real = bench._real
    if fails:
        bench._real = Mock(side_effect=RuntimeError('no memory'))
    given = 1
    while len(bench.due) < 2 and given < 40:
        bench.give(given, walked[1][given])
        given += 1
    bench._real = real
    assert bench.due[1].request.tracked is not None
    bench.wait_for(lambda: bench.threads._tracker.tracking is not fails)
    if not fails:
        bench.wait_for(lambda: bench.diagnostics.counts['localised'] == 2)
        time.sleep(0.1)  # if it was published, too
    bench.wait_for(lambda: len(bench.results) == given)  # each image was answered as tracked
    assert bench.diagnostics.counts['tracked'] == given - 1
    assert bench.diagnostics.counts['failed'] == 0
    warned = bench.diagnostics.report('active', 0.0).values.get('tracking')
    assert warned == ('a localisation failed: no memory' if fails else None)
    bench.give(given, walked[1][given])
    bench.wait_for(lambda: len(bench.results) == given + 1)
    assert len(bench.due) == (3 if fails else 2)
    published = ['infer' in result.stages_s for result in bench.results]
    assert published.count(True) == (2 if fails else 1)  # those that were not tracked


@pytest.mark.parametrize(('tracking', 'threads'), [('auto', 1), ('false', 2)])
def test_a_node_that_tracks_has_one_thread_of_opencv(
        walked: Walked, tracking: str, threads: int) -> None:
    with ExitStack() as stack:
        stack.callback(cv2.setNumThreads, cv2.getNumThreads())
        cv2.setNumThreads(2)
        with ExitStack() as node:
            start_inference(Mock(), node, walked[0], RLock(), Diagnostics(), Mock(), Mock(),
                            Parameters(model='map', tracking=tracking))
            assert cv2.getNumThreads() == threads
        assert cv2.getNumThreads() == 2
