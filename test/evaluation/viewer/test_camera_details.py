"""What a click shows: the report's numbers, the image, the view with most agreeing landmarks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.viewer import camera_details
from posenet_ros.evaluation.viewer.camera_details import CameraViewer, view_with_most_inliers
from posenet_ros.evaluation.viewer.images import DatasetImages
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import load
from posenet_ros.landmarks.place_map import load_place_map, PlaceMap
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.visualization.match_pair import GAP_PX
import pytest
from training_helpers import CAMERA
from viewer_helpers import EACH, report_frames, write_place

BEST = 4  # the view that most matches of the stand-in are of


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
def images(folder: Path, poses: dict[str, Pose]) -> DatasetImages:
    return DatasetImages(folder / 'data')


class StandIn:
    """Answers with matches of true landmarks, six of BEST, three of view 0, and outliers."""

    def __init__(self, place: PlaceMap, truth: Pose) -> None:
        rows = np.concatenate([np.flatnonzero(place.point_views == BEST)[:6],
                               np.flatnonzero(place.point_views == 0)[:11]])
        points = place.points_m[rows]
        seen = truth.inverse().apply(points)
        matches = LandmarkMatches(points, seen[:, :2] / seen[:, 2:], place.point_views[rows],
                                  np.arange(len(rows)) < 9)
        self.estimate_ = PoseEstimate(truth, np.eye(6), landmarks=9, matches=matches)

    def prepare(self, image: np.ndarray, camera: object) -> np.ndarray:
        """Return the image."""
        return image

    def features(self, image: np.ndarray, camera: object) -> None:
        """Detect nothing."""
        return None

    def estimate(self, network_input: np.ndarray, features: None) -> PoseEstimate:
        """Return the true pose with the matches."""
        return self.estimate_


def refuse() -> Relocaliser:
    raise InputError('there are no landmarks: posenet landmarks adds them')


def test_the_view_with_most_inliers_is_chosen() -> None:
    views = np.array([1, 2, 2, 3, 3, 3])
    inlier = np.array([True, True, True, False, False, True])
    matches = LandmarkMatches(np.zeros((6, 3)), np.zeros((6, 2)), views, inlier)
    assert view_with_most_inliers(matches) == 2
    assert view_with_most_inliers(matches.select(~inlier)) is None
    assert view_with_most_inliers(None) is None


def test_a_training_view_shows_its_image_with_its_landmarks(
        place: PlaceMap, images: DatasetImages) -> None:
    shown = CameraViewer(place, CAMERA, [images], refuse).view(2)
    assert shown.text.startswith(f'**{place.views[2].name}**: training view\n')
    assert f'- {EACH} landmarks are of it' in shown.text
    assert np.array_equal(shown.landmarks_m, place.points_m[2 * EACH:3 * EACH])
    assert shown.picture.shape == (360, 480, 3)
    seen = place.views[2].map_from_camera.inverse().apply(shown.landmarks_m)
    at = np.rint(CAMERA.project(seen) * 360 / CAMERA.height).astype(int)
    marked = shown.picture[at[:, 1], at[:, 0]].astype(int)
    assert (np.abs(marked - camera_details.LINE_RGB).max(axis=1) < 60).mean() > 0.9


def test_without_images_the_panel_says_which_option_to_give(
        place: PlaceMap, poses: dict[str, Pose], tmp_path: Path) -> None:
    frame = report_frames(poses)[1]
    bare = CameraViewer(place, CAMERA, [], refuse)
    for shown in (bare.view(0), bare.frame(frame)):
        assert shown.picture is None
        assert '`--data FOLDER` or `--bag BAG`' in shown.text
    other = replace(frame, name='other', truth=Pose((50.0, 0, 0)))
    write_place(tmp_path)
    shown = CameraViewer(place, CAMERA, [DatasetImages(tmp_path / 'data')], refuse).frame(other)
    assert 'neither in `--data` nor in `--bag`' in shown.text


def test_a_frame_is_described_as_the_report_has_it(
        place: PlaceMap, poses: dict[str, Pose]) -> None:
    frames = report_frames(poses)
    cameras = CameraViewer(place, CAMERA, [], refuse)
    refined = cameras.frame(frames[1])
    assert refined.text.startswith('**seq3/frame00001.png**: accepted\n')
    for line in ('- error: 500 mm, 0°', '- 2 sigma along x, y, z: 400 mm, 600 mm, 200 mm',
                 '- 10 landmarks agree'):
        assert line in refined.text.split('\n')
    assert refined.pose is frames[1].estimate
    assert 'of the network alone' in cameras.frame(frames[0]).text
    assert '(too far; blurred)' in cameras.frame(frames[-2]).text
    dropped = cameras.frame(frames[-1])
    assert dropped.text.startswith('**seq3/frame00005.png**: dropped (no image)')
    assert 'error' not in dropped.text
    assert dropped.pose is frames[-1].truth


def test_names_and_reasons_of_others_are_text(place: PlaceMap, poses: dict[str, Pose]) -> None:
    bad, shown = '{alert(1)}<img src=x>', r'\{alert(1)\}\<img src=x\>'
    frame = replace(report_frames(poses)[1], name=bad, reasons=(bad,))
    text = CameraViewer(place, CAMERA, [], refuse).frame(frame).text
    assert text.startswith(f'**{shown}**: accepted ({shown})\n')
    view = replace(place, views=(replace(place.views[0], name=bad), *place.views[1:]))
    assert CameraViewer(view, CAMERA, [], refuse).view(0).text.startswith(f'**{shown}**: ')


def test_a_frame_is_localised_anew_beside_the_view_of_its_landmarks(
        place: PlaceMap, poses: dict[str, Pose], images: DatasetImages,
        monkeypatch: pytest.MonkeyPatch) -> None:
    frame, drawn, loaded = report_frames(poses)[1], [], []
    monkeypatch.setattr(camera_details, 'draw_match_pair', lambda *arguments: (
        drawn.append(arguments) or np.zeros((360, 8, 3), np.uint8)))

    def load_it() -> Relocaliser:
        loaded.append(True)
        return StandIn(place, frame.truth)  # type: ignore[return-value]

    cameras = CameraViewer(place, CAMERA, [images], load_it)
    assert not loaded, 'the network is loaded by the first click only'
    shown = cameras.frame(frame)
    cameras.frame(frame)
    assert len(loaded) == 1
    assert '- localised anew: 9 landmarks agree, 0 mm, 0° from the truth' in shown.text
    assert f'- 6 of them are of {place.views[BEST].name}' in shown.text
    assert list(shown.views) == [BEST]
    assert len(shown.landmarks_m) == 9
    query, query_pixels, view, view_pixels, _ = drawn[0]
    assert np.array_equal(query, images.load(images.of_frame(frame)))
    assert np.array_equal(view, images.load(images.of_view(place.views[BEST])))
    first = place.points_m[place.point_views == BEST][:6]
    for pose, pixels in ((frame.truth, query_pixels),
                         (place.views[BEST].map_from_camera, view_pixels)):
        assert np.allclose(pixels, CAMERA.project(pose.inverse().apply(first)))


def test_no_more_lines_are_drawn_than_can_be_seen(
        place: PlaceMap, poses: dict[str, Pose], images: DatasetImages,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_details, 'MOST_LINES', 2)
    frame = report_frames(poses)[1]
    shown = CameraViewer(place, CAMERA, [images], lambda: StandIn(  # type: ignore[arg-type]
        place, frame.truth)).frame(frame)
    assert f'- 6 of them are of {place.views[BEST].name}; 2 are drawn' in shown.text
    assert shown.picture.shape == (360, 2 * 480 + GAP_PX, 3)


def test_a_view_without_an_image_is_said(
        place: PlaceMap, poses: dict[str, Pose], images: DatasetImages,
        monkeypatch: pytest.MonkeyPatch) -> None:
    frame = report_frames(poses)[1]
    monkeypatch.setattr(DatasetImages, 'of_view', lambda *_: None)
    shown = CameraViewer(place, CAMERA, [images], lambda: StandIn(  # type: ignore[arg-type]
        place, frame.truth)).frame(frame)
    assert f'The image of {place.views[BEST].name} is not there' in shown.text
    assert shown.picture.shape == (360, 480, 3)


@pytest.mark.parametrize('matches', [True, False])
def test_a_frame_that_is_not_refined_shows_its_image(
        place: PlaceMap, poses: dict[str, Pose], images: DatasetImages, matches: bool) -> None:
    frame = report_frames(poses)[1]

    def without() -> Relocaliser:
        if matches:
            return refuse()
        answer = StandIn(place, frame.truth)
        answer.estimate_ = PoseEstimate(frame.truth, np.eye(6))
        return answer  # type: ignore[return-value]

    shown = CameraViewer(place, CAMERA, [images], without).frame(frame)
    assert ('not localised anew: there are no landmarks' if matches else
            'localised anew: 0 landmarks agree') in shown.text
    assert shown.picture.shape == (360, 480, 3)
    assert not len(shown.views)


def test_lengths_below_a_metre_are_millimetres() -> None:
    assert [camera_details.format_m(each) for each in (0.00683, 0.955, 1.2345, 88.0)] == [
        '6.83 mm', '955 mm', '1.23 m', '88.00 m']
