"""
Read a dataset folder: images with poses as samples; every bad line is reported.

The layouts are those of :mod:`posenet_ros.datasets.layouts`: Cambridge Landmarks,
7-Scenes, TUM RGB-D, nerfstudio, COLMAP.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
import hashlib
from pathlib import Path

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.datasets import cameras
from posenet_ros.datasets import layouts as readers
from posenet_ros.datasets.cameras import camera_in_file
from posenet_ros.datasets.dataset_rows import DatasetRow, validate_row
from posenet_ros.datasets.layouts import CAMERA_FILE
from posenet_ros.datasets.tolerance import check_rejected, MAX_REJECTED
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.camera_text import camera_from_text
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.files import image_size, try_image
from posenet_ros.utils.parallel import ordered_map

SPLITS = ('train', 'test')
THREADS = 4
MAX_DISTANCE_M = 1e5  # from the middle of the dataset: beyond that, 32 bits are too coarse
FAR_M = 1e4  # from the origin: beyond that, an origin nearby is taken
ORIGIN_STEP_M = 100.0  # of which its coordinates are multiples


@dataclass(frozen=True)
class Sample:
    """
    An image with its pose.

    :param path: of the image file.
    :param name: path within the dataset.
    :param map_from_camera: pose of the camera (optical convention) in the dataset's frame.
    :param sequence: name of its sequence (walk).
    """

    path: Path
    name: str
    map_from_camera: Pose
    sequence: str


@dataclass(frozen=True)
class Dataset:
    """
    The valid samples of one split.

    :param camera: of all images.
    :param rejected: a message for each invalid line: file, line number, reason.
    :param origin_m: x y z that was subtracted from all positions.
    """

    name: str
    samples: tuple[Sample, ...]
    camera: Camera
    rejected: tuple[str, ...] = ()
    origin_m: tuple[float, ...] = (0.0, 0.0, 0.0)

    @property
    def positions_m(self) -> Floats:
        """(N, 3) camera centres, metres."""
        return np.array([s.map_from_camera.translation_m for s in self.samples])

    @property
    def quats_xyzw(self) -> Floats:
        """(N, 4) unit quaternions of map_from_camera."""
        return np.array([s.map_from_camera.quat_xyzw for s in self.samples])

    def subset(self, indices: Iterable[int]) -> Dataset:
        """Select samples by their indices."""
        chosen = tuple(self.samples[i] for i in indices)
        return replace(self, samples=chosen)

    def near_origin(self) -> Dataset:
        """
        Return the dataset relative to an origin nearby, where its own is far, as in UTM.

        What holds 32 bits, as networks and landmarks, is exact then.
        """
        if np.abs(self.positions_m).max() <= FAR_M:
            return self
        middle = np.median(self.positions_m, axis=0) + self.origin_m
        return self.relative_to((np.round(middle / ORIGIN_STEP_M) * ORIGIN_STEP_M).tolist())

    def relative_to(self, origin_m: Sequence[float]) -> Dataset:
        """Return the dataset with its positions relative to an origin x y z of its frame."""
        step = np.array(self.origin_m) - origin_m
        if not step.any():
            return self
        samples = tuple(replace(sample, map_from_camera=Pose(step) @ sample.map_from_camera)
                        for sample in self.samples)
        return replace(self, samples=samples, origin_m=tuple(origin_m))

    def digest(self) -> str:
        """Return the SHA-256 of all names, poses and image files."""
        whole = hashlib.sha256()
        for sample in self.samples:
            pose = sample.map_from_camera
            numbers = [*pose.translation_m.tolist(), *pose.quat_xyzw.tolist()]
            whole.update(f'{sample.name} {numbers}\n'.encode())
            whole.update(hashlib.sha256(sample.path.read_bytes()).digest())
        return whole.hexdigest()

    def summary(self) -> list[str]:
        """Summarise counts, extent, path, camera and up axis, for a check before training."""
        positions, camera = self.positions_m + self.origin_m, self.camera
        counts = Counter(s.sequence for s in self.samples)
        low, high = positions.min(0), positions.max(0)
        across, down = camera.field_of_view_deg()
        return [
            f'{self.name}: {len(self.samples)} images in {len(counts)} sequences: '
            + ', '.join(f'{name} {count}' for name, count in sorted(counts.items())),
            'extent: ' + ', '.join(f'{axis} {a:.2f} to {b:.2f}' for axis, a, b
                                   in zip('xyz', low, high, strict=True)) + ' m',
            f'path: {path_length_m(self):.1f} m, up axis: {up_axis(self)}',
            f'camera: {camera.width}x{camera.height}, fx {camera.fx:.1f} fy {camera.fy:.1f} '
            f'cx {camera.cx:.1f} cy {camera.cy:.1f} px, view {across:.0f} x {down:.0f} deg, '
            f'{"distorted" if camera.distortion else "no distortion"}',
            f'rejected lines: {len(self.rejected)}', *self.rejected]


def path_length_m(dataset: Dataset) -> float:
    """Return the total length of all sequences, metres."""
    pairs = zip(dataset.samples, dataset.samples[1:], strict=False)
    return float(sum(
        np.linalg.norm(b.map_from_camera.translation_m - a.map_from_camera.translation_m)
        for a, b in pairs if a.sequence == b.sequence))


def up_axis(dataset: Dataset) -> str:
    """Return the axis of the dataset nearest to the mean up vector of the images, as `+z`."""
    up = -np.mean([s.map_from_camera.rotation[:, 1] for s in dataset.samples], axis=0)
    axis = int(np.abs(up).argmax())
    return f'{"+" if up[axis] > 0 else "-"}{"xyz"[axis]}'


def read_camera(text: str | None, folder: Path, size: tuple[int, int]) -> Camera:
    """
    Find the camera of a dataset.

    :param text: as :func:`posenet_ros.geometry.camera_text.camera_from_text`, or None: then
        `camera.json`, the `.nvm` file or the known focal length of the layout.
    :param size: (width, height) of the images, pixels.
    :raises InputError: when the camera is not known, malformed or of another size.
    """
    if text is not None:
        return camera_from_text(text, size)
    camera = camera_in_file(folder) or cameras.known_camera(folder, size)
    if camera is None:
        raise InputError(f'{folder}: the camera is not known: add a {CAMERA_FILE} or give '
                         '--camera FX,FY,CX,CY (or FX alone), pixels')
    if camera.size != size:
        raise InputError(f'{folder / CAMERA_FILE}: the camera has to have the size of the images, '
                         f'{size[0]}x{size[1]}. Received: {camera.width}x{camera.height}')
    return camera


def _check(line: DatasetRow, found: tuple[int, int] | InputError, seen: dict[str, str],
           size: tuple[int, int] | None, middle: Floats) -> Sample:
    """
    Check a line and return its sample.

    :param found: size of its image, or why it cannot be used.
    :param middle: (3,) of the positions, metres.
    :raises InputError: with the reason.
    """
    pose = validate_row(line, seen)
    if np.abs(pose.translation_m - middle).max() > MAX_DISTANCE_M:
        raise InputError(f'the position has to be within {MAX_DISTANCE_M:.0e} m of the others. '
                         f'Received: {pose.translation_m.tolist()}')
    if isinstance(found, InputError):
        raise found
    if size is not None and found != size:
        raise InputError(f'the image {line.path} is {found[0]}x{found[1]}, not '
                         f'{size[0]}x{size[1]} as the others')
    return Sample(line.path, line.name, pose, line.sequence)


def _first_size(lines: Sequence[DatasetRow]) -> tuple[int, int] | None:
    for line in lines:
        if not line.error and line.path.exists():
            try:
                return image_size(line.path)
            except InputError:
                continue
    return None


def _checked(lines: Sequence[DatasetRow], size: tuple[int, int] | None,
             rejected: list[str]) -> Iterator[Sample]:
    seen: dict[str, str] = {}
    known = [line.pose.translation_m for line in lines if line.pose]
    middle = np.median(known, axis=0) if known else np.zeros(3)
    sizes = ordered_map(try_image, (line.path for line in lines), THREADS)
    for line, found in zip(lines, sizes, strict=True):
        try:
            yield _check(line, found, seen, size, middle)
        except InputError as error:
            rejected.append(f'{line.where}: {error}')


def read_dataset(data: Path | str, split: str, camera: Camera | str | None = None,
                 max_rejected: float = MAX_REJECTED) -> Dataset:
    """
    Read one split of a dataset folder; the layout is recognised by its files.

    :param data: the folder.
    :param split: `train` or `test`.
    :param camera: of the images, or the text of `--camera`; None looks for it.
    :param max_rejected: largest proportion of bad lines to tolerate.
    :raises InputError: on too many bad lines, no valid one, or an unknown camera.
    """
    folder = Path(data)
    if split not in SPLITS:
        raise InputError(f'the split has to be one of {", ".join(SPLITS)}. Received: {split!r}')
    lines = readers.read_dataset_rows(folder, split)
    size = _first_size(lines)
    rejected: list[str] = []
    samples = tuple(_checked(lines, size, rejected))
    if not samples or size is None:
        why = f'; the first: {rejected[0]}' if rejected else ''
        raise InputError(f'{folder}: the {split} split has no usable line{why}')
    check_rejected(rejected, len(lines), max_rejected)
    if not isinstance(camera, Camera):
        camera = read_camera(camera, folder, size)
    elif camera.size != size:
        raise InputError(f'{folder}: the images have to be {camera.width}x{camera.height}, as the '
                         f'camera. Received: {size[0]}x{size[1]}')
    return Dataset(f'{folder.resolve().name} {split}', samples, camera, tuple(rejected))
