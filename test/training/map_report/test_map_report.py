"""The verdict of a map: what joins, what is localised, where to record more, and its page."""

from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path

import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.map_frame import Scale, Up
from posenet_ros.landmarks.landmark_map import LandmarkMap, Views
from posenet_ros.training.data.datasets import Dataset, Sample
from posenet_ros.training.landmarks.calibration import CalibratedMap
from posenet_ros.training.landmarks.held_out.poses import HeldOutPoses
from posenet_ros.training.landmarks.mapping import PoseCheck
from posenet_ros.training.map_report import write
from posenet_ros.training.map_report.content import Level, MapReport
from posenet_ros.training.map_report.coverage import similar_places, weak_cells
from posenet_ros.training.map_report.measure import MapFacts, measure_map
from posenet_ros.training.map_report.options import ReportOptions
from posenet_ros.training.map_report.walks import (
    apart_walks,
    joined_walks,
    localised,
    shared_landmarks,
)
from posenet_ros.training.map_report.write import write_map_report
import pytest

from ..checks.scene import AHEAD, CAMERA

OPTIONS = ReportOptions(min_shared_landmarks=5)
IMAGES = 10  # of each of three walks
NAMES = 'one', 'two', 'th<b>ree'


def make_map(*, third_joins: bool = True) -> LandmarkMap:
    """Return a map of three walks beside each other; images see 20 landmarks that move along."""
    count = 3 * IMAGES
    x = np.tile(np.arange(IMAGES), 3)
    walk = np.repeat(np.arange(3), IMAGES)
    positions = np.column_stack([x, 2 * walk, np.ones(count)]).astype(float)
    own = np.zeros(count, int) if third_joins else np.where(walk == 2, 200, 0)
    seen = np.concatenate([np.arange(20) + 10 * i + j for i, j in zip(x, own, strict=True)])
    landmarks = np.random.default_rng(0).uniform([0, 6, 0], [9, 8, 3], (400, 3))
    place = x + 100 * walk
    descriptors = np.exp(-(place[:, np.newaxis] - place) ** 2 / 2.0)  # neighbours are alike
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    quat = Pose.from_rotation(AHEAD).quat_xyzw
    views = Views(tuple(f'{NAMES[w]}/{i}.png' for w, i in zip(walk, x, strict=True)),
                  tuple(NAMES[w] for w in walk), positions, np.tile(quat, (count, 1)),
                  descriptors.astype(np.float16), np.full(count, np.nan, np.float32))
    return LandmarkMap(views, landmarks.astype(np.float32), np.ones((400, 128), np.uint8),
                       np.empty((0, 3), np.uint8), np.arange(0, 20 * count + 1, 20, np.int32),
                       seen.astype(np.int32))


def held_out(failed: int = 0, error_m: float = 0.01) -> HeldOutPoses:
    """Return poses of all images; the first ones have none."""
    rows = np.zeros((3 * IMAGES, 2, 6))
    rows[:, 0, 0], rows[:, 1] = error_m, 1
    rows[:failed] = np.nan
    return HeldOutPoses(np.arange(len(rows)), np.repeat(np.arange(3), IMAGES), rows,
                        np.ones((len(rows), 3)), np.full((len(rows), 3, 6), np.nan))


def calibrated(landmark_map: LandmarkMap, found: HeldOutPoses) -> CalibratedMap:
    return CalibratedMap(landmark_map, (1.0,) * 6, found)


def report(landmark_map: LandmarkMap, found: HeldOutPoses, mistake: str = '') -> MapReport:
    views = landmark_map.views
    dataset = Dataset('place', tuple(
        Sample(Path(name), name, views.pose(i), views.sequences[i])
        for i, name in enumerate(views.names)), CAMERA)
    facts = MapFacts('pl<a>ce', Scale(), Up(), 3_000_000, 12.0, mistake=mistake)
    return measure_map(calibrated(landmark_map, found), dataset, PoseCheck(0.4, True), facts,
                       OPTIONS)


def test_walks_join_by_common_landmarks() -> None:
    assert joined_walks(make_map(), OPTIONS) == [list(NAMES)]
    split = make_map(third_joins=False)
    assert joined_walks(split, OPTIONS) == [list(NAMES[:2]), [NAMES[2]]]
    assert shared_landmarks(split)[0, 1] == 110
    assert shared_landmarks(split)[0, 2] == 0
    apart, = apart_walks(split, OPTIONS)
    assert apart.walks == (NAMES[2],)
    assert apart.distance_m == pytest.approx(2)
    assert apart.nearest[1].startswith('two/')
    bridge = replace(split, seen=np.where(np.arange(600) < 10, np.arange(600) + 300, split.seen
                                          ).astype(np.int32))
    bridge.seen[400:410] = bridge.seen[:10]  # by way of a few landmarks
    assert len(joined_walks(bridge, OPTIONS)) == 1


def test_the_verdict_says_what_is_found() -> None:
    good = report(make_map(), held_out())
    assert good.level is Level.GOOD
    assert good.summary == ('Good to drive: 100 % of the images of a walk left out of the map '
                            'are localised, 10.0 mm in the median.')
    assert report(make_map(), held_out(6)).level is Level.GAPS
    assert report(make_map(), held_out(20)).level is Level.NOT_YET
    assert report(make_map(), held_out(error_m=0.5)).level is Level.GAPS
    assert report(make_map(), held_out(), 'inverse poses').summary == 'Not yet: inverse poses.'
    split = report(make_map(third_joins=False), held_out())
    assert split.level is Level.NOT_YET
    assert f'{NAMES[2]} shares no view with the other walks' in split.summary
    nobody = HeldOutPoses(np.empty(0, int), np.empty(0, int), np.empty((0, 2, 6)),
                          np.empty((0, 3)), np.empty((0, 3, 6)))
    assert report(make_map(), nobody).level is Level.UNKNOWN


def test_the_recall_counts_images_without_a_pose() -> None:
    found = localised(held_out(15).rows, OPTIONS)
    assert (found.images, found.localised, found.recall) == (30, 15, 0.5)
    assert found.median_m == pytest.approx(0.01)
    assert found.offset_m == pytest.approx(0.01)


def test_places_of_failures_and_of_few_landmarks_are_told() -> None:
    options = replace(OPTIONS, cells=3, min_landmarks=0)
    cells = weak_cells(make_map(), held_out(3), (0, 1), options)
    assert [one.failed for one in cells] == [0.5]  # of the six images of walks one and two
    assert '3 of 6 images are not localised' in cells[0].reason
    few = weak_cells(make_map(), held_out(), (0, 1), replace(OPTIONS, cells=1))
    assert 'an image sees 20 landmarks' in few[0].reason


def test_far_images_that_look_alike_are_told_once() -> None:
    place = make_map()
    vectors = place.views.global_descriptors.copy()
    vectors[9] = vectors[0]  # the ends of the first walk
    vectors[8] = 0.9 * vectors[1]  # and their neighbours: the same pair of places
    alike = replace(place, views=replace(place.views, global_descriptors=vectors))
    options = replace(OPTIONS, min_distance=0.3)
    found, = similar_places(alike, options)
    assert (found.first, found.second) == ('one/0.png', 'one/9.png')
    assert found.distance_m == pytest.approx(9)
    assert found.similarity > found.usual_similarity
    assert similar_places(alike, replace(options, min_distance=2)) == ()
    same = alike.seen.copy()
    same[180:200] = same[:20]  # both ends see the same landmarks
    same[160:180] = same[20:40]
    assert similar_places(replace(alike, seen=same), options) == ()


def test_files_are_written_and_names_are_escaped(tmp_path: Path) -> None:
    place = calibrated(make_map(third_joins=False), held_out(3))
    written = report(place.landmark_map, place.held_out)
    assert write_map_report(written, place, tmp_path) == []
    values = json.loads((tmp_path / 'map.json').read_text())
    assert values['level'] == 'not yet'
    assert values['localised']['localised'] == 27
    assert (tmp_path / 'map.png').read_bytes().startswith(b'\x89PNG')
    page = (tmp_path / 'map.html').read_text()
    assert '<b>ree' not in page
    assert 'th&lt;b&gt;ree' in page
    assert 'pl<a>' not in page
    assert page.count('<svg') == 4
    assert 'walks that do not join' in page.lower()
    assert 'record more here' in page.lower()


def test_a_figure_that_fails_is_left_out_and_told(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        assert (tmp_path / 'map.json').is_file()  # written before
        raise RuntimeError('no font')

    monkeypatch.setattr(write, 'write_plan', fail)
    monkeypatch.setattr(write, 'plan_figures', fail)
    place = calibrated(make_map(), held_out())
    omitted = write_map_report(report(place.landmark_map, place.held_out), place, tmp_path)
    assert len(omitted) == 2
    assert 'no font' in omitted[0]
    page = (tmp_path / 'map.html').read_text()
    assert 'it could not be drawn: no font' in page
    assert page.count('<svg') == 2
