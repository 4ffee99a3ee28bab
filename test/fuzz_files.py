"""
Edit every file that posenet writes and reads, at random: `python -m test.fuzz_files --edits 2000`.

Each edit has to be harmless, or to end in one line that names the file; never in a traceback, in
waiting, or in a gigabyte. Of a model folder the hashes are corrected in half of the edits, so that
what comes behind them is met as well. Exit code 1, and the edits, when one was not.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
import contextlib
from functools import lru_cache
import io
import json
from pathlib import Path
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from typing import NamedTuple
from unittest import mock

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.utils.arguments import run_cli

LIMIT_S = 20  # of an edit
MAX_MB = 1000.0  # of memory, over what the process had before
MODEL_FILES = 'artifact.json', 'train.npz', 'landmarks.npz'


class Subject(NamedTuple):
    """
    A folder that is edited.

    :param files: of it, that are edited, relative to the folder.
    :param use: reads the folder as commands do.
    """

    name: str
    folder: Path
    files: tuple[str, ...]
    use: Callable[[Path], object]


class Outcome(NamedTuple):
    """What came of an edit; `problem` is empty where it was as it has to be."""

    subject: str
    refused: bool
    problem: str = ''


def _use_model(folder: Path) -> None:
    from posenet_ros.inference import artifact as artifacts
    from posenet_ros.info import model_rows
    from posenet_ros.landmarks.place_map import load_place_map

    loaded = artifacts.load(folder)
    list(model_rows(loaded))
    load_place_map(loaded)


def _use_map(folder: Path) -> None:
    """Load a map as the node does, from a copy in memory, and localise an image."""
    from posenet_ros.inference import artifact as artifacts
    from posenet_ros.inference.private_copy import PrivateCopy
    from posenet_ros.localisation.factory import make_relocaliser, RelocaliserOptions

    _use_model(folder)
    with PrivateCopy(folder) as copy:
        try:
            loaded = artifacts.load(folder, copy)
            relocaliser = make_relocaliser(loaded, RelocaliserOptions(refine=True)).relocaliser
        except InputError as error:
            raise InputError(copy.with_names(str(error))) from error
        image = _wall_image()
        relocaliser.estimate(relocaliser.prepare(image), relocaliser.features(image))


@lru_cache
def _wall_image() -> np.ndarray:
    from training_helpers import LARGE_CAMERA, walk, wall_view

    return wall_view(walk(12, 2)[5], LARGE_CAMERA)


def _use_report(folder: Path) -> None:
    from posenet_ros.compare import main
    from posenet_ros.evaluation.viewer.frames_file import read_frames

    read_frames(folder)
    with contextlib.redirect_stdout(io.StringIO()):
        main([str(folder), str(folder)])


def _use_dataset(folder: Path) -> None:
    from posenet_ros.evaluation.sources import open_dataset
    from posenet_ros.training.data.datasets import read_dataset

    read_dataset(folder, 'train').summary()
    open_dataset(folder, 'train')


def _use_scene(folder: Path) -> None:
    from posenet_ros.training.bench.localisation.cameras import read_settings
    from posenet_ros.training.scene.dataset import is_current
    from posenet_ros.training.scene.settings import Settings

    is_current(folder, Settings())
    read_settings(folder)


def _use_work(folder: Path) -> None:
    from posenet_ros.training.pipelines.mapping.work import prepare_work

    prepare_work(folder.with_suffix(''), {'data': 'x'}, resume=True, force=False,
                 resume_command='posenet map')


def _use_walk(folder: Path) -> None:
    from posenet_ros.training.sources.walk_files import load_walk

    load_walk(folder / 'walk.npz')


def make_model(folder: Path) -> Subject:
    """Make a model folder whose network's files are a stand-in."""
    from helpers import tiny_artifact, write_stand_in_network
    from posenet_ros.inference import artifact as artifacts

    folder.mkdir()
    artifacts.save(tiny_artifact(), folder, write_stand_in_network)
    file = folder / 'artifact.json'
    content = json.loads(file.read_text())
    content['provenance'] = {
        'validation': {'position_m': 0.5, 'rotation_deg': 1.0}, 'commit': 'abc', 'seed': 1,
        'versions': {'keras': '3'}, 'training_seconds': 12.5, 'landmarks': {'landmarks': 5}}
    file.write_text(json.dumps(content))
    return Subject('model folder', folder, (
        'artifact.json', 'artifact.json', 'train.npz', artifacts.WEIGHTS_FILE,
        artifacts.LITERT_FILE), _use_model)


def make_map(folder: Path) -> Subject:
    """Make a model folder with a map alone, and its report."""
    from map_helpers import write_map_model

    write_map_model(folder, folder.with_name('wall'))
    (folder / 'map.json').write_text(json.dumps({'summary': 'good', 'walks': []}))
    return Subject('map folder', folder, (*MODEL_FILES, 'landmarks.npz', 'map.json'), _use_map)


def make_report(folder: Path) -> Subject:
    """Make the folder of a report."""
    from posenet_ros.evaluation.report import folder as report_files
    from posenet_ros.evaluation.report.build import build_report, Evaluation
    from posenet_ros.evaluation.results import FrameResult
    from posenet_ros.geometry.pose import Pose

    frames = [FrameResult(f'{i}.png', i + 1, Pose(), Pose(np.array([0.1 * i, 0, 0])))
              for i in range(6)]
    with mock.patch.object(report_files, 'html_page', return_value='<html>'):
        report_files.write_report(folder, build_report(Evaluation(frames)), Evaluation(frames))
    return Subject('report', folder, ('report.json', 'frames.csv'), _use_report)


def make_dataset(folder: Path) -> Subject:
    """Make a dataset of tiny images."""
    from training_helpers import write_wall_dataset

    write_wall_dataset(folder, 1, 3)
    return Subject('dataset', folder, ('camera.json', 'dataset_train.txt',
                                       'seq1/frame00001.png'), _use_dataset)


def make_scene(folder: Path) -> Subject:
    """Make the settings of a synthetic scene."""
    from posenet_ros.training.scene.settings import Settings

    folder.mkdir()
    (folder / 'scene.json').write_text(json.dumps(
        {**Settings().to_mapping(), 'digest': Settings().digest()}))
    return Subject('scene', folder, ('scene.json',), _use_scene)


def make_work(folder: Path) -> Subject:
    """Make the work folder of a map that was interrupted."""
    from posenet_ros.training.pipelines.mapping.work import prepare_work

    work = prepare_work(folder / 'out', {'data': 'x'}, resume=False, force=False,
                        resume_command='')
    (work / 'features').mkdir()
    (work / 'features' / 'a.npz').touch()
    return Subject('work folder', work, ('mapping.json',), _use_work)


def make_walk(folder: Path) -> Subject:
    """Make the file of a walk that was read from a bag."""
    from posenet_ros.geometry.pose import Pose
    from posenet_ros.geometry.trajectory import Trajectory
    from posenet_ros.training.data.walk import ImuSamples, Walk, WalkImage
    from posenet_ros.training.sources.walk_files import save_walk
    from training_helpers import CAMERA

    folder.mkdir()
    stamps = np.arange(4, dtype=np.int64)
    odometry = Trajectory(stamps, np.zeros((4, 3)), np.tile([0, 0, 0, 1.0], (4, 1)), 'odom', 'c')
    save_walk(Walk('walk', (WalkImage(Path(__file__), 'a', 1, Pose()),), CAMERA, odometry,
                   imu=ImuSamples(stamps, np.zeros((4, 3)), np.zeros((4, 3)))),
              folder / 'walk.npz')
    return Subject('walk file', folder, ('walk.npz',), _use_walk)


MAKERS = make_model, make_map, make_report, make_dataset, make_scene, make_work, make_walk


def make_subjects(folder: Path) -> list[Subject]:
    """Make all folders, pristine."""
    return [make(folder / make.__name__) for make in MAKERS]


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in a block that takes longer."""
    def stop(*_: object) -> None:
        raise TimeoutError(f'over {seconds} s')

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def correct_hashes(folder: Path) -> None:
    """Write the right SHA-256 of all files into artifact.json, where it can be read."""
    from posenet_ros.inference.private_copy import sha256

    file = folder / 'artifact.json'
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        content = json.loads(file.read_text())
        content['sha256'] = {name: sha256(folder / name) for name in content['sha256']}
        file.write_text(json.dumps(content))


def used(subject: Subject, folder: Path, file: str, done: str) -> Outcome:
    """Use an edited folder; the problem says what was done to which file."""
    try:
        with time_limit(LIMIT_S):
            subject.use(folder)
    except InputError as error:
        text = str(error)
        names = [Path(each).name for each in subject.files]
        named = folder.name in text or any(name in text for name in names)
        if '\n' in text or not named or 'Traceback' in text or '/proc/self/fd' in text:
            return Outcome(subject.name, True, f'{file}: {done}: {text!r}')
        return Outcome(subject.name, True)
    except BaseException as error:  # whatever the edit caused
        trace = ''.join(traceback.format_exception(error)[-4:])
        return Outcome(subject.name, False, f'{file}: {done}: {type(error).__name__}: {trace}')
    return Outcome(subject.name, False)


def try_edits(subjects: Sequence[Subject], edits: int, seed: int, scratch: Path,
              ) -> Iterator[Outcome]:
    """Edit one file after another, each in a copy of its folder, and use it."""
    from file_edits import edit_file

    rng = random.Random(seed)
    for number in range(edits):
        subject = subjects[number % len(subjects)]
        folder = scratch / subject.folder.name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(subject.folder, folder)
        name = rng.choice(subject.files)
        edit = edit_file(folder / name, rng)
        if rng.random() < 0.5 and (folder / 'artifact.json').exists() and name != 'artifact.json':
            correct_hashes(folder)
        yield used(subject, folder, name, f'{edit.key} {edit.text}'.strip())


def peak_mb() -> float:
    """Return the most memory that this process has had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main(argv: Sequence[str] | None = None) -> int:
    """Edit, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--edits', type=int, default=2000, help='default: %(default)s')
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args(argv)
    sys.path.insert(0, str(Path(__file__).parent))
    started, counts, problems = time.monotonic(), Counter[tuple[str, bool]](), []
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / 'scratch').mkdir()
        subjects = make_subjects(folder)
        for subject in subjects:
            subject.use(subject.folder)  # whole, it is read
        before = peak_mb()
        for outcome in try_edits(subjects, options.edits, options.seed, folder / 'scratch'):
            counts[outcome.subject, outcome.refused] += 1
            if outcome.problem:
                problems.append(outcome.problem)
                print(outcome.problem, flush=True)
    grown = peak_mb() - before
    for subject in subjects:
        refused, read = counts[subject.name, True], counts[subject.name, False]
        print(f'{subject.name:14} {refused + read:5} edits: {refused:5} refused, {read:5} read')
    print(f'{options.edits} edits in {time.monotonic() - started:.0f} s, {grown:.0f} MB more at '
          f'most: {len(problems)} not as they have to be')
    return int(bool(problems) or grown > MAX_MB)


if __name__ == '__main__':
    sys.exit(run_cli(main))
