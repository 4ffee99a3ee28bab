"""Which mapper is run, and whose poses are taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.sfm import pipeline
from posenet_ros.training.sfm.cameras import CameraSource, InitialCamera
from posenet_ros.training.sfm.correspondences.matching import VerifiedPairs
from posenet_ros.training.sfm.mapping import ImageNames
from posenet_ros.training.sfm.reconstruction import Component, Mapper
import pytest
from sfm_helpers import CAMERA, OPTIONS

NAMES = ImageNames(tuple(map(str, range(10))), ('walk',) * 10)
PAIRS = VerifiedPairs(np.array([(0, 1)]), (np.zeros((20, 2), np.uint32),), np.array([2]))


@pytest.mark.parametrize(('source', 'registered', 'asked', 'chosen'), [
    (CameraSource.GIVEN, (9, 10), ['global'], Mapper.GLOBAL),
    (CameraSource.GIVEN, (8, 10), ['global', 'incremental'], Mapper.INCREMENTAL),
    (CameraSource.GIVEN, (8, 7), ['global', 'incremental'], Mapper.GLOBAL),
    (CameraSource.EXIF, (10, 10), ['incremental'], Mapper.INCREMENTAL),
    (CameraSource.ESTIMATED, (10, 10), ['incremental'], Mapper.INCREMENTAL),
    (CameraSource.GIVEN, (0, 0), ['global', 'incremental'], None)])
def test_the_incremental_mapper_is_asked_where_the_global_one_is_not_enough(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: CameraSource,
        registered: tuple[int, int], asked: list[str], chosen: Mapper | None) -> None:
    calls = []

    def map_images(*arguments: object) -> tuple[Component, ...]:
        mapper = arguments[5]
        calls.append(mapper.value)
        count = registered[mapper is Mapper.INCREMENTAL]
        return (Component(NAMES.images[:count], (Pose(),) * count, {'walk': count}, 9, 0.5,
                          CAMERA),) if count else ()

    monkeypatch.setattr(pipeline, 'map_images', map_images)
    arguments = (tmp_path, tmp_path, NAMES, InitialCamera(CAMERA, source), OPTIONS, 'key', PAIRS)
    if chosen is None:
        with pytest.raises(InputError, match='has to move sideways'):
            pipeline.find_poses(*arguments)
    else:
        components, mapper = pipeline.find_poses(*arguments)
        assert mapper is chosen
        assert len(components[0].names) == registered[chosen is Mapper.INCREMENTAL]
    assert calls == asked
