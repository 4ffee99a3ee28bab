"""
The demo's steps: scene, training, bag, live node, report.

Each runs as a process of its own, by the command that a user would type.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
import os
from pathlib import Path
import subprocess
import time

from posenet_ros.errors import PoseNetError
from posenet_ros.evaluation.report.build import build_report, Evaluation
from posenet_ros.evaluation.report.folder import write_report
from posenet_ros.inference.artifact import ARTIFACT_FILE, LANDMARKS_FILE
from posenet_ros.training.pipelines.demo.results import (
    check_errors,
    describe_run,
    error_table,
    MEASURED,
    NETWORK,
    next_steps,
    REFINED,
    Results,
    warn_of_load,
)
from posenet_ros.training.pipelines.demo.steps import code_digest, digest, SOURCE, Step, Steps
from posenet_ros.training.scene.dataset import is_current, unfinished_folder
from posenet_ros.training.scene.settings import Settings
from posenet_ros.utils.atomic_folder import check_new
from posenet_ros.utils.files.kinds import BAG, MODEL, REPORT, SCENE
from posenet_ros.utils.files.lock import lock
from posenet_ros.utils.processes import start_module
from posenet_ros.utils.progress import describe_duration
from posenet_ros.utils.ros_environment import prepare_environment

STOP_TIMEOUT_S = 20.0
PRESET = 'demo'
OUTPUTS = {'court': SCENE, 'model': MODEL, 'bag': BAG, 'report_network': REPORT, 'report': REPORT}
# the code that a network and a bag depend on
TRAINING_CODE = (
    'training/data', 'training/fitting', 'training/uncertainty', 'training/landmarks',
    'training/export', 'networks', 'imaging', 'geometry', 'inference', 'landmarks', 'uncertainty')
BAG_CODE = 'training/pipelines', 'ros_data'


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


def make_scene(out: Path, settings: Settings) -> None:
    """Make the scene, unless it is there; an interrupted rendering goes on."""
    court = out / 'court'
    if is_current(court, settings):
        print(f'{court} is there')
        return
    if unfinished_folder(court).exists():
        print('going on with the frames that are missing', flush=True)
    elif court.exists():
        _say_anew(court)
    run_command('scene', '--out', court, '--frames', settings.frames, '--force',
                *['--sensors'] * bool(settings.sensors))


def make_model(out: Path, preset: str, settings: Settings) -> None:
    """Train the network, unless it is there; an interrupted training goes on."""
    steps, step = Steps(out), Step(out / 'model', ARTIFACT_FILE, digest(
        settings.digest(), preset_text(preset), code_digest(TRAINING_CODE)))
    if steps.is_finished(step):
        print(f'{step.output} is there')
        return
    work = step.output.with_name('model.training')
    resumes = steps.is_begun(step) and any(work.rglob('checkpoint.npz'))
    if resumes:
        print('going on after the last whole epoch', flush=True)
    elif step.output.exists() or work.exists():
        _say_anew(step.output)
    steps.begin(step)
    run_command('train', '--preset', preset, '--data', out / 'court', '--out', step.output,
                '--force', *['--resume'] * resumes)
    steps.finish(step)


def preset_text(name: str) -> str:
    """Return the text of a preset's file; '' where there is none, which training will say."""
    file = Path(name) if name.endswith('.yaml') else (
        SOURCE / 'training' / 'presets' / f'{name}.yaml')
    return file.read_text() if file.is_file() else ''


def make_bag(out: Path, settings: Settings) -> None:
    """Make the bag of the test walk, unless it is there."""
    steps, step = Steps(out), Step(out / 'bag', 'metadata.yaml', digest(
        settings.digest(), code_digest(BAG_CODE)))
    if steps.is_finished(step):
        print(f'{step.output} is there')
        return
    run_command('bag', '--data', out / 'court', '--split', 'test', '--out', step.output,
                '--force')
    steps.finish(step)


def _say_anew(output: Path) -> None:
    print(f'{output} is of other settings or another version: making it anew', flush=True)


def _evaluate_options(out: Path, report: str, *more: str) -> argparse.Namespace:
    from posenet_ros.evaluation.options import parser
    paths: Sequence[object] = (
        '--model', out / 'model', '--bag', out / 'bag', '--out', out / report)
    options = parser().parse_args([*map(str, paths), *more])
    options.train_images = out / 'court'  # for the page's pictures
    return options


def evaluate_network(out: Path) -> Evaluation:
    """Evaluate the network alone on the bag, offline."""
    from posenet_ros.evaluation import evaluator
    return replace(evaluator.run_model(_evaluate_options(out, 'report_network')), method=NETWORK)


def record_live(out: Path, *, refine: bool) -> Evaluation:
    """
    Start the node, play the bag to it, and associate its poses with the truth.

    :raises PoseNetError: when the node or the player fails.
    """
    from posenet_ros.evaluation.estimates.evaluation import score_published
    node = ('node', '--ros-args', '-p', f'model:={out / "model"}',
            '-p', f'refine:={str(refine).lower()}',
            '-p', 'image_timeout:=0.0',  # the bag ends, and the node stays for the last answers
            '-r', 'image:=/camera/image_raw', '-r', 'camera_info:=/camera/camera_info',
            '--log-level', 'error')
    options = _evaluate_options(out, 'report', '--live', *['--refine'] * refine)
    with start_command(*node) as process:
        found = score_published(options)
        if process.poll() is not None:
            raise PoseNetError(f'the node ended with exit code {process.returncode}, see above')
    return replace(found, method=REFINED) if refine else found


def evaluate(out: Path) -> Results:
    """Evaluate the live node and the network alone, and write a report of each."""
    refine = (out / 'model' / LANDMARKS_FILE).is_file()
    live = record_live(out, refine=refine)
    network = evaluate_network(out)  # shows its progress, so it comes before the next heading
    print_heading(5, 'the report')
    results = Results(
        replace(live, beside={NETWORK: network}) if refine else live, network, refine)
    write_report(out / 'report_network', build_report(network), network, force=True)
    write_report(out / 'report', results.report, results.live, force=True)
    return results


def show(results: Results, out: Path, *, promised: bool, strict: bool) -> None:
    """
    Print the table, the counts, the latency and the next steps, and check what is promised.

    :param promised: whether the demo has the settings for which it promises something.
    :param strict: fail where the machine was too busy.
    :raises PoseNetError: when a promise is not kept.
    """
    print(f'\n{error_table(results)}\n')
    if promised:
        print(f'{MEASURED}\n')
    print(describe_run(results))
    warning = warn_of_load(results.report)
    if warning and not strict:
        print(f'warning: {warning}; the errors above are of the frames that were answered')
    print(f'\n{next_steps(out)}\n')
    if promised:
        check_errors(results)
    if warning and strict:
        raise PoseNetError(f'--strict: {warning}')


def run_demo(options: argparse.Namespace) -> None:
    """
    Run all steps; those whose results are there and still right are left out.

    :param options: of `posenet demo`.
    :raises PoseNetError: when a step fails or the result is worse than promised, another demo
        runs in the same folder, or anything else stands where a result goes.
    :raises KeyboardInterrupt: when interrupted, with the way to go on.
    """
    with alone_in(options.out, options.domain):
        _run_steps(options)


@contextmanager
def alone_in(folder: Path, domain: int) -> Iterator[None]:
    """
    Let one demo at a time run in a folder, with ROS on this machine alone.

    :param domain: ROS_DOMAIN_ID.
    :raises LockedError: when another demo runs in the folder.
    :raises KeyboardInterrupt: when interrupted, with the way to go on.
    """
    os.environ.update(ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST', ROS_DOMAIN_ID=str(domain))
    prepare_environment()
    try:
        with lock(folder.resolve()):
            yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt('stopped: the same command goes on') from interrupt


def _run_steps(options: argparse.Namespace) -> None:
    start_s, out, settings = time.monotonic(), options.out, Settings(frames=options.frames)
    out.mkdir(parents=True, exist_ok=True)
    for name, kind in OUTPUTS.items():
        check_new(out / name, kind, force=True)
    print_heading(1, 'a synthetic college court, walked several times')
    make_scene(out, settings)
    print_heading(2, 'training a network on the training walks, and mapping their landmarks')
    make_model(out, options.preset, settings)
    print_heading(3, 'the test walk as a rosbag2')
    make_bag(out, settings)
    print_heading(4, 'replaying the bag through the live ROS 2 node')
    results = evaluate(out)
    promised = options.preset == PRESET and options.frames >= Settings.frames
    show(results, out, promised=promised, strict=options.strict)
    print(f'done in {describe_duration(time.monotonic() - start_s)}')
