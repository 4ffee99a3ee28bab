"""Structure from motion on small walks past textured panels, whose poses are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
import re

import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.sfm import checks, mapping, pipeline
from posenet_ros.training.sfm.cameras import CameraSource
from posenet_ros.training.sfm.checks import NotJoinedError
from posenet_ros.training.sfm.correspondences import features
from posenet_ros.training.sfm.options import MappingOptions, PartOptions
from posenet_ros.training.sfm.pipeline import reconstruct
from posenet_ros.training.sfm.reconstruction import (
    Mapper,
    Reconstruction,
    reconstruction_dataset,
)
import pytest
from sfm_helpers import CAMERA, draw, OPTIONS, sideways, similarity_errors, write_walk, yaw

pytest.importorskip('pycolmap', reason='structure from motion needs pycolmap: '
                    "pip install 'posenet_ros[map]'")
POSES = sideways(20)


@pytest.fixture(scope='module')
def images() -> list[np.ndarray]:
    """Return the images of one walk."""
    return [draw(pose) for pose in POSES]


@pytest.fixture(scope='module')
def walk(tmp_path_factory: pytest.TempPathFactory, images: list[np.ndarray]) -> Walk:
    """Return the walk with its camera."""
    return write_walk(tmp_path_factory.mktemp('images'), 'walk1', images)


@pytest.fixture(scope='module')
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of intermediate results."""
    return tmp_path_factory.mktemp('work')


@pytest.fixture(scope='module')
def found(walk: Walk, work: Path) -> Reconstruction:
    """Return the reconstruction of the walk."""
    return reconstruct([walk], work, OPTIONS, lambda _: None)


def test_all_images_are_registered_where_they_are(found: Reconstruction, walk: Walk) -> None:
    assert found.names == tuple(image.name for image in walk.images)
    assert (found.mapper, found.camera_source) == (Mapper.GLOBAL, CameraSource.GIVEN)
    assert found.camera == CAMERA
    assert found.unregistered == {}
    assert found.conflicting_pairs == ()
    assert found.verified_pairs > 50
    assert len(found.components) == 1
    assert found.largest.walks == {'walk1': 20}
    assert found.largest.points > 200
    assert 0.01 < found.largest.reprojection_error_px < 1
    error_m, angle_deg = similarity_errors(found.map_from_camera, POSES)
    assert error_m < 0.01
    assert angle_deg < 0.15
    assert 'registered: 20 of 20 images (global mapper)' in found.summary()[-1]


def test_parts_are_joined_and_adjusted(
        found: Reconstruction, walk: Walk, work: Path, tmp_path: Path) -> None:
    halves = replace(OPTIONS, parts=PartOptions(count=2, min_overlap=6))
    result = reconstruct([walk], work, halves, lambda _: None)
    [folder] = work.glob('hierarchical-*')
    log = (folder / 'log.txt').read_text()
    assert re.search(r'Merged clusters with 1\d and 1\d images into 20 images', log)
    assert result.names == found.names
    assert (result.mapper, len(result.components)) == (Mapper.HIERARCHICAL, 1)
    for part, limit_m in ((result, 0.01), (found, 0.01)):
        assert similarity_errors(part.map_from_camera, POSES)[0] < limit_m
    assert result.largest.reprojection_error_px < 1.2 * found.largest.reprojection_error_px
    assert '(hierarchical mapper)' in result.summary()[-1]


@pytest.mark.parametrize(('options', 'images', 'count', 'sizes'), [
    (PartOptions(), 3000, 1, (3000, 300)), (PartOptions(count=3), 301, 3, (101, 10)),
    (PartOptions(count=2), 1000, 2, (500, 50)), (PartOptions(count=None), 500, 1, (500, 50)),
    (PartOptions(count=None), 1001, 3, (334, 33))])
def test_the_parts_of_a_reconstruction(options: PartOptions, images: int, count: int,
                                       sizes: tuple[int, int]) -> None:
    assert options.count_of(images) == count
    assert options.sizes_of(images) == sizes


def test_it_becomes_a_dataset(found: Reconstruction, walk: Walk) -> None:
    dataset = reconstruction_dataset(found, [walk])
    assert dataset.camera == CAMERA
    assert [s.path for s in dataset.samples] == [image.path for image in walk.images]
    assert {s.sequence for s in dataset.samples} == {'walk1'}
    assert dataset.samples[3].map_from_camera is found.map_from_camera[3]


@pytest.mark.long
def test_two_runs_are_equal(found: Reconstruction, walk: Walk, tmp_path: Path) -> None:
    again = reconstruct([walk], tmp_path, OPTIONS, lambda _: None)
    assert again.names == found.names
    for a, b in zip(again.map_from_camera, found.map_from_camera, strict=True):
        assert np.abs(a.matrix - b.matrix).max() < 1e-6


def test_finished_steps_are_not_done_again(
        found: Reconstruction, walk: Walk, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError('done again')

    monkeypatch.setattr(features, 'detect_in_pixels', fail)
    monkeypatch.setattr(pipeline, 'create_database', fail)
    monkeypatch.setattr(mapping, '_run', fail)
    monkeypatch.setattr(pipeline, 'select_keyframes', fail)
    monkeypatch.setattr('posenet_ros.training.sfm.correspondences.matching.match_mutual', fail)
    again = reconstruct([walk], work, OPTIONS, lambda _: None)
    assert again.map_from_camera[5].matrix.tolist() == found.map_from_camera[5].matrix.tolist()


@pytest.mark.long
def test_an_unknown_camera_is_estimated(walk: Walk, tmp_path: Path) -> None:
    lines: list[str] = []
    result = reconstruct([replace(walk, camera=None)], tmp_path, OPTIONS, lines.append)
    assert (result.mapper, result.camera_source) == (Mapper.INCREMENTAL, CameraSource.ESTIMATED)
    assert len(result.names) == 20
    assert result.camera.fx == result.camera.fy == pytest.approx(CAMERA.fx, rel=0.03)
    assert result.camera.cx == CAMERA.cx
    assert similarity_errors(result.map_from_camera, POSES)[0] < 0.03
    assert lines[0].startswith('camera: not known')
    assert result.notes[-1].startswith('camera: focal length 2')


@pytest.mark.long
def test_walks_that_do_not_join_are_named(tmp_path: Path, images: list[np.ndarray]) -> None:
    options = replace(OPTIONS, mapping=MappingOptions(min_component=6))
    elsewhere = [draw(pose, seed=7) for pose in sideways(8, -0.5, 0.5)]
    walks = [write_walk(tmp_path, 'walk1', images[:12]), write_walk(tmp_path, 'walk2', elsewhere)]
    with pytest.raises(NotJoinedError, match=r'Received: walk2 shares no view with walk1 '
                       '.12 and 8 images.: record ten seconds of overlap') as caught:
        reconstruct(walks, tmp_path / 'work', options, lambda _: None)
    assert [c.walks for c in caught.value.components] == [{'walk1': 12}, {'walk2': 8}]
    largest = reconstruct(walks, tmp_path / 'work', replace(options, largest=True), lambda _: None)
    assert len(largest.names) == 12
    assert set(largest.unregistered.values()) == {
        'in a part of 8 images that does not join the others'}
    assert any('apart: 8 images of walk2, walk2/000.png to walk2/007.png' in line
               for line in largest.summary())


def test_turned_images_become_upright(tmp_path: Path, images: list[np.ndarray]) -> None:
    turned = [np.rot90(image, 1) for image in images[:12]]  # 6: to be turned to the right
    walk = write_walk(tmp_path, 'phone', turned, exif={0x0112: 6})
    lines: list[str] = []
    result = reconstruct([walk], tmp_path / 'work', OPTIONS, lines.append)
    assert lines[0] == '12 images were turned upright, as EXIF says'
    assert similarity_errors(result.map_from_camera, POSES[:12])[1] < 0.5
    dataset = reconstruction_dataset(result, [walk])
    assert all(s.path.parent.parent == tmp_path / 'work' for s in dataset.samples)


def test_a_camera_that_only_turns_is_named(tmp_path: Path) -> None:
    turns = [Pose.from_rotation(yaw(angle)) for angle in np.linspace(-20, 20, 9)]
    images = [draw(pose) for pose in turns]
    for camera in (CAMERA, None):
        walk = write_walk(tmp_path / str(camera is None), 'spin', images, camera)
        with pytest.raises(checks.InputError, match=r'has to move through the place. Received: '
                           'images between which it only turned'):
            reconstruct([walk], tmp_path / 'work', OPTIONS, lambda _: None)
