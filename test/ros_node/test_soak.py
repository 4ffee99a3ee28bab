"""The node survives twenty seconds of faults, and three hundred messages of nonsense."""

from __future__ import annotations

from pathlib import Path

import fuzz
import pytest
from ros_helpers import write_mean_colour_model
import soak


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mean_colour_model(tmp_path_factory.mktemp('model') / 'tiny')


def test_a_short_soak(model: Path, tmp_path: Path) -> None:
    assert soak.run(0.33, tmp_path, model)


def test_nonsense_ends_nothing_and_good_images_are_answered(model: Path, tmp_path: Path) -> None:
    assert fuzz.run(300, 0, tmp_path, model)


def test_memory_that_grows_is_noticed() -> None:
    steady = [(float(s), 50_000_000 + (s % 3) * 100_000) for s in range(21)]
    leaking = [(float(s), 50_000_000 + s * 400_000) for s in range(21)]
    assert not soak.grows(steady, 0.33)
    assert soak.grows(leaking, 0.33)
    hour = [(float(s), 50_000_000 + s * 1000) for s in range(1200)]  # 3.6 MB an hour
    assert soak.grows(hour, 20.0)
    assert not soak.grows(hour, 0.33)


def test_an_image_that_is_counted_nowhere_is_noticed() -> None:
    values = {'images received': '9', **{f'images {name}': '1' for name in soak.ENDS}}
    assert soak.uncounted(values) == 4
