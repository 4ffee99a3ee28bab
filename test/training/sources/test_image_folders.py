"""Folders of images are walks: order, names, stamps, sizes, damaged files; poses beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from posenet_ros.datasets.pose_files import Format, Unit, write_cambridge, write_tum
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.data.walk import Walk, WalkImage
from posenet_ros.training.map import parser
from posenet_ros.training.sources.image_folders import describe_rotated, read_image_folders
from posenet_ros.training.sources.pose_association import form_and_unit, with_poses
from posenet_ros.training.sources.read import read_walks, Source, SourceKind
from posenet_ros.training.sources.walk_files import load_walk, save_walk
import pytest

TAKEN, SUBSECONDS, OFFSET, ORIENTATION, FOLDER = 0x9003, 0x9291, 0x9011, 0x112, 0x8769


def write_image(file: Path, size: tuple[int, int] = (32, 24),
                exif: Mapping[int, object] | None = None, orientation: int = 1) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), np.uint8)
    image = Image.fromarray(noise)
    data = image.getexif()
    data[ORIENTATION] = orientation
    data.get_ifd(FOLDER).update(exif or {})
    image.save(file, exif=data)


def names(walk: Walk) -> list[str]:
    return [image.name for image in walk.images]


def test_images_are_in_natural_order_and_sub_folders_are_walks(tmp_path: Path) -> None:
    for name in ('b/frame10.jpg', 'b/frame9.png', 'walk2/1.JPG', 'walk10/1.jpg', 'b/.hidden.jpg'):
        write_image(tmp_path / name)
    (tmp_path / 'b' / 'notes.txt').write_text('no image')
    walks = read_image_folders([tmp_path])
    assert [walk.name for walk in walks] == ['b', 'walk2', 'walk10']
    assert names(walks[0]) == ['b/frame9.png', 'b/frame10.jpg']
    assert walks[0].images[0].path == tmp_path / 'b' / 'frame9.png'
    assert names(read_image_folders([tmp_path / 'b'], every=2)[0]) == ['b/frame9.png']


def test_walks_of_several_folders_have_names_of_their_own(tmp_path: Path) -> None:
    for name in ('one/images/1.jpg', 'two/images/1.jpg', 'two/images/up/1.jpg'):
        write_image(tmp_path / name)
    walks = read_image_folders([tmp_path / 'one' / 'images', tmp_path / 'two' / 'images'])
    assert [name for walk in walks for name in names(walk)] == [
        'images/1.jpg', 'images-2/1.jpg', 'images-2/up/1.jpg']


def test_a_stamp_is_of_the_name_or_of_exif(tmp_path: Path) -> None:
    exif = {TAKEN: '2024:05:06 07:08:09', SUBSECONDS: '25', OFFSET: '+02:00'}
    write_image(tmp_path / 'a.jpg', exif=exif)
    write_image(tmp_path / '1403636579763555584.jpg', exif=exif)
    write_image(tmp_path / '1305031102.175304.png')
    write_image(tmp_path / '17.png')
    walk, = read_image_folders([tmp_path])
    stamps = {image.path.stem: image.stamp_ns for image in walk.images}
    assert stamps == {'a': 1714972089_250000000, '1403636579763555584': 1403636579763555584,
                      '1305031102.175304': 1305031102_175304000, '17': None}


def test_pixels_of_posed_images_are_taken_as_stored_and_that_is_said(tmp_path: Path) -> None:
    write_image(tmp_path / '1.jpg', orientation=6)
    write_image(tmp_path / '2.jpg')
    walk, = read_image_folders([tmp_path])
    assert len(walk.images) == 2
    assert 'EXIF turns 1 of 2 images: their pixels are taken as they are stored' in (
        describe_rotated([walk]))
    assert describe_rotated(read_image_folders([tmp_path], every=2)) != ''
    (tmp_path / '1.jpg').unlink()
    assert describe_rotated(read_image_folders([tmp_path])) == ''


def test_several_sizes_are_an_error_that_counts_them(tmp_path: Path) -> None:
    write_image(tmp_path / 'a' / '1.jpg')
    write_image(tmp_path / 'a' / '2.jpg')
    write_image(tmp_path / 'b' / '3.jpg', (24, 32))
    with pytest.raises(InputError, match=r'Received: 32x24 \(2 images\), 24x32 \(1 images\)'):
        read_image_folders([tmp_path])


@pytest.mark.parametrize(('exists', 'message'), [(True, 'Received: none'),
                                                 (False, 'Received: no such folder')])
def test_a_folder_without_images_is_an_error(
        tmp_path: Path, exists: bool, message: str) -> None:
    folder = tmp_path / 'a'
    if exists:
        folder.mkdir()
    with pytest.raises(InputError, match=message):
        read_image_folders([folder])


def test_a_few_damaged_images_are_left_out_and_more_are_an_error(tmp_path: Path) -> None:
    for number in range(12):
        write_image(tmp_path / f'{number}.jpg')
    (tmp_path / '5.jpg').write_bytes(b'no image')
    walk, = read_image_folders([tmp_path])
    assert len(walk.images) == 11
    assert '5.jpg' in walk.notes[0]
    assert '1 of 12 images left out' in walk.notes[0]
    (tmp_path / '6.jpg').write_bytes(b'')
    with pytest.raises(InputError, match=r'2 of 12 lines are bad'):
        read_image_folders([tmp_path])


def pose(x: float) -> Pose:
    return Pose(np.array([x, 0.0, 0.0]))


def walk_of(*images: tuple[str, int | None]) -> Walk:
    return Walk('w', tuple(WalkImage(Path(name), name, stamp) for name, stamp in images))


def test_poses_are_found_by_name(tmp_path: Path) -> None:
    file = tmp_path / 'poses.txt'
    write_cambridge(file, [('images/seq1/a.png', pose(1)), ('w/a.png', pose(2)),
                           ('other/b.png', pose(3)), ('c.png', pose(4)), ('x/d.png', pose(5))])
    walk = walk_of(('seq1/a.png', None), ('w/a.png', None), ('w/b.png', None), ('w/c.png', None),
                   ('w/x/d.png', None))
    found, = with_poses([walk], file)
    assert {image.name: image.map_from_camera.translation_m[0] for image in found.images
            if image.map_from_camera} == {'seq1/a.png': 1, 'w/a.png': 2, 'w/c.png': 4,
                                          'w/x/d.png': 5}
    assert found.notes == (
        'w: 1 of 5 images have no pose in poses.txt and are left out',
        'poses.txt: Cambridge: camera centre, then world to camera quaternion, w first')


def test_the_form_of_the_poses_can_be_said(tmp_path: Path) -> None:
    """The numbers of these rows may be of Cambridge form, or hloc's: camera from map."""
    file, true = tmp_path / 'poses.txt', Pose(
        np.array([1.0, 2, 3]), np.array([0, 0, np.sin(0.3), np.cos(0.3)]))
    numbers = ' '.join(f'{v:.9f}' for v in (*true.quat_xyzw[[3, 0, 1, 2]], *true.translation_m))
    file.write_text(f'a.png {numbers}\nb.png {numbers}\n')
    walk, options = walk_of(('a.png', None)), parser().parse_args(
        ['--format', 'HLOC', '--stamp-unit', 'ms'])
    assert form_and_unit(options) == (Format.HLOC, Unit.MS)
    found, = with_poses([walk], file, 0.2, *form_and_unit(options))
    assert found.images[0].map_from_camera is not None
    np.testing.assert_allclose(found.images[0].map_from_camera.matrix, true.inverse().matrix,
                               atol=1e-6)
    assert form_and_unit(parser().parse_args([])) == (None, None)
    file.write_text('1000 1 0 0 0 0 0 1\n3000 3 0 0 0 0 0 1\n')
    found, = with_poses([walk_of(('a.png', 2 * 10**9))], file, 5, Format.TUM, Unit.MS)
    assert found.images[0].map_from_camera is not None
    assert found.images[0].map_from_camera.translation_m[0] == pytest.approx(2)


def test_a_name_that_two_rows_fit_has_no_pose(tmp_path: Path) -> None:
    file = tmp_path / 'poses.txt'
    write_cambridge(file, [('a.png', pose(1)), ('z/w/a.png', pose(2)), ('b.png', pose(3))])
    found, = with_poses([walk_of(('w/a.png', None), ('w/b.png', None))], file)
    assert [image.name for image in found.images] == ['w/b.png']


def test_poses_are_interpolated_at_the_stamp(tmp_path: Path) -> None:
    file = tmp_path / 'poses.txt'
    write_tum(file, [(10**9, pose(0)), (10**9 + 10**8, pose(1)), (3 * 10**9, pose(2))])
    found, = with_poses([walk_of(('a', 10**9 + 5 * 10**7), ('b', 2 * 10**9), ('c', 10**8))], file)
    assert [image.name for image in found.images] == ['a']
    assert found.images[0].map_from_camera is not None
    assert found.images[0].map_from_camera.translation_m[0] == pytest.approx(0.5)
    assert '2 of 3 images' in found.notes[0]


@pytest.mark.parametrize(('images', 'message'), [
    ([('a.png', None)], 'the images need them too'),
    ([('a.png', 5 * 10**9)], r'none of 1 images, such as a.png of 5.000 s, has a row')])
def test_stamps_that_do_not_fit_are_one_error(
        tmp_path: Path, images: list[tuple[str, int | None]], message: str) -> None:
    file = tmp_path / 'poses.txt'
    write_tum(file, [(10**9, pose(0)), (10**9 + 10**8, pose(1))])
    with pytest.raises(InputError, match=message):
        with_poses([walk_of(*images)], file)


def test_rows_of_kitti_belong_to_the_images_in_order(tmp_path: Path) -> None:
    file = tmp_path / 'poses.txt'
    file.write_text('1 0 0 7 0 1 0 0 0 0 1 0\n1 0 0 8 0 1 0 0 0 0 1 0\n')
    walks = [walk_of(('a', None)), walk_of(('b', None))]
    found = with_poses(walks, file)
    assert [walk.images[0].map_from_camera.translation_m[0] for walk in found
            if walk.images[0].map_from_camera] == [7, 8]
    with pytest.raises(InputError, match=r'a row for each of the 1 images. Received: 2'):
        with_poses(walks[:1], file)


def test_the_camera_is_that_of_the_option_or_of_camera_json(tmp_path: Path) -> None:
    write_image(tmp_path / '1.jpg')
    source = Source(SourceKind.IMAGES, (tmp_path,))
    assert read_walks(source, tmp_path)[0].camera is None
    (tmp_path / 'camera.json').write_text(
        '{"width": 32, "height": 24, "fx": 30, "fy": 30, "cx": 15.5, "cy": 11.5}')
    camera = read_walks(source, tmp_path)[0].camera
    assert camera is not None
    assert camera.fx == 30
    option = Source(SourceKind.IMAGES, (tmp_path,), camera='40')
    camera = read_walks(option, tmp_path)[0].camera
    assert camera is not None
    assert camera.fx == 40
    (tmp_path / 'camera.json').write_text(
        '{"width": 64, "height": 24, "fx": 30, "fy": 30, "cx": 15.5, "cy": 11.5}')
    with pytest.raises(InputError, match=r'the size of the images, 32x24. Received: 64x24'):
        read_walks(source, tmp_path)


def test_a_walk_file_that_is_damaged_or_lacks_an_image_is_none(tmp_path: Path) -> None:
    write_image(tmp_path / '1.jpg')
    walk, = read_image_folders([tmp_path])
    file = tmp_path / 'walk.npz'
    assert load_walk(file) is None
    save_walk(walk, file)
    found = load_walk(file)
    assert found is not None
    assert (found.name, found.images, found.notes) == (walk.name, walk.images, walk.notes)
    content = file.read_bytes()
    file.write_bytes(content[:len(content) // 2])
    assert load_walk(file) is None
    file.write_bytes(content)
    (tmp_path / '1.jpg').unlink()
    assert load_walk(file) is None
