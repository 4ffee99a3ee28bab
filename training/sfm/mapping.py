"""Start COLMAP's mappers, follow their progress and read their models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
import json
from pathlib import Path
import re
import shutil
import subprocess
import time
from typing import Any, NamedTuple

import numpy as np
from posenet_ros.errors import PoseNetError
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.sfm.cameras import InitialCamera, refined_camera
from posenet_ros.training.sfm.library import load_pycolmap
from posenet_ros.training.sfm.mapper import LOG, MapperRequest, PROBLEM
from posenet_ros.training.sfm.options import SfmOptions
from posenet_ros.training.sfm.reconstruction import Component, Mapper
from posenet_ros.training.sfm.work_folder import step_folder
from posenet_ros.utils.processes import start_module
from posenet_ros.utils.progress import ProgressBar

DONE = 'done'
POLL_S, STOP_S = 0.2, 5.0
STEPS = 20
NO_SPACE = 'disk is full', 'No space left', 'disk I/O error'
# lines of the logs of the global mapper, and of the hierarchical one, and the ratio of their time
# that is spent then (100 images)
MILESTONES = (
    (r'Global positioning done', 0.5), (r'iteration 1 / 3 finished', 0.6),
    (r'iteration 2 / 3 finished', 0.65), (r'iteration 3 / 3 finished', 0.7),
    (r'retriangulation and refinement done', 1.0), (r'Merging clusters', 0.9))
REGISTERED = re.compile(r'num_reg_frames=(\d+)')


class ImageNames(NamedTuple):
    """The names of the images by COLMAP's identifier - 1, and of the walk that each is of."""

    images: tuple[str, ...]
    walks: tuple[str, ...]


def map_images(database: Path, work: Path, names: ImageNames, initial: InitialCamera,
               options: SfmOptions, mapper: Mapper, key: object) -> tuple[Component, ...]:
    """
    Run a mapper, or read what an earlier run of it has written.

    :param database: with verified matches.
    :param work: folder of intermediate results.
    :param key: of what the database was made from.
    :returns: the components, the largest first; none where it found no two images to start with.
    :raises PoseNetError: when it fails.
    """
    count = len(names.images)
    parts = options.parts.sizes_of(count) if mapper is Mapper.HIERARCHICAL else ()
    folder = step_folder(work, mapper.value, key, options.seed, initial, *parts)
    if not (folder / DONE).exists():
        shutil.rmtree(folder)
        folder.mkdir()
        request = MapperRequest(mapper.value, str(database), str(folder), not initial.is_known,
                                options.seed, options.threads, *parts)
        _run(request, folder, count)
        (folder / DONE).touch()
    models = sorted(file.parent for file in folder.glob('*/images.bin'))
    return _components(models, names, initial)


def _run(request: MapperRequest, folder: Path, count: int) -> None:
    command = f'{__package__}.mapper', json.dumps(asdict(request))
    with start_module(*command, stop_timeout_s=STOP_S) as process, ProgressBar(
            STEPS, 'step', f'{request.mapper} mapper') as shown:
        for part, figures in _progress(process, folder / LOG, count):
            shown.update(STEPS * part, figures)
    if process.returncode:
        file = folder / PROBLEM
        why = file.read_text() if file.exists() else f'it ended with {process.returncode}'
        if any(words in why for words in NO_SPACE):
            raise OSError(28, 'No space left on device', str(folder))
        raise PoseNetError(f'the {request.mapper} mapper of COLMAP failed: {why}; its log is '
                           f'{folder / LOG}')


def _progress(process: subprocess.Popen[bytes], log: Path, count: int
              ) -> Iterator[tuple[float, str]]:
    """Yield the ratio of the work that the log says is done, and figures to show beside it."""
    part, registered, position = 0.0, 0, 0
    while process.poll() is None:
        time.sleep(POLL_S)
        if not log.exists():
            continue
        with log.open('rb') as file:
            file.seek(position)
            text = file.read().decode(errors='replace')
            position = file.tell()
        part = max([part, *(ratio for pattern, ratio in MILESTONES if re.search(pattern, text))])
        registered = max([registered, *map(int, REGISTERED.findall(text))])
        part = max(part, registered / count)
        yield part, f'{registered} images' if registered else ''


def _components(models: Sequence[Path], names: ImageNames,
                initial: InitialCamera) -> tuple[Component, ...]:
    """Read models, the largest first; an image of several is that of the largest."""
    library = load_pycolmap()
    read = [library.Reconstruction(str(model)) for model in models]
    read.sort(key=lambda model: -model.num_reg_images())
    seen: set[int] = set()
    found = []
    for model in read:
        images = [i for i in sorted(model.reg_image_ids()) if i not in seen]
        seen.update(images)
        if len(images) > 1:
            found.append(_component(model, images, names, initial))
    return tuple(sorted(found, key=lambda component: -len(component.names)))


def _component(model: Any, images: Sequence[int], names: ImageNames,  # noqa: ANN401 - pycolmap's
               initial: InitialCamera) -> Component:
    walks: dict[str, int] = {}
    for image in images:
        walks[names.walks[image - 1]] = walks.get(names.walks[image - 1], 0) + 1
    camera = model.camera(model.image(images[0]).camera_id)
    return Component(
        tuple(names.images[i - 1] for i in images),
        tuple(_map_from_camera(model.image(i).cam_from_world()) for i in images), walks,
        model.num_points3D(), model.compute_mean_reprojection_error(),
        refined_camera(initial, camera.params))


def _map_from_camera(cam_from_world: Any) -> Pose:  # noqa: ANN401 - pycolmap's
    matrix = np.vstack([cam_from_world.matrix(), (0, 0, 0, 1)])
    return Pose.from_matrix(matrix).inverse()
