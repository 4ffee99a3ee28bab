"""Presets: the settings of a training, from `training/presets/NAME.yaml` and `--set`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from posenet_ros.errors import InputError
from posenet_ros.imaging.preprocess import Preprocess
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.training.data.augment import Augmentation
from posenet_ros.training.fitting.losses import LOSSES, NORMS
from posenet_ros.utils.settings import from_mapping
import yaml

PRESETS = Path(str(files('posenet_ros.training'))) / 'presets'
OPTIMIZERS = ('adamw', 'sgd')
PRECISIONS = ('float32', 'mixed_bfloat16', 'mixed_float16')


@dataclass(frozen=True)
class Preset:
    """
    Everything a training depends on besides the data.

    :param about: one line: what the preset is for.
    :param members: networks that are trained, each from a seed of its own (`seed`, `seed` + 1,
        ...); they answer together, with the mean of their poses.
    :param cross_fit: each of them leaves out other images than the others, which tell how far off
        it is: together they tell more, of more places (cross-fitting).
    :param weights: `pretrained`, `none` or a .weights.h5 file, see
        :mod:`posenet_ros.networks.initial_weights`.
    :param trainable_from: first layer that is trained, by name; those before stay as they are.
    :param frozen_norm: batch normalisation keeps its pretrained statistics and scales: those of a
        batch would add noise to every metre that is answered.
    :param kept_versions: how many augmented versions of each image are put through the layers
        before `trainable_from` once, in the beginning, instead of new ones in each epoch (0).
    :param short_side: of the base image, pixels; see posenet_ros.imaging.preprocess.
    :param loss: `beta` (with `beta`) or `learned` (which starts at `sx` and `sq`).
    :param form: `l1`, `l2` or `huber`.
    :param learning_rate: its highest value, reached after `warmup_epochs`; a cosine then brings
        it down to 0.
    :param clip_norm: longest gradient; 0 does not clip.
    :param ema: momentum of the average of the weights that is kept in the end; 0 switches it off.
    :param patience: stop after this many epochs without a better validation; 0 never does.
    :param validation: share of the training images that is held out, as whole sequences where
        there are at least three, else as blocks.
    :param landmarks: find the landmarks that poses can be refined by (training.landmarks).
    :param sigma_versions: how many augmented versions of each image, and how many that are worse
        than in training, teach the network how sure it is when it is finished; 0 leaves that out.
    :param false_alarms: share of the held-out images that may be taken for another place: sets the
        limit that is stored with the model, between that of images as they are and augmented.
    :param xla: compile with XLA; measured fourfold slower on a CPU.
    """

    about: str
    backbone: str = 'efficientnet_lite0'
    members: int = 1
    cross_fit: bool = False
    weights: str = 'pretrained'
    trainable_from: str = ''
    frozen_norm: bool = False
    kept_versions: int = 0
    input_width: int = 224
    input_height: int = 224
    short_side: int = 0
    rotation: str = '6d'
    pooling: str = 'spatial'
    head_width: int = 1024
    dropout: float = 0.2
    loss: str = 'learned'
    form: str = 'l1'
    beta: float = 500.0
    sx: float = 0.0
    sq: float = -3.0
    random_crop: bool = False
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    shift: float = 0.0
    colour: float = 0.0
    light: float = 0.0
    blur_px: float = 0.0
    noise: float = 0.0
    occlusions: int = 0
    epochs: int = 100
    batch: int = 32
    optimizer: str = 'adamw'
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 1e-4
    warmup_epochs: float = 1.0
    clip_norm: float = 0.0
    ema: float = 0.0
    patience: int = 0
    validation: float = 0.1
    precision: str = 'float32'
    landmarks: bool = False
    sigma_versions: int = 2
    false_alarms: float = 0.02
    xla: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        self.augmentation(), self.preprocess(), self.network()  # each checks its own part
        checks = {
            'loss': self.loss in LOSSES, 'form': self.form in NORMS, 'beta': self.beta > 0,
            'kept_versions': self.kept_versions == 0 or (
                0 < self.kept_versions <= 1000 and self.trainable_from != ''),
            'epochs': self.epochs >= 1, 'batch': self.batch >= 1,
            'optimizer': self.optimizer in OPTIMIZERS, 'learning_rate': self.learning_rate > 0,
            'momentum': 0 <= self.momentum < 1, 'weight_decay': 0 <= self.weight_decay < 1,
            'warmup_epochs': self.warmup_epochs >= 0, 'clip_norm': self.clip_norm >= 0,
            'ema': 0 <= self.ema < 1, 'patience': self.patience >= 0,
            'validation': 0 < self.validation < 0.5, 'precision': self.precision in PRECISIONS,
            'sigma_versions': 0 <= self.sigma_versions <= 100,
            'false_alarms': 0 < self.false_alarms < 1, 'seed': self.seed >= 0}
        for name, good in checks.items():
            if not good:
                raise InputError(f'{name} is out of range. Received: {getattr(self, name)!r}')
        if self.cross_fit and (self.members < 2 or self.members * self.validation > 0.5):
            raise InputError('cross_fit takes at least 2 members, which together hold out half of '
                             f'the images at most. Received: members={self.members}, '
                             f'validation={self.validation}')

    def _part(self, cls: type[Any], **more: Any) -> Any:  # noqa: ANN401
        preset_names = {f.name for f in fields(cls)} - set(more)
        mine = asdict(self)
        return cls(**{name: mine[name] for name in preset_names if name in mine}, **more)

    def augmentation(self) -> Augmentation:
        """Return the settings of the augmentation."""
        part: Augmentation = self._part(Augmentation)
        return part

    def preprocess(self) -> Preprocess:
        """Return the preprocessing from an image to the network's input."""
        return Preprocess(self.input_width, self.input_height, self.short_side)

    @property
    def folds(self) -> int:
        """Number of cross-validation folds."""
        return self.members if self.cross_fit else 1

    def network(self, origin_m: Sequence[float] = (0, 0, 0),
                scale_m: Sequence[float] = (1, 1, 1)) -> NetworkConfig:
        """Return the settings of a network for a scene of that centre and size, metres."""
        part: NetworkConfig = self._part(
            NetworkConfig, origin_m=tuple(origin_m), scale_m=tuple(scale_m))
        return part


def preset_names() -> list[str]:
    """Return the names of the shipped presets."""
    return sorted(file.stem for file in PRESETS.glob('*.yaml'))


def _number_as_asked(value: Any, example: Any) -> Any:  # noqa: ANN401
    """Return 1 as 1.0 where a fraction is expected, and 1e-3 (text to YAML) as 0.001."""
    if isinstance(example, float) and not isinstance(value, bool):
        try:
            return float(value)
        except (TypeError, ValueError):
            return value
    return value


def _typed(mapping: dict[str, Any], where: str) -> dict[str, Any]:
    examples = asdict(Preset('example'))
    typed = {}
    for key, value in mapping.items():
        if key in examples:
            value = _number_as_asked(value, examples[key])
            if type(value) is not type(examples[key]):
                raise InputError(f'{where}: {key} has to be of the type '
                                 f'{type(examples[key]).__name__}. Received: {value!r}')
        typed[key] = value
    return typed


def _mapping(text: str, where: str) -> dict[str, Any]:
    try:
        mapping = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f'{where} has to be YAML. Received: {error}') from error
    if not isinstance(mapping, dict):
        raise InputError(f'{where} has to be a mapping of names to values. Received: '
                         f'{text[:60]!r}')
    return mapping


def preset_of(provenance: Mapping[str, Any]) -> Preset:
    """
    Return the preset that a model was trained with.

    :raises InputError: on a preset that this version does not know.
    """
    return from_mapping(Preset, provenance['preset'], 'provenance.preset of artifact.json')


def load_preset(name: str, overrides: Sequence[str] = ()) -> Preset:
    """
    Read a preset.

    :param name: of a file in training/presets, or a path to a .yaml file.
    :param overrides: `key=value`, values as in YAML.
    :raises InputError: on an unknown preset or key, a wrong type or a value out of range.
    """
    file = Path(name) if name.endswith('.yaml') else PRESETS / f'{name}.yaml'
    if not file.is_file():
        raise InputError(f'the preset has to be one of {", ".join(preset_names())} or a .yaml '
                         f'file. Received: {name!r}')
    mapping = _typed(_mapping(file.read_text(), str(file)), str(file))
    for override in overrides:
        key, equals, value = override.partition('=')
        if not equals:
            raise InputError(f'--set has to be key=value. Received: {override!r}')
        mapping |= _typed(_mapping(f'{key}: {value}', '--set'), f'--set {override}')
    return from_mapping(Preset, mapping, str(file) + (' and --set' if overrides else ''))
