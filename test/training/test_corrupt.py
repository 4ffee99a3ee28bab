"""Corrupted images, and the table of a model's robustness."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
from helpers import CAMERA, scene, tiny_artifact, write_stand_in_network
import numpy as np
from posenet_ros.datasets.pose_files import write_cambridge
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.quality import FaultLimits, find_fault, image_statistics
from posenet_ros.inference import artifact as artifacts
from posenet_ros.localisation import factory
from posenet_ros.localisation.relocaliser import Prediction
from posenet_ros.training import corrupt
from posenet_ros.training import robustness as command
from posenet_ros.training.data.corruptions import corrupted, CORRUPTIONS
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.pipelines.corruption import write_corrupted
from posenet_ros.training.pipelines.robustness.sets import CORRUPTED_FRACTION, CORRUPTED_RUNS
from posenet_ros.utils.arguments import run_cli
from posenet_ros.utils.choices import SEVERITIES
import pytest
from ros_helpers import write_mean_colour_model
from training_helpers import CAMERA as MODEL_CAMERA
from training_helpers import wall_texture, write_wall_dataset

PICTURE = cv2.resize(wall_texture(), (112, 64), interpolation=cv2.INTER_AREA)
COUNT = 6


@pytest.mark.parametrize('name', CORRUPTIONS)
def test_each_severity_takes_the_image_further_away(name: str) -> None:
    before = PICTURE.copy()
    away = []
    for severity in SEVERITIES:
        changed = corrupted(PICTURE, name, severity, 3)
        assert (changed.dtype, changed.shape) == (np.uint8, PICTURE.shape)
        np.testing.assert_array_equal(changed, corrupted(PICTURE, name, severity, 3))
        away.append(np.abs(changed.astype(float) - PICTURE).mean())
    np.testing.assert_array_equal(PICTURE, before)
    assert away[0] > 1
    assert all(b > 0.97 * a for a, b in pairwise(away)), away
    assert away[-1] > 1.2 * away[0]


def test_another_seed_is_another_fog() -> None:
    assert (corrupted(PICTURE, 'fog', 3, (0, 1)) != corrupted(PICTURE, 'fog', 3, (0, 2))).any()


def test_occlusion_hides_the_share_that_it_says() -> None:
    hidden = (corrupted(PICTURE, 'occlusion', 4) != PICTURE).any(axis=2).mean()
    assert 0.5 <= hidden < 0.75


def test_the_strongest_darkness_and_light_are_faults_by_name() -> None:
    for name, severity, expected in (('dark', 5, 'dark'), ('overexposed', 5, 'overexposed'),
                                     ('defocus_blur', 5, 'blurred'), ('contrast', 5, 'covered')):
        statistics = image_statistics(corrupted(scene(), name, severity))
        fault = find_fault(statistics, FaultLimits(10, 0.25))
        assert fault is not None, name
        assert fault.kind.value == expected


@pytest.mark.parametrize(('name', 'severity'), [('hail', 1), ('fog', 0), ('fog', 6)])
def test_unknown_corruptions_are_refused(name: str, severity: int) -> None:
    with pytest.raises(InputError, match='Received'):
        corrupted(PICTURE, name, severity)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write a dataset of pictures that begin ever further to the right."""
    rows = []
    for i in range(COUNT):
        name = f'seq1/{i:03}.jpg'
        path = tmp_path / 'data' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        view = np.roll(wall_texture(), 9 * i, axis=1)[:CAMERA.height, :CAMERA.width]
        cv2.imwrite(str(path), view)
        rows.append((name, Pose(np.array([i, 0, 0]))))
    write_cambridge(tmp_path / 'data' / 'dataset_test.txt', rows)
    return tmp_path / 'data'


def test_a_corrupted_copy_is_a_dataset(data: Path, tmp_path: Path) -> None:
    arguments = ['--data', str(data), '--corruption', 'rain', '--strength', '2', '--camera', '50',
                 '--out', str(tmp_path / 'rainy')]
    assert run_cli(lambda: corrupt.main(arguments)) == 0
    copy = read_dataset(tmp_path / 'rainy', 'test')
    assert [s.name for s in copy.samples] == [f'seq1/{i:03}.png' for i in range(COUNT)]
    np.testing.assert_allclose(copy.positions_m[:, 0], range(COUNT))
    assert copy.camera.fx == 50
    assert run_cli(lambda: corrupt.main(arguments)) == 2  # it exists


class FarEngine:
    """A network that is right, but 9 m off where the image is dark, of which it expects 6 m."""

    name, device = 'stand-in', 'none'

    def __init__(self) -> None:
        self._calls = 0

    def predict(self, batch: np.ndarray) -> Prediction:
        """Return a pose an image; the first call warms up."""
        dark = batch.mean() < 40
        x = (self._calls - 1) % COUNT + (9 if dark else 0)
        self._calls += 1
        return Prediction(np.array([[x, 0.0, 0.0]]), np.array([[0.0, 0, 0, 1]]),
                          np.full((1, 6), np.log(6 if dark else 0.1)))


def test_the_table_of_a_model_that_fails_in_the_dark(
        data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'model').mkdir()
    artifact = tiny_artifact()
    artifacts.save(
        replace(artifact, calibration=replace(artifact.calibration, scale=(1.0,) * 6)),
        tmp_path / 'model', write_stand_in_network)
    monkeypatch.setattr(factory, 'load_engine', lambda *_: FarEngine())
    (tmp_path / 'other').mkdir()
    cv2.imwrite(str(tmp_path / 'other' / 'a.png'), np.full((30, 99, 3), 255, np.uint8))
    out = tmp_path / 'table.md'
    arguments = ['--model', tmp_path / 'model', '--data', data, '--others', tmp_path / 'other',
                 '--corruptions', 'dark', '--out', out]
    assert run_cli(lambda: command.main([str(a) for a in arguments])) == 0
    rows = [[cell.strip() for cell in line.split('|')[1:-1]]
            for line in out.read_text().splitlines()]
    found = {(row[0], row[1]): dict(zip(rows[0][2:], row[2:], strict=True)) for row in rows[2:]}
    good, dark = found['as they are', ''], found['dark', '5']
    assert (good['median (m)'], good['accepted'], good['over 5 m']) == ('0.00', '100.0 %', '0')
    assert (good['within 1 sigma'], good['2 sigma']) == ('100.0 %', '100.0 %')
    # wrong, and called dark by the gate: no false pose
    assert [dark[key] for key in ('median (m)', 'accepted', 'their median (m)', 'over 5 m',
                                  'of these accepted', 'mostly rejected as')] == [
        '9.00', '0.0 %', '-', str(COUNT), '0', 'dark']
    # one of six axes is off by more than the 6 m that are expected; too few for a p95
    assert (dark['within 1 sigma'], dark['2 sigma'], dark['p95 (m)']) == ('83.3 %', '100.0 %', '-')
    # some images of the walk are dark: the model knows which
    partly = found['20 % of them corrupted', '1 to 5']
    corrupted_count = COUNT * CORRUPTED_RUNS * CORRUPTED_FRACTION
    assert 0 < int(partly['over 5 m']) < corrupted_count
    assert [partly[key] for key in ('p95 (m)', 'of the most certain 80 %', 'by an oracle')] == [
        '9.00', '0.00', '0.00']
    other = found['other', '']
    assert [other[key] for key in ('median (m)', 'accepted', 'over 5 m', 'of these accepted',
                                   'mostly rejected as')] == ['', '0.0 %', '1', '0', 'overexposed']


def test_images_that_are_named_from_the_disk_s_root_are_not_written_over(
        data: Path, tmp_path: Path) -> None:
    file = data / 'dataset_test.txt'
    for path in sorted((data / 'seq1').iterdir()):  # as what is written
        cv2.imwrite(str(path.with_suffix('.png')), cv2.imread(str(path)))
        path.unlink()
    file.write_text(file.read_text().replace('.jpg', '.png').replace('seq1/', f'{data}/seq1/'))
    before = {path: path.read_bytes() for path in data.rglob('*.png')}
    write_corrupted(data, 'test', 'dark', 2, tmp_path / 'dark', camera='50')
    assert {path: path.read_bytes() for path in data.rglob('*.png')} == before
    assert sorted(path.relative_to(tmp_path / 'dark') for path in (
        tmp_path / 'dark').rglob('*.png')) == sorted(path.relative_to(data) for path in before)


def test_an_image_that_cannot_be_written_ends_it(
        data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, 'imwrite', lambda *_: False)  # what OpenCV says on a full disk
    with pytest.raises(OSError, match='cannot be written'):
        write_corrupted(data, 'test', 'dark', 2, tmp_path / 'dark', camera='50')
    assert [path.name for path in tmp_path.iterdir()] == ['data']


@pytest.mark.long
def test_more_processes_give_the_same_table(tmp_path: Path) -> None:
    write_wall_dataset(tmp_path / 'wall')
    write_mean_colour_model(tmp_path / 'model', MODEL_CAMERA)
    for jobs in ('1', '2'):
        assert command.main([
            '--model', str(tmp_path / 'model'), '--data', str(tmp_path / 'wall'), '--corruptions',
            'dark', 'fog', '--jobs', jobs, '--out', str(tmp_path / f'{jobs}.md')]) == 0
    one, two = ((tmp_path / f'{jobs}.md').read_text() for jobs in ('1', '2'))
    assert one == two
    assert '20 % of them corrupted' in one
