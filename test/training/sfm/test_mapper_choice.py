"""Which mapper is run, and whose poses are taken."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.pipelines.mapping import posed
from posenet_ros.training.sfm import pipeline
from posenet_ros.training.sfm.cameras import CameraSource, InitialCamera
from posenet_ros.training.sfm.correspondences.matching import VerifiedPairs
from posenet_ros.training.sfm.mapping import ImageNames
from posenet_ros.training.sfm.options import PartOptions, SfmOptions
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


@pytest.mark.parametrize('registered', [0, 7])
def test_parts_are_mapped_by_the_hierarchical_mapper(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, registered: int) -> None:
    calls = []

    def map_images(*arguments: object) -> tuple[Component, ...]:
        calls.append(arguments[5])
        return (Component(NAMES.images[:registered], (Pose(),) * registered, {}, 9, 0.5, CAMERA),
                ) if registered else ()

    monkeypatch.setattr(pipeline, 'map_images', map_images)
    options = replace(OPTIONS, parts=PartOptions(count=2))
    arguments = (tmp_path, tmp_path, NAMES, InitialCamera(CAMERA, CameraSource.GIVEN), options,
                 'key', PAIRS)
    if registered:
        assert pipeline.find_poses(*arguments)[1] is Mapper.HIERARCHICAL
    else:
        with pytest.raises(InputError, match='has to move sideways'):
            pipeline.find_poses(*arguments)
    assert calls == [Mapper.HIERARCHICAL]


@pytest.mark.parametrize(('parts', 'count'), [(None, 1), ('auto', None), ('4', 4)])
def test_the_command_asks_for_parts(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, parts: str | None,
        count: int | None) -> None:
    given = []

    def stop(walks: object, work: Path, options: SfmOptions) -> None:
        given.append(options)
        raise StopIteration

    monkeypatch.setattr(pipeline, 'reconstruct', stop)
    with pytest.raises(StopIteration):
        posed._by_structure_from_motion(
            [], argparse.Namespace(parts=parts, largest=True), tmp_path)
    assert given[0].parts == PartOptions(count)
    assert given[0].largest
