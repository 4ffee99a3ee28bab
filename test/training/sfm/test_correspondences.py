"""Features, global descriptors, pairs; cameras and the folders of intermediate results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.landmarks.matching import match_mutual, unit_rows
from posenet_ros.training.sfm.cameras import (
    CameraSource,
    colmap_camera,
    colmap_keypoints,
    colmap_model,
    InitialCamera,
    refined_camera,
)
from posenet_ros.training.sfm.correspondences.features import detect_features, detect_in_pixels
from posenet_ros.training.sfm.correspondences.global_descriptors import describe_images
from posenet_ros.training.sfm.correspondences.pairs import choose_pairs
from posenet_ros.training.sfm.mapping import _progress
from posenet_ros.training.sfm.options import PairOptions, SiftOptions
from posenet_ros.training.sfm.work_folder import step_folder, write_whole
import pytest
from sfm_helpers import CAMERA, draw, homography, PANELS, sideways, WALL, write_walk

POSES = sideways(6)
RADIAL = 0.1, -0.05, 0.002, -0.001


def descriptors(groups: list[int]) -> np.ndarray:
    """Return descriptors that are alike within a group, those with near indices the most."""
    rows = np.zeros((len(groups), 2 * (max(groups) + 1)))
    for i, group in enumerate(groups):
        rows[i, 2 * group:2 * group + 2] = np.cos(0.01 * i), np.sin(0.01 * i)
    return unit_rows(rows)


def test_features_are_where_the_image_has_them() -> None:
    """The features of two views of the wall are related by its homography."""
    first, second = (draw(pose, panels=[WALL]) for pose in POSES[2:4])
    (a, da), (b, db) = (detect_in_pixels(image, SiftOptions()) for image in (first, second))
    i, j = match_mutual(unit_rows(da), unit_rows(db), 0.8)
    matrices = [homography(PANELS[0], pose, CAMERA) for pose in POSES[2:4]]
    moved = np.column_stack([a[i], np.ones(len(i))]) @ (
        matrices[1] @ np.linalg.inv(matrices[0])).T
    errors = np.linalg.norm(moved[:, :2] / moved[:, 2:] - b[j], axis=1)
    assert len(i) > 100
    assert np.median(errors) < 0.3


def test_large_images_are_reduced_and_keypoints_are_not() -> None:
    image = draw(POSES[0])
    small = detect_in_pixels(image, SiftOptions(max_size=160))[0]
    full = detect_in_pixels(image, SiftOptions(max_keypoints=100))[0]
    assert len(full) <= 101  # ties of the strength
    assert small[:, 0].max() > 250
    assert len(small) < len(detect_in_pixels(image, SiftOptions())[0])
    tall = detect_in_pixels(np.rot90(image).copy(), SiftOptions(max_size=160))[0]
    assert len(tall) == pytest.approx(len(small), rel=0.3)


def test_features_that_are_done_are_kept(tmp_path: Path) -> None:
    walk = write_walk(tmp_path, 'w', [draw(pose) for pose in POSES[:2]])
    paths = [image.path for image in walk.images]
    files = detect_features(paths, tmp_path, SiftOptions(), 1)
    before = files.file(0).stat().st_mtime_ns
    files.file(1).unlink()
    again = detect_features(paths, tmp_path, SiftOptions(), 1)
    assert files.file(0).stat().st_mtime_ns == before
    assert again.counts().tolist() == [len(again.keypoints(i)) for i in range(2)]
    assert np.allclose(np.linalg.norm(again.descriptors(1), axis=1), 1, atol=1e-5)
    assert sorted(file.name for file in tmp_path.glob('*.npz')) == ['000000.npz', '000001.npz']


def test_similar_images_have_similar_descriptors(tmp_path: Path) -> None:
    images = [draw(pose, seed=seed) for seed in (0, 5) for pose in POSES[:3]]
    walk = write_walk(tmp_path, 'w', images)
    files = detect_features([image.path for image in walk.images], tmp_path, SiftOptions(), 1)
    found = describe_images(files, PairOptions(centres=16), 0)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    similarities = found @ found.T
    assert similarities[:3, :3].min() > similarities[:3, 3:].max()
    assert np.array_equal(found, describe_images(files, PairOptions(centres=16), 0))


def test_images_without_features_have_a_descriptor(tmp_path: Path) -> None:
    blank = np.full((240, 320, 3), 9, np.uint8)
    walk = write_walk(tmp_path, 'w', [blank] * 3)
    files = detect_features([image.path for image in walk.images], tmp_path, SiftOptions(), 1)
    assert np.isfinite(describe_images(files, PairOptions(), 0)).all()


def test_pairs_follow_each_other_or_look_alike() -> None:
    walks = np.zeros(20, np.intp)
    groups = [i // 5 for i in range(10)] + [i // 5 for i in range(10)]
    pairs = choose_pairs(walks, descriptors(groups), PairOptions(following=2, similar=1))
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    steps = pairs[:, 1] - pairs[:, 0]
    assert (steps == 1).sum() == 19
    assert (steps == 2).sum() == 18
    others = pairs[steps > 2]
    assert len(others) >= 10
    assert all(groups[a] == groups[b] for a, b in others)


def test_walks_are_paired_with_each_other() -> None:
    walks = np.repeat([0, 1], 10)
    groups = [0] * 20
    pairs = choose_pairs(walks, descriptors(groups), PairOptions(
        following=1, similar=4, across=2))
    assert not ((pairs[:, 0] == 9) & (pairs[:, 1] == 10) & (walks[9] == walks[10])).any()
    across = walks[pairs[:, 0]] != walks[pairs[:, 1]]
    assert set(pairs[across].ravel().tolist()) == set(range(20))
    none = choose_pairs(walks, descriptors(groups), PairOptions(following=1, similar=0, across=0))
    assert len(none) == 18


@pytest.mark.parametrize(('distortion', 'model', 'name'), [
    ((), 'rational_polynomial', 'PINHOLE'), (RADIAL, 'rational_polynomial', 'OPENCV'),
    ((*RADIAL, 0.01), 'rational_polynomial', 'FULL_OPENCV'),
    ((*RADIAL, 0.01, 0.02, 0.01, 0.003), 'rational_polynomial', 'FULL_OPENCV'),
    (RADIAL, 'equidistant', 'OPENCV_FISHEYE')])
def test_colmap_projects_as_we_do(distortion: tuple, model: str, name: str) -> None:
    pytest.importorskip('pycolmap')
    camera = Camera(320, 240, 250.0, 260.0, 150.0, 130.0, distortion, model)
    initial = InitialCamera(camera, CameraSource.GIVEN)
    theirs = colmap_camera(initial)
    assert theirs.model_name == name
    assert theirs.has_prior_focal_length
    points = np.random.default_rng(0).uniform((-1, -1, 2), (1, 1, 4), (20, 3))
    ours = camera.project(points)
    assert np.abs(np.array([theirs.img_from_cam(p) for p in points]) - 0.5 - ours).max() < 1e-6
    assert np.abs(colmap_keypoints(initial, ours) - 0.5 - ours).max() < 1e-12
    assert refined_camera(initial, ()) is camera


def test_a_distortion_that_colmap_lacks_is_undone() -> None:
    camera = Camera(320, 240, 250.0, 260.0, 150.0, 130.0, (*RADIAL, *[0.0] * 4, 0.01, 0, 0.02, 0))
    initial = InitialCamera(camera, CameraSource.GIVEN)
    assert colmap_model(initial)[0] == 'PINHOLE'
    points = np.random.default_rng(0).uniform((-1, -1, 2), (1, 1, 4), (20, 3))
    pinhole = camera.undistorted().project(points)
    assert np.abs(colmap_keypoints(initial, camera.project(points)) - 0.5 - pinhole).max() < 0.01


def test_an_unknown_camera_has_one_radial_coefficient() -> None:
    initial = InitialCamera(CAMERA, CameraSource.ESTIMATED)
    assert colmap_model(initial) == ('SIMPLE_RADIAL', [260.0, 160.0, 120.0, 0.0])
    found = refined_camera(initial, [255.0, 160.0, 120.0, 0.02])
    assert found == Camera(320, 240, 255.0, 255.0, 159.5, 119.5, (0.02, 0.0, 0.0, 0.0))


def test_a_step_has_a_folder_for_its_inputs(tmp_path: Path) -> None:
    first = step_folder(tmp_path, 'features', 'a', 1)
    (first / 'file').touch()
    other = step_folder(tmp_path, 'matches', 'a', 1)
    assert step_folder(tmp_path, 'features', 'a', 1) == first
    assert (first / 'file').exists()
    second = step_folder(tmp_path, 'features', 'a', 2)
    assert second != first
    assert not first.exists()
    assert other.exists()


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    file = tmp_path / 'a.npz'

    def fail() -> None:
        with write_whole(file) as new:
            new.write_text('half')
            raise OSError(28, 'No space left on device')

    with pytest.raises(OSError, match='No space'):
        fail()
    assert list(tmp_path.iterdir()) == []
    with write_whole(file) as new:
        new.write_text('whole')
    assert file.read_text() == 'whole'


def test_the_log_tells_the_progress(tmp_path: Path) -> None:
    log = tmp_path / 'log.txt'
    texts = iter(['Track establishment done in 1 s', 'Global positioning done',
                  'Registering image (num_reg_frames=12)\nRegistering (num_reg_frames=13)'])

    class Process:
        """A child that logs, and then ends."""

        def poll(self) -> int | None:
            """Log a text; end after the last."""
            text = next(texts, None)
            if text is None:
                return 0
            with log.open('a') as file:
                file.write(text + '\n')
            return None

    found = list(_progress(Process(), log, 20))
    assert [part for part, _ in found] == [0.0, 0.5, 0.65]
    assert found[-1][1] == '13 images'
