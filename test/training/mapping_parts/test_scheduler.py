"""Parts are mapped by a cluster where one is given: with whole paths, the address handed on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.map import main
from posenet_ros.training.pipelines.mapping.parts import build
from posenet_ros.training.pipelines.mapping.parts.split import split_views, SplitOptions
import pytest

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
    split = split_views(np.asarray(dataset.positions_m), 2, SplitOptions())
    given: list[Any] = []

    def record(_: object, tasks: list[Any], jobs: int, address: str | None) -> list[Any]:
        given.extend((tasks, jobs, address))
        return []
    with mock.patch.object(build, 'run_tasks', record):
        build._map_parts(dataset, MappingOptions(), Path('work'), split, 3, scheduler)
    tasks, jobs, address = given
    assert (jobs, address) == (3, scheduler)
    for task in tasks:
        paths = [task.work, *(sample.path for sample in task.dataset.samples)]
        assert {path.is_absolute() for path in paths} == {scheduler is not None}


def test_a_scheduler_is_for_parts(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='2'):
        main(['--data', 'd', '--out', 'o', '--scheduler', 'tcp://host:8786'])
    assert '--scheduler is for --parts' in capsys.readouterr().err
