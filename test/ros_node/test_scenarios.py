"""Many robots at once, one unusual thing each: every one is right, or is told what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
import json
import os
from pathlib import Path
import shutil
import sys
from threading import Thread
import time

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from ros_helpers import Process, running, write_mean_colour_model, write_wall_model

from .fake_robot import FakeRobot, Script, Wait
from .scenarios import Scenario, WALL
from .scenarios import SCENARIOS as ALL

# ROBOTS=one,another runs only these
CHOSEN = [name for name in os.environ.get('ROBOTS', '').split(',') if name]
SCENARIOS = [robot for robot in ALL if not CHOSEN or robot.name in CHOSEN]
DOMAIN = 200
ROBOTS_OF_A_PROCESS, ROBOTS_AT_A_TIME = 17, 17
START_TIMEOUT_S, TIMEOUT_S = 60.0, 240.0
CHECK_PERIOD_S = 0.1  # of what a script waits for
HOST = Path(__file__).with_name('node_host.py')
REMAPS = {'image': 'front/image_raw', '/tf': 'tf', '/tf_static': 'tf_static',
          '/diagnostics': 'diagnostics', '/clock': 'clock', '/initialpose': 'initialpose'}


def arguments_of(robot: Scenario, models: Path) -> list[str]:
    """Return the ROS arguments of a robot's node."""
    values = {'model': models / robot.model, 'reject_faulty_images': False, **robot.parameters}
    remaps = {**REMAPS, **robot.remaps}
    return [*(part for name, value in values.items()
              for part in ('-p', f'{name}:={json.dumps(value, default=str)}')),
            *(part for name, target in remaps.items() for part in ('-r', f'{name}:={target}'))]


class Running:
    """A script that runs, and what it waits for."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._wait, self._end_s, self._next_s = Wait(None, 0.0), 0.0, 0.0
        self.error: BaseException | None = None
        self.ended = False

    def step(self, now_s: float) -> None:
        """Go on where what it waits for has happened, or the time is over."""
        if now_s < self._next_s:
            return
        self._next_s = now_s + CHECK_PERIOD_S
        happened = bool(self._wait.done and self._wait.done())
        if self.ended or not (happened or now_s >= self._end_s):
            return
        try:
            self._wait = self._script.send(
                happened if self._end_s else None)  # type: ignore[arg-type]
            self._end_s = now_s + self._wait.timeout_s
        except StopIteration:
            self.ended = True
        except Exception as error:  # of the script, for its own test to raise
            self.error, self.ended = error, True


def run_together(scenarios: Sequence[Scenario], executor: SingleThreadedExecutor,
                 node: rclpy.node.Node) -> Mapping[str, Running]:
    """Run scripts at the same time, to their ends."""
    robots = {scenario.name: FakeRobot(node, scenario.name) for scenario in scenarios}
    scripts = {s.name: Running(s.script(robots[s.name])) for s in scenarios}
    ticker = Thread(target=tick_all, args=[list(robots.values())], daemon=True)
    ticker.start()
    end_s = time.monotonic() + TIMEOUT_S
    while not all(script.ended for script in scripts.values()) and time.monotonic() < end_s:
        due_s = time.monotonic() + 0.01
        while time.monotonic() < due_s:
            executor.spin_once(timeout_sec=0.005)
        for name, script in scripts.items():
            if not script.ended:
                script.step(time.monotonic())
                if script.ended:
                    robots[name].close()
    for robot in robots.values():
        robot.close()
    ticker.join()
    return scripts


def tick_all(robots: Sequence[FakeRobot]) -> None:
    """Publish what is due until all robots have ended; a thread, as odometry waits for nobody."""
    while not all(robot.ended for robot in robots):
        for robot in robots:
            if not robot.ended:
                robot.tick()
        time.sleep(0.005)


def write_models(folder: Path) -> None:
    """Write the model folders that the robots name."""
    colours = write_mean_colour_model(folder / 'colours')
    names = {robot.model for robot in SCENARIOS}
    if WALL in names:
        write_wall_model(folder / WALL, folder / 'walk')
    for name in names - {'colours', WALL}:
        shutil.copytree(colours, folder / name)


@pytest.fixture(scope='module')
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Running]]:
    folder = tmp_path_factory.mktemp('robots')
    write_models(folder)
    with ExitStack() as stack:
        hosts: list[Process] = []
        processes = -(-len(SCENARIOS) // ROBOTS_OF_A_PROCESS)
        for start in range(processes):  # neighbours are alike, and go to different processes
            file = folder / f'robots{start}.json'
            file.write_text(json.dumps({
                robot.name: arguments_of(robot, folder)
                for robot in SCENARIOS[start::processes]}))
            hosts.append(stack.enter_context(running(
                [sys.executable, HOST, file], DOMAIN, folder / f'log{start}.txt')))
        context = Context()
        rclpy.init(context=context, domain_id=DOMAIN, args=[])
        stack.callback(rclpy.shutdown, context=context)
        node = rclpy.create_node('robots', context=context, start_parameter_services=False)
        stack.callback(node.destroy_node)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        stack.callback(executor.shutdown)
        end_s = time.monotonic() + START_TIMEOUT_S
        while not all('all nodes are there' in host.output() for host in hosts):
            assert time.monotonic() < end_s, [host.output()[-2000:] for host in hosts]
            time.sleep(0.2)
        batches = -(-len(SCENARIOS) // ROBOTS_AT_A_TIME)
        found: dict[str, Running] = {}
        for start in range(batches):
            found |= run_together(SCENARIOS[start::batches], executor, node)
        yield found


@pytest.mark.parametrize('name', [robot.name for robot in SCENARIOS])
def test_the_robot_is_right_or_told(outcomes: Mapping[str, Running], name: str) -> None:
    outcome = outcomes[name]
    if outcome.error:
        raise outcome.error
    assert outcome.ended, 'the script did not end'


def test_there_are_forty_robots() -> None:
    assert len(ALL) >= 40
    assert len({robot.name for robot in ALL}) == len(ALL)
