"""Random valid inputs and small fixtures that several tests share."""

from __future__ import annotations

from dataclasses import replace
import os
from pathlib import Path

import cv2
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.preprocess import Preprocess
from posenet_ros.inference import artifact as artifacts
from posenet_ros.inference.artifact import Artifact
from posenet_ros.inference.calibration import Calibration, Scene
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.networks.config import NetworkConfig

ROOT = Path(__file__).resolve().parents[1]
REPORT_SCHEMA = ROOT / 'posenet_ros' / 'evaluation' / 'report' / 'report.schema.json'
CAMERA = Camera(64, 48, 50.0, 50.0, 31.5, 23.5)


def python_path(*folders: Path) -> str:
    """Return PYTHONPATH for a child: the tree, these folders, and what this process was given."""
    inherited = os.environ.get('PYTHONPATH', '')
    return os.pathsep.join(filter(None, [*map(str, (ROOT, *folders)), inherited]))


def unit_quaternions() -> st.SearchStrategy[np.ndarray]:
    """Return a strategy of (4,) unit quaternions, every rotation among them."""
    four = arrays(np.float64, 4, elements=st.floats(-1, 1))
    return four.filter(lambda q: np.linalg.norm(q) > 1e-2).map(lambda q: q / np.linalg.norm(q))


def poses(extent_m: float = 100.0) -> st.SearchStrategy[Pose]:
    """Return a strategy of poses within `extent_m` of the origin."""
    positions = arrays(np.float64, 3, elements=st.floats(-extent_m, extent_m))
    return st.builds(Pose, positions, unit_quaternions())


def cameras() -> st.SearchStrategy[Camera]:
    """Return a strategy of cameras without distortion, at most 400 pixels wide."""
    side, focal = st.integers(32, 400), st.floats(20, 800)
    return st.builds(Camera, side, side, focal, focal, st.floats(0, 399), st.floats(0, 399))


def random_image(camera: Camera, seed: int = 0) -> np.ndarray:
    """Return a (height, width, 3) RGB image of noise."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (camera.height, camera.width, 3), np.uint8)


def scene(seed: int = 0, size: tuple[int, int] = (224, 128)) -> np.ndarray:
    """Return an RGB picture with structure of all sizes, as photographs have."""
    rng = np.random.default_rng(seed)
    width, height = size
    layers = [cv2.resize(rng.normal(size=(max(height // n, 1), max(width // n, 1), 3)), size,
                         interpolation=cv2.INTER_CUBIC) * n ** 0.5 for n in (1, 3, 9, 27)]
    return np.clip(110 + 12 * sum(layers), 0, 255).astype(np.uint8)


def damaged_in_the_middle(file: bytes) -> bytes:
    """Return the bytes of a file with some in the middle exchanged."""
    at = len(file) // 2
    return file[:at] + bytes(byte ^ 0xff for byte in file[at:at + 8]) + file[at + 8:]


def tiny_artifact(train_count: int = 5) -> Artifact:
    """Return a model's settings for 64x48 images and a 32x32 input."""
    generator = np.random.default_rng(1)
    quats = generator.normal(size=(train_count, 4))
    index = TrainIndex(
        tuple(f'seq1/frame{i:05}.png' for i in range(train_count)),
        generator.uniform(-5, 5, (train_count, 3)),
        quats / np.linalg.norm(quats, axis=1, keepdims=True),
        generator.normal(size=(train_count, 8)).astype(np.float16))
    return Artifact(
        NetworkConfig(input_width=32, input_height=32, head_width=16), Preprocess(32, 32, 40),
        CAMERA, Scene((-5.0, -5.0, -5.0), (5.0, 5.0, 5.0)),
        Calibration((0.5, 0.5, 0.1), (0.02, 0.02, 0.05)), index, {'seed': 1})


def write_stand_in_network(folder: Path) -> None:
    """Write files that have the names of a network's and nothing of its content."""
    (folder / artifacts.WEIGHTS_FILE).write_bytes(b'weights')
    (folder / artifacts.LITERT_FILE).write_bytes(b'litert')


def with_distortion(camera: Camera) -> Camera:
    """Return the camera with a moderate barrel distortion."""
    return replace(camera, distortion=(-0.2, 0.05, 0.001, -0.001))
