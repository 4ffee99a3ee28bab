"""
The demo's steps: scene, training, bag, live node, replay, report.

Each runs as a process of its own, by the command that a user would type.
"""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
import os
from pathlib import Path
import signal
import subprocess
import time

import numpy as np
from posenet_ros.errors import PoseNetError
from posenet_ros.evaluation.metrics.pose_errors import Errors
from posenet_ros.evaluation.report.build import build_report, Evaluation
from posenet_ros.evaluation.report.content import Report
from posenet_ros.evaluation.report.folder import write_report
from posenet_ros.evaluation.report.tables import number, text_table
from posenet_ros.training.scene.dataset import is_current
from posenet_ros.training.scene.settings import Settings
from posenet_ros.utils.processes import start_module
from posenet_ros.utils.ros_environment import prepare_environment

STOP_TIMEOUT_S = 10.0
MIN_ANSWERED = 0.99
MAX_SHARE_OF_CONSTANT = 0.2
BASELINE_NAMES = {'nearest_train_image': 'nearest training image', 'constant': 'constant pose'}


def print_heading(number: int, text: str) -> None:
    """Print the heading of a step."""
    print(f'\n== {number}/5 {text}', flush=True)


def run_command(*arguments: object) -> None:
    """
    Run a verb of `posenet` and wait for it.

    :raises PoseNetError: when it fails; it has printed the reason.
    """
    with start_command(*arguments) as process:
        code = process.wait()
    if code:
        raise PoseNetError(f'"posenet {arguments[0]}" failed with exit code {code}, see above. '
                           'To start from nothing: rm -r demo; make demo')


def start_command(*arguments: object) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Start a verb of `posenet`; however the block ends, the process ends with it."""
    return start_module('posenet_ros.cli', *arguments, stop_timeout_s=STOP_TIMEOUT_S)


def make_inputs(out: Path, options: argparse.Namespace) -> None:
    """Make scene, network and bag; an unchanged scene is reused."""
    print_heading(1, 'a synthetic college court, walked several times')
    settings = Settings(frames=options.frames)
    if is_current(out / 'court', settings):
        print(f'{out / "court"} is up to date')
    else:
        run_command('scene', '--out', out / 'court', '--frames', options.frames, '--force')
    print_heading(2, 'training a network on the training walks')
    run_command('train', '--preset', options.preset, '--data', out / 'court',
                '--out', out / 'model', '--force')
    print_heading(3, 'the test walk as a rosbag2')
    run_command('bag', '--data', out / 'court', '--split', 'test', '--out', out / 'bag',
                '--force')


def evaluate_live(out: Path) -> tuple[Report, Evaluation]:
    """
    Start the node, play the bag to it, associate its poses with the truth, write the report.

    :raises PoseNetError: when the node or the player fails.
    """
    from posenet_ros.evaluation import evaluator
    from posenet_ros.evaluation.options import parser as evaluate_parser
    node = ('node', '--ros-args', '-p', f'model:={out / "model"}',
            '-p', 'image_timeout:=0.0',  # the bag ends, and the node stays for the last answers
            '-r', 'image:=/camera/image_raw', '-r', 'camera_info:=/camera/camera_info',
            '--log-level', 'warn')
    arguments = ['--live', '--model', out / 'model', '--bag', out / 'bag', '--out', out / 'report']
    with start_command(*node) as process:
        found = evaluator.score_published(
            evaluate_parser().parse_args(list(map(str, arguments))))
        if process.poll() is not None:
            raise PoseNetError(f'the node ended with exit code {process.returncode}, see above')
    print_heading(5, 'the report')
    report = build_report(found)
    write_report(out / 'report', report, found, force=True)
    return report, found


def evaluate_refined(out: Path) -> Evaluation:
    """Evaluate the bag again with poses refined by landmarks, as the node's `refine` does."""
    from posenet_ros.evaluation import evaluator
    from posenet_ros.evaluation.options import parser as evaluate_parser
    arguments = ['--model', out / 'model', '--bag', out / 'bag', '--out', out / 'report']
    return evaluator.run_model(evaluate_parser().parse_args(
        [*map(str, arguments), '--refine']))


def _row(name: str, errors: Errors) -> list[str]:
    cells = [name]
    for values, unit in zip(errors, ('m', 'deg'), strict=True):
        finite = values[np.isfinite(values)]
        cells += [f'{np.percentile(finite, q):.2f} {unit}' for q in (50, 95)]
    return cells


def error_table(live: Evaluation, refined: Evaluation) -> str:
    """Return median and p95 of the network, refined and not, and of the baselines as text."""
    rows = [['', 'median', 'p95', 'median', 'p95'],
            _row('PoseNet, live node', live.table.accepted_errors),
            _row('refined by landmarks', refined.table.accepted_errors)]
    rows += [_row(text, errors) for name, text in BASELINE_NAMES.items()
             if (errors := live.baselines[name]) is not None]
    return text_table(rows)


def show(report: Report, live: Evaluation, refined: Evaluation, out: Path) -> None:
    """Print the error beside the baselines, the counts, the latency and the next steps."""
    counts, latency = report.frames, report.latency_ms.get('end_to_end')
    print(f'\n{error_table(live, refined)}\n')
    print(f'frames sent {counts.total}, answered {counts.estimated} '
          f'({counts.estimated / counts.total:.1%}), dropped {counts.dropped}')
    if latency is not None:
        print(f'latency, image published to pose received: p50 {latency.p50:.1f} ms, '
              f'p95 {latency.p95:.1f} ms, p99 {latency.p99:.1f} ms')
    print(f'\nreport: {out / "report" / "report.html"}   (open it in a browser)\n'
          'next:   make test                       check the project on this machine\n'
          '        README.md, "Your own place"     train on King\'s College or on your own bag')


def check(report: Report) -> None:
    """
    Check the result against the demo's promise.

    :raises PoseNetError: when fewer frames were answered, or the error is larger.
    """
    counts, constant = report.frames, report.baselines['constant']
    if counts.estimated < MIN_ANSWERED * counts.total:
        raise PoseNetError(f'expected {MIN_ANSWERED:.0%} of the frames answered. Received: '
                           f'{counts.estimated} of {counts.total}; is the machine busy?')
    for unit, baseline, median in zip(('m', 'deg'), constant or (), report.medians, strict=True):
        if median is None or median > MAX_SHARE_OF_CONSTANT * baseline:
            raise PoseNetError('expected a median error of at most a fifth of the constant '
                               f"pose's {number(baseline, unit)}. "
                               f'Received: {number(median, unit)}')


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def run_demo(options: argparse.Namespace) -> None:
    """
    Run all steps.

    :param options: of `posenet demo`.
    :raises PoseNetError: when one fails or the result is worse than promised.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    os.environ.update(ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST',
                      ROS_DOMAIN_ID=str(options.domain))
    prepare_environment()
    start_s = time.monotonic()
    make_inputs(options.out, options)
    print_heading(4, 'replaying the bag through the live ROS 2 node')
    report, live = evaluate_live(options.out)
    show(report, live, evaluate_refined(options.out), options.out)
    print(f'\ndone in {time.monotonic() - start_s:.0f} s')
    check(report)
