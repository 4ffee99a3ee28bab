"""The demo: what it promises is checked, and what was interrupted goes on."""

from __future__ import annotations

from collections.abc import Callable
import csv
import json
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import time
from typing import Any

from helpers import python_path, ROOT
import numpy as np
from posenet_ros.errors import PoseNetError
from posenet_ros.evaluation.report.build import Evaluation
from posenet_ros.evaluation.results import FrameResult
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.files import read_image
from posenet_ros.inference.artifact import ARTIFACT_FILE, load
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.training import demo_picture, make_bag
from posenet_ros.training.pipelines.demo import run as demo_run
from posenet_ros.training.pipelines.demo import steps as demo_steps
from posenet_ros.training.pipelines.demo.results import check_errors, error_table, Results
from posenet_ros.training.pipelines.demo.steps import Step, Steps
from posenet_ros.training.scene.settings import Settings
import psutil
import pytest
from ros_helpers import write_mean_colour_model
from training_helpers import CAMERA, write_wall_dataset


def turned(degrees: float) -> np.ndarray:
    """Return the quaternion of a rotation about z."""
    half = np.radians(degrees) / 2
    return np.array([0, 0, np.sin(half), np.cos(half)])


CONSTANT = TrainIndex(  # errs 5 m and 40 deg
    tuple('abc'), np.tile([5.0, 0, 0], (3, 1)), np.tile(turned(40), (3, 1)), np.ones((3, 2)))


def evaluation(error_m: float, error_deg: float, answered: int) -> Evaluation:
    """Return the evaluation of 300 frames with the same error, the first of them answered."""
    estimate = Pose(np.array([error_m, 0, 0]), turned(error_deg))
    return Evaluation([FrameResult(f'{i}', i + 1, Pose(), estimate if i < answered else None)
                       for i in range(300)], CONSTANT)


def results(answered: int = 299, refined_m: float = 0.007, refined_deg: float = 0.02,
            network_m: float = 0.6, network_deg: float = 4.0, refines: bool = True) -> Results:
    """Return the results of a demo, by default good ones."""
    return Results(evaluation(refined_m, refined_deg, answered),
                   evaluation(network_m, network_deg, 300), refines)


def test_a_good_result_passes() -> None:
    check_errors(results())


@pytest.mark.parametrize('changes', [
    {'network_m': 1.01}, {'network_deg': 8.1}, {'refined_m': 0.016}, {'refined_deg': 0.11}])
def test_errors_larger_than_promised_fail(changes: dict[str, Any]) -> None:
    with pytest.raises(PoseNetError, match='expected'):
        check_errors(results(**changes))


def test_a_node_that_answers_nothing_fails_however_busy_the_machine_is() -> None:
    with pytest.raises(PoseNetError, match='poses from the live node'):
        check_errors(results(answered=0))


def test_without_landmarks_only_the_network_is_held_to_its_promise() -> None:
    check_errors(results(refined_m=0.6, refines=False))


def test_the_table_has_both_answers_the_best_first() -> None:
    lines = error_table(results()).splitlines()
    assert lines[2].split() == ['refined', 'by', 'landmarks', '7', 'mm', '7', 'mm', '0.02',
                                'deg', '0.02', 'deg']
    assert lines[3].startswith('network alone')
    assert '0.60 m' in lines[3]
    assert '5.00 m' in lines[-1]
    assert 'refined' not in error_table(results(refines=False))


def test_refined_poses_are_those_that_are_not_the_network_s() -> None:
    assert results(answered=298).refined == 298
    assert results(refined_m=0.6, refined_deg=4).refined == 0


def test_a_busy_machine_is_a_warning_unless_strict(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo_run.show(results(answered=297), tmp_path, promised=True, strict=True)
    assert 'warning' not in capsys.readouterr().out
    demo_run.show(results(answered=296), tmp_path, promised=True, strict=False)
    printed = capsys.readouterr().out
    assert 'warning: 296 of 300 frames' in printed
    assert printed.index('7 mm') < printed.index('warning') < printed.index('make test')
    with pytest.raises(PoseNetError, match='--strict: 296 of 300 frames'):
        demo_run.show(results(answered=296), tmp_path, promised=True, strict=True)


def test_poses_worse_than_promised_fail_after_they_were_shown(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PoseNetError, match='at most 15 mm'):
        demo_run.show(results(refined_m=0.02), tmp_path, promised=True, strict=False)
    assert '20 mm' in capsys.readouterr().out
    demo_run.show(results(refined_m=0.02), tmp_path, promised=False, strict=True)


def test_a_stage_that_fails_ends_the_demo_with_a_line() -> None:
    with pytest.raises(PoseNetError, match=r'"posenet replay" failed with exit code 2'):
        demo_run.run_command('replay', '/nowhere')


def test_a_process_ends_with_its_block(tmp_path: Path) -> None:
    with demo_run.start_command('scene', '--out', tmp_path / 'court') as process:
        assert process.poll() is None
    assert process.poll() is not None


def test_a_step_is_finished_for_one_fingerprint_and_one_output(tmp_path: Path) -> None:
    steps, step = Steps(tmp_path), Step(tmp_path / 'bag', 'metadata.yaml', 'one')
    assert not steps.is_finished(step)
    steps.begin(step)
    assert steps.is_begun(step)
    assert not steps.is_finished(step)
    step.output.mkdir()
    (step.output / step.file).write_text('x')
    steps.finish(step)
    assert steps.is_finished(step)
    assert not steps.is_begun(step)
    assert not steps.is_finished(Step(step.output, step.file, 'two'))
    (step.output / step.file).write_text('y')
    assert not steps.is_finished(step)
    (tmp_path / demo_steps.STEPS_FILE).write_text('{"bag"')
    assert not steps.is_finished(step)


class Trainings:
    """Stands in for the commands of a demo: notes them, and stops where it is told to."""

    def __init__(self, out: Path) -> None:
        self.out, self.resumed, self.stop_after = out, [], ''

    def __call__(self, verb: str, *arguments: object) -> None:
        """Train: checkpoint, then model."""
        self.resumed.append('--resume' in arguments)
        work = self.out / 'model.training'
        if self.stop_after == 'nothing':
            raise KeyboardInterrupt
        work.mkdir(exist_ok=True)
        (work / 'checkpoint.npz').write_text('x')
        if self.stop_after == 'epoch':
            raise KeyboardInterrupt
        (work / 'checkpoint.npz').unlink()
        work.rmdir()
        (self.out / 'model').mkdir(exist_ok=True)
        (self.out / 'model' / ARTIFACT_FILE).write_text(f'model {len(self.resumed)}')


@pytest.fixture
def trainings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainings:
    found = Trainings(tmp_path)
    monkeypatch.setattr(demo_run, 'run_command', found)
    return found


def train(out: Path, preset: str = 'smoke', frames: int = 12) -> None:
    demo_run.make_model(out, preset, Settings(frames=frames))


def test_what_is_trained_is_not_trained_again(
        tmp_path: Path, trainings: Trainings, capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path)
    train(tmp_path)
    assert trainings.resumed == [False]
    assert capsys.readouterr().out == f'{tmp_path / "model"} is there\n'


@pytest.mark.parametrize(('stop_after', 'resumed'), [('epoch', True), ('nothing', False)])
def test_an_interrupted_training_goes_on_where_there_is_an_epoch(
        tmp_path: Path, trainings: Trainings, stop_after: str, resumed: bool) -> None:
    trainings.stop_after = stop_after
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path)
    trainings.stop_after = ''
    train(tmp_path)
    train(tmp_path)
    assert trainings.resumed == [False, resumed]


def change_code(out: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(demo_steps, '__version__', '99.0')


def change_model(out: Path, patch: pytest.MonkeyPatch) -> None:
    (out / 'model' / ARTIFACT_FILE).write_text('trained by another command')


@pytest.mark.parametrize(('change', 'settings'), [
    (None, {'preset': 'posenet'}), (None, {'frames': 13}), (change_code, {}), (change_model, {})])
def test_other_settings_or_another_version_train_anew_and_say_so(
        tmp_path: Path, trainings: Trainings, capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any],
        change: Callable[[Path, pytest.MonkeyPatch], None] | None) -> None:
    train(tmp_path)
    if change:
        change(tmp_path, monkeypatch)
    train(tmp_path, **settings)
    assert trainings.resumed == [False, False]
    assert 'making it anew' in capsys.readouterr().out


def test_a_training_of_other_settings_is_not_resumed(tmp_path: Path, trainings: Trainings) -> None:
    trainings.stop_after = 'epoch'
    for settings in ({}, {'preset': 'posenet'}):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, **settings)
    assert trainings.resumed == [False, False]


def test_the_code_that_trains_is_part_of_the_fingerprint() -> None:
    for folder in (*demo_run.TRAINING_CODE, *demo_run.BAG_CODE):
        assert list((demo_steps.SOURCE / folder).rglob('*.py')), folder
    assert demo_steps.code_digest(['networks']) != demo_steps.code_digest(['imaging'])
    assert demo_run.preset_text('smoke') != demo_run.preset_text('demo') != ''


def test_the_live_node_s_answers_become_the_report(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('ROS_DOMAIN_ID', '153')
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    write_wall_dataset(tmp_path / 'court')
    write_mean_colour_model(tmp_path / 'model', CAMERA)
    assert make_bag.main(['--data', str(tmp_path / 'court'), '--split', 'train',
                          '--out', str(tmp_path / 'bag')]) == 0
    found = demo_run.evaluate(tmp_path)
    assert found.report.frames.total == len(found.network.frames) == 36
    assert found.report.frames.estimated > 18
    assert not found.refines
    assert found.refined == 0
    for name in ('report', 'report_network'):
        assert (tmp_path / name / 'report.html').stat().st_size > 10_000
    assert demo_picture.main(['--demo', str(tmp_path), '--out', str(tmp_path / 'demo.png')]) == 0
    assert read_image(tmp_path / 'demo.png').std() > 20


def test_the_heading_of_the_report_comes_after_the_progress_of_what_it_reports(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    def evaluate(*_: object, **__: object) -> Evaluation:
        print('evaluate, frame 97 of 300')
        return evaluation(0.6, 4.0, 300)

    def write(folder: Path, *_: object, **__: object) -> None:
        print(folder.name)

    for name, stand_in in (('record_live', evaluate), ('evaluate_network', evaluate),
                           ('write_report', write)):
        monkeypatch.setattr(demo_run, name, stand_in)
    demo_run.evaluate(tmp_path)
    assert list(filter(None, capsys.readouterr().out.splitlines())) == [
        'evaluate, frame 97 of 300', 'evaluate, frame 97 of 300', '== 5/5 the report',
        'report_network', 'report']


PRESET = """
about: a demo whose interruption is tested
network: {weights: none, input_width: 32, input_height: 32, head_width: 8}
schedule: {epochs: 30, batch: 1}
uncertainty: {sigma_versions: 0}
"""
DEMO = """
import sys
from posenet_ros.errors import PoseNetError
from posenet_ros.training import demo
from posenet_ros.training.pipelines.demo import run as demo_run
from posenet_ros.utils.arguments import run_cli
from posenet_ros.utils.processes import start_module

def evaluate(out):
    raise PoseNetError('all inputs are there')

demo_run.start_command = lambda *words: start_module('tiny_posenet', *words, stop_timeout_s=20)
demo_run.evaluate = evaluate
sys.exit(run_cli(lambda: demo.main(sys.argv[1:])))
"""


def run_until(folder: Path, pattern: str, number: int = signal.SIGINT,
              ) -> tuple[list[str], list[str]]:
    """
    Run a tiny demo, interrupted as soon as a file appears.

    :param pattern: of the file; '' never interrupts.
    :param number: of the signal, which goes to all processes of its terminal.
    :returns: the lines on stdout, and those on stderr but for the progress.
    """
    command = [sys.executable, '-c', DEMO, '--out', folder, '--frames', '12', '--domain', '88',
               '--preset', folder.with_name('tiny.yaml')]
    process = subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, 'PYTHONPATH': python_path(ROOT / 'test')})
    end_s = time.monotonic() + 150
    while (pattern and process.poll() is None and not list(folder.glob(pattern))
           and time.monotonic() < end_s):
        time.sleep(0.005)
    children = psutil.Process(process.pid).children(recursive=True)
    if pattern:
        os.killpg(process.pid, number)
    lines, errors = process.communicate(timeout=150)
    assert process.returncode == 1, errors
    assert psutil.wait_procs(children, timeout=20)[1] == []
    # a slow machine has lines of progress, too
    said = [line for line in errors.splitlines() if not re.match(r'\w+, \w+ \d+ of \d+', line)]
    return lines.splitlines(), said


@pytest.mark.long
def test_a_demo_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    """An interrupt leaves one line, no process and nothing half-written; nothing is done twice."""
    demo = tmp_path / 'demo'
    (tmp_path / 'tiny.yaml').write_text(PRESET)
    _, errors = run_until(demo, 'court.rendering/seq*/*.jpg', signal.SIGTERM)
    assert errors == ['stopped: the same command goes on']
    assert [path.name for path in demo.iterdir()] == ['court.rendering']
    frames = {path.name: path.stat().st_mtime_ns for path in demo.glob('court.rendering/seq1/*')}

    lines, errors = run_until(demo, 'model.training/checkpoint.npz')
    assert errors == ['stopped: the same command goes on']
    assert 'going on with the frames that are missing' in lines
    assert not (demo / 'model').exists()
    for name, time_ns in frames.items():
        assert (demo / 'court' / 'seq1' / name).stat().st_mtime_ns == time_ns
    with np.load(demo / 'model.training' / 'checkpoint.npz') as checkpoint:
        history = json.loads(str(checkpoint['about']))['history']
    assert 1 <= len(history) < 30

    lines, errors = run_until(demo, '')
    assert errors == ['error: all inputs are there']
    assert f'{demo / "court"} is there' in lines
    assert 'going on after the last whole epoch' in lines
    assert load(demo / 'model').provenance['preset']['epochs'] == 30
    with (demo / 'model' / 'log.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    for row, epoch in zip(rows, history, strict=False):  # the seconds tell that they are the same
        assert float(row['seconds']) == pytest.approx(epoch['seconds'], rel=1e-5)
    assert (demo / 'bag' / 'metadata.yaml').is_file()

    lines, errors = run_until(demo, '')
    assert errors == ['error: all inputs are there']
    assert [f'{demo / name} is there' in lines for name in ('court', 'model', 'bag')] == [True] * 3
