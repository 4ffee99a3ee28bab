"""How a map grows: subsets that hold each other, power laws with intervals, the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.training.bench.__main__ import main
from posenet_ros.training.bench.scale.benchmark import check_sizes
from posenet_ros.training.bench.scale.growth import fit_growth
from posenet_ros.training.bench.scale.process import run_measured
from posenet_ros.training.bench.scale.rows import (
    GROWING,
    growth_rows,
    scale_rows,
    scale_text,
)
from posenet_ros.training.bench.scale.subsets import first_images, queries_of, write_subset
from posenet_ros.training.data.datasets import Dataset, read_dataset
import pytest
from training_helpers import LARGE_CAMERA, write_wall_dataset


@pytest.fixture(scope='module')
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of two walks and a test walk."""
    folder = tmp_path_factory.mktemp('scale') / 'wall'
    write_wall_dataset(folder, 2, camera=LARGE_CAMERA)
    return folder


@pytest.fixture(scope='module')
def train(wall: Path) -> Dataset:
    """Return its training images."""
    return read_dataset(wall, 'train')


def names(dataset: Dataset) -> list[str]:
    """Return the names of its images."""
    return [sample.name for sample in dataset.samples]


def test_a_subset_is_the_first_part_of_each_walk(train: Dataset) -> None:
    third = first_images(train, 8)
    assert names(third) == [f'seq{walk}/frame{i:05}.png' for walk in (1, 2) for i in range(4)]
    assert set(names(third)) < set(names(first_images(train, 16)))
    assert first_images(train, 99) == train


def test_queries_are_of_the_ground_of_the_smallest_map(wall: Path) -> None:
    queries = read_dataset(wall, 'test')
    assert names(queries_of(queries, 0.75, None)) == names(queries)[:9]
    assert names(queries_of(queries, 1.0, 3)) == [names(queries)[i] for i in (0, 6, 11)]
    assert len(queries_of(queries, 0.1, None).samples) == 8


def test_a_subset_is_read_as_it_was_written(train: Dataset, tmp_path: Path) -> None:
    part = first_images(train, 8)
    again = read_dataset(write_subset(part, tmp_path / 'part'), 'train')
    assert names(again) == names(part)
    assert again.camera == part.camera
    np.testing.assert_allclose(again.positions_m, part.positions_m, atol=1e-6)


def test_a_power_law_is_found_within_its_interval() -> None:
    sizes, within = np.tile([300, 1000, 3000, 10_000], 3), 0
    for seed in range(30):
        noise = np.random.default_rng(seed).normal(0, 0.03, len(sizes))
        found = fit_growth(sizes.tolist(), (0.02 * sizes ** 1.1 * np.exp(noise)).tolist())
        assert found is not None
        assert found.exponent == pytest.approx(1.1, abs=0.03)
        assert found.high - found.low < 0.06
        assert found.at(3000) == pytest.approx(0.02 * 3000 ** 1.1, rel=0.05)
        within += found.low < 1.1 < found.high
    assert within >= 24  # of the 28 or 29 that 95 % of large samples would be


def test_three_runs_span_the_slopes_between_them() -> None:
    found = fit_growth([100, 1000, 10_000], [1.0, 10.0, 1000.0])
    assert found is not None
    assert found.exponent == pytest.approx(1.5)
    assert (found.low, found.high) == (pytest.approx(1.0), pytest.approx(2.0))
    assert fit_growth([300, 300], [1.0, 2.0]) is None


@pytest.mark.parametrize('sizes', [[10], [10, 25]])
def test_sizes_that_cannot_be_are_refused(sizes: list[int]) -> None:
    with pytest.raises(InputError, match='two numbers or more, up to the 24 images'):
        check_sizes(sizes, 24)
    check_sizes([10, 24], 24)


def test_a_process_is_measured_and_its_failure_told(tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'busy.py').write_text(
        'import sys, time\nx = bytearray(80_000_000)\nend = time.process_time() + 0.3\n'
        'while time.process_time() < end: pass\nsys.exit(int(sys.argv[1]))\n')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    cost = run_measured('busy', 0)
    assert 0.3 < cost.cpu_s < 3
    assert cost.wall_s > 0.3
    assert 80 < cost.peak_mb < 150
    with pytest.raises(PoseNetError, match='busy 1 failed'):
        run_measured('busy', 1)


def test_the_tables_say_what_is_extrapolated() -> None:
    row = {'landmarks': 100, 'answered': 1.0, 'median_m': None, 'false': 0, 'peak_mb': 300.0,
           'map_mb': 2.0, 'pose_ms': 20.0}
    rows = [{**row, 'images': n, 'cpu_s': 0.1 * n} for n in (300, 3000)]
    found = {'tables': {'images': rows}, 'growth': {'images': {
        'cpu_s': {'exponent': 1.0, 'low': 1.0, 'high': 1.0, 'factor': 0.1}}}}
    assert scale_rows('images', rows)[1][:2] == ['300', '30']
    assert scale_rows('images', rows)[1][7] == '-'
    _, line = growth_rows(found)
    assert line == ['images', 'mapping, CPU s', '1.00', '1.00 to 1.00', '300 at 3000',
                    '1e+03 at 10000']
    rows[-1]['images'] = 10_000
    assert growth_rows(found)[1][-1] == '-'


@pytest.mark.long
def test_maps_of_two_sizes_are_measured(wall: Path, tmp_path: Path) -> None:
    out = tmp_path / 'scale.json'
    assert main(['scale', '--data', str(wall), '--sizes', '20', '24', '--parts', '2', '--views',
                 '500', '1000', '--bags', '1', '2', '--out', str(out)]) == 0
    found = json.loads(out.read_text())
    images, views, bags = (found['tables'][name] for name in ('images', 'views', 'bags'))
    assert [row['images'] for row in images] == [20, 24]
    assert all(row['queries'] == 10 and row['false'] == 0 for row in images)
    assert [row['views'] for row in views] == [500, 1000]
    assert [(row['bags'], row['frames']) for row in bags] == [(1, 10), (2, 20)]
    assert {name: set(laws) for name, laws in found['growth'].items()} == {
        'images': set(GROWING['images']), 'bags': set(GROWING['bags']),
        'views': {'exact_ms'}}, 'of so few images the descriptors cannot be indexed'
    assert out.with_suffix('.png').read_bytes().startswith(b'\x89PNG')
    assert 'evaluating bags, CPU s' in scale_text(found)
