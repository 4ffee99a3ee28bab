"""A map by tasks: with whole paths for a cluster, the same bytes, features detected once."""

from __future__ import annotations

from dataclasses import replace
import errno
import os
from pathlib import Path
from typing import Any
from unittest import mock

from cluster_helpers import killed_at_the_first
import numpy as np
from posenet_ros.inference.artifact import LANDMARKS_FILE
from posenet_ros.training.bench.cluster.loopback import loopback_cluster
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.landmarks import feature_cache
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.map import main
from posenet_ros.training.pipelines.mapping.parts import build
from posenet_ros.utils.files.whole import whole_file
from posenet_ros.utils.tasks.worker import SharedPaths
import pytest
from training_helpers import LARGE_CAMERA, write_wall_dataset

from ..landmarks.scene import make_dataset


@pytest.mark.parametrize('scheduler', [None, 'tcp://host:8786'])
def test_the_cluster_gets_whole_paths(scheduler: str | None, tmp_path: Path,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = make_dataset(2, 14)
    dataset = replace(dataset, samples=tuple(
        replace(sample, path=Path(sample.name)) for sample in dataset.samples))
    for sample in dataset.samples:
        sample.path.parent.mkdir(parents=True, exist_ok=True)
        sample.path.write_bytes(b'image')
    given: list[Any] = []

    def record(_: object, tasks: list[Any], jobs: int, address: str | None,
               paths: SharedPaths) -> list[Any]:
        given.extend((tasks, jobs, address, paths))
        return []
    monkeypatch.setattr(build, 'run_tasks', record)
    monkeypatch.setattr(build, 'load_part', mock.Mock(side_effect=StopIteration))
    with pytest.raises(StopIteration):
        build.map_in_parts(dataset, MappingOptions(), Path('work'), '2', 3, complete=False,
                           scheduler=scheduler)
    tasks, jobs, address, shared = given
    assert (jobs, address) == (3, scheduler)
    assert len(shared.inputs) == len(dataset.samples)
    assert shared.output == tasks[0].work
    for task in tasks:
        paths = [task.work, *(sample.path for sample in task.dataset.samples)]
        assert {path.is_absolute() for path in paths} == {scheduler is not None}


@pytest.mark.parametrize('words', [['--jobs', '2'], ['--scheduler', 'tcp://host:8786']])
def test_tasks_are_of_a_walk(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='2'):
        main(['--merge', 'a', 'b', '--out', 'o', *words])
    assert '--jobs and --scheduler are for a walk' in capsys.readouterr().err


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of all files that do not say when, how and where they were made."""
    return {file.name: file.read_bytes() for file in folder.iterdir()
            if file.suffix not in ('.json', '.html')}


@pytest.mark.long
@pytest.mark.parametrize('more', [(), ('--parts', '2')])
def test_two_processes_make_the_same_map_to_the_last_byte(
        more: tuple[str, ...], tmp_path: Path) -> None:
    write_wall_dataset(tmp_path / 'wall', 2, 10, camera=LARGE_CAMERA)
    for jobs in '1', '2':
        assert main(['--data', str(tmp_path / 'wall'), '--out', str(tmp_path / jobs), '--jobs',
                     jobs, *more]) == 0
    one, two = (contents(tmp_path / jobs) for jobs in '12')
    assert LANDMARKS_FILE in one
    assert one == two


@pytest.mark.long
@pytest.mark.parametrize(('more', 'at'), [
    ((), 'features'), (('--parts', '2'), 'features'), (('--parts', '2'), 'held_out')])
def test_a_cluster_makes_the_same_map_though_a_worker_is_killed(
        more: tuple[str, ...], at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('distributed')
    monkeypatch.chdir(tmp_path)  # paths are not whole: workers are in another folder
    write_wall_dataset(tmp_path / 'wall', 2, 20, camera=LARGE_CAMERA)
    assert main(['--data', 'wall', '--out', 'one', *more]) == 0
    with loopback_cluster(2) as (address, _, workers), killed_at_the_first(
            tmp_path / 'two.mapping', f'{at}/*.npz', workers[0]):
        assert main(['--data', 'wall', '--out', 'two', '--scheduler', address, *more]) == 0
    assert contents(tmp_path / 'one') == contents(tmp_path / 'two')
    assert {entry.name for entry in tmp_path.iterdir()} == {'wall', 'one', 'two'}


def test_features_are_kept_by_tasks_and_detected_once(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wall_dataset(tmp_path / 'wall', 1, 4)
    data, options = read_dataset(tmp_path / 'wall', 'train', None), MappingOptions().features
    monkeypatch.setattr(feature_cache, 'IMAGES_OF_A_TASK', 3)
    monkeypatch.setattr(feature_cache, 'run_tasks', lambda function, tasks, *_: map(
        function, tasks))
    feature_cache.detect_by_tasks(data, options, tmp_path, 1, None)
    assert not (tmp_path / 'features').exists()  # left to the process itself
    feature_cache.detect_by_tasks(data, options, tmp_path, 2, None)
    assert len(list((tmp_path / 'features').iterdir())) == 4
    with mock.patch.object(feature_cache, 'detect_with_colors', side_effect=AssertionError):
        found = feature_cache.detect_dataset(data, options, tmp_path)
    fresh = feature_cache.detect_dataset(data, options)
    for one, other in zip(found, fresh, strict=True):
        np.testing.assert_array_equal(one.features.descriptors, other.features.descriptors)


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    file = tmp_path / 'part.npz'

    def fill_the_disk() -> None:
        with whole_file(file) as unfinished:
            unfinished.write_bytes(b'ha')
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match='No space left on device') as caught:
        fill_the_disk()
    assert caught.value.filename == str(file)
    assert not list(tmp_path.iterdir())
    with whole_file(file) as one, whole_file(file) as two:  # of two processes
        one.write_bytes(b'same')
        two.write_bytes(b'same')
    assert [entry.name for entry in tmp_path.iterdir()] == ['part.npz']
    assert file.read_bytes() == b'same'
