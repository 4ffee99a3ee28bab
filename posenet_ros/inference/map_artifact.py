"""A model folder with a map and no network: what stands beside the landmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math
from typing import Any

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.imaging.preprocess import Preprocess
from posenet_ros.inference.artifact import Artifact
from posenet_ros.inference.calibration import Calibration, HeldOut, Scene
from posenet_ros.inference.map_frame import Scale, Up
from posenet_ros.inference.train_index import TrainIndex

INSPECTED_WIDTH = 320  # pixels of the image that is checked for faults
MIN_SIGMA_M = 1e-3
UNIFORM_ROTATION_SIGMA_RAD = math.pi / math.sqrt(3)  # of an angle uniform within -pi and pi


def make_map_artifact(
        camera: Camera, names: Sequence[str], positions_m: Floats, quats_xyzw: Floats,
        refined_scale: Sequence[float], *, misfit_power: float = 0.0, distance_power: float = 0.0,
        inlier_ratio_power: float = 0.0, tracked_scale: Sequence[float] = (),
        held_out: HeldOut | None = None,
        provenance: Mapping[str, Any] | None = None, scale: Scale | None = None,
        up: Up | None = None, origin_m: tuple[float, ...] = (0.0, 0.0, 0.0)) -> Artifact:
    """
    Make the artifact of a map alone; save it into a folder that has LANDMARKS_FILE.

    Its sigmas, which a network would have, are those of a guess in the mapped area.

    :param camera: of the images of the map, at their full size.
    :param names: of the V views; `positions_m` (V, 3) and `quats_xyzw` (V, 4) their poses in the
        frame of the landmarks.
    :param origin_m: of that frame in the dataset's, metres.
    :param refined_scale: 6 factors, and those that follow: see :class:`Calibration`.
    :param held_out: images that they were fitted to.
    :param provenance: with a section 'map' for how it was made.
    """
    width = min(camera.width, INSPECTED_WIDTH)
    sigmas = np.maximum(positions_m.std(axis=0), MIN_SIGMA_M)
    return Artifact(
        None, Preprocess(width, max(round(camera.height * width / camera.width), 1)), camera,
        Scene.of_positions(positions_m, origin_m),
        Calibration(tuple(sigmas.tolist()), (UNIFORM_ROTATION_SIGMA_RAD,) * 3,
                    refined_scale=tuple(refined_scale), misfit_power=misfit_power,
                    distance_power=distance_power, inlier_ratio_power=inlier_ratio_power,
                    tracked_scale=tuple(tracked_scale)),
        TrainIndex(tuple(names), positions_m + origin_m, quats_xyzw,
                   np.empty((len(names), 0), np.float16)),
        provenance or {}, scale or Scale(), up or Up(), held_out or HeldOut())
