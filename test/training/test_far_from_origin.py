"""Data far from the origin, as in UTM: what is given is what comes out, to the millimetre."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from posenet_ros import load as load_relocaliser
from posenet_ros.datasets.pose_files import read_poses, write_cambridge
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.files import read_image
from posenet_ros.inference.artifact import LANDMARKS_FILE, load
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.place_map import load_place_map
from posenet_ros.training.data.datasets import Dataset, read_dataset
from posenet_ros.training.fitting.model_folder import load_with_dataset
from posenet_ros.training.map import main
import pytest
from training_helpers import LARGE_CAMERA, train_tiny, write_wall_dataset

UTM = np.array([450_012.0, 5_410_037.0, 113.0])
ORIGIN = (450_000.0, 5_410_000.0, 100.0)


def move(folder: Path) -> Path:
    """Move a dataset into UTM."""
    for split in ('train', 'test'):
        rows = read_poses(folder / f'dataset_{split}.txt')
        write_cambridge(folder / f'dataset_{split}.txt', [
            (row.name, Pose(UTM) @ row.pose) for row in rows if row.pose])
    return folder


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of three walks past the wall, in UTM."""
    folder = tmp_path_factory.mktemp('data') / 'wall'
    write_wall_dataset(folder, 2, 8, camera=LARGE_CAMERA)
    return move(folder)


@pytest.fixture(scope='module')
def place(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the map of the dataset."""
    out = tmp_path_factory.mktemp('out') / 'place'
    assert main(['--data', str(data), '--out', str(out)]) == 0
    return out


def test_a_map_is_kept_near_an_origin(data: Path, place: Path) -> None:
    artifact, landmark_map = load(place), landmark_file.load(place / LANDMARKS_FILE)
    given = read_dataset(data, 'train')
    assert artifact.scene.origin_m == ORIGIN
    assert np.abs(landmark_map.points_m).max() < 100
    assert np.abs(landmark_map.views.positions_m).max() < 100
    np.testing.assert_allclose(artifact.train.positions_m, given.positions_m, atol=1e-6)
    np.testing.assert_allclose(artifact.scene.bounds_max_m, given.positions_m.max(0), atol=1e-6)
    shown = load_place_map(artifact)
    np.testing.assert_allclose(np.median(shown.points_m[:, 1]) - UTM[1], 6, atol=0.05)
    np.testing.assert_allclose(
        shown.views[0].map_from_camera.translation_m, given.positions_m[0], atol=1e-6)


def test_the_given_coordinates_come_out(data: Path, place: Path) -> None:
    sample = read_dataset(data, 'test').samples[4]
    found = load_relocaliser(place)(read_image(sample.path)).estimate
    np.testing.assert_allclose(found.map_from_camera.translation_m,
                               sample.map_from_camera.translation_m, atol=0.03)


def test_exports_have_the_given_coordinates(data: Path, place: Path, tmp_path: Path) -> None:
    given = read_dataset(data, 'train')
    assert main(['--out', str(place), '--export', 'poses', str(tmp_path / 'poses.txt'),
                 '--export', 'colmap', str(tmp_path / 'colmap'),
                 '--export', 'ply', str(tmp_path / 'a.ply')]) == 0
    for file in (tmp_path / 'poses.txt', tmp_path / 'colmap/sparse/0/images.bin'):
        np.testing.assert_allclose([row.pose.translation_m for row in read_poses(file)],
                                   given.positions_m, atol=1e-5)
    content = (tmp_path / 'a.ply').read_bytes()
    assert b'property double x' in content
    first = np.frombuffer(content.partition(b'end_header\n')[2], '<f8', 3)
    assert np.abs(first - UTM).max() < 100


@pytest.mark.long
def test_a_walk_with_poses_joins_the_map_in_its_frame(
        data: Path, place: Path, tmp_path: Path) -> None:
    extra = tmp_path / 'extra'
    write_wall_dataset(extra, 1, 8, camera=LARGE_CAMERA)
    (extra / 'seq1').rename(extra / 'seq9')
    rows = read_poses(extra / 'dataset_train.txt')
    write_cambridge(extra / 'dataset_train.txt', [
        (row.name.replace('seq1', 'seq9'), row.pose) for row in rows if row.pose])
    out = tmp_path / 'out'
    assert main(['--extend', str(place), '--data', str(move(extra)), '--out', str(out)]) == 0
    artifact, landmark_map = load(out), landmark_file.load(out / LANDMARKS_FILE)
    assert np.abs(landmark_map.views.positions_m).max() < 100
    assert np.abs(artifact.train.positions_m - UTM).max() < 10
    assert np.abs(np.array(artifact.scene.bounds_min_m) - UTM).max() < 10


@pytest.mark.long
def test_a_network_learns_and_says_far_positions(data: Path, tmp_path: Path) -> None:
    model = train_tiny(data, tmp_path / 'model', [
        'epochs=1', 'landmarks=false', 'sigma_versions=0'])
    artifact, dataset = load_with_dataset(model, data)
    assert artifact.scene.origin_m == dataset.origin_m == ORIGIN
    assert np.abs(np.array(artifact.network.origin_m)).max() < 100
    assert artifact.provenance['validation']['position_m'] < 20
    sample = read_dataset(data, 'test').samples[0]
    found = load_relocaliser(model, engine='litert')(read_image(sample.path)).estimate
    assert np.abs(found.map_from_camera.translation_m - UTM).max() < 30


def test_an_origin_is_exact_and_near_data_keep_theirs(data: Path) -> None:
    dataset = read_dataset(data, 'train')
    near = dataset.near_origin()
    assert near.relative_to(ORIGIN) is near
    back = near.relative_to((0, 0, 0))
    np.testing.assert_allclose(back.positions_m, dataset.positions_m, atol=1e-9)
    assert near.near_origin() is near
    assert near.subset([0]).origin_m == ORIGIN
    assert near.summary()[1] == dataset.summary()[1]
    small = Dataset('near', tuple(near.samples), dataset.camera)
    assert small.near_origin() is small
