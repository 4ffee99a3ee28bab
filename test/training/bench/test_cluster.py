"""The benchmark of a cluster compares the same work, and checks that results are the same."""

from __future__ import annotations

import os
from pathlib import Path

from posenet_ros.errors import PoseNetError
from posenet_ros.training.bench.cluster.benchmark import (
    cluster_rows,
    compare,
    cpu_seconds_of,
    measure,
)
from posenet_ros.training.bench.options import parser
from posenet_ros.training.bench.scale.process import Cost
import pytest

STUB = """
import pathlib, sys
out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True)
(out / 'result').write_text('1' if {same} else ' '.join(sys.argv[2:]))
"""


def test_two_runs_side_by_side_are_twice_the_work() -> None:
    alone = [Cost(30.0, 38.0, 1.0), Cost(34.0, 40.0, 1.0)]
    found = compare(alone, Cost(8.0, 25.0, 1.0), 28.0)
    assert found['ratio'] == pytest.approx(40 / 50)  # the later of both counts
    assert found['cpu_ratio'] == pytest.approx(32 / 36)
    row = {'name': 'mapping', **found, 'runs': [found, {**found, 'ratio': 0.9}]}
    head, cells = cluster_rows({'rows': [row]})
    assert len(head) == len(cells)
    assert cells[:5] == ('mapping', '40.0', '25.0', '0.80', '0.80, 0.90')


def test_the_cpu_time_of_a_process_is_that_of_all_its_threads() -> None:
    before = cpu_seconds_of(os.getpid())
    used = os.times()
    assert before == pytest.approx(used.user + used.system, abs=0.2)


def test_the_part_needs_no_model() -> None:
    from posenet_ros.training.bench.__main__ import needs_model
    assert not needs_model(parser().parse_args(['cluster']))


@pytest.mark.long
@pytest.mark.parametrize('same', [True, False])
def test_results_that_differ_are_refused(
        same: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('distributed')
    (tmp_path / 'stub.py').write_text(STUB.format(same=same))
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))

    def command(out: Path) -> list[object]:
        return ['stub', out]

    if same:
        found = measure('stub', command, 'result', tmp_path, 2)
        assert len(found['runs']) == 2
        assert found['ratio'] > 0
        return
    with pytest.raises(PoseNetError, match='stub: result differs from run to run'):
        measure('stub', command, 'result', tmp_path, 1)
