"""The benchmark of the localiser counts what is right, silent and false, and asks fairly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
import json
import math
from pathlib import Path
import pickle
from typing import Any

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import pose_difference, retract
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.localisation import Hypothesis, Localisation, Outcome, PosePrior
from posenet_ros.landmarks.options import FeatureOptions
from posenet_ros.landmarks.pnp.absolute_pose import AbsolutePose
from posenet_ros.training.bench.__main__ import main
from posenet_ros.training.bench.cluster.loopback import loopback_cluster
from posenet_ros.training.bench.localisation import benchmark, tasks
from posenet_ros.training.bench.localisation.benchmark import parse_corruptions
from posenet_ros.training.bench.localisation.cameras import fisheye, pinhole_below
from posenet_ros.training.bench.localisation.evaluation import (
    by_copies,
    evaluate_queries,
    evaluated,
    EvaluatedQuery,
    summary,
    summary_elsewhere,
)
from posenet_ros.training.bench.localisation.folds import read_folds
from posenet_ros.training.bench.localisation.methods import Method, Request
from posenet_ros.training.bench.localisation.queries import (
    choose_evenly,
    corrupted_query,
    dataset_queries,
    halved_query,
    Query,
    read_copies,
    turned_query,
    widescreen_query,
)
from posenet_ros.training.bench.localisation.rows import (
    _coverage,
    _false,
    as_markdown,
    FALSE_HEAD,
)
from posenet_ros.training.bench.localisation.variants import (
    make_variants,
    parse_prior,
    PriorNoise,
    Variant,
    wrong_pose,
)
from posenet_ros.training.data.datasets import Dataset, Sample
from posenet_ros.training.landmarks.left_out_coverage import AXES
import pytest
from training_helpers import LARGE_CAMERA, write_wall_dataset

CAMERA = Camera(80, 60, 70.0, 72.0, 41.0, 28.0)
RIGHT = Outcome.LOCALISED
POINT_M = np.array([[0.3, -0.2, 2.0]])


def query(truth: Pose | None = None, name: str = 'a.png', camera: Camera = CAMERA) -> Query:
    image = np.random.default_rng(3).integers(0, 256, (camera.height, camera.width, 3), np.uint8)
    return Query(name, lambda: image, camera, truth)


def at(x: float, degrees: float = 0.0) -> Pose:
    return retract(Pose(), np.array([x, 0, 0, 0, 0, math.radians(degrees)]))


def found(pose: Pose | None, *rivals: Pose, sigma: float = 0.1) -> Localisation:
    """Return a result: a pose, or rivals, or nothing."""
    hypotheses = tuple(Hypothesis(one, 'place', 40.0, 5, 10) for one in rivals)
    if pose is None:
        outcome = Outcome.AMBIGUOUS if rivals else Outcome.NOT_LOCALISED
        return Localisation(outcome, hypotheses=hypotheses, rivals=hypotheses)
    return Localisation(RIGHT, AbsolutePose(
        pose, np.arange(6), 1.0, np.eye(6) * sigma ** 2), hypotheses=hypotheses)


def method(results: list[Localisation], requests: list[Request] | None = None) -> Method:
    """Return a method that gives these results, one after another."""
    remaining = iter(results)

    def localise(request: Request, cpu_s: dict[str, float]) -> Localisation:
        if requests is not None:
            requests.append(request)
        cpu_s['pose'] = 0.002
        return next(remaining)

    return Method('posenet', FeatureOptions(), np.zeros((1, 3)), localise, (2.0,) * 6)


def results_of(*given: Localisation, truth: Pose | None = None) -> list[EvaluatedQuery]:
    return [evaluated(method([]), query(truth or Pose()), one, {'features': 0.001, 'pose': 0.003})
            for one in given]


def test_results_are_right_ambiguous_silent_or_false() -> None:
    sums = summary(results_of(
        found(at(0.05)), found(at(0.2)), found(at(0.05, 1.5)), found(at(1.5)),
        found(at(0.0, 11.0)), found(None, at(0.5), at(7.0)), found(None, at(7.0), at(9.0)),
        found(None)))
    assert sums['queries'] == 8
    assert sums['answered'] == 5 / 8
    assert sums['ambiguous'] == 2 / 8
    assert sums['named'] == 1 / 2
    assert sums['answered_or_named'] == 6 / 8
    assert sums['r_0.1m_1deg'] == 1 / 8
    assert sums['r_0.25m_2deg'] == 3 / 8
    assert sums['false'] == len(sums['false_poses']) == 2
    assert [one['error_m'] for one in sums['false_poses']] == [1.5, 0.0]
    assert sums['p95_m'] is None
    assert sums['stages_ms'] == {'features': 1.0, 'pose': pytest.approx(3.0)}
    assert sums['cpu_ms'] == pytest.approx(4.0)


def test_the_nearest_hypothesis_looks_the_same_way() -> None:
    result, = results_of(found(None, at(0.2, 15.0), at(3.0, 2.0), at(0.5, 5.0)))
    assert result.nearest_m == pytest.approx(0.5)
    assert results_of(found(None, at(0.2, 15.0)))[0].nearest_m == math.inf


def test_coverage_counts_all_axes_by_calibrated_sigmas() -> None:
    # the calibration doubles a sigma of 0.1: errors of 0.15, 0.3, 0.5 and 0.7 m are 0.75, 1.5,
    # 2.5 and 3.5 sigma along one axis, and nothing along five
    sums = summary(results_of(*(found(at(x)) for x in (0.15, 0.3, 0.5, 0.7)), found(None)))
    assert sums['coverage'] == [21 / 24, 22 / 24, 23 / 24]
    assert results_of(found(at(0.1)))[0].sigma_m == pytest.approx(0.2 * math.sqrt(3))
    assert summary(results_of(found(None)))['coverage'] is None


def test_every_pose_of_another_place_is_false() -> None:
    results = [evaluated(method([]), query(None), one, {}) for one in (
        found(at(0.0)), found(None, at(0.0)), found(None))]
    sums = summary_elsewhere(results)
    assert (sums['queries'], sums['false'], sums['answered']) == (3, 1, 1 / 3)
    assert sums['ambiguous'] == 1 / 3
    assert len(sums['false_poses']) == 1


def test_images_of_a_place_that_repeats_are_told_apart_by_their_copies(tmp_path: Path) -> None:
    (tmp_path / 'copies.txt').write_text(
        '# image, pose, distance, difference\n'
        'a.png 1 2 3 1 0 0 0 8.5 0.001\na.png 1 2 3 1 0 0 0 4.2 0.001\n'
        'b.png 1 2 3 1 0 0 0 2.1 0.001\n')
    copies_m = read_copies(tmp_path)
    assert copies_m == {'a.png': 4.2, 'b.png': 2.1}
    assert read_copies(tmp_path / 'nothing') == {}
    samples = tuple(Sample(Path(name), name, at(0.0), 'seq1') for name in ('a.png', 'b.png', 'c'))
    queries = dataset_queries(Dataset('d', samples, CAMERA), copies_m=copies_m)
    results = [evaluated(method([]), one, found(None), {}) for one in queries]
    assert {name: [one.name for one in part] for name, part in by_copies(results).items()} == {
        'with copies over 3 m away': ['a.png'], 'with a copy within 3 m': ['b.png'],
        'without a copy': ['c']}
    assert by_copies(results[2:]) == {}


def test_the_table_of_false_poses_names_ours() -> None:
    false = summary(results_of(found(at(1.5))))['false_poses']
    rows = [{'method': name, 'name': 'all images', 'severity': severity, 'false_poses': false}
            for name, severity in (('posenet', 0), ('peer', 0), ('posenet', 3))]
    table = list(_false(rows))
    assert [row[0] for row in table] == ['all images', 'all images 3']
    assert table[0][1:4] == ('a.png', '1.50', '0.0')
    assert len(list(_false(rows * 30))) == 21
    assert {len(row) for row in _false(rows * 30)} == {len(FALSE_HEAD)}


def test_coverage_that_is_not_right_is_marked() -> None:
    axes = [{'axis': 'x', 'sigmas': 1, 'found': 0.5, 'interval': [0.4, high], 'expected': 0.683}
            for high in (0.6, 0.7)]
    maps = {'posenet': [{'coverage': {'refined': axes, 'tracked': []}}]}
    head, row = _coverage(maps)
    assert head[1:] == AXES
    assert row == ('refined, 1 sigma, right: 68.3 %', '50.0 % (40.0 % to 60.0 %) *',
                   '50.0 % (40.0 % to 70.0 %)')


def test_an_image_is_asked_in_all_ways() -> None:
    requests: list[Request] = []
    variants = make_variants(2.0, [PriorNoise(0.3, 1.0)])
    names = [one.name for one in variants]
    assert names == ['', 'prior of 0.3 m, 1 deg', 'wrong prior of 0.3 m, 1 deg',
                     'without the views within 2 m',
                     'without the views within 2 m, prior of 0.3 m, 1 deg']
    truth = at(5.0)
    results = evaluate_queries(
        method([found(None, at(40.0))] * 10, requests), [query(truth)], variants, (0, 1))
    assert [len(one) for one in results.values()] == [2] * 5
    assert [one.seed for one in requests] == [0] * 5 + [1] * 5
    plain, right, wrong, unmapped, _ = requests[:5]
    assert plain.prior is None
    assert unmapped.prior is None
    assert right.prior is not None
    assert wrong.prior is not None
    assert right.prior.sigma_m == 0.3
    assert right.prior.sigma_rad == pytest.approx(math.radians(1))
    assert 0 < np.linalg.norm(right.prior.map_from_camera.translation_m - (5, 0, 0)) < 1.5
    assert wrong.prior.map_from_camera.translation_m[0] == pytest.approx(40)
    assert requests[6].prior is not None
    assert not np.allclose(requests[6].prior.map_from_camera.translation_m,
                           right.prior.map_from_camera.translation_m)
    assert results[''][0].cpu_ms['pose'] == 2.0
    assert results[''][0].cpu_ms['features'] > 0


def test_views_near_an_image_are_left_out() -> None:
    positions = np.array([[0.0, 0, 0], [3, 0, 0], [3, 2.1, 0], [5, 0, 0]])
    near = Variant('', 2.0)
    assert near.exclude(query(at(3.0)), positions).tolist() == [1]
    assert near.exclude(query(None), positions).size == 0
    assert Variant().exclude(query(at(3.0)), positions).size == 0


def test_priors_err_by_their_sigmas() -> None:
    def prior(name: str) -> PosePrior:
        found = variant.prior(query(truth, name), np.zeros((1, 3)), 0, None)
        assert found is not None
        return found

    variant, truth = Variant('', None, PriorNoise(0.3, 2.0)), at(5.0, 40.0)
    errors = np.array([pose_difference(prior(f'{i}').map_from_camera, truth)
                       for i in range(1000)])
    assert errors[:, :3].std(axis=0) == pytest.approx([0.3] * 3, rel=0.1)
    assert np.degrees(errors[:, 3:].std(axis=0)) == pytest.approx([2.0] * 3, rel=0.1)
    assert np.allclose(prior('1').map_from_camera.translation_m,
                       prior('1').map_from_camera.translation_m)


def test_a_wrong_prior_is_on_the_likeliest_false_hypothesis_else_on_a_view() -> None:
    positions = np.array([[0.0, 0, 0], [4, 0, 0], [9, 0, 0]])
    image = query(at(0.0))
    rivals = found(None, at(0.2), at(3.0), at(6.0))
    assert wrong_pose(image, positions, 0, rivals, 0.9).translation_m[0] == 3
    assert wrong_pose(image, positions, 0, rivals, 5.0).translation_m[0] == 6
    assert wrong_pose(image, positions, 0, rivals, 7.0).translation_m[0] == 9
    assert wrong_pose(image, positions, 0, None, 7.0).translation_m[0] == 9
    assert wrong_pose(image, positions, 0, None, 99.0).translation_m[0] == 9


@pytest.mark.parametrize('change', [turned_query, widescreen_query, halved_query])
def test_a_changed_image_shows_the_same_place(change: object) -> None:
    """A bright spot where a point is seen stays where the new camera sees the point."""
    pixel = CAMERA.project(POINT_M)[0]
    column, row = pixel.round().astype(int)
    image = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
    image[row - 1:row + 2, column - 1:column + 2] = 255
    truth = at(2.0, 30.0)
    changed = change(Query('a', lambda: image, CAMERA, truth))  # type: ignore[operator]
    seen = changed.read()
    assert seen.shape[:2] == (changed.camera.height, changed.camera.width)
    rows, columns = np.indices(seen.shape[:2])
    weights = seen[..., 0] / seen[..., 0].sum()
    world = truth.apply(POINT_M)
    expected = changed.camera.project(changed.truth.inverse().apply(world))[0]
    assert [(columns * weights).sum(), (rows * weights).sum()] == pytest.approx(expected, abs=0.6)


def test_a_corrupted_image_is_always_the_same() -> None:
    one = corrupted_query(query(), 'gaussian_noise', 2)
    assert (one.read() == one.read()).all()
    assert (one.read() != query().read()).any()
    other = corrupted_query(query(name='b.png'), 'gaussian_noise', 2)
    assert (one.read() != other.read()).any()


def test_images_are_chosen_evenly() -> None:
    queries = [query(name=f'{i}') for i in range(10)]
    assert [one.name for one in choose_evenly(queries, 4)] == ['0', '3', '6', '9']
    assert choose_evenly(queries, 40) == choose_evenly(queries, None) == queries


def test_corruptions_and_priors_are_parsed() -> None:
    assert parse_corruptions(None) == []
    assert len(parse_corruptions([])) == 55
    assert parse_corruptions(['dark=3', 'fog']) == [
        ('dark', 3), *(('fog', i) for i in range(1, 6))]
    for wrong in ('mist', 'dark=6', 'dark=', '=3'):
        if wrong != 'dark=':
            with pytest.raises(InputError, match='NAME=SEVERITY'):
                parse_corruptions([wrong])
    assert parse_prior('0.3,1') == PriorNoise(0.3, 1.0)
    for wrong in ('0.3', '0.3,0', '0,1', 'inf,1', 'x,1', '1,2,3', 'nan,1', '-1,1'):
        with pytest.raises(InputError, match='METRES,DEGREES'):
            parse_prior(wrong)


def test_a_fisheye_sees_what_the_pinhole_below_it_sees() -> None:
    camera = fisheye(LARGE_CAMERA)
    pinhole, maps = pinhole_below(camera)
    assert maps is not None
    column, row = (int(value) for value in camera.project(POINT_M)[0].round())
    ray = camera.undistort_points([[column, row]])
    expected = pinhole.project([[*ray[0], 1.0]])[0]
    assert [maps[0][row, column], maps[1][row, column]] == pytest.approx(expected, abs=1e-3)
    for index in ((0, 0), (-1, -1)):
        assert 0 <= maps[0][index] <= pinhole.width - 1
        assert 0 <= maps[1][index] <= pinhole.height - 1
    assert pinhole_below(LARGE_CAMERA) == (LARGE_CAMERA, None)


@pytest.fixture(scope='module')
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('bench') / 'wall'
    write_wall_dataset(folder, 2, camera=LARGE_CAMERA)
    return folder


def test_folds_are_the_test_split_or_parts_of_the_training_images(wall: Path) -> None:
    def sizes(how: str | None, every: int = 1) -> list[tuple[int, int]]:
        return [(len(mapped.samples), len(held.samples))
                for mapped, held in read_folds(wall, None, how, every)]

    assert sizes(None) == [(24, 12)]
    assert sizes(None, 2) == [(12, 6)]
    assert sizes('some') == [(12, 12)]
    assert sizes('each') == [(12, 12), (12, 12)]
    assert sizes('5') == [(19, 5)]
    for mapped, held in read_folds(wall, None, 'each', 1):
        assert not {one.name for one in mapped.samples} & {one.name for one in held.samples}
    with pytest.raises(InputError, match='or a number from 2'):
        sizes('1')


def sent(function: Callable[[Any], Any], tasks: Sequence[Any], *_: object) -> Iterator[Any]:
    """Do tasks as another process would: what goes there and comes back is a copy."""
    for task in tasks:
        yield pickle.loads(pickle.dumps(function(pickle.loads(pickle.dumps(task)))))


def test_both_methods_are_measured_on_all_images(
        wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('pycolmap')
    monkeypatch.setattr(tasks, 'IMAGES', 2)
    monkeypatch.setattr(benchmark, 'run_tasks', sent)
    other = tmp_path / 'other'
    write_wall_dataset(other, 1, count=2, camera=LARGE_CAMERA)
    out = tmp_path / 'found.json'
    assert main(['localise', '--data', str(wall), '--every', '2', '--max-queries', '5',
                 '--unmapped', '0.5', '--prior', '0.3,1', '--other-places', str(other),
                 '--corruptions', 'dark=1', '--cameras', '--out', str(out)]) == 0
    result = json.loads(out.read_text())
    rows = {(row['name'], row['method']): row for row in result['rows']}
    ours = {name for name, method in rows if method == 'posenet'}
    assert ours == {
        'all images', 'prior of 0.3 m, 1 deg', 'wrong prior of 0.3 m, 1 deg',
        'without the views within 0.5 m', 'without the views within 0.5 m, prior of 0.3 m, 1 deg',
        'other test', 'dark', 'turned by 90 deg', 'cropped to 16:9', 'half the size'}
    assert {name for name, method in rows if method == 'peer'} == {
        one for one in ours if 'prior' not in one}
    for name in 'posenet', 'peer':
        row = rows['all images', name]
        assert row['queries'] == len(row['images']) == 5
        assert row['answered'] == 1
        assert 0 < row['median_m'] < 0.05
        assert row['false'] == 0
        assert row['cpu_ms'] > 0
        assert result['maps'][name][0]['kilobytes_an_image'] > 0
    assert rows['other test', 'peer']['queries'] == 1
    assert result['settings']['localiser']['decision']['min_evidence'] == 30
    assert 'rest' in rows['all images', 'posenet']['stages_ms']
    text = out.with_suffix('.md').read_text()
    assert text == as_markdown(result) + '\n'
    assert text.startswith('| images | method |')
    assert 'all images' in capsys.readouterr().out


def test_a_map_of_other_images_is_refused(wall: Path, tmp_path: Path) -> None:
    from posenet_ros.training import map as map_command
    place = tmp_path / 'place'
    assert map_command.main(['--data', str(wall), '--out', str(place)]) == 0
    common = ['localise', '--without-peer', '--model', str(place), '--out',
              str(tmp_path / 'a.json')]
    assert main([*common, '--data', str(wall)]) == 0
    assert json.loads((tmp_path / 'a.json').read_text())['rows'][0]['answered'] == 1
    other = tmp_path / 'other'
    write_wall_dataset(other, 1, camera=LARGE_CAMERA)
    with pytest.raises(InputError, match='--model has to be a map of the training images'):
        main([*common, '--data', str(other)])
    with pytest.raises(InputError, match='without --leave-walks-out each'):
        main([*common, '--data', str(wall), '--leave-walks-out', 'each'])


def without_times(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Drop what is a time, or where it was measured."""
    if isinstance(value, dict):
        return {key: without_times(one) for key, one in value.items()
                if 'cpu' not in key and key not in ('stages_ms', 'machine')}
    return [without_times(one) for one in value] if isinstance(value, list) else value


@pytest.mark.long
@pytest.mark.parametrize('on', ['processes', 'cluster'])
def test_the_results_are_the_same_whatever_does_the_tasks(
        on: str, wall: Path, tmp_path: Path) -> None:
    def found(name: str, *more: str) -> Any:  # noqa: ANN401
        assert main(['localise', '--data', str(wall), '--leave-walks-out', 'each',
                     '--without-peer', '--max-queries', '8', '--corruptions', 'dark=1',
                     '--cameras', '--out', str(tmp_path / f'{name}.json'), *more]) == 0
        return without_times(json.loads((tmp_path / f'{name}.json').read_text()))

    one = found('one')
    assert {row['queries'] for row in one['rows']} == {16}
    if on == 'processes':
        assert found('two', '--jobs', '2') == one
    else:
        pytest.importorskip('distributed')
        with loopback_cluster(2) as (address, *_):
            assert found('cluster', '--scheduler', address) == one
    assert not list(tmp_path.glob('posenet-*'))


def test_a_cluster_needs_a_place_for_the_maps(wall: Path) -> None:
    with pytest.raises(InputError, match='--scheduler has to come with --out FILE'):
        main(['localise', '--data', str(wall), '--scheduler', 'tcp://host:8786'])
