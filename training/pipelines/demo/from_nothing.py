"""The demo of a map from nothing: walks without poses, their map, the live node, the truth."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
import shutil
import time

from posenet_ros.datasets.layouts import CAMERA_FILE
from posenet_ros.datasets.pose_files import write_cambridge
from posenet_ros.errors import PoseNetError
from posenet_ros.evaluation.report.build import build_report
from posenet_ros.evaluation.report.folder import write_report
from posenet_ros.geometry.similarity import Similarity
from posenet_ros.inference.artifact import ARTIFACT_FILE
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.metric.frame import move_dataset
from posenet_ros.training.pipelines.demo.map_truth import check, compare_with_truth, error_lines
from posenet_ros.training.pipelines.demo.results import warn_of_load
from posenet_ros.training.pipelines.demo.run import (
    alone_in,
    BAG_CODE,
    make_scene,
    print_heading,
    record_live,
    run_command,
)
from posenet_ros.training.pipelines.demo.steps import code_digest, digest, Step, Steps
from posenet_ros.training.pipelines.mapping.work import has_results, work_folder
from posenet_ros.training.scene.sensors.options import SensorOptions
from posenet_ros.training.scene.settings import Settings
from posenet_ros.utils.atomic_folder import check_new, new_folder
from posenet_ros.utils.files.kinds import BAG, DATASET, MODEL, REPORT, SCENE, write_mark
from posenet_ros.utils.progress import describe_duration

OUTPUTS = {'court': SCENE, 'model': MODEL, 'test': DATASET, 'bag': BAG, 'report': REPORT}
WALKS = 'walks'
MAP_CODE = (
    'training/data', 'training/sources', 'training/sfm', 'training/metric', 'training/landmarks',
    'training/pipelines', 'imaging', 'geometry', 'inference', 'landmarks', 'ros_data')


def make_walks(out: Path, settings: Settings) -> list[Path]:
    """Make a bag of each training walk, without poses, unless it is there."""
    names = dict.fromkeys(s.sequence for s in read_dataset(out / 'court', 'train').samples)
    (out / WALKS).mkdir(exist_ok=True)
    bags = [out / WALKS / name for name in names]
    for bag in bags:
        step = Step(bag, 'metadata.yaml', digest(settings.digest(), code_digest(BAG_CODE)))
        _unless_there(out, step, 'bag', '--data', out / 'court', '--split', 'train', '--walk',
                      bag.name, '--sensors', '--no-poses', '--compressed', '--out', bag, '--force')
    return bags


def make_place(out: Path, bags: Sequence[Path]) -> None:
    """Map the walks, unless the map is there; an interrupted mapping goes on."""
    made = digest(*((bag / 'metadata.yaml').read_bytes() for bag in bags), code_digest(MAP_CODE))
    step, steps = Step(out / 'model', ARTIFACT_FILE, made), Steps(out)
    resumes = steps.is_begun(step) and has_results(work_folder(step.output))
    if not steps.is_finished(step):
        steps.begin(step)
    _unless_there(out, step, 'map', '--bag', *bags, '--out', step.output, '--force',
                  *['--resume'] * resumes)


def _unless_there(out: Path, step: Step, *command: object) -> None:
    """Run a command whose output is not there, or is of another version."""
    steps = Steps(out)
    if steps.is_finished(step):
        print(f'{step.output} is there', flush=True)
        return
    run_command(*command)
    steps.finish(step)


def write_test_walk(out: Path, map_from_court: Similarity) -> None:
    """Write the test walk as a dataset whose true poses are in the map, and as a bag."""
    dataset = move_dataset(read_dataset(out / 'court', 'test'), map_from_court)
    with new_folder(out / 'test', force=True) as folder:
        for name in dict.fromkeys(s.sequence for s in dataset.samples):
            shutil.copytree(out / 'court' / name, folder / name)
        shutil.copy(out / 'court' / CAMERA_FILE, folder)
        write_cambridge(folder / 'dataset_test.txt',
                        ((s.name, s.map_from_camera) for s in dataset.samples))
        write_mark(folder, DATASET)
    run_command('bag', '--data', out / 'test', '--split', 'test', '--out', out / 'bag', '--force')


def run_from_nothing(options: argparse.Namespace) -> None:
    """
    Run all steps; those whose results are there and still right are left out.

    :param options: of `posenet demo --from-nothing`.
    :raises PoseNetError: when a step fails or a result is worse than promised.
    :raises KeyboardInterrupt: when interrupted, with the way to go on.
    """
    with alone_in(options.out, options.domain):
        _run_steps(options)


def _run_steps(options: argparse.Namespace) -> None:
    start_s, out = time.monotonic(), options.out
    settings = Settings(frames=options.frames, sensors=SensorOptions())
    out.mkdir(parents=True, exist_ok=True)
    for name, kind in OUTPUTS.items():
        check_new(out / name, kind, force=True)
    print_heading(1, 'a synthetic college court, walked several times, with sensors')
    make_scene(out, settings)
    print_heading(2, 'the walks as bags: images, odometry, IMU and satellites, no poses')
    bags = make_walks(out, settings)
    print_heading(3, 'their map: structure from motion, metres by the odometry, up by the IMU')
    make_place(out, bags)
    truth = compare_with_truth(out / 'model', read_dataset(out / 'court', 'train'))
    print(f'\n{truth.table()}')
    print_heading(4, 'replaying the test walk through the live ROS 2 node')
    write_test_walk(out, truth.map_from_court)
    live = replace(record_live(out, refine=True), method='map from nothing')
    print_heading(5, 'the report')
    report = build_report(live)
    write_report(out / 'report', report, live, force=True)
    print(f'\n{error_lines(live)}\n')
    warning = warn_of_load(report)
    if warning and options.strict:
        raise PoseNetError(f'--strict: {warning}')
    if warning:
        print(f'warning: {warning}; the errors above are of the frames that were answered')
    check(truth, live)
    print(f'{out / "report" / "report.html"}: the report\ndone in '
          f'{describe_duration(time.monotonic() - start_s)}')
