"""APE and RPE equal evo's to 1e-6, on trajectories of every kind, aligned in every way."""

from __future__ import annotations

from collections.abc import Callable
import json
from pathlib import Path

from evo.core.metrics import PoseRelation, Unit
from evo.core.sync import associate_trajectories
from evo.core.trajectory import PoseTrajectory3D
from evo.main_ape import ape
from evo.main_rpe import rpe
from evo.tools.file_interface import read_tum_trajectory_file
import numpy as np
from posenet_ros import evaluate
from posenet_ros.datasets.pose_files import write_tum
from posenet_ros.errors import InputError
from posenet_ros.evaluation.estimates.association import (
    associate_files,
    AssociationKey,
    PoseFiles,
)
from posenet_ros.evaluation.metrics.trajectory_errors import (
    Alignment,
    DistanceUnit,
    RelativeOptions,
)
from posenet_ros.evaluation.report import folder as report_files
from posenet_ros.evaluation.report.error_tables import trajectory_rows
from posenet_ros.evaluation.results import FrameResult
from posenet_ros.evaluation.trajectory import trajectory_statistics, TrajectoryOptions
from posenet_ros.geometry.lie import retract
from posenet_ros.geometry.pose import Pose, xyzw_from_wxyz
from posenet_ros.geometry.similarity import Similarity
from posenet_ros.utils.arguments import run_cli
import pytest
from transforms3d.euler import euler2quat

STAMP_NS, RATE_HZ = 1_700_000_000_000_000_000, 20
EVO_UNITS = {DistanceUnit.FRAMES: Unit.frames, DistanceUnit.METRES: Unit.meters,
             DistanceUnit.DEGREES: Unit.degrees, DistanceUnit.RADIANS: Unit.radians}
Stamped = list[tuple[int, Pose]]


def walk(count: int = 120, rate_hz: int = RATE_HZ) -> Stamped:
    """Return a walk over hilly ground that turns about all axes."""
    seconds = np.arange(count) / rate_hz
    return [(STAMP_NS + round(s * 1e9), Pose(
        np.array([4 * np.cos(s), 3 * np.sin(1.3 * s), 0.4 * np.sin(2 * s)]),
        xyzw_from_wxyz(euler2quat(0.2 * np.sin(s), 0.3 * np.cos(2 * s), s)))) for s in seconds]


def noisy(poses: Stamped, seed: int = 0, metres: float = 0.05) -> Stamped:
    rng = np.random.default_rng(seed)
    return [(stamp, retract(pose, rng.normal(0, metres, 6))) for stamp, pose in poses]


def moved(poses: Stamped, scale: float = 1.0) -> Stamped:
    """Return the walk in another frame, as a SLAM system has it."""
    frame = Similarity(scale, Pose(np.array([5.0, -2, 1]), xyzw_from_wxyz(
        euler2quat(0.4, -0.2, 2.0))))
    return [(stamp, frame.apply_to_pose(pose)) for stamp, pose in poses]


def with_outliers(poses: Stamped) -> Stamped:
    return [(stamp, Pose(pose.translation_m + np.array([3 * (i % 17 == 5), 0, 0]), pose.quat_xyzw))
            for i, (stamp, pose) in enumerate(poses)]


def gap(poses: Stamped) -> Stamped:
    return [pose for i, pose in enumerate(poses) if not 30 <= i < 55 and i % 7]


TRAJECTORIES: dict[str, Callable[[], tuple[Stamped, Stamped]]] = {
    'noise': lambda: (walk(), noisy(walk())),
    'another frame': lambda: (walk(), moved(noisy(walk(), 1))),
    'outliers': lambda: (walk(), with_outliers(noisy(walk(), 2))),
    'gaps': lambda: (walk(), gap(moved(noisy(walk(), 3)))),
    'scale': lambda: (walk(), moved(noisy(walk(), 4), 2.5)),
    'another rate': lambda: (walk(600, 100), moved(noisy(walk(60, 10), 5)))}


def evo_trajectory(poses: Stamped) -> PoseTrajectory3D:
    return PoseTrajectory3D(
        np.array([pose.translation_m for _, pose in poses]),
        np.roll([pose.quat_xyzw for _, pose in poses], 1, axis=1),
        np.array([stamp / 1e9 for stamp, _ in poses]))


def frames_of(truth: Stamped, estimates: Stamped) -> list[FrameResult]:
    known = dict(truth)
    return [FrameResult(str(stamp), stamp, known[stamp], pose) for stamp, pose in estimates]


def assert_equal_to_evo(ours: object, theirs: dict[str, float]) -> None:
    """Compare all of evo's statistics."""
    names = {'max': 'largest', 'min': 'smallest'}
    assert set(theirs) == {'rmse', 'mean', 'median', 'std', 'min', 'max', 'sse'}
    for name, value in theirs.items():
        assert getattr(ours, names.get(name, name)) == pytest.approx(value, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize('name', TRAJECTORIES)
@pytest.mark.parametrize(('alignment', 'relative'), [
    (Alignment.NONE, RelativeOptions()),
    (Alignment.SE3, RelativeOptions(10)),
    (Alignment.SIM3, RelativeOptions(1.5, DistanceUnit.METRES)),
    (Alignment.SE3, RelativeOptions(20, DistanceUnit.DEGREES)),
    (Alignment.SE3, RelativeOptions(7, all_pairs=True)),
    (Alignment.SIM3, RelativeOptions(2.0, DistanceUnit.METRES, all_pairs=True)),
    (Alignment.NONE, RelativeOptions(0.6, DistanceUnit.RADIANS, all_pairs=True))])
def test_evo_gives_the_same(name: str, alignment: Alignment, relative: RelativeOptions) -> None:
    truth, estimates = TRAJECTORIES[name]()
    found, why = trajectory_statistics(
        frames_of(truth, estimates), TrajectoryOptions(alignment, relative))
    assert found is not None, why
    for relation, unit in ((PoseRelation.translation_part, 'translation_m'),
                           (PoseRelation.rotation_angle_deg, 'rotation_deg')):
        aligning = {'align': alignment is not Alignment.NONE,
                    'correct_scale': alignment is Alignment.SIM3}
        pair = associate_trajectories(evo_trajectory(truth), evo_trajectory(estimates))
        absolute = ape(*pair, relation, **aligning)
        assert_equal_to_evo(getattr(found.ape, unit), absolute.stats)
        pair = associate_trajectories(evo_trajectory(truth), evo_trajectory(estimates))
        error = rpe(*pair, relation, delta=relative.delta, delta_unit=EVO_UNITS[relative.unit],
                    all_pairs=relative.all_pairs, **aligning)
        assert found.relative is not None
        assert found.relative.pairs == len(error.np_arrays['error_array'])
        assert_equal_to_evo(getattr(found.relative, unit), error.stats)


def test_scale_is_found_and_the_other_figures_stay_unaligned(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_files, 'html_page', lambda report, _: str(
        trajectory_rows(report)))  # a page takes a second to draw
    truth, estimates = walk(), moved(walk(), 2.5)
    write_tum(tmp_path / 'truth.tum', truth)
    write_tum(tmp_path / 'poses.tum', estimates)
    assert run_cli(lambda: evaluate.main([
        '--poses', str(tmp_path / 'poses.tum'), '--truth', str(tmp_path / 'truth.tum'),
        '--align', 'sim3', '--delta', '2', '--delta-unit', 'm', '--no-images',
        '--out', str(tmp_path / 'report')])) == 0
    report = json.loads((tmp_path / 'report' / 'report.json').read_text())
    found = report['trajectory']
    assert (found['alignment'], found['frames']) == ('sim3', 120)
    assert found['scale'] == pytest.approx(1 / 2.5, abs=1e-9)
    assert found['ape']['translation_m']['rmse'] == pytest.approx(0, abs=1e-9)
    assert (found['rpe']['delta'], found['rpe']['unit']) == (2, 'metres')
    assert found['rpe']['rotation_deg']['max'] == pytest.approx(0, abs=1e-6)
    assert report['translation_m']['median'] > 1
    page = (tmp_path / 'report' / 'report.html').read_text()
    for text in ('APE (ATE), translation', 'RPE over 2 metres, rotation (deg)', 'scale 0.4'):
        assert text in page


def test_the_table_has_the_statistics_of_evo_by_name() -> None:
    class OfReport:
        trajectory, _ = trajectory_statistics(
            frames_of(walk(), noisy(walk())), TrajectoryOptions(Alignment.SE3))
    rows = trajectory_rows(OfReport)  # type: ignore[arg-type]
    assert rows[0] == ('trajectory error, with SE(3) Umeyama alignment', 'rmse', 'mean', 'median',
                       'std', 'min', 'max')
    assert [row[0].split(',')[0] for row in rows[1:]] == [
        'APE (ATE)', 'APE (ATE)', 'RPE over 1 frames', 'RPE over 1 frames']


@pytest.mark.parametrize(('estimates', 'why'), [
    ([(STAMP_NS + i, Pose(np.array([i, 0.0, 0]))) for i in range(9)], '9, on a line'),
    (walk()[:2], '2, on a line or too few'), ([], '')])
def test_what_cannot_be_aligned_is_said(estimates: Stamped, why: str) -> None:
    found, reason = trajectory_statistics(
        frames_of(estimates, estimates), TrajectoryOptions(Alignment.SE3))
    assert found is None
    assert why in reason
    assert bool(reason) == bool(why)


@pytest.mark.parametrize('factor', [(1, 0, 0), (0, 0, 0)])
def test_estimates_on_a_line_cannot_be_aligned_with_a_curve(factor: tuple[int, ...]) -> None:
    flat = [(stamp, Pose(pose.translation_m * np.array(factor), pose.quat_xyzw))
            for stamp, pose in walk()]
    found, reason = trajectory_statistics(
        frames_of(walk(), flat), TrajectoryOptions(Alignment.SIM3))
    assert found is None
    assert '120, on a line' in reason


@pytest.mark.parametrize(('delta', 'unit'), [
    (0, 'f'), (1.5, 'f'), (-1, 'm'), (181, 'd'), (3.2, 'r'), (np.nan, 'm'), (np.inf, 'm')])
def test_a_distance_that_cannot_be_is_refused(delta: float, unit: str) -> None:
    with pytest.raises(InputError, match='--delta has to be above 0'):
        RelativeOptions(delta, DistanceUnit(unit))


def test_a_path_shorter_than_the_distance_has_no_rpe() -> None:
    found, _ = trajectory_statistics(
        frames_of(walk(), walk()), TrajectoryOptions(relative=RelativeOptions(500)))
    assert found is not None
    assert found.relative is None


@pytest.mark.parametrize(('rates', 'shift_ns'), [((100, 10), 0), ((10, 100), 0),
                                                 ((20, 20), 4_000_000), ((97, 30), 0)])
def test_the_nearest_stamps_are_those_of_evo(
        tmp_path: Path, rates: tuple[int, int], shift_ns: int) -> None:
    truth, estimates = walk(5 * rates[0], rates[0]), noisy(walk(5 * rates[1], rates[1]))
    write_tum(tmp_path / 'truth.tum', truth)
    write_tum(tmp_path / 'poses.tum', [(stamp + shift_ns, pose) for stamp, pose in estimates])
    frames, data = associate_files(PoseFiles(
        tmp_path / 'poses.tum', tmp_path / 'truth.tum', key=AssociationKey.NEAREST))
    pair = associate_trajectories(*(read_tum_trajectory_file(str(tmp_path / f'{name}.tum'))
                                    for name in ('truth', 'poses')))
    found, _ = trajectory_statistics(frames, TrajectoryOptions(Alignment.SE3))
    assert (data['match'], data['stamps']) == ('nearest', 'recorded')
    assert len(frames) == pair[0].num_poses
    assert_equal_to_evo(found.ape.translation_m, ape(
        *pair, PoseRelation.translation_part, align=True).stats)
