"""A large map in the node: which part of it is in memory, and that it is there once."""

from __future__ import annotations

from pathlib import Path

from map_helpers import LANDMARKS, resident_bytes, walk_map
import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.inference import artifact as artifacts
from posenet_ros.inference.map_artifact import make_map_artifact
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.tiles import tile_files
from posenet_ros.ros_node.control.shared_models import load_shared
from posenet_ros.ros_node.diagnostics import Diagnostics
from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.ros_node.start_lines import map_memory_values
import pytest


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(landmark_file, 'TILED_FROM', LANDMARKS)
    place = walk_map()
    landmark_file.save(place, tmp_path / artifacts.LANDMARKS_FILE)
    artifacts.save(make_map_artifact(
        Camera(320, 240, 200, 200, 160, 120), place.views.names, place.views.positions_m,
        place.views.quats_xyzw, (1.5,) * 6), tmp_path)
    return tmp_path


def test_nothing_of_a_large_map_is_in_memory_at_the_start(
        model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tile_files, 'disk_folder', lambda size: tmp_path)
    shared = load_shared(Parameters(model=str(model), max_map_memory_mb=1))
    place = shared.loaded.landmark_map
    assert resident_bytes(tmp_path) == 0
    assert place.points_m.any()
    assert resident_bytes(tmp_path) > 0
    assert map_memory_values(shared.map_memory) == {
        'map tiles in memory': '0 of 4', 'map memory (MB)': '0.0'}
    place.seen_by(0)
    diagnostics = Diagnostics()
    diagnostics.measure_by(lambda: map_memory_values(shared.map_memory))
    shown = diagnostics.report('active', 0.0).values
    assert shown['map tiles in memory'] == '1 of 4'
    assert 0.5 < float(shown['map memory (MB)']) <= 1


def test_a_large_map_is_loaded_once(model: Path) -> None:
    values = Parameters(model=str(model), max_map_memory_mb=1)
    shared = load_shared(values)
    assert load_shared(values) is shared
    assert load_shared(Parameters(model=str(model))) is not shared
    assert shared.place.colors is shared.loaded.landmark_map.colors
    assert np.allclose(shared.place.points_m, shared.loaded.landmark_map.points_m)
    assert shared.place.observations is None  # which only the view shows


@pytest.mark.parametrize('max_map_memory_mb', [0, 100])
def test_a_map_that_has_room_is_all_in_memory(model: Path, max_map_memory_mb: int) -> None:
    shared = load_shared(Parameters(model=str(model), max_map_memory_mb=max_map_memory_mb))
    assert shared.map_memory is None
    assert map_memory_values(shared.map_memory) == {}
