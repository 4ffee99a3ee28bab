"""Several networks as one: the mean of their poses, trained and resumed one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.files import read_image
from posenet_ros.inference.artifact import load, WEIGHTS_FILE
from posenet_ros.inference.engine import load_engine
from posenet_ros.networks import ensemble, heads, network, single_network
from posenet_ros.networks import initial_weights as pretrained
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.training import train
from posenet_ros.training.bench.model import gflop
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.export.litert import load_network, write_network
from posenet_ros.training.export.quantisation import validation_set
from posenet_ros.training.fitting.calibration import ONE_SIGMA
from posenet_ros.training.fitting.callbacks import Checkpoint
from posenet_ros.training.fitting.member import Member
from posenet_ros.training.uncertainty import __main__ as uncertainty
import pytest
from training_helpers import (
    CAMERA,
    read_log,
    train_arguments,
    use_tiny_backbone,
    write_wall_dataset,
)

SETTINGS = ('weights=none', 'input_width=48', 'input_height=36', 'head_width=64', 'epochs=2',
            'batch=8', 'yaw_deg=3', 'ema=0.5', 'validation=0.3', 'sigma_versions=1', 'members=2')
CONFIG = NetworkConfig(input_width=48, input_height=32, pooling='spatial', head_width=8,
                       origin_m=(1.0, 2.0, 3.0), scale_m=(4.0, 5.0, 6.0))
SHARED = 'blocks_3_expand_conv'
Answers = dict[str, np.ndarray]
Position = tuple[float, ...]


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train a tiny network."""
    use_tiny_backbone(monkeypatch.setattr)


@pytest.fixture(scope='module')
def court(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('data') / 'court'
    write_wall_dataset(folder)
    return folder


def arguments(court: Path, out: Path, *more: str) -> list[str]:
    return train_arguments(court, out, SETTINGS, more)


@pytest.fixture(scope='module')
def trained(court: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('models') / 'model'
    with pytest.MonkeyPatch.context() as patch:
        use_tiny_backbone(patch.setattr)
        assert train.main(arguments(court, out)) == 0
    return out


def answers(model: keras.Model, images: np.ndarray) -> Answers:
    return {key: keras.ops.convert_to_numpy(value) for key, value in model(images).items()}


def test_an_ensemble_answers_with_the_mean_of_its_networks() -> None:
    members = [network.build(CONFIG) for _ in range(3)]
    for i, member in enumerate(members):  # far enough apart to tell their mean from one of them
        member.get_layer('xyz').bias.assign([float(i), -i, 2.0 * i])
    whole = ensemble.make_ensemble(members, CONFIG)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 48, 3), dtype=np.uint8)
    each, found = [answers(member, images) for member in members], answers(whole, images)
    assert np.allclose(found['position'], np.mean([a['position'] for a in each], 0), atol=1e-5)
    assert np.ptp([a['position'] for a in each], axis=0).min() > 1
    assert np.allclose(np.linalg.norm(found['quat_xyzw'], axis=1), 1)
    assert gflop(whole) == pytest.approx(3 * gflop(members[0]))
    assert gflop(whole) > 0


@pytest.fixture
def alike(monkeypatch: pytest.MonkeyPatch) -> list[keras.Model]:
    """Return two networks that froze the same pretrained layers."""
    monkeypatch.undo()
    keras.utils.set_random_seed(0)
    config, members = replace(CONFIG, input_height=48), []
    for seed in (0, 1):
        members.append(network.build(config))
        pretrained.load_lite0(members[-1])
        rng = np.random.default_rng(seed)
        layers = [layer.name for layer in members[-1].layers]
        for layer in members[-1].layers[layers.index(SHARED):]:
            layer.set_weights([w * rng.normal(1, 0.05, w.shape) for w in layer.get_weights()])
        # poses of some metres and degrees, which float32 resolves far below the export's limit
        members[-1].get_layer('xyz').kernel.assign(rng.normal(0, 0.3, (8, 3)))
        rotation = members[-1].get_layer('rotation').kernel
        rotation.assign(0.1 * rotation)
    return members


@pytest.mark.long
def test_networks_share_the_layers_that_both_froze(
        alike: list[keras.Model], tmp_path: Path) -> None:
    plain = replace(CONFIG, input_height=48, members=2, sigma_width=4, descriptor_size=5,
                    descriptor_of='pretrained')
    config = replace(plain, shared_before=SHARED)
    apart, shared = ensemble.make_ensemble(alike, plain), ensemble.make_ensemble(alike, config)
    images = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3), dtype=np.uint8)
    expected, found = answers(apart, images), answers(shared, images)
    assert np.ptp(expected['position'], axis=0).min() > 1e-3
    for key in ('position', 'quat_xyzw', 'fc'):
        assert np.allclose(found[key], expected[key], atol=1e-5), key
    for i, member in enumerate(alike):
        assert np.allclose(answers(ensemble.extract_member(shared, i), images)['position'],
                           answers(member, images)['position'], atol=1e-5)
    assert gflop(shared) < 0.95 * gflop(apart)
    again = network.build(plain)
    ensemble.copy_members(shared, again, 2)
    assert np.allclose(answers(again, images)['position'], expected['position'], atol=1e-5)
    write_network(shared, config, tmp_path)  # compares LiteRT's answers


def test_only_layers_with_the_same_weights_are_shared(alike: list[keras.Model]) -> None:
    alike[1].get_layer('conv_stem').kernel.assign_add(
        keras.ops.ones_like(alike[1].get_layer('conv_stem').kernel))
    config = replace(CONFIG, input_height=48, shared_before=SHARED, members=2)
    with pytest.raises(PoseNetError, match=r'same weights\. Received: others in network 2'):
        ensemble.make_ensemble(alike, config)


@pytest.mark.parametrize(('before', 'possible'), [
    (SHARED, True), ('blocks_3_depthwise_conv', True), ('blocks_4_depthwise_conv', False),
    ('no_such_layer', False)])
def test_nothing_may_lead_around_what_is_shared(
        before: str, possible: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert ensemble.can_share_layers(replace(CONFIG, members=2), before) == possible


def test_places_are_told_by_what_no_training_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    config = NetworkConfig(input_width=64, input_height=64, members=2, descriptor_size=5,
                           descriptor_of='pretrained')
    model = network.build(config)
    pretrained.load_place_backbone(model, config)
    source = network.build(NetworkConfig(input_width=32, input_height=32, head_width=1))
    pretrained.load_lite0(source)
    maps = keras.Model(source.input, [
        source.get_layer(f'blocks_{i}_bn2').output for i in (8, 11)])
    half = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    pooled = [keras.ops.convert_to_numpy(one).mean(axis=(1, 2)) for one in maps(half)]
    expected = np.concatenate([x / np.linalg.norm(x, axis=1, keepdims=True) for x in pooled], 1)
    found = model.get_layer(single_network.PLACE_BACKBONE)(
        half.repeat(2, axis=1).repeat(2, axis=2))
    assert np.allclose(keras.ops.convert_to_numpy(found), expected, atol=1e-4)


def test_the_mean_of_rotations_does_not_depend_on_their_signs() -> None:
    rng = np.random.default_rng(1)
    quat = rng.normal(size=4) / 2
    around = [(quat + rng.normal(scale=0.02, size=4)).astype(np.float32) for _ in range(4)]
    around = [q / np.linalg.norm(q) for q in around]
    signs = (1, -1, -1, 1)
    found = np.asarray(keras.ops.convert_to_numpy(heads.mean_quat(
        [keras.ops.convert_to_tensor((s * q)[np.newaxis])
         for s, q in zip(signs, around, strict=True)])))[0]
    outer = sum(np.outer(q, q) for q in around)  # the exact mean: Markley et al. 2007
    expected = np.linalg.eigh(outer)[1][:, -1]
    assert abs(found @ expected) > 1 - 1e-5
    assert min(abs(found @ q) for q in around) < 1 - 1e-5
    assert Pose((0, 0, 0), tuple(found)).rotation.shape == (3, 3)


def test_each_network_has_a_seed_and_a_log(trained: Path, court: Path) -> None:
    logs = [read_log(trained / f'member{i}_log.csv') for i in (0, 1)]
    assert [len(rows) for rows in logs] == [2, 2]
    assert logs[0] != logs[1]
    assert (trained / 'member1_curves.png').is_file()
    artifact = load(trained)
    assert artifact.network.members == 2
    assert artifact.network.fc_width == 128
    assert artifact.train.global_descriptors.shape[1] == artifact.network.descriptor_size
    validation = artifact.provenance['validation']['position_m']
    assert validation < 1.5 * max(float(rows[-1]['val_position_m']) for rows in logs)


def test_both_engines_answer_alike_with_dropout_too(trained: Path, court: Path) -> None:
    artifact = load(trained)
    image = artifact.preprocess(read_image(court / artifact.train.names[0]), CAMERA)[np.newaxis]
    first, second = (load_engine(artifact, name) for name in ('litert', 'tensorflow'))
    a, b = first.predict(image), second.predict(image)
    assert np.allclose(a.position_m, b.position_m, atol=1e-4)
    assert np.allclose(a.log_sigma, b.log_sigma, atol=1e-3)
    assert np.allclose(first.head(a.fc.astype(np.float32)).position_m, a.position_m, atol=1e-4)


def test_stopped_in_the_second_network_it_goes_on_to_the_same(
        court: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, saved = tmp_path / 'model', []
    save = Checkpoint.on_epoch_end

    def stop(self: Checkpoint, epoch: int, logs: dict[str, float] | None = None) -> None:
        save(self, epoch, logs)
        saved.append(self.folder.name)
        if len(saved) == 3:
            raise KeyboardInterrupt
    monkeypatch.setattr(Checkpoint, 'on_epoch_end', stop)
    with pytest.raises(KeyboardInterrupt, match='To go on'):
        train.main(arguments(court, out))
    assert saved == ['member0', 'member0', 'member1']
    assert train.main(arguments(court, out, '--resume')) == 0
    assert saved[3:] == ['member1']
    for i in (0, 1):
        assert read_log(out / f'member{i}_log.csv') == read_log(trained / f'member{i}_log.csv')


def where(pose: Pose) -> Position:
    return tuple(float(v) for v in pose.translation_m)


def off(out: Path, court: Path, held: Sequence[set[Position]]) -> np.ndarray:
    """Return how far off each of the networks is on its own part of the images."""
    artifact, data = load(out), read_dataset(court, 'train', '48')
    whole = load_network(artifact.network, out / WEIGHTS_FILE)
    samples = [[s for s in data.samples if where(s.map_from_camera) in part] for part in held]
    return np.abs(np.concatenate([
        answers(ensemble.extract_member(whole, i), np.stack([
            artifact.preprocess(read_image(s.path), data.camera) for s in part]))['position']
        - [s.map_from_camera.translation_m for s in part] for i, part in enumerate(samples)]))


@pytest.mark.long
def test_each_network_may_leave_out_other_images_which_all_calibrate(
        court: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts, fit = [], Member.fit

    def remember(self: Member, *more: Path | None) -> keras.Model:
        parts.append(tuple({where(pose) for pose in images.poses}
                           for images in (self.images, self.validation)))
        return fit(self, *more)
    monkeypatch.setattr(Member, 'fit', remember)
    out, again = tmp_path / 'model', tmp_path / 'again'
    assert train.main(arguments(
        court, out, '--set', 'cross_fit=true', '--set', 'validation=0.2')) == 0
    held = [part for _, part in parts]
    assert all(not kept & part for kept, part in parts)
    assert held[0] <= parts[1][0]
    assert held[1] <= parts[0][0]
    artifact = load(out)
    assert np.allclose(artifact.calibration.sigma_m, np.percentile(
        off(out, court, held), ONE_SIGMA, axis=0), rtol=1e-3)
    assert artifact.provenance['validation']['images'] == len(held[0]) + len(held[1])
    dataset = read_dataset(court, 'train', artifact.camera)
    assert {where(s.map_from_camera) for s in validation_set(artifact, dataset).samples} == {
        *held[0], *held[1]}
    assert Counter(artifact.train.place_images) == dict.fromkeys(range(len(dataset.samples)), 2)
    assert uncertainty.main(
        ['--model', str(out), '--data', str(court), '--out', str(again)]) == 0
    assert np.allclose(load(again).calibration.scale, artifact.calibration.scale, rtol=0.01)


@pytest.mark.parametrize('wrong', ['members=1', 'validation=0.3'])
def test_other_images_for_each_network_take_two_networks_and_enough_images(
        court: Path, tmp_path: Path, wrong: str) -> None:
    with pytest.raises(InputError, match=r'cross_fit takes at least 2 members.*members='):
        train.main(arguments(
            court, tmp_path / 'model', '--set', 'cross_fit=true', '--set', wrong))


@pytest.mark.parametrize('count', [0, 17])
def test_too_few_or_too_many_are_refused(court: Path, tmp_path: Path, count: int) -> None:
    with pytest.raises(InputError, match=f'members is out of range. Received: {count}'):
        train.main(arguments(court, tmp_path / 'model', '--set', f'members={count}'))
