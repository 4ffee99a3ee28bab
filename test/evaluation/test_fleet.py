"""Many bags, one report: found, labelled, left out, resumed, and two frames told apart."""

from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path
import shutil
from typing import Any

from map_helpers import write_map_model
import numpy as np
from posenet_ros import evaluate
from posenet_ros.errors import InputError
from posenet_ros.evaluation.fleet import jobs
from posenet_ros.evaluation.fleet.bags import find_bags, FleetBag
from posenet_ros.evaluation.fleet.frames import BagFrames
from posenet_ros.evaluation.fleet.plan import colour_of, draw_plan, plan_cells, worst_cells
from posenet_ros.evaluation.fleet.run import _check_left_out
from posenet_ros.evaluation.fleet.summary import false_poses, summarise, summarise_by
from posenet_ros.evaluation.fleet.truth_frames import describe_frames
from posenet_ros.evaluation.metrics.pose_errors import ByUnit
from posenet_ros.evaluation.metrics.resampling import cluster_median_interval
from posenet_ros.geometry.lie import so3_exp
from posenet_ros.inference import artifact as artifacts
from posenet_ros.training import make_bag
import pytest

from .test_evaluate import make_grey_model, write_bag

LIMITS = ByUnit(1.0, 10.0)


def frames_of(name: str, errors_m: np.ndarray, labels: dict[str, str] | None = None,
              truths_m: np.ndarray | None = None, frame: str = 'map') -> BagFrames:
    """Return frames whose estimates are off along x."""
    truths_m = np.arange(3.0 * len(errors_m)).reshape(-1, 3) if truths_m is None else truths_m
    return BagFrames(
        FleetBag(Path(name), name, {}), labels or {'robot': name},
        {'data': {'truth_frame': frame}},
        ByUnit(errors_m, np.where(np.isfinite(errors_m), 1.0, np.inf)), truths_m,
        truths_m + np.where(np.isfinite(errors_m), errors_m, 0)[:, None] * (1, 0, 0))


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_grey_model(tmp_path / 'model', monkeypatch)


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Return a folder of four bags of two robots at two places."""
    for name in ('court/anna/one', 'court/anna/two', 'court/bert/one', 'yard/bert/one'):
        path = tmp_path / 'fleet' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bag(path, range(3), range(3))
    return tmp_path / 'fleet'


def run(model: Path, fleet: Path, out: Path, *more: str) -> dict:
    assert evaluate.main(['--model', str(model), '--bags', str(fleet), '--out', str(out),
                          *more]) == 0
    return json.loads((out / 'fleet.json').read_text())


def test_bags_are_found_at_any_depth_and_labelled_by_their_folders(tmp_path: Path) -> None:
    base = tmp_path / 'base'
    for name in ('a/r1/x.mcap', 'a/r2/y.db3', 'z.bag', '.hidden/no.bag', 'a/r1/notes.txt',
                 'a/r1/bag/metadata.yaml', 'a/r1/bag/bag_0.mcap'):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).touch()
    (base / 'loop').symlink_to(base)
    found = {bag.name: bag.labels for bag in find_bags([base], ['place', 'robot'])}
    assert found == {'base/a/r1/bag': {'place': 'a', 'robot': 'r1'},
                     'base/a/r1/x.mcap': {'place': 'a', 'robot': 'r1'},
                     'base/a/r2/y.db3': {'place': 'a', 'robot': 'r2'},
                     'base/z.bag': {'place': '', 'robot': 'base'}}
    [single] = find_bags([base / 'a/r1/bag'], ['robot'])
    assert (single.name, single.labels) == ('bag', {'robot': 'r1'})
    assert len(find_bags([base / 'a', base / 'a'], ['robot'])) == 3, 'each once'


def test_folders_without_bags_and_bags_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='--bags has to name folders with bags in them'):
        find_bags([tmp_path], ['robot'])
    for name in ('1/f/a.bag', '2/f/a.bag'):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    with pytest.raises(InputError, match='names of their own'):
        find_bags([tmp_path / '1/f', tmp_path / '2/f'], ['robot'])


def test_one_report_of_all_bags(model: Path, fleet: Path, tmp_path: Path,
                                capsys: pytest.CaptureFixture[str]) -> None:
    content = run(model, fleet, tmp_path / 'out')
    assert list(content['bags']) == [f'fleet/{name}' for name in (
        'court/anna/one', 'court/anna/two', 'court/bert/one', 'yard/bert/one')]
    assert content['all']['frames'] == 12
    assert content['all']['answered'] == 1
    assert content['all']['medians']['translation_m'] == pytest.approx(0.1)
    assert {label: {value: one['bags'] for value, one in groups.items()}
            for label, groups in content['groups'].items()} == {
        'place': {'court': 3, 'yard': 1}, 'robot': {'anna': 2, 'bert': 2},
        'day': {'1970-01-01': 4}}
    assert content['model']['digest'] == artifacts.load(model).digest
    page = (tmp_path / 'out/fleet.html').read_text()
    for name in content['bags']:
        assert f'href="bags/{name}/report.html"' in page
        assert (tmp_path / 'out/bags' / name / 'report.json').is_file()
    assert (tmp_path / 'out/plan.png').is_file()
    assert 'by robot' in (tmp_path / 'out/fleet.md').read_text()
    out = capsys.readouterr().out
    assert '4 bags, 12 frames: 100.0 % answered' in out
    assert out.count('fleet/court/anna/one') == 1, 'bags are evaluated in silence'


@pytest.mark.long
def test_more_processes_give_the_same_bytes(tmp_path: Path) -> None:
    model, _ = write_map_model(tmp_path / 'model', tmp_path / 'wall')
    fleet = tmp_path / 'fleet'
    for name in ('anna', 'bert'):
        assert make_bag.main(['--data', str(tmp_path / 'wall'), '--out', str(fleet / name)]) == 0
    run(model, fleet, tmp_path / 'one')
    run(model, fleet, tmp_path / 'two', '--jobs', '2')
    for name in ('fleet.json', 'fleet.html', 'fleet.md', 'plan.png'):
        assert (tmp_path / 'one' / name).read_bytes() == (tmp_path / 'two' / name).read_bytes()


def test_a_bad_bag_is_named_and_left_out(
        model: Path, fleet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fleet / 'court/anna/bad.mcap').write_bytes(b'no bag')
    content = run(model, fleet, tmp_path / 'out')
    assert len(content['bags']) == 4
    [text] = content['rejected']
    assert text.startswith('fleet/court/anna/bad.mcap: ')
    assert text in (tmp_path / 'out/fleet.md').read_text()
    assert f'left out: {text}' in capsys.readouterr().err


@pytest.mark.parametrize(('bad', 'total', 'fine'), [
    (1, 2, True), (2, 19, False), (2, 20, True), (1, 1, False), (3, 29, False)])
def test_over_a_tenth_of_bad_bags_ends_it(bad: int, total: int, fine: bool) -> None:
    if fine:
        _check_left_out(['x: y'] * bad, total)
        return
    with pytest.raises(InputError, match=f'{bad} of {total} bags cannot be evaluated'):
        _check_left_out(['x: y'] * bad, total)


def test_a_stopped_run_repeats_no_finished_bag(
        model: Path, fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    make = jobs.make_report

    def stop_at_the_third(options: object) -> None:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(str(options.bag))  # type: ignore[attr-defined]
        make(options)  # type: ignore[arg-type]
    monkeypatch.setattr(jobs, 'make_report', stop_at_the_third)
    with pytest.raises(KeyboardInterrupt, match='--resume goes on'):
        run(model, fleet, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()
    with pytest.raises(InputError, match='--resume goes on with it, --force starts anew'):
        run(model, fleet, tmp_path / 'out')
    monkeypatch.setattr(jobs, 'make_report', lambda options: (
        done.append(str(options.bag)), make(options)))
    content = run(model, fleet, tmp_path / 'out', '--resume')
    assert len(done) == len(set(done)) == len(content['bags']) == 4
    run(model, fleet, tmp_path / 'whole')
    assert content == json.loads((tmp_path / 'whole/fleet.json').read_text())
    with pytest.raises(InputError, match='exists already'):
        run(model, fleet, tmp_path / 'out')
    run(model, fleet, tmp_path / 'out', '--force')


def test_a_bag_that_changed_meanwhile_is_evaluated_anew(
        model: Path, fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    make = jobs.make_report

    def stop_at_the_third(options: Any) -> None:  # noqa: ANN401
        done.append('/'.join(options.bag.parts[-2:]))
        if len(done) == 3:
            raise KeyboardInterrupt
        make(options)
    monkeypatch.setattr(jobs, 'make_report', stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        run(model, fleet, tmp_path / 'out')
    shutil.rmtree(fleet / 'court/anna/one')
    write_bag(fleet / 'court/anna/one', range(5), range(5))
    content = run(model, fleet, tmp_path / 'out', '--resume')
    assert done == ['anna/one', 'anna/two', 'bert/one', 'anna/one', 'bert/one', 'bert/one']
    assert content['bags']['fleet/court/anna/one']['frames'] == 5


def test_intervals_are_over_whole_bags() -> None:
    bags = [frames_of(str(i), np.array([0.1, 0.2, np.inf]) + 0.05 * i) for i in range(6)]
    found = summarise(bags, LIMITS).confidence_95
    assert found
    assert found.translation_m == cluster_median_interval(
        [bag.errors.translation_m[:2] for bag in bags])


def test_a_network_is_needed(fleet: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match='--bags has to come with --model'):
        evaluate.main(['--bags', str(fleet), '--out', str(tmp_path / 'out')])


def test_false_and_unanswered_frames_count_of_all() -> None:
    bag = frames_of('a', np.array([0.1, 0.3, 2.0, np.inf]))
    found = summarise([bag, bag], LIMITS)
    assert (found.bags, found.frames, found.answered) == (2, 8, 0.75)
    assert found.medians == ByUnit(0.3, 1.0), 'of answered frames'
    assert found.false_per_1000 == 250
    assert found.false_per_1000_at_most > 250
    turned = replace(bag, errors=ByUnit(bag.errors.translation_m, np.array([1, 20, 1, np.inf])))
    assert false_poses(turned, LIMITS).tolist() == [False, True, True, False]
    silent = summarise([frames_of('b', np.array([np.inf]))], LIMITS)
    assert (silent.medians, silent.confidence_95, silent.answered) == (None, None, 0)


def test_groups_are_of_one_value_each() -> None:
    a, b = (frames_of(name, np.full(4, error)) for name, error in (('a', 0.1), ('b', 0.5)))
    found = summarise_by('robot', [b, a, b], LIMITS)
    assert [(name, one.bags, one.medians and one.medians.translation_m)
            for name, one in found.items()] == [('a', 1, 0.1), ('b', 2, 0.5)]


def moved(bag: BagFrames, rotation: np.ndarray, offset: tuple[float, ...]) -> BagFrames:
    estimates = bag.truths_m @ rotation.T + offset
    off = np.linalg.norm(estimates - bag.truths_m, axis=1)
    return replace(bag, estimates_m=estimates, errors=ByUnit(off, np.ones(len(off))))


def test_a_robot_whose_truth_is_in_another_frame_is_named() -> None:
    rng = np.random.default_rng(0)
    path = np.column_stack([np.linspace(0, 9, 40), np.sin(np.arange(40)), np.zeros(40)])
    good = frames_of('good', rng.normal(0, 0.02, 40), truths_m=path)
    other = moved(replace(good, labels={'robot': 'other'}), so3_exp([0, 0, 0.2]), (2.0, 0, 0))
    [text] = describe_frames([good, other], 'robot')
    assert text.startswith('robot other: its truth seems to be in another frame')
    assert '11.5 deg' in text
    noisy = frames_of('noisy', rng.normal(0, 2, 40), truths_m=path)
    close = moved(good, np.eye(3), (0.05, 0, 0))
    assert not describe_frames([good, noisy, close], 'robot')


def test_other_names_of_the_frame_are_told() -> None:
    bags = [frames_of(name, np.full(3, 0.1), frame=frame)
            for name, frame in (('a', 'map'), ('b', 'odom'), ('c', 'map'))]
    [text] = describe_frames(bags, 'robot')
    assert "b, is in the frame 'odom', that of the others in 'map'" in text


def test_the_worst_cells_are_told_and_drawn() -> None:
    truths = np.zeros((30, 3))
    truths[10:20, 0], truths[20:, 0] = 6, 12
    errors = np.repeat([0.01, 0.4, np.inf], 10)
    cells = plan_cells([frames_of('a', errors, truths_m=truths),
                        frames_of('b', errors[:4], truths_m=truths[:4])])
    assert [(cell.frames, cell.answered, cell.bags) for cell in cells] == [
        (14, 1, ('a', 'b')), (10, 1, ('a',)), (10, 0, ('a',))]
    worst = worst_cells(cells)
    assert [cell.median_m for cell in worst] == [np.inf, 0.4, 0.01]
    assert abs(worst[1].x_m - 6) <= worst[1].size_m
    picture = draw_plan(cells, np.zeros((0, 3)))
    assert len({colour_of(cell.median_m) for cell in cells}) == 3
    magenta = (picture.astype(int) @ (1, -2, 1) > 200)
    columns = np.flatnonzero(magenta.any(axis=0))
    assert columns.min() > 0.6 * picture.shape[1], 'the unanswered ones are at the right'
