"""The demo of a map from nothing: walks without poses, their map, the live node, the truth."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
import os
from pathlib import Path
import shutil
import time

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.datasets.layouts import CAMERA_FILE
from posenet_ros.datasets.pose_files import write_cambridge
from posenet_ros.errors import PoseNetError
from posenet_ros.evaluation.metrics.pose_errors import ByUnit
from posenet_ros.evaluation.report.build import build_report, Evaluation
from posenet_ros.evaluation.report.folder import write_report
from posenet_ros.evaluation.report.tables import text_table
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.geometry.similarity import Similarity
from posenet_ros.inference.artifact import ARTIFACT_FILE, LANDMARKS_FILE
from posenet_ros.landmarks import landmark_file
from posenet_ros.training.data.datasets import Dataset, read_dataset
from posenet_ros.training.metric.frame import move_dataset
from posenet_ros.training.metric.robust import robust_umeyama
from posenet_ros.training.pipelines.demo.results import angle, length, warn_of_load
from posenet_ros.training.pipelines.demo.run import (
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
from posenet_ros.utils.files.lock import lock
from posenet_ros.utils.progress import describe_duration
from posenet_ros.utils.ros_environment import prepare_environment

OUTPUTS = {'court': SCENE, 'model': MODEL, 'test': DATASET, 'bag': BAG, 'report': REPORT}
WALKS = 'walks'
MAP_CODE = (
    'training/data', 'training/sources', 'training/sfm', 'training/metric', 'training/landmarks',
    'training/pipelines', 'imaging', 'geometry', 'inference', 'landmarks', 'ros_data')
MAX_MEDIAN = ByUnit(0.02, 0.1)  # of the live node's poses, metres and degrees
MAX_SCALE_ERROR = 0.01
MAX_UP_ERROR_DEG = 0.3


@dataclass(frozen=True, eq=False)
class MapTruth:
    """
    A map beside the truth that it was made without.

    :param map_from_court: the similarity between both; its scale is the map's error of scale.
    :param images: number of the images that the map has, `total` of all.
    :param rmse_m: of their positions after it, metres; `rotation_deg` the median of the angles.
    """

    map_from_court: Similarity
    images: int
    total: int
    rmse_m: float
    rotation_deg: float

    @property
    def scale_error(self) -> float:
        """Error of the map's scale, a fraction."""
        return self.map_from_court.scale - 1

    @property
    def up_error_deg(self) -> float:
        """Angle between the map's z and up, degrees."""
        return float(np.degrees(np.arccos(np.clip(self.map_from_court.rigid.rotation[2, 2],
                                                  -1, 1))))

    def table(self) -> str:
        """Format the errors of the map."""
        return text_table([
            ('the map beside the truth', ''), ('images', f'{self.images} of {self.total}'),
            ('scale', f'{100 * self.scale_error:+.2f} %'), ('up', angle(self.up_error_deg)),
            ('camera positions, rmse', length(self.rmse_m)),
            ('camera orientations, median', angle(self.rotation_deg))])


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


def compare_with_truth(model: Path, court: Dataset) -> MapTruth:
    """
    Align the poses of a map's images with the true ones.

    The bags' images are numbered from 0 in each walk, those of the scene from 1.

    :raises PoseNetError: when the map has none of the images.
    """
    views = landmark_file.load(model / LANDMARKS_FILE).views
    true = {s.name: s.map_from_camera for s in court.samples}
    pairs = [(pose, views.pose(i)) for i, name in enumerate(views.names)
             if (pose := true.get(scene_name(name)))]
    if len(pairs) < 3:
        raise PoseNetError(f'{model}: expected a map of images of the court. Received: '
                           f'{len(pairs)} of {len(true)}')
    source, target = (np.array([p.translation_m for p in side])
                      for side in zip(*pairs, strict=True))
    found, _ = robust_umeyama(source, target)
    residuals = np.linalg.norm(found.apply(source) - target, axis=1)
    angles = np.degrees(rotation_angle_rad(*(np.array(quats) for quats in zip(*(
        (found.apply_to_pose(a).quat_xyzw, b.quat_xyzw) for a, b in pairs), strict=True))))
    return MapTruth(found, len(pairs), len(true), float(np.sqrt(np.mean(residuals ** 2))),
                    float(np.median(angles)))


def scene_name(name: str) -> str:
    """Return the scene's name of an image out of a bag: seq1/frame000000.jpg is its first."""
    walk, _, file = name.partition('/')
    number = int(Path(file).stem.removeprefix('frame')) + 1
    return f'{walk}/frame{number:05d}.jpg'


def write_test_walk(out: Path, map_from_court: Similarity) -> None:
    """Write the test walk as a dataset whose true poses are in the map, and as a bag."""
    dataset = move_dataset(read_dataset(out / 'court', 'test'), map_from_court)
    with new_folder(out / 'test', force=True) as folder:
        for name in dict.fromkeys(s.sequence for s in dataset.samples):
            (folder / name).symlink_to((out / 'court' / name).resolve())
        shutil.copy(out / 'court' / CAMERA_FILE, folder)
        write_cambridge(folder / 'dataset_test.txt',
                        ((s.name, s.map_from_camera) for s in dataset.samples))
        write_mark(folder, DATASET)
    run_command('bag', '--data', out / 'test', '--split', 'test', '--out', out / 'bag', '--force')


def check(truth: MapTruth, live: Evaluation) -> None:
    """
    Check scale, up and the live node's errors against what the demo promises.

    :raises PoseNetError: when one is larger.
    """
    if not abs(truth.scale_error) <= MAX_SCALE_ERROR:
        raise PoseNetError(f'expected a scale within {100 * MAX_SCALE_ERROR:g} %. Received: '
                           f'{100 * truth.scale_error:+.2f} %')
    if not truth.up_error_deg <= MAX_UP_ERROR_DEG:
        raise PoseNetError(f'expected up within {angle(MAX_UP_ERROR_DEG)}. Received: '
                           f'{angle(truth.up_error_deg)}')
    medians = ByUnit(*(float(np.median(errors)) if len(errors) else np.nan
                       for errors in live.table.accepted_errors))
    if not (medians.translation_m <= MAX_MEDIAN.translation_m
            and medians.rotation_deg <= MAX_MEDIAN.rotation_deg):
        raise PoseNetError(
            f'expected a median error of the map of at most {length(MAX_MEDIAN.translation_m)} '
            f'and {angle(MAX_MEDIAN.rotation_deg)}. Received: {length(medians.translation_m)} and '
            f'{angle(medians.rotation_deg)}')


def error_lines(live: Evaluation) -> str:
    """Format the errors of the live node, and how many frames it answered."""
    errors = live.table.accepted_errors
    rows: list[tuple[str, ...]] = [('error of the live node', 'median', 'p95')]
    for name, values, form in (('position', errors.translation_m, length),
                               ('orientation', errors.rotation_deg, angle)):
        known: Floats = values[np.isfinite(values)]
        both = np.percentile(known, (50, 95)).tolist() if len(known) else [np.nan, np.nan]
        rows.append((name, *map(form, both)))
    counts = build_report(live).frames
    return f'{text_table(rows)}\nlive node: {counts.estimated} of {counts.total} frames answered'


def run_from_nothing(options: argparse.Namespace) -> None:
    """
    Run all steps; those whose results are there and still right are left out.

    :param options: of `posenet_ros.training.demo_from_nothing`.
    :raises PoseNetError: when a step fails or a result is worse than promised.
    :raises KeyboardInterrupt: when interrupted, with the way to go on.
    """
    os.environ.update(ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST',
                      ROS_DOMAIN_ID=str(options.domain))
    prepare_environment()
    try:
        with lock(options.out.resolve()):
            _run_steps(options)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt('stopped: the same command goes on') from interrupt


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
    if warning:
        print(f'warning: {warning}; the errors above are of the frames that were answered')
    check(truth, live)
    print(f'{out / "report" / "report.html"}: the report\ndone in '
          f'{describe_duration(time.monotonic() - start_s)}')
