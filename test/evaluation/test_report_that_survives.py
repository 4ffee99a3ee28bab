"""Reports that survive what cannot be drawn, that warn, and that can be passed on."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
import platform
import re

from evaluation.test_page import Page
import numpy as np
from posenet_ros import evaluate
from posenet_ros.arrays import RgbImage
from posenet_ros.datasets.pose_files import write_cambridge, write_tum
from posenet_ros.evaluation import privacy
from posenet_ros.evaluation.metrics.largest_errors import KeptFrame
from posenet_ros.evaluation.privacy import Redaction, without_private_data
from posenet_ros.evaluation.report import folder as report_files
from posenet_ros.evaluation.report import sections as page_sections
from posenet_ros.evaluation.report import worst_frames
from posenet_ros.evaluation.report.build import build_report, Evaluation
from posenet_ros.evaluation.report.drawing import NOT_DRAWN
from posenet_ros.evaluation.report.folder import write_report
from posenet_ros.evaluation.report.make import show
from posenet_ros.evaluation.report.page import html_page, markdown_page
from posenet_ros.evaluation.report.worst_frames import show_frames
from posenet_ros.evaluation.results import FrameResult, WorstFrame
from posenet_ros.evaluation.training_overlap import describe_overlap
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.utils.arguments import run_cli
import pytest

COUNT = 12
EVIL = ['</script><script>alert(1)</script>', '<img src=x onerror=alert(1)>', '"><b>', "' $x^2_{$",
        '&lt;', 'a|b', '\udcff.png', '$\\frac{', '{{7*7}}', '-->']
FIGURES = ('error_view', 'path_views', 'cumulative', 'error_along_path', 'correlation_views',
           'latency_histogram', 'calibration_views', 'sparsification_views', 'place_score_views')
PICTURE = np.zeros((4, 4, 3), np.uint8)


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the figures out, which take a second to draw."""
    for figure in FIGURES:
        one = figure in ('error_view', 'latency_histogram')
        monkeypatch.setattr(page_sections, figure, lambda *_, one=one: '' if one else [])


def frames(prefix: str = 'seq1/') -> list[FrameResult]:
    return [FrameResult(
        f'{prefix}{i:03}.png', (i + 1) * 10**9, Pose(np.array([i, 0.1 * i * i, 0])),
        Pose(np.array([i + 0.1, 0.1 * i * i, 0])), sequence='seq1') for i in range(COUNT)]


def train_of(results: list[FrameResult], shift_m: float = 0.0) -> TrainIndex:
    return TrainIndex(
        tuple(frame.name for frame in results),
        np.array([frame.truth.translation_m for frame in results]) + np.array([shift_m, 0, 0]),
        np.tile([0.0, 0, 0, 1], (len(results), 1)), np.zeros((len(results), 0), np.float16))


def write(path: Path, evaluation: Evaluation) -> tuple[dict, list[str]]:
    failed = write_report(path, build_report(evaluation), evaluation)
    return json.loads((path / 'report.json').read_text()), failed


def raises(*arguments: object) -> list[str]:
    raise ValueError('loc "outside" <of another version>')


def test_a_page_that_cannot_be_made_loses_no_number(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(report_files, 'html_page', raises)
    evaluation = Evaluation(frames())
    content, failed = write(tmp_path / 'report', evaluation)
    assert content['translation_m']['median'] == pytest.approx(0.1)
    assert content['data']['not_drawn'] == failed
    assert failed == ['report.html (ValueError: loc "outside" <of another version>)']
    assert {file.name for file in (tmp_path / 'report').iterdir()} == {
        'report.json', 'report.md', 'frames.csv', 'truth.tum', 'estimate.tum'}
    show(build_report(evaluation), evaluation, tmp_path, failed)
    assert f'{NOT_DRAWN}: report.html (ValueError' in capsys.readouterr().out


@pytest.mark.usefixtures('without_figures')
@pytest.mark.parametrize('name', FIGURES)
def test_a_figure_that_fails_is_left_out_and_said(
        name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_sections, name, raises)
    content, failed = write(tmp_path / 'report', Evaluation(frames()))
    assert len(failed) == 1
    assert failed[0].endswith('(ValueError: loc "outside" <of another version>)')
    assert content['data']['not_drawn'] == failed
    page = (tmp_path / 'report' / 'report.html').read_text()
    assert '&lt;of another version&gt;' in page
    assert not Page(page).open


def test_a_picture_that_cannot_be_drawn_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> RgbImage:
        return PICTURE
    monkeypatch.setattr(worst_frames, 'fit_height', raises)
    shown = show_frames([KeptFrame(frames()[0], load)])
    assert shown[0].picture is None
    assert 'could not be drawn (ValueError' in shown[0].caption


@pytest.mark.usefixtures('without_figures')
def test_numbers_that_json_has_not_are_null(tmp_path: Path) -> None:
    about = {'provenance': {'loss': float('nan'), 'list': [1.0, float('inf')], 'of': Path('x')}}
    content, failed = write(tmp_path / 'report', Evaluation(frames(), model=about))
    assert not failed
    assert content['model']['provenance'] == {'loss': None, 'list': [1.0, None], 'of': 'x'}


# --- names


@pytest.mark.usefixtures('without_figures')
def test_every_text_is_escaped_everywhere(tmp_path: Path) -> None:
    evil = [FrameResult(name, i * 10**9, Pose(np.array([i, 0, 0])), Pose(np.array([i, 1, 0])),
                        sequence=name, reasons=(name,)) for i, name in enumerate(EVIL, 1)]
    evaluation = Evaluation(
        evil, train_of(evil), {'name': EVIL[0], 'provenance': {EVIL[0]: EVIL}},
        {'name': EVIL[0], 'trained_on': EVIL[1], 'camera_info': EVIL},
        worst=[WorstFrame(frame, PICTURE, frame.name) for frame in evil], method=EVIL[1],
        beside={EVIL[0]: Evaluation(evil)})
    content, failed = write(tmp_path / 'report', evaluation)
    assert not failed
    page = (tmp_path / 'report' / 'report.html').read_text()
    found = Page(page)
    tags = {tag for tag, _ in found.elements}
    assert not tags & {'script', 'b>'}
    assert not found.open
    assert not [name for _, attributes in found.elements for name in attributes
                if name.startswith('on')]
    assert '<img src=x' not in page
    text = (tmp_path / 'report' / 'report.md').read_text()
    assert not re.search('<(script|img|b)', text)
    rows = [line for line in text.splitlines() if line.startswith('| a\\|b')]
    assert len({row.count(' | ') for row in rows}) == 1
    assert list(content['sequences']) == EVIL


# --- what the model was trained on


@pytest.mark.parametrize(('train', 'named', 'split', 'text'), [
    ('same', True, 'test', '12 of 12 frames are images that the model was trained on'),
    ('same', True, 'train', '12 of 12 frames'), ('same', False, '', '12 of 12 frames'),
    ('shifted', True, 'test', ''), ('shifted', True, 'train', 'images of the split "train"'),
    ('shifted', False, '', ''), ('none', True, 'train', 'images of the split "train"'),
    ('none', True, 'test', ''), ('none', False, '', ''), ('refined', True, 'test', '12 of 12'),
    ('refined', False, '', '')])
def test_images_of_the_training_are_said(train: str, named: bool, split: str, text: str) -> None:
    index = {'same': train_of(frames()), 'shifted': train_of(frames(), 40.0), 'none': None,
             'refined': train_of(frames(), 0.05)}[train]
    found = describe_overlap(frames(), index, named=named, split=split)
    assert found.startswith(text) if text.startswith('12') else text in found
    assert bool(found) == bool(text)


def test_names_alone_or_one_equal_pose_say_nothing() -> None:
    assert not describe_overlap(frames(), train_of(frames('other/')), named=True, split='test')
    one = [*frames()[:1], *(FrameResult(f'{i}', i, Pose(np.array([0, 0, i]))) for i in range(20))]
    assert not describe_overlap(one, train_of(frames()), named=False)
    assert not describe_overlap([], train_of(frames()), named=True)


@pytest.mark.usefixtures('without_figures')
def test_the_banner_is_red_and_first() -> None:
    evaluation = Evaluation(frames(), data={'trained_on': 'trained on <these>'})
    report = build_report(evaluation)
    page = html_page(report, evaluation)
    assert '<header><p class="banner" role="alert">trained on &lt;these&gt;</p><h1>' in page
    assert re.search(r'\.banner \{ background: #b91c1c; color: #fff', page)
    assert 'trained on &lt;these&gt;' in markdown_page(report, evaluation).splitlines()[2]
    plain = Evaluation(frames())
    assert 'class="banner"' not in html_page(build_report(plain), plain)


def test_scoring_on_the_training_poses_is_said(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(report_files, 'html_page', lambda *_: '<html>')
    for name, poses in (('truth', [f.truth for f in frames()]),
                        ('poses', [f.estimate for f in frames()])):
        write_cambridge(tmp_path / f'{name}.txt', zip([f.name for f in frames()], poses,
                                                      strict=True))
    assert run_cli(lambda: evaluate.main([
        '--poses', str(tmp_path / 'poses.txt'), '--truth', str(tmp_path / 'truth.txt'),
        '--train', str(tmp_path / 'truth.txt'), '--out', str(tmp_path / 'report')])) == 0
    out = capsys.readouterr().out
    assert '12 of 12 frames are images that the model was trained on' in out
    assert 'both read as Cambridge: camera centre, then world to camera quaternion, w first; ' \
           'matched by name' in out


# --- passing a report on


def all_texts(folder: Path) -> str:
    return '\n'.join(file.read_text() for file in folder.iterdir())


@pytest.mark.usefixtures('without_figures')
def test_a_report_without_images_has_no_picture_and_no_path(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, 'getuser', lambda: 'jane')
    monkeypatch.setattr(platform, 'node', lambda: 'janes-laptop.lan')
    home = tmp_path / 'home of jane' / 'My Bag'
    home.mkdir(parents=True)
    truth = [((i + 1) * 10**9, frame.truth) for i, frame in enumerate(frames())]
    write_tum(home / 'truth.tum', truth)
    text = (home / 'truth.tum').read_text().splitlines()
    text[4] = text[4].replace(' 1', ' 7')  # no unit quaternion
    (home / 'jane.tum').write_text('\n'.join(text) + '\n')
    arguments = ['--poses', home / 'jane.tum', '--truth', home / 'truth.tum', '--no-images']
    assert run_cli(lambda: evaluate.main([
        *map(str, arguments), '--out', str(tmp_path / 'report')])) == 0
    assert set(tmp_path.parts[1:]) - {'report'}
    found = all_texts(tmp_path / 'report')
    for private in (str(tmp_path), 'jane', 'home of', 'laptop', '/tmp/', 'data:image/jpeg'):
        assert private not in found, private
    assert '12' in found


def test_paths_of_other_machines_are_taken_out_and_topics_stay(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privacy, '_user', lambda: 'jane')
    monkeypatch.setattr(platform, 'node', lambda: 'host7')
    evaluation = Evaluation(
        [*frames()[:2], FrameResult('/home/bob/walk/a.png', 1, Pose(), Pose()),
         FrameResult('C:\\Users\\bob\\walk\\b.png', 1, Pose(), Pose()),
         FrameResult('../../bob/c.png', 1, Pose(), reasons=('/mnt/disk/c.png is damaged',))],
        model={'provenance': {'map': {'images': '/home/bob/walk', 'host': 'host7'},
                              'by': ['jane', 3]}},
        data={'image_topic': '/camera/image_raw', 'damage': '/srv/bags/walk.mcap: cut off',
              'truth': 'tf map /camera', 'speed': '3 m/s'},
        worst=[WorstFrame(frames()[0], PICTURE, 'of /home/bob')])
    found = without_private_data(evaluation, [Path('data/jane')])
    assert [frame.name for frame in found.frames] == [
        'seq1/000.png', 'seq1/001.png', 'walk/a.png', 'walk/b.png', 'bob/c.png']
    assert found.frames[-1].reasons == ('c.png is damaged',)
    assert found.model['provenance'] == {
        'map': {'images': 'walk', 'host': '(withheld)'}, 'by': ['(withheld)', 3]}
    assert found.data == {'image_topic': '/camera/image_raw', 'damage': 'walk.mcap: cut off',
                          'truth': 'tf map /camera', 'speed': '3 m/s'}
    assert (found.worst[0].picture, found.worst[0].caption) == (None, '')


def test_given_paths_are_taken_out_though_they_have_blanks(tmp_path: Path) -> None:
    path = tmp_path / 'my walks' / 'walk 1.mcap'
    hide = Redaction([path])
    assert hide.text(f'{path}: cut off, {path.parent}/other') == 'walk 1.mcap: cut off, other'
