"""The command `posenet view`, looked at with a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
import re
import shutil
import signal
import subprocess
import sys
from urllib.parse import urlparse

from helpers import ROOT
import numpy as np
from posenet_ros.evaluation.results import FrameResult, FrameTable
from posenet_ros.evaluation.viewer.content import Content, make_content
from posenet_ros.evaluation.viewer.overview import FIELD_OF_VIEW_DEG
from posenet_ros.evaluation.viewer.scene import camera_depth_m
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import load
from posenet_ros.landmarks.place_map import load_place_map
from posenet_ros.visualization.match_pair import GAP_PX
import pytest
from training_helpers import LARGE_CAMERA, train_tiny, write_wall_dataset
from viewer_helpers import write_frames

from .chromium import find_chromium, open_page, Page, wait_for

pytest.importorskip('viser', reason='posenet view needs viser: make test-browser installs it')
if not find_chromium():
    pytest.skip('there is no Chromium or Chrome to look with', allow_module_level=True)

SIZE = 1280, 800
VIEW = slice(170, 360), slice(330, 930)  # rows and columns of a screenshot that no panel covers
SETTINGS = ('weights=none', 'input_width=48', 'input_height=36', 'pooling=spatial',
            'head_width=64', 'epochs=1', 'batch=8', 'colour=0.2', 'noise=3', 'validation=0.3',
            'landmarks=true')
ERROR_M = 0.5


@dataclass(frozen=True, eq=False)
class Viewed:
    """A running view, the page of it, and what it shows."""

    page: Page
    content: Content
    frames: list[FrameResult]

    def pixel_of(self, point_m: np.ndarray) -> tuple[float, float]:
        """Return where the first look shows a point of the map, pixels."""
        look = self.content.first_look
        forward = (look.look_at_m - look.position_m)
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, look.up) / np.linalg.norm(np.cross(forward, look.up))
        axes = np.array([right, np.cross(forward, right), forward])
        x, y, z = axes @ (point_m - look.position_m)
        scale = SIZE[1] / 2 / np.tan(np.radians(FIELD_OF_VIEW_DEG) / 2) / z
        return SIZE[0] / 2 + scale * x, SIZE[1] / 2 + scale * y

    def click(self, pose: Pose) -> None:
        """Click the middle of a camera."""
        depth_m = camera_depth_m(self.content.box_m)
        self.page.click(*self.pixel_of(pose.apply((0, 0, 0.7 * depth_m))))


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a model with landmarks of a wall, and write a report of its test split."""
    folder = tmp_path_factory.mktemp('browser')
    poses = write_wall_dataset(folder / 'data', count=8, camera=LARGE_CAMERA)
    train_tiny(folder / 'data', folder / 'model', SETTINGS)
    names = [name for name in poses if name.startswith('seq4/')]
    write_frames(folder / 'report', [FrameResult(
        name, (i + 1) * 10**9, poses[name],
        Pose(poses[name].translation_m - np.array([0, ERROR_M, 0]), poses[name].quat_xyzw),
        np.diag([0.01] * 3 + [1e-4] * 3), sequence='seq4', landmarks=20)
        for i, name in enumerate(names)])
    return folder


@pytest.fixture(scope='module')
def viewed(folder: Path) -> Iterator[Viewed]:
    """Start the command, and open its page."""
    command = subprocess.Popen(
        [sys.executable, '-m', 'posenet_ros.cli', 'view', 'model', 'report', '--data', 'data'],
        cwd=folder, env={'PYTHONPATH': str(ROOT), 'PATH': '/usr/bin:/bin'}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        lines = []
        for line in command.stdout or ():
            lines.append(line)
            if line.startswith('landmarks'):
                break
        text = ''.join(lines)
        address = re.search(r'open (http://127\.0\.0\.1:(\d+)) ', text)
        assert address, text
        assert f'ssh -L {address[2]}:127.0.0.1:{address[2]} ' in text
        assert 'landmarks in the colours of the map' in text
        with open_page(address[1], folder / 'chromium', SIZE) as page:
            wait_for(lambda: 'Layers' in page.text(), 'the controls')
            from posenet_ros.evaluation.viewer.frames_file import read_frames
            table: FrameTable = read_frames(folder / 'report')
            model = load(folder / 'model')
            yield Viewed(page, make_content(load_place_map(model), model.camera, table),
                         list(table.frames))
    finally:
        command.send_signal(signal.SIGINT)
        rest, _ = command.communicate(timeout=60)
        shutil.rmtree(folder / 'chromium', ignore_errors=True)
    assert command.returncode == 0, rest
    assert rest == '', 'Ctrl-C ends without a word'


def colourful(page: Page) -> int:
    """Count the pixels of the place, not of the white, grey and panels around it."""
    picture = page.screenshot()[VIEW].astype(int)
    return int((np.ptp(picture, axis=2) > 40).sum())


def test_landmarks_are_seen_and_can_be_switched_off(viewed: Viewed) -> None:
    page = viewed.page
    wait_for(lambda: colourful(page) > 60, 'the landmarks')
    for layer in ('training walk', 'true walk', 'estimates, refined', 'errors', '2 sigma'):
        page.switch(layer)
    alone = wait_for(lambda: colourful(page), 'the landmarks alone')
    page.switch('landmarks')
    wait_for(lambda: colourful(page) < alone / 10, 'the landmarks to go')
    page.switch('landmarks')
    wait_for(lambda: colourful(page) > alone / 2, 'the landmarks to come back')
    for layer in ('training walk', 'true walk', 'estimates, refined', 'errors', '2 sigma'):
        page.switch(layer)


def color_errors(viewed: Viewed, order: int) -> list[int]:
    """Return by how much the picture differs from each landmark's colour, in an order of RGB."""
    picture, place = viewed.page.screenshot().astype(int), viewed.content.place
    errors = []
    for point, color in zip(place.points_m[::3], place.colors[::3, ::order], strict=True):
        column, row = np.rint(viewed.pixel_of(point)).astype(int)
        if VIEW[0].start <= row < VIEW[0].stop and VIEW[1].start <= column < VIEW[1].stop:
            near = picture[row - 1:row + 2, column - 1:column + 2].reshape(-1, 3)
            errors.append(int(np.abs(near - color).max(axis=1).min()))
    return errors


def test_a_landmark_has_its_colour_in_the_map(viewed: Viewed) -> None:
    wait_for(lambda: np.median(color_errors(viewed, 1)) < 30, 'the colours')
    exchanged = color_errors(viewed, -1)
    assert len(exchanged) > 20
    assert np.median(exchanged) > 30, 'red is not blue'


def test_a_click_on_an_estimate_shows_its_matches(viewed: Viewed, folder: Path) -> None:
    page = viewed.page
    page.switch('training walk')
    frame = viewed.frames[4]
    viewed.click(frame.estimate)
    wait_for(lambda: 'localised anew' in page.text(), 'the matches')
    text = page.text()
    assert f'{frame.name}: accepted' in text
    assert 'error: 500 mm' in text
    assert '2 sigma along x, y, z: 200 mm, 200 mm, 200 mm' in text
    agree = re.search(r'localised anew: (\d+) landmarks agree, ([\d.]+) mm', text)
    assert agree
    assert int(agree[1]) >= 12
    assert float(agree[2]) < 200
    assert re.search(r'\d+ of them are of seq[123]/frame\d+\.png', text)
    page.wait_for_image(2 * 480 + GAP_PX)  # the image and the training view, at a height of 360
    page.screenshot(folder / 'click.png')
    page.switch('training walk')


def test_a_click_on_a_training_view_shows_its_landmarks(viewed: Viewed) -> None:
    page = viewed.page
    for layer in ('estimates, refined', 'errors', '2 sigma'):
        page.switch(layer)
    view = viewed.content.place.views[11]
    viewed.click(view.map_from_camera)
    wait_for(lambda: 'training view' in page.text(), 'the training view')
    assert re.search(r'\d+ landmarks are of it', page.text())
    page.wait_for_image(480)


def test_nothing_is_asked_of_other_machines(viewed: Viewed) -> None:
    addresses = [urlparse(url) for url in viewed.page.requested
                 if not url.startswith(('data:', 'blob:', 'about:'))]
    assert addresses
    assert {url.hostname for url in addresses} == {'127.0.0.1'}
