"""`posenet map --merge A B --out C`: the map of B joins that of A, in the frame of A."""

from __future__ import annotations

import argparse
from dataclasses import replace
import time

import numpy as np
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.geometry.similarity import Similarity
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.features import detection_size
from posenet_ros.training.map_update.merging import merge_maps
from posenet_ros.training.map_update.options import UpdateOptions
from posenet_ros.training.pipelines.mapping.extend import load_map
from posenet_ros.training.pipelines.mapping.model_folder import write_updated
from posenet_ros.utils.atomic_folder import check_new
from posenet_ros.utils.files.kinds import MODEL
from posenet_ros.utils.files.lock import lock
from posenet_ros.utils.progress import describe_duration


def merge_places(options: argparse.Namespace) -> None:
    """
    Merge the maps of two model folders; a network of the first is kept.

    :param options: of `posenet map --merge`.
    :raises InputError: when the maps do not overlap, or cannot be compared.
    """
    started = time.perf_counter()
    with lock(options.out.resolve()):
        check_new(options.out, MODEL, force=options.force, inputs=options.merge)
        (artifact, first), (other, second) = (load_map(place) for place in options.merge)
        camera = other.camera
        small = camera.scaled(*detection_size(camera.width, camera.height, second.features))
        merged = merge_maps(first, second, camera, small.fx, UpdateOptions())
        landmark_map = replace(merged.landmark_map, parent=landmark_file.content_hash(first))
        about = {'landmarks': len(landmark_map.points_m), 'views': len(landmark_map.views),
                 'walks': len(set(landmark_map.views.sequences)), 'found': merged.found,
                 'images': merged.views, 'joined': merged.joined,
                 'merged': landmark_file.content_hash(second),
                 'seconds': round(time.perf_counter() - started, 1)}
        write_updated(artifact, landmark_map, [about], options.out, options.command)
    print(f'{merged.found} of {merged.views} views of {options.merge[1]} are found; it is moved '
          f'by {describe_transform(merged.first_from_second)}; {merged.joined} landmarks are '
          f'common', flush=True)
    print(f'merged: {about["landmarks"]} landmarks of {about["views"]} images; '
          f'{describe_duration(time.perf_counter() - started)}; model in {options.out}',
          flush=True)


def describe_transform(transform: Similarity) -> str:
    """Describe how a map was moved, for the terminal."""
    length = float(np.linalg.norm(transform.rigid.translation_m))
    angle = float(np.degrees(rotation_angle_rad(transform.rigid.quat_xyzw, (0, 0, 0, 1))))
    scale = '' if transform.scale == 1 else f', scaled by {transform.scale:.4g}'
    return f'{length:.3g} and {angle:.3g} deg{scale}'
