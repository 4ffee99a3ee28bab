"""What `--force` may replace, at every command that writes."""

from __future__ import annotations

from importlib import import_module
import json
from pathlib import Path
import subprocess
import sys

from helpers import CAMERA, ROOT
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.training import demo
from posenet_ros.training.scene.settings import Settings
from posenet_ros.utils.atomic_folder import check_new
from posenet_ros.utils.files.kinds import (
    BAG,
    BENCHMARK,
    COMPARISON,
    DATASET,
    FIGURES,
    FileKind,
    FOLDER_KINDS,
    FolderKind,
    Kind,
    MODEL,
    MOVING_PICTURE,
    PICTURE,
    REPORT,
    SCENE,
    SENDING_LOG,
    TABLE,
    WEIGHTS,
)
import pytest

# command, kind of its output, words before --out, whether it reads the folder {input}
DOORS: list[tuple[str, Kind, str, bool]] = [
    ('posenet_ros.evaluate', REPORT, '--model {input} --data none', True),
    ('posenet_ros.evaluate', REPORT, '--poses none --truth {input}', True),
    ('posenet_ros.evaluate', REPORT, '--model none --bag {input}', True),
    ('posenet_ros.evaluate', REPORT, '--model m --data d --out-of-place a {input}', True),
    ('posenet_ros.compare', COMPARISON, '{input}', True),
    ('posenet_ros.training.make_dataset', DATASET, '--pose /p --bag a {input}', True),
    ('posenet_ros.training.make_dataset', DATASET, '--pose /p --bag a --test-bag {input}', True),
    ('posenet_ros.training.make_bag', BAG, '--data {input}', True),
    ('posenet_ros.training.corrupt', DATASET, '--corruption fog --severity 1 --data {input}',
     True),
    ('posenet_ros.training.landmarks.__main__', MODEL, '--model {input} --data none', True),
    ('posenet_ros.training.landmarks.__main__', MODEL, '--model none --data {input}', True),
    ('posenet_ros.training.uncertainty.__main__', MODEL, '--model {input} --data none', True),
    ('posenet_ros.training.train', MODEL, '--preset smoke --data {input}', True),
    ('posenet_ros.training.scene.__main__', SCENE, '--frames 12', False),
    ('posenet_ros.training.robustness', TABLE, '--model {input} --data none', True),
    ('posenet_ros.training.import_weights', WEIGHTS, '{input}', True),
    ('posenet_ros.training.bench.__main__', FIGURES, 'engines --model {input}', True),
    ('posenet_ros.training.bench.__main__', BENCHMARK, '', False),
    ('posenet_ros.training.demo_picture', PICTURE, '', False),
    ('posenet_ros.training.demo_animation', MOVING_PICTURE, '', False),
    ('posenet_ros.replay', SENDING_LOG, '{input} --log', True),
]
LOCKED = ('import sys; from pathlib import Path; from posenet_ros.utils.files.lock import lock\n'
          'with lock(Path(sys.argv[1])):\n    print("locked", flush=True); sys.stdin.read()')
SUFFIXES = {WEIGHTS: '.weights.h5'}
WITHOUT_FORCE = {'posenet_ros.training.bench.__main__', 'posenet_ros.training.demo_picture',
                 'posenet_ros.training.demo_animation', 'posenet_ros.replay'}


def make(path: Path, kind: Kind) -> Path:
    """Make a finished output of a kind."""
    if isinstance(kind, FileKind):
        path.write_bytes(kind.starts[0] + b'...')
    else:
        path.mkdir()
        (path / kind.mark).write_text(kind.marked_by[0])
    return path


def run(door: tuple[str, Kind, str, bool], out: Path, read: Path | str) -> str:
    """Run a command up to its first complaint, and return that."""
    module, _, words, _ = door
    arguments = words.format(input=read).split(' ') if words else []
    if words.endswith('--log'):
        arguments.append(str(out))
    else:
        arguments += ['--out', str(out)]
    force = [] if module in WITHOUT_FORCE else ['--force']
    with pytest.raises(InputError) as caught:
        import_module(module).main([*arguments, *force])
    return str(caught.value)


@pytest.mark.parametrize('door', DOORS, ids=lambda door: f'{door[0]} {door[2]}')
def test_no_command_replaces_what_is_not_its_own_kind(
        tmp_path: Path, door: tuple[str, Kind, str, bool]) -> None:
    suffix = SUFFIXES.get(door[1], '')
    mine = tmp_path / f'diary{suffix}'
    mine.mkdir()
    (mine / 'monday.txt').touch()
    message = run(door, mine, tmp_path / 'none')
    assert f'is no {door[1].name}: it holds monday.txt' in message
    assert (mine / 'monday.txt').exists()
    file = tmp_path / f'letter{suffix}'
    file.write_text('Dear reader')
    assert 'it is a file' in run(door, file, tmp_path / 'none')
    other = make(tmp_path / f'other{suffix}', REPORT if door[1] != REPORT else MODEL)
    assert f'is no {door[1].name}: it holds' in run(door, other, tmp_path / 'none')


@pytest.mark.parametrize('door', [door for door in DOORS if door[3]],
                         ids=lambda door: f'{door[0]} {door[2]}')
def test_no_command_replaces_what_it_reads(
        tmp_path: Path, door: tuple[str, Kind, str, bool]) -> None:
    suffix = SUFFIXES.get(door[1], '')
    out = make(tmp_path / f'out{suffix}', door[1])
    link = tmp_path / f'link{suffix}'
    link.symlink_to(out)
    for read, written in ((out, out), (link, out), (out, link), (tmp_path, out)):
        assert 'cannot be replaced: this command reads' in run(door, written, read)
    if out.is_dir():
        assert 'cannot be replaced' in run(door, out, out / 'deep' / 'file')
    assert door[1].fits(out)


def test_a_finished_output_of_the_same_kind_may_be_replaced(tmp_path: Path) -> None:
    for number, kind in enumerate((*FOLDER_KINDS, TABLE, FIGURES)):
        path = make(tmp_path / str(number), kind)
        check_new(path, kind, force=True, inputs=[tmp_path / 'other', tmp_path / f'{number}x'])
        with pytest.raises(InputError, match='exists already: give another name, or --force'):
            check_new(path, kind)


def test_a_half_written_output_is_none(tmp_path: Path) -> None:
    path = make(tmp_path / 'model', MODEL)
    (path / MODEL.mark).write_text('')
    with pytest.raises(InputError, match='is no model folder: it holds artifact'):
        check_new(path, MODEL, force=True)


def test_a_dataset_of_an_earlier_version_is_ours_and_one_made_by_hand_is_not(
        tmp_path: Path) -> None:
    path = tmp_path / 'walk'
    (path / 'seq1').mkdir(parents=True)
    (path / 'dataset_train.txt').touch()
    camera = json.dumps(CAMERA.to_mapping(), indent=1) + '\n'
    (path / 'camera.json').write_text(camera)
    check_new(path, DATASET, force=True)
    for name, text in (('camera.json', '{"fx": 3}'), ('camera.json', camera.replace(',', ' ,')),
                       ('camera.json', '['), ('notes.txt', 'mine')):
        (path / 'camera.json').write_text(camera)
        (path / name).write_text(text)
        with pytest.raises(InputError, match='is no dataset made by posenet'):
            check_new(path, DATASET, force=True)


@pytest.mark.parametrize('name', ['court', 'model', 'bag', 'report', 'report_network'])
def test_the_demo_refuses_before_any_work_what_it_may_not_replace(
        tmp_path: Path, name: str) -> None:
    (tmp_path / 'demo' / name).mkdir(parents=True)
    (tmp_path / 'demo' / name / 'thesis.tex').touch()
    with pytest.raises(InputError, match=r'is no .*: it holds thesis\.tex'):
        demo.main(['--out', str(tmp_path / 'demo')])
    assert [path.name for path in (tmp_path / 'demo').iterdir()] == [name]


def test_two_demos_are_not_in_one_folder(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, '-c', LOCKED, tmp_path / 'demo'], cwd=ROOT,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline()
        with pytest.raises(PoseNetError, match=rf'process {other.pid} has been writing there'):
            demo.main(['--out', str(tmp_path / 'demo')])
        other.kill()
    assert not (tmp_path / 'demo').exists()


def test_a_bag_that_was_recorded_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / 'walk').mkdir()
    (tmp_path / 'walk' / 'metadata.yaml').write_text(
        'rosbag2_bagfile_information:\n  version: 9\n  custom_data: null\n')
    with pytest.raises(InputError, match='is no bag made by posenet'):
        check_new(tmp_path / 'walk', BAG, force=True)


@pytest.mark.parametrize('force', [False, True])
def test_the_current_folder_its_parents_and_the_home_are_never_written(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool) -> None:
    here = tmp_path / 'up' / 'here'
    here.mkdir(parents=True)
    home = tmp_path / 'homes' / 'home'
    home.mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv('HOME', str(home))
    link = tmp_path / 'link'
    link.symlink_to(here)
    for path in (Path(), Path('..'), here, link, tmp_path, home, home.parent, Path('/'),
                 Path('/proc')):
        with pytest.raises(InputError, match='has to be a folder of its own'):
            check_new(path, MODEL, force=force)
    check_new(Path('model'), MODEL)
    check_new(home / 'model', MODEL)


def test_what_we_write_has_its_mark(tmp_path: Path) -> None:
    from posenet_ros.ros_data.bag_writer import new_bag
    from posenet_ros.training.scene.dataset import write_scene
    with new_bag(tmp_path / 'bag'):
        pass
    write_scene(tmp_path / 'scene', Settings(12, 64, 64), processes=1)
    assert BAG.fits(tmp_path / 'bag')
    assert SCENE.fits(tmp_path / 'scene')


def test_no_folder_kind_is_taken_for_another(tmp_path: Path) -> None:
    for kind in FOLDER_KINDS:
        path = make(tmp_path / kind.mark, kind)
        assert [other for other in FOLDER_KINDS if other.fits(path)] == [kind]
    assert isinstance(MODEL, FolderKind)
