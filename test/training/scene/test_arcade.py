"""The arcade: bays, wings and rooms that are equal, and what the dataset says of its copies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
from posenet_ros.arrays import BgrImage
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.scene.arcade.layout import HALF_DEPTH_M, Layout, ROOM_SIZE_M
from posenet_ros.training.scene.catalogue import make_place
from posenet_ros.training.scene.copies import COPIES_FILE, CopyFinder
from posenet_ros.training.scene.dataset import write_scene
from posenet_ros.training.scene.place import Place
from posenet_ros.training.scene.rendering.renderer import Surface
from posenet_ros.training.scene.sequence import SequenceRenderer
from posenet_ros.training.scene.settings import Settings
from posenet_ros.training.scene.walks import optical_rotation, Walk
import pytest

from .test_scene import read_pose

SEED = 3
SETTINGS = Settings(120, 320, 180, SEED, place='arcade')
LAYOUT = Layout.from_seed(SEED)
SMALL = Settings(16, 96, 64, SEED, place='arcade', test_frames=4)


@pytest.fixture(scope='module')
def place() -> Place:
    """Return the arcade of a seed."""
    return make_place(SETTINGS)


@pytest.fixture(scope='module')
def finder(place: Place) -> CopyFinder:
    """Return what finds copies in it."""
    return CopyFinder(place, place.build(), SETTINGS.camera)


def walk_in(place: Place, area: str) -> Walk:
    """Return the test walk of an area."""
    return next(walk for walk in place.walks if walk.area.name == area and walk.split == 'test')


def facing(yaw_deg: float, x: float, y: float) -> Pose:
    """Return a pose of somebody who stands upright."""
    return Pose.from_rotation(optical_rotation(yaw_deg, 3.0, 0.0), (x, y, 1.65))


def plain_pairs() -> list[int]:
    """Return the bays that stand, with the next one, between two others without a mark."""
    return [i for i in range(1, LAYOUT.bays - 2)
            if not set(LAYOUT.marked_bays) & set(range(i - 1, i + 3))]


def test_equal_bays_are_copies_of_each_other(place: Place, finder: CopyFinder) -> None:
    """Views of bays without a mark repeat by the width of a bay, by motions along the arcade."""
    walk, bays = walk_in(place, 'arcade'), plain_pairs()
    assert len(bays) >= 2
    for bay in bays:
        pose = facing(90, LAYOUT.bay_x(bay) + LAYOUT.bay_m / 2, 5.2)
        found = [(copy.pose.translation_m - pose.translation_m) / (LAYOUT.bay_m, 1, 1)
                 for copy in finder.copies(walk, pose)]
        expected = [(other - bay, 0, 0) for other in bays if other != bay]
        for step in expected:
            assert any(np.allclose(step, one, atol=1e-6) for one in found)


def test_a_marked_bay_has_no_copy(place: Place, finder: CopyFinder) -> None:
    """A banner and a statue or a tree tell where one is; so do the towers at the ends."""
    walk = walk_in(place, 'arcade')
    for bay in LAYOUT.marked_bays:
        assert finder.copies(walk, facing(90, LAYOUT.bay_x(bay), 3.0)) == ()
    assert finder.copies(walk, facing(170, -LAYOUT.half_length_m + 4, 4.0)) == ()


def test_the_wings_of_the_front_are_copies_of_each_other(place: Place, finder: CopyFinder
                                                         ) -> None:
    """A window of one wing stands in the other as well, on the other side of the middle."""
    x = LAYOUT.centre_m / 2 + 2.5 * LAYOUT.pitch_m
    copies = finder.copies(walk_in(place, 'front'), facing(-90, x, -HALF_DEPTH_M + 5.6))
    across = LAYOUT.wing_m + LAYOUT.centre_m
    assert any(np.isclose(copy.distance_m, across) for copy in copies)
    middle = facing(-90, 0.0, -2.0)
    assert finder.copies(walk_in(place, 'front'), middle) == ()


def test_a_copy_stands_where_one_walks(place: Place, finder: CopyFinder) -> None:
    """A pose behind a wall or on a roof is none that a camera could have."""
    pose = LAYOUT.rooms[0] @ facing(180, 0.5, 0.2)
    walk = walk_in(place, 'first room')
    assert finder.copies(walk, pose)
    elsewhere = replace(place, areas=tuple(a for a in place.areas if a.name != 'second room'))
    assert CopyFinder(elsewhere, place.build(), SETTINGS.camera).copies(walk, pose) == ()


@pytest.mark.parametrize('room', [0, 1])
def test_the_rooms_are_copies_but_for_a_picture(place: Place, finder: CopyFinder, room: int
                                                ) -> None:
    """From the same spot of the other room the west wall looks the same, the east wall not."""
    walk = walk_in(place, ('first room', 'second room')[room])
    inside = facing(180, 0.5, 0.2), facing(0, 0.0, 0.8)
    west, east = (LAYOUT.rooms[room] @ pose for pose in inside)
    copy, = finder.copies(walk, west)
    assert np.allclose(copy.pose.matrix, (LAYOUT.rooms[1 - room] @ inside[0]).matrix, atol=1e-6)
    assert copy.distance_m > 3
    assert finder.copies(walk, east) == ()


def test_images_of_copies_are_equal_in_the_same_light(place: Place) -> None:
    """Drawn in the sun, without people and pots, the wall of a copy is the same picture."""
    walk = walk_in(place, 'arcade')
    empty = replace(walk, area=replace(walk.area, people=0, clutter=0))
    renderer = SequenceRenderer(place.build()['square'], empty, SETTINGS.camera, SEED)
    images: list[BgrImage] = []
    for bay in plain_pairs()[:2]:
        pose = facing(90, LAYOUT.bay_x(bay) + LAYOUT.bay_m / 2, 5.2)
        with patch.object(Walk, 'pose', return_value=pose):
            images.append(renderer.draw(0).image)
    apart = np.abs(images[0].astype(int) - images[1]).mean(2)[:120]
    assert (apart > 8).mean() < 0.01  # below lie the shadows of what stands beside


def test_bays_are_equal_at_every_level_of_the_texture() -> None:
    """Each bay is reduced as the others are, whatever its width in pixels."""
    random = np.random.default_rng(0)
    bay = random.integers(0, 256, (40, 53, 4), np.uint8)
    surface = Surface(np.zeros(3), np.array([1.0, 0, 0]), np.array([0, 0, -1.0]), 9.0, 2.0,
                      np.tile(bay, (1, 3, 1)), bays=3)
    for level in range(6):
        texture = surface.reduced(level, level)
        first, *others = np.split(texture, 3, axis=1)
        assert all((first == other).all() for other in others)
    assert (surface.reduced(0, 0) == surface.albedo).all()
    assert surface.reduced(2, 4).shape[:2] == (10, 3 * 26)
    assert len(surface.panels) % 3 == 0


@pytest.mark.parametrize('seed', [0, 1, 2, 7, 11])
def test_arrangements(seed: int) -> None:
    """Every seed has its own sizes, rooms that stand apart, and bays that none can tell."""
    layout = Layout.from_seed(seed)
    assert layout != Layout.from_seed(seed + 1)
    assert (layout.bay_m * 64) % 1 == 0
    assert (layout.pitch_m * 64) % 1 == 0
    centres = [pose.translation_m for pose in layout.rooms]
    assert np.linalg.norm(centres[0] - centres[1]) > np.hypot(*ROOM_SIZE_M)
    assert len(layout.marked_bays) == 2
    assert layout.bays - len(layout.marked_bays) >= 8


@pytest.mark.parametrize('seed', [0, 4])
def test_each_area_is_mapped_and_tested_in_other_light(seed: int) -> None:
    """The walks cover the ground of each area, the test in a light that its map has not."""
    place = make_place(Settings(1200, 455, 256, seed, place='arcade'))
    assert sum(walk.frames for walk in place.walks) == 1200
    assert sum(walk.frames for walk in place.walks if walk.split == 'test') == 300
    for area in place.areas:
        walks = [walk for walk in place.walks if walk.area == area]
        mapped = {area.light(walk.number) for walk in walks if walk.split == 'train'}
        test, = (walk for walk in walks if walk.split == 'test')
        assert area.light(test.number) not in mapped
        for walk in walks:
            xy = np.array([walk.pose(walk.time_s(i)).translation_m[:2]
                           for i in range(walk.frames)])
            assert all(area.holds(x, y, 0.1) for x, y in xy)
            assert (np.ptp(xy, axis=0) > np.array(area.half_size_m)).all()


@pytest.fixture(scope='module')
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small arcade, rendered by one process."""
    out = tmp_path_factory.mktemp('arcade') / 'out'
    write_scene(out, SMALL, processes=1)
    return out


def test_the_dataset_names_the_copies_of_test_images(dataset: Path) -> None:
    """Each line has a test image, a pose elsewhere, and how far away that is."""
    rows = [line.split() for line in (dataset / 'dataset_test.txt').read_text().splitlines()[3:]]
    truth = {row[0]: read_pose(' '.join(row)) for row in rows}
    assert len(truth) == SMALL.test_frames
    lines = [line for line in (dataset / COPIES_FILE).read_text().splitlines()
             if not line.startswith('#')]
    assert lines
    for line in lines:
        name, *numbers = line.split()
        assert len(numbers) == 9
        copy = read_pose(' '.join([name, *numbers[:7]]))
        apart = np.linalg.norm(copy.translation_m - truth[name].translation_m)
        assert np.isclose(apart, float(numbers[7]), atol=1e-3)
        assert apart > 3
        assert 0 <= float(numbers[8]) < 0.01
        assert cv2.imread(str(dataset / name)).shape[:2] == (SMALL.height, SMALL.width)


def test_settings_refuse_other_places_and_a_test_that_leaves_nothing_to_train_on() -> None:
    """Both say what there is."""
    with pytest.raises(InputError, match='court, arcade'):
        Settings(place='moon')
    with pytest.raises(InputError, match='1 to 88'):
        Settings(frames=100, test_frames=95)
    assert Settings(frames=100).test_images == 25
    assert Settings(frames=100, test_frames=60).test_images == 60
