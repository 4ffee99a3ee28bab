"""Write a model folder anew with an updated map: what belongs to its views follows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
import shutil
from typing import Any

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.inference.artifact import LANDMARKS_FILE, LoadedArtifact, save
from posenet_ros.inference.calibration import Scene
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.landmark_map import LandmarkMap, Views
from posenet_ros.training.data.changelog import record_change
from posenet_ros.utils.atomic_folder import new_folder

COUNTS = 'landmarks', 'views', 'walks'
REPORT_FILES = 'map.html', 'map.json', 'map.png', 'parts.png'  # are of the old map


def write_updated(artifact: LoadedArtifact, landmark_map: LandmarkMap,
                  updates: Sequence[Mapping[str, Any]], out: Path, command: str) -> None:
    """
    Write a model folder with another map, whole or not at all; it may replace its own.

    :param artifact: of the old folder; its network, calibration and frame are kept.
    :param updates: one after another, for the provenance; the last with COUNTS of the map.
    :param out: call :func:`posenet_ros.utils.atomic_folder.check_new` before.
    :param command: for the changelog.
    """
    history = artifact.provenance.get('map', {})
    history = {**history, **{key: updates[-1][key] for key in COUNTS},
               'updates': [*history.get('updates', []), *map(dict, updates)]}
    changed = replace(
        artifact, train=follow_views(artifact.train, landmark_map.views, artifact.scene.origin_m),
        scene=extended_scene(artifact.scene, landmark_map.views.positions_m),
        provenance=record_change({**artifact.provenance, 'map': history}, command,
                                 artifact.digest, new_walks(artifact, landmark_map)))
    with new_folder(out, force=True) as folder:
        shutil.copytree(artifact.folder, folder, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns(*REPORT_FILES))
        landmark_file.save(landmark_map, folder / LANDMARKS_FILE)
        save(changed, folder)


def new_walks(artifact: LoadedArtifact, landmark_map: LandmarkMap) -> set[str]:
    """Return the walks of a map's views that the map of a model folder does not have."""
    known = set(landmark_file.load(artifact.file(LANDMARKS_FILE)).views.names)
    views = landmark_map.views
    return {walk for name, walk in zip(views.names, views.sequences, strict=True)
            if name not in known}


def follow_views(train: TrainIndex, views: Views,
                 origin_m: tuple[float, ...] = (0.0, 0.0, 0.0)) -> TrainIndex:
    """
    Return a training index of the views of a map, in their order.

    Images that a network has not described have zeros, which are similar to nothing; what it
    knew of dropped ones goes.

    :param origin_m: of the views' frame, which the index does not have.
    """
    row_of = {name: row for row, name in enumerate(train.names)}
    rows = np.array([row_of.get(name, -1) for name in views.names])
    descriptors = train.descriptors[rows]
    descriptors[rows < 0] = 0
    view_of = np.full(len(train.names), -1)
    view_of[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
    places = view_of[train.place_images]
    kept = places >= 0
    described = train.global_descriptors
    return TrainIndex(
        views.names, np.asarray(views.positions_m, np.float64) + origin_m,
        np.asarray(views.quats_xyzw, np.float64), descriptors,
        described[kept] if len(places) else described[:0], places[kept].astype(np.int32))


def extended_scene(scene: Scene, positions_m: Floats) -> Scene:
    """Return the area of a scene with further positions (N, 3), relative to its origin."""
    corners = np.vstack([scene.bounds_min_m, scene.bounds_max_m]) - scene.origin_m
    return Scene.of_positions(np.vstack([corners, positions_m]), scene.origin_m)
