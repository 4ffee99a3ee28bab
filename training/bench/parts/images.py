"""
Benchmark the image path, from message to network input, beside a plain implementation.

The plain one decodes, undistorts and resizes (by area) the whole image, then crops.
"""

from __future__ import annotations

import argparse
from array import array
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import decode_compressed, decode_raw
from posenet_ros.imaging.files import read_image
from posenet_ros.imaging.preprocess import Preprocess
from posenet_ros.inference.artifact import load
from posenet_ros.landmarks.features import detect, Features
from posenet_ros.landmarks.landmark_map import LandmarkMap, per_view_map
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.landmarks.options import DEFAULT_LOCALISER
from posenet_ros.training.bench.timing import time_interleaved, Timing

VIEWS = DEFAULT_LOCALISER.views
SIZES = ((640, 480), (1280, 720), (1920, 1080), (3840, 2160))
DISTORTION = (-0.2, 0.05, 0.001, -0.001)
LANDMARKS_PER_VIEW = 200  # typical of a training image
SUFFIXES = ('.jpg', '.jpeg', '.png')
MAX_BYTES = 1 << 29  # of images that are kept


def image_files(folder: Path) -> list[Path]:
    """
    Return the image files of a folder and those below it, in the order of their names.

    :raises InputError: when there is none.
    """
    found = sorted(file for file in folder.rglob('*') if file.suffix.lower() in SUFFIXES)
    if not found:
        raise InputError(f'--images has to be a folder with images ({", ".join(SUFFIXES)}). '
                         f'Received: {folder}')
    return found


def read_images(folder: Path, size: tuple[int, int]) -> list[RgbImage]:
    """Read the first images of a folder, as many as MAX_BYTES hold, and resize them."""
    count = max(MAX_BYTES // (3 * size[0] * size[1]), 1)
    return [np.asarray(cv2.resize(read_image(file), size), np.uint8)
            for file in image_files(folder)[:count]]


def textured_image(width: int, height: int) -> RgbImage:
    """Return an RGB image with edges and texture, so that its JPEG has a typical size."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (height // 40, width // 40, 3), np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    image += rng.integers(-9, 10, image.shape, np.int16)
    return np.clip(image, 0, 255).astype(np.uint8)


def preprocess_plainly(preprocess: Preprocess, image: RgbImage, camera: Camera) -> RgbImage:
    """Preprocess the whole image in plain steps."""
    if camera.distortion:
        image = np.asarray(cv2.undistort(image, camera.matrix, np.array(camera.distortion)),
                           np.uint8)
    size = preprocess.base_camera(camera).size
    method = cv2.INTER_AREA if size[0] < camera.width else cv2.INTER_LINEAR
    return preprocess.crop(np.asarray(cv2.resize(image, size, interpolation=method), np.uint8))


def make_landmark_map(features: Features) -> LandmarkMap:
    """Make a landmark map of an image's own features, seen in VIEWS training images."""
    rng = np.random.default_rng(0)
    total = len(features.points_normalized)
    count = min(LANDMARKS_PER_VIEW, total)
    chosen = np.concatenate([rng.permutation(total)[:count] for _ in range(VIEWS)])
    rays = np.c_[features.points_normalized[chosen], np.ones(len(chosen))]
    points = rays * rng.uniform(5, 20, (total, 1))[chosen]
    return per_view_map(np.zeros((VIEWS, 3)), np.tile((0.0, 0.0, 0.0, 1.0), (VIEWS, 1)),
                        points.astype(np.float32), features.descriptors[chosen],
                        np.arange(0, len(chosen) + 1, count, dtype=np.int32),
                        np.ones(VIEWS, np.float32))


def image_operations(preprocess: Preprocess,
                     size: tuple[int, int]) -> dict[str, Callable[[], object]]:
    """Return the operations on an image of a size, and their plain counterparts."""
    image = textured_image(*size)
    camera = Camera(*size, 0.8 * size[0], 0.8 * size[0], size[0] / 2, size[1] / 2)
    bent = replace(camera, distortion=DISTORTION)
    data = array('B', image.tobytes())
    jpeg = cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    small = decode_compressed(jpeg, 'jpeg', preprocess.reduction)
    features = detect(image, camera)
    localiser = LandmarkLocaliser(make_landmark_map(features))
    raw = partial(decode_raw, data, size=size, step=3 * size[0], is_bigendian=0)
    return {
        'decode rgb8': partial(raw, 'rgb8'), 'decode bgr8': partial(raw, 'bgr8'),
        'decode jpeg': partial(decode_compressed, jpeg, 'jpeg', preprocess.reduction),
        'decode jpeg, plain': partial(decode_compressed, jpeg, 'jpeg'),
        'prepare': partial(preprocess, image, camera),
        'prepare jpeg': partial(preprocess, small, camera),
        'prepare, plain': partial(preprocess_plainly, preprocess, image, camera),
        'features': partial(detect, image, camera),
        'refine': partial(localiser.localise, features, Pose()),
        'undistort and prepare': partial(preprocess, image, bent),
        'undistort and prepare, plain': partial(preprocess_plainly, preprocess, image, bent)}


def measure(preprocess: Preprocess, runs: int, quick: bool) -> dict[str, dict[str, Timing]]:
    """Return size -> operation -> timing, on one thread."""
    cv2.setNumThreads(1)
    sizes = SIZES[:1] if quick else SIZES
    return {f'{w}x{h}': time_interleaved(image_operations(preprocess, (w, h)), runs)
            for w, h in sizes}


def benchmark(options: argparse.Namespace) -> dict[str, dict[str, Timing]]:
    """Benchmark the preprocessing of the options' model."""
    return measure(load(options.model).preprocess, 5 if options.quick else 40, options.quick)
