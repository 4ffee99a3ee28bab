"""
Presets: the settings of a training, in sections.

A preset file (`training/presets/NAME.yaml`) is nested as :class:`Preset` is. `--set` takes
`section.key=value`; as no key is in two sections, `key=value` will do. Model folders keep the
flat keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from posenet_ros.errors import InputError
from posenet_ros.imaging.preprocess import Preprocess
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.training.data.augment import Augmentation
from posenet_ros.training.fitting.losses import LOSSES, NORMS
from posenet_ros.utils.files.text import read_text
from posenet_ros.utils.settings.assignments import read_assignments
from posenet_ros.utils.settings.nested import Sections
from posenet_ros.utils.suggestions import did_you_mean
import yaml

PRESET_FOLDER = Path(str(files('posenet_ros.training'))) / 'presets'
OPTIMIZERS = ('adamw', 'sgd')
PRECISIONS = ('float32', 'mixed_bfloat16', 'mixed_float16')


def _check(section: str, settings: object, checks: Mapping[str, bool]) -> None:
    for name, good in checks.items():
        if not good:
            raise InputError(f'{section}{name} is out of range. '
                             f'Received: {getattr(settings, name)!r}')


@dataclass(frozen=True)
class NetworkSettings:
    """The network, its initial weights and the layers that are trained."""

    backbone: str = 'efficientnet_lite0'  # see posenet_ros.networks.config
    members: int = 1  # of the ensemble, each from a seed of its own (seed, seed + 1, ...)
    weights: str = 'pretrained'  # or none, or a .weights.h5 file (networks.initial_weights)
    trainable_from: str = ''  # name of the first trained layer; those before are frozen
    frozen_norm: bool = False  # keep pretrained batch statistics: a batch's would add noise
    kept_versions: int = 0  # cache features of that many augmented versions of each image; 0: none
    input_width: int = 224  # pixels
    input_height: int = 224  # pixels
    short_side: int = 0  # of the base image, pixels; see posenet_ros.imaging.preprocess
    rotation: str = '6d'  # or quaternion
    pooling: str = 'spatial'  # or average
    head_width: int = 1024  # units of the fully connected layer before the pose
    dropout: float = 0.2  # rate before the pose layer

    def __post_init__(self) -> None:
        self.config()  # checks what it takes
        _check('network.', self, {'kept_versions': self.kept_versions == 0 or (
            0 < self.kept_versions <= 1000 and self.trainable_from != '')})

    def config(self, origin_m: Sequence[float] = (0, 0, 0),
               scale_m: Sequence[float] = (1, 1, 1)) -> NetworkConfig:
        """Return the network's settings for a scene with a centre and scale, metres."""
        return NetworkConfig(
            self.backbone, self.members, input_width=self.input_width,
            input_height=self.input_height, rotation=self.rotation, pooling=self.pooling,
            head_width=self.head_width, dropout=self.dropout, origin_m=tuple(origin_m),
            scale_m=tuple(scale_m))


@dataclass(frozen=True)
class LossSettings:
    """The loss, see :mod:`posenet_ros.training.fitting.losses`."""

    kind: str = 'learned'  # weights (Kendall and Cipolla 2017); or beta (Kendall 2015)
    form: str = 'l1'  # norm of the residuals: l1, l2 or huber
    beta: float = 500.0  # weight of the rotation, for kind beta
    sx: float = 0.0  # initial log-variance of the position, for kind learned
    sq: float = -3.0  # that of the rotation

    def __post_init__(self) -> None:
        _check('loss.', self, {'kind': self.kind in LOSSES, 'form': self.form in NORMS,
                               'beta': self.beta > 0})


@dataclass(frozen=True)
class OptimizerSettings:
    """The optimizer, and the average of the weights."""

    kind: str = 'adamw'  # or sgd
    learning_rate: float = 1e-3  # the highest, after the warm-up
    momentum: float = 0.9  # of sgd
    weight_decay: float = 1e-4  # but for biases and normalisation
    clip_norm: float = 0.0  # largest norm of the gradient; 0: not clipped
    ema: float = 0.0  # momentum of the average of the weights that is kept; 0: none

    def __post_init__(self) -> None:
        _check('optimizer.', self, {
            'kind': self.kind in OPTIMIZERS, 'learning_rate': self.learning_rate > 0,
            'momentum': 0 <= self.momentum < 1, 'weight_decay': 0 <= self.weight_decay < 1,
            'clip_norm': self.clip_norm >= 0, 'ema': 0 <= self.ema < 1})


@dataclass(frozen=True)
class Schedule:
    """The length of the training."""

    epochs: int = 100
    batch: int = 32  # images
    warmup_epochs: float = 1.0  # of the learning rate; a cosine then brings it down to 0

    def __post_init__(self) -> None:
        _check('schedule.', self, {'epochs': self.epochs >= 1, 'batch': self.batch >= 1,
                                   'warmup_epochs': self.warmup_epochs >= 0})


@dataclass(frozen=True)
class ValidationSettings:
    """The training images that are held out."""

    proportion: float = 0.1  # whole sequences where there are at least three, else blocks
    cross_fit: bool = False  # other images for each member, which calibrates on more places
    patience: int = 0  # epochs without improvement before an early stop; 0: none

    def __post_init__(self) -> None:
        _check('validation.', self, {'proportion': 0 < self.proportion < 0.5,
                                     'patience': self.patience >= 0})


@dataclass(frozen=True)
class UncertaintySettings:
    """The uncertainty heads, see :mod:`posenet_ros.training.uncertainty`."""

    sigma_versions: int = 2  # augmented versions of each image, and harder ones; 0: no heads
    false_alarms: float = 0.02  # proportion of held-out images beyond the place limit

    def __post_init__(self) -> None:
        _check('uncertainty.', self, {'sigma_versions': 0 <= self.sigma_versions <= 100,
                                      'false_alarms': 0 < self.false_alarms < 1})


@dataclass(frozen=True)
class Preset:
    """Everything a training depends on besides the data."""

    about: str  # one line: the preset's purpose
    network: NetworkSettings = field(default_factory=NetworkSettings)
    augmentation: Augmentation = field(default_factory=Augmentation)
    loss: LossSettings = field(default_factory=LossSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    schedule: Schedule = field(default_factory=Schedule)
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    uncertainty: UncertaintySettings = field(default_factory=UncertaintySettings)
    landmarks: bool = False  # map the landmarks that refine poses (posenet landmarks)
    precision: str = 'float32'  # or mixed_bfloat16, mixed_float16
    xla: bool = False  # compile with XLA; measured fourfold slower on a CPU
    seed: int = 0

    def __post_init__(self) -> None:
        _check('', self, {'precision': self.precision in PRECISIONS, 'seed': self.seed >= 0})
        self.preprocess()  # checks its sizes
        members, held = self.network.members, self.validation.proportion
        if self.validation.cross_fit and (members < 2 or members * held > 0.5):
            raise InputError('cross_fit takes at least 2 members, which together hold out half of '
                             f'the images at most. Received: members={members}, '
                             f'validation={held}')

    def preprocess(self) -> Preprocess:
        """Return the preprocessing from an image to the network's input."""
        network = self.network
        return Preprocess(network.input_width, network.input_height, network.short_side)

    @property
    def folds(self) -> int:
        """Return the number of cross-validation folds."""
        return self.network.members if self.validation.cross_fit else 1

    def to_mapping(self) -> dict[str, Any]:
        """Return the flat mapping, for a model folder or a checkpoint."""
        return LAYOUT.flatten(self)


LAYOUT = Sections(Preset, Preset('example'), {
    'loss': 'kind', 'optimizer': 'kind', 'validation': 'proportion'})


def preset_names() -> list[str]:
    """Return the names of the shipped presets."""
    return sorted(file.stem for file in PRESET_FOLDER.glob('*.yaml'))


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
    where = 'provenance.preset of artifact.json'
    return LAYOUT.build(LAYOUT.check(provenance.get('preset', {}), where), where)


def load_preset(name: str, overrides: Sequence[str] = ()) -> Preset:
    """
    Read a preset.

    :param name: of a file in training/presets, or a path to a .yaml file.
    :param overrides: `section.key=value` or `key=value`, values as in YAML.
    :raises InputError: on an unknown preset or key, a wrong type or a value out of range.
    """
    file = Path(name) if name.endswith('.yaml') else PRESET_FOLDER / f'{name}.yaml'
    if not file.is_file():
        raise InputError(f'the preset has to be one of {", ".join(preset_names())} or a .yaml '
                         f'file. Received: {name!r}{did_you_mean(name, preset_names())}')
    values = LAYOUT.check(_mapping(read_text(file), str(file)), str(file))
    for key, value in read_assignments(overrides, '--set'):
        values |= LAYOUT.check(_mapping(f'{key}: {value}', '--set'), f'--set {key}={value}')
    return LAYOUT.build(values, str(file) + (' and --set' if overrides else ''))
