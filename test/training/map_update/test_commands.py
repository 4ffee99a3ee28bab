"""A model folder's life: its map extended by a walk, a network added to it, a map to a network."""

from __future__ import annotations

from pathlib import Path
import shutil

import numpy as np
from posenet_ros.datasets.layouts import read_dataset_rows
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.inference.artifact import LANDMARKS_FILE, load, LoadedArtifact
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.options import FeatureOptions
from posenet_ros.localisation.factory import make_relocaliser, RelocaliserOptions
from posenet_ros.training import train
from posenet_ros.training.landmarks import __main__ as landmarks
from posenet_ros.training.map import main
from posenet_ros.training.map_update import update
from posenet_ros.training.map_update.comparison import Comparison
from posenet_ros.training.pipelines.mapping.model_folder import follow_views
import pytest
from training_helpers import LARGE_CAMERA, train_arguments, use_tiny_backbone, write_wall_dataset

CAMERA_TEXT = '266,266,159.5,119.5'
WIDE = ('weights=none', 'input_width=48', 'input_height=36', 'epochs=1', 'batch=8',
        'sigma_versions=0', 'validation=0.3')


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of two walks past a wall, and a third for tests."""
    folder = tmp_path_factory.mktemp('data') / 'wall'
    write_wall_dataset(folder, 2, 8, camera=LARGE_CAMERA)
    return folder


@pytest.fixture(scope='module')
def place(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the map of the two walks; to be copied."""
    out = tmp_path_factory.mktemp('out') / 'place'
    assert main(['--data', str(data), '--out', str(out)]) == 0
    return out


@pytest.fixture
def own(place: Path, tmp_path: Path) -> Path:
    """Return a copy of the map."""
    return Path(shutil.copytree(place, tmp_path / 'own'))


@pytest.fixture(scope='module')
def with_network(data: Path, place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the map with a network, trained by its poses."""
    folder = Path(shutil.copytree(place, tmp_path_factory.mktemp('trained') / 'place'))
    with pytest.MonkeyPatch.context() as patch:
        use_tiny_backbone(patch.setattr)
        words = train_arguments(data, folder, WIDE, ('--map', str(folder)))
        assert train.main(words) == 0
    return folder


def map_of(folder: Path) -> LandmarkMap:
    return landmark_file.load(load(folder).file(LANDMARKS_FILE))


def digest(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_walk_joins_the_map_of_its_place(
        data: Path, place: Path, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ['--extend', str(own), '--images', str(data / 'seq3'), '--camera', CAMERA_TEXT]
    assert main(words) == 0
    before, after = map_of(place), map_of(own)
    assert after.parent == landmark_file.content_hash(before)
    assert after.views.names[:16] == before.views.names
    truth = {row.name: row.pose for row in read_dataset_rows(data, 'test')}
    off = [np.linalg.norm(after.views.positions_m[i] - truth[name].translation_m)
           for i, name in enumerate(after.views.names) if name in truth]
    assert len(off) == 8
    assert np.median(off) < 0.05
    artifact = load(own)
    assert artifact.train.names == after.views.names
    assert artifact.provenance['map']['views'] == 24
    assert artifact.provenance['map']['updates'][0]['found'] == 8
    assert 'in the old map' in capsys.readouterr().out
    make_relocaliser(artifact, RelocaliserOptions(refine=True))
    with pytest.raises(InputError, match='none that it does not have by name already'):
        main(words)


def test_a_worse_map_is_not_written(data: Path, own: Path, tmp_path: Path,
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(own)
    bad = Comparison(np.full(9, 0.01), np.full(9, 0.5))
    monkeypatch.setattr(update, 'compare_maps', lambda *_: bad)
    with pytest.raises(PoseNetError, match=r'worse.* 0.01 m in the old map.* 0.5 m in'):
        main(['--extend', str(own), '--images', str(data / 'seq3'), '--camera', CAMERA_TEXT])
    assert digest(own) == before


def test_another_folder_may_be_written(data: Path, own: Path, tmp_path: Path) -> None:
    before = digest(own)
    assert main(['--extend', str(own), '--images', str(data / 'seq3'), '--camera', CAMERA_TEXT,
                 '--out', str(tmp_path / 'new'), '--views', '20']) == 0
    assert digest(own) == before
    assert len(map_of(tmp_path / 'new').views) == 20


@pytest.mark.parametrize(('words', 'message'), [
    (['--extend', 'p'], 'needs the new walk'),
    (['--merge', 'a', 'b', '--out', 'c', '--data', 'd'], '--data is for --extend'),
    (['--extend', 'p', '--data', 'd', '--refine-poses'], '--refine-poses is for a new map'),
    (['--extend', 'p', '--data', 'd', '--complete'], '--complete is for a new map'),
    (['--extend', 'p', '--data', 'd', '--frame', 'f'], '--frame is for a new map'),
    (['--data', 'd'], 'required: --out')])
def test_options_that_do_not_go_together_are_refused(
        words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert message in ' '.join(capsys.readouterr().err.split())


def test_a_network_is_added_to_the_map(with_network: Path, place: Path) -> None:
    artifact, before = load(with_network), load(place)
    assert artifact.network is not None
    assert digest(with_network)[LANDMARKS_FILE] == digest(place)[LANDMARKS_FILE]
    assert artifact.calibration.refined_scale == before.calibration.refined_scale
    assert artifact.provenance['map'] == before.provenance['map']
    assert (artifact.scale, artifact.up) == (before.scale, before.up)
    assert artifact.train.names == map_of(place).views.names
    np.testing.assert_allclose(artifact.train.positions_m, map_of(place).views.positions_m)
    made, trained = artifact.history.changelog
    assert (made,) == before.history.changelog
    assert trained.command.startswith('posenet train --preset')
    assert trained.parent == before.digest


def test_landmarks_are_made_anew_for_a_network(
        with_network: Path, data: Path, tmp_path: Path,
        capsys: pytest.CaptureFixture[str]) -> None:
    assert landmarks.main(['--model', str(with_network), '--data', str(data), '--out',
                           str(tmp_path / 'new')]) == 0
    assert f'model in {tmp_path / "new"}' in capsys.readouterr().out
    before, after = load(with_network), load(tmp_path / 'new')
    assert len(map_of(tmp_path / 'new').views) == 16
    change = after.history.changelog[-1]
    assert (change.command, change.parent) == ('posenet landmarks', before.digest)


def test_a_network_is_not_replaced_unasked(data: Path, with_network: Path) -> None:
    with pytest.raises(InputError, match='has a network already: --force replaces it'):
        train.main(train_arguments(data, with_network, WIDE, ('--map', str(with_network))))


def test_the_images_of_the_map_have_to_be_there(place: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'16 images of the map.*without 16 of them, such as'):
        train.main(train_arguments(tmp_path, tmp_path / 'out', WIDE, ('--map', str(place))))


def test_a_map_is_added_to_the_network_of_the_same_data(
        data: Path, with_network: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(with_network, tmp_path / 'model'))
    assert main(['--data', str(data), '--out', str(model), '--force']) == 0
    artifact = load(model)
    assert artifact.network is not None
    assert 'landmarks' in artifact.provenance
    assert len(map_of(model).views) == 16


def test_a_map_with_a_network_is_extended(data: Path, with_network: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    assert main(['--extend', str(with_network), '--images', str(data / 'seq3'), '--camera',
                 CAMERA_TEXT, '--out', str(out)]) == 0
    artifact: LoadedArtifact = load(out)
    assert artifact.network is not None
    assert len(artifact.train.names) == 24
    make_relocaliser(artifact, RelocaliserOptions(refine=True))


def test_descriptors_follow_their_views() -> None:
    from posenet_ros.landmarks.landmark_map import Views
    train_index = TrainIndex(
        ('a', 'b', 'c'), np.zeros((3, 3)), np.tile([0.0, 0, 0, 1], (3, 1)),
        np.array([[1], [2], [3]], np.float16), np.array([[1], [2], [3], [30]], np.float16),
        np.array([0, 1, 2, 2], np.int32))
    views = Views(('c', 'new', 'a'), ('',) * 3, np.ones((3, 3)), np.tile([0.0, 0, 0, 1], (3, 1)),
                  np.empty((3, 0), np.float16), np.zeros(3, np.float32))
    found = follow_views(train_index, views)
    assert found.names == ('c', 'new', 'a')
    assert found.descriptors.ravel().tolist() == [3, 0, 1]
    assert found.global_descriptors.ravel().tolist() == [1, 3, 30]
    assert found.place_images.tolist() == [2, 0, 0]


def test_the_map_keeps_its_own_features(own: Path) -> None:
    assert map_of(own).features == FeatureOptions()
