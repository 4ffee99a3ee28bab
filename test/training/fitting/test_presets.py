"""Presets: all that are shipped load, and nothing unknown or out of range gets through."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from posenet_ros.errors import InputError
from posenet_ros.training.data.augment import Augmentation
from posenet_ros.training.fitting.presets import load_preset, Preset, preset_names
import pytest


@pytest.mark.parametrize('name', preset_names())
def test_every_shipped_preset_loads_and_says_what_it_is_for(name: str) -> None:
    preset = load_preset(name)
    assert 20 < len(preset.about) < 100
    assert preset.network((1, 2, 3)).origin_m == (1, 2, 3)
    assert preset.preprocess().width == preset.input_width


def test_the_paper_s_preset_is_the_paper_s() -> None:
    preset = load_preset('posenet')
    assert (preset.backbone, preset.rotation, preset.loss, preset.form, preset.beta) == (
        'posenet', 'quaternion', 'beta', 'l2', 500)
    assert (preset.short_side, preset.input_width, preset.input_height) == (256, 224, 224)
    assert preset.random_crop


def test_all_of_the_augmentation_can_be_set() -> None:
    assert {f.name for f in fields(Augmentation)} <= {f.name for f in fields(Preset)}


def test_set_changes_values() -> None:
    preset = load_preset('smoke', ['epochs=7', 'learning_rate=1e-4', 'form=huber', 'yaw_deg=1'])
    assert (preset.epochs, preset.learning_rate, preset.form) == (7, 1e-4, 'huber')
    assert preset.augmentation().yaw_deg == 1.0


@pytest.mark.parametrize(('setting', 'reason'), [
    ('epoch=3', "unknown key 'epoch'"), ('epochs=0', 'epochs is out of range. Received: 0'),
    ('epochs=many', 'type int'), ('epochs=1.5', 'type int'), ('xla=1', 'type bool'),
    ('learning_rate=fast', 'type float'), ('ema=1', 'ema is out of range'),
    ('yaw_deg=90', 'yaw_deg has to be within'), ('rotation=euler', 'rotation is out of range'),
    ('input_width=8', 'input_width is out of range'), ('epochs', 'has to be key=value'),
    ('validation=0', 'validation is out of range'), ('loss=mse', 'loss is out of range'),
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
    file.write_text('about: mine\n')
    assert load_preset(str(file)).backbone == 'efficientnet_lite0'
