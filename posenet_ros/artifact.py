"""
The model folder: everything inference needs, checked when it is loaded.

    artifact.json        settings, camera, calibration, provenance, SHA-256 of the other files
    network.weights.h5   Keras weights of the inference network
    network.tflite       the same network for LiteRT (CPU, no TensorFlow needed)
    network.int8.tflite  the same with 8-bit weights, where that is as good and faster
    train.npz            training poses and image descriptors, for the evaluator's baselines
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
import hashlib
import json
from pathlib import Path
from typing import Any
import zipfile

import numpy as np
from numpy.typing import NDArray
from posenet_ros.camera import Camera
from posenet_ros.config import from_mapping, NetworkConfig
from posenet_ros.errors import InputError
from posenet_ros.preprocess import Preprocess

FORMAT_VERSION = 1
ARTIFACT_FILE = 'artifact.json'
WEIGHTS_FILE = 'network.weights.h5'
LITERT_FILE = 'network.tflite'
INT8_FILE = 'network.int8.tflite'
TRAIN_FILE = 'train.npz'
FILES = (WEIGHTS_FILE, LITERT_FILE, TRAIN_FILE)
OPTIONAL_FILES = (INT8_FILE,)
KEYS = ('format_version', 'network', 'preprocess', 'camera', 'scene', 'calibration',
        'provenance', 'sha256')


@dataclass(frozen=True)
class Scene:
    """
    Where the training images were taken, in the dataset's frame.

    :param bounds_min_m: smallest x y z of the camera positions, metres.
    :param bounds_max_m: largest x y z, metres.
    """

    bounds_min_m: tuple[float, ...]
    bounds_max_m: tuple[float, ...]


@dataclass(frozen=True)
class Calibration:
    """
    Standard deviation of the error on held-out training frames.

    :param sigma_m: along x y z of the dataset's frame, metres.
    :param sigma_rad: rotation about the fixed x y z, radians.
    """

    sigma_m: tuple[float, ...]
    sigma_rad: tuple[float, ...]

    def __post_init__(self) -> None:
        values = (*self.sigma_m, *self.sigma_rad)
        if len(values) != 6 or not np.isfinite(values).all() or min(values) <= 0:
            raise InputError('a calibration has to hold 3 + 3 positive sigmas. '
                             f'Received: {self.sigma_m}, {self.sigma_rad}')


@dataclass(frozen=True, eq=False)
class TrainIndex:
    """
    The training set in short, for baselines.

    :param names: N image names.
    :param positions_m: (N, 3) camera positions in the dataset's frame, metres.
    :param quats_xyzw: (N, 4) `map_from_camera` rotations.
    :param descriptors: (N, D) pretrained features of the images, float16; D may be 0.
    """

    names: tuple[str, ...]
    positions_m: NDArray[np.float64]
    quats_xyzw: NDArray[np.float64]
    descriptors: NDArray[np.float16]

    def __post_init__(self) -> None:
        n = len(self.names)
        if (self.positions_m.shape != (n, 3) or self.quats_xyzw.shape != (n, 4)
                or self.descriptors.ndim != 2 or len(self.descriptors) != n):
            raise InputError(f'the arrays have to hold {n} rows each. Received: '
                             f'{self.positions_m.shape}, {self.quats_xyzw.shape}, '
                             f'{self.descriptors.shape}')


@dataclass(frozen=True, eq=False)
class Artifact:
    """
    A trained relocaliser, without its weights.

    :param camera: of the training images, at their full size.
    :param provenance: preset, dataset digest, commit, versions, seed, validation metrics.
    """

    network: NetworkConfig
    preprocess: Preprocess
    camera: Camera
    scene: Scene
    calibration: Calibration
    train: TrainIndex
    provenance: Mapping[str, Any]

    def __post_init__(self) -> None:
        expected = (self.network.input_width, self.network.input_height)
        if (self.preprocess.width, self.preprocess.height) != expected:
            raise InputError(f'the preprocessing has to give the network input {expected}. '
                             f'Received: {(self.preprocess.width, self.preprocess.height)}')
        self.preprocess.base_camera(self.camera)


@dataclass(frozen=True, eq=False)
class LoadedArtifact(Artifact):
    """
    An artifact that was read from a model folder and verified.

    :param folder: where it was read from.
    :param digest: SHA-256 of its artifact.json, which names the hash of every other file.
    """

    folder: Path
    digest: str


def _sha256(path: Path) -> str:
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest() if hasattr(
            hashlib, 'file_digest') else hashlib.sha256(file.read()).hexdigest()


def save(artifact: Artifact, folder: Path, write_network: Callable[[Path], None]) -> None:
    """
    Fill a model folder.

    :param folder: an existing empty folder, best from :func:`posenet_ros.output.new_folder`.
    :param write_network: is called with `folder` to write WEIGHTS_FILE and LITERT_FILE.
    """
    write_network(folder)
    train = artifact.train
    np.savez(folder / TRAIN_FILE, names=np.array(train.names, dtype=np.str_),
             positions_m=train.positions_m, quats_xyzw=train.quats_xyzw,
             descriptors=train.descriptors.astype(np.float16))
    content = {
        'format_version': FORMAT_VERSION,
        'network': asdict(artifact.network),
        'preprocess': asdict(artifact.preprocess),
        'camera': artifact.camera.to_mapping(),
        'scene': asdict(artifact.scene),
        'calibration': asdict(artifact.calibration),
        'provenance': dict(artifact.provenance),
        'sha256': {name: _sha256(folder / name) for name in FILES + OPTIONAL_FILES
                   if name in FILES or (folder / name).is_file()},
    }
    (folder / ARTIFACT_FILE).write_text(json.dumps(content, indent=2) + '\n')


def load(folder: Path | str) -> LoadedArtifact:
    """
    Read a model folder and verify it.

    :raises InputError: naming the file, and the key where there is one, when something is
        missing, damaged, unknown, or of a newer format.
    """
    folder = Path(folder)
    file = folder / ARTIFACT_FILE
    content = _read_json(file)
    _check_keys(content, file)
    _check_files(content['sha256'], folder)
    return LoadedArtifact(
        network=from_mapping(NetworkConfig, content['network'], f'{file}: network'),
        preprocess=from_mapping(Preprocess, content['preprocess'], f'{file}: preprocess'),
        camera=from_mapping(Camera, content['camera'], f'{file}: camera'),
        scene=from_mapping(Scene, content['scene'], f'{file}: scene'),
        calibration=from_mapping(Calibration, content['calibration'], f'{file}: calibration'),
        train=_load_train(folder / TRAIN_FILE),
        provenance=content['provenance'], folder=folder, digest=_sha256(file))


def _read_json(file: Path) -> dict[str, Any]:
    """Return the content of artifact.json."""
    if not file.is_file():
        raise InputError(f'{file} is missing: a model folder made by training.train is expected')
    try:
        content = json.loads(file.read_text())
    except ValueError as error:
        raise InputError(f'{file} is damaged: {error}') from error
    if not isinstance(content, dict):
        raise InputError(f'{file} has to hold a mapping. Received: {type(content).__name__}')
    return content


def _check_keys(content: Mapping[str, Any], file: Path) -> None:
    """Check the format's version first, for a newer one may have other keys."""
    version = content.get('format_version')
    if not isinstance(version, int) or version < 1:
        raise InputError(f"{file}: the key 'format_version' has to be a whole number from 1. "
                         f'Received: {version!r}')
    if version > FORMAT_VERSION:
        raise InputError(f"{file}: 'format_version' is {version}, newer than the "
                         f'{FORMAT_VERSION} that this posenet_ros reads: update posenet_ros')
    for key in KEYS:
        if key not in content:
            raise InputError(f'{file}: the key {key!r} is missing')
        if key != 'format_version' and not isinstance(content[key], dict):
            raise InputError(f'{file}: the key {key!r} has to hold a mapping. '
                             f'Received: {content[key]!r}')
    for key in content:
        if key not in KEYS:
            raise InputError(f'{file}: unknown key {key!r}')


def _check_files(hashes: Mapping[str, str], folder: Path) -> None:
    """Compare each file with its hash."""
    for name in FILES + OPTIONAL_FILES:
        if name in OPTIONAL_FILES and name not in hashes and not (folder / name).exists():
            continue
        if name not in hashes:
            raise InputError(f"{folder / ARTIFACT_FILE}: the key 'sha256.{name}' is missing")
        if not (folder / name).is_file():
            raise InputError(f'{folder / name} is missing: copy or train the model again')
        if _sha256(folder / name) != hashes[name]:
            raise InputError(f'{folder / name} is damaged: its SHA-256 is not that of the key '
                             f"'sha256.{name}' in {ARTIFACT_FILE}: copy or train it again")


def _load_train(file: Path) -> TrainIndex:
    """Read train.npz; pickled content is refused."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return TrainIndex(
                tuple(str(name) for name in arrays['names']), arrays['positions_m'],
                arrays['quats_xyzw'], arrays['descriptors'])
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f'{file} is damaged: {error}') from error
