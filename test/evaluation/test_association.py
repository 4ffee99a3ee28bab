"""Poses from files, associated by name, stamp or row, with the same errors as by evo."""

from __future__ import annotations

import json
from pathlib import Path

from evo.core.metrics import APE, PoseRelation
from evo.core.sync import associate_trajectories
from evo.tools.file_interface import read_tum_trajectory_file
import numpy as np
from posenet_ros import evaluate
from posenet_ros.datasets.pose_files import write_cambridge, write_tum
from posenet_ros.errors import InputError
from posenet_ros.evaluation.estimates.association import (
    associate_files,
    AssociationKey,
    PoseFiles,
    read_train_poses,
)
from posenet_ros.evaluation.report import folder as report_files
from posenet_ros.geometry.pose import Pose, xyzw_from_wxyz
from posenet_ros.utils.arguments import run_cli
import pytest
from transforms3d.euler import euler2quat

COUNT = 40


def truths() -> list[Pose]:
    """Return a round walk of 40 poses, the camera turning."""
    angles = np.linspace(0, 2 * np.pi, COUNT, endpoint=False)
    return [Pose(np.array([9 * np.cos(a), 6 * np.sin(a), 1.5 + 0.1 * np.sin(5 * a)]),
                 xyzw_from_wxyz(euler2quat(0.1, 0.2 * np.cos(a), a))) for a in angles]


def estimates() -> list[Pose]:
    """Return the walk with errors of known size: i/10 m along y, i degrees about x."""
    return [Pose(pose.translation_m + np.array([0, i / 10, 0]),
                 (pose @ Pose(np.zeros(3), xyzw_from_wxyz(
                     euler2quat(np.radians(i), 0, 0)))).quat_xyzw)
            for i, pose in enumerate(truths())]


def names(prefix: str = '', suffix: str = '.png') -> list[str]:
    return [f'{prefix}seq{1 + i // 20}/frame{i:05}{suffix}' for i in range(COUNT)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the same poses in all three forms."""
    for kind, poses in (('truth', truths()), ('poses', estimates())):
        write_cambridge(tmp_path / f'{kind}.txt', zip(names(), poses, strict=True))
        write_tum(tmp_path / f'{kind}.tum',
                  [(10**18 + i * 10**8, pose) for i, pose in enumerate(poses)])
        rows = [' '.join(f'{v:.12g}' for v in pose.matrix[:3].ravel()) for pose in poses]
        (tmp_path / f'{kind}.kitti').write_text('\n'.join(rows) + '\n')
    return tmp_path


def run(*arguments: str | Path) -> int:
    return run_cli(lambda: evaluate.main([str(a) for a in arguments]))


@pytest.mark.parametrize(('form', 'match'), [('txt', 'name'), ('tum', 'stamp'), ('kitti', 'row')])
def test_known_errors_in_every_format(
        folder: Path, form: str, match: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_files, 'html_page', lambda *arguments: '<html>')
    assert run('--poses', folder / f'poses.{form}', '--truth', folder / f'truth.{form}',
               '--out', folder / 'report') == 0
    report = json.loads((folder / 'report' / 'report.json').read_text())
    assert report['translation_m']['median'] == pytest.approx(1.95, abs=1e-6)
    assert report['translation_m']['max'] == pytest.approx(3.9, abs=1e-6)
    assert report['rotation_deg']['median'] == pytest.approx(19.5, abs=1e-5)
    assert report['rotation_deg']['p75'] == pytest.approx(29.25, abs=1e-5)
    assert report['frames'] == {'total': 40, 'estimated': 40, 'accepted': 40, 'dropped': 0}
    assert report['data']['match'] == match
    assert len(report['sequences']) == (2 if form == 'txt' else 1)


@pytest.mark.parametrize(('relation', 'key'), [
    (PoseRelation.translation_part, 'translation_m'),
    (PoseRelation.rotation_angle_deg, 'rotation_deg')])
def test_evo_gives_the_same_statistics(
        folder: Path, relation: PoseRelation, key: str,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_files, 'html_page', lambda *arguments: '<html>')
    assert run('--poses', folder / 'poses.tum', '--truth', folder / 'truth.tum',
               '--out', folder / 'report') == 0
    ours = json.loads((folder / 'report' / 'report.json').read_text())[key]
    pair = associate_trajectories(*(read_tum_trajectory_file(str(folder / 'report' / name))
                                    for name in ('truth.tum', 'estimate.tum')))
    ape = APE(relation)
    ape.process_data(pair)
    theirs = ape.get_all_statistics()
    assert len(ape.error) == COUNT
    assert set(theirs) == {'rmse', 'mean', 'median', 'std', 'min', 'max', 'sse'}
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, rel=1e-6, abs=1e-6)
    assert ours['p90'] == pytest.approx(np.percentile(ape.error, 90), abs=1e-6)


def test_names_match_whatever_the_folder_the_order_and_the_suffix(folder: Path) -> None:
    rows = list(zip(names('D:/data/KingsCollege/', '.jpg'), estimates(), strict=True))
    write_cambridge(folder / 'other.txt', rows[::-1])
    frames, data = associate_files(PoseFiles(folder / 'other.txt', folder / 'truth.txt'))
    assert data['match'] == 'name'
    assert [frame.name for frame in frames] == names()
    np.testing.assert_allclose(frames[7].estimate.translation_m, estimates()[7].translation_m)


def test_frame_without_an_estimate_fails(folder: Path) -> None:
    write_cambridge(folder / 'few.txt', list(zip(names(), estimates(), strict=True))[:30])
    frames, _ = associate_files(PoseFiles(folder / 'few.txt', folder / 'truth.txt'))
    assert sum(frame.estimate is None for frame in frames) == 10
    assert 'no row' in frames[-1].reasons[0]


def test_nan_is_a_failure(folder: Path) -> None:
    text = (folder / 'poses.tum').read_text().splitlines()
    text[3] = text[3].split()[0] + ' nan nan nan nan nan nan nan'
    (folder / 'nan.tum').write_text('\n'.join(text))
    frames, _ = associate_files(PoseFiles(folder / 'nan.tum', folder / 'truth.tum'))
    assert len(frames) == COUNT
    assert frames[3].estimate is None


def test_nan_in_a_truth_shifts_no_row(folder: Path) -> None:
    text = (folder / 'truth.kitti').read_text().splitlines()
    text[3] = ' '.join(['nan'] * 12)
    (folder / 'nan.kitti').write_text('\n'.join(text))
    frames, _ = associate_files(PoseFiles(folder / 'poses.kitti', folder / 'nan.kitti'))
    assert len(frames) == COUNT - 1
    np.testing.assert_allclose(frames[3].truth.translation_m, truths()[4].translation_m)


def test_truth_is_interpolated_at_the_time_of_an_estimate(folder: Path) -> None:
    write_tum(folder / 'late.tum', [(10**18 + 5 * 10**7, truths()[0])])
    frames, _ = associate_files(PoseFiles(folder / 'late.tum', folder / 'truth.tum'))
    middle = (truths()[0].translation_m + truths()[1].translation_m) / 2
    np.testing.assert_allclose(frames[0].truth.translation_m, middle)
    with pytest.raises(InputError, match='none with a truth'):
        associate_files(PoseFiles(folder / 'late.tum', folder / 'truth.tum', max_gap_s=0.05))


@pytest.mark.parametrize(('poses', 'truth', 'key', 'why'), [
    ('poses.kitti', 'truth.tum', AssociationKey.STAMP, 'expected rows with a stamp'),
    ('poses.tum', 'truth.txt', AssociationKey.NAME, 'expected rows with a name'),
    ('short.kitti', 'truth.kitti', None, 'expected 40 rows'),
    ('strange.txt', 'truth.txt', None, 'expected names of'),
    ('twice.txt', 'truth.txt', None, 'is in line 4 already')])
def test_files_that_cannot_be_associated(
        folder: Path, poses: str, truth: str, key: AssociationKey | None, why: str) -> None:
    rows = list(zip(names(), estimates(), strict=True))
    write_cambridge(folder / 'strange.txt', zip(names('', 'x.png'), estimates(), strict=True))
    write_cambridge(folder / 'twice.txt', [*rows, rows[0]])
    short = (folder / 'poses.kitti').read_text().splitlines()[:-1]
    (folder / 'short.kitti').write_text('\n'.join(short))
    with pytest.raises(InputError) as caught:
        associate_files(PoseFiles(folder / poses, folder / truth, key=key))
    assert why in str(caught.value)


def test_training_poses_give_the_baselines(folder: Path) -> None:
    train = read_train_poses(PoseFiles(folder / 'a', folder / 'b', folder / 'truth.txt'))
    assert train.names == tuple(names())
    assert train.descriptors.shape == (COUNT, 0)
    assert read_train_poses(PoseFiles(folder / 'a', folder / 'b')) is None


def test_missing_truth_is_named(folder: Path, capsys: pytest.CaptureFixture) -> None:
    assert run('--poses', folder / 'poses.txt', '--out', folder / 'r') == 2
    assert '--truth FILE' in capsys.readouterr().err
    assert run('--data', folder, '--out', folder / 'r') == 2
    assert '--model FOLDER' in capsys.readouterr().err


def tum(file: Path, *stamps_ns: int, x: float = 0.0) -> Path:
    """Write poses at stamps, each a metre further along x than the one before."""
    write_tum(file, [(stamp, Pose(np.array([x + i, 0, 0]))) for i, stamp in enumerate(stamps_ns)])
    return file


@pytest.mark.parametrize(('gap_ns', 'paired'), [
    (0, True), (10_000_000, True), (-10_000_000, True), (10_000_001, False), (-10_000_001, False)])
def test_the_nearest_is_a_hundredth_of_a_second_away_at_most(
        tmp_path: Path, gap_ns: int, paired: bool) -> None:
    start = 10**18
    truth = tum(tmp_path / 'truth', start, start + 10**9, start + 2 * 10**9)
    for second in range(3):
        files = PoseFiles(tum(tmp_path / 'poses', start + second * 10**9 + gap_ns), truth,
                          key=AssociationKey.NEAREST)
        if paired:
            frame, = associate_files(files)[0]
            assert (frame.truth.translation_m[0], frame.name) == (second, 'row1')
            assert frame.stamp_ns == start + second * 10**9 + gap_ns
        else:
            with pytest.raises(InputError, match='Received: 1 poses, none with a truth'):
                associate_files(files)


@pytest.mark.parametrize('swapped', [False, True])
def test_the_nearest_in_time_is_that_of_all_of_them(tmp_path: Path, swapped: bool) -> None:
    rng = np.random.default_rng(2)
    few, many = (10**18 + 10**6 * np.sort(rng.choice(90, count, replace=False))
                 for count in (25, 60))
    names = ('truth', 'poses') if swapped else ('poses', 'truth')
    for name, stamps in zip(names, (few, many), strict=True):
        tum(tmp_path / name, *stamps.tolist())
    frames, data = associate_files(PoseFiles(
        tmp_path / 'poses', tmp_path / 'truth', key=AssociationKey.NEAREST))
    gaps = np.abs(few[:, np.newaxis] - many)
    assert len(frames) == 25
    assert data['without_truth'] == (35 if swapped else 0)
    for i, frame in enumerate(frames):
        estimate, truth = (frame.estimate.translation_m[0], frame.truth.translation_m[0])
        one, other = (truth, estimate) if swapped else (estimate, truth)
        assert (one, gaps[i, int(other)]) == (i, gaps[i].min())


def test_a_stamp_of_nought_is_one(tmp_path: Path) -> None:
    truth = tum(tmp_path / 'truth', 0, 10**8, 2 * 10**8)
    poses = tum(tmp_path / 'poses', 0, 5 * 10**7, 10**9)
    frames, data = associate_files(PoseFiles(poses, truth))
    assert [frame.stamp_ns for frame in frames] == [0, 5 * 10**7]
    assert [frame.truth.translation_m[0] for frame in frames] == pytest.approx([0, 0.5])
    assert (data['stamps'], data['without_truth']) == ('recorded', 1)
    frames, data = associate_files(PoseFiles(poses, truth, key=AssociationKey.NEAREST))
    assert [(frame.stamp_ns, frame.name) for frame in frames] == [(0, 'row1')]
    assert data['stamps'] == 'recorded'


def test_rows_without_stamps_stand_a_second_apart(folder: Path) -> None:
    for form, stamps in (('txt', 'rows'), ('kitti', 'rows')):
        frames, data = associate_files(PoseFiles(folder / f'poses.{form}',
                                                 folder / f'truth.{form}'))
        assert [frame.stamp_ns for frame in frames[:3]] == [10**9, 2 * 10**9, 3 * 10**9]
        assert (data['stamps'], data['without_truth']) == (stamps, 0)
        assert frames[21].name == ('seq2/frame00021.png' if form == 'txt' else 'row22')
        assert frames[21].sequence == ('seq2' if form == 'txt' else '')


def test_more_truths_than_estimates_leave_no_estimate_without_a_truth(folder: Path) -> None:
    rows = list(zip(names('walks/a/'), estimates(), strict=True))
    write_cambridge(folder / 'one.txt', rows[:1])
    write_cambridge(folder / 'all.txt', zip(names('walks/a/'), truths(), strict=True))
    frames, data = associate_files(PoseFiles(folder / 'one.txt', folder / 'all.txt'))
    assert (len(frames), data['without_truth']) == (COUNT, 0)
    assert {frame.sequence for frame in frames} == {'seq1', 'seq2'}
    assert data['read_as'].startswith('both read as Cambridge: camera centre')
    assert data['read_as'].endswith('; matched by name')
    _, data = associate_files(PoseFiles(folder / 'poses.kitti', folder / 'truth.tum',
                                        key=AssociationKey.ROW))
    assert data['read_as'] == ('the poses read as KITTI: camera to world; the truth as TUM: '
                               'camera to world, w last; matched by row')
    assert (data['format'], data['truth_format'], data['match']) == ('kitti', 'tum', 'row')


@pytest.mark.parametrize(('key', 'word'), [
    (AssociationKey.STAMP, 'stamp'), (AssociationKey.NEAREST, 'nearest')])
def test_stamps_are_needed_of_either_file(folder: Path, key: AssociationKey, word: str) -> None:
    for poses, truth, bad in (('poses.tum', 'truth.txt', 'truth.txt'),
                              ('poses.txt', 'truth.tum', 'poses.txt')):
        with pytest.raises(InputError, match=rf'{bad}: expected rows with a {word} to match by'):
            associate_files(PoseFiles(folder / poses, folder / truth, key=key))


def test_a_tenth_of_the_rows_may_be_bad_and_is_listed(folder: Path) -> None:
    text = (folder / 'poses.tum').read_text().splitlines()
    for bad, taken in ((4, True), (5, False)):
        lines = [*text[:-bad], *['1e9 0 0 0'] * bad]
        (folder / 'bad.tum').write_text('\n'.join(lines))
        files = PoseFiles(folder / 'bad.tum', folder / 'truth.tum')
        if taken:
            frames, data = associate_files(files)
            assert (len(frames), data['rejected']) == (COUNT - bad, bad)
        else:
            with pytest.raises(InputError, match='5 of 40 lines are bad, at most 10% may be'):
                associate_files(files)


def test_training_poses_that_are_nan_are_left_out(folder: Path) -> None:
    text = (folder / 'truth.txt').read_text().splitlines()
    text[5] = text[5].split()[0] + ' nan' * 7
    (folder / 'train.txt').write_text('\n'.join(text) + '\n')
    train = read_train_poses(PoseFiles(folder / 'a', folder / 'b', folder / 'train.txt'))
    assert train is not None
    assert train.names == tuple(np.delete(names(), 2))
    np.testing.assert_allclose(train.positions_m[2], truths()[3].translation_m, atol=1e-8)
    assert train.descriptors.dtype == np.float16


def test_the_quaternions_of_estimates_alone_are_normalised(folder: Path) -> None:
    for name in ('poses', 'truth'):
        rows = [line.split() for line in (folder / f'{name}.tum').read_text().splitlines()]
        (folder / f'{name}.long').write_text('\n'.join(
            ' '.join([*row[:4], *(str(1.3 * float(word)) for word in row[4:])]) for row in rows))
    frames, _ = associate_files(PoseFiles(
        folder / 'poses.long', folder / 'truth.tum', key=AssociationKey.STAMP))
    assert len(frames) == COUNT
    with pytest.raises(InputError, match=r'truth\.long'):
        associate_files(PoseFiles(folder / 'poses.tum', folder / 'truth.long'))
