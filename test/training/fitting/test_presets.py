"""Presets: all that are shipped load, and nothing unknown or out of range gets through."""

from __future__ import annotations

from dataclasses import fields
import json
from pathlib import Path

from posenet_ros.errors import InputError
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.training import train
from posenet_ros.training.fitting.presets import (
    LAYOUT,
    load_preset,
    Preset,
    preset_names,
    preset_of,
)
import pytest

OLD = """
about: a preset file from before there were sections
weights: none
loss: beta
form: l2
optimizer: sgd
momentum: 0.8
epochs: 4
shift: 0.1
validation: 0.2
sigma_versions: 1
"""


@pytest.mark.parametrize('name', preset_names())
def test_every_shipped_preset_loads_and_says_what_it_is_for(name: str) -> None:
    preset = load_preset(name)
    assert 20 < len(preset.about) < 100
    assert preset.network.config((1, 2, 3)).origin_m == (1, 2, 3)
    assert preset.preprocess().width == preset.network.input_width


def test_the_paper_s_preset_is_the_paper_s() -> None:
    preset = load_preset('posenet')
    network, loss = preset.network, preset.loss
    assert (network.backbone, network.rotation, loss.kind, loss.form, loss.beta) == (
        'posenet', 'quaternion', 'beta', 'l2', 500)
    assert (network.short_side, network.input_width, network.input_height) == (256, 224, 224)
    assert preset.augmentation.random_crop


def test_all_of_the_network_s_settings_reach_it() -> None:
    preset = load_preset('smoke', [
        'network.backbone=posenet', 'members=3', 'input_width=96', 'input_height=80',
        'rotation=quaternion', 'pooling=spatial', 'head_width=7', 'dropout=0.3'])
    assert preset.network.config((1, 2, 3), (4, 5, 6)) == NetworkConfig(
        'posenet', 3, '', 96, 80, 'quaternion', 'spatial', 7, 0.3, origin_m=(1, 2, 3),
        scale_m=(4, 5, 6))


def test_no_key_is_in_two_sections() -> None:
    keys = [f.name for section in LAYOUT.sections.values() for f in fields(section)]
    keys += [f.name for f in fields(Preset)]
    twice = {key for key in keys if keys.count(key) > 1}
    assert twice == {'kind'}, 'a flat key has to be unambiguous'
    assert len(LAYOUT.keys) == len(keys) - len(LAYOUT.sections)


def test_set_changes_values() -> None:
    preset = load_preset('smoke', [
        'schedule.epochs=7', 'learning_rate=1e-4', 'form=huber', 'augmentation.yaw_deg=1'])
    assert (preset.schedule.epochs, preset.optimizer.learning_rate) == (7, 1e-4)
    assert preset.loss.form == 'huber'
    assert preset.augmentation.yaw_deg == 1.0
    assert load_preset('smoke', ['loss=beta', 'loss.beta=9', 'epochs=3', 'schedule.epochs=4'],
                       ) == load_preset('smoke', ['loss={kind: beta, beta: 9}', 'epochs=4'])


def test_several_values_follow_one_set() -> None:
    options = train.parser().parse_args([
        '--preset', 'smoke', '--set', 'a=1', 'b.c=2', '--data', 'd', '--set', 'e=3', '--out', 'o'])
    assert options.settings == ['a=1', 'b.c=2', 'e=3']


def test_files_from_before_there_were_sections_read(tmp_path: Path) -> None:
    file = tmp_path / 'old.yaml'
    file.write_text(OLD)
    preset = load_preset(str(file))
    assert preset.network.weights == 'none'
    assert (preset.loss.kind, preset.loss.form) == ('beta', 'l2')
    assert (preset.optimizer.kind, preset.optimizer.momentum) == ('sgd', 0.8)
    assert (preset.schedule.epochs, preset.augmentation.shift) == (4, 0.1)
    assert (preset.validation.proportion, preset.uncertainty.sigma_versions) == (0.2, 1)


def test_a_model_folder_keeps_the_flat_keys() -> None:
    preset = load_preset('best', ['loss=beta', 'validation=0.2', 'optimizer=sgd'])
    flat = preset.to_mapping()
    assert (flat['loss'], flat['validation'], flat['optimizer']) == ('beta', 0.2, 'sgd')
    assert (flat['members'], flat['shift'], flat['seed']) == (2, 0.08, 0)
    assert not any(isinstance(value, dict) for value in flat.values())
    assert preset_of({'preset': json.loads(json.dumps(flat))}) == preset
    del flat['about']
    with pytest.raises(InputError, match=r"artifact.json: the key 'about' is missing"):
        preset_of({'preset': flat})


@pytest.mark.parametrize(('setting', 'reason'), [
    ('epoch=3', "unknown key 'epoch'; did you mean epochs"),
    ('augmentation.shft=1', "'augmentation.shft'; did you mean augmentation.shift"),
    ('optimizer.epochs=1', "'optimizer.epochs'; did you mean schedule.epochs"),
    ('loss={beta: 1, loss.beta: 2}', "unknown key 'loss.loss.beta'"),
    ('zzz=3', r"unknown key 'zzz'. Known keys: about, backbone, .*seed"),
    ('seed=-1', 'seed is out of range'), ('beta=0', 'loss.beta is out of range'),
    ('patience=-1', 'patience is out of range'), ('precision=int8', 'precision is out of range'),
    ('sigma_versions=101', 'sigma_versions is out of range'),
    ('epochs=0', 'epochs is out of range. Received: 0'),
    ('epochs=many', 'type int'), ('epochs=true', 'type int'), ('epochs=1.5', 'type int'),
    ('xla=1', 'type bool'),
    ('learning_rate=fast', 'type float'), ('ema=1', 'ema is out of range'),
    ('yaw_deg=90', 'yaw_deg has to be within'), ('rotation=euler', 'rotation is out of range'),
    ('input_width=8', 'input_width is out of range'), ('epochs', 'has to be KEY=VALUE'),
    ('validation=0', 'validation.proportion is out of range'),
    ('loss=mse', 'loss.kind is out of range'), ('optimizer=adam', 'optimizer.kind is out'),
    ('epochs=[', 'has to be YAML'),
])
def test_a_bad_setting_is_refused(setting: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        load_preset('smoke', [setting])


def test_an_unknown_preset_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'one of best, demo, .*Received: .fast'):
        load_preset('fast')
    file = tmp_path / 'mine.yaml'
    file.write_text('about: mine\nspeed: 3\n')
    with pytest.raises(InputError, match=r"mine.yaml.* unknown key 'speed'"):
        load_preset(str(file))
    file.write_text('- a list\n')
    with pytest.raises(InputError, match='mapping'):
        load_preset(str(file))
    file.write_text('about: mine\nepochs: 3\nschedule: {epochs: 3}\n')
    with pytest.raises(InputError, match=r'schedule\.epochs is set twice'):
        load_preset(str(file))
    file.write_text('about: mine\n')
    assert load_preset(str(file)).network.backbone == 'efficientnet_lite0'
