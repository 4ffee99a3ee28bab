"""The demo: what it promises is checked, and an interrupt leaves nothing running."""

from __future__ import annotations

from dataclasses import replace
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import Any

from helpers import ROOT
import numpy as np
from posenet_ros.errors import PoseNetError
from posenet_ros.evaluation.metrics.pose_errors import ByUnit
from posenet_ros.evaluation.report.build import build_report, Evaluation
from posenet_ros.evaluation.report.content import Report
from posenet_ros.evaluation.results import FrameResult
from posenet_ros.geometry.pose import Pose
from posenet_ros.training import make_bag
from posenet_ros.training.pipelines.demo_run import (
    check,
    evaluate_live,
    run_command,
    start_command,
)
import psutil
import pytest
from ros_helpers import write_mean_colour_model
from training_helpers import CAMERA, write_wall_dataset


def report(estimated: int = 299, error_m: float = 0.6, error_deg: float = 4.0) -> Report:
    """Return the report of a run, by default a good one; the constant pose errs 5 m and 40 deg."""
    rotation = Pose(quat_xyzw=np.array([0, 0, np.sin(np.radians(error_deg) / 2),
                                        np.cos(np.radians(error_deg) / 2)]))
    estimate = Pose(np.array([error_m, 0, 0]), rotation.quat_xyzw)
    frames = [FrameResult(f'{i}', i + 1, Pose(), estimate if i < estimated else None)
              for i in range(300)]
    found = build_report(Evaluation(frames))
    return replace(found, baselines={'constant': ByUnit(5.0, 40.0)})


def test_a_good_result_passes() -> None:
    check(report())


@pytest.mark.parametrize('changes', [{'estimated': 296}, {'error_m': 1.01}, {'error_deg': 8.1}])
def test_a_result_worse_than_promised_fails(changes: dict[str, Any]) -> None:
    with pytest.raises(PoseNetError, match='expected'):
        check(report(**changes))


def test_a_stage_that_fails_ends_the_demo_with_a_line() -> None:
    with pytest.raises(PoseNetError, match=r'"posenet replay" failed with exit code 2'):
        run_command('replay', '/nowhere')


def test_a_process_ends_with_its_block(tmp_path: Path) -> None:
    with start_command('scene', '--out', tmp_path / 'court') as process:
        assert process.poll() is None
    assert process.poll() is not None


def test_the_live_node_s_answers_become_the_report(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('ROS_DOMAIN_ID', '153')
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    write_wall_dataset(tmp_path / 'court')
    write_mean_colour_model(tmp_path / 'model', CAMERA)
    assert make_bag.main(['--data', str(tmp_path / 'court'), '--split', 'train',
                          '--out', str(tmp_path / 'bag')]) == 0
    found, live = evaluate_live(tmp_path)
    assert found.frames.total == len(live.frames) == 36
    assert found.frames.estimated > 18
    assert (tmp_path / 'report' / 'report.html').stat().st_size > 10_000


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_process_and_nothing_half_written(
        tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM goes to the demo alone, so it has to end its children itself."""
    process = subprocess.Popen(
        [sys.executable, '-m', 'training.demo', '--out', tmp_path / 'demo', '--domain', '88'],
        cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    children = wait_for_grandchildren(process)
    if number is signal.SIGINT:
        os.killpg(process.pid, number)  # as Ctrl-C in a terminal does
    else:
        process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1, errors
    assert psutil.wait_procs(children, timeout=10)[1] == []
    assert not [p for p in (tmp_path / 'demo').iterdir() if p.name != 'court']
    assert not (tmp_path / 'demo' / 'court').exists()


def wait_for_grandchildren(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the demo's children once the scene has started its own processes."""
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s and process.poll() is None:
        children = psutil.Process(process.pid).children(recursive=True)
        if len(children) >= 3:
            return children
        time.sleep(0.1)
    raise AssertionError('the demo started no processes')
