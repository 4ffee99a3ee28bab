"""Images of views and frames: found by name, by stamp and by pose, in datasets and bags."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.sources import Topics
from posenet_ros.evaluation.viewer.colours import colours_of_height, paint
from posenet_ros.evaluation.viewer.content import landmark_colours, make_content
from posenet_ros.evaluation.viewer.images import BagImages, DatasetImages
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import load
from posenet_ros.landmarks.place_map import load_place_map, PlaceMap, View
from posenet_ros.training import make_bag
import pytest
from training_helpers import CAMERA, wall_view
from viewer_helpers import COUNT, report_frames, SEQUENCES, wall_colours, write_place


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('place')


@pytest.fixture(scope='module')
def poses(folder: Path) -> dict[str, Pose]:
    return write_place(folder)


@pytest.fixture(scope='module')
def place(folder: Path, poses: dict[str, Pose]) -> PlaceMap:
    return load_place_map(load(folder / 'model'))


@pytest.fixture(scope='module')
def dataset(folder: Path, poses: dict[str, Pose]) -> DatasetImages:
    return DatasetImages(folder / 'data')


def bag_of(folder: Path, split: str) -> BagImages:
    bag = folder / f'bag_{split}'
    if not bag.exists():
        assert make_bag.main(['--data', str(folder / 'data'), '--split', split, '--out', str(bag)
                              ]) == 0
    return BagImages(bag, Topics())


def test_a_dataset_finds_views_and_frames_of_both_splits_by_name(
        dataset: DatasetImages, place: PlaceMap, poses: dict[str, Pose]) -> None:
    assert len(dataset.queries) == (SEQUENCES + 1) * COUNT
    view, frame = place.views[3], report_frames(poses)[2]
    moved = replace(frame, truth=Pose((99.0, 0, 0)), stamp_ns=1)
    assert dataset.of_view(view).name == view.name
    assert dataset.of_frame(moved).name == frame.name
    expected = wall_view(frame.truth)
    assert np.array_equal(dataset.load(dataset.of_frame(frame)), expected)


def test_an_image_of_another_name_is_found_by_its_pose(
        dataset: DatasetImages, place: PlaceMap, poses: dict[str, Pose]) -> None:
    frame = replace(report_frames(poses)[2], name='image000002')
    assert dataset.of_frame(frame).name == 'seq3/frame00002.png'
    near = Pose(frame.truth.translation_m + 0.01, frame.truth.quat_xyzw)
    assert dataset.of_frame(replace(frame, truth=near)) is None
    turned = frame.truth @ Pose((0.0, 0, 0), np.array([0, 0, np.sin(0.01), np.cos(0.01)]))
    assert dataset.of_frame(replace(frame, truth=turned)) is None
    assert dataset.of_view(View('other', place.views[5].map_from_camera)).name == (
        place.views[5].name)


def test_a_bag_finds_frames_by_stamp_and_views_by_pose(
        folder: Path, poses: dict[str, Pose], place: PlaceMap) -> None:
    bag, frame = bag_of(folder, 'test'), report_frames(poses)[4]
    fourth = bag.queries[4]
    by_stamp = replace(frame, name='image000001', stamp_ns=fourth.stamp_ns, truth=Pose())
    assert bag.of_frame(by_stamp) is fourth
    assert bag.of_frame(frame) is fourth, 'a report of the dataset: by its pose'
    assert np.array_equal(bag.load(fourth), wall_view(frame.truth))
    assert bag.of_view(place.views[0]) is None
    assert bag.camera.size == CAMERA.size
    with pytest.raises(InputError, match='from its bag'):
        fourth.load(None)
    with pytest.raises(InputError, match=r'image 900\. Received: fewer'):
        bag.load(replace(fourth, name='image000900'))


def test_landmarks_get_the_colours_of_the_wall(
        folder: Path, place: PlaceMap, dataset: DatasetImages) -> None:
    content = make_content(place, CAMERA)
    expected = wall_colours(place.points_m).astype(int)
    for images in (dataset, bag_of(folder, 'train')):
        colours, line = landmark_colours(content, [images])
        assert 'colours of the training images' in line
        off = np.abs(colours.astype(int) - expected).max(axis=1)
        assert np.median(off) < 10
        assert (off < 60).mean() > 0.97


def test_landmarks_without_an_image_keep_the_colour_of_their_height(
        folder: Path, place: PlaceMap) -> None:
    content = make_content(place, CAMERA)
    by_height = colours_of_height(place.points_m, content.up)
    for images, words in (([], 'by height'), ([bag_of(folder, 'test')], 'not in --data or --bag')):
        colours, line = landmark_colours(content, images)
        assert words in line
        assert np.array_equal(colours, by_height)
    high, low = place.points_m[:, 2].argmax(), place.points_m[:, 2].argmin()
    assert tuple(by_height[high]) == (253, 231, 37)
    assert tuple(by_height[low]) == (68, 1, 84)
    assert colours_of_height(np.empty((0, 3)), content.up).shape == (0, 3)


def test_a_landmark_behind_or_beside_the_image_is_not_painted() -> None:
    points = np.array([[0.0, 0, 5], [0, 0, -5], [50, 0, 5]])
    place = PlaceMap(points, np.zeros(3, np.intp), (View('a', Pose()),))
    colours = np.zeros((3, 3), np.uint8)
    half = np.full((CAMERA.height // 2, CAMERA.width // 2, 3), 200, np.uint8)
    assert paint(colours, place, CAMERA, [(0, half)]) == 1
    assert colours[:, 0].tolist() == [200, 0, 0]


def test_a_damaged_image_paints_nothing_and_stops_nothing(
        tmp_path: Path, place: PlaceMap) -> None:
    write_place(tmp_path)
    (tmp_path / 'data' / place.views[0].name).write_bytes(b'no image')
    found = dict(DatasetImages(tmp_path / 'data').of_all_views(place.views, lambda *_: 1))
    assert set(found) == set(range(1, len(place.views)))


def test_a_dataset_with_one_split_is_enough_and_one_without_any_is_an_error(
        tmp_path: Path) -> None:
    write_place(tmp_path)
    (tmp_path / 'data' / 'dataset_test.txt').unlink()
    assert len(DatasetImages(tmp_path / 'data').queries) == SEQUENCES * COUNT
    with pytest.raises(InputError, match='layouts'):
        DatasetImages(tmp_path / 'model')
