"""What happens to images before the search: keyframes, EXIF, orientation, the camera."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.sfm.cameras import CameraSource, InitialCamera
from posenet_ros.training.sfm.images.exif import Exif, read_exif
from posenet_ros.training.sfm.images.initial_camera import choose_camera
from posenet_ros.training.sfm.images.keyframes import (
    Keyframes,
    read_reduced,
    ReducedImage,
    select_keyframes,
)
from posenet_ros.training.sfm.images.upright import turn_images, turn_upright
from posenet_ros.training.sfm.options import KeyframeOptions, MappingOptions
import pytest
from sfm_helpers import CAMERA, draw, sideways, write_image, write_walk

OPTIONS, MAPPING = KeyframeOptions(), MappingOptions()
ORIENTATION, FOCAL = 0x0112, 0xA405
IMAGE = draw(sideways(2)[0])


def grey(shift: float, sharpness: float = 1.0) -> ReducedImage:
    """Return a picture that moved to the side, pixels."""
    matrix = np.array([[1, 0, -shift], [0, 1, 0]], np.float64)
    wide = cv2.warpAffine(np.tile(IMAGE[:, :, 1], 6), matrix, CAMERA.size)
    return ReducedImage(np.asarray(wide, np.uint8), sharpness)


def test_keyframes_are_a_step_apart() -> None:
    step = OPTIONS.min_motion * CAMERA.width
    kept = select_keyframes([grey(step / 5 * i) for i in range(41)], OPTIONS)
    assert kept.indices[0] == 0
    assert set(np.diff(kept.indices)) <= {5, 6}
    assert (kept.still, kept.blurred) == (41 - len(kept.indices), 0)


def test_a_camera_at_rest_gives_one_keyframe() -> None:
    assert select_keyframes([grey(0)] * 30, OPTIONS) == Keyframes((0,), 0, 29)


def test_a_blurred_image_is_left_out_and_the_next_one_taken() -> None:
    step = OPTIONS.min_motion * CAMERA.width
    images = [grey(step / 4.5 * i, 0.3 if i in (5, 6) else 1.0) for i in range(30)]
    kept = select_keyframes(images, OPTIONS)
    assert kept.indices[:2] == (0, 7)
    assert kept.blurred == 2


def test_a_dull_image_among_dull_ones_is_not_blurred() -> None:
    kept = select_keyframes([grey(8 * i, 0.1) for i in range(30)], OPTIONS)
    assert kept.blurred == 0
    assert len(kept.indices) > 5


def test_chosen_photographs_stay_whole() -> None:
    images = [grey(60 * i, 0.1 if i == 4 else 1.0) for i in range(12)]
    assert select_keyframes(images, OPTIONS) == Keyframes(tuple(range(12)))


def test_images_are_reduced_for_optical_flow(tmp_path: Path) -> None:
    large = cv2.resize(IMAGE, (1280, 960))
    write_image(tmp_path / 'a.jpg', large, {})
    image = read_reduced(tmp_path / 'a.jpg', OPTIONS)
    assert image.grey.shape == (240, 320)
    write_image(tmp_path / 'b.jpg', cv2.GaussianBlur(large, (0, 0), 12), {})
    assert read_reduced(tmp_path / 'b.jpg', OPTIONS).sharpness < 0.6 * image.sharpness


def test_exif_is_read(tmp_path: Path) -> None:
    write_image(tmp_path / 'a.jpg', IMAGE, {ORIENTATION: 6, FOCAL: 26})
    assert read_exif(tmp_path / 'a.jpg') == Exif(6, 26.0)
    assert read_exif(tmp_path / 'a.jpg').focal_px(3600, 2400) == pytest.approx(2600, rel=1e-4)
    write_image(tmp_path / 'b.jpg', IMAGE, {})
    assert read_exif(tmp_path / 'b.jpg') == Exif(1, None)
    assert Exif().focal_px(3600, 2400) is None
    (tmp_path / 'c.jpg').write_bytes(b'no image')
    assert read_exif(tmp_path / 'c.jpg') == Exif()


@pytest.mark.parametrize('orientation', range(1, 9))
def test_images_turn_as_opencv_turns_them(tmp_path: Path, orientation: int) -> None:
    write_image(tmp_path / 'a.jpg', IMAGE, {ORIENTATION: orientation})
    stored = cv2.imread(str(tmp_path / 'a.jpg'), cv2.IMREAD_IGNORE_ORIENTATION | 1)
    expected = cv2.imread(str(tmp_path / 'a.jpg'), cv2.IMREAD_COLOR)
    assert np.array_equal(turn_upright(stored, orientation), expected)


def exif_of(walk: Walk) -> dict[Path, Exif]:
    return {image.path: read_exif(image.path) for image in walk.images}


def test_images_stay_as_stored_where_the_camera_is_that_of_the_sensor(tmp_path: Path) -> None:
    walk = write_walk(tmp_path, 'a', [IMAGE] * 2, CAMERA, {ORIENTATION: 6})
    copies, line = turn_images([walk], exif_of(walk), tmp_path, 1)
    assert copies == {}
    assert 'used as they are stored' in line
    free = replace(walk, camera=None)
    assert len(turn_images([free], exif_of(walk), tmp_path, 1)[0]) == 2
    write_image(walk.images[0].path, IMAGE, {ORIENTATION: 1})  # turned on the way
    assert turn_images([free], exif_of(walk), tmp_path, 1)[0] == {}


def test_the_camera_is_given_else_of_exif_else_a_guess(tmp_path: Path) -> None:
    walk = write_walk(tmp_path, 'a', [IMAGE] * 3, CAMERA, {FOCAL: 30})
    assert choose_camera([walk], exif_of(walk), MAPPING) == InitialCamera(
        CAMERA, CameraSource.GIVEN)
    free = replace(walk, camera=None)
    found = choose_camera([free], exif_of(walk), MAPPING)
    assert found.source is CameraSource.EXIF
    assert found.camera.fx == found.camera.fy == pytest.approx(30 * 400 / 43.2666)
    assert (found.camera.cx, found.camera.cy) == (159.5, 119.5)
    found = choose_camera([free], dict.fromkeys(exif_of(walk), Exif()), MAPPING)
    assert (found.source, found.camera.fx) == (CameraSource.ESTIMATED, 1.2 * 320)
    assert not found.is_known


def test_two_cameras_are_named(tmp_path: Path) -> None:
    walk = write_walk(tmp_path, 'a', [IMAGE] * 3, None, {FOCAL: 30})
    other = write_walk(tmp_path, 'b', [cv2.resize(IMAGE, (160, 120))], None)
    none: dict[Path, Exif] = dict.fromkeys(
        [image.path for w in (walk, other) for image in w.images], Exif())
    with pytest.raises(InputError, match=r'one size: a/000.jpg is 320x240. '
                       'Received: b/000.png, 160x120'):
        choose_camera([walk, other], none, MAPPING)
    wide = Camera(320, 240, 200.0, 200.0, 159.5, 119.5)
    with pytest.raises(InputError, match=r'one camera: a has .*fx=260.*Received: b with .*fx=200'):
        choose_camera([replace(walk, camera=CAMERA), replace(walk, name='b', camera=wide)],
                      exif_of(walk), MAPPING)
    with pytest.raises(InputError, match='have to be 640x480, as their camera'):
        choose_camera([replace(walk, camera=CAMERA.scaled(640, 480))], exif_of(walk), MAPPING)
    write_image(walk.images[1].path, IMAGE, {FOCAL: 35})
    with pytest.raises(InputError, match=r'one focal length: by EXIF most have 277 px. '
                       'Received: a/001.jpg with 324 px'):
        choose_camera([walk], exif_of(walk), MAPPING)
