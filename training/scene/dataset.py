"""Render the scene as a dataset in the layout of Cambridge Landmarks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
import json
import multiprocessing
from multiprocessing.pool import Pool
import os
from pathlib import Path
from typing import Any

import cv2
from numpy.typing import NDArray
from posenet_ros.datasets.layouts import CAMERA_FILE
from posenet_ros.datasets.pose_files import write_cambridge
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.scene.catalogue import make_place
from posenet_ros.training.scene.copies import copy_rows, CopyFinder, write_copies
from posenet_ros.training.scene.place import Place
from posenet_ros.training.scene.sensors.files import SCENE_FILE, SensorFiles, write_sensors
from posenet_ros.training.scene.sensors.options import SensorOptions
from posenet_ros.training.scene.sensors.pictures import images_beside, make_folders
from posenet_ros.training.scene.sequence import SequenceRenderer
from posenet_ros.training.scene.settings import Settings
from posenet_ros.training.scene.walks import Walk
from posenet_ros.utils.atomic_folder import resumable_folder
from posenet_ros.utils.files.kinds import SCENE
from posenet_ros.utils.files.typed_json import read_mapping
from posenet_ros.utils.progress import progress
from posenet_ros.utils.signals import ignored_by_children

JPEG_QUALITY = 92
MAX_PROCESSES = 4  # each holds about 460 MB
PART_SUFFIX = '.part'


def is_current(folder: Path, settings: Settings) -> bool:
    """Return whether the folder holds the whole scene of these settings, drawn by this code."""
    try:
        return bool(read_mapping(folder / SCENE_FILE).get('digest') == settings.digest())
    except (OSError, ValueError):
        return False


def unfinished_folder(out: Path) -> Path:
    """Return the folder of a scene until it is whole."""
    out = out.resolve()
    return out.with_name(f'{out.name}.rendering')


def frame_name(walk: Walk, index: int) -> str:
    """Return the path of an image inside the dataset."""
    return f'{walk.name}/frame{index + 1:05d}.jpg'


class Worker:
    """
    A process of the pool: keeps the place and the renderer of the current sequence.

    :param folder: of the dataset; the sequences' folders exist.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        cv2.setNumThreads(1)  # the frames are rendered in parallel
        self.place = make_place(settings)
        self.sites = self.place.build()
        self.copies = CopyFinder(self.place, self.sites, settings.camera)
        self.renderer: SequenceRenderer | None = None

    def render(self, walk: Walk, index: int) -> Path:
        """Write a frame and return its path."""
        if self.renderer is None or self.renderer.walk != walk:
            self.renderer = None  # frees the last sequence's textures first
            self.renderer = SequenceRenderer(
                self.sites[walk.area.site], walk, self.settings.camera, self.settings.seed)
        path = self.folder / frame_name(walk, index)
        canvas = self.renderer.draw(index)
        if self.settings.sensors:  # first: the frame stands for all that belongs to it
            for file, image in images_beside(self.renderer, canvas, index, self.settings.sensors,
                                             SensorFiles(self.folder, walk.name), path.name):
                _write_image(file, image)
        _write_image(path, self.renderer.photograph(canvas, index))
        return path


def _write_image(path: Path, image: NDArray[Any]) -> None:
    """Write an image so that none is half of one, whenever this ends."""
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.suffix == '.jpg' else []
    _, data = cv2.imencode(path.suffix, image, options)
    part = path.with_suffix(PART_SUFFIX)
    part.write_bytes(data.tobytes())
    os.replace(part, path)


_worker: Worker  # of this process of the pool


def _start(settings: Settings, folder: Path) -> None:
    global _worker
    _worker = Worker(settings, folder)


def _render(job: tuple[Walk, int]) -> None:
    _worker.render(*job)


def _copies(job: tuple[Walk, int]) -> str:
    walk, index = job
    pose = walk.pose(walk.time_s(index))
    return copy_rows(frame_name(walk, index), _worker.copies.copies(walk, pose))


@contextmanager
def _pool(processes: int, *arguments: object) -> Iterator[Pool]:
    """Start processes that leave it to this one to be interrupted, and end them at the end."""
    context = multiprocessing.get_context('spawn')  # a fork copies locked threads of libraries
    with ignored_by_children():
        pool = context.Pool(processes, _start, arguments)
    with pool:
        yield pool


def _render_all(settings: Settings, place: Place, folder: Path, processes: int) -> None:
    """Render the frames that an earlier run has not, and find the copies of the test's views."""
    jobs = [(walk, i) for walk in place.walks
            for i in range(walk.frames) if not (folder / frame_name(walk, i)).exists()]
    views = [(walk, i) for walk in place.walks for i in range(walk.frames)
             if walk.split == 'test' and place.motions(walk.area)]
    if not jobs and not views:
        return
    with _pool(processes, settings, folder) as pool:
        rendered = pool.imap_unordered(_render, jobs, chunksize=4)
        for _ in progress(rendered, settings.frames, 'frame', 'scene',
                          settings.frames - len(jobs)):
            pass
        if views:
            rows = pool.imap(_copies, views, chunksize=4)
            write_copies(folder, progress(rows, len(views), 'view', 'copies'))


def pose_rows(walk: Walk) -> Iterator[tuple[str, Pose]]:
    """Yield the image name and map_from_camera of each frame of a walk."""
    for index in range(walk.frames):
        yield frame_name(walk, index), walk.pose(walk.time_s(index))


def _write_all_sensors(
        folder: Path, sequences: Sequence[Walk], options: SensorOptions, seed: int) -> None:
    for walk in sequences:
        names = [frame_name(walk, i).rpartition('/')[2] for i in range(walk.frames)]
        write_sensors(SensorFiles(folder, walk.name), walk, names, options, seed)


def write_scene(
        out: Path, settings: Settings, *, force: bool = False, processes: int = 0) -> None:
    """
    Render a scene; after an interrupt, go on with the frames that are missing.

    :param out: folder of the dataset; unfinished it stands beside, as `NAME.rendering`.
    :param force: replace an existing folder.
    :param processes: 0 is one for each CPU.
    :raises InputError: when `out` exists and `force` is False, or cannot be made.
    """
    processes = processes or min(len(os.sched_getaffinity(0)), MAX_PROCESSES)
    place = make_place(settings)
    sequences = place.walks
    with resumable_folder(out, unfinished_folder(out), settings.digest(), SCENE,
                          force=force) as folder:
        for walk in sequences:
            (folder / walk.name).mkdir(exist_ok=True)
            if settings.sensors:
                make_folders(SensorFiles(folder, walk.name), settings.sensors)
        for part in folder.rglob(f'*{PART_SUFFIX}'):
            part.unlink()
        _render_all(settings, place, folder, processes)
        for split in ('train', 'test'):
            write_cambridge(folder / f'dataset_{split}.txt', (
                row for walk in sequences if walk.split == split for row in pose_rows(walk)))
        if settings.sensors:
            _write_all_sensors(folder, sequences, settings.sensors, settings.seed)
        camera = json.dumps(settings.camera.to_mapping(), indent=1)
        (folder / CAMERA_FILE).write_text(camera + '\n')
        scene = {**settings.to_mapping(),
                 'frame_rate_hz': {walk.name: walk.rate_hz for walk in sequences},
                 'digest': settings.digest(),
                 'sequences': {walk.name: walk.split for walk in sequences}}
        (folder / SCENE_FILE).write_text(json.dumps(scene, indent=1) + '\n')
