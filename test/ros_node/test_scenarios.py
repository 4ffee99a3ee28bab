"""Many robots at once, one unusual thing each: every one is right, or is told what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
import json
import os
from pathlib import Path
import shutil
import sys
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
ROBOTS_OF_A_PROCESS = 15
START_TIMEOUT_S, TIMEOUT_S = 60.0, 120.0
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
        self._wait, self._end_s = Wait(None, 0.0), 0.0
        self.error: BaseException | None = None
        self.ended = False

    def step(self, now_s: float) -> None:
        """Go on where what it waits for has happened, or the time is over."""
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


def run_all(robots: Mapping[str, FakeRobot], context: Context, node: rclpy.node.Node,
            ) -> Mapping[str, Running]:
    """Run all scripts at the same time, to their ends."""
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    scripts = {s.name: Running(s.script(robots[s.name])) for s in SCENARIOS}
    end_s = time.monotonic() + TIMEOUT_S
    while not all(script.ended for script in scripts.values()) and time.monotonic() < end_s:
        due_s = time.monotonic() + 0.01
        while time.monotonic() < due_s:
            executor.spin_once(timeout_sec=0.005)
        for name, script in scripts.items():
            if not script.ended:
                robots[name].tick()
                script.step(time.monotonic())
    executor.shutdown()
    return scripts


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
        for start in range(0, len(SCENARIOS), ROBOTS_OF_A_PROCESS):
            file = folder / f'robots{start}.json'
            file.write_text(json.dumps({
                robot.name: arguments_of(robot, folder)
                for robot in SCENARIOS[start:start + ROBOTS_OF_A_PROCESS]}))
            hosts.append(stack.enter_context(running(
                [sys.executable, HOST, file], DOMAIN, folder / f'log{start}.txt')))
        context = Context()
        rclpy.init(context=context, domain_id=DOMAIN, args=[])
        stack.callback(rclpy.shutdown, context=context)
        node = rclpy.create_node('robots', context=context, start_parameter_services=False)
        stack.callback(node.destroy_node)
        robots = {robot.name: FakeRobot(node, robot.name) for robot in SCENARIOS}
        end_s = time.monotonic() + START_TIMEOUT_S
        while not all('all nodes are there' in host.output() for host in hosts):
            assert time.monotonic() < end_s, [host.output()[-2000:] for host in hosts]
            time.sleep(0.2)
        yield run_all(robots, context, node)


@pytest.mark.parametrize('name', [robot.name for robot in SCENARIOS])
def test_the_robot_is_right_or_told(outcomes: Mapping[str, Running], name: str) -> None:
    outcome = outcomes[name]
    if outcome.error:
        raise outcome.error
    assert outcome.ended, 'the script did not end'


def test_there_are_forty_robots() -> None:
    assert len(ALL) >= 40
    assert len({robot.name for robot in ALL}) == len(ALL)
