"""A training by the poses of a map: its views are the images, and its folder keeps the map."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
import shutil

from posenet_ros.datasets.dataset_rows import image_path
from posenet_ros.errors import InputError
from posenet_ros.imaging.files import image_size
from posenet_ros.inference.artifact import LANDMARKS_FILE, load, LoadedArtifact, save
from posenet_ros.inference.calibration import refined_fields
from posenet_ros.landmarks import landmark_file
from posenet_ros.training.data.changelog import record_change
from posenet_ros.training.data.datasets import Dataset, Sample


def load_place(place: Path, *, force: bool) -> LoadedArtifact:
    """
    Load the model folder whose map gives the poses.

    :param force: its network, where it has one, may be replaced.
    :raises InputError: when it has no map, or a network that may not be replaced.
    """
    artifact = load(place)
    if not artifact.file(LANDMARKS_FILE).is_file():
        raise InputError(f'--map: {place} has to have a map (posenet map, or posenet landmarks). '
                         'Received: a network alone')
    if artifact.network is not None and not force:
        raise InputError(f'--map: {place} has a network already: --force replaces it')
    return artifact


def map_dataset_of(artifact: LoadedArtifact, data: Path) -> Dataset:
    """
    Return the views of a map as a dataset: their order, poses and names.

    :param data: folder of the images, by the names of the views.
    :raises InputError: when an image is not there, or of another size than the camera.
    """
    views = landmark_file.load(artifact.file(LANDMARKS_FILE)).views
    paths = [image_path(data, name) for name in views.names]
    missing = [name for name, path in zip(views.names, paths, strict=True)
               if not name or not path.is_file()]
    if missing:
        raise InputError(f'--data has to be the folder of the {len(views)} images of the map, by '
                         f'their names there. Received: {data} without {len(missing)} of them, '
                         f'such as {missing[0]!r}')
    size = image_size(paths[0])
    if size != artifact.camera.size:
        raise InputError(f'the images of the map are {artifact.camera.width}x'
                         f'{artifact.camera.height}. Received: {size[0]}x{size[1]}')
    samples = tuple(Sample(paths[i], name, views.pose(i), views.sequences[i])
                    for i, name in enumerate(views.names))
    return Dataset(f'{artifact.folder.resolve().name} map', samples, artifact.camera,
                   origin_m=artifact.scene.origin_m)


def keep_map(place: LoadedArtifact, folder: Path) -> None:
    """
    Give the folder of a trained network the map whose poses it was trained with.

    :param folder: of the network; its artifact.json is replaced.
    """
    trained = load(folder)
    shutil.copy(place.file(LANDMARKS_FILE), folder / LANDMARKS_FILE)
    calibration = replace(trained.calibration, **refined_fields(place.calibration))
    about = {key: place.provenance[key] for key in (
        'map', 'landmarks', 'dataset_sha256', 'changelog') if key in place.provenance}
    save(replace(trained, calibration=calibration, scale=place.scale, up=place.up,
                 held_out=place.held_out,
                 provenance=record_change({**trained.provenance, **about},
                                          trained.history.changelog[-1].command, place.digest)),
         folder)
