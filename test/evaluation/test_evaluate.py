"""The evaluator end to end, with a stand-in network that knows the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
import json
from pathlib import Path
import threading
import weakref

import cv2
from helpers import CAMERA, damaged_in_the_middle, tiny_artifact, write_stand_in_network
import numpy as np
from posenet_ros import evaluate
from posenet_ros.datasets.pose_files import write_cambridge
from posenet_ros.errors import InputError
from posenet_ros.evaluation import evaluator
from posenet_ros.evaluation.metrics.largest_errors import WorstFrames
from posenet_ros.evaluation.options import gate_config, parser
from posenet_ros.evaluation.report import folder as report_files
from posenet_ros.evaluation.report.build import Evaluation
from posenet_ros.evaluation.report.content import Report
from posenet_ros.evaluation.results import FrameResult
from posenet_ros.evaluation.runner import run as run_model
from posenet_ros.evaluation.sources import QueryImage, SequenceSplitter
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.imaging.headers import ImageError
from posenet_ros.inference import artifact as artifacts
from posenet_ros.inference import engine_pool as pool
from posenet_ros.inference.artifact import load
from posenet_ros.localisation.gate import Gate, Verdict
from posenet_ros.localisation.gate_config import GateConfig
from posenet_ros.localisation.relocaliser import Prediction, Relocaliser
from posenet_ros.ros_data.bag_writer import camera_message, image_message, new_bag, pose_message
from posenet_ros.training import robustness
from posenet_ros.utils.arguments import run_cli
from posenet_ros.utils.parallel import ordered_map
import pytest

COUNT = 12
STEP_NS = 10**8


class GreyEngine:
    """A network that reads the camera's x from the image's grey value, and is 0.1 m off."""

    name, device = 'stand-in', 'none'

    def predict(self, batch: np.ndarray) -> Prediction:
        """Return a pose an image."""
        position = np.zeros((len(batch), 3))
        position[:, 0] = batch.reshape(len(batch), -1).mean(axis=1) / 10 - 5 + 0.1
        if (batch == 250).all():
            position[:] = np.nan
        return Prediction(position, np.tile([0.0, 0, 0, 1], (len(batch), 1)))


def grey(i: int) -> int:
    return 20 + 5 * i


def truth(i: int) -> Pose:
    return Pose(np.array([grey(i) / 10 - 5, 0, 0]))


def picture(i: int) -> np.ndarray:
    return np.full((CAMERA.height, CAMERA.width, 3), grey(i), np.uint8)


def make_grey_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a model folder whose engine is a GreyEngine, and let no page be drawn."""
    monkeypatch.setattr(pool, 'load_engine', lambda *_, **__: GreyEngine())
    # the page takes a second to draw, and test_report.py looks at it
    monkeypatch.setattr(report_files, 'html_page', lambda *arguments: '<html>')
    folder.mkdir()
    artifacts.save(tiny_artifact(), folder, write_stand_in_network)
    return folder


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_grey_model(tmp_path / 'model', monkeypatch)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / 'data'
    for i in range(COUNT):
        path = folder / f'seq{1 + i // 6}' / f'{i:03}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture(i))
    write_cambridge(folder / 'dataset_test.txt',
                    [(f'seq{1 + i // 6}/{i:03}.png', truth(i)) for i in range(COUNT)])
    return folder


def write_bag(path: Path, images: range, truths: range, frame_id: str = 'map') -> Path:
    with new_bag(path) as writer:
        for i in sorted({*images, *truths}):
            time_ns = (i + 1) * STEP_NS
            if i in truths:
                writer.write('/truth', pose_message(truth(i), time_ns, frame_id), time_ns)
            if i in images:
                writer.write('/camera/camera_info', camera_message(CAMERA, time_ns, 'camera'),
                             time_ns)
                frame = Frame(picture(i), time_ns, 'camera')
                writer.write('/camera/image_raw', image_message(frame), time_ns)
    return path


def run(*arguments: str | Path) -> int:
    return run_cli(lambda: evaluate.main([str(a) for a in arguments]))


def read(folder: Path) -> dict:
    return json.loads((folder / 'report.json').read_text())


def test_dataset(model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run('--model', model, '--data', data, '--split', 'test', '--out', tmp_path / 'r') == 0
    report = read(tmp_path / 'r')
    assert report['frames'] == {'total': 12, 'estimated': 12, 'accepted': 12, 'dropped': 0}
    assert report['translation_m']['median'] == pytest.approx(0.1)
    assert report['rotation_deg']['max'] == 0
    assert set(report['sequences']) == {'seq1', 'seq2'}
    assert set(report['latency_ms']) == {'decode', 'prepare', 'infer', 'total'}
    assert report['model']['engine'] == 'stand-in'
    printed = capsys.readouterr().out
    assert '12 frames with truth' in printed
    assert str(tmp_path / 'r' / 'report.html') in printed


@pytest.fixture
def pages(model: Path, monkeypatch: pytest.MonkeyPatch) -> list[Evaluation]:
    """Return a list to which each evaluation is added whose page is made."""
    shown: list[Evaluation] = []

    def page(_: Report, evaluation: Evaluation) -> str:
        shown.append(evaluation)
        return '<html>'

    monkeypatch.setattr(report_files, 'html_page', page)
    return shown


def test_worst_frames_stand_beside_training_images_that_are_at_hand(
        model: Path, data: Path, tmp_path: Path, pages: list[Evaluation]) -> None:
    for name in tiny_artifact().train.names:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(data / name), picture(0))
    bag = write_bag(tmp_path / 'bag', range(COUNT), range(COUNT))
    common = ('--model', model, '--out', tmp_path / 'r', '--force')
    assert run(*common, '--data', data) == 0
    assert run(*common, '--bag', bag, '--train-images', data) == 0
    assert run(*common, '--bag', bag) == 0
    beside, of_bag, alone = ([(worst.picture.shape, worst.caption) for worst in shown.worst]
                             for shown in pages)
    assert len(beside) == 4
    assert beside[0][0][1] > 1.9 * beside[0][0][0] * CAMERA.width / CAMERA.height
    assert 'Right: the nearest training image' in beside[0][1]
    assert [one[0] for one in of_bag] == [one[0] for one in beside]
    assert '--train-images' in alone[0][1]


def test_scored_poses_show_the_images_beside_their_truth(
        data: Path, tmp_path: Path, pages: list[Evaluation]) -> None:
    truths = data / 'dataset_test.txt'
    assert run('--poses', truths, '--truth', truths, '--out', tmp_path / 'r') == 0
    assert [worst.picture is not None for worst in pages[0].worst] == [True] * 4


def test_bag_gives_the_same_as_the_dataset(model: Path, data: Path, tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'bag', range(COUNT), range(COUNT))
    assert run('--model', model, '--bag', bag, '--out', tmp_path / 'a') == 0
    assert run('--model', model, '--data', data, '--out', tmp_path / 'b') == 0
    a, b = read(tmp_path / 'a'), read(tmp_path / 'b')
    for key in ('frames', 'translation_m', 'rotation_deg', 'recall', 'baselines'):
        assert a[key] == b[key]
    assert a['data']['image_topic'] == '/camera/image_raw'


def test_dense_gives_the_same_of_even_images_and_says_so(
        model: Path, data: Path, tmp_path: Path) -> None:
    common = ('--model', model, '--data', data, '--out')
    assert run(*common, tmp_path / 'plain') == 0
    assert run(*common, tmp_path / 'dense', '--dense') == 0
    plain, dense = read(tmp_path / 'plain'), read(tmp_path / 'dense')
    assert dense['translation_m'] == pytest.approx(plain['translation_m'])
    assert (plain['model']['crops'], dense['model']['crops']) == (1, 128)


def test_images_without_a_truth_are_counted_and_left_out(model: Path, tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'bag', range(COUNT), range(3, 8))
    assert run('--model', model, '--bag', bag, '--out', tmp_path / 'r') == 0
    report = read(tmp_path / 'r')
    assert report['frames']['total'] == 5
    assert (report['data']['images'], report['data']['without_truth']) == (12, 7)


def test_truth_between_two_messages_is_interpolated(model: Path, tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'bag', range(1, 4), range(0, 5, 2))
    assert run('--model', model, '--bag', bag, '--out', tmp_path / 'r') == 0
    assert read(tmp_path / 'r')['translation_m']['max'] == pytest.approx(0.1)
    assert run('--model', model, '--bag', bag, '--out', tmp_path / 's',
               '--max-truth-gap', '0.1') == 0
    assert read(tmp_path / 's')['frames']['total'] == 1


def test_no_matched_frame_is_an_error_and_no_report(
        model: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    bag = write_bag(tmp_path / 'bag', range(3), range(5, 8))
    assert run('--model', model, '--bag', bag, '--out', tmp_path / 'r') == 2
    assert '3 images, none with a truth' in capsys.readouterr().err
    assert not (tmp_path / 'r').exists()


def test_topic_that_is_not_there(
        model: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    bag = write_bag(tmp_path / 'bag', range(3), range(3))
    arguments = ('--model', model, '--bag', bag, '--out', tmp_path / 'r')
    assert run(*arguments, '--image-topic', '/other') == 2
    error = capsys.readouterr().err
    assert '/other' in error
    assert '/camera/image_raw' in error
    assert run(*arguments, '--truth-topic', '/camera/image_raw') == 2
    assert error.count('\n') == 1


def test_bad_images_are_failures_with_their_reason(model: Path, tmp_path: Path) -> None:
    def broken(message: object, i: int) -> None:
        if i == 1:
            message.encoding = 'unheard'
        if i == 2:
            message.width = message.width // 2

    with new_bag(tmp_path / 'bag') as writer:
        for i in range(5):
            time_ns = (i + 1) * STEP_NS
            message = image_message(Frame(picture(i), time_ns, 'camera'))
            broken(message, i)
            writer.write('/truth', pose_message(truth(i), time_ns, 'map'), time_ns)
            writer.write('/image', message, time_ns)
    assert run('--model', model, '--bag', tmp_path / 'bag', '--out', tmp_path / 'r') == 0
    assert read(tmp_path / 'r')['frames'] == {
        'total': 5, 'estimated': 3, 'accepted': 3, 'dropped': 2}
    assert 'unheard' in (tmp_path / 'r' / 'frames.csv').read_text()


def test_stamps_that_double_or_go_back_are_rejected_by_the_gate(
        model: Path, tmp_path: Path) -> None:
    with new_bag(tmp_path / 'bag') as writer:
        for n, i in enumerate((0, 1, 1, 0, 2)):
            frame = Frame(picture(i), (i + 1) * STEP_NS, 'camera')
            writer.write('/image', image_message(frame), (n + 1) * STEP_NS)
            writer.write('/truth', pose_message(truth(i), frame.stamp_ns, 'map'), n * STEP_NS)
    assert run('--model', model, '--bag', tmp_path / 'bag', '--out', tmp_path / 'r') == 0
    assert read(tmp_path / 'r')['outcomes'] == {'accepted': 3, 'stale': 2}


def test_network_that_gives_nan_fails_and_says_so(
        model: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with new_bag(tmp_path / 'bag') as writer:
        frame = Frame(np.full((48, 64, 3), 250, np.uint8), STEP_NS, 'camera')
        writer.write('/image', image_message(frame), STEP_NS)
        writer.write('/truth', pose_message(truth(0), STEP_NS, 'map'), STEP_NS)
    assert run('--model', model, '--bag', tmp_path / 'bag', '--out', tmp_path / 'r') == 1
    assert 'no frame has an accepted estimate' in capsys.readouterr().err
    assert read(tmp_path / 'r')['translation_m'] is None


@pytest.mark.parametrize(('line', 'why'), [
    ('seq1/absent.png 0 0 0 1 0 0 0', 'no such file'),
    ('seq1/000.png 0 0 nan 1 0 0 0', 'NaN'),
    ('seq1/damaged.png 0 0 0 1 0 0 0', 'damaged file'),
    ('seq1/middle.png 0 0 0 1 0 0 0', 'checksums are wrong'),
    ('seq1/000.png 0 0 0 1 0 0 0', 'is a duplicate of')])
def test_bad_dataset_line_is_named(
        model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture, line: str,
        why: str) -> None:
    (data / 'seq1' / 'damaged.png').write_bytes(b'no image')
    whole = (data / 'seq1' / '000.png').read_bytes()
    (data / 'seq1' / 'middle.png').write_bytes(damaged_in_the_middle(whole))
    with (data / 'dataset_test.txt').open('a') as file:
        file.write(line + '\n')
    assert run('--model', model, '--data', data, '--out', tmp_path / 'r') == 0
    assert '1 bad rows or images were left out' in capsys.readouterr().out
    (reason,) = read(tmp_path / 'r')['data']['reasons_for_rejection']
    assert reason.startswith(f'{data / "dataset_test.txt"}:16: ')
    assert why in reason
    with (data / 'dataset_test.txt').open('a') as file:
        file.write(line + '\n')
    assert run('--model', model, '--data', data, '--out', tmp_path / 's') == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert reason in error
    assert '2 of 14 lines are bad' in error
    assert not (tmp_path / 's').exists()


def test_a_damaged_image_of_another_place_is_left_out_and_told(
        model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    whole = (data / 'seq1' / '000.png').read_bytes()
    other = tmp_path / 'other'
    other.mkdir()
    for i in range(12):
        (other / f'{i:02}.png').write_bytes(damaged_in_the_middle(whole) if i == 7 else whole)
    words = ('--model', model, '--data', data, '--out-of-place', other, '--out')
    assert run(*words, tmp_path / 'r') == 0
    assert '1 bad rows or images were left out' in capsys.readouterr().out
    report = read(tmp_path / 'r')
    assert report['out_of_place']['frames'] == 11
    assert '07.png has to be readable' in report['data']['reasons_for_rejection'][0]
    (other / '08.png').write_bytes(damaged_in_the_middle(whole))
    assert run(*words, tmp_path / 's') == 2
    assert '2 of 12 lines are bad' in capsys.readouterr().err


def test_existing_report_is_refused_before_any_work(
        model: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    words = ('--model', tmp_path / 'absent', '--data', tmp_path / 'none', '--out', tmp_path / 'r')
    (tmp_path / 'r').mkdir()
    (tmp_path / 'r' / 'report.json').write_text('{"frames": 1}')
    assert run(*words) == 2
    assert 'exists already: give another name, or --force' in capsys.readouterr().err
    (tmp_path / 'r' / 'report.json').rename(tmp_path / 'r' / 'diary.txt')
    assert run(*words, '--force') == 2
    assert 'is no report: it holds diary.txt' in capsys.readouterr().err


def test_gate_limits_are_those_of_the_node(
        model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = ('--model', model, '--data', data, '--out', tmp_path / 'r', '--gate')
    assert run(*arguments, 'max_sigma_m=0.1') == 1
    assert read(tmp_path / 'r')['outcomes'] == {'uncertain': 12}
    assert run(*arguments, 'max_sigma=1', '--force') == 2
    error = capsys.readouterr().err
    assert "unknown key 'max_sigma'" in error
    assert 'did you mean max_sigma_m?' in error
    assert run(*arguments, 'max_sigma_m=small', '--force') == 2
    assert 'KEY=NUMBER' in capsys.readouterr().err
    assert run(*arguments, 'max_sigma_m', '--force') == 2
    assert "--gate has to be KEY=VALUE. Received: 'max_sigma_m'" in capsys.readouterr().err


def test_limits_of_the_gate_are_given_as_one_likes() -> None:
    for words in (['--gate', 'max_sigma_m=1', 'reject_faulty_images=true'],
                  ['--gate', 'max_sigma_m=1', '--gate', 'reject_faulty_images=1']):
        for of in (parser().parse_args(['--data', 'd', '--out', 'o', *words]),
                   robustness.parser().parse_args(
                       ['--model', 'm', '--data', 'd', '--out', 'o', *words])):
            assert gate_config(of.gate) == GateConfig(max_sigma_m=1, reject_faulty_images=True)


def test_images_of_other_places(
        model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for i, size in enumerate([(64, 48), (90, 90), (300, 100)]):
        (tmp_path / 'other' / 'deep').mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 256, (size[1], size[0], 3), np.uint8)
        cv2.imwrite(str(tmp_path / 'other' / 'deep' / f'{i}.png'), noise)
    bag = write_bag(tmp_path / 'bag', range(5), range(0))
    arguments = ('--model', model, '--data', data, '--out', tmp_path / 'r', '--false-pose', '0.05',
                 '--out-of-place', tmp_path / 'other', bag)
    assert run(*arguments) == 0
    report = read(tmp_path / 'r')
    assert (report['frames']['total'], report['out_of_place']['frames']) == (12, 8)
    assert report['out_of_place']['sources']['bag']['accepted'] == 5
    false = report['false_poses']
    assert (false['limit_m'], false['estimated'], false['accepted']) == (0.05, 12, 12)
    assert false['per_1000'] == 1000.0
    assert report['image_faults'] == {'dark': 1, 'covered': 11}  # each is of one grey
    rows = (tmp_path / 'r' / 'out_of_place.csv').read_text().splitlines()
    assert [row.split(',')[0] for row in rows[1:3]] == ['other/deep/0.png', 'other/deep/1.png']
    assert 'images of other places' in capsys.readouterr().out
    assert run(*arguments, '--force', '--gate', 'reject_faulty_images=1') == 1
    assert read(tmp_path / 'r')['outcomes'] == {'dark': 1, 'covered': 11}
    assert run(*arguments[:-2], tmp_path / 'model', '--force') == 2
    assert 'Received: no image' in capsys.readouterr().err


def test_zip_is_not_unpacked_unasked(
        model: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run('--model', model, '--data', tmp_path / 'KingsCollege.zip',
               '--out', tmp_path / 'r') == 2
    assert 'unzip KingsCollege.zip' in capsys.readouterr().err


def test_other_camera_is_refused(
        model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (data / 'camera.json').write_text(json.dumps({**CAMERA.to_mapping(), 'fx': 90.0}))
    assert run('--model', model, '--data', data, '--out', tmp_path / 'r') == 2
    assert 'fx=90.0' in capsys.readouterr().err


def test_descriptors_of_another_kind_leave_the_baseline_out(model: Path) -> None:
    describe, reason = evaluator.make_image_describer(load(model))
    assert describe is None
    assert 'EfficientNet-Lite0' in reason


def result(x: float, verdict: Verdict = Verdict.ACCEPTED) -> FrameResult:
    return FrameResult(f'{x:g}', 1, Pose(), Pose(np.array([x, 0, 0])), verdict=verdict)


def test_only_the_worst_frames_of_either_kind_are_kept() -> None:
    worst_frames = WorstFrames(2, 2)
    worst_frames.add(FrameResult('unanswered', 1, Pose()))
    for x in (3, 9, 1, 7, 9.0):
        worst_frames.add(result(x))
    for x in (2, 5):
        worst_frames.add(result(x, Verdict.JUMP))
    assert [(kept.frame.name, kept.frame.accepted) for kept in worst_frames.frames] == [
        ('9', True), ('9', True), ('5', False), ('2', False)]
    none = WorstFrames(0, 0)
    none.add(result(3))
    assert none.frames == []


def test_matches_are_kept_of_the_worst_frames_only() -> None:
    matches = [LandmarkMatches(np.zeros((1, 3)), np.zeros((1, 2)), np.zeros(1, np.intp),
                               np.ones(1, bool)) for _ in range(50)]
    alive = [weakref.ref(one) for one in matches]
    worst_frames = WorstFrames(3, 2)
    for x in range(50):
        worst_frames.add(result(x), None, matches.pop(0))
    assert [kept.frame.error_m for kept in worst_frames.frames] == [49, 48, 47]
    assert [i for i, known in enumerate(alive) if known() is not None] == [47, 48, 49]


def test_the_worst_frames_are_those_of_the_estimates_that_are_reported() -> None:
    worst_frames = WorstFrames(1, 1, final=lambda frame: None if frame.name == '9' else replace(
        frame, estimate=Pose(np.array([10 - frame.error_m, 0, 0]))))
    matches = LandmarkMatches(np.zeros((0, 3)), np.zeros((0, 2)), np.zeros(0, np.intp),
                              np.zeros(0, bool))
    for x in (3, 9, 1, 7):
        worst_frames.add(result(x), None, matches)
    (kept,) = worst_frames.frames
    assert (kept.frame.name, kept.frame.error_m, kept.matches) == ('1', 9, None)


def test_nearest_training_image_is_found_in_batches_of_one_size() -> None:
    settings = tiny_artifact()
    shapes = []

    def describe(images: np.ndarray) -> np.ndarray:
        shapes.append(images.shape)
        index = images.reshape(len(images), -1)[:, 0] % len(settings.train.names)
        return settings.train.descriptors[index]

    def load(i: int, _: object) -> np.ndarray:
        if i == 3:
            raise ImageError('bad')
        return np.full((48, 64, 3), i, np.uint8)

    queries = [QueryImage(str(i), i + 1, Pose(), partial(load, i)) for i in range(20)]
    results = list(run_model(queries, None, Relocaliser(GreyEngine().predict, settings),
                             Gate(GateConfig(), settings.scene), settings.train, WorstFrames(),
                             describe))
    assert [r.nearest_image for r in results] == [
        None if i == 3 else i % 5 for i in range(20)]
    assert len(set(shapes)) == 1


def test_a_pause_splits_a_recording() -> None:
    splitter = SequenceSplitter()
    times_s = [0, 0.1, 0.2, 1.3, 1.4, 1.5, 5.0, 5.1]
    assert [splitter.sequence_at(round(t * 1e9)) for t in times_s] == [
        'part1'] * 3 + ['part2'] * 3 + ['part3'] * 2
    slow = SequenceSplitter()
    assert {slow.sequence_at(round(2e9 * i)) for i in range(5)} == {'part1'}


def test_ordered_map_keeps_the_order_and_reads_only_a_little_ahead() -> None:
    taken = 0

    def items() -> object:
        nonlocal taken
        for i in range(100):
            taken += 1
            yield i

    results = ordered_map(lambda i: 2 * i, items(), ahead=4)
    assert [next(results) for _ in range(3)] == [0, 2, 4]
    assert taken <= 3 + 4
    assert list(results) == list(range(6, 200, 2))


def run_engine(count: int, load: Callable[[object], np.ndarray], engine: GreyEngine) -> None:
    settings = tiny_artifact()
    queries = [QueryImage(str(i), i + 1, Pose(), load) for i in range(count)]
    results = run_model(queries, None, Relocaliser(engine.predict, settings),
                        Gate(GateConfig(), settings.scene), settings.train, WorstFrames())
    assert sum(1 for _ in results) == count


def test_images_are_decoded_while_the_network_runs() -> None:
    count, decoded = 10, threading.Semaphore(0)

    class WaitingEngine(GreyEngine):
        """A network that waits for the next image."""

        def predict(self, batch: np.ndarray) -> Prediction:
            """Return a pose only once another image is decoded; a loop would never get on."""
            assert decoded.acquire(timeout=20)
            return super().predict(batch)

    first = iter([True])

    def load(_: object) -> np.ndarray:
        if not next(first, False):
            decoded.release()
        return picture(0)

    threading.Timer(1.0, decoded.release).start()  # there is no image after the last
    run_engine(count, load, WaitingEngine())


def test_memory_does_not_grow_with_the_bag() -> None:
    alive: list[weakref.ref] = []
    most = 0

    def load(_: object) -> np.ndarray:
        nonlocal most
        image = picture(0)
        alive.append(weakref.ref(image))
        most = max(most, sum(known() is not None for known in alive))
        return image

    run_engine(100, load, GreyEngine())
    assert most <= 4  # those that are being decoded


def test_ordered_map_hands_on_an_error() -> None:
    def fail(i: int) -> int:
        raise InputError(f'bad {i}')

    with pytest.raises(InputError, match='bad 0'):
        list(ordered_map(fail, range(50)))
