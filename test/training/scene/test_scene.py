"""The synthetic scene: exact geometry, the dataset's layout, determinism, and bad input."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import cv2
from helpers import ROOT
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.datasets.pose_files import CAMBRIDGE_HEADER, cambridge_row
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose, xyzw_from_wxyz
from posenet_ros.training.data.datasets import Dataset, Sample
from posenet_ros.training.fitting.cross_validation import hold_out
from posenet_ros.training.fitting.presets import load_preset
from posenet_ros.training.scene.__main__ import main
from posenet_ros.training.scene.copies import COPIES_FILE
from posenet_ros.training.scene.dataset import (
    is_current,
    pose_rows,
    Worker,
    write_scene,
)
from posenet_ros.training.scene.parts.structure import Court
from posenet_ros.training.scene.rendering.light import Light
from posenet_ros.training.scene.rendering.renderer import (
    Canvas,
    draw_surfaces,
    Surface,
    Texture,
    View,
)
from posenet_ros.training.scene.rendering.shadows import shadow_maps
from posenet_ros.training.scene.settings import Settings
from posenet_ros.training.scene.walks import optical_rotation, Walk, walks
from posenet_ros.utils.arguments import run_cli
import psutil
import pytest

MARKER_RADIUS_M = 0.3
SMALL = Settings(frames=12, width=96, height=64, seed=3)


def read_pose(line: str) -> Pose:
    """Read a line of the dataset independently of the library's reader."""
    numbers = np.array([float(word) for word in line.split()[1:]])
    centre, camera_from_map = numbers[:3], xyzw_from_wxyz(numbers[3:])
    return Pose(centre, camera_from_map * (-1, -1, -1, 1))


def paint_markers(court: Court) -> Floats:
    """Draw magenta discs on the large facades; return their (N, 24, 3) rims in the world."""
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
    points = []
    for surface in court.surfaces[1:]:
        if surface.width_m < 7.5 or surface.haze or surface.height_m < 7 or surface.down[2] > -1:
            continue
        height, width = surface.albedo.shape[:2]
        for u in np.arange(2.1, surface.width_m - 0.5, 2.1):
            for v in np.arange(2.1, surface.height_m - 0.5, 2.0):
                pixel = np.array([u * width / surface.width_m, v * height / surface.height_m])
                centre = [round(x) for x in (pixel - 0.5) * 256]
                radius = round(MARKER_RADIUS_M * width / surface.width_m * 256)
                cv2.circle(surface.albedo, centre, radius, (255, 0, 255, 255), -1, cv2.LINE_AA, 8)
                rim = np.cos(turn) * surface.across + np.sin(turn) * surface.down
                points.append(surface.point(u, v) + MARKER_RADIUS_M * rim)
    return np.array(points)


def find_markers(image: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Return the centroids (N, 2) of magenta blobs inside the image, and their areas (N,)."""
    blue, green, red = (image[..., i].astype(np.float64) for i in range(3))
    magenta = np.minimum(blue, red) - green
    _, labels, stats, _ = cv2.connectedComponentsWithStats((magenta > 25).astype(np.uint8))
    centres, areas = [], []
    for label, (x, y, w, h, area) in enumerate(stats):
        inside = x > 2 and y > 2 and x + w < image.shape[1] - 2 and y + h < image.shape[0] - 2
        if label and area > 40 and inside:
            rows, columns = np.mgrid[y - 2:y + h + 2, x - 2:x + w + 2]
            part = np.where(np.isin(labels[rows, columns], (0, label)), magenta[rows, columns], 0)
            peak = np.percentile(part[part > 25], 80)
            if peak < 60:  # markers have 110 and more, a purple coat 30
                continue
            part = np.clip(2 * part / peak - 0.5, 0, 1)  # the edge; not the shade inside
            centres.append(((part * columns).sum() / part.sum(), (part * rows).sum() / part.sum()))
            areas.append(part.sum())
    return np.array(centres).reshape(-1, 2), np.array(areas)


def unhidden(eye: Floats, rims: Floats, court: Court) -> Floats:
    """Return those markers to all of whose rim the eye's rays meet no other surface."""
    rays = 1.1 * rims - 0.1 * rims.mean(1, keepdims=True) - eye
    clear = np.ones(len(rims), bool)
    for surface in court.surfaces:
        reach = surface.front @ (surface.origin_m - eye) / (rays @ surface.front)
        hit = eye + reach[..., None] * rays - surface.origin_m
        u, v = np.moveaxis(hit @ np.linalg.pinv([surface.across, surface.down]), -1, 0)
        inside = (u > 0) & (u < surface.width_m) & (v > 0) & (v < surface.height_m)
        clear &= ~(inside & (reach > 0) & (reach < 0.999)).any(1)
    return rims[clear]


def matched(camera: Camera, pose: Pose, rims: Floats, image: NDArray[np.uint8]
            ) -> tuple[Floats, Floats]:
    """
    Return the centres (N, 3) and pixels (N, 2) of the markers that are wholly in view.

    A blob belongs to the marker that is projected next to it, if its area is that of the
    marker's projected rim: pedestrians cover parts of others.
    """
    rims = rims[pose.inverse().apply(rims)[..., 2].min(1) > 1]
    pixels = camera.project(pose.inverse().apply(rims).reshape(-1, 3)).reshape(*rims.shape[:2], 2)
    expected = [cv2.contourArea(rim.astype(np.float32)) for rim in pixels]
    found, seen = [], []
    for centre, area in zip(*find_markers(image), strict=True):
        gaps = np.linalg.norm(pixels.mean(1) - centre, axis=1)
        nearest = gaps.argmin()  # farther off it is a purple coat
        if gaps[nearest] < 5 and abs(area / expected[nearest] - 1) < 0.06:
            found.append(rims[nearest].mean(0))
            seen.append(centre)
    return np.array(found).reshape(-1, 3), np.array(seen).reshape(-1, 2)


@pytest.fixture(scope='module')
def painted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Worker, Floats]:
    """Return a worker whose court has markers but nothing movable before them, and their rims."""
    folder = tmp_path_factory.mktemp('painted')
    settings = Settings()
    worker = Worker(settings, folder)
    for walk in walks(settings.frames, settings.seed):
        (folder / walk.name).mkdir()
    worker.sites['court'].billboards.clear()
    return worker, paint_markers(worker.sites['court'])


@pytest.mark.parametrize('sequence', [0, 1, 2, 4, 6])
def test_markers_are_where_the_written_pose_projects_them(
        painted: tuple[Worker, Floats], sequence: int) -> None:
    """Known 3D points are drawn within half a pixel, and solvePnP gives the pose back."""
    worker, points = painted
    settings = worker.settings
    camera = Camera.from_mapping(json.loads(json.dumps(settings.camera.to_mapping())))
    walk = walks(settings.frames, settings.seed)[sequence]
    lines = [cambridge_row(*row) for row in pose_rows(walk)]
    for index in (25, 60, 130):
        image = cv2.imread(str(worker.render(walk, index)))
        pose = read_pose(lines[index])
        rims = unhidden(pose.translation_m, points, worker.sites['court'])
        known, seen = matched(camera, pose, rims, image)
        assert len(known) >= 15
        errors = np.linalg.norm(camera.project(pose.inverse().apply(known)) - seen, axis=1)
        assert np.median(errors) < 0.2
        assert errors.max() < 0.5
        check_pnp(camera, pose, known, seen)


def check_pnp(camera: Camera, pose: Pose, known: Floats, seen: Floats) -> None:
    """Recover the pose from the drawn markers alone."""
    good, turn, shift = cv2.solvePnP(known, seen, camera.matrix, None, flags=cv2.SOLVEPNP_SQPNP)
    assert good
    turn, shift = cv2.solvePnPRefineLM(known, seen, camera.matrix, None, turn, shift)
    rotation = cv2.Rodrigues(turn)[0]
    assert np.linalg.norm(-rotation.T @ shift.ravel() - pose.translation_m) < 0.05
    angle = np.linalg.norm(cv2.Rodrigues(rotation @ pose.rotation)[0])
    assert np.degrees(angle) < 0.15


@pytest.fixture(scope='module')
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small scene, rendered by one process."""
    out = tmp_path_factory.mktemp('scene') / 'out'
    write_scene(out, SMALL, processes=1)
    return out


def test_layout(scene: Path) -> None:
    """The folder is a Cambridge dataset with all its images, a camera and the settings."""
    names = []
    for split in ('train', 'test'):
        text = (scene / f'dataset_{split}.txt').read_text()
        assert text.startswith(CAMBRIDGE_HEADER)
        assert text.splitlines()[2] == ''
        lines = text.splitlines()[3:]
        names += [line.split()[0] for line in lines]
        for line in lines:
            assert len(line.split()) == 8
            read_pose(line)
    assert len(set(names)) == SMALL.frames
    assert sorted(names) == sorted(
        str(path.relative_to(scene)) for path in scene.glob('seq*/*.jpg'))
    assert cv2.imread(str(scene / names[0])).shape == (SMALL.height, SMALL.width, 3)
    camera = json.loads((scene / 'camera.json').read_text())
    assert Camera.from_mapping(camera) == SMALL.camera
    assert json.loads((scene / 'scene.json').read_text())['frame_rate_hz'] == {
        **{f'seq{i}': 2.5 for i in range(1, 6)}, 'seq7': 1.25, 'seq6': 10}
    assert not (scene / COPIES_FILE).exists()  # nothing in the court repeats


def test_is_current(scene: Path, tmp_path: Path) -> None:
    """A scene is used again only for the same settings."""
    assert is_current(scene, SMALL)
    assert not is_current(scene, Settings(frames=13, width=96, height=64, seed=3))
    assert not is_current(tmp_path, SMALL)


@pytest.mark.long
def test_bytes_do_not_depend_on_the_processes(scene: Path, tmp_path: Path) -> None:
    """The same seed gives the same files from one process and from two."""
    write_scene(tmp_path / 'out', SMALL, processes=2)
    files = [path for path in sorted(scene.rglob('*')) if path.is_file()]
    assert len(files) == SMALL.frames + 4
    for path in files:
        assert (tmp_path / 'out' / path.relative_to(scene)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(('arguments', 'expected'), [
    (['--size', 'big'], 'WIDTHxHEIGHT'), (['--size', '32x480'], 'width'),
    (['--size', '640x99999'], 'height'), (['--frames', '3'], 'frames'),
    (['--seed', '-1'], 'seed')])
def test_bad_arguments(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str],
        expected: str) -> None:
    """Values out of range are one line and exit code 2."""
    assert run_cli(lambda: main(['--out', str(tmp_path / 'out'), *arguments])) == 2
    message = capsys.readouterr().err
    assert expected in message
    assert message.count('\n') == 1
    assert not any(tmp_path.iterdir())


def test_an_output_that_exists_is_kept(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --force nothing is replaced; a file in the way of the folder is bad input too."""
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'mine').touch()
    assert run_cli(lambda: main(['--out', str(tmp_path / 'out')])) == 2
    assert 'holds mine' in capsys.readouterr().err
    (tmp_path / 'file').touch()
    assert run_cli(lambda: main(['--out', str(tmp_path / 'file' / 'out')])) == 2
    assert capsys.readouterr().err.count('\n') == 1


@pytest.mark.long
def test_an_interrupt_keeps_whole_frames_alone_and_the_next_run_goes_on(tmp_path: Path) -> None:
    """Ctrl-C, which a terminal sends to all processes, ends them without a word of theirs."""
    command = [sys.executable, '-m', 'training.scene', '--out', str(tmp_path / 'out'),
               '--frames', '150', '--size', '96x64']
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT,
                          start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob('out.rendering/seq1/*.jpg')) and time.monotonic() < deadline:
            time.sleep(0.01)
        workers = psutil.Process(process.pid).children(recursive=True)
        for worker in workers:  # they leave it to their parent to be interrupted
            worker.send_signal(signal.SIGINT)
        gone, _ = psutil.wait_procs(workers, timeout=0.3)
        assert not gone
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert errors.splitlines()[-1] == 'stopped: the same command goes on'
    assert 'Traceback' not in errors
    assert [path.name for path in tmp_path.iterdir()] == ['out.rendering']
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*.jpg')}
    assert 0 < len(kept) < 150
    half = tmp_path / 'out.rendering' / 'seq1' / 'frame99999.part'
    half.write_bytes(b'half an image')
    settings = Settings(frames=150, width=96, height=64)
    write_scene(tmp_path / 'out', settings)
    assert is_current(tmp_path / 'out', settings)
    assert [path.name for path in tmp_path.iterdir()] == ['out']
    assert len(list(tmp_path.rglob('*.jpg'))) == 150
    assert not list(tmp_path.rglob('*.part'))
    for path, time_ns in kept.items():
        now = tmp_path / 'out' / path.relative_to(tmp_path / 'out.rendering')
        assert now.stat().st_mtime_ns == time_ns


@pytest.mark.parametrize('seed', [0, 1, 7])
def test_walks(seed: int) -> None:
    """The test walk lies between the training walks, and guessing one pose is a bad guess."""
    positions: dict[str, Floats] = {}
    poses: dict[str, list[Pose]] = {}
    sequences = walks(1200, seed)
    assert sum(walk.frames for walk in sequences) == 1200
    for split in ('train', 'test'):
        poses[split] = [pose for walk in sequences if walk.split == split
                        for pose in track(walk)]
        positions[split] = np.array([pose.translation_m for pose in poses[split]])
    hull = cv2.convexHull(positions['train'][:, :2].astype(np.float32))
    inside = [cv2.pointPolygonTest(hull, (float(x), float(y)), False)
              for x, y, _ in positions['test']]
    assert min(inside) > 0
    gaps = np.linalg.norm(positions['test'][:, None] - positions['train'], axis=-1).min(1)
    assert 0.2 < np.median(gaps) < 1.2  # lines of its own, on ground that was walked before
    middle = positions['train'].mean(0)
    assert np.median(np.linalg.norm(positions['test'] - middle, axis=1)) > 4
    headings = np.array([pose.rotation[:2, 2] for pose in poses['test']])
    mean = np.mean([pose.rotation[:2, 2] for pose in poses['train']], axis=0)
    cosines = headings @ mean / np.linalg.norm(headings, axis=1) / np.linalg.norm(mean)
    assert np.median(np.degrees(np.arccos(cosines))) > 20


@pytest.mark.parametrize('frames', [120, 1200])
def test_training_holds_out_a_short_walk_of_its_own(frames: int) -> None:
    """What calibrates is seen on a walk like the test's, not between the images of others."""
    sequences = walks(frames, 0)
    names = [walk.name for walk in sequences if walk.split == 'train' for _ in range(walk.frames)]
    pose = sequences[0].pose(0)
    samples = tuple(Sample(Path(name), name, pose, name) for name in names)
    _, held = hold_out(Dataset('court', samples, Settings().camera),
                       load_preset('demo').validation.proportion)
    assert {names[i] for i in held} == {'seq7'}
    assert 0.05 < len(held) / len(names) < 0.08


def track(walk: Walk) -> list[Pose]:
    """Return the poses of a walk's images, after a check that a person can walk like that."""
    poses = [walk.pose(index / 10) for index in range(int(10 * walk.time_s(walk.frames)))]
    for a, b in itertools.pairwise(poses):
        assert 0.05 < np.linalg.norm(b.translation_m - a.translation_m) < 0.2
        assert abs(a.quat_xyzw @ b.quat_xyzw) > np.cos(np.radians(8) / 2)
    return [walk.pose(walk.time_s(index)) for index in range(walk.frames)]


def test_pose_line_is_centre_and_world_to_camera() -> None:
    """A camera that looks north has its file's rotation turn north into the optical axis."""
    pose = Pose.from_rotation(optical_rotation(90, 0, 0), (1, 2, 3))
    words = cambridge_row('seq1/a.jpg', pose).split()
    assert [float(word) for word in words[1:4]] == [1, 2, 3]
    camera_from_map = Pose(np.zeros(3), xyzw_from_wxyz([float(word) for word in words[4:]]))
    np.testing.assert_allclose(camera_from_map.apply((0, 1, 0)), (0, 0, 1), atol=1e-8)
    np.testing.assert_allclose(camera_from_map.apply((0, 0, 1)), (0, -1, 0), atol=1e-8)
    np.testing.assert_allclose(read_pose(' '.join(words)).matrix, pose.matrix, atol=1e-8)


def board(y: float, color: tuple[int, int, int], half: float) -> Surface:
    """Return a square that faces south."""
    albedo = np.full((16, 16, 4), (*color, 255), np.uint8)
    return Surface(np.array([-half, y, half]), np.array([1.0, 0, 0]), np.array([0, 0, -1.0]),
                   2 * half, 2 * half, albedo)


def flat(surface: Surface) -> Texture:
    """Return the surface's texture without light."""
    return Texture(surface, lambda albedo: albedo)


def test_the_nearer_surface_hides_the_farther() -> None:
    """Whatever the order of the list, depth decides; what is behind the camera is not drawn."""
    camera = Camera(80, 60, 40, 40, 39.5, 29.5)
    view = View(camera, Pose.from_rotation(optical_rotation(90, 0, 0)))
    boards = [board(4, (0, 0, 200), 1), board(8, (0, 200, 0), 4), board(-3, (200, 0, 0), 9)]
    for order in (boards, boards[::-1]):
        canvas = Canvas(view, np.zeros((60, 80, 3), np.uint8))
        draw_surfaces(canvas, order, [flat(surface) for surface in order])
        assert canvas.image[30, 40].tolist() == [0, 0, 200]
        assert canvas.image[30, 25].tolist() == [0, 200, 0]
        assert canvas.image[2, 2].tolist() == [0, 0, 0]


def test_shadows_fall_along_the_sun() -> None:
    """A square 2 m above the ground darkens the ground shifted by 2 m towards the north."""
    gray = np.full((8, 8, 4), 255, np.uint8)
    east, south = np.array([1.0, 0, 0]), np.array([0, -1.0, 0])
    ground = Surface(np.array([-5.0, 5, 0]), east, south, 10, 10, gray)
    plate = Surface(np.array([-1.0, 1, 2]), east, south, 2, 2, gray)
    sun = np.array([0, -1, 1]) / np.sqrt(2)
    shadow, nothing = shadow_maps([ground, plate], sun)
    assert nothing is None
    assert shadow is not None
    rows, columns = np.nonzero(shadow > 0.5)
    assert np.mean(columns) / 10 - 5 + 0.05 == pytest.approx(0, abs=0.06)
    assert 5 - 0.05 - np.mean(rows) / 10 == pytest.approx(2, abs=0.06)
    assert len(rows) / 100 == pytest.approx(4, rel=0.1)


def test_light_brightens_what_faces_the_sun() -> None:
    """Sun on the surface is brighter than shadow, and overcast light has no direction."""
    light = Light(0, 45, 1, 0.4, 0, 0, 1, 0, 0.01)
    albedo = np.full((4, 4, 4), 100, np.uint8)
    east, west = np.array([1.0, 0, 0]), np.array([-1.0, 0, 0])
    sunny = light.lit(albedo, east, None)[0, 0, 1]
    shady = light.lit(albedo, east, np.ones((2, 2), np.float32))[0, 0, 1]
    assert sunny > 1.3 * shady
    assert abs(int(shady) - int(light.lit(albedo, west, None)[0, 0, 1])) < 20


def test_settings_refuse_what_no_scene_can_have() -> None:
    """A negative size is an InputError that names it."""
    with pytest.raises(InputError, match='width'):
        Settings(width=-1)
