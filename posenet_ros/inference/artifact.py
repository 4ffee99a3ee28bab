"""
The model folder: everything inference needs, checked when it is loaded.

    artifact.json        settings, camera, calibration, provenance, SHA-256 of the other files
    landmarks.npz        the map: landmarks of the scene, and the views that see them
    tiles/0000.npz ...   the landmarks of a large map, by place
    network.weights.h5   Keras weights of the inference network
    network.tflite       the same network for LiteRT (CPU, no TensorFlow needed)
    network.int8.tflite  the same with 8-bit weights, where that is as good and faster
    head.tflite          its last layers alone, for Monte-Carlo dropout
    train.npz            training poses, image descriptors for the evaluator's baselines, and the
                         global descriptors that tell places apart

A folder has a map, a network, or both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
import json
from pathlib import Path
import re
from typing import Any

from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.imaging.preprocess import Preprocess
from posenet_ros.inference import train_index
from posenet_ros.inference.calibration import Calibration, HeldOut, Scene
from posenet_ros.inference.map_frame import Scale, Up
from posenet_ros.inference.private_copy import PrivateCopy, sha256
from posenet_ros.inference.provenance import check_provenance, content_hash, is_edited, Provenance
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.utils.files.typed_json import read_mapping
from posenet_ros.utils.settings.schema import from_mapping, typed_value

# 1 had one covariance for all images, 2 one network, 3 no landmarks, 4 no misfit_power, 5 no
# place_images, 6 always a network and neither scale nor up, 7 no held_out, 8 no origin_m; all
# are read
FORMAT_VERSION = 9
ARTIFACT_FILE = 'artifact.json'
WEIGHTS_FILE = 'network.weights.h5'
LITERT_FILE = 'network.tflite'
INT8_FILE = 'network.int8.tflite'
HEAD_FILE = 'head.tflite'
TRAIN_FILE = 'train.npz'
LANDMARKS_FILE = 'landmarks.npz'
TILES_FOLDER, TILE_FILE = 'tiles', re.compile(r'tiles/\d{4,}\.npz')
NETWORK_FILES = (WEIGHTS_FILE, LITERT_FILE, TRAIN_FILE)  # that a folder with a network has
MAP_FILES = (TRAIN_FILE, LANDMARKS_FILE)  # and one without
FILES = (WEIGHTS_FILE, LITERT_FILE, TRAIN_FILE, INT8_FILE, HEAD_FILE, LANDMARKS_FILE)
KEYS = ('format_version', 'network', 'preprocess', 'camera', 'scene', 'calibration',
        'provenance', 'sha256')
SECTIONS: Mapping[str, type] = {
    'scale': Scale, 'up': Up, 'held_out': HeldOut, 'preprocess': Preprocess, 'camera': Camera,
    'scene': Scene, 'calibration': Calibration}
OPTIONAL_KEYS = ('scale', 'up', 'held_out')


@dataclass(frozen=True, eq=False)
class Artifact:
    """
    A relocaliser, without its weights and its landmarks.

    :param network: None for a map alone.
    :param camera: of the training images, at their full size.
    :param provenance: preset, dataset digest, commit, versions, seed, validation metrics.
    :param held_out: images that calibrated poses by landmarks; none in older folders.
    """

    network: NetworkConfig | None
    preprocess: Preprocess
    camera: Camera
    scene: Scene
    calibration: Calibration
    train: TrainIndex
    provenance: Mapping[str, Any]
    scale: Scale = field(default_factory=Scale)
    up: Up = field(default_factory=Up)
    held_out: HeldOut = field(default_factory=HeldOut)

    def __post_init__(self) -> None:
        if self.network:
            self._check_network(self.network)
        elif not self.calibration.refined_scale or self.calibration.place_limit:
            raise InputError("without a network the calibration has to have 'refined_scale' and "
                             'no place limit: make the map anew by posenet map. Received: '
                             f'{self.calibration.refined_scale}, {self.calibration.place_limit}')
        self.preprocess.base_camera(self.camera)

    def require_network(self, purpose: str) -> NetworkConfig:
        """
        Return the settings of the network.

        :param purpose: what it is needed for, in a word or two.
        :raises InputError: when there is none.
        """
        if self.network is None:
            raise InputError(f'{purpose} needs a model folder with a network: add one by posenet '
                             'train --map. Received: one with a map alone')
        return self.network

    def _check_network(self, network: NetworkConfig) -> None:
        expected = (network.input_width, network.input_height)
        if (self.preprocess.width, self.preprocess.height) != expected:
            raise InputError(f'the preprocessing has to give the network input {expected}. '
                             f'Received: {(self.preprocess.width, self.preprocess.height)}')
        if self.calibration.place_limit and (
                not len(self.train.global_descriptors)
                or self.train.global_descriptors.shape[1] != network.descriptor_size):
            raise InputError('a place limit needs global descriptors of '
                             f'{network.descriptor_size} numbers. Received: an array '
                             f'{self.train.global_descriptors.shape}')


@dataclass(frozen=True, eq=False)
class LoadedArtifact(Artifact):
    """
    An artifact that was read from a model folder and verified.

    :param folder: where it was read from.
    :param digest: SHA-256 of its artifact.json, which names the hash of every other file.
    :param edited: whether artifact.json was edited after it was written; False in older folders.
    :param copy: what is read instead of the folder, None for the folder itself.
    """

    folder: Path = field(kw_only=True)
    digest: str = field(kw_only=True)
    edited: bool = field(kw_only=True, default=False)
    copy: PrivateCopy | None = None

    @property
    def history(self) -> Provenance:
        """Return what is read of the provenance: the changelog and the like."""
        return check_provenance(self.provenance, self.folder / ARTIFACT_FILE)

    def file(self, name: str) -> Path:
        """Return where a file of the folder is read; one that it lacks does not exist there."""
        return self.copy.file(name) if self.copy else self.folder / name

    @contextmanager
    def opened(self, name: str) -> Iterator[Path]:
        """Yield where a file is read that is needed once; its copy takes no memory afterwards."""
        yield self.file(name)
        if self.copy:
            self.copy.release(name)


def save(artifact: Artifact, folder: Path,
         write_network: Callable[[Path], None] | None = None) -> None:
    """
    Fill a model folder.

    :param folder: an existing folder, empty or of this model, best from
        :func:`posenet_ros.utils.atomic_folder.new_folder`.
        LANDMARKS_FILE has to be there where the artifact has no network.
    :param write_network: is called with `folder` to write WEIGHTS_FILE and LITERT_FILE; None
        keeps those that are there.
    """
    if write_network:
        write_network(folder)
    train_index.save(artifact.train, folder / TRAIN_FILE)
    content: dict[str, Any] = {
        'format_version': FORMAT_VERSION,
        'network': asdict(artifact.network) if artifact.network else None,
        'preprocess': asdict(artifact.preprocess),
        'camera': artifact.camera.to_mapping(),
        **{name: asdict(getattr(artifact, name))
           for name in ('scene', 'calibration', 'scale', 'up', 'held_out')},
        'provenance': dict(artifact.provenance),
        'sha256': {name: sha256(folder / name) for name in (*FILES, *tile_files(folder))
                   if name in _required(artifact.network) or (folder / name).is_file()}}
    content['sha256'][ARTIFACT_FILE] = content_hash(content)
    (folder / ARTIFACT_FILE).write_text(json.dumps(content, indent=2) + '\n')


def load(folder: Path | str, copy: PrivateCopy | None = None) -> LoadedArtifact:
    """
    Read a model folder and verify it.

    :param copy: of the folder, which is read in its place: each file then is verified when it is
        copied.
    :raises InputError: naming the file, and the key where there is one, when something is
        missing, damaged, unknown, or of a newer format.
    """
    folder = Path(folder)
    file = folder / ARTIFACT_FILE
    where = copy.file if copy else folder.joinpath
    content = _read_json(file, where(ARTIFACT_FILE))
    _check_keys(content, file)
    check_provenance(content['provenance'], file)
    typed_value(content['sha256'], dict[str, str], f'{file}: sha256')
    _check_files(content['sha256'], _required(content['network']), folder, copy)
    parts: dict[str, Any] = {
        'network': None if content['network'] is None else from_mapping(
            NetworkConfig, content['network'], f'{file}: network'),
        **{name: from_mapping(kind, content.get(name, {}), f'{file}: {name}')
           for name, kind in SECTIONS.items()},
        'train': train_index.load(where(TRAIN_FILE)), 'provenance': content['provenance'],
        'folder': folder, 'digest': sha256(where(ARTIFACT_FILE)), 'copy': copy,
        'edited': is_edited(content)}
    try:
        return LoadedArtifact(**parts)
    except InputError as error:  # parts that do not fit each other
        raise InputError(f'{file}: {error}') from error


def tile_files(folder: Path) -> list[str]:
    """Return the names of a folder's tiles of landmarks, in their order."""
    names = (f'{TILES_FOLDER}/{file.name}' for file in (folder / TILES_FOLDER).glob('*.npz'))
    return sorted((name for name in names if TILE_FILE.fullmatch(name)),
                  key=lambda name: (len(name), name))


def _required(network: object) -> tuple[str, ...]:
    """Return the files that a folder has to have, with its network's settings or None."""
    return MAP_FILES if network is None else NETWORK_FILES


def _read_json(file: Path, source: Path) -> dict[str, Any]:
    """Read artifact.json, or the copy of it that `source` is."""
    if not source.is_file():
        raise InputError(f'{file} is missing: a model folder made by posenet map or train is '
                         'expected')
    return read_mapping(source)


def _check_keys(content: Mapping[str, Any], file: Path) -> None:
    """Check format version and keys; the version first, as a newer one may have other keys."""
    version = content.get('format_version')
    if type(version) is not int or version < 1:  # true is no number
        raise InputError(f"{file}: the key 'format_version' has to be a whole number from 1. "
                         f'Received: {version!r}')
    if version > FORMAT_VERSION:
        raise InputError(f"{file}: 'format_version' is {version}, newer than the "
                         f'{FORMAT_VERSION} that this posenet_ros reads: update posenet_ros')
    for key in KEYS:
        if key not in content:
            raise InputError(f'{file}: the key {key!r} is missing')
    for key, value in content.items():
        if key not in KEYS + OPTIONAL_KEYS:
            raise InputError(f'{file}: unknown key {key!r}')
        if key == 'format_version' or (key == 'network' and value is None):
            continue
        if not isinstance(value, dict):
            raise InputError(f'{file}: the key {key!r} has to hold a mapping. Received: {value!r}')


def _check_files(hashes: Mapping[str, str], required: Sequence[str], folder: Path,
                 copy: PrivateCopy | None) -> None:
    """Compare each file with its hash, at once or when it is copied."""
    tiles = {*filter(TILE_FILE.fullmatch, hashes), *tile_files(folder)}
    for name in (*FILES, *sorted(tiles)):
        if name not in (*required, *hashes) and not (folder / name).exists():
            continue
        if name not in hashes:
            raise InputError(f"{folder / ARTIFACT_FILE}: the key 'sha256.{name}' is missing")
        if not (folder / name).is_file():
            raise InputError(f'{folder / name} is missing: copy or train the model again')
        if copy is None:
            _check_digest(hashes, folder, name, sha256(folder / name))
    if copy:
        copy.check = partial(_check_digest, hashes, folder)


def _check_digest(hashes: Mapping[str, str], folder: Path, name: str, digest: str) -> None:
    if digest != hashes.get(name):
        raise InputError(
            f'{folder / name} is damaged, or of another model: its SHA-256 is not that of the key '
            f"'sha256.{name}' in {ARTIFACT_FILE}: copy or train it again")
